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
const PAGES: usize = 48;

/// Pages of a stack that overflows, by default.
const DEEP_PAGES: usize = 256;

/// Written at a time.
const BLOCK_BYTES: usize = 16 << 10;

/// Room on a stack for all else.
const SPARE_BYTES: usize = 768 << 10;

/// Threads that exist before `ready` and then each use a part of their stack that they have not used
/// before. The C library maps these stacks, one beside another.
pub fn thread_stacks(args: &Args, mut session: Session) -> anyhow::Result<()> {
    without_huge_pages();
    let deep_bytes = (args.pages_or(PAGES) * page_size()).next_multiple_of(BLOCK_BYTES);
    let stack_bytes = deep_bytes + SPARE_BYTES;
    let ready = Barrier::new(args.threads as usize + 1);
    let (go, end) = (Barrier::new(args.threads as usize + 1), Barrier::new(args.threads as usize));
    let body = || {
        warm_stack();
        ready.wait();
        go.wait();
        let range = descend(deep_bytes);
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
        let pages = (range.end - range.start) as usize / page_size();
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
            write_blocks(usize::MAX);
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

/// Writes `bytes` of this thread's stack; returns the pages that lie in it as a whole and below all that was
/// used before.
fn descend(bytes: usize) -> Range<u64> {
    let page = page_size() as u64;
    let (start, end) = write_blocks(bytes / BLOCK_BYTES);
    let used = 16 << 10; // by `warm_stack`, and by what called this
    start.next_multiple_of(page)..(end - 2 * used) / page * page
}

/// Writes `count` large variables, at least one, each below the last; returns where the lowest begins and the
/// highest ends.
#[inline(never)]
fn write_blocks(count: usize) -> (u64, u64) {
    let mut block = [1_u8; BLOCK_BYTES];
    black_box(&mut block);
    let start = block.as_ptr().addr() as u64;
    let lowest = if count > 1 { write_blocks(count - 1).0 } else { start };
    // Used once more, so that this is no loop over one variable.
    black_box(&mut block);
    (lowest, start + BLOCK_BYTES as u64)
}
