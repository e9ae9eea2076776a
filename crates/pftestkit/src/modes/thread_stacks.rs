//! Stacks of threads.

use std::hint::black_box;
use std::io::{Read as _, Write as _, pipe};
use std::ops::Range;
use std::path::Path;
use std::sync::Barrier;
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Context as _, anyhow};
use pftestkit::Phase;

use crate::cli::Args;
use crate::modes::failed::die_of;
use crate::pages::vmas;
use crate::session::{FIRST_TOUCH, Session, expectation, warm_stack};
use crate::sys::mapping::page_size;
use crate::sys::special::without_huge_pages;

/// Pages that a thread writes of its stack, by default.
const PAGES: usize = 40;

/// What a call puts on the stack, at least.
const FRAME_BYTES: usize = 4 << 10;

/// Used by `warm_stack`, and by what called it and `descend`.
const USED_BYTES: usize = 32 << 10;

/// Pages of a stack that overflows, by default.
const DEEP_PAGES: usize = 256;

/// Room on a stack for all else.
const SPARE_BYTES: usize = 768 << 10;

/// Threads that exist before `ready` and then each use a part of their stack that they have not used
/// before. The C library maps these stacks, one beside another.
pub fn thread_stacks(args: &Args, mut session: Session) -> anyhow::Result<()> {
    without_huge_pages();
    let pages = args.pages_or(PAGES);
    let stack_bytes = pages * page_size() + SPARE_BYTES;
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
        let start = || thread::Builder::new().stack_size(stack_bytes).spawn_scoped(scope, body);
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

/// A child whose second thread writes its stack down to the guard and into it.
pub fn overflow(args: &Args, mut session: Session) -> anyhow::Result<()> {
    without_huge_pages();
    let stack_bytes = args.pages_or(DEEP_PAGES) * page_size();
    let (mut from_child, mut to_parent) = pipe()?;
    session.ready()?;
    let body = move || {
        let here = (&raw const stack_bytes).addr() as u64;
        let mine = vmas().ok().into_iter().flatten().find(|vma| vma.range.contains(&here));
        if let Some(stack) = mine
            && to_parent.write_all(&stack.range.start.to_ne_bytes()).is_ok()
        {
            descend_by(usize::MAX);
        }
    };
    let pid = die_of(libc::SIGSEGV, || {
        let started = thread::Builder::new().stack_size(stack_bytes).spawn(body);
        started.map(thread::JoinHandle::join).ok();
    })?;
    let mut start = [0; 8];
    from_child.read_exact(&mut start).context("where the child's stack was")?;
    let start = u64::from_ne_bytes(start);
    let guard = start - page_size() as u64..start;
    session.push(expectation(pid, Phase::Run, &guard, ("failed", "stack-overflow"), 1));
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
