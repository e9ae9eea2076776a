//! What was lost while recording, when, and on which CPU.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use pfmodel::table::Loss;
use pft::keys::fact;

use super::screen::Screen;
use crate::figures::accounts::LostRecords;
use crate::figures::scope::{Kind, Scope};
use crate::load::Loaded;
use crate::print::units::{bytes, count, counted, moment};

/// Stretches of time with losses that are listed one by one.
const LISTED: usize = 3;

pub fn write(screen: &mut Screen, loaded: &Loaded) {
    for line in lines(loaded) {
        screen.labelled("LOST", &line);
    }
}

fn lines(loaded: &Loaded) -> Vec<String> {
    let lost = loaded.lost_records();
    let failed = loaded.fact(fact::RECORDING_ENDED_BY) == Some("failure");
    let mut lines = Vec::new();
    lines.extend(faults(loaded, &lost));
    if lost.dropped > 0 {
        let faults = counted(lost.dropped, "fault");
        let why = if failed { "could not write any more" } else { "fell behind" };
        lines.push(format!("{faults} dropped by the recorder, which {why}"));
    }
    let others = [
        (lost.error_codes, "of error codes of faults in kernel mode: their access is unknown"),
        (loaded.unparsed(), "that the recorder could not parse"),
        (lost.sideband, "of mappings or tasks: regions near the loss may be wrong"),
        (lost.calls, "of calls that change mappings: regions near the loss may be wrong"),
        (lost.signals, "of signals: failed accesses may be missing"),
        (lost.oom, "of OOM kills: victims may be missing"),
    ];
    let others = others.into_iter().filter(|&(n, _)| n > 0);
    lines.extend(others.map(|(n, what)| format!("{} {what}", counted(n, "record"))));
    let unwatched = loaded.unwatched_cpus();
    if unwatched > 0 {
        lines.push(format!(
            "{} came online while recording: faults on them are missing, and not counted",
            counted(unwatched, "CPU")
        ));
    }
    lines.extend(stretches(&loaded.analysis.exactness.losses, failed));
    lines
}

/// What the rings lost of faults: a completion is a fault, and so adds up with those captured; an entry is
/// only a part of one.
fn faults(loaded: &Loaded, lost: &LostRecords) -> Option<String> {
    let scope = Scope::of(loaded);
    // The rings hold the records of all tasks.
    let whose = match scope {
        Scope { by_cpu: true, .. } if scope.kind != Kind::System => " of whatever task",
        _ => "",
    };
    let completions = (lost.completions > 0)
        .then(|| format!("{}{whose} (completions)", counted(lost.completions, "fault")));
    let entries = (lost.entries > 0).then(|| {
        let noun = if lost.entries == 1 { "entry" } else { "entries" };
        format!("{} {noun}{whose} (without one a latency is unknown)", count(lost.entries))
    });
    let parts: Vec<String> = completions.into_iter().chain(entries).collect();
    let ring = loaded.fact(fact::RING_BYTES_PER_CPU).and_then(|text| text.parse().ok());
    let ring =
        ring.map_or_else(String::new, |size| format!("; the rings held {} per CPU", bytes(size)));
    (!parts.is_empty()).then(|| format!("{}{ring}", parts.join(" and ")))
}

/// When and on which CPU records were lost: the largest stretches one by one in order of time, the
/// others together.
fn stretches(losses: &[Loss], failed: bool) -> Vec<String> {
    let mut by_size: Vec<&Loss> = losses.iter().collect();
    by_size.sort_by_key(|loss| Reverse(loss.count));
    let (largest, rest) = by_size.split_at(by_size.len().min(LISTED));
    let mut largest = largest.to_vec();
    largest.sort_by_key(|loss| (loss.from_ns, loss.to_ns));
    let mut lines: Vec<String> = largest.iter().map(|loss| stretch(loss, failed)).collect();
    let span = rest.iter().fold((u64::MAX, 0), |(from_ns, to_ns), loss| {
        (loss.from_ns.min(from_ns), loss.to_ns.max(to_ns))
    });
    let cpus: BTreeSet<u32> = rest.iter().map(|loss| loss.cpu).collect();
    if !rest.is_empty() {
        let records = rest.iter().map(|loss| loss.count).fold(0, u64::saturating_add);
        let stretches = if rest.len() == 1 { "stretch" } else { "stretches" };
        let cpus = match cpus.first() {
            Some(&cpu) if cpus.len() == 1 => cpu_name(cpu),
            _ => counted(cpus.len() as u64, "CPU"),
        };
        lines.push(format!(
            "{} in {} more {stretches} between {} and {} on {cpus}",
            counted(records, "record"),
            count(rest.len() as u64),
            moment(span.0),
            moment(span.1)
        ));
    }
    lines
}

