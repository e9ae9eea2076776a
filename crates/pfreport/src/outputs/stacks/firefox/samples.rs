//! Faults as a bounded number of samples.

use std::collections::HashMap;

use super::threads::Threads;
use super::{OTHER_STACKS, Sites, Weight};
use crate::load::Loaded;
use crate::outputs::stacks::Sums;
use crate::print::units::{counted, duration};

/// What the stack of a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// None: the thread begins. The Profiler measures from one sample to the next.
    Start,
    /// That of a site, index into [`Sites::all`].
    Site(u32),
    /// Any other.
    Others,
}

/// Faults of one stack of one thread that lie close together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Number of the thread.
    pub thread: u32,
    /// When the last one was over, nanoseconds since the start of the trace; within [`Samples::width_ns`].
    pub time_ns: u64,
    /// Their stack.
    pub kind: Kind,
    /// What they weigh.
    pub weight: u64,
    /// How long they stalled the thread, nanoseconds.
    pub stall_ns: u64,
}

/// The samples of a profile.
#[derive(Debug)]
pub struct Samples {
    /// By thread and time.
    pub all: Vec<Sample>,
    /// Length of the stretches of time within which faults of one stack are one sample, nanoseconds.
    pub width_ns: u64,
    /// Faults whose stack is none of those that are shown.
    others: u64,
}

/// Thread, stretch of time, kind.
type Key = (u32, u64, Kind);

impl Samples {
    /// Adds up the faults whose weight is known into at most `most` samples, beside one of each thread that
    /// begins and one for its other stacks.
    pub fn of(
        loaded: &Loaded,
        sites: &Sites,
        threads: &Threads,
        weight: Weight,
        most: usize,
    ) -> Self {
        let faults = &loaded.analysis.faults;
        let rows = || {
            (0..faults.len()).filter_map(|row| {
                let (thread, site) = (threads.number(row)?, sites.number(row)?);
                let sums = Sums::of_fault(&loaded.analysis, row);
                let end_ns = faults.time_ns.get(row)?.saturating_add(sums.stall_ns);
                (sums.unknown(weight) == 0).then_some((thread, end_ns, site, sums))
            })
        };
        let length_ns = loaded.analysis.duration_ns;
        let mut width_ns = 1;
        if faults.len() > most {
            width_ns = (length_ns / most.max(1) as u64).max(1);
        }
        let mut groups = grouped(rows(), width_ns, Some(most));
        while groups.is_none() && width_ns <= length_ns {
            width_ns = width_ns.saturating_mul(2);
            groups = grouped(rows(), width_ns, Some(most));
        }
        let mut others = 0;
        let groups = groups.unwrap_or_else(|| {
            let all = grouped(rows(), width_ns, None).unwrap_or_default();
            let (kept, left) = heaviest(all, weight, most);
            others = left;
            kept
        });
        Self { all: in_time(groups, threads, weight, width_ns), width_ns, others }
    }

    /// What is not as it happened, in sentences.
    pub fn notes(&self, weight: Weight) -> Vec<String> {
        let mut notes = Vec::new();
        if self.width_ns > 1 {
            let width = duration(self.width_ns);
            notes.push(format!("faults of one stack within {width} are one sample"));
        }
        if self.others > 0 {
            let what = match weight {
                Weight::Faults => "rarest",
                Weight::Stall | Weight::Bytes => "cheapest",
            };
            let faults = counted(self.others, "fault");
            notes
                .push(format!("the {what} stacks, of {faults}, are together under {OTHER_STACKS}"));
        }
        notes
    }
}

/// Adds up faults; nothing if that makes more than `most` groups. The groups are in order of their first fault.
fn grouped(
    rows: impl Iterator<Item = (u32, u64, u32, Sums)>,
    width_ns: u64,
    most: Option<usize>,
) -> Option<Vec<(Key, Sums)>> {
    let mut numbers: HashMap<Key, usize> = HashMap::new();
    let mut groups: Vec<(Key, Sums)> = Vec::new();
    let mut last = None;
    for (thread, end_ns, site, sums) in rows {
        let key = (thread, end_ns / width_ns.max(1), Kind::Site(site));
        // Faults come in runs.
        let number = match last {
            Some((known, number)) if known == key => number,
            _ => *numbers.entry(key).or_insert(groups.len()),
        };
        last = Some((key, number));
        match groups.get_mut(number) {
            Some((_, group)) => *group = group.plus(sums),
            None => groups.push((key, sums)),
        }
        if most.is_some_and(|most| groups.len() > most) {
            return None;
        }
    }
    Some(groups)
}

/// The groups that weigh most, and of each thread one for all others; and how many faults those are.
fn heaviest(mut groups: Vec<(Key, Sums)>, weight: Weight, most: usize) -> (Vec<(Key, Sums)>, u64) {
    groups.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.of(weight)));
    let rest = groups.split_off(most.min(groups.len()));
    let mut others: HashMap<u32, usize> = HashMap::new();
    let mut faults = 0;
    for ((thread, time, _), sums) in rest {
        faults += sums.faults;
        let number = *others.entry(thread).or_insert(groups.len());
        match groups.get_mut(number) {
            Some((_, group)) => *group = group.plus(sums),
            None => groups.push(((thread, time, Kind::Others), sums)),
        }
    }
    (groups, faults)
}

/// The samples of groups. Within a stretch of time each has as much room as it stalled the thread, so that
/// the track has its height throughout.
fn in_time(
    mut groups: Vec<(Key, Sums)>,
    threads: &Threads,
    weight: Weight,
    width_ns: u64,
) -> Vec<Sample> {
    groups.sort_by_key(|&((thread, stretch, _), _)| (thread, stretch));
    let mut samples = Vec::with_capacity(groups.len() + threads.len());
    for groups in groups.chunk_by(|a, b| (a.0.0, a.0.1) == (b.0.0, b.0.1)) {
        let whole = groups.iter().fold(0, |sum, (_, sums)| sum + u128::from(sums.stall_ns));
        let mut before = 0;
        for (number, &((thread, stretch, kind), sums)) in groups.iter().enumerate() {
            before += u128::from(sums.stall_ns);
            let (part, all) = match whole {
                0 => (number as u128 + 1, groups.len() as u128),
                _ => (before, whole),
            };
            let into = u128::from(width_ns - 1).saturating_mul(part) / all.max(1);
            let start_ns = stretch.saturating_mul(width_ns);
            let time_ns = start_ns.saturating_add(u64::try_from(into).unwrap_or(u64::MAX));
            if samples.last().is_none_or(|last: &Sample| last.thread != thread) {
                let time_ns = threads.begin_ns(thread).min(time_ns);
                samples.push(Sample { thread, time_ns, kind: Kind::Start, weight: 0, stall_ns: 0 });
            }
            let (weight, stall_ns) = (sums.of(weight), sums.stall_ns);
            samples.push(Sample { thread, time_ns, kind, weight, stall_ns });
        }
    }
    samples
}
