//! How complete the recording is, and what it cannot show.

use pfmodel::names::Class;
use pfmodel::table::NONE;
use pft::keys::{fact, ledger};

use super::screen::Screen;
use super::{limits, losses};
use crate::accounts::{Balance, Stored};
use crate::failure;
use crate::load::Loaded;
use crate::scope::{Kind, Scope};
use crate::units::{count, counted, duration};

pub fn write(screen: &mut Screen, loaded: &Loaded) {
    screen.labelled("captured", &captured(loaded));
    if let Some(line) = left_out(loaded) {
        screen.labelled("left out", &line);
    }
    losses::write(screen, loaded);
    if let Some(line) = reconciliation(loaded) {
        screen.labelled("counters", &line);
    }
    if let Some(line) = unseen(loaded) {
        screen.labelled("not seen", &line);
    }
    if let Some(line) = apart(loaded) {
        screen.labelled("apart", &line);
    }
    if let Some(n) = loaded.counted(ledger::CAPTURED_FOREIGN_IDS).filter(|&n| n > 0) {
        let records = counted(n, "record");
        let line = format!(
            "another recorder watched the same threads: {records} carried its identification"
        );
        screen.labelled("foreign", &line);
    }
    if let Some(line) = mappings(loaded) {
        screen.labelled("mappings", &line);
    }
    limits::write(screen, loaded);
    if let Some(n) = loaded.counted(ledger::DROPPED_LIVE).filter(|&n| n > 0) {
        let lines = counted(n, "line");
        screen.labelled(
            "live",
            &format!("{lines} of the live stream dropped; the trace has the faults"),
        );
    }
    if let Some(line) = bias(loaded) {
        screen.labelled("latency", &line);
    }
}

fn captured(loaded: &Loaded) -> String {
    let stored = loaded.analysis.exactness.faults;
    let least = duration(Scope::of(loaded).min_latency_ns);
    let none_lost = if loaded.is_whole() { ", none lost" } else { "" };
    match loaded.skipped() {
        Some([0, 0]) => format!("{}{none_lost}", counted(stored, "fault")),
        Some([minor, major]) => {
            let skipped = minor.saturating_add(major);
            format!(
                "{}{none_lost}: {} stored; {} ({} minor, {} major) took less than {least} and were \
                 counted only",
                counted(stored.saturating_add(skipped), "fault"),
                count(stored),
                count(skipped),
                count(minor),
                count(major)
            )
        }
        None => format!(
            "{}{none_lost}; those that took less than {least} were not stored, their number is not known",
            counted(stored, "fault")
        ),
    }
}

/// What was read because it shares the rings with the targets.
fn left_out(loaded: &Loaded) -> Option<String> {
    let of = |minor, major, whose| {
        let [minor, major] = [minor, major].map(|key| loaded.sum(&[key]));
        (minor + major > 0).then(|| {
            let faults = counted(minor.saturating_add(major), "fault");
            format!("{faults} {whose} ({} minor, {} major)", count(minor), count(major))
        })
    };
    let filtered =
        of(ledger::CAPTURED_FILTERED_MINOR, ledger::CAPTURED_FILTERED_MAJOR, "of other tasks");
    let own = of(ledger::CAPTURED_OWN_MINOR, ledger::CAPTURED_OWN_MAJOR, "of the recorder itself");
    let parts: Vec<String> = [filtered, own].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("read, but not recorded: {}", parts.join("; ")))
}

fn mappings(loaded: &Loaded) -> Option<String> {
    let [exact, inferred, unknown] = loaded.analysis.exactness.map_confidence;
    let how = match Scope::of(loaded).calls {
        Some(true) => "; unmapping and moving were recorded",
        Some(false) if inferred > 0 => {
            "; unmapping and moving were not recorded: inferred is what nothing confirmed later"
        }
        _ => "",
    };
    (exact + inferred + unknown > 0).then(|| {
        format!(
            "exact for {}, inferred for {}, unknown for {}{how}",
            counted(exact, "fault"),
            count(inferred),
            count(unknown)
        )
    })
}

/// What was captured and lost against what the kernel counted.
fn reconciliation(loaded: &Loaded) -> Option<String> {
    let in_words = |Balance { name, ours, kernel }| {
        if ours == kernel {
            format!("{name} {} = the kernel's", count(kernel))
        } else {
            let gap = count(ours.abs_diff(kernel));
            let side = if ours < kernel { "fewer" } else { "more" };
            format!("{name} {}, {gap} {side} than the kernel's {}", count(ours), count(kernel))
        }
    };
    let mut parts: Vec<String> = loaded.balances().into_iter().map(in_words).collect();
    if Scope::of(loaded).window_ns.is_some() {
        return Some(
            "the kernel does not count for a window: there is nothing to compare with".into(),
        );
    }
    if parts.is_empty() {
        return Some(
            "none in the file: captured faults cannot be checked against the kernel's".into(),
        );
    }
    parts.extend(loaded.missing_rows().into_iter().map(|Stored { name, expected, rows }| {
        format!("the file holds {} {name} of {} stored", count(rows), count(expected))
    }));
    let terms =
        if left_out(loaded).is_some() { "captured + left out + lost" } else { "captured + lost" };
    let as_of =
        if loaded.analysis.exactness.complete { "" } else { " (as of the last checkpoint)" };
    let verdict = if loaded.is_balanced() { "" } else { ": the recording is not exact" };
    Some(format!("{terms}: {}{as_of}{verdict}", parts.join("; ")))
}

