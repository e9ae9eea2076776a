//! The kernel's counters: three software events for each thread or CPU, read one after another.

use std::io;
use std::ops::Add;
use std::os::fd::OwnedFd;

use perf_event_open_sys::bindings as b;
use perf_event_open_sys::bindings::perf_event_attr;

use crate::Error;
use crate::event::{Follow, Start};
use crate::sys::{self, Bound};
use crate::system::permission;

/// Faults as the kernel's counters have them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Completed without waiting for a device.
    pub minor: u64,
    /// Completed after waiting for one.
    pub major: u64,
    /// Begun.
    pub entries: u64,
}

impl Faults {
    /// Completed faults.
    #[must_use]
    pub const fn completed(self) -> u64 {
        self.minor + self.major
    }

    /// Entries less completions: accesses that failed, and waits that were interrupted and begun
    /// again. Besides, faults under way at the end (more) and at the start (fewer).
    #[must_use]
    pub fn without_completion(self) -> i64 {
        self.entries.wrapping_sub(self.completed()).cast_signed()
    }

    /// What came after `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            minor: self.minor.saturating_sub(earlier.minor),
            major: self.major.saturating_sub(earlier.major),
            entries: self.entries.saturating_sub(earlier.entries),
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            minor: self.minor.max(other.minor),
            major: self.major.max(other.major),
            entries: self.entries.max(other.entries),
        }
    }
}

impl Add for Faults {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            minor: self.minor + other.minor,
            major: self.major + other.major,
            entries: self.entries + other.entries,
        }
    }
}

/// Name and number of the events. Completions come first, here and whenever they are read: no
/// completion is counted whose entry is not.
const EVENTS: [(&str, b::perf_sw_ids); 3] = [
    ("minor-faults", b::PERF_COUNT_SW_PAGE_FAULTS_MIN),
    ("major-faults", b::PERF_COUNT_SW_PAGE_FAULTS_MAJ),
    ("page-faults", b::PERF_COUNT_SW_PAGE_FAULTS),
];

fn attr(event: b::perf_sw_ids, start: Start, follow: Follow, kernel_mode: bool) -> perf_event_attr {
    let mut attr = perf_event_attr {
        type_: b::PERF_TYPE_SOFTWARE,
        size: u32::try_from(size_of::<perf_event_attr>()).unwrap_or(0),
        config: event.into(),
        ..perf_event_attr::default()
    };
    attr.set_exclude_hv(1);
    attr.set_exclude_kernel(u64::from(!kernel_mode));
    attr.set_inherit(u64::from(follow != Follow::None));
    attr.set_inherit_thread(u64::from(follow == Follow::Threads));
    attr.set_disabled(u64::from(start == Start::OnExec));
    attr.set_enable_on_exec(u64::from(start == Start::OnExec));
    attr
}

/// Whether events can follow threads alone (Linux 5.13), tried on the recorder itself.
#[must_use]
pub fn follow_threads_alone() -> bool {
    let attr = attr(EVENTS[0].1, Start::Now, Follow::Threads, false);
    sys::perf_event_open(&attr, Bound::Thread(0), None, None).is_ok()
}

/// Whether faults in kernel mode may be counted, tried on the recorder itself.
///
/// # Errors
/// Why nothing can be counted.
pub fn sees_kernel_mode() -> Result<bool, Error> {
    let (name, event) = EVENTS[0];
    let opens = |kernel_mode| {
        let attr = attr(event, Start::Now, Follow::All, kernel_mode);
        sys::perf_event_open(&attr, Bound::Thread(0), None, None)
    };
    match opens(true) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM)) => {
            opens(false).map_err(|error| permission::explain(error, name, 0))?;
            Ok(false)
        }
        Err(error) => Err(permission::explain(error, name, 0)),
    }
}

/// The counters of one thread or CPU, in the order of [`EVENTS`].
#[derive(Debug)]
struct Set {
    row: usize,
    events: [OwnedFd; 3],
}

impl Set {
    fn read(&self) -> io::Result<Faults> {
        let [minor, major, entries] = &self.events;
        Ok(Faults { minor: read(minor)?, major: read(major)?, entries: read(entries)? })
    }
}

