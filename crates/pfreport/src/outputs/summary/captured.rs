//! How many faults were captured, and how that stands to what the kernel counted.

use pfmodel::names::Class;
use pft::keys::ledger;

use super::losses;
use super::screen::Screen;
use crate::figures::accounts::{Balance, Stored, Taken};
use crate::figures::scope::Scope;
use crate::load::Loaded;
use crate::print::units::{count, counted, duration};

pub fn write(screen: &mut Screen, loaded: &Loaded) {
    screen.labelled("captured", &captured(loaded));
    if let Some(line) = left_out(loaded) {
        screen.labelled("left out", &line);
    }
    losses::write(screen, loaded);
    if let Some(line) = reconciliation(loaded) {
        screen.labelled("counters", &line);
    }
}

fn captured(loaded: &Loaded) -> String {
    let stored = loaded.analysis.exactness.faults;
    let taken = loaded.taken_by_damage();
    let least = duration(Scope::of(loaded).min_latency_ns);
    let [minor, major] = loaded.skipped().unwrap_or_default();
    let skipped = minor.saturating_add(major);
    let all = stored.saturating_add(skipped);
    let mut text = match taken {
        Some(_) => format!("{} known from the file", counted(all, "fault")),
        None if loaded.is_whole() => format!("{}, none lost", counted(all, "fault")),
        None => counted(all, "fault"),
    };
    let mut parts = Vec::new();
    let failed = loaded.class_total(Class::Failed);
    if failed > 0 {
        let completed = count(all.saturating_sub(failed));
        parts.push(format!("{completed} completed, {} failed", count(failed)));
    }
    match loaded.skipped() {
        Some([0, 0]) => {}
        Some(_) => parts.push(format!(
            "{} stored, {} ({} minor, {} major) took less than {least} and were counted only",
            count(stored),
            count(skipped),
            count(minor),
            count(major)
        )),
        None => parts.push(format!(
            "those that took less than {least} were not stored, their number is not known"
        )),
    }
    if !parts.is_empty() {
        text.push_str(": ");
        text.push_str(&parts.join("; "));
    }
    if let Some(taken) = taken {
        text.push_str("; ");
        text.push_str(&in_words(taken));
    }
    text
}

fn in_words(taken: Taken) -> String {
    match taken {
        Taken::Exactly(0) => "the damage took none that completed".into(),
        Taken::Exactly(n) => format!("{} more completed, and the damage took them", count(n)),
        Taken::AtLeast(0) => "how many more there were is not known".into(),
        Taken::AtLeast(n) => {
            format!("at least {} more completed and are missing from it", count(n))
        }
    }
}

/// What was read because it shares the rings with the targets.
fn left_out(loaded: &Loaded) -> Option<String> {
    let of = |minor, major, whose| {
        let [minor, major] = [minor, major].map(|key| loaded.sum(&[key]));
        (minor.max(major) > 0).then(|| {
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

/// What was captured and lost against what the kernel counted.
fn reconciliation(loaded: &Loaded) -> Option<String> {
    let in_words = |balance: Balance| {
        let Balance { name, ours, kernel } = balance;
        if balance.is_even() {
            format!("{name} {} = the kernel's", count(kernel))
        } else if ours == u64::MAX {
            format!("{name} more than can be counted, so that nothing can be compared")
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
    // The words are those of the lines above, so that the numbers add up.
    let failed = loaded.class_total(Class::Failed) > 0;
    let mut terms = vec![if failed { "completed" } else { "captured" }];
    terms.extend(left_out(loaded).map(|_| "left out"));
    let twice = loaded.received_twice();
    let received_twice = format!("{} received twice", count(twice));
    terms.extend((twice > 0).then_some(received_twice.as_str()));
    let keys = [ledger::COUNTED_UNRECORDED_MINOR, ledger::COUNTED_UNRECORDED_MAJOR];
    let unrecorded = loaded.sum(&keys);
    let without_record = format!("{} counted without a record", count(unrecorded));
    terms.extend((unrecorded > 0).then_some(without_record.as_str()));
    terms.push("lost");
    let terms = terms.join(" + ");
    // What was counted then is no longer what the file holds.
    let before = match loaded.taken_by_damage() {
        None | Some(Taken::Exactly(0)) => "",
        Some(_) => "before the damage, ",
    };
    let as_of =
        if loaded.analysis.exactness.complete { "" } else { " (as of the last checkpoint)" };
    let verdict = if loaded.is_balanced() { "" } else { ": the recording is not exact" };
    Some(format!("{before}{terms}: {}{as_of}{verdict}", parts.join("; ")))
}