/// Faults that the processes' own accounting has and perf's events have not. Said only where both
/// count the same faults.
fn unseen(loaded: &Loaded) -> Option<String> {
    let scope = Scope::of(loaded);
    let exactness = &loaded.analysis.exactness;
    let had_children = loaded.analysis.processes.iter().any(|process| process.parent != NONE);
    let same_processes = match scope.kind {
        // Usage of a command includes that of the children it waited for.
        Kind::Command => scope.follow,
        // That of a running process does not.
        Kind::Processes => !scope.follow || !had_children,
        _ => false,
    };
    let whose_lost = scope.by_cpu && loaded.lost_records().completions > 0;
    let same_time = scope.delay_ns == 0 && scope.window_ns.is_none();
    if !same_processes || !same_time || whose_lost || !exactness.kernel_mode {
        return None;
    }
    let missing = |usage, terms: [&str; 2]| {
        loaded.counted(terms[0])?;
        Some(loaded.counted(usage)?.saturating_sub(loaded.sum(&terms)))
    };
    let minor =
        missing(ledger::RUSAGE_MINOR_FAULTS, [ledger::CAPTURED_MINOR, ledger::MINOR_FAULTS_LOST])
            .filter(|_| !scope.major_only);
    let major =
        missing(ledger::RUSAGE_MAJOR_FAULTS, [ledger::CAPTURED_MAJOR, ledger::MAJOR_FAULTS_LOST]);
    if minor.unwrap_or(0) + major.unwrap_or(0) == 0 {
        return None;
    }
    let parts = [(minor, "minor"), (major, "major")];
    let parts = parts.into_iter().filter_map(|(n, name)| Some(format!("{} {name}", count(n?))));
    // Children that nobody waited for are recorded, but in no usage.
    let bound = if had_children { "at least " } else { "" };
    Some(format!(
        "{bound}{} in rusage that perf events do not show: starting the program, MAP_POPULATE, mlock, \
         pinned I/O",
        parts.collect::<Vec<_>>().join(" and ")
    ))
}

fn apart(loaded: &Loaded) -> Option<String> {
    let scope = Scope::of(loaded);
    let exactness = &loaded.analysis.exactness;
    let parts = [
        (loaded.class_count(Class::Failed), "failed"),
        (exactness.in_flight, "in flight when their thread or the recording ended"),
        (exactness.unresolved, "unresolved"),
        (
            if scope.latency { exactness.without_entry } else { 0 },
            "without entry (latency unknown)",
        ),
        (
            exactness.negative_latency,
            "with negative latency (unknown; a second listener with another clock may be the cause)",
        ),
        (exactness.interrupted, "interrupted and resumed"),
    ];
    let parts = parts.into_iter().filter(|&(n, _)| n > 0);
    let mut parts: Vec<String> = parts.map(|(n, what)| format!("{} {what}", count(n))).collect();
    let reasons = failure::tally(loaded);
    if let (Some(failed), false) = (parts.first_mut(), reasons.is_empty()) {
        let reasons = match reasons.as_slice() {
            [(_, reason)] => (*reason).to_owned(),
            reasons => reasons
                .iter()
                .map(|&(n, reason)| format!("{} {reason}", count(n)))
                .collect::<Vec<_>>()
                .join(", "),
        };
        *failed = format!("{} failed ({reasons})", count(loaded.class_count(Class::Failed)));
    }
    // Without entries, and among major faults alone, nothing of the kind could be seen.
    let none = || {
        (scope.latency && !scope.major_only)
            .then(|| "none failed, unresolved, in flight or without entry".into())
    };
    if parts.is_empty() { none() } else { Some(parts.join(", ")) }
}

fn bias(loaded: &Loaded) -> Option<String> {
    let number = |key| loaded.fact(key)?.trim().parse::<u64>().ok();
    let bias = number(fact::LATENCY_BIAS_NS).filter(|_| Scope::of(loaded).latency)?;
    let spread = number(fact::LATENCY_BIAS_SPREAD_NS);
    let spread = spread.map_or_else(String::new, |ns| format!(" (spread {})", duration(ns)));
    Some(format!("includes about {}{spread} of recording per fault", duration(bias)))
}
