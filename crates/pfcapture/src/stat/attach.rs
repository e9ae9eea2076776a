//! Counters on a running process: no thread missed and none counted twice.
//!
//! A thread that is created meanwhile has inherited its creator's counters, or it has not when these
//! were opened later; nothing tells which. So a pass over the threads stands only when `/proc` shows
//! none after it that it did not show before: then every thread alive was opened, and had nothing to
//! inherit from. Otherwise its counters are closed, inherited ones included, and it begins anew.

use std::collections::HashSet;

use super::counters::Counters;
use crate::Error;
use crate::event::Start;
use crate::targets::processes::threads_of;

/// Passes. A process that creates threads faster than that keeps those of the last one.
const PASSES: usize = 20;

/// Opens counters on every thread of `pid`, adding to `row`; how many threads appeared in the last
/// pass: they are not opened, lest they count twice. A process that has ended is no error.
///
/// # Errors
/// Why the kernel refuses.
pub fn attach(row: usize, pid: u32, counters: &mut Counters) -> Result<usize, Error> {
    let before = counters.len();
    let mut appeared = 0;
    for _ in 0..PASSES {
        counters.truncate(before);
        let Some(listed) = threads_of(pid) else {
            return Ok(0);
        };
        for &tid in &listed {
            counters.open_thread(row, tid, Start::Now)?;
        }
        let listed: HashSet<u32> = listed.into_iter().collect();
        let now = threads_of(pid).unwrap_or_default();
        appeared = now.iter().filter(|tid| !listed.contains(tid)).count();
        if appeared == 0 {
            break;
        }
    }
    Ok(appeared)
}
