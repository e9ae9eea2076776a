//! Windows of time and parts of traces: the rows are those of the whole table.

use std::ops::Range;
use std::path::{Path, PathBuf};

use pfmodel::Options;
use pfmodel::names::Class;
use pfmodel::table::FaultTable;
use pfreport::load::{Loaded, Reach, Request};
use pfreport::outputs::export::{Format, Writer};
use pfreport::rows::faults::Faults;
use pfreport::rows::field::Field;
use pft::record::FaultBatch;

use crate::scene::{HEAP, START, Scene, push, trace_bytes};

const MILLISECOND: u64 = 1_000_000;

/// Names of the columns, and the rows.
type Table = (Vec<String>, Vec<Vec<String>>);

fn table(loaded: &Loaded) -> Table {
    let frame = Faults::new(loaded, Field::ALL).unwrap().frame(0..usize::MAX).unwrap();
    let mut writer = Writer::new(Format::Csv, frame.schema(), Vec::new(), None).unwrap();
    writer.write(&frame).unwrap();
    let text = writer.finish().unwrap();
    // The only name with a comma in it.
    let text = String::from_utf8(text).unwrap().replace("evil,", "evil;");
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect());
    (lines.next().unwrap(), lines.collect())
}

/// The columns that do not depend on earlier faults.
fn without_history((names, rows): Table) -> Vec<Vec<String>> {
    let history = ["cause", "slow", "nth", "proc", "callchain"];
    let kept = |row: Vec<String>| {
        let columns = names.iter().zip(row);
        columns.filter(|(name, _)| !history.contains(&&***name)).map(|(_, cell)| cell).collect()
    };
    rows.into_iter().map(kept).collect()
}

fn inside(loaded: &Loaded, window: &Range<u64>) -> Table {
    let mut loaded = loaded.clone();
    let faults = &mut loaded.analysis.faults;
    let first = faults.time_ns.partition_point(|&ns| ns < window.start);
    let behind = faults.time_ns.partition_point(|&ns| ns < window.end);
    let (names, rows) = table(&loaded);
    (names, rows[first..behind.max(first)].to_vec())
}

fn open(path: &Path, reach: Reach, window: &Range<u64>) -> Loaded {
    let mut request = Request::from(Options::default()).within(|_| Some(window.clone()));
    request.reach = reach;
    Loaded::open_with(path, &request).unwrap()
}

/// Asserts that windows of a trace have the rows that the whole table has there.
fn assert_windows(path: &Path) {
    let whole = Loaded::open(path, &Options::default()).unwrap();
    let times = &whole.analysis.faults.time_ns;
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0);
    for window in [0..at(10), at(5)..at(50), at(50)..at(51), at(90)..u64::MAX, 0..u64::MAX] {
        let expected = inside(&whole, &window);
        for reach in [Reach::Start, Reach::Whole] {
            assert_eq!(table(&open(path, reach, &window)), expected, "{path:?} {window:?}");
        }
        let rows = open(path, Reach::Window, &window);
        let rows = without_history(table(&rows));
        let expected = without_history(expected);
        assert_eq!(rows.len(), expected.len(), "{path:?} {window:?}");
        for (row, expected) in rows.into_iter().zip(expected) {
            assert_eq!(row, expected, "{path:?} {window:?}");
        }
    }
}

#[test]
fn rows_of_a_window_are_those_of_the_whole_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let traces: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "pft")).collect();
    assert!(traces.len() >= 3, "{traces:?}");
    for trace in traces {
        assert_windows(&trace);
    }
    assert_windows(&several_frames().trace);
}

/// Ten frames of faults, 1 ms each, in which every page is touched again and again; latencies vary.
fn several_frames() -> Scene {
    Scene::of(&trace_bytes(0, true, 0, |writer| {
        for frame in 0..10 {
            let mut batch = FaultBatch { cpu: (frame % 2) as u32, ..FaultBatch::default() };
            for i in 0..100 {
                let time_ns = START + frame * MILLISECOND + i * 10_000;
                push(&mut batch, time_ns, HEAP + (frame * 37 + i) % 150 * 4_096, false);
                batch.columns.latency_ns[i as usize] = 500 + frame * 400 + i;
            }
            writer.faults(&batch).unwrap();
        }
    }))
}

