//! Counting while it runs: the waiting, the intervals, the looks at `/proc`.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::counters::{Counters, Faults};
use super::looks::{Looks, ThreadWatch};
use super::{Counting, Interval, Progress};
use crate::Error;
use crate::config::Target;
use crate::session::end::{End, Watch};

/// Without intervals, the processes of the machine are looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Single threads are asked this often whether they still run.
const THREADS_INTERVAL: Duration = Duration::from_millis(100);

/// Counters fill none.
const NO_RINGS: [OwnedFd; 0] = [];

/// Counting between its set-up and its end.
pub struct CountingRun {
    counters: Counters,
    watch: Watch,
    threads: Option<ThreadWatch>,
    /// What `/proc` tells of every process; for the whole machine.
    pub looks: Option<Looks>,
    interval: Option<Duration>,
    start: Instant,
    /// What the counters showed at the start, by row.
    base: Vec<Faults>,
    told: Interval,
}

impl CountingRun {
    /// Begins to count.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub fn new(
        counting: &Counting,
        mut counters: Counters,
        watch: Watch,
        interval: Option<Duration>,
    ) -> Result<Self, Error> {
        let start = Instant::now();
        let threads = matches!(counting.target, Target::Threads(_));
        // On CPUs the counters have run while they were opened, one after another. On threads all
        // that they have counted is of the target.
        let base = match counting.cpus {
            0 => vec![Faults::default(); counters.rows()],
            _ => counters.read()?,
        };
        let looks = (counting.target == Target::System).then(Looks::first);
        Ok(Self {
            threads: threads.then(|| ThreadWatch::new(&counting.ids)),
            told: Interval {
                end: Duration::ZERO,
                length: Duration::ZERO,
                faults: Faults::default(),
            },
            counters,
            watch,
            looks,
            interval,
            start,
            base,
        })
    }

    /// Lets the delay pass: what was counted until then does not count.
    ///
    /// # Errors
    /// When a counter cannot be read; what poll(2) refuses.
    pub fn pass(&mut self, delay: Duration) -> Result<Option<End>, Error> {
        if delay.is_zero() {
            return Ok(None);
        }
        let end = self.wait_until(self.start.checked_add(delay))?;
        self.start = Instant::now();
        self.base = self.counters.read()?;
        self.looks = self.looks.is_some().then(Looks::first);
        Ok(end)
    }

    /// Counts until an end comes.
    ///
    /// # Errors
    /// As of [`CountingRun::pass`].
    pub fn run(&mut self, on: &mut impl FnMut(Progress<'_>)) -> Result<End, Error> {
        let every = self.interval.or_else(|| self.looks.is_some().then_some(LOOK_INTERVAL));
        let mut tick = every.and_then(|every| self.start.checked_add(every));
        loop {
            if let Some(end) = self.wait_until(tick)? {
                return Ok(end);
            }
            if let Some(looks) = &mut self.looks {
                looks.look();
            }
            self.tell(on)?;
            // A tick that was missed is not made up for.
            let now = Instant::now();
            while let (Some(due), Some(every)) = (tick, every)
                && due <= now
            {
                tick = due.checked_add(every);
            }
        }
    }

    /// Waits until an end comes, or that moment.
    fn wait_until(&mut self, moment: Option<Instant>) -> Result<Option<End>, Error> {
        loop {
            let now = Instant::now();
            if moment.is_some_and(|moment| moment <= now) {
                return Ok(None);
            }
            let left = moment.map_or(LOOK_INTERVAL, |moment| moment.duration_since(now));
            let at_most = if self.threads.is_some() { left.min(THREADS_INTERVAL) } else { left };
            if let Some(end) = self.watch.wait(&NO_RINGS, at_most)? {
                return Ok(Some(end));
            }
            if self.threads.as_mut().is_some_and(ThreadWatch::all_gone) {
                return Ok(Some(End::TargetExited));
            }
        }
    }

    /// Reads the counters; with intervals, tells what came since the last time.
    fn tell(&mut self, on: &mut impl FnMut(Progress<'_>)) -> Result<Vec<Faults>, Error> {
        let rows = self.counters.read()?;
        let rows: Vec<Faults> =
            rows.iter().zip(&self.base).map(|(row, base)| row.since(*base)).collect();
        let faults = rows.iter().fold(Faults::default(), |sum, &row| sum + row);
        if self.interval.is_some() {
            let end = self.start.elapsed();
            on(Progress::Interval(Interval {
                end,
                length: end.saturating_sub(self.told.end),
                faults: faults.since(self.told.faults),
            }));
            self.told = Interval { end, faults, ..self.told };
        }
        Ok(rows)
    }

    /// The last look: how long it all took, and the faults by row.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub fn close(
        &mut self,
        on: &mut impl FnMut(Progress<'_>),
    ) -> Result<(Duration, Vec<Faults>), Error> {
        // The counters last, as they came first: they span what `/proc` tells.
        if let Some(looks) = &mut self.looks {
            looks.look();
        }
        let rows = self.tell(on)?;
        Ok((self.start.elapsed(), rows))
    }
}
