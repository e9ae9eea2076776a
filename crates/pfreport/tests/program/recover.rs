//! `pfreport recover`, and reports on what it makes.

use std::fs;
use std::path::Path;

use pfmodel::Options;
use pfreport::load::Loaded;
use pft::record::{
    CallKind, CallRecord, Checkpoint, FaultBatch, GapReason, LedgerEntry, MapRecord, Snapshot,
    SnapshotReason, TaskKind, TaskRecord, TraceHeader, Vma,
};
use pft::{FrameKind, Recovery, Trace, Writer};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::info::golden_traces;
use crate::scene::{START, Scene, assert_harmless, push, text};

const P: u64 = 4_096;
const ANON: u64 = 0x7000_0000_0000;
const MS: u64 = 1_000_000;

/// Faults of two CPUs in memory that is mapped, unmapped, given back and looked at, in many small frames.
fn eventful() -> Vec<u8> {
    let header = TraceHeader {
        uuid: *b"many small frame",
        page_size_bytes: P as u32,
        clock_id: 1,
        start_ns: START,
        start_realtime_ns: 1_795_178_096_000_000_000,
    };
    let mut writer = Writer::create(Vec::new(), &header, 1).unwrap();
    let fact = |key: &str, value: &str| pft::record::Fact { key: key.into(), value: value.into() };
    writer.host(&[fact("capture.calls", "yes"), fact("capture.error_code", "yes")]).unwrap();
    let task = |time_ns, kind, tid, comm: &str| TaskRecord {
        time_ns,
        kind,
        pid: 4_242,
        tid,
        parent_pid: if kind == TaskKind::Fork { 4_242 } else { 0 },
        parent_tid: if kind == TaskKind::Fork { 4_242 } else { 0 },
        comm: comm.into(),
    };
    let call = |time_ns, kind, addr| CallRecord {
        time_ns,
        end_ns: time_ns + 1_000,
        pid: 4_242,
        tid: 4_242,
        kind,
        addr,
        len_bytes: 8 * P,
        new_len_bytes: 0,
        argument: if kind == CallKind::Madvise { 4 } else { 0 },
        result: 0,
    };
    writer.tasks(&[task(START, TaskKind::Exec, 4_242, "main")]).unwrap();
    let mut faults = 0;
    for round in 0..24_u64 {
        let now = START + round * 200 * MS;
        let base = ANON + round % 6 * 64 * P;
        let map = |start| MapRecord {
            time_ns: now,
            pid: 4_242,
            tid: 4_242,
            start,
            end: start + 16 * P,
            file_offset: 0,
            dev_major: 0,
            dev_minor: 0,
            inode: 0,
            inode_generation: 0,
            prot: 3,
            flags: 2,
            path: b"//anon".to_vec(),
        };
        if round % 5 == 3 {
            let comm = format!("worker {round}");
            writer.tasks(&[task(now, TaskKind::Comm, 4_242, &comm)]).unwrap();
        }
        writer.maps(&[map(base), map(base + 32 * P)]).unwrap();
        let kind = if round % 2 == 0 { CallKind::Madvise } else { CallKind::Munmap };
        writer.calls(&[call(now + 20 * MS, kind, base)]).unwrap();
        for cpu in 0..2_u64 {
            let mut batch = FaultBatch { cpu: cpu as u32, ..FaultBatch::default() };
            for n in 0..12 {
                let time_ns = now + 1_000 + cpu + n * 3 * MS;
                // Each page by both CPUs: which of them is first, the frames of both tell.
                push(&mut batch, time_ns, base + n % 8 * P + cpu * 32 * P * (n % 2), n == 11);
                faults += u64::from(n != 11);
            }
            writer.faults(&batch).unwrap();
        }
        if round % 4 == 2 {
            let vma = |start| Vma {
                start,
                end: start + 16 * P,
                prot: 3,
                shared: false,
                file_offset: 0,
                dev_major: 0,
                dev_minor: 0,
                inode: 0,
                path: Vec::new(),
            };
            let start_ns = now + 100 * MS;
            writer
                .snapshot(&Snapshot {
                    pid: 4_242,
                    start_ns,
                    end_ns: start_ns + 1_000,
                    reason: SnapshotReason::Periodic,
                    vmas: vec![vma(base), vma(base + 32 * P)],
                })
                .unwrap();
        }
        let entry = |key: &str, value| LedgerEntry { key: key.to_owned(), value };
        let ledger = vec![
            entry("captured.minor", faults),
            entry("captured.major", round * 2 + 2),
            entry("event.minor-faults.count", faults),
            entry("event.major-faults.count", round * 2 + 2),
        ];
        if round % 8 == 7 {
            let time_ns = now + 150 * MS;
            let end = round == 23;
            writer
                .checkpoint(&Checkpoint { time_ns, end, ledger, ..Checkpoint::default() })
                .unwrap();
        }
    }
    writer.finish().unwrap()
}

