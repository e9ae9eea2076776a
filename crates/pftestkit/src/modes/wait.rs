//! Waiting for input that somebody else has asked for.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, anyhow};

use crate::cli::Args;
use crate::session::{FILE_READ, Measured, Session, measure, warm_stack, warm_up};
use crate::sys::counters::{Counts, Who, waits};
use crate::sys::mapping::{Advice, Backing, Mapping};
use crate::workfile::WorkFile;

/// What one thread saw.
#[derive(Debug)]
struct Seen {
    mapping: Mapping,
    measured: Measured,
    /// Minor faults during which the thread gave up its CPU: the page was on its way.
    waited: u64,
}

/// Two threads read the same page at the same time, one page after another, each in a mapping of its own,
/// so that each access is a fault. Whoever asks for the page has a major fault; the other one a minor
/// fault that waits, or none at all when the page has come. The threads' own counters are the witness.
pub fn file_wait(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(256);
    let file = WorkFile::new(args, pages)?;
    let map = || -> anyhow::Result<Mapping> {
        let mapping = Mapping::new(pages, Backing::ReadOnlyFile(file.file()))?;
        mapping.advise(Advice::Random)?;
        Ok(mapping)
    };
    let mappings = [map()?, map()?];
    file.make_cold()?;
    session.ready()?;
    let arrived = AtomicUsize::new(0);
    let read = |mapping: Mapping| read_together(mapping, &arrived);
    let seen = thread::scope(|scope| -> anyhow::Result<Vec<Seen>> {
        let threads = mappings.map(|mapping| scope.spawn(|| read(mapping)));
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().map_err(|_| anyhow!("a thread panicked"))?
        };
        threads.into_iter().map(join).collect()
    })?;
    for one in &seen {
        let Counts { minflt, majflt } = one.measured.counts;
        let witness = [("waited", one.waited)];
        session.expect_witness(&one.mapping.range(), FILE_READ, majflt, &witness);
        session.expect_witness(&one.mapping.range(), ("minor", "any"), minflt, &witness);
    }
    let all = seen.iter().fold(Measured::default(), |sum, one| sum.and(one.measured));
    session.usage(session.pid(), all);
    session.finish()
}

/// Reads each page when the other thread is about to do so, too.
fn read_together(mapping: Mapping, arrived: &AtomicUsize) -> anyhow::Result<Seen> {
    // Nobody may be left to wait for a thread that failed.
    let warm = warm_up();
    warm_stack();
    let (mut measured, mut waited) = (Measured::default(), 0);
    for page in 0..mapping.pages() {
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < 2 * (page + 1) {
            spin_loop();
        }
        let before = waits();
        let ((), one) = measure(Who::Thread, || mapping.read(page));
        let slept = waits() > before;
        waited += u64::from(slept && one.counts == Counts { minflt: 1, majflt: 0 });
        measured = measured.then(one);
    }
    warm.context("warming up")?;
    Ok(Seen { mapping, measured, waited })
}