#[test]
fn a_window_reads_the_frames_that_it_needs() {
    let scene = several_frames();
    let read = |reach, window: Range<u64>| {
        let loaded = open(&scene.trace, reach, &window);
        let read = &loaded.read;
        assert_eq!(read.fault_frames, 11, "one is about the file, a second later");
        assert_eq!(read.window_ns, Some(window));
        (read.fault_frames_read, loaded.analysis.faults.len(), read.is_whole)
    };
    let window = 3 * MILLISECOND + 500_000..5 * MILLISECOND;
    assert_eq!(read(Reach::Window, window.clone()), (2, 150, false));
    // The threshold of `slow` is of the whole trace, which is so small that its sample is all of it.
    assert_eq!(read(Reach::Start, window.clone()), (11, 150, false));
    assert_eq!(read(Reach::Whole, window), (11, 150, true));
    assert_eq!(read(Reach::Window, 0..1), (1, 1, false));
    assert_eq!(read(Reach::Window, 100 * MILLISECOND..200 * MILLISECOND), (0, 0, false));

    let with_threshold = |window: Range<u64>| {
        let options = Options::with_slow_threshold_ns(30_000);
        let mut request = Request::from(options).within(|_| Some(window.clone()));
        request.reach = Reach::Start;
        Loaded::open_with(&scene.trace, &request).unwrap().read
    };
    let (first, more) = (with_threshold(0..1), with_threshold(0..6 * MILLISECOND));
    assert_eq!((first.fault_frames_read, more.fault_frames_read), (1, 6));
    assert!(first.bytes_read < more.bytes_read);
}

#[test]
fn a_window_is_a_share_of_the_recording() {
    let scene = several_frames();
    let window = |length_ns: u64| Some(length_ns / 4..length_ns / 2);
    let request = Request::from(Options::default()).within(window);
    let loaded = Loaded::open_with(&scene.trace, &request).unwrap();
    // Its last snapshot is from 2 s behind the start.
    assert_eq!(loaded.read.window_ns, Some(500 * MILLISECOND..1_000 * MILLISECOND));
    assert_eq!(loaded.analysis.duration_ns, 2_000 * MILLISECOND);
}

#[test]
fn numbers_that_depend_on_earlier_faults_need_them() {
    for field in [Field::Cause, Field::Nth, Field::Proc, Field::Callchain, Field::Mapping] {
        assert_eq!(Reach::of(&[Field::Region, field]), Reach::Start, "{}", field.name());
    }
    assert_eq!(Reach::of(&[Field::Region, Field::Path]), Reach::Window);
}

#[test]
fn where_records_were_lost_a_window_is_read_from_the_start() {
    let scene = Scene::with(25_000, true, 1);
    let window = 21 * MILLISECOND..22 * MILLISECOND;
    let loaded = open(&scene.trace, Reach::Window, &window);
    assert_eq!((loaded.read.fault_frames, loaded.read.is_whole), (3, false));
    assert_eq!(loaded.read.fault_frames_read, 3);
    let sound = open(&Scene::new(25_000).trace, Reach::Window, &window);
    assert_eq!(sound.read.fault_frames_read, 1);
}

#[test]
fn parts_are_the_whole_table() {
    let scene = Scene::new(25_000);
    let whole = Loaded::open(&scene.trace, &Options::default()).unwrap();
    let mut request = Request::from(Options::default());
    request.memory_bytes = Some(1);
    let (mut names, mut rows, mut parts) = (Vec::new(), Vec::new(), 0);
    let last = Loaded::open_in_parts(&scene.trace, &request, |part| {
        let (of_part, mut more) = table(part);
        assert!(more.len() <= 4_096);
        rows.append(&mut more);
        (names, parts) = (of_part, parts + 1);
        Ok(())
    })
    .unwrap();
    assert_eq!(parts, 7);
    assert_eq!((names, rows), table(&whole));
    assert_eq!(last.read.fault_frames_read, 3 * 3, "twice, and for the threshold");
    assert_eq!(last.analysis.exactness.map_confidence, whole.analysis.exactness.map_confidence);
    assert!(last.is_whole() && last.analysis.faults.is_empty());

    let select = |loaded: &mut Loaded| {
        if !loaded.analysis.faults.class.iter().any(|&class| class == Class::Major) {
            loaded.analysis.faults = FaultTable::default();
        }
        Ok(())
    };
    request.memory_bytes = Some(10 << 20);
    let selected = Loaded::open_selected(&scene.trace, &request, select).unwrap();
    assert_eq!(selected.members[0].rows, 0..selected.analysis.faults.len());
    let (_, all) = table(&whole);
    let (_, kept) = table(&selected);
    assert_eq!(kept[..], all[all.len() - kept.len()..]);
    assert!(kept.len() >= 2 && kept.len() < all.len());
    request.memory_bytes = Some(1);
    let error = Loaded::open_selected(&scene.trace, &request, |_| Ok(())).unwrap_err();
    assert!(error.remedy().unwrap().contains("--memory"), "{error}");
}
