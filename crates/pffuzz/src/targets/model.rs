//! What a trace means, whatever it says.

use std::convert::Infallible;

use pfmodel::table::{Analysis, FaultTable};
use pfmodel::{Recording, Wanted, analyse_in_parts};
use pft::record::{FaultBatch, Frame};

use super::samples::noise;
use crate::forge::HEADER;
use crate::random::Source;

/// Records made from the bytes, in any order and number.
///
/// Whatever they say: every fault is a row or counted as one of which nothing is known; rows are in order of
/// time and refer to processes, names and mappings that there are; a mapping holds the addresses of its rows;
/// and in parts the rows are the same.
pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut recording = Recording::new(HEADER);
    let mut batches: Vec<FaultBatch> = Vec::new();
    while !source.is_empty() {
        let Ok(frame) = source.choose_kind().and_then(|kind| (kind.random)(&mut source)) else {
            break;
        };
        if let Some(Frame::Faults(batch)) = recording.add(frame) {
            batches.push(batch);
        }
    }
    let recorded: usize = batches.iter().map(|batch| batch.columns.len()).sum();
    let whole = rows_in_parts(&recording, &batches, usize::MAX, |analysis| {
        check(analysis, recorded as u64);
    });
    assert!(rows_in_parts(&recording, &batches, 7, |_| ()) == whole, "other rows in parts");
}

/// What is said of each fault. All in one part goes the way of [`pfmodel::analyse`], without a thread, which would
/// take longer than all the rest.
fn rows_in_parts(
    recording: &Recording,
    batches: &[FaultBatch],
    part_rows: usize,
    check: impl Fn(&Analysis),
) -> Vec<Row> {
    // No fault begins before the beginning of time.
    let in_order = || batches.iter().cloned().map(|batch| (0, batch));
    let mut rows = Vec::new();
    let take = |part: &mut Analysis| {
        check(part);
        rows.extend((0..part.faults.len()).map(|n| row(&part.faults, n)));
        Ok::<(), Infallible>(())
    };
    let Ok(_) = analyse_in_parts(recording.clone(), in_order, &Wanted::all(1000), part_rows, take);
    rows
}

fn check(analysis: &Analysis, recorded: u64) {
    let (faults, exactness) = (&analysis.faults, &analysis.exactness);
    let len = faults.len();
    assert_eq!(len as u64 + exactness.in_flight + exactness.unresolved, recorded);
    assert_eq!(exactness.faults, len as u64);
    assert_eq!(exactness.classes.iter().sum::<u64>(), len as u64);
    assert_eq!(exactness.map_confidence.iter().sum::<u64>(), len as u64);
    assert!(faults.time_ns.is_sorted());
    for row in 0..len {
        assert!((faults.proc[row] as usize) < analysis.processes.len());
        assert!((faults.comm[row] as usize) < analysis.comms.len());
        let process = &analysis.processes[faults.proc[row] as usize];
        if let Some(cgroup) = process.cgroup_at(faults.time_ns[row]) {
            assert!((cgroup as usize) < analysis.cgroups.len());
        }
        if let Some(mapping) = analysis.mappings.get(faults.mapping[row] as usize) {
            assert!((mapping.start..mapping.end).contains(&faults.addr[row]));
            assert_eq!(mapping.proc, faults.proc[row]);
        }
    }
    for mapping in &analysis.mappings {
        assert!(mapping.start < mapping.end && mapping.valid_from_ns <= mapping.valid_to_ns);
    }
}

type Row = (u64, u64, u64, u8, u8, u8, u32);

/// What is said of a fault, as far as it refers to nothing else.
fn row(faults: &FaultTable, row: usize) -> Row {
    (
        faults.time_ns[row],
        faults.addr[row],
        faults.latency_ns[row],
        faults.class[row] as u8,
        faults.cause[row] as u8,
        faults.map_confidence[row] as u8,
        faults.mapping[row],
    )
}

pub fn seeds() -> Vec<Vec<u8>> {
    (0..16).map(|seed| noise(100 + seed, 2000)).collect()
}
