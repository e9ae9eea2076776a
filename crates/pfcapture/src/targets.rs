//! The events on target threads: opened on every CPU, sent into that CPU's ring, counted at the end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustc_hash::FxHashMap;

use crate::Error;
use crate::event::{Abilities, EventKind, Start, target_attr};
use crate::permission;
use crate::ring::Rings;
use crate::sys;

/// Which events a record came from: the thread on which they were opened, and their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef {
    /// Thread on which the event was opened; inherited copies keep it.
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

/// All events on target threads.
#[derive(Debug)]
pub struct Targets {
    abilities: Abilities,
    events: Vec<(EventKind, OwnedFd)>,
    /// By the id in the records.
    pub ids: FxHashMap<u64, EventRef>,
    /// Threads on which events were opened.
    pub roots: usize,
}

impl Targets {
    /// No targets yet.
    #[must_use]
    pub fn new(abilities: Abilities) -> Self {
        Self { abilities, events: Vec::new(), ids: FxHashMap::default(), roots: 0 }
    }

    /// Opens all events on thread `tid`; `false` when it ended meanwhile. What was opened until then
    /// stays: threads that it created carry copies.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn open(&mut self, tid: u32, start: Start, rings: &Rings) -> Result<bool, Error> {
        self.roots += 1;
        for kind in self.abilities.events() {
            let attr = target_attr(kind, &self.abilities, start, rings.watermark_bytes);
            for ring in &rings.rings {
                let thread = i32::try_from(tid).unwrap_or(i32::MAX);
                let cpu = i32::try_from(ring.cpu).unwrap_or(i32::MAX);
                let event = match sys::perf_event_open(&attr, thread, cpu, Some(ring.as_fd())) {
                    Ok(event) => event,
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(false),
                    Err(error) => return Err(permission::explain(error, kind.name(), tid)),
                };
                let id = sys::event_id(event.as_fd()).map_err(Error::system("read an event id"))?;
                self.ids.insert(id, EventRef { root_tid: tid, kind });
                self.events.push((kind, event));
            }
        }
        Ok(true)
    }

    /// Stops all events, inherited copies included.
    pub fn disable(&self) {
        for (_, event) in &self.events {
            // Fails only for a descriptor that is none of ours.
            let _ = sys::disable(event.as_fd());
        }
    }

    /// The kernel's count of each kind of event so far.
    #[must_use]
    pub fn counts(&self) -> Vec<(EventKind, EventCount)> {
        let mut totals: Vec<(EventKind, EventCount)> = Vec::new();
        for (kind, event) in &self.events {
            let Ok(one) = read_count(event, self.abilities.lost_counts) else {
                continue;
            };
            match totals.iter_mut().find(|(known, _)| known == kind) {
                Some((_, total)) => {
                    total.count += one.count;
                    total.lost = total.lost.zip(one.lost).map(|(a, b)| a + b);
                }
                None => totals.push((*kind, one)),
            }
        }
        totals
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
