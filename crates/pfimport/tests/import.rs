//! Recordings made byte by byte, and what becomes of them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Cursor;

use pfdamage::perf_data::{Event, PerfData as Recording};
use pfimport::{Error, Imported, Options, PerfData, import};
use pfmodel::names::{Access, Class};
use pfmodel::table::Analysis;
use pft::Trace;
use pft::record::{FaultBatch, Frame, LATENCY_UNKNOWN, Outcome, SnapshotReason, TaskKind, flags};
use pft::verify::verify;

fn imported(bytes: Vec<u8>) -> Result<(Imported, Trace), Error> {
    let options = Options { uuid: *b"an imported one!" };
    let (imported, trace) = import(PerfData::open(Cursor::new(bytes))?, Vec::new(), &options)?;
    let trace = Trace::from_bytes(trace).unwrap();
    let report = verify(&trace, 3).unwrap();
    let is_cut = u64::from(imported.cut.is_some());
    assert!(report.findings.total() <= is_cut, "{:?}", report.findings);
    Ok((imported, trace))
}

fn frames(trace: &Trace) -> Vec<Frame> {
    trace.iter().map(|(_, frame)| frame.unwrap()).collect()
}

fn faults(frames: &[Frame]) -> Vec<FaultBatch> {
    let batch = |frame: &Frame| match frame {
        Frame::Faults(batch) => Some(batch.clone()),
        _ => None,
    };
    frames.iter().filter_map(batch).collect()
}

fn analysed(trace: &Trace) -> Analysis {
    let mut model = pfmodel::Recording::new(trace.header().clone());
    let frames = frames(trace);
    let faults = faults(&frames);
    for frame in frames {
        match frame {
            Frame::Host(facts) => model.facts.extend(facts),
            Frame::Tasks(tasks) => model.tasks.extend(tasks),
            Frame::Maps(maps) => model.maps.extend(maps),
            Frame::Snapshot(snapshot) => model.snapshots.push(snapshot),
            Frame::Checkpoint(checkpoint) => model.checkpoint = Some(checkpoint),
            _ => {}
        }
    }
    pfmodel::analyse(model, faults, &pfmodel::Options::default())
}

#[test]
fn entries_and_completions_are_paired_over_all_rounds() {
    let (of_file, trace) = imported(Recording::sample_of_all().file()).unwrap();
    assert_eq!((of_file.faults, of_file.completed, of_file.lost), (7, (5, 1), 3));
    assert_eq!((of_file.cut, of_file.unparsed, of_file.late), (None, 0, 0));
    assert!(of_file.latency && of_file.wall_clock && of_file.data_mappings);
    let mut rows = Vec::new();
    for FaultBatch { columns, .. } in faults(&frames(&trace)) {
        rows.extend((0..columns.len()).map(|row| {
            let outcome = columns.flags[row] & flags::OUTCOME_MASK;
            (columns.tid[row], columns.latency_ns[row], outcome)
        }));
    }
    let (minor, major) = (Outcome::Minor as u32, Outcome::Major as u32);
    let own: Vec<_> = rows.iter().filter(|row| row.0 == 8).map(|row| (row.1, row.2)).collect();
    assert_eq!(own, [(900, minor), (900, minor), (900, minor), (900, major), (900, minor)]);
    let other: Vec<_> = rows.iter().filter(|row| row.0 == 7).map(|row| (row.1, row.2)).collect();
    let unknown = (LATENCY_UNKNOWN, Outcome::Unknown as u32);
    assert_eq!(other, [(1_000, minor), unknown], "records were lost since");
    assert_eq!(trace.header().start_ns, 10_000);
    assert_eq!(trace.header().start_realtime_ns, 1_700_000_000_000_005_000);
    let mut packed = Recording::sample_of_all();
    packed.pack();
    for bytes in [Recording::sample_of_all().stream(), packed.file(), packed.stream()] {
        assert_eq!(imported(bytes).unwrap().0, of_file);
    }
}

