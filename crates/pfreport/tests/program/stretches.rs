//! The summary of a trace that is larger than memory, and the diagnosis of its costliest stretch of time.

use pft::record::{Fact, FaultBatch, LATENCY_UNKNOWN, MarkRecord, OomRecord, TaskKind, TaskRecord};

use crate::info::golden_traces;
use crate::scene::{
    FILE, HEAP, SECOND, START, Scene, assert_harmless, program, push, text, trace_bytes,
};

/// Parts of 4,096 rows, the fewest there may be.
const TINY: &str = "--memory=1K";

/// Faults of three processes, some of which began before the trace; several at a time where parts meet. The middle is
/// slow.
fn crowd(has_latencies: bool) -> Vec<u8> {
    trace_bytes(0, true, 0, |writer| {
        let fact = |key: &str, value: &str| Fact { key: key.to_owned(), value: value.to_owned() };
        let latency = if has_latencies { "yes" } else { "no" };
        let facts = [("target.kind", "command"), ("target.command", "crowd")];
        let facts = facts.into_iter().chain([("capture.latency", latency)]);
        writer.host(&facts.map(|(key, value)| fact(key, value)).collect::<Vec<_>>()).unwrap();
        let task = |pid: u32| TaskRecord {
            time_ns: START,
            kind: TaskKind::Fork,
            pid,
            tid: pid,
            parent_pid: 4_242,
            parent_tid: 4_242,
            comm: format!("child {pid}").into_bytes(),
        };
        writer.tasks(&[task(5_000), task(5_001)]).unwrap();
        let mark =
            |time_ns, name: &[u8]| MarkRecord { time_ns: START + time_ns, name: name.to_vec() };
        let marks = [mark(2_000_000, b"load"), mark(9_000_000, b"serve"), mark(SECOND, b"idle")];
        writer.marks(&marks).unwrap();
        let victim = OomRecord {
            time_ns: START + SECOND,
            pid: 5_001,
            comm: b"child 5001".to_vec(),
            by_pid: 4_242,
            by_tid: 4_242,
            total_vm_kib: None,
            anon_rss_kib: Some(62_670),
            file_rss_kib: None,
            shmem_rss_kib: None,
            pgtables_kib: None,
            uid: None,
            oom_score_adj: None,
        };
        writer.oom(&[victim]).unwrap();
        for frame in 0..20 {
            let mut batch = FaultBatch { cpu: (frame % 2) as u32, ..FaultBatch::default() };
            for i in 0..1_000 {
                let number = frame * 1_000 + i;
                // Three at a time, also where parts meet, and some before the start.
                let time_ns = START - 300_000 + number / 3 * 3_000;
                let is_slow = (9_000..14_000).contains(&number);
                let is_major = number % 7 == 0;
                let addr = match is_major {
                    true => FILE + number * 17 % 3_000 * 4_096,
                    false => HEAP + number % 5_000 * 4_096,
                };
                push(&mut batch, time_ns, addr, is_major);
                let columns = &mut batch.columns;
                let last = columns.time_ns.len() - 1;
                columns.latency_ns[last] = match () {
                    () if !has_latencies || number % 97 == 0 => LATENCY_UNKNOWN,
                    () if is_slow => 60_000 + number,
                    () => 900 + number % 50,
                };
                columns.pid[last] = [4_242, 5_000, 5_001][(number % 3) as usize];
                columns.tid[last] = columns.pid[last];
                if number % 1_999 == 0 {
                    // A signal instead of memory.
                    columns.flags[last] = columns.flags[last] & !7 | 6;
                    columns.addr[last] = 0x10;
                }
            }
            writer.faults(&batch).unwrap();
        }
    })
}

/// A summary: what is above the diagnosis, the diagnosis with its heading, and what is below.
fn pieces(summary: &str) -> [String; 3] {
    let blocks: Vec<&str> = summary.split("\n\n").collect();
    let found = blocks.iter().position(|block| block.starts_with("Diagnosis"));
    let at = found.unwrap_or_else(|| panic!("{summary}"));
    let all = |blocks: &[&str]| blocks.join("\n\n");
    [all(&blocks[..at]), blocks[at].to_owned(), all(&blocks[at + 1..])]
}

/// The command that a diagnosis names, and what is below it.
fn command(diagnosis: &str) -> (&str, &str) {
    let start = diagnosis.find("    pfreport ").unwrap_or_else(|| panic!("{diagnosis}"));
    diagnosis[start + 4..].split_once('\n').unwrap()
}

/// Asserts that the summary in parts is that of the whole trace but for its diagnosis, which is that of the command
/// that it names; returns that diagnosis.
fn assert_in_parts(scene: &Scene, words: &[&str]) -> String {
    let whole = scene.run(words);
    let parts = scene.run(&[words, &[TINY]].concat());
    assert_harmless(&parts.stdout);
    assert_eq!((text(&parts.stderr), text(&whole.stderr)), ("", ""));
    assert_eq!(parts.status.code(), whole.status.code());
    let [above, diagnosis, below] = pieces(text(&parts.stdout));
    let [whole_above, _, whole_below] = pieces(text(&whole.stdout));
    assert_eq!(above, whole_above);
    assert_eq!(below, whole_below);
    let (command, found) = command(&diagnosis);
    for memory in ["--memory=1G", TINY] {
        let script = format!("{} {memory}", command.replacen("pfreport", "\"$0\"", 1));
        let mut shell = std::process::Command::new("sh");
        shell.current_dir(scene.path("")).args(["-c", &script]).arg(program().get_program());
        let output = shell.output().unwrap();
        assert_eq!(text(&output.stderr), "", "{script}");
        let [_, alone, _] = pieces(text(&output.stdout));
        assert_eq!(alone.split_once('\n'), Some(("Diagnosis", found.trim_end())), "{script}");
    }
    diagnosis
}

