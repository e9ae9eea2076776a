//! Windows of a flight recorder: faults that began before them.

use pfmodel::names::{Cause, MapConfidence};
use pft::record::{Outcome, SnapshotReason, TaskKind};

use crate::trace::*;

const ANON: u64 = 0x10_0000;
const TEXT: u64 = 0x40_0000;

/// A window that begins with a thread and a snapshot of its process, read 300 ns later.
fn window() -> Trace {
    let vmas = vec![line(ANON, ANON + 0x4000, RW, ""), line(TEXT, TEXT + 0x1000, RX, "/bin/main")];
    let mut trace =
        Trace::empty().task(0, TaskKind::Present, 1, 1, "main").snapshot_of(1, 300, vmas);
    trace.recording.snapshots[0].reason = SnapshotReason::Start;
    trace
}

/// Name of the thread, region and module of each row, with the confidence in the region.
fn whereabouts(trace: Trace) -> Vec<(String, String, bool, MapConfidence)> {
    let analysis = trace.analyse();
    let rows = regions(&analysis).into_iter().zip(confidence(&analysis)).enumerate();
    rows.map(|(row, (region, confidence))| {
        let comm = &analysis.comms[analysis.faults.comm[row] as usize];
        let module = analysis.mappings.get(analysis.faults.ip_mapping[row] as usize);
        let in_main = module.is_some_and(|module| module.region == b"main");
        (String::from_utf8_lossy(comm).into_owned(), region, in_main, confidence)
    })
    .collect()
}

#[test]
fn faults_keep_their_latency_and_stall_since_the_start() {
    let analysis = window()
        .fault(across_start(900, 100, ANON, WRITE))
        .fault(across_start(500, 200, ANON + 0x1000, WRITE))
        .fault(across_start(400, 0, ANON + 0x2000, WRITE).outcome(Outcome::Signalled))
        .fault(Fault { latency: 50, ..fault(0, ANON + 0x2000, WRITE) })
        .fault(Fault { latency: 60, ..fault(300, ANON + 0x3000, WRITE) })
        .threshold(800)
        .analyse();
    let faults = &analysis.faults;
    assert_eq!(faults.time_ns, [0, 0, 0, 0, 300]);
    assert_eq!(faults.before_ns, [900, 500, 400]);
    assert_eq!(faults.latency_ns, [1_000, 700, u64::MAX, 50, 60]);
    let stalls: Vec<_> = faults.stalls_ns().collect();
    assert_eq!(stalls, [Some(100), Some(200), None, Some(50), Some(60)]);
    assert_eq!(faults.slow, [true, false, false, false, false], "it took that long");
    assert_eq!(analysis.duration_ns, 360);
    assert_eq!((analysis.processes.len(), analysis.threads[0].from_ns), (1, 0));
}

#[test]
fn what_the_window_begins_with_was_there_at_their_entry() {
    let vmas = vec![line(ANON, ANON + 0x4000, RW, "")];
    let faults = window()
        .fault(across_start(900, 100, ANON, WRITE))
        .fault(fault(10, ANON + 0x2000, WRITE))
        .snapshot(800, vmas);
    let named = |confidence| ("main".to_owned(), "[anon]".to_owned(), true, confidence);
    // That it was there then already is not recorded.
    assert_eq!(whereabouts(faults), [named(MapConfidence::Inferred), named(MapConfidence::Exact)]);
    let over = whereabouts(window().fault(Fault { latency: 499, ..across_start(500, 0, ANON, 6) }));
    let nothing = (String::new(), "none".to_owned(), false, MapConfidence::Unknown);
    assert_eq!(over, [nothing], "it was over before");
}

#[test]
fn what_an_exec_made_since_their_entry_was_not() {
    let trace = Trace::new()
        .map(map(0, ANON, ANON + 0x4000, RW, "//anon"))
        .fault(across_start(900, 100, ANON, WRITE))
        .fault(fault(110, ANON, WRITE));
    let analysis = trace.analyse();
    assert_eq!(regions(&analysis), ["none", "[anon]"]);
    assert_eq!(analysis.faults.cause, [Cause::Unknown, Cause::AnonFirstTouch]);
    let comms = analysis.faults.comm.iter().map(|&comm| analysis.comms[comm as usize].clone());
    assert_eq!(comms.collect::<Vec<_>>(), [&b""[..], b"main"]);
}