fn read(event: &OwnedFd) -> io::Result<u64> {
    let mut count = [0; 8];
    match rustix::io::read(event, &mut count)? {
        8 => Ok(u64::from_ne_bytes(count)),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Whose faults are counted, and on which CPU; on all of them by default.
pub type Place<'a> = (Bound<'a>, Option<u32>);

/// All counters, summed by row.
#[derive(Debug)]
pub struct Counters {
    sets: Vec<Set>,
    follow: Follow,
    kernel_mode: bool,
    /// On the recorder itself, to be left out of those on CPUs.
    own: Option<Set>,
    latest: Vec<Faults>,
}

impl Counters {
    /// No counters yet, in at least one row.
    #[must_use]
    pub fn new(rows: usize, follow: Follow, kernel_mode: bool) -> Self {
        let latest = vec![Faults::default(); rows.max(1)];
        Self { sets: Vec::new(), follow, kernel_mode, own: None, latest }
    }

    /// Threads or CPUs that carry counters.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sets.len()
    }

    /// Rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.latest.len()
    }

    fn set(&self, row: usize, (bound, cpu): Place<'_>, start: Start) -> io::Result<Set> {
        let [minor, major, entries] = EVENTS
            .map(|(_, event)| attr(event, start, self.follow, self.kernel_mode))
            .map(|attr| sys::perf_event_open(&attr, bound, cpu, None));
        Ok(Set { row, events: [minor?, major?, entries?] })
    }

    /// Opens counters that add to `row`.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn open(&mut self, row: usize, place: Place<'_>, start: Start) -> io::Result<()> {
        let set = self.set(row, place, start)?;
        self.sets.push(set);
        Ok(())
    }

    /// Opens counters on a thread; `false` when it has ended.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn open_thread(&mut self, row: usize, tid: u32, start: Start) -> Result<bool, Error> {
        match self.open(row, (Bound::Thread(tid), None), start) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(false),
            Err(error) => Err(permission::explain(error, EVENTS[0].0, tid)),
        }
    }

    /// Closes the counters after the first `len`, and all that inherited them.
    pub fn truncate(&mut self, len: usize) {
        self.sets.truncate(len);
    }

    /// Leaves the recorder's own faults out of those on CPUs.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn leave_out_own(&mut self) -> io::Result<()> {
        self.own = Some(self.set(0, (Bound::Thread(0), None), Start::Now)?);
        Ok(())
    }

    /// The sums by row. They never become smaller.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub fn read(&mut self) -> Result<Vec<Faults>, Error> {
        let refused = || Error::system("read a counter");
        // First, so that what the recorder faults while it reads is not missing from the others.
        let own = self.own.as_ref().map(Set::read).transpose().map_err(refused())?;
        let mut rows = vec![Faults::default(); self.latest.len()];
        for set in &self.sets {
            let faults = set.read().map_err(refused())?;
            if let Some(row) = rows.get_mut(set.row) {
                *row = *row + faults;
            }
        }
        if let (Some(own), Some(row)) = (own, rows.first_mut()) {
            *row = row.since(own);
        }
        for (latest, row) in self.latest.iter_mut().zip(rows) {
            *latest = latest.max(row);
        }
        Ok(self.latest.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::touch_fresh_pages;

    #[test]
    fn a_counter_sees_each_fault_of_its_thread_once() {
        let mut counters = Counters::new(1, Follow::All, false);
        let page_bytes = rustix::param::page_size();
        counters
            .open_thread(0, rustix::thread::gettid().as_raw_pid().cast_unsigned(), Start::Now)
            .unwrap();
        // The first reading maps what reading needs.
        counters.read().unwrap();
        let before = counters.read().unwrap();
        touch_fresh_pages(300, page_bytes).unwrap();
        let after = counters.read().unwrap();
        assert_eq!(after[0].since(before[0]), Faults { minor: 300, major: 0, entries: 300 });
    }

    #[test]
    fn what_threads_inherit_is_read_with_their_creator() {
        let mut counters = Counters::new(2, Follow::Threads, false);
        let own = rustix::thread::gettid().as_raw_pid().cast_unsigned();
        counters.open_thread(1, own, Start::Now).unwrap();
        let page_bytes = rustix::param::page_size();
        let touch = || std::thread::spawn(move || touch_fresh_pages(500, page_bytes)).join();
        touch().unwrap().unwrap();
        let rows = counters.read().unwrap();
        assert_eq!(rows[0], Faults::default());
        assert!((500..600).contains(&rows[1].minor), "{rows:?}");
        counters.truncate(0);
        assert_eq!(counters.len(), 0);
    }

    #[test]
    fn entries_and_completions_are_set_against_each_other() {
        let faults = Faults { minor: 10, major: 2, entries: 15 };
        assert_eq!((faults.completed(), faults.without_completion()), (12, 3));
        assert_eq!(Faults { entries: 11, ..faults }.without_completion(), -1);
    }
}
