//! A demonstration: a program that loads a file page by page, grows, and copies after a fork.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::cli::Args;
use crate::modes::cold::RandomReads;
use crate::modes::processes::{Copies, write_after_fork};
use crate::session::{FIRST_TOUCH, Measured, Session, measure, warm_stack};
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping};

/// Steps into which each part is divided.
const STEPS: usize = 50;

pub fn mixed(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(4096);
    let duration = Duration::try_from_secs_f64(args.seconds.unwrap_or(2.0))?;
    let reads = RandomReads::new(args, pages)?;
    let heap = Mapping::new(pages * 2, Backing::Anonymous)?;
    session.ready()?;
    // Two threads at once: one reads, one grows.
    let reader = start("reader", reads, move |reads| load_file(reads, duration))?;
    let grower = start("grower", heap, move |heap| grow_heap(heap, duration))?;
    let panicked = |_| anyhow!("a thread panicked");
    let (reads, reading) = reader.join().map_err(panicked)?;
    let (heap, growing) = grower.join().map_err(panicked)?;
    let copies = copy_after_fork(&heap)?;
    reads.expect_major(&mut session);
    session.expect(&heap.range(), FIRST_TOUCH, heap.pages());
    copies.tell(&mut session, &heap, reading.and(growing));
    reads.tell_order(&mut session)?;
    session.finish()
}

/// Starts a thread that works on `subject`, and gives it back with what that cost.
fn start<T: Send + 'static>(
    name: &str,
    subject: T,
    work: impl FnOnce(&T) + Send + 'static,
) -> std::io::Result<thread::JoinHandle<(T, Measured)>> {
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        warm_stack();
        let ((), measured) = measure(Who::Thread, || work(&subject));
        (subject, measured)
    })
}

#[inline(never)]
fn load_file(reads: &RandomReads, duration: Duration) {
    in_steps(reads.pages(), duration, |places| reads.read(places));
}

#[inline(never)]
fn grow_heap(heap: &Mapping, duration: Duration) {
    in_steps(heap.pages(), duration, |pages| pages.for_each(|page| heap.write(page)));
}

#[inline(never)]
fn copy_after_fork(heap: &Mapping) -> anyhow::Result<Copies> {
    write_after_fork(heap)
}

/// Does `len` things in steps spread over `duration`.
fn in_steps(len: usize, duration: Duration, mut step: impl FnMut(Range<usize>)) {
    let start = Instant::now();
    for i in 0..STEPS {
        step(len * i / STEPS..len * (i + 1) / STEPS);
        let due = duration.mul_f64((i + 1) as f64 / STEPS as f64);
        thread::sleep(due.saturating_sub(start.elapsed()));
    }
}