/// What a report is made of: every column of every table, exactness and totals.
fn report(path: &Path) -> String {
    let loaded = Loaded::open(path, &Options::default()).unwrap();
    let gaps: Vec<_> =
        loaded.gaps.iter().map(|gap| (gap.after_ns, gap.before_ns, gap.kind)).collect();
    format!(
        "{:?} {:?} {:?} {:?} {gaps:?}",
        loaded.analysis, loaded.ledger, loaded.marks, loaded.oom
    )
}

/// Frame `n` of a trace.
fn frame(trace: &Trace, n: usize) -> std::ops::Range<usize> {
    let info = trace.frames()[n];
    info.offset as usize..(info.offset + info.stored_bytes) as usize
}

fn damaged(whole: &[u8], damages: &[(u8, prop::sample::Index, prop::sample::Index)]) -> Vec<u8> {
    let trace = Trace::from_bytes(whole.to_vec()).unwrap();
    let frames = trace.frames().len();
    let end = frame(&trace, frames - 1).end;
    let mut bytes = whole.to_vec();
    for (what, at, other) in damages {
        // Without its header a file cannot be read.
        let header = trace.body().start as usize;
        let place = header + at.index(bytes.len() - header);
        let (one, two) = (frame(&trace, at.index(frames)), frame(&trace, other.index(frames)));
        match what {
            0 => bytes.truncate(place.max(200)),
            1 => bytes[place] ^= 1 << other.index(8),
            // No index.
            2 => bytes.truncate(end),
            3 if one.end <= bytes.len() => drop(bytes.drain(one)),
            4 => bytes.extend_from_slice(&whole[one]),
            5 if one.end.max(two.end) <= bytes.len() && one.end <= two.start => {
                let (a, b) = (bytes[one.clone()].to_vec(), bytes[two.clone()].to_vec());
                bytes.splice(two, a);
                bytes.splice(one, b);
            }
            6 if place + 40 < bytes.len() => drop(bytes.drain(place..place + 40)),
            7 if one.start + 20 < bytes.len() => bytes[one.start + 20] ^= 1,
            _ => drop(bytes.splice(place..place, *b"something else")),
        }
    }
    bytes
}

/// What is wrong with a file as a file.
fn findings(trace: &Trace) -> Vec<String> {
    let report = pft::verify::verify(trace, 5).unwrap();
    report.findings.kept().iter().map(ToString::to_string).collect()
}

/// Whether reports find all that is lost: frames of unknown kinds they pass over, sound or not.
fn is_looked_at(damaged: &Path) -> bool {
    let trace = Trace::open(damaged).unwrap();
    let unusable = trace.iter().filter_map(|(info, frame)| {
        let error = frame.err()?;
        Some((*info, GapReason::of(&error)))
    });
    let unusable: Vec<_> = unusable.collect();
    trace.gaps(&unusable) == Recovery::new(&trace).unwrap().gaps()
}

