use std::fs;
use std::path::Path;
use std::time::Duration;

use pft::Trace;
use pft::keys::{fact as fact_keys, ledger as ledger_keys};
use pft::record::{Frame, LedgerEntry, SnapshotReason, TaskKind, Vma};

use super::flight::MAX_UNDER_WAY;
use super::*;
use crate::drain::batch::FaultRow;

mod naming;

const SECOND_NS: u64 = 1_000_000_000;

pub fn row(time_ns: u64, tid: u32) -> FaultRow {
    FaultRow { time_ns, latency_ns: 1, addr: 2, ip: 3, pid: 4, tid, ..FaultRow::default() }
}

pub fn header() -> TraceHeader {
    TraceHeader {
        uuid: [7; 16],
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: 0,
        start_realtime_ns: 1_000_000,
    }
}

pub fn task(kind: TaskKind, time_ns: u64, tid: u32, comm: &str) -> TaskRecord {
    let comm = comm.as_bytes().to_vec();
    TaskRecord { time_ns, kind, pid: 4, tid, parent_pid: 0, parent_tid: 0, comm }
}

pub fn snapshot(reason: SnapshotReason, start_ns: u64) -> Item {
    let vma = Vma {
        start: 0x1000,
        end: 0x2000,
        prot: 1,
        shared: false,
        file_offset: 0,
        dev_major: 0,
        dev_minor: 0,
        inode: 0,
        path: b"[heap]".to_vec(),
    };
    Item::Snapshot(Snapshot { pid: 4, start_ns, end_ns: start_ns + 1, reason, vmas: vec![vma] })
}

pub fn mark(time_ns: u64, name: &str) -> Item {
    Item::Marks(vec![MarkRecord { time_ns, name: name.as_bytes().to_vec() }])
}

fn plan(destination: Destination) -> StorePlan {
    StorePlan {
        destination,
        overwrite: false,
        header: header(),
        level: 1,
        max_bytes: None,
        has_entries: true,
        flight: None,
        naming: None,
    }
}

/// A flight recorder with a window of ten seconds.
fn flight(path: &Path) -> Store {
    let window = Duration::from_secs(10);
    Store::create(&StorePlan {
        flight: Some(Flight { window, trigger_latency: None }),
        ..plan(Destination::File(path.to_owned()))
    })
    .unwrap()
}

/// Waits for the next file.
fn next(store: &Store) -> Dumped {
    store.flight.as_ref().unwrap().dumped.recv().unwrap()
}

fn path_and_reason(dumped: &Dumped) -> (String, DumpReason) {
    let name = dumped.path.file_name().unwrap().to_str().unwrap();
    assert_eq!(dumped.result.as_ref().unwrap(), &fs::metadata(&dumped.path).unwrap().len());
    (name.to_owned(), dumped.reason)
}

fn frames(path: &Path) -> Vec<Frame> {
    let trace = Trace::open(path).unwrap();
    assert!(trace.is_complete());
    trace.iter().map(|(_, frame)| frame.unwrap()).collect()
}

fn fault_times(path: &Path) -> Vec<u64> {
    let batches = frames(path).into_iter().filter_map(|frame| match frame {
        Frame::Faults(batch) => Some(batch.columns.time_ns),
        _ => None,
    });
    batches.flatten().collect()
}

fn fact_of(frames: &[Frame], key: &str) -> Option<String> {
    let facts = frames.iter().filter_map(|frame| match frame {
        Frame::Host(facts) => Some(facts),
        _ => None,
    });
    let fact = facts.flatten().find(|fact| fact.key == key);
    fact.map(|fact| fact.value.clone())
}

