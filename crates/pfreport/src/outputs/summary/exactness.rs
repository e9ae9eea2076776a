//! How complete the recording is, and what it cannot show.

use pfmodel::names::Class;
use pft::keys::{fact, ledger};

use super::counts::Counts;
use super::screen::Screen;
use super::{captured, code, limits};
use crate::figures::scope::{Kind, Scope};
use crate::figures::unseen::{Unseen, unseen};
use crate::load::Loaded;
use crate::print::units::{count, counted, duration};

pub fn write(screen: &mut Screen, loaded: &Loaded, counts: &Counts) {
    captured::write(screen, loaded);
    if let Some(line) = not_seen(loaded) {
        screen.labelled("not seen", &line);
    }
    if let Some(line) = apart(loaded, counts) {
        screen.labelled("apart", &line);
    }
    if let Some(n) = loaded.counted(ledger::CAPTURED_FOREIGN_IDS).filter(|&n| n > 0) {
        let records = counted(n, "record");
        let line = format!(
            "another recorder watched the same threads: {records} carried its identification, and where it \
             ran in another pid namespace, its numbers of processes and threads"
        );
        screen.labelled("foreign", &line);
    }
    if let Some(line) = mappings(loaded, counts) {
        screen.labelled("mappings", &line);
    }
    code::exactness(screen, loaded, counts);
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

/// Faults whose mapping is exact, inferred and unknown: of those that are selected, as all that is told of rows.
pub fn map_confidence(loaded: &Loaded, counts: &Counts) -> [u64; 3] {
    match loaded.selection {
        None => loaded.analysis.exactness.map_confidence,
        Some(_) => counts.map_confidence,
    }
}

fn mappings(loaded: &Loaded, counts: &Counts) -> Option<String> {
    let [exact, inferred, unknown] = map_confidence(loaded, counts);
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
            counted(exact, loaded.row_name()),
            count(inferred),
            count(unknown)
        )
    })
}

fn not_seen(loaded: &Loaded) -> Option<String> {
    let Unseen { minor, major, at_least } = unseen(loaded).filter(Unseen::is_any)?;
    let parts = [(minor, "minor"), (major, "major")];
    let parts = parts.into_iter().filter_map(|(n, name)| Some(format!("{} {name}", count(n?))));
    let bound = if at_least { "at least " } else { "" };
    let parts = parts.collect::<Vec<_>>().join(" and ");
    let attached = match Scope::of(loaded).kind {
        Kind::Processes => "; or faults while the events were being opened",
        _ => "",
    };
    let such = format!(
        "starting the program, MAP_POPULATE, mlock, pinned I/O, futex, process_vm_readv, \
         /proc/PID/mem{attached}"
    );
    Some(if loaded.analysis.exactness.kernel_mode {
        format!("{bound}{parts} in rusage that perf events do not show: {such}")
    } else {
        format!(
            "{bound}{parts} in rusage that were not captured: in kernel mode, or such as perf events \
             do not show ({such})"
        )
    })
}

/// Why accesses of the whole trace failed, the commonest reason first; none where not all of its faults are there
/// to tell.
pub fn failures(loaded: &Loaded, counts: &Counts) -> Option<Vec<(u64, &'static str)>> {
    loaded.selection.is_none().then(|| counts.failures())
}

fn apart(loaded: &Loaded, counts: &Counts) -> Option<String> {
    let scope = Scope::of(loaded);
    let exactness = &loaded.analysis.exactness;
    let parts = [
        (loaded.class_total(Class::Failed), "failed"),
        (loaded.class_total(Class::Unknown), "of unknown class (only their entry was recorded)"),
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
    let reasons = failures(loaded, counts).unwrap_or_default();
    if let (Some(failed), false) = (parts.first_mut(), reasons.is_empty()) {
        let reasons = match reasons.as_slice() {
            [(_, reason)] => (*reason).to_owned(),
            reasons => reasons
                .iter()
                .map(|&(n, reason)| format!("{} {reason}", count(n)))
                .collect::<Vec<_>>()
                .join(", "),
        };
        *failed = format!("{} failed ({reasons})", count(loaded.class_total(Class::Failed)));
    }
    // Without entries, and among major faults alone, nothing of the kind could be seen; and what damage
    // took cannot be told.
    let none = || {
        (scope.latency
            && !scope.major_only
            && scope.completions.are_all()
            && loaded.damage.is_empty())
        .then(|| "none failed, unresolved, in flight or without entry".into())
    };
    if parts.is_empty() { none() } else { Some(parts.join(", ")) }
}

/// What of each latency is the recording, and the spread of that, nanoseconds.
pub fn bias_ns(loaded: &Loaded) -> Option<(u64, Option<u64>)> {
    let number = |key| loaded.fact(key)?.trim().parse::<u64>().ok();
    let bias_ns = number(fact::LATENCY_BIAS_NS).filter(|_| Scope::of(loaded).latency)?;
    Some((bias_ns, number(fact::LATENCY_BIAS_SPREAD_NS)))
}

fn bias(loaded: &Loaded) -> Option<String> {
    let (bias_ns, spread_ns) = bias_ns(loaded)?;
    let spread = spread_ns.map_or_else(String::new, |ns| format!(" (spread {})", duration(ns)));
    Some(format!("includes about {}{spread} of recording per fault", duration(bias_ns)))
}
