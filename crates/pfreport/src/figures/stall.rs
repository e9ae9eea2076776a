//! Time during which threads were stalled by faults.

use std::ops::Range;

use pfmodel::column::{Values as _, pieces};
use pfmodel::names::{Cause, Class};
use pfmodel::table::Analysis;

use crate::figures::accounts::stalled_until_ns;

/// Length of a union of intervals that arrive in order of their start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Union {
    covered_until_ns: u64,
    /// Length so far.
    pub length_ns: u64,
}

impl Union {
    /// Adds `from_ns..to_ns`.
    pub fn add(&mut self, from_ns: u64, to_ns: u64) {
        let from_ns = from_ns.max(self.covered_until_ns);
        if to_ns > from_ns {
            self.length_ns += to_ns - from_ns;
            self.covered_until_ns = to_ns;
        }
    }

    /// Whether intervals that start at `from_ns` or later make both longer by the same.
    fn goes_on_like(&self, other: &Self, from_ns: u64) -> bool {
        self.covered_until_ns.max(from_ns) == other.covered_until_ns.max(from_ns)
    }

    /// Takes over the `more_ns` by which intervals that count here as well have made another one longer.
    fn follow(&mut self, other: &Self, more_ns: u64) {
        self.length_ns += more_ns;
        if more_ns > 0 {
            self.covered_until_ns = other.covered_until_ns;
        }
    }
}

/// Wall time with at least one thread stalled, for all faults and for some of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WallStall {
    /// By any fault of any process.
    pub total: Union,
    /// By process, as in [`Analysis::processes`].
    pub processes: Vec<Union>,
    causes: Vec<Union>,
}

impl WallStall {
    /// Faults of unknown latency add nothing; those that began before the trace count from its start.
    #[cfg(test)]
    #[must_use]
    pub fn of(analysis: &Analysis) -> Self {
        Self::within(analysis, &[])
    }

    /// The same, with what is behind the windows of time that faults were selected from left out; no windows
    /// are all of the time.
    #[cfg(test)]
    #[must_use]
    pub fn within(analysis: &Analysis, windows: &[Range<u64>]) -> Self {
        let mut stall = Self::default();
        stall.add(analysis, windows);
        stall
    }

    /// Adds faults that began behind those that are there already, or at the same time, of the same processes. Walks
    /// the table once.
    pub fn add(&mut self, analysis: &Analysis, windows: &[Range<u64>]) {
        let faults = &analysis.faults;
        self.processes.resize(analysis.processes.len(), Union::default());
        self.causes.resize(Class::ALL.len() * Cause::ALL.len(), Union::default());
        let stall_of = |row: usize| {
            let from_ns = faults.time_ns[row];
            Some((from_ns, stalled_until_ns(windows, from_ns, faults.stall_ns(row)?)))
        };
        let mut kinds = Vec::new();
        for rows in pieces(faults.len()) {
            let only = (
                faults.class.only_in(rows.clone()),
                faults.cause.only_in(rows.clone()),
                faults.proc.only_in(rows.clone()),
            );
            if let (Some(&class), Some(&cause), Some(&proc)) = only {
                let cause = &mut self.causes[index(class, cause)];
                let process = self.processes.get_mut(proc as usize);
                let mut others: Vec<&mut Union> = [cause].into_iter().chain(process).collect();
                let first_ns = faults.time_ns[rows.start];
                let stalls = rows.filter_map(stall_of);
                // Mostly one process stalls for one cause: all three are one then (one in fifty of the time of a summary).
                if others.iter().all(|other| other.goes_on_like(&self.total, first_ns)) {
                    let before_ns = self.total.length_ns;
                    stalls.for_each(|(from_ns, to_ns)| self.total.add(from_ns, to_ns));
                    let more_ns = self.total.length_ns - before_ns;
                    others.iter_mut().for_each(|other| other.follow(&self.total, more_ns));
                    continue;
                }
                for (from_ns, to_ns) in stalls {
                    self.total.add(from_ns, to_ns);
                    others.iter_mut().for_each(|other| other.add(from_ns, to_ns));
                }
                continue;
            }
            // Column by column, and run by run inside: half the time of all three row by row.
            kinds.clear();
            kinds.resize(rows.len(), (Class::Minor, Cause::Unknown, 0));
            fill(&mut kinds, faults.class.range(rows.clone()), |kind, &class| kind.0 = class);
            fill(&mut kinds, faults.cause.range(rows.clone()), |kind, &cause| kind.1 = cause);
            fill(&mut kinds, faults.proc.range(rows.clone()), |kind, &proc| kind.2 = proc);
            for (row, &(class, cause, proc)) in rows.zip(&kinds) {
                let Some((from_ns, to_ns)) = stall_of(row) else { continue };
                self.total.add(from_ns, to_ns);
                self.causes[index(class, cause)].add(from_ns, to_ns);
                if let Some(process) = self.processes.get_mut(proc as usize) {
                    process.add(from_ns, to_ns);
                }
            }
        }
    }