#[test]
fn faults_are_dropped_when_too_many_wait() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&plan(Destination::File(folder.path().join("a.pft")))).unwrap();
    store.shared.waiting_bytes.store(MAX_WAITING_BYTES, Ordering::Relaxed);
    let mut batch = FaultRows::from(vec![row(30, 1), row(10, 2)]);
    let lost = store.put_faults(6, &mut batch).unwrap();
    // All of them are inside, however long ago they began.
    assert_eq!((lost.after_ns, lost.cpu, lost.by, lost.count), (9, 6, LostBy::Recorder, 2));
    assert_eq!(batch, FaultRows::default());
    // The last ones are not.
    batch.rows.extend([row(50, 1), row(60, 1)]);
    store.put_rest(6, &mut batch);
    assert_eq!(batch, FaultRows::default());
    store.shared.waiting_bytes.store(MAX_WAITING_BYTES - 1, Ordering::Relaxed);
    batch.rows.push(row(40, 1));
    assert_eq!(store.put_faults(6, &mut batch), None);
    assert_eq!(batch, FaultRows::default());
    store.finish(|| false).unwrap();
    assert_eq!(fault_times(&folder.path().join("a.pft")), [50, 60, 40]);
}

#[test]
fn nothing_is_kept_of_what_goes_nowhere() {
    let store = Store::create(&plan(Destination::Nowhere)).unwrap();
    store.shared.waiting_bytes.store(MAX_WAITING_BYTES, Ordering::Relaxed);
    let mut batch = FaultRows::from(vec![row(30, 1)]);
    assert_eq!(store.put_faults(0, &mut batch), None);
    assert_eq!(batch, FaultRows::default());
    store.put(Item::Facts(Vec::new()));
    assert!(!store.has_failed() && !store.is_full());
    assert_eq!(store.finish(|| false).unwrap().closed.bytes, 0);
}

#[test]
fn a_file_that_cannot_be_written_on_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pft");
    let store = Store::create(&plan(Destination::File(path.clone()))).unwrap();
    // More than a frame can hold.
    let value = "x".repeat(pft::MAX_RAW_BYTES as usize);
    store.put(Item::Facts(vec![Fact { key: "a.b".to_owned(), value }]));
    store.put(Item::Facts(vec![Fact { key: "a.b".to_owned(), value: "late".to_owned() }]));
    let error = store.finish(|| false).unwrap_err();
    assert!(matches!(error, Error::Write { bytes: 64, .. }), "{error:?}");
    assert_eq!(Trace::open(&path).unwrap().frames().len(), 0);
}

#[test]
fn a_flight_recorder_needs_files() {
    let window = Duration::from_secs(10);
    let flight = Flight { window, trigger_latency: None };
    for place in [Destination::Stdout, Destination::Nowhere] {
        let refused = Store::check(&place, false, Some(&flight));
        assert!(matches!(refused, Err(Error::FlightNeedsFile)), "{place:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.pft");
    fs::write(&path, "precious").unwrap();
    let refused = Store::check(&Destination::File(path), false, Some(&flight));
    assert!(matches!(refused, Err(Error::OutputExists { .. })));
}

#[test]
fn segments_are_due_by_time_and_for_want_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = flight(&folder.path().join("run.pft"));
    assert!(!store.wants_segment(5 * SECOND_NS - 1));
    assert!(store.wants_segment(5 * SECOND_NS));
    store.begin_segment(5 * SECOND_NS);
    assert!(!store.wants_segment(5 * SECOND_NS));
    store.shared.wants_segment.store(true, Ordering::Relaxed);
    assert!(!store.wants_segment(6 * SECOND_NS - 1));
    assert!(store.wants_segment(6 * SECOND_NS));
    store.finish(|| false).unwrap();
}