#[test]
fn reports_on_a_recovered_file_say_what_they_say_of_the_damaged_one() {
    let scene = Scene::of(&[]);
    let (before, after, again) =
        (scene.path("bad.pft"), scene.path("good.pft"), scene.path("2.pft"));
    let mut wholes: Vec<Vec<u8>> =
        golden_traces().iter().map(|path| fs::read(path).unwrap()).collect();
    wholes.extend([eventful(), eventful()]);
    let damage = (0..9_u8, any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let mut runner = TestRunner::new(ProptestConfig::with_cases(120));
    let cases = (0..wholes.len(), prop::collection::vec(damage, 1..5));
    let done = runner.run(&cases, |(whole, damages)| {
        fs::write(&before, damaged(&wholes[whole], &damages)).unwrap();
        let output = scene.run(&["recover", "bad.pft", "-o", "good.pft", "-f"]);
        let said = text(&output.stderr);
        prop_assert!(matches!(output.status.code(), Some(0 | 3)), "{}", said);
        let trace = Trace::open(&after).unwrap();
        prop_assert!(trace.is_complete(), "{:?}", trace.damage());
        prop_assert_eq!(findings(&trace), [""; 0]);
        if !is_looked_at(&before) {
            return Ok(());
        }
        prop_assert_eq!(report(&after), report(&before));
        let once = Loaded::open(&after, &Options::default()).unwrap();
        let lost = output.status.code() == Some(3);
        prop_assert_eq!(!once.damage.is_empty(), lost, "{:?}", once.damage);
        if lost {
            let damaged = Loaded::open(&before, &Options::default()).unwrap();
            prop_assert_eq!(once.flaws(), damaged.flaws());
            prop_assert_eq!(once.taken_by_damage(), damaged.taken_by_damage());
        }
        let twice = scene.run(&["recover", "good.pft", "-o", "2.pft", "-f"]);
        prop_assert_eq!(twice.status.code(), output.status.code());
        prop_assert_eq!(fs::read(&again).unwrap(), fs::read(&after).unwrap());
        Ok(())
    });
    done.unwrap();
}

#[test]
fn a_lost_frame_of_maps_leaves_no_fault_behind_it_exact_until_the_next_snapshot() {
    let whole = eventful();
    let trace = Trace::from_bytes(whole.clone()).unwrap();
    let kinds: Vec<FrameKind> = trace.frames().iter().map(|info| info.kind).collect();
    let maps: Vec<usize> = (0..kinds.len()).filter(|&n| kinds[n] == FrameKind::Maps).collect();
    // That of the fourth round; snapshots are in rounds 2, 6, 10, ….
    let mut bytes = whole.clone();
    bytes.drain(frame(&trace, maps[4]));
    let scene = Scene::of(&bytes);
    let loaded = Loaded::open(&scene.trace, &Options::default()).unwrap();
    let lost_ns = 4 * 200 * MS;
    let settled_ns = 6 * 200 * MS + 100 * MS;
    let mut behind = 0;
    for (time_ns, confidence) in
        loaded.analysis.faults.time_ns.iter().zip(loaded.analysis.faults.map_confidence.iter())
    {
        if (lost_ns..settled_ns).contains(time_ns) {
            assert_ne!(*confidence, pfmodel::names::MapConfidence::Exact, "{time_ns}");
            behind += 1;
        }
    }
    assert_eq!(behind, 3 * 24);
    let exact = |loaded: &Loaded| loaded.analysis.exactness.map_confidence[0];
    let sound = Scene::of(&whole);
    let sound = Loaded::open(&sound.trace, &Options::default()).unwrap();
    assert_eq!((exact(&sound), exact(&loaded)), (492, 427));
}

#[test]
fn what_was_kept_and_lost_is_said() {
    let whole = eventful();
    let trace = Trace::from_bytes(whole.clone()).unwrap();
    let n = trace.frames().iter().position(|info| info.kind == FrameKind::Faults).unwrap();
    let mut bytes = whole.clone();
    bytes[frame(&trace, n).end - 1] ^= 1;
    let scene = Scene::of(&bytes);
    let output = scene.run(&["recover", "run.pft", "-o", "clean.pft"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(3), ""));
    assert_harmless(&output.stdout);
    let said = text(&output.stdout);
    let size = trace.frames()[n].stored_bytes;
    assert!(
        said.starts_with(&format!(
            "lost: 1 Faults frame with 12 faults between 0.000 s and 0.033 s (wrong checksum, {size} B of \
             it left out)\nkept 111 frames with 564 faults, "
        )),
        "{said}"
    );
    let end = format!(
        " to clean.pft\nlost 1 frame, 12 faults among them; {size} B of the file were left out\n"
    );
    assert!(said.ends_with(&end), "{said}");

    let report = scene.run(&["clean.pft"]);
    assert_eq!(report.status.code(), Some(3));
    let summary = text(&report.stdout);
    assert!(summary.contains("DAMAGED"), "{summary}");
    let words: Vec<&str> = summary.split_whitespace().collect();
    let summary = words.join(" ");
    assert!(summary.contains("lost: 1 Faults frame with 12 faults between 0.000 s"), "{summary}");
    assert!(summary.contains("12 more completed, and the damage took them"), "{summary}");
    let json = scene.run(&["clean.pft", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let gap = &json["gaps"]["rows"][0];
    assert_eq!((&gap["kind"], &gap["rows"]), (&"Faults".into(), &12.into()), "{gap}");
    assert_eq!((&gap["after_ns"], &gap["reason"]), (&1_000.into(), &"checksum".into()), "{gap}");
    assert_eq!(json["traces"][0]["whole"], false);
    let info = scene.run(&["info", "clean.pft", "--json"]);
    assert_eq!(info.status.code(), Some(3));
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!(&info["traces"][0]["gaps"][0], gap);
    let from = info["traces"][0]["facts"]["recovered.from"].as_str().unwrap();
    assert_eq!(from, "6d616e7920736d616c6c206672616d65");
    let dump = scene.run(&["dump", "clean.pft", "--kind", "gaps"]);
    assert_eq!(dump.status.code(), Some(0));
    let row = format!(
        "  gap after_ns={} before_ns={} kind=Faults frames=1 rows=12 bytes={size} reason=checksum\n",
        START + 1_000,
        START + 33 * MS + 1_000
    );
    assert!(text(&dump.stdout).contains(&row), "{}", text(&dump.stdout));

    let again = scene.run(&["recover", "clean.pft", "-o", "again.pft"]);
    assert_eq!(again.status.code(), Some(3));
    let said = text(&again.stdout);
    assert!(
        said.starts_with("nothing is wrong with the file: copied 113 frames with 564 faults, ")
    );
    assert!(said.contains("\nbefore that, lost 1 frame, 12 faults among them; "), "{said}");
}

#[test]
fn a_trace_goes_to_standard_output_too() {
    let whole = eventful();
    let scene = Scene::of(&whole);
    let output = scene.run(&["recover", "run.pft", "-o", "-"]);
    assert_eq!((output.status.code(), &output.stdout), (Some(0), &whole));
    let said = text(&output.stderr);
    assert!(said.starts_with("nothing is wrong with the file: copied 112 frames"), "{said}");
    let quiet = scene.run(&["recover", "-q", "run.pft", "-o", "-"]);
    assert_eq!((text(&quiet.stderr), &quiet.stdout), ("", &whole));
}

#[test]
fn files_are_treated_as_those_of_other_outputs() {
    let scene = Scene::of(&eventful());
    fs::write(scene.path("there.pft"), "precious").unwrap();
    let refused = scene.run(&["recover", "run.pft", "-o", "there.pft"]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(text(&refused.stderr), "error: there.pft exists; use -f to replace it\n");
    assert_eq!(fs::read(scene.path("there.pft")).unwrap(), b"precious");
    let itself = scene.run(&["recover", "-f", "run.pft", "-o", "./run.pft"]);
    assert_eq!(itself.status.code(), Some(2));
    assert!(text(&itself.stderr).contains("is the trace being read"));
    assert_eq!(scene.run(&["recover", "run.pft", "-f", "-o", "there.pft"]).status.code(), Some(0));
    assert_eq!(scene.run(&["recover", "run.pft"]).status.code(), Some(2));
    let mut header = eventful();
    header[30] ^= 1;
    fs::write(scene.path("header.pft"), &header).unwrap();
    let nothing = scene.run(&["recover", "header.pft", "-o", "none.pft"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert_eq!(
        text(&nothing.stderr),
        "error: cannot read header.pft: the header of the trace is damaged; without its header a trace \
         cannot be read: copy it again from where it was recorded\n"
    );
    assert!(!scene.path("none.pft").exists());
}
