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

/// What a call puts on the stack, at least.
const FRAME_BYTES: usize = 4 << 10;

/// Used by `warm_stack`, and by what called it and `descend`.
const USED_BYTES: usize = 32 << 10;

/// Stack of a thread.
const STACK_BYTES: usize = 1 << 20;

/// Threads that exist before `ready` and then each use a part of their stack that they have not used
/// before. The C library maps these stacks, one beside another.
pub fn thread_stacks(args: &Args, mut session: Session) -> anyhow::Result<()> {
    without_huge_pages();
    let pages = args.pages_or(40);
    let ready = Barrier::new(args.threads as usize + 1);
    let (go, end) = (Barrier::new(args.threads as usize + 1), Barrier::new(args.threads as usize));
    let body = || {
        warm_stack();
        ready.wait();
        go.wait();
        let range = descend(pages);
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
        session.expect(range, FIRST_TOUCH, pages);
        session.place(range, "thread_stack", "thread stack", Path::new(""));
    }
    session.finish()
}

/// Calls itself until it has written so many pages below all that was used before; returns them.
fn descend(pages: usize) -> Range<u64> {
    let page = page_size();
    let calls = (USED_BYTES + (pages + 1) * page) / FRAME_BYTES;
    let top = descend_by(calls) + FRAME_BYTES as u64 - USED_BYTES as u64;
    let end = top / page as u64 * page as u64;
    end - (pages * page) as u64..end
}

/// Where the frame of the first of so many calls is.
#[inline(never)]
fn descend_by(calls: usize) -> u64 {
    let mut frame = [1_u8; FRAME_BYTES];
    if calls > 1 {
        descend_by(calls - 1);
    }
    // It is in use until all calls have returned.
    black_box(&mut frame);
    frame.as_ptr().addr() as u64
}