    /// By faults of one class and cause.
    #[must_use]
    pub fn cause_ns(&self, class: Class, cause: Cause) -> u64 {
        self.causes.get(index(class, cause)).map_or(0, |union| union.length_ns)
    }
}

/// Sets one thing of each by one of the values.
fn fill<K, T>(all: &mut [K], values: impl Iterator<Item = T>, set: impl Fn(&mut K, T)) {
    let mut all = all.iter_mut();
    values.for_each(|value| {
        if let Some(one) = all.next() {
            set(one, value);
        }
    });
}

const fn index(class: Class, cause: Cause) -> usize {
    class as usize * Cause::ALL.len() + cause as usize
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};
    use proptest::prelude::{any, prop};
    use proptest::{collection::vec, proptest};

    use super::{Union, WallStall};
    use crate::made_up::{self, Row};

    #[test]
    fn unions_count_overlaps_once() {
        let mut union = Union::default();
        for (from, to) in [(10, 20), (12, 15), (18, 30), (40, 41), (40, 41)] {
            union.add(from, to);
        }
        assert_eq!(union.length_ns, 21);
    }

    #[test]
    fn stalls_count_from_the_start() {
        let mut analysis = made_up::two_processes().analysis;
        for (before, latency) in [(900, 1_000), (400, 700), (0, 20)] {
            made_up::push(&mut analysis, Row { latency: Some(latency), ..Row::default() });
            analysis.faults.before_ns.extend((before > 0).then_some(before));
        }
        assert_eq!(WallStall::of(&analysis).total.length_ns, 300);
    }

    proptest! {
        #[test]
        fn each_stalls_by_its_own_faults(
            runs in vec((0..2_u32, any::<bool>(), vec((0..30_u64, 0..40_u64), 1..2_500)), 0..8),
        ) {
            let (mut time, mut whole) = (0, made_up::two_processes().analysis);
            let (mut total, mut processes, mut reads) =
                (Union::default(), [Union::default(); 2], Union::default());
            for (proc, is_read, steps) in runs {
                for (step, latency) in steps {
                    time += step;
                    let cause = if is_read { Cause::FileRead } else { Cause::AnonFirstTouch };
                    let row =
                        Row { time, latency: Some(latency), proc, cause, ..Row::default() };
                    made_up::push(&mut whole, row);
                    total.add(time, time + latency);
                    processes[proc as usize].add(time, time + latency);
                    if is_read {
                        reads.add(time, time + latency);
                    }
                }
            }
            let stall = WallStall::of(&whole);
            assert_eq!(stall.total.length_ns, total.length_ns);
            let of_processes: Vec<u64> = stall.processes.iter().map(|of| of.length_ns).collect();
            assert_eq!(of_processes, processes.map(|of| of.length_ns));
            assert_eq!(stall.cause_ns(Row::default().class, Cause::FileRead), reads.length_ns);
        }

        #[test]
        fn parts_stall_as_the_whole_does(
            rows in vec((0..50_u64, prop::option::of(0..40_u64), 0..2_u32, any::<bool>()), 0..60),
            cuts in vec(0..60_usize, 0..5),
            from_ns in 0..30_u64,
        ) {
            let (mut time, mut whole) = (0, made_up::two_processes().analysis);
            let mut parts = vec![whole.clone()];
            let is_window = from_ns % 2 == 0;
            let windows = is_window.then_some(from_ns..from_ns + 900);
            for (number, (step, latency, proc, is_read)) in rows.into_iter().enumerate() {
                if cuts.contains(&number) {
                    parts.push(made_up::two_processes().analysis);
                }
                time += step;
                let cause = if is_read { Cause::FileRead } else { Cause::AnonFirstTouch };
                let row = Row { time, latency, proc, cause, ..Row::default() };
                made_up::push(&mut whole, row);
                made_up::push(parts.last_mut().unwrap(), row);
            }
            let mut stall = WallStall::default();
            parts.iter().for_each(|part| stall.add(part, windows.as_slice()));
            assert_eq!(stall, WallStall::within(&whole, windows.as_slice()));
        }
    }

    #[test]
    fn walls_are_per_process_and_per_cause() {
        let mut analysis = made_up::two_processes().analysis;
        for (proc, cause, time, latency) in [
            (0, Cause::FileRead, 100, Some(50)),
            (1, Cause::FileRead, 120, Some(50)),
            (0, Cause::FileCached, 140, Some(20)),
            (0, Cause::FileCached, 150, None),
        ] {
            let class = if cause == Cause::FileRead { Class::Major } else { Class::Minor };
            let row = Row { proc, class, cause, time, latency, ..Row::default() };
            made_up::push(&mut analysis, row);
        }
        let stall = WallStall::of(&analysis);
        assert_eq!(stall.total.length_ns, 70);
        assert_eq!(stall.processes.iter().map(|p| p.length_ns).collect::<Vec<_>>(), [60, 50]);
        assert_eq!(stall.cause_ns(Class::Major, Cause::FileRead), 70);
        assert_eq!(stall.cause_ns(Class::Minor, Cause::FileCached), 20);
        assert_eq!(stall.cause_ns(Class::Minor, Cause::FileRead), 0);
    }
}