#[test]
fn the_summary_in_parts_is_that_of_the_whole_trace() {
    let scene = Scene::of(&crowd(true));
    let diagnosis = assert_in_parts(&scene, &["run.pft"]);
    let heading = diagnosis.lines().next().unwrap();
    let expected = "Diagnosis of the costliest stretch, 7.89 ms to 12 ms: 4,095 of 20,002 faults, 63 % of the stall";
    assert_eq!(heading, expected);
    let shown = text(&scene.run(&["run.pft", TINY]).stdout).to_owned();
    for part in ["OOM", "Phases", "(before the first mark)", "5000", "child 5001", "failed"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn without_latencies_major_faults_choose_the_stretch() {
    let scene = Scene::of(&crowd(false));
    // The last two faults have a latency.
    let diagnosis = assert_in_parts(&scene, &["run.pft", "--to=1s"]);
    let expected = "Diagnosis of the costliest stretch, 0 to 3.79 ms: 4,095 of 20,000 selected faults, 20 % of the \
                    major\nfaults\n";
    assert!(diagnosis.starts_with(expected), "{diagnosis}");
    let diagnosis = assert_in_parts(&scene, &["run.pft", "--class=minor"]);
    assert!(diagnosis.starts_with("Diagnosis"), "{diagnosis}");
}

#[test]
fn traces_of_all_kinds_of_records_are_summed_up_in_parts() {
    let whole = pfdamage::busy(6_000);
    let diagnosis = assert_in_parts(&Scene::of(&whole), &["run.pft"]);
    assert!(diagnosis.contains("% of the stall"), "{diagnosis}");
    let mut tried = 0;
    let cut = whole[..whole.len() * 4 / 5].into();
    let flips = pfdamage::flips(&whole, 7, 4).map(|damaged| damaged.bytes);
    for damaged in flips.chain([cut]) {
        let scene = Scene::of(&damaged);
        let output = scene.run(&["run.pft"]);
        // Some are so short that one part holds all of them, or no traces any more.
        if text(&output.stdout).contains("DAMAGED") {
            let parts = scene.run(&["run.pft", TINY]);
            match text(&parts.stdout).contains("costliest stretch") {
                true => _ = assert_in_parts(&scene, &["run.pft"]),
                false => assert_eq!(text(&parts.stdout), text(&output.stdout)),
            }
            tried += 1;
        }
    }
    assert_eq!(tried, 5);
}

#[test]
fn what_fits_into_one_part_has_its_usual_diagnosis() {
    for trace in golden_traces() {
        let run = |memory| program().arg(&trace).arg(memory).output().unwrap();
        let (whole, parts) = (run("--memory=1G"), run(TINY));
        assert_eq!(text(&parts.stdout), text(&whole.stdout));
        assert_eq!(parts.status.code(), whole.status.code());
    }
    let empty = Scene::of(&trace_bytes(0, true, 0, |_| ()));
    let none = ["run.pft", "--where", "nth > 7"];
    let parts = empty.run(&[&none[..], &[TINY]].concat());
    assert_eq!(text(&parts.stdout), text(&empty.run(&none).stdout));
    assert!(text(&parts.stdout).contains("is selected"));
}

#[test]
fn selected_faults_are_summed_up_in_parts() {
    let scene = Scene::of(&crowd(true));
    for words in [
        &["--from=2ms"][..],
        &["--to", "1s"],
        &["--class", "minor,major"],
        &["--where=nth <= 4 AND comm <> 'it''s'", "--slow-threshold=70us"],
        &["--where=-1 < nth", "--pid=4242,5000,5001"],
    ] {
        let diagnosis = assert_in_parts(&scene, &[&["run.pft"], words].concat());
        assert!(diagnosis.contains("selected faults"), "{diagnosis}");
    }
    // Few of them are all kept.
    let few = ["run.pft", "--where=class = 'failed' OR nth > 3"];
    let parts = scene.run(&[&few[..], &[TINY]].concat());
    assert_eq!(text(&parts.stdout), text(&scene.run(&few).stdout));
    assert_eq!(parts.status.code(), Some(3));
}

#[test]
fn a_window_of_time_that_fits_has_all_reports() {
    let scene = Scene::of(&crowd(true));
    let window = ["run.pft", "--from=12ms", "--to=14ms", "--advice"];
    let parts = scene.run(&[&window[..], &["--memory=1M"]].concat());
    assert_eq!(text(&parts.stdout), text(&scene.run(&window).stdout));
    assert_eq!(parts.status.code(), Some(3));
    let beyond = scene.run(&["run.pft", "--from=2ms", "--advice", TINY]);
    assert_eq!((beyond.status.code(), text(&beyond.stdout)), (Some(1), ""));
    // By the frames that the window meets.
    let error = "error: run.pft: 18,002 faults would take some ";
    assert!(text(&beyond.stderr).starts_with(error), "{}", text(&beyond.stderr));
}

#[test]
fn where_all_faults_are_of_one_moment_there_is_no_stretch() {
    let scene = Scene::of(&trace_bytes(0, true, 0, |writer| {
        for _ in 0..3 {
            let mut batch = FaultBatch::default();
            (0..5_000).for_each(|i| push(&mut batch, START + 7, HEAP + i * 4_096, false));
            writer.faults(&batch).unwrap();
        }
    }));
    let output = scene.run(&["run.pft", TINY]);
    let [_, diagnosis, _] = pieces(text(&output.stdout));
    assert!(diagnosis.contains("those of a single moment"), "{diagnosis}");
}
