//! A part of the faults at a time: the rows are those of the whole table.

use std::ops::Range;

use pfmodel::table::{Analysis, FaultTable, Location, Region};
use pfmodel::{Recording, Wanted, analyse_in_order, analyse_in_parts};
use pft::record::{CallKind, FaultBatch, FaultColumns};

use crate::trace::*;

const ANON: u64 = 0x10_0000;
const FILE: u64 = 0x7f00_0000;

/// The rows of a table with the names that they refer to instead of numbers, which depend on how many rows
/// there are; without the columns that depend on earlier faults, where `history` is false.
fn rows(analysis: &Analysis, history: bool) -> Vec<String> {
    let faults = &analysis.faults;
    let node = |row: usize| faults.node.get(row).copied().unwrap_or(u8::MAX);
    let row = |row: usize| {
        let mapping = analysis.mappings.get(faults.mapping[row] as usize);
        let mapping = mapping.map(|m| (&m.path, m.start, m.end, m.prot, m.valid_from_ns));
        let ip_mapping = analysis.mappings.get(faults.ip_mapping[row] as usize);
        let region: Option<&Region> = analysis.regions.get(faults.region[row] as usize);
        let code: Option<&Location> = analysis.locations.get(faults.code[row] as usize);
        let plain = format!(
            "{:?}",
            (
                (faults.time_ns[row], faults.before_ns(row), faults.latency_ns[row]),
                (faults.class[row], faults.access[row], faults.kernel_mode[row]),
                (faults.tid[row], &analysis.comms[faults.comm[row] as usize], faults.cpu[row]),
                (faults.addr[row], faults.ip[row], faults.page_size_bytes[row]),
                (faults.attempts[row], mapping, ip_mapping.map(|m| &m.region), region),
                (faults.map_confidence[row], code, faults.object[row], node(row)),
                analysis.processes.get(faults.proc[row] as usize).map(|process| process.pid),
            )
        );
        let of_history = format!(
            "{:?}",
            (
                (faults.cause[row], faults.slow[row], faults.nth[row], faults.proc[row]),
                analysis.call_chains.get(faults.call_chain[row] as usize),
                faults.call_chain[row],
            )
        );
        if history { plain + &of_history } else { plain }
    };
    (0..faults.len()).map(row).collect()
}

/// Everything but the rows, and the regions, which may be more.
fn tables(analysis: &Analysis) -> String {
    let mut tables = analysis.clone();
    (tables.faults, tables.regions) = (FaultTable::default(), Vec::new());
    format!("{tables:#?}")
}

fn in_parts(
    recording: Recording,
    faults: &[(u64, FaultBatch)],
    wanted: &Wanted,
    part_rows: usize,
) -> (Analysis, usize) {
    let (mut whole, mut parts) = (None, 0);
    let done = analyse_in_parts(
        recording,
        || faults.to_vec(),
        wanted,
        part_rows,
        |part| -> Result<(), ()> {
            parts += 1;
            let rows = std::mem::take(&mut part.faults);
            assert!(rows.len() <= part_rows);
            let whole: &mut Analysis = whole.get_or_insert_with(|| part.clone());
            assert_eq!(whole.regions, part.regions);
            assert_eq!(whole.locations, part.locations);
            whole.faults.append(rows);
            whole.exactness.map_confidence = part.exactness.map_confidence;
            Ok(())
        },
    );
    let whole = whole.unwrap_or_default();
    assert_eq!(done.map(|rest| tables(&rest)), Ok(tables(&whole)));
    (whole, parts)
}

/// Asserts that the analysis in parts, of faults that come one by one, is `expected`.
pub fn assert_same(recording: Recording, batch: FaultBatch, expected: &Analysis) {
    let faults = one_by_one(&batch, usize::MAX);
    let wanted = Wanted::all(expected.slow_threshold_ns);
    for part_rows in [2, usize::MAX] {
        let (found, _) = in_parts(recording.clone(), &faults, &wanted, part_rows);
        assert_eq!(rows(&found, true), rows(expected, true));
        assert_eq!(tables(&found), tables(expected));
    }
}

/// Batches of one fault each, in order of time.
fn one_by_one(batch: &FaultBatch, rows: usize) -> Vec<(u64, FaultBatch)> {
    let columns = &batch.columns;
    let fault = |row: usize| {
        let of = |column: &[u64]| vec![column[row]];
        let of_words = |column: &[u32]| vec![column[row]];
        let columns = FaultColumns {
            time_ns: of(&columns.time_ns),
            latency_ns: of(&columns.latency_ns),
            addr: of(&columns.addr),
            ip: of(&columns.ip),
            pid: of_words(&columns.pid),
            tid: of_words(&columns.tid),
            flags: of_words(&columns.flags),
            attempts: of_words(&columns.attempts),
            call_chain: of_words(&columns.call_chain),
            node: vec![columns.node[row]],
        };
        (columns.time_ns[0], FaultBatch { cpu: batch.cpu, columns })
    };
    let mut faults: Vec<_> = (0..columns.time_ns.len().min(rows)).map(fault).collect();
    faults.sort_by_key(|(time_ns, _)| *time_ns);
    faults
}