#[test]
fn a_window_written_midway_is_a_complete_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.pft");
    let mut store = flight(&path);
    let fault = |store: &Store, seconds: u64, rows: &[FaultRow]| {
        let mut batch = FaultRows::from(rows.to_vec());
        batch.rows.iter_mut().for_each(|row| row.time_ns += seconds * SECOND_NS);
        assert_eq!(store.put_faults(1, &mut batch), None);
    };
    let present = task(TaskKind::Present, 1, 4, "main");
    store.put(Item::Facts(vec![Fact { key: "a.b".to_owned(), value: "kept".to_owned() }]));
    store.put(Item::Tasks(vec![present, task(TaskKind::Present, 1, 5, "worker")]));
    store.put(snapshot(SnapshotReason::Start, 2));
    store.put(mark(3, "load"));
    fault(&store, 1, &[row(0, 4)]);
    store.put(Item::Tasks(vec![task(TaskKind::Exit, 2 * SECOND_NS, 5, "")]));
    for begin in [5, 10, 15] {
        store.begin_segment(begin * SECOND_NS);
        // The threads' first faults come before the snapshot.
        fault(&store, begin, &[row(1, 4)]);
        store.put(snapshot(SnapshotReason::Start, begin * SECOND_NS + 2));
        let major = FaultRow { flags: 1, ..row(3, 4) };
        fault(&store, begin, &[major]);
        // Of the recording, not of the window.
        let entry = LedgerEntry { key: "captured.minor".to_owned(), value: 99 };
        let ledger = vec![entry];
        store.put(Item::Checkpoint(Checkpoint { ledger, ..Checkpoint::default() }));
    }
    assert!(store.wants_dump(DumpReason::Signal, 16 * SECOND_NS));
    store.dump(DumpReason::Signal);
    assert_eq!(path_and_reason(&next(&store)), ("run.pft".to_owned(), DumpReason::Signal));
    fault(&store, 17, &[row(0, 4)]);

    let trace = Trace::open(&path).unwrap();
    let made = trace.header();
    assert_ne!(made.uuid, header().uuid);
    assert_eq!((made.start_ns, made.start_realtime_ns), (5 * SECOND_NS, 5_001_000_000));
    let all = frames(&path);
    assert_eq!(fact_of(&all, "a.b").as_deref(), Some("kept"));
    assert_eq!(fact_of(&all, fact_keys::FLIGHT_WINDOW_NS).as_deref(), Some("10000000000"));
    assert_eq!(fact_of(&all, fact_keys::FLIGHT_WRITTEN_ON).as_deref(), Some("signal"));
    assert_eq!(fact_of(&all, fact_keys::FLIGHT_LIMITED_BY).as_deref(), Some("window"));
    // In order: the phase, the threads, then what happened; one segment like the other but for the
    // begin of the first.
    let short =
        all.iter().filter(|frame| !matches!(frame, Frame::Host(_))).map(|frame| match frame {
            Frame::Marks(marks) => format!("mark {:?}", marks[0].name.escape_ascii().to_string()),
            Frame::Tasks(tasks) => {
                let names = tasks.iter().map(|task| (task.time_ns, task.tid, task.kind));
                format!("{:?}", names.collect::<Vec<_>>())
            }
            Frame::Snapshot(shot) => format!("{:?} {}", shot.reason, shot.start_ns),
            Frame::Faults(batch) => format!("faults {:?}", batch.columns.time_ns),
            Frame::Checkpoint(last) => format!("end {}", last.end),
            other => panic!("{other:?}"),
        });
    assert_eq!(
        short.collect::<Vec<_>>(),
        [
            "mark \"load\"",
            "[(5000000000, 4, Present)]",
            "faults [5000000001]",
            "Start 5000000002",
            "faults [5000000003]",
            "faults [10000000001]",
            "Periodic 10000000002",
            "faults [10000000003]",
            "faults [15000000001]",
            "Periodic 15000000002",
            "faults [15000000003]",
            "end true",
        ]
    );
    let Some(Frame::Checkpoint(last)) = all.last() else { panic!("{all:?}") };
    let count = |key: &str| last.ledger.iter().find(|e| e.key == key).map(|e| e.value);
    assert_eq!(count(ledger_keys::CAPTURED_MINOR), Some(3));
    assert_eq!(count(ledger_keys::CAPTURED_MAJOR), Some(3));
    assert_eq!(count(ledger_keys::SNAPSHOTS_TAKEN), Some(3));
    assert_eq!(count(ledger_keys::FLIGHT_SUPPRESSED), Some(0));
    assert_eq!(count(ledger_keys::MINOR_FAULTS_COUNT), None);

    // The recording has gone on; a foreign file is passed over.
    fs::write(folder.path().join("run.2.pft"), "precious").unwrap();
    let finished = store.finish(|| false).unwrap();
    let [last] = finished.dumped.as_slice() else { panic!("{finished:?}") };
    assert_eq!(path_and_reason(last), ("run.3.pft".to_owned(), DumpReason::End));
    assert_eq!(fault_times(&last.path).last(), Some(&(17 * SECOND_NS)));
    assert_eq!(fs::read(folder.path().join("run.2.pft")).unwrap(), b"precious");
}

