//! Faults that take long.

use std::io;
use std::ops::Range;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::cli::Args;
use crate::session::{FIRST_TOUCH, Session, Skip, measure};
use crate::sys::counters::{Counts, Who};
use crate::sys::mapping::{Backing, Mapping};
use crate::sys::userfault::Userfault;

/// How the other thread serves a page.
#[derive(Debug, Clone, Copy)]
enum Service {
    /// It wakes the waiting thread once without giving it the page, so that the fault is major.
    InTwoSteps,
    /// It gives the page at once when its time has come: a minor fault since Linux 6.6.
    InOneStep,
}

/// Major faults that take long.
///
/// The kernel calls a fault major when it tries again after a wait. It tries first with the lock of the
/// mapping alone (for userfaultfd since 6.6), and that try does not count: only a second vain one makes
/// the fault major.
pub fn major(args: &Args, session: Session) -> anyhow::Result<()> {
    slow(args, session, Service::InTwoSteps)
}

/// Minor faults that take as long. Before Linux 6.6 they are major: the witness tells.
pub fn minor(args: &Args, session: Session) -> anyhow::Result<()> {
    slow(args, session, Service::InOneStep)
}

/// Fast first touches, then faults that wait for another thread, then fast ones again.
fn slow(args: &Args, mut session: Session, service: Service) -> anyhow::Result<()> {
    let (pages, fast_pages) = (args.pages_or(8), args.count_or(1000));
    let at_least = Duration::from_millis(args.slow_ms);
    let (slow, fast) =
        (Mapping::new(pages, Backing::Anonymous)?, Mapping::new(fast_pages, Backing::Anonymous)?);
    let userfault = Userfault::of(&slow)
        .map_err(|error| Skip(format!("the kernel refuses userfaultfd: {error}")))?;
    let server = thread::spawn(move || serve(&userfault, pages, at_least, service));
    session.ready()?;
    let half = fast_pages / 2;
    let write = |mapping: &Mapping, pages: Range<usize>| {
        let write_all = || pages.for_each(|page| mapping.write(page));
        measure(Who::Thread, write_all).1
    };
    let before = write(&fast, 0..half);
    let waited = write(&slow, 0..pages);
    let after = write(&fast, half..fast_pages);
    server.join().map_err(|_| anyhow!("a thread panicked"))?.context("serving page faults")?;

    session.expect(&fast.range(), FIRST_TOUCH, fast_pages);
    let Counts { minflt, majflt } = waited.counts;
    let witness = [("at_least_ns", u64::try_from(at_least.as_nanos())?)];
    session.expect_witness(&slow.range(), ("major", "any"), majflt, &witness);
    session.expect_witness(&slow.range(), ("minor", "any"), minflt, &witness);
    session.usage(session.pid(), before.then(waited).then(after));
    session.finish()
}

/// Serves so many pages, each after a wait.
fn serve(
    userfault: &Userfault,
    pages: usize,
    at_least: Duration,
    service: Service,
) -> io::Result<()> {
    for _ in 0..pages {
        let mut address = userfault.accessed()?;
        if matches!(service, Service::InTwoSteps) {
            userfault.wake(address)?;
            address = userfault.accessed()?;
        }
        thread::sleep(at_least);
        userfault.serve(address)?;
    }
    Ok(())
}
