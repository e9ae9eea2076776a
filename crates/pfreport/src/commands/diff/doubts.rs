//! What makes a comparison doubtful.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::blind;
use super::change::Values;
use super::digest::Digest;
use super::metric::Metric;
use super::setting::{ERROR_CODES, KERNEL, KERNEL_BUILD, Trait};
use crate::print::units::{count, counted, duration, percent};

/// Fewest faults that read a file on one side before its state in the page cache counts.
const READS_MIN: u64 = 10;

/// Fewer count where they took at least one part in so many of the stall time of that side.
const STALL_SHARE: u64 = 10;

/// By which factor the reads of a file differ at least.
const READS_FACTOR: u64 = 10;

/// Files that are named.
const FILES_NAMED: usize = 3;

/// By what part of one the shares of faults of which something is known may differ.
const SHARE_TOLERANCE: f64 = 0.1;

/// Up to which difference the bias of latencies is ignored, nanoseconds.
const BIAS_TOLERANCE_NS: u64 = 100;

/// A difference between the sides, or among the runs of one, that may explain what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In what they differ.
    pub what: String,
    /// What it is before the change: of all runs, each value once.
    pub base: Vec<String>,
    /// After it.
    pub new: Vec<String>,
    /// What to make of it, where that is not plain.
    pub note: Option<&'static str>,
}

impl Difference {
    /// One line.
    #[must_use]
    pub fn line(&self) -> String {
        let note = self.note.map_or_else(String::new, |note| format!(" ({note})"));
        format!(
            "{}: base {}, new {}{note}",
            self.what,
            self.base.join(" or "),
            self.new.join(" or ")
        )
    }
}

/// All doubts.
#[must_use]
pub fn doubts(base: &[Digest], new: &[Digest]) -> Vec<Difference> {
    let mut doubts = Vec::new();
    doubts.extend(same_recording(base, new));
    doubts.extend(flaws(base, new));
    doubts.extend(settings(base, new));
    doubts.extend(lengths(base, new));
    doubts.extend(waits_elsewhere(base, new));
    doubts.extend(unseen(base, new));
    doubts.extend(known_latencies(base, new));
    doubts.extend(bias(base, new));
    doubts.extend(thresholds(base, new));
    doubts.extend(functions(base, new));
    doubts.extend(page_cache(base, new));
    doubts
}