#[test]
fn a_snapshot_behind_an_exec_does_not_describe_the_begin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.pft");
    let mut store = flight(&path);
    store.put(Item::Tasks(vec![task(TaskKind::Present, 1, 4, "main")]));
    store.begin_segment(100);
    let exec_ns = 200;
    store.put(snapshot(SnapshotReason::Start, exec_ns));
    store.put(Item::Tasks(vec![task(TaskKind::Exec, exec_ns, 4, "next")]));
    // The segment before it goes.
    store.begin_segment(100 + 10 * SECOND_NS);
    store.finish(|| false).unwrap();
    let reasons = frames(&path).into_iter().filter_map(|frame| match frame {
        Frame::Snapshot(shot) => Some(shot.reason),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [SnapshotReason::Periodic]);
}

#[test]
fn a_storm_of_slow_faults_writes_one_window_a_window() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = flight(&folder.path().join("run.pft"));
    let now_ns = clock::monotonic_ns();
    assert!(store.wants_dump(DumpReason::Latency, now_ns));
    store.dump(DumpReason::Latency);
    let first = next(&store);
    assert_eq!(path_and_reason(&first), ("run.pft".to_owned(), DumpReason::Latency));
    assert!(!store.wants_dump(DumpReason::Latency, now_ns));
    assert!(!store.wants_dump(DumpReason::Latency, now_ns + 10 * SECOND_NS));
    assert!(store.wants_dump(DumpReason::Latency, now_ns + 1000 * SECOND_NS));
    // Asked for by hand, it is written.
    assert!(store.wants_dump(DumpReason::Signal, now_ns));
    let finished = store.finish(|| false).unwrap();
    assert_eq!(finished.suppressed, 2);
    let last = frames(&finished.dumped[0].path).pop();
    let Some(Frame::Checkpoint(last)) = last else { panic!("{last:?}") };
    let suppressed = LedgerEntry { key: ledger_keys::FLIGHT_SUPPRESSED.to_owned(), value: 2 };
    assert!(last.ledger.contains(&suppressed), "{last:?}");
}

#[test]
fn no_more_than_two_files_are_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = flight(&folder.path().join("run.pft"));
    let under_way = Arc::clone(&store.flight.as_ref().unwrap().under_way);
    under_way.store(MAX_UNDER_WAY, Ordering::Relaxed);
    assert!(!store.wants_dump(DumpReason::Signal, 0));
    under_way.store(MAX_UNDER_WAY - 1, Ordering::Relaxed);
    assert!(store.wants_dump(DumpReason::Signal, 0));
    assert_eq!(store.finish(|| false).unwrap().suppressed, 1);
}

#[test]
fn a_window_that_cannot_be_written_does_not_end_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("place");
    fs::create_dir(&place).unwrap();
    let mut store = flight(&place.join("run.pft"));
    assert_eq!(store.put_faults(0, &mut vec![row(10, 4)].into()), None);
    fs::remove_dir(&place).unwrap();
    store.dump(DumpReason::Signal);
    let failed = next(&store);
    assert!(matches!(failed.result, Err(Error::Output { .. })), "{failed:?}");
    assert!(!store.has_failed());
    fs::create_dir(&place).unwrap();
    assert_eq!(store.put_faults(0, &mut vec![row(20, 4)].into()), None);
    let finished = store.finish(|| false).unwrap();
    let name = ("run.pft".to_owned(), DumpReason::End);
    assert_eq!(path_and_reason(&finished.dumped[0]), name);
    assert_eq!(fault_times(&finished.dumped[0].path), [10, 20]);
}
