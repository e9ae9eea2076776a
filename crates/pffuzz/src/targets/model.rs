//! What a trace means, whatever it says.

use pfmodel::{Options, Recording, Wanted, analyse, analyse_in_parts};
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
        match frame {
            Frame::Host(facts) => recording.facts.extend(facts),
            Frame::Tasks(tasks) => recording.tasks.extend(tasks),
            Frame::Maps(maps) => recording.maps.extend(maps),
            Frame::Snapshot(snapshot) => recording.snapshots.push(snapshot),
            Frame::Faults(batch) => batches.push(batch),
            Frame::Lost(losses) => recording.lost.extend(losses),
            Frame::Checkpoint(checkpoint) => recording.checkpoint = Some(checkpoint),
            Frame::Calls(calls) => recording.calls.extend(calls),
            Frame::CallChains(chains) => recording.call_chains.extend(chains),
            Frame::Modules(modules) => recording.modules.extend(modules),
            Frame::Symbols(symbols) => recording.symbols.extend(symbols),
            Frame::StackPointers(records) => recording.stack_pointers.extend(records),
            _ => {}
        }
    }
    let rows: usize = batches.iter().map(|batch| batch.columns.len()).sum();
    let options = Options { slow_threshold_ns: Some(1000) };
    let analysis = analyse(recording.clone(), batches.clone(), &options);

    let (faults, exactness) = (&analysis.faults, &analysis.exactness);
    let len = faults.len();
    assert_eq!(len as u64 + exactness.in_flight + exactness.unresolved, rows as u64);
    assert_eq!(exactness.faults, len as u64);
    assert_eq!(exactness.classes.iter().sum::<u64>(), len as u64);
    assert_eq!(exactness.map_confidence.iter().sum::<u64>(), len as u64);
    assert!(faults.time_ns.is_sorted());
    for row in 0..len {
        assert!((faults.proc[row] as usize) < analysis.processes.len());
        assert!((faults.comm[row] as usize) < analysis.comms.len());
        if let Some(mapping) = analysis.mappings.get(faults.mapping[row] as usize) {
            assert!((mapping.start..mapping.end).contains(&faults.addr[row]));
            assert_eq!(mapping.proc, faults.proc[row]);
        }
    }
    for mapping in &analysis.mappings {
        assert!(mapping.start < mapping.end && mapping.valid_from_ns <= mapping.valid_to_ns);
    }

    let mut parts = Vec::new();
    let mut take = |part: &mut pfmodel::table::Analysis| {
        parts.extend(part.faults.time_ns.iter().copied().zip(part.faults.addr.iter().copied()));
        Ok::<(), std::convert::Infallible>(())
    };
    let in_order = || batches.iter().cloned().map(|batch| (0, batch));
    let Ok(_) = analyse_in_parts(recording, in_order, &Wanted::all(1000), 7, &mut take);
    assert!(parts.iter().copied().eq(faults.time_ns.iter().copied().zip(faults.addr.iter().copied())));
}

pub fn seeds() -> Vec<Vec<u8>> {
    (0..16).map(|seed| noise(100 + seed, 2000)).collect()
}