/// The values of the runs of a side, each once, in order.
fn distinct(runs: &[Digest], value: impl Fn(&Digest) -> Option<String>) -> Vec<String> {
    runs.iter().filter_map(value).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A doubt when the runs do not all have one value.
fn unless_same(
    what: &str,
    (base, new): (&[Digest], &[Digest]),
    value: impl Fn(&Digest) -> Option<String>,
    note: Option<&'static str>,
) -> Option<Difference> {
    let (base, new) = (distinct(base, &value), distinct(new, &value));
    let all: BTreeSet<&String> = base.iter().chain(&new).collect();
    let told = !base.is_empty() && !new.is_empty();
    (told && all.len() > 1).then(|| Difference { what: what.to_owned(), base, new, note })
}

fn same_recording(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    let pairs = base.iter().flat_map(|a| new.iter().map(move |b| (a, b)));
    pairs.into_iter().find(|(a, b)| a.id == b.id).map(|(a, b)| Difference {
        what: "recording".to_owned(),
        base: vec![a.name.clone()],
        new: vec![b.name.clone()],
        note: Some("the same one"),
    })
}

fn flaws(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    let of = |run: &Digest| {
        Some(match run.flaws[..] {
            [] => "all there".to_owned(),
            _ => format!("{} ({})", run.flaws.join(", "), run.name),
        })
    };
    let is_whole = base.iter().chain(new).all(|run| run.flaws.is_empty());
    (!is_whole).then(|| Difference {
        what: "faults".to_owned(),
        base: distinct(base, of),
        new: distinct(new, of),
        note: Some("faults may be missing"),
    })
}

/// The names of traits of any run, each once, in order.
fn names<'a>(
    (base, new): (&'a [Digest], &'a [Digest]),
    of: impl Fn(&'a Digest) -> &'a [Trait],
) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for name in base.iter().chain(new).flat_map(of).map(|of| &*of.name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What machine, kernel, target and recorder were like.
fn settings(base: &[Digest], new: &[Digest]) -> Vec<Difference> {
    let doubt = |name: &str| {
        let value = |run: &Digest| {
            run.traits.iter().find(|found| found.name == name).and_then(|found| found.value.clone())
        };
        let note = (name == ERROR_CODES).then_some(blind::NOTE);
        unless_same(name, (base, new), value, note)
    };
    let names = names((base, new), |run| &run.traits);
    let mut doubts: Vec<Difference> = names.into_iter().filter_map(doubt).collect();
    // Another release is another build.
    if doubts.iter().any(|doubt| doubt.what == KERNEL) {
        doubts.retain(|doubt| doubt.what != KERNEL_BUILD);
    }
    doubts
}

/// Labels that differ: what the runs were made for, and no reason to doubt.
#[must_use]
pub fn labels(base: &[Digest], new: &[Digest]) -> Vec<Difference> {
    let differs = |name: &str| {
        let value = |run: &Digest| {
            let found = run.labels.iter().find(|found| found.name == name);
            Some(found.and_then(|found| found.value.clone()).unwrap_or_else(|| "none".to_owned()))
        };
        unless_same(name, (base, new), value, None)
    };
    names((base, new), |run| &run.labels).into_iter().filter_map(differs).collect()
}

/// Whether the longest recording is so much longer than the shortest that rates say more than totals.
#[must_use]
pub fn lengths_differ(base: &[Digest], new: &[Digest]) -> bool {
    let lengths = || base.iter().chain(new).map(|run| run.length_ns);
    let (shortest, longest) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
    longest / 5 > shortest / 4
}

/// How long a target took is part of the outcome; how long it was watched is not.
fn lengths(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    let watched = base.iter().chain(new).any(|run| !run.ran_to_its_end);
    if !watched || !lengths_differ(base, new) {
        return None;
    }
    let note = Some("totals grow with it; see the rates");
    unless_same("length", (base, new), |run| Some(duration(run.length_ns)), note)
}

/// Runs that took longer in every case though faults stalled them less: the time went where no fault tells of it.
fn waits_elsewhere(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    let all_ended = base.iter().chain(new).all(|run| run.ran_to_its_end);
    let range = |metric: Metric, runs: &[Digest]| {
        Values::of(runs.iter().map(|run| metric.of_run(run))).range()
    };
    let [(_, longest), (shortest, _)] = [range(Metric::Length, base)?, range(Metric::Length, new)?];
    let [(least, _), (_, most)] = [range(Metric::Stall, base)?, range(Metric::Stall, new)?];
    let is_longer = shortest / 5 > longest / 4;
    let note = Some("longer, though faults stalled it less: it may wait where no fault tells");
    let length = |run: &Digest| Some(duration(run.length_ns));
    let found = all_ended && is_longer && most < least;
    found.then(|| unless_same("length", (base, new), length, note)).flatten()
}

/// Faults of which only the accounting of the processes knows.
fn unseen(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    let median =
        |runs: &[Digest], of: fn(&Digest) -> Option<u64>| Values::of(runs.iter().map(of)).median();
    let [before, after] = [base, new].map(|runs| median(runs, |run| run.unseen));
    let (before, after) = (before?, after?);
    let [faults, others] = [base, new].map(|runs| median(runs, |run| Metric::Faults.of_run(run)));
    let differs = before.abs_diff(after) as f64 > SHARE_TOLERANCE * faults?.max(others?) as f64;
    differs.then(|| Difference {
        what: "faults that only rusage counts, at least".to_owned(),
        base: vec![count(before)],
        new: vec![count(after)],
        note: Some("memory populated or locked, say: how long that took is in the length alone"),
    })
}

/// A doubt where the share of something differs much, as `part` of `whole`.
fn shares(
    what: &str,
    (base, new): (&[Digest], &[Digest]),
    share: impl Fn(&Digest) -> [u64; 2],
) -> Option<Difference> {
    let shares = base.iter().chain(new).map(&share).filter(|&[_, whole]| whole > 0);
    let shares: Vec<f64> = shares.map(|[part, whole]| part as f64 / whole as f64).collect();
    let lowest = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = shares.iter().copied().fold(0.0, f64::max);
    if highest - lowest <= SHARE_TOLERANCE {
        return None;
    }
    let text = |run: &Digest| {
        let [part, whole] = share(run);
        Some(format!("{} of {}", percent(part, whole), counted(whole, "fault")))
    };
    unless_same(what, (base, new), text, None)
}

fn known_latencies(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    // Where none were recorded that is said already.
    let recorded = base.iter().chain(new).all(|run| run.has_latencies);
    let known = |run: &Digest| {
        let [all, known] = run.completed;
        [known, all]
    };
    if recorded { shares("latency known", (base, new), known) } else { None }
}

fn bias(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    // It differs from run to run as well.
    let median = |runs: &[Digest]| Values::of(runs.iter().map(|run| run.bias_ns)).median();
    let (before, after) = (median(base)?, median(new)?);
    // A quarter of it, or a tenth of a microsecond, is the noise of its measurement.
    let differs = before.abs_diff(after) > BIAS_TOLERANCE_NS.max(before.min(after) / 4);
    differs.then(|| Difference {
        what: "recording adds to a latency".to_owned(),
        base: vec![duration(before)],
        new: vec![duration(after)],
        note: Some("part of every latency"),
    })
}

fn thresholds(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    let limits = || base.iter().chain(new).map(|run| run.slow_threshold_ns);
    let (least, most) = (limits().min()?, limits().max()?);
    if most / 2 < least {
        return None;
    }
    let note = Some("what tells file-wait from file-cached; --slow-threshold sets it for all");
    let text = |run: &Digest| Some(duration(run.slow_threshold_ns));
    unless_same("threshold of slow minor faults", (base, new), text, note)
}

fn functions(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    let known = |run: &Digest| [run.with_function(), run.all.as_ref().map_or(0, |all| all.faults)];
    shares("function known", (base, new), known)
}

/// Files that one side reads from storage and the other finds in memory.
fn page_cache(base: &[Digest], new: &[Digest]) -> Option<Difference> {
    let differs = |&path: &&String| {
        let (before, after) = (Reading::of(base, path)?, Reading::of(new, path)?);
        let (fewer, more) =
            if before.reads < after.reads { (before, after) } else { (after, before) };
        let matters = more.reads >= READS_MIN || more.stalls;
        let is_other = fewer.reads.saturating_mul(READS_FACTOR) <= more.reads;
        (more.reads > 0 && matters && is_other).then_some([before.reads, after.reads])
    };
    let paths: BTreeSet<&String> = base.iter().flat_map(|run| run.files.keys()).collect();
    let mut found: Vec<(&String, [u64; 2])> =
        paths.iter().filter_map(|path| Some((*path, differs(path)?))).collect();
    found.sort_by_key(|&(path, [before, after])| (Reverse(before.max(after)), path));
    let [before, after] = [0, 1].map(|i| found.iter().map(|(_, reads)| reads[i]).sum());
    let named: Vec<&str> = found.iter().take(FILES_NAMED).map(|(path, _)| path.as_str()).collect();
    let more = match found.len().saturating_sub(FILES_NAMED) {
        0 => String::new(),
        more => format!(" and {}", counted(more as u64, "more file")),
    };
    (!found.is_empty()).then(|| Difference {
        what: format!("faults that read {}{more} from storage", named.join(", ")),
        base: vec![count(before)],
        new: vec![count(after)],
        note: Some("a cold page cache against a warm one?"),
    })
}

/// What the runs of a side read of a file.
#[derive(Debug, Clone, Copy)]
struct Reading {
    reads: u64,
    /// Whether reading it is a good part of their stall time.
    stalls: bool,
}

impl Reading {
    /// By the medians of the runs that hit the file, if there are any.
    fn of(runs: &[Digest], path: &str) -> Option<Self> {
        let files = || runs.iter().map(|run| run.files.get(path));
        let reads = Values::of(files().map(|file| file.map(|file| file.reads))).median()?;
        let stall = Values::of(files().map(|file| file.map(|file| file.stall_ns))).median()?;
        let all = Values::of(runs.iter().map(|run| Metric::Stall.of_run(run))).median();
        let stalls = all.is_some_and(|all| stall >= all / STALL_SHARE);
        Some(Self { reads, stalls })
    }
}

#[cfg(test)]
mod tests;
