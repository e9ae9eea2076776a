//! The events on targets: opened on every CPU, sent into that CPU's ring, counted at the end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustc_hash::FxHashMap;

use crate::Error;
use crate::event::{EventKind, Follow, Plan, Start, target_attr};
use crate::permission;
use crate::ring::Rings;
use crate::sys::{self, Bound};

/// Which events a record came from: the thread on which they were opened, and their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef {
    /// Thread on which the event was opened; inherited copies keep it. 0 for events on CPUs.
    pub root_tid: u32,
    /// Kind.
    pub kind: EventKind,
}

/// The kernel's own figures of all events of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventCount {
    /// Times that the event fired.
    pub count: u64,
    /// Records that found no room in the ring; `None` before Linux 6.0.
    pub lost: Option<u64>,
}

/// All events on targets.
#[derive(Debug)]
pub struct Targets {
    plan: Plan,
    events: Vec<(EventKind, OwnedFd)>,
    /// By the id in the records.
    pub ids: FxHashMap<u64, EventRef>,
    /// Threads on which events were opened; all CPUs together count as one.
    pub roots: usize,
}

/// What is opened on a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All events.
    All,
    /// Those of maps and tasks: other threads of the process are the targets.
    Surroundings,
}

impl Targets {
    /// No targets yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { plan, events: Vec::new(), ids: FxHashMap::default(), roots: 0 }
    }

    /// Opens events on thread `tid`; `false` when it ended meanwhile. What was opened until then
    /// stays: threads that it created carry copies.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn open(
        &mut self,
        tid: u32,
        part: Part,
        start: Start,
        rings: &Rings,
    ) -> Result<bool, Error> {
        self.roots += 1;
        for kind in self.plan.events() {
            if part == Part::Surroundings && kind.is_fault() {
                continue;
            }
            match self.open_kind(kind, Bound::Thread(tid), start, rings) {
                Err(Error::Open { source, .. }) if source.raw_os_error() == Some(libc::ESRCH) => {
                    return Ok(false);
                }
                opened => opened?,
            }
        }
        Ok(true)
    }

    /// Opens events on every CPU, for all tasks or for those of a control group.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn open_cpus(
        &mut self,
        cgroup: Option<BorrowedFd<'_>>,
        rings: &Rings,
    ) -> Result<(), Error> {
        self.roots += 1;
        let bound = cgroup.map_or(Bound::Everything, Bound::Cgroup);
        let kinds: Vec<EventKind> = self.plan.events().collect();
        kinds.into_iter().try_for_each(|kind| self.open_kind(kind, bound, Start::Now, rings))
    }

    /// Opens what tells of the OOM killer, for all tasks.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn open_oom(&mut self, rings: &Rings) -> Result<(), Error> {
        if !self.plan.wants(EventKind::Oom) {
            return Ok(());
        }
        self.open_kind(EventKind::Oom, Bound::Everything, Start::Now, rings)
    }

    fn open_kind(
        &mut self,
        kind: EventKind,
        bound: Bound<'_>,
        start: Start,
        rings: &Rings,
    ) -> Result<(), Error> {
        let attr = target_attr(kind, &self.plan, start, rings.watermark_bytes);
        let root_tid = if let Bound::Thread(tid) = bound { tid } else { 0 };
        for ring in &rings.rings {
            let event = sys::perf_event_open(&attr, bound, Some(ring.cpu), Some(ring.as_fd()))
                .map_err(|error| match bound {
                    Bound::Thread(tid) => permission::explain(error, kind.name(), tid),
                    _ => permission::explain_cpu(error, kind.name()),
                })?;
            let id = sys::event_id(event.as_fd()).map_err(Error::system("read an event id"))?;
            self.ids.insert(id, EventRef { root_tid, kind });
            self.events.push((kind, event));
        }
        Ok(())
    }

    /// Starts the fault events of a plan with a delay, inherited copies included.
    pub fn enable(&self) {
        for (_, event) in self.events.iter().filter(|(kind, _)| kind.is_fault()) {
            // Fails only for a descriptor that is none of ours.
            let _ = sys::enable(event.as_fd());
        }
    }

    /// Stops all events, inherited copies included.
    pub fn disable(&self) {
        for (_, event) in &self.events {
            // Fails only for a descriptor that is none of ours.
            let _ = sys::disable(event.as_fd());
        }
    }

    /// The kernel's count of each kind of event so far; kinds of one name are summed.
    #[must_use]
    pub fn counts(&self) -> Vec<(EventKind, EventCount)> {
        let mut totals: Vec<(EventKind, EventCount)> = Vec::new();
        for (kind, event) in &self.events {
            let Ok(one) = read_count(event, self.plan.abilities.lost_counts) else {
                continue;
            };
            match totals.iter_mut().find(|(known, _)| known.name() == kind.name()) {
                Some((_, total)) => {
                    total.count += one.count;
                    total.lost = total.lost.zip(one.lost).map(|(a, b)| a + b);
                }
                None => totals.push((*kind, one)),
            }
        }
        totals
    }

    /// Descriptors that the events of `threads` need.
    #[must_use]
    pub fn descriptors(plan: &Plan, threads: usize, cpus: usize) -> usize {
        threads.saturating_mul(cpus).saturating_mul(plan.events().count())
    }

    /// Which threads of the targets' processes get all events.
    #[must_use]
    pub fn part_of(&self, tid: u32, wanted: &[u32]) -> Part {
        if self.plan.follow != Follow::None || wanted.contains(&tid) {
            Part::All
        } else {
            Part::Surroundings
        }
    }
}

fn read_count(event: &OwnedFd, lost_counts: bool) -> io::Result<EventCount> {
    let mut words = [0; 16];
    let read = rustix::io::read(event, &mut words)?;
    let word = |index: usize| {
        let bytes = words.get(index * 8..index * 8 + 8)?.try_into().ok()?;
        (read >= index * 8 + 8).then(|| u64::from_ne_bytes(bytes))
    };
    let count = word(0).ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(EventCount { count, lost: if lost_counts { word(1) } else { None } })
}

/// Threads of a process now, from `/proc/PID/task`; `None` when it is gone.
#[must_use]
pub fn threads_of(pid: u32) -> Option<Vec<u32>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    Some(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}
