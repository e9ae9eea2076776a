//! Attaching to a running process: no thread missed, none counted twice, while it creates threads.
//!
//! A thread inherits the events of its creator, so each thread is either opened here or created by
//! one that was. Both can happen to the same thread; [`crate::drain::sightings`] then drops the repeats.
//! What must not happen is neither: a thread created before its creator's events were complete
//! and after `/proc/PID/task` was read. So the list is read until it holds no thread that is
//! neither opened nor announced (`PERF_RECORD_FORK`) by a fully covered creator.

use std::collections::HashSet;
use std::time::Duration;

use crate::Error;
use crate::drain::Drain;
use crate::event::Start;
use crate::ring::{LATE_NS, Rings};
use crate::system::clock;
use crate::targets::Targets;
use crate::targets::processes;
use crate::targets::processes::threads_of;

/// Threads opened between two looks at the rings, so that these do not overflow meanwhile.
const OPEN_AT_ONCE: usize = 64;

/// Opens events on every thread of `pid`; where only some threads are `wanted`, the others get what
/// tells of maps and tasks. A process that ends meanwhile is no error: what it did is recorded, and the
/// others go on.
///
/// # Errors
/// Why the kernel refuses.
pub fn attach(
    pid: u32,
    wanted: &[u32],
    targets: &mut Targets,
    rings: &mut Rings,
    drain: &mut Drain,
) -> Result<(), Error> {
    let mut tried = HashSet::new();
    loop {
        let Some(listed) = threads_of(pid) else {
            return Ok(());
        };
        if !tried.is_empty() {
            // Whoever was listed is announced by now, if its creator had events.
            std::thread::sleep(Duration::from_nanos(2 * LATE_NS));
            drain.walk(rings, targets, clock::monotonic_ns().saturating_sub(LATE_NS));
        }
        let found: Vec<u32> = listed
            .into_iter()
            .filter(|tid| !tried.contains(tid) && !drain.is_covered(*tid))
            .collect();
        if found.is_empty() {
            return Ok(());
        }
        for (index, tid) in found.into_iter().enumerate() {
            tried.insert(tid);
            if targets.open(tid, targets.part_of(tid, wanted), Start::Now, rings)? {
                drain.present(pid, tid, processes::comm(pid, tid), clock::monotonic_ns());
            }
            if index % OPEN_AT_ONCE == OPEN_AT_ONCE - 1 {
                drain.walk(rings, targets, clock::monotonic_ns().saturating_sub(LATE_NS));
            }
        }
    }
}

/// Enters the threads of `pid` while events on all CPUs are open already: whatever is created now is
/// announced.
pub fn enter(pid: u32, drain: &mut Drain) {
    for tid in threads_of(pid).unwrap_or_default() {
        drain.present(pid, tid, processes::comm(pid, tid), clock::monotonic_ns());
    }
}
