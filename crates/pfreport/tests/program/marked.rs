//! Traces with marks, labels, victims and calls; a trace from a pipe.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use pft::record::{CallKind, CallRecord, Fact, MarkRecord, OomRecord};

use crate::scene::{FILE, SECOND, START, Scene, assert_harmless, program, text, trace_bytes};

fn fact(key: &str, value: &str) -> Fact {
    Fact { key: key.to_owned(), value: value.to_owned() }
}

/// Three touched pages, two reads a second later, two marks in between.
fn marked() -> Vec<u8> {
    trace_bytes(3, true, 0, |writer| {
        writer.host(&[fact("label.run", "7"), fact("label.a\x1b[2J", "b\nc")]).unwrap();
        let mark =
            |time_ns, name: &[u8]| MarkRecord { time_ns: START + time_ns, name: name.to_vec() };
        // The second page is touched at the very moment of the first mark.
        writer.marks(&[mark(2_000, b"warm\x1b[2J-up"), mark(SECOND, b"serve")]).unwrap();
        writer
            .oom(&[OomRecord {
                time_ns: START + SECOND + 234_000_000,
                pid: 4_242,
                comm: Vec::new(),
                by_pid: 4_242,
                by_tid: 4_242,
                total_vm_kib: None,
                anon_rss_kib: Some(62_670),
                file_rss_kib: None,
                shmem_rss_kib: None,
                pgtables_kib: None,
                uid: None,
                oom_score_adj: None,
            }])
            .unwrap();
    })
}

/// Runs the program with a trace on its standard input.
fn piped(scene: &Scene, bytes: &[u8], words: &[&str]) -> Output {
    let mut child = program()
        .current_dir(scene.path(""))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn faults_belong_to_the_phase_begun_last() {
    let output = Scene::of(&marked()).run(&["run.pft", "--by", "phase,class", "--csv"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_eq!(
        text(&output.stdout),
        "phase,class,faults,major,pages,touched_bytes,stall_ns,p50_ns,p90_ns,p99_ns,max_ns\n\
         serve,major,2,2,2,8192,200000,100000,100000,100000,100000\n\
         warm\\x1b[2J-up,minor,2,0,2,8192,1400,700,700,700,700\n\
         ,minor,1,0,1,4096,700,700,700,700,700\n"
    );
    let table = Scene::of(&marked()).run(&["run.pft", "--by", "phase"]);
    let phases: Vec<&str> = text(&table.stdout)
        .lines()
        .skip(1)
        .map(|line| line.trim_start().split("  ").next().unwrap())
        .collect();
    assert_eq!(phases, ["serve", "warm\\x1b[2J-up", "(before the first mark)"]);
}

#[test]
fn recorded_calls_change_the_address_space() {
    let unmapped_at = |time_ns| {
        let bytes = trace_bytes(0, true, 0, |writer| {
            writer.host(&[fact("capture.calls", "yes")]).unwrap();
            let call = CallRecord {
                time_ns: START + time_ns,
                end_ns: START + time_ns + 1_000,
                pid: 4_242,
                tid: 4_242,
                kind: CallKind::Munmap,
                addr: FILE,
                len_bytes: 4_096,
                new_len_bytes: 0,
                argument: 0,
                result: 0,
            };
            writer.calls(&[call]).unwrap();
        });
        let output =
            Scene::of(&bytes).run(&["run.pft", "--csv", "--by=region_kind,map_confidence"]);
        let rows = text(&output.stdout).lines().skip(1);
        rows.map(|row| row.split(',').take(3).collect::<Vec<_>>().join(",")).collect::<Vec<_>>()
    };
    assert_eq!(unmapped_at(SECOND + SECOND / 2), ["file,exact,2"]);
    assert_eq!(unmapped_at(SECOND / 2), ["unknown,unknown,1", "file,exact,1"]);
}

#[test]
fn a_grouped_table_says_what_it_leaves_out() {
    let by_class = |key: &str, value: &str| {
        let facts = [fact(key, value)];
        let bytes = trace_bytes(3, true, 0, |writer| writer.host(&facts).unwrap());
        let output = Scene::of(&bytes).run(&["run.pft", "--by=class"]);
        text(&output.stdout).lines().skip(3).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(by_class("capture.min_latency_ns", "0"), [""; 0]);
    let faster = ["  without the faults faster than 500 ns"];
    assert_eq!(by_class("capture.min_latency_ns", "500"), faster);
    assert_eq!(by_class("capture.major_only", "yes"), ["  major faults only"]);
}

#[test]
fn a_summary_shows_marks_labels_and_victims() {
    let output = Scene::of(&marked()).run(&["run.pft"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_harmless(&output.stdout);
    let text = text(&output.stdout);
    assert!(text.contains("  labels     a\\x1b[2J=b\\x0ac, run=7\n"), "{text}");
    let victim = "killed by the OOM killer at 1.234 s: \\x1b[2Jevil,\"name\" (pid 4242), anonymous 61.2 MiB\n";
    assert!(text.contains(victim), "{text}");
    assert!(text.contains("\nPhases\n"), "{text}");
    assert!(text.contains("\n  warm\\x1b[2J-up "), "{text}");
}

#[test]
fn a_trace_comes_from_a_pipe() {
    let bytes = marked();
    let scene = Scene::of(&bytes);
    let piped_csv = piped(&scene, &bytes, &["-", "--csv", "--by=class"]);
    assert_eq!(piped_csv.stdout, scene.run(&["run.pft", "--csv", "--by=class"]).stdout);
    // So does one that has a name, as the shell gives it to `<(ssh HOST cat run.pft)`.
    let named = piped(&scene, &bytes, &["/dev/stdin", "--csv", "--by=class"]);
    assert_eq!((named.stdout, named.stderr), (piped_csv.stdout, Vec::new()));
    let summary = piped(&scene, &bytes, &["-"]);
    assert_eq!(summary.status.code(), Some(0), "{}", text(&summary.stderr));
    assert!(text(&summary.stdout).starts_with("stdin: page faults of "));
    assert!(text(&summary.stdout).ends_with("\nSummary: major=2 minor=3 cow=0\n"));
    fs::create_dir(scene.path("pictures")).unwrap();
    let pictures = piped(&scene, &bytes, &["-", "--png=pictures"]);
    assert!(text(&pictures.stdout).contains("pictures/stdin.timeline.png\n"));

    let cut = piped(&scene, &bytes[..bytes.len() - 1], &["-", "--csv"]);
    assert_eq!(cut.status.code(), Some(3));
    assert!(text(&cut.stderr).ends_with("; details: the summary, without options\n"));
    let empty = piped(&scene, b"", &["-"]);
    assert_eq!(empty.status.code(), Some(1));
    assert!(text(&empty.stderr).starts_with("error: cannot read standard input: "));
}

#[test]
fn what_is_read_on_standard_input_is_never_overwritten() {
    let bytes = marked();
    let scene = Scene::of(&bytes);
    let output = program()
        .current_dir(scene.path(""))
        .args(["-", "-f", "--csv=run.pft"])
        .stdin(fs::File::open(&scene.trace).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!(fs::read(&scene.trace).unwrap(), bytes);
}