/// Two processes, mappings that change, pages that are touched again, a page that is read and then written.
fn eventful() -> Trace {
    let mut trace = Trace::new()
        .with_calls()
        .map(map(5, ANON, ANON + 0x8000, RW, "//anon"))
        .map(map(6, FILE, FILE + 0x4000, RW, "/srv/data"));
    for time in 10..20 {
        let addr = ANON + (time % 4) * 0x1000;
        let code = if time < 14 { READ } else { WRITE_PRESENT };
        trace = trace.fault(Fault { latency: 1, ..fault(time, addr, code) });
    }
    let mut trace = trace
        .fork(25, 1, 2)
        .map(map(30, ANON + 0x2000, ANON + 0x4000, R, "//anon"))
        .call(munmap(31, ANON + 0x6000, 0x2000))
        .call(call(32, CallKind::Madvise, ANON, 0x1000));
    for time in 40..60 {
        let addr = if time % 3 == 0 { FILE } else { ANON } + (time % 5) * 0x1000;
        let of = fault_of(1 + u32::from(time % 2 == 0), time, addr, WRITE);
        trace = trace.fault(Fault { latency: 1, ..of });
    }
    trace.snapshot(
        70,
        vec![line(ANON, ANON + 0x2000, RW, ""), line(FILE, FILE + 0x4000, RW, "/srv/data")],
    )
}

fn batch(trace: &Trace) -> FaultBatch {
    FaultBatch { cpu: 3, columns: columns(&trace.faults) }
}

fn wanted(rows_ns: Range<u64>) -> Wanted {
    let mut wanted = Wanted::all(u64::MAX);
    wanted.rows_ns = Some(rows_ns);
    wanted
}

#[test]
fn rows_of_a_window_are_those_of_the_whole_table() {
    let trace = eventful().threshold(u64::MAX);
    let all = one_by_one(&batch(&trace), usize::MAX);
    let recording = trace.recording.clone();
    let whole = trace.analyse();
    assert_eq!(whole.faults.len(), 30);
    for window in [0..13, 12..45, 41..42, 44..60, 50..u64::MAX, 20..30, 60..60] {
        let kept = |analysis: &Analysis, history| -> Vec<String> {
            let times = analysis.faults.time_ns.iter();
            let rows = rows(analysis, history).into_iter().zip(times);
            rows.filter(|(_, time)| window.contains(time)).map(|(row, _)| row).collect()
        };
        // With all faults before the window, and those behind it or not.
        for until in
            [usize::MAX, all.partition_point(|(ns, _)| *ns < START_NS.saturating_add(window.end))]
        {
            let before = all.iter().take(until).cloned();
            let found = analyse_in_order(recording.clone(), before, &wanted(window.clone()));
            assert_eq!(rows(&found, true), kept(&whole, true), "{window:?}");
            assert_eq!(found.exactness.faults, until.min(30) as u64);
        }
        let inside = all.iter().filter(|(ns, _)| window.contains(&(ns - START_NS))).cloned();
        let found = analyse_in_order(recording.clone(), inside, &wanted(window.clone()));
        assert_eq!(rows(&found, false), kept(&whole, false), "{window:?}");
        let (parts, _) = in_parts(recording.clone(), &all, &wanted(window.clone()), 3);
        assert_eq!(rows(&parts, true), kept(&whole, true), "{window:?}");
    }
}

#[test]
fn parts_hold_as_many_rows_as_asked_for() {
    let trace = eventful();
    let faults = one_by_one(&batch(&trace), usize::MAX);
    let parts = |rows| in_parts(trace.recording.clone(), &faults, &Wanted::all(0), rows).1;
    assert_eq!((parts(7), parts(10), parts(30), parts(31)), (5, 3, 1, 1));
    let (none, parts) = in_parts(trace.recording.clone(), &[], &Wanted::all(0), 10);
    assert_eq!((none.faults.len(), parts), (0, 1));
}

#[test]
fn an_error_of_a_part_ends_the_walk() {
    let trace = eventful();
    let faults = one_by_one(&batch(&trace), usize::MAX);
    let mut parts = 0;
    let done = analyse_in_parts(
        trace.recording,
        || faults.clone(),
        &Wanted::all(0),
        4,
        |_| {
            parts += 1;
            if parts == 2 { Err("enough") } else { Ok(()) }
        },
    );
    assert_eq!((done.err(), parts), (Some("enough"), 2));
}

#[test]
fn a_window_lasts_as_long_as_the_recording() {
    let trace = eventful();
    let mut wanted = wanted(0..5);
    wanted.until_ns = START_NS + 1_000;
    assert_eq!(
        analyse_in_order(trace.recording, Vec::<(u64, FaultBatch)>::new(), &wanted).duration_ns,
        1_000
    );
}