fn stretch(loss: &Loss, failed: bool) -> String {
    let by = match loss.by_recorder {
        false => "ring full",
        true if failed => "recorder fell behind, or could not write",
        true => "recorder fell behind",
    };
    format!(
        "{} between {} and {} on {} ({by})",
        counted(loss.count, "record"),
        moment(loss.from_ns),
        moment(loss.to_ns),
        cpu_name(loss.cpu)
    )
}

fn cpu_name(cpu: u32) -> String {
    // Other recorders may not tell.
    if cpu == u32::MAX { "an unknown CPU".to_owned() } else { format!("CPU {cpu}") }
}

#[cfg(test)]
mod tests {
    use pfmodel::table::Loss;

    use pft::keys::{fact, ledger};

    use super::{lines, stretches};
    use crate::made_up;

    #[test]
    fn each_kind_of_record_is_called_by_its_name() {
        let mut loaded = made_up::empty();
        let lost = [
            (ledger::MINOR_FAULTS_LOST, 1_000),
            (ledger::MAJOR_FAULTS_LOST, 1),
            (ledger::TRACEPOINT_USER_LOST, 900),
            (ledger::PAGE_FAULTS_LOST, 9),
            (ledger::TRACEPOINT_KERNEL_LOST, 5),
            (ledger::DROPPED_RECORDER, 7),
            (ledger::CALLS_LOST, 76),
            (ledger::SIGNAL_LOST, 2),
            (ledger::OOM_LOST, 1),
        ];
        loaded.ledger = lost.map(|(key, n)| (key.to_owned(), n)).into();
        loaded.facts.insert(fact::RING_BYTES_PER_CPU.to_owned(), "65536".to_owned());
        let expected = [
            "1,001 faults (completions) and 909 entries (without one a latency is unknown); the rings \
             held 64 KiB per CPU",
            "7 faults dropped by the recorder, which fell behind",
            "5 records of error codes of faults in kernel mode: their access is unknown",
            "76 records of calls that change mappings: regions near the loss may be wrong",
            "2 records of signals: failed accesses may be missing",
            "1 record of OOM kills: victims may be missing",
        ];
        assert_eq!(lines(&loaded), expected);
        loaded.facts = [(fact::TARGET_KIND, "command"), (fact::CAPTURE_REACH, "cpu")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        loaded.ledger = [(ledger::PAGE_FAULTS_LOST.to_owned(), 1)].into();
        let entry = "1 entry of whatever task (without one a latency is unknown)";
        assert_eq!(lines(&loaded), [entry]);
    }

    #[test]
    fn the_largest_stretches_are_listed_in_order_of_time() {
        let loss = |second: u64, cpu, count| Loss {
            from_ns: second * 1_000_000_000,
            to_ns: second * 1_000_000_000 + 2_000_000,
            cpu,
            by_recorder: second == 9,
            count,
        };
        let losses = [loss(9, 0, 70), loss(1, 0, 5), loss(2, 1, 60), loss(3, 1, 1), loss(4, 0, 50)];
        let expected = [
            "60 records between 2.000 s and 2.002 s on CPU 1 (ring full)",
            "50 records between 4.000 s and 4.002 s on CPU 0 (ring full)",
            "70 records between 9.000 s and 9.002 s on CPU 0 (recorder fell behind)",
            "6 records in 2 more stretches between 1.000 s and 3.002 s on 2 CPUs",
        ];
        assert_eq!(stretches(&losses, false), expected);
        let rest = "1 record in 1 more stretch between 3.000 s and 3.002 s on CPU 1";
        assert_eq!(
            stretches(
                &[loss(3, 1, 1), losses[0].clone(), losses[2].clone(), losses[4].clone()],
                false
            )[3],
            rest
        );
        assert_eq!(stretches(&[], false), [""; 0]);
    }
}
