//! Processes that live very short, and one that outlives its parent.

use std::thread;

use anyhow::{Context, anyhow};
use pftestkit::Phase;

use crate::cli::Args;
use crate::modes::processes::succeeded;
use crate::session::{
    COW_ANON, FIRST_TOUCH, Measured, Session, expectation, measure, warm_stack, warm_up,
};
use crate::sys::counters::{Counts, Who};
use crate::sys::mapping::{Backing, Mapping};
use crate::sys::process::{ThisProcess, fork, fork_to_outlive};

/// Exit status of a child that counted other faults than it should make.
const MISCOUNTED: i32 = 3;

/// Children one after another that each write one page of their parent's and exit.
pub fn short_forks(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let count = args.count_or(10_000);
    let shared = Mapping::new(args.pages_or(1), Backing::Anonymous)?;
    let scratch = Mapping::new(1, Backing::Anonymous)?;
    let write_all = |mapping: &Mapping| {
        let pages = mapping.pages();
        measure(Who::Process, || (0..pages).for_each(|page| mapping.write(page))).1
    };
    write_all(&shared);
    write_all(&scratch);
    let (range, pages) = (shared.range(), shared.pages() as u64);
    session.push(expectation(0, Phase::Setup, &range, FIRST_TOUCH, pages));
    session.ready()?;
    let copies = Counts { minflt: pages, majflt: 0 };
    let (ended, Measured { wall_ns, .. }) = measure(Who::Process, || {
        (0..count).try_for_each(|_| {
            let child = fork(|| {
                // Brings the code and the stack that measuring needs into the new page table.
                write_all(&scratch);
                if write_all(&shared).counts == copies { 0 } else { MISCOUNTED }
            })
            .context("fork")?;
            succeeded(child)
        })
    });
    ended?;
    let made = count as u64 * pages;
    session.push(expectation(0, Phase::Run, &range, COW_ANON, made));
    session.usage(0, Measured { counts: Counts { minflt: made, majflt: 0 }, wall_ns });
    session.finish()
}

/// A thread writes, then the main thread, then a child, when its parent has gone; each in a range of its
/// own. The child tells the rest of the story: its process id is that of `done` and `total`.
pub fn orphan(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(64);
    let mappings = [(); 3].map(|()| Mapping::new(pages, Backing::Anonymous));
    let [of_thread, of_main, of_child] = mappings;
    let (of_thread, of_main, of_child) = (of_thread?, of_main?, of_child?);
    session.ready()?;
    let write_all = move |mapping: &Mapping| (0..pages).for_each(|page| mapping.write(page));
    let thread = thread::spawn(move || {
        warm_stack();
        let ((), measured) = measure(Who::Thread, || write_all(&of_thread));
        (of_thread, measured)
    });
    let (of_thread, in_thread) = thread.join().map_err(|_| anyhow!("a thread panicked"))?;
    let ((), in_main) = measure(Who::Process, || write_all(&of_main));
    session.expect(&of_thread.range(), FIRST_TOUCH, pages);
    session.expect(&of_main.range(), FIRST_TOUCH, pages);
    session.usage(session.pid(), in_thread.then(in_main));
    session.print()?;
    let parent = ThisProcess::open().context("pidfd_open")?;
    fork_to_outlive(move || {
        let written = || -> anyhow::Result<()> {
            parent.wait_for_end()?;
            warm_up()?;
            let ((), in_child) = measure(Who::Process, || write_all(&of_child));
            let mut session = session.of_this_process();
            session.expect(&of_child.range(), FIRST_TOUCH, pages);
            session.usage(session.pid(), in_child);
            session.finish()
        };
        match written() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("error: {error:#}");
                1
            }
        }
    })
    .map(drop)
    .context("fork")
}
