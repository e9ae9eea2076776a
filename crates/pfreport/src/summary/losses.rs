//! What was lost while recording, when, and on which CPU.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use pfmodel::table::Loss;
use pft::keys::{fact, ledger};

use super::screen::Screen;
use crate::load::Loaded;
use crate::scope::{Kind, Scope};
use crate::units::{bytes, count, counted, moment};

/// Stretches of time with losses that are listed one by one.
const LISTED: usize = 3;

pub fn write(screen: &mut Screen, loaded: &Loaded) {
    for line in lines(loaded) {
        screen.labelled("LOST", &line);
    }
}

fn lines(loaded: &Loaded) -> Vec<String> {
    let lost = loaded.lost_records();
    let scope = Scope::of(loaded);
    let mut lines = Vec::new();
    if lost.faults > 0 {
        let ring = loaded.fact(fact::RING_BYTES_PER_CPU).and_then(|text| text.parse().ok());
        let ring = ring
            .map_or_else(String::new, |size| format!("; the rings held {} per CPU", bytes(size)));
        let dropped = loaded.counted(ledger::DROPPED_RECORDER).filter(|&n| n > 0);
        let dropped = dropped.map_or_else(String::new, |n| {
            format!(", {} of them dropped by the recorder, which fell behind", count(n))
        });
        // The rings hold the records of all tasks.
        let whose = match scope {
            Scope { by_cpu: true, .. } if scope.kind != Kind::System => " of whatever task",
            _ => "",
        };
        lines.push(format!("{} of faults{whose}{dropped}{ring}", counted(lost.faults, "record")));
    }
    if loaded.unparsed() > 0 {
        let records = counted(loaded.unparsed(), "record");
        lines.push(format!("{records} that the recorder could not parse"));
    }
    if lost.maps > 0 {
        lines.push(format!(
            "{} of mappings or tasks: regions near the loss may be wrong",
            counted(lost.maps, "record")
        ));
    }
    if lost.others > 0 {
        lines.push(format!(
            "{} of signals or OOM kills: failed accesses and victims may be missing",
            counted(lost.others, "record")
        ));
    }
    let unwatched = loaded.unwatched_cpus();
    if unwatched > 0 {
        lines.push(format!(
            "{} came online while recording: faults on them are missing, and not counted",
            counted(unwatched, "CPU")
        ));
    }
    lines.extend(stretches(&loaded.analysis.exactness.losses));
    lines
}

/// When and on which CPU records were lost: the largest stretches one by one in order of time, the
/// others together.
fn stretches(losses: &[Loss]) -> Vec<String> {
    let mut by_size: Vec<&Loss> = losses.iter().collect();
    by_size.sort_by_key(|loss| Reverse(loss.count));
    let (largest, rest) = by_size.split_at(by_size.len().min(LISTED));
    let mut largest = largest.to_vec();
    largest.sort_by_key(|loss| (loss.from_ns, loss.to_ns));
    let mut lines: Vec<String> = largest.iter().map(|loss| stretch(loss)).collect();
    let span = rest.iter().fold((u64::MAX, 0), |(from_ns, to_ns), loss| {
        (loss.from_ns.min(from_ns), loss.to_ns.max(to_ns))
    });
    let cpus: BTreeSet<u32> = rest.iter().map(|loss| loss.cpu).collect();
    if !rest.is_empty() {
        let records = rest.iter().map(|loss| loss.count).fold(0, u64::saturating_add);
        let stretches = if rest.len() == 1 { "stretch" } else { "stretches" };
        let cpus = match cpus.first() {
            Some(cpu) if cpus.len() == 1 => format!("CPU {cpu}"),
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

fn stretch(loss: &Loss) -> String {
    let by = if loss.by_recorder { "recorder fell behind" } else { "ring full" };
    format!(
        "{} between {} and {} on CPU {} ({by})",
        counted(loss.count, "record"),
        moment(loss.from_ns),
        moment(loss.to_ns),
        loss.cpu
    )
}

#[cfg(test)]
mod tests {
    use pfmodel::table::Loss;

    use super::stretches;

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
        assert_eq!(stretches(&losses), expected);
        let rest = "1 record in 1 more stretch between 3.000 s and 3.002 s on CPU 1";
        assert_eq!(
            stretches(&[loss(3, 1, 1), losses[0].clone(), losses[2].clone(), losses[4].clone()])[3],
            rest
        );
        assert_eq!(stretches(&[]), [""; 0]);
    }
}
