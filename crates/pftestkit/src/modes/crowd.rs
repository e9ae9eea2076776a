//! So many threads that a recorder cannot watch each of them by itself.

use std::sync::{PoisonError, RwLock, mpsc};
use std::thread;

use anyhow::{Context, anyhow};

use crate::cli::Args;
use crate::session::{FIRST_TOUCH, Measured, Session, Skip, measure, warm_stack, warm_up};
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping};
use crate::sys::parts::Part;

/// Stack of a thread: far less than the default, so that thousands of them fit.
const STACK_BYTES: usize = 128 << 10;

/// Threads that all exist before `ready`, and then each touch their own pages of one mapping.
pub fn many_threads(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let (pages, count) = (args.pages_or(3), args.count_or(2000));
    let mut arena = Mapping::new(pages * count, Backing::Anonymous)?;
    let range = arena.range();
    warm_up()?;
    // Threads wait for the lock; what it guards tells whether to touch.
    let gate = RwLock::new(false);
    let touch = |part: Part<'_>, parked: mpsc::Sender<()>| {
        warm_stack();
        measure(Who::Thread, || ());
        // The other end is gone when a later thread could not be made; the gate says so, too.
        let _ = parked.send(());
        let go = *gate.read().unwrap_or_else(PoisonError::into_inner);
        if go { measure(Who::Thread, || part.write()).1 } else { Measured::default() }
    };
    let sum = thread::scope(|scope| -> anyhow::Result<Measured> {
        let mut closed = gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut threads = Vec::with_capacity(count);
        let (parked, parking) = mpsc::channel();
        for part in arena.parts(pages) {
            let (touch, parked) = (&touch, parked.clone());
            let builder = thread::Builder::new().stack_size(STACK_BYTES);
            let thread = builder.spawn_scoped(scope, move || touch(part, parked));
            threads.push(thread.map_err(|error| {
                Skip(format!("no more than {} threads: {error}", threads.len()))
            })?);
        }
        drop(parked);
        for _ in &threads {
            parking.recv().context("a thread ended early")?;
        }
        session.ready()?;
        *closed = true;
        drop(closed);
        threads.into_iter().try_fold(Measured::default(), |sum, thread| {
            Ok(sum.and(thread.join().map_err(|_| anyhow!("a thread panicked"))?))
        })
    })?;
    session.expect(&range, FIRST_TOUCH, pages * count);
    session.usage(session.pid(), sum);
    session.finish()
}
