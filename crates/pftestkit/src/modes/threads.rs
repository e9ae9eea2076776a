//! Many threads at once, and many threads one after another.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use pftestkit::{Exactness, Phase};

use crate::cli::Args;
use crate::modes::anonymous::{Rounds, expect_rounds};
use crate::session::{FIRST_TOUCH, Measured, Session, expectation, measure, warm_stack, warm_up};
use crate::sys::arena::Arena;
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping};

/// Short threads of a storm that lasts for a time: as many as there is room for.
const STORM_MAX: usize = 20_000;

/// Slices that a storm uses over and over until it begins to count.
const STORM_SETUP_SLICES: usize = 1024;

pub fn threads(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let (pages, rounds) = (args.pages_or(256), Rounds::of(args));
    let ready = Barrier::new(args.threads as usize + 1);
    let go = Barrier::new(args.threads as usize + 1);
    let touch = || -> anyhow::Result<(Mapping, u64, Measured)> {
        let mapping = Mapping::new(pages, Backing::Anonymous);
        let warm = warm_up();
        ready.wait();
        go.wait();
        let mapping = mapping?;
        warm?;
        let (done, measured) = measure(Who::Thread, || rounds.touch(&mapping));
        Ok((mapping, done?, measured))
    };
    let results = thread::scope(|scope| -> anyhow::Result<Vec<_>> {
        let threads: Vec<_> = (0..args.threads).map(|_| scope.spawn(touch)).collect();
        ready.wait();
        let told = session.ready();
        go.wait();
        told?;
        threads.into_iter().map(joined).collect()
    })?;
    let mut all = Measured::default();
    for (mapping, done, measured) in &results {
        expect_rounds(&mut session, mapping, pages, *done);
        all = all.and(*measured);
    }
    session.usage(session.pid(), all);
    session.finish()
}

/// The result of a thread.
fn joined<T>(thread: ScopedJoinHandle<'_, anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow!("a thread panicked"))?
}

/// What the creators of threads share.
struct Storm {
    /// Slices that are used over and over while the storm only rages.
    setup: Arena,
    /// Slices that are used once each, when it counts.
    run: Arena,
    slices: usize,
    counting: AtomicBool,
    next_setup: AtomicUsize,
    next_run: AtomicUsize,
    until: Duration,
}

/// Several threads that create threads, without pause. With `--wait` the storm rages before `ready`
/// already, so that a recorder has to attach in the midst of it; what is touched after that lies in a
/// range of its own.
pub fn storm(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(16);
    let slices = if args.seconds.is_some() { STORM_MAX } else { args.count_or(200) };
    let storm = Storm {
        setup: Arena::new(STORM_SETUP_SLICES, pages)?,
        run: Arena::new(slices, pages)?,
        slices,
        counting: AtomicBool::new(!session.waits()),
        next_setup: AtomicUsize::new(0),
        next_run: AtomicUsize::new(0),
        until: Duration::try_from_secs_f64(args.seconds.unwrap_or(f64::from(u32::MAX)))?,
    };
    warm_up()?;
    let (touched, measured) = thread::scope(|scope| -> anyhow::Result<_> {
        let creators: Vec<_> = (0..args.threads).map(|_| scope.spawn(|| storm.create())).collect();
        let told = session.ready();
        storm.counting.store(true, Ordering::Release);
        told?;
        let mut sum = (0, Measured::default());
        for creator in creators {
            let (touched, measured) = joined(creator)?;
            sum = (sum.0 + touched, sum.1.and(measured));
        }
        Ok(sum)
    })?;
    session.expect(&storm.run.range(), FIRST_TOUCH, touched * pages);
    let setup = storm.next_setup.into_inner() * pages;
    if setup > 0 {
        let range = storm.setup.range();
        let mut at_most =
            expectation(session.pid(), Phase::Setup, &range, FIRST_TOUCH, setup as u64);
        at_most.exact = Exactness::AtMost;
        session.push(at_most);
    }
    session.usage(session.pid(), measured);
    session.finish()
}

impl Storm {
    /// Creates one thread after another; returns how many slices of `run` they touched.
    fn create(&self) -> anyhow::Result<(usize, Measured)> {
        let mut sum = (0, Measured::default());
        let mut end = None;
        loop {
            let counting = self.counting.load(Ordering::Acquire);
            let (arena, index) = if counting {
                (&self.run, self.next_run.fetch_add(1, Ordering::Relaxed))
            } else {
                let next = self.next_setup.fetch_add(1, Ordering::Relaxed);
                (&self.setup, next % STORM_SETUP_SLICES)
            };
            if counting {
                let end = *end.get_or_insert_with(|| Instant::now() + self.until);
                if index >= self.slices || Instant::now() >= end {
                    return Ok(sum);
                }
            }
            let measured = thread::scope(|scope| {
                let short = thread::Builder::new().name("storm".to_owned());
                let short = short.spawn_scoped(scope, || {
                    warm_stack();
                    let (touched, measured) = measure(Who::Thread, || arena.touch_slice(index));
                    touched.context("mapping a slice")?;
                    Ok(measured)
                });
                joined(short.context("creating a thread")?)
            })?;
            if counting {
                sum = (sum.0 + 1, sum.1.and(measured));
            }
        }
    }
}