#[test]
fn what_was_there_before_is_a_part_of_what_was_mapped() {
    let (_, trace) = imported(Recording::sample_of_all().file()).unwrap();
    let (mut snapshots, mut tasks) = (Vec::new(), Vec::new());
    for frame in frames(&trace) {
        match frame {
            Frame::Snapshot(snapshot) => snapshots.push(snapshot),
            Frame::Tasks(some) => tasks.extend(some.iter().map(|task| (task.kind, task.tid))),
            _ => {}
        }
    }
    let [snapshot] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    assert_eq!((snapshot.pid, snapshot.reason), (7, SnapshotReason::Query));
    assert_eq!((snapshot.start_ns, snapshot.vmas.len()), (10_000, 1));
    assert!(tasks.contains(&(TaskKind::Present, 7)) && tasks.contains(&(TaskKind::Exec, 8)));
}

#[test]
fn entries_alone_are_rows_of_unknown_class() {
    let mut recording = Recording::new(&[Event::User]);
    recording.comm(8, 10_000, "program", true);
    recording.map(8, 12_000, (0x70_0000, 0x80_0000), "//anon");
    for (time_ns, addr) in [(20_000, 0x70_0000), (30_000, 0x70_0008), (40_000, 0x10)] {
        recording.sample(Event::User, 8, time_ns, addr, 0x40_0000);
    }
    let (imported, trace) = imported(recording.file()).unwrap();
    assert_eq!((imported.faults, imported.recorded), (3, (true, false)));
    let analysis = analysed(&trace);
    let table = &analysis.faults;
    assert!(table.class.iter().eq(&[Class::Unknown; 3]));
    assert!(table.access.iter().eq(&[Access::Write; 3]));
    assert!(table.nth.iter().eq(&[1, 2, 1]));
    assert_eq!(analysis.exactness.unresolved, 0);
}

#[test]
fn what_no_fault_can_be_made_of_is_refused() {
    let mut recording = Recording::new(&[Event::Minor]);
    recording.sample(Event::Minor, 8, 20_000, 0x1000, 0x2000);
    recording.period = 7;
    let error = imported(recording.file()).unwrap_err();
    assert!(matches!(&error, Error::Sampled { how, .. } if how == "one in 7"), "{error}");
    assert!(error.is_unfit() && error.remedy().is_some_and(|what| what.contains("-c 1")));
    assert!(matches!(imported(Recording::new(&[]).file()), Err(Error::NoFaultEvent { .. })));
    assert!(matches!(imported(b"PERFILE2".to_vec()), Err(Error::NotPerfData)));
    assert!(matches!(imported(b"2ELIFREP\0\0\0\0\0\0\0\0".to_vec()), Err(Error::BigEndian)));
    let file = Recording::sample_of_all().file();
    assert!(matches!(PerfData::stream(file.as_slice()), Err(Error::NeedsSeek)));
}

#[test]
fn every_cut_is_an_error_or_a_part() {
    let whole = Recording::sample_of_all();
    for bytes in [whole.file(), whole.stream()] {
        for len in 0..bytes.len() {
            if let Ok((imported, _)) = imported(bytes[..len].to_vec()) {
                assert!(imported.faults <= 7, "{len}");
            }
        }
    }
    let mut recording = Recording::new(&[Event::Minor]);
    recording.sample(Event::Minor, 8, 20_000, 0x1000, 0x2000);
    let one = recording.stream().len();
    recording.sample(Event::Minor, 8, 30_000, 0x1000, 0x2000);
    let (part, trace) = imported(recording.stream()[..one + 20].to_vec()).unwrap();
    assert_eq!((part.faults, part.cut), (1, Some("the last record is cut")));
    let ends = frames(&trace).into_iter().any(|frame| match frame {
        Frame::Checkpoint(checkpoint) => checkpoint.end,
        _ => false,
    });
    assert!(!ends);
}
