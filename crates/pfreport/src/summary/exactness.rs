//! How complete the recording is, and what it cannot show.

use pfmodel::names::Class;
use pft::keys::{fact, ledger};

use super::class_count;
use super::screen::Screen;
use crate::load::{Balance, Loaded};
use crate::units::{bytes, count, counted, duration, moment};

/// Stretches of time with losses that are listed one by one.
const LOSSES_LISTED: usize = 3;

pub fn write(screen: &mut Screen, loaded: &Loaded) {
    let exactness = &loaded.analysis.exactness;
    screen.labelled("captured", &captured(loaded));
    for line in losses(loaded) {
        screen.labelled("LOST", &line);
    }
    if let Some(line) = reconciliation(loaded) {
        screen.labelled("counters", &line);
    }
    if let Some(line) = unseen(loaded) {
        screen.labelled("not seen", &line);
    }
    screen.labelled("apart", &apart(loaded));
    if let Some(n) = loaded.counted(ledger::CAPTURED_FOREIGN_IDS).filter(|&n| n > 0) {
        let records = counted(n, "record");
        let line = format!(
            "another recorder watched the same threads: {records} carried its identification"
        );
        screen.labelled("foreign", &line);
    }
    let [exact, inferred, unknown] = exactness.map_confidence;
    if exact + inferred + unknown > 0 {
        screen.labelled(
            "mappings",
            &format!(
                "exact for {}, inferred for {}, unknown for {}",
                counted(exact, "fault"),
                count(inferred),
                count(unknown)
            ),
        );
    }
    for line in limits(loaded) {
        screen.labelled("limits", line);
    }
    if let Some(line) = bias(loaded) {
        screen.labelled("latency", &line);
    }
}

fn captured(loaded: &Loaded) -> String {
    let exactness = &loaded.analysis.exactness;
    let faults = counted(exactness.faults, "fault");
    if loaded.is_whole() { format!("{faults}, none lost") } else { faults }
}

fn losses(loaded: &Loaded) -> Vec<String> {
    let losses = &loaded.analysis.exactness.losses;
    let (faults, sideband) = loaded.lost_records();
    let mut lines = Vec::new();
    if faults > 0 {
        let ring = loaded.fact(fact::RING_BYTES_PER_CPU).and_then(|text| text.parse().ok());
        let ring = ring
            .map_or_else(String::new, |size| format!("; the rings held {} per CPU", bytes(size)));
        let dropped = loaded.counted(ledger::DROPPED_RECORDER).filter(|&n| n > 0);
        let dropped = dropped.map_or_else(String::new, |n| {
            format!(", {} of them dropped by the recorder, which fell behind", count(n))
        });
        lines.push(format!("{} of faults{dropped}{ring}", counted(faults, "record")));
    }
    if loaded.unparsed() > 0 {
        let records = counted(loaded.unparsed(), "record");
        lines.push(format!("{records} that the recorder could not parse"));
    }
    if sideband > 0 {
        lines.push(format!(
            "{} of mappings or tasks: regions near the loss may be wrong",
            counted(sideband, "record")
        ));
    }
    for loss in losses.iter().take(LOSSES_LISTED) {
        let by = if loss.by_recorder { "recorder fell behind" } else { "ring full" };
        lines.push(format!(
            "{} between {} and {} on CPU {} ({by})",
            counted(loss.count, "record"),
            moment(loss.from_ns),
            moment(loss.to_ns),
            loss.cpu
        ));
    }
    if let Some(rest) = losses.get(LOSSES_LISTED..).filter(|rest| !rest.is_empty()) {
        let records = rest.iter().fold(0_u64, |sum, loss| sum.saturating_add(loss.count));
        let stretches =
            counted(rest.len() as u64, "later stretch").replace("stretchs", "stretches");
        lines.push(format!("{} in {stretches}", counted(records, "record")));
    }
    lines
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
    let parts: Vec<String> = loaded.balances().into_iter().map(in_words).collect();
    if parts.is_empty() {
        return Some(
            "none in the file: captured faults cannot be checked against the kernel's".into(),
        );
    }
    let as_of =
        if loaded.analysis.exactness.complete { "" } else { " (as of the last checkpoint)" };
    let verdict = if loaded.is_balanced() { "" } else { ": the recording is not exact" };
    Some(format!("captured + lost: {}{as_of}{verdict}", parts.join("; ")))
}

/// Faults that the process's own accounting has and perf's events have not.
fn unseen(loaded: &Loaded) -> Option<String> {
    let missing =
        |usage, event| Some(loaded.counted(usage)?.saturating_sub(loaded.counted(event)?));
    let minor = missing(ledger::RUSAGE_MINOR_FAULTS, ledger::MINOR_FAULTS_COUNT)?;
    let major = missing(ledger::RUSAGE_MAJOR_FAULTS, ledger::MAJOR_FAULTS_COUNT)?;
    (minor + major > 0).then(|| {
        format!(
            "{} minor and {} major in rusage that perf events do not show: starting the program, \
             MAP_POPULATE, mlock, pinned I/O{}",
            count(minor),
            count(major),
            if loaded.analysis.exactness.kernel_mode { "" } else { ", kernel mode" }
        )
    })
}

fn apart(loaded: &Loaded) -> String {
    let exactness = &loaded.analysis.exactness;
    let parts = [
        (class_count(loaded, Class::Failed), "failed (invalid access or EFAULT)"),
        (exactness.in_flight, "in flight at the end"),
        (exactness.unresolved, "unresolved"),
        (exactness.without_entry, "without entry (latency unknown)"),
        (
            exactness.negative_latency,
            "with negative latency (unknown; a second listener with another clock may be the cause)",
        ),
        (exactness.interrupted, "interrupted and resumed"),
    ];
    let parts = parts.into_iter().filter(|&(n, _)| n > 0);
    let parts: Vec<String> = parts.map(|(n, what)| format!("{} {what}", count(n))).collect();
    if parts.is_empty() {
        "none failed, unresolved, in flight or without entry".to_owned()
    } else {
        parts.join(", ")
    }
}

fn limits(loaded: &Loaded) -> Vec<&'static str> {
    let exactness = &loaded.analysis.exactness;
    let mut lines = Vec::new();
    if !exactness.kernel_mode && loaded.fact(fact::CAPTURE_KERNEL_MODE).is_none() {
        lines.push(
            "no faults in kernel mode (inside system calls): the facts that would tell whether they \
             were recorded are missing from the file",
        );
    } else if !exactness.kernel_mode {
        lines.push("faults in kernel mode (inside system calls) were not recorded: needs CAP_PERFMON or root");
    }
    if !exactness.error_code {
        lines.push("no error codes: writes are not told from reads, copy-on-write not from other minor faults");
    }
    lines
}

fn bias(loaded: &Loaded) -> Option<String> {
    let number = |key| loaded.fact(key)?.trim().parse::<u64>().ok();
    let bias = number(fact::LATENCY_BIAS_NS)?;
    let spread = number(fact::LATENCY_BIAS_SPREAD_NS);
    let spread = spread.map_or_else(String::new, |ns| format!(" (spread {})", duration(ns)));
    Some(format!("includes about {}{spread} of recording per fault", duration(bias)))
}
