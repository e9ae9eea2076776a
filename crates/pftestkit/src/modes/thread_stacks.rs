//! Stacks of threads.

use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::sync::Barrier;
use std::thread::{self, ScopedJoinHandle};

use anyhow::anyhow;

use crate::cli::Args;
use crate::session::{FIRST_TOUCH, Session, warm_stack};
use crate::sys::mapping::page_size;
use crate::sys::special::without_huge_pages;

/// What a thread puts on its stack.
const DEEP_BYTES: usize = 192 << 10;

/// Stack of a thread.
const STACK_BYTES: usize = 1 << 20;

/// Threads that exist before `ready` and then each use a part of their stack that they have not used
/// before. The C library maps these stacks, one beside another.
pub fn thread_stacks(args: &Args, mut session: Session) -> anyhow::Result<()> {
    without_huge_pages();
    let ready = Barrier::new(args.threads as usize + 1);
    let (go, end) = (Barrier::new(args.threads as usize + 1), Barrier::new(args.threads as usize));
    let body = || {
        warm_stack();
        ready.wait();
        go.wait();
        let range = descend();
        // A stack that a thread leaves would be used again by a later one.
        end.wait();
        range
    };
    let ranges = thread::scope(|scope| -> anyhow::Result<Vec<Range<u64>>> {
        let start = || thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, body);
        let threads: Vec<ScopedJoinHandle<'_, _>> =
            (0..args.threads).map(|_| start()).collect::<Result<_, _>>()?;
        ready.wait();
        let told = session.ready();
        go.wait();
        told?;
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|range| range.map_err(|_| anyhow!("a thread panicked"))).collect()
    })?;
    for range in &ranges {
        let pages = (range.end - range.start) as usize / page_size();
        session.expect(range, FIRST_TOUCH, pages);
        session.place(range, "thread_stack", "thread stack", Path::new(""));
    }
    session.finish()
}

/// Writes a large variable of this function; returns the pages that lie in it as a whole and below all
/// that was used before.
#[inline(never)]
fn descend() -> Range<u64> {
    let mut deep = [1_u8; DEEP_BYTES];
    black_box(&mut deep);
    let page = page_size() as u64;
    let start = deep.as_ptr().addr() as u64;
    let used = 16 << 10; // by `warm_stack`, and by what called this
    start.next_multiple_of(page)..(start + DEEP_BYTES as u64 - 2 * used) / page * page
}
