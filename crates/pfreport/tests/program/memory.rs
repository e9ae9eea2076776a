//! Traces that are larger than the memory that a report may take.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;
use std::process::Stdio;

use pft::record::FaultBatch;

use crate::scene::{HEAP, START, Scene, program, push, text, trace_bytes};

/// Frames of 50,000 faults each, on the same thousand pages.
fn scene(frames: u64) -> Scene {
    Scene::of(&trace_bytes(0, true, 0, |writer| {
        for frame in 0..frames {
            let mut batch = FaultBatch::default();
            for i in 0..50_000 {
                let time_ns = START + (frame * 50_000 + i) * 10;
                push(&mut batch, time_ns, HEAP + i % 1_000 * 4_096, false);
            }
            writer.faults(&batch).unwrap();
        }
    }))
}

#[test]
fn rows_of_a_trace_beyond_memory_come_in_parts() {
    let scene = scene(2);
    let whole = scene.run(&["run.pft", "--csv"]);
    let parts = scene.run(&["run.pft", "--csv", "--memory=4M"]);
    assert_eq!(text(&parts.stderr), text(&whole.stderr));
    assert_eq!(parts.status.code(), whole.status.code());
    assert_eq!(whole.stdout.iter().filter(|&&byte| byte == b'\n').count(), 100_003);
    assert!(parts.stdout == whole.stdout);
    let some = scene.run(&["run.pft", "--csv", "-n", "70000", "--memory=4M"]);
    assert!(some.stdout == scene.run(&["run.pft", "--csv", "-n", "70000"]).stdout);
    assert_eq!(some.stdout.iter().filter(|&&byte| byte == b'\n').count(), 70_001);
    let to_file = scene.run(&["run.pft", "--csv=out.csv", "--memory=4M"]);
    assert_eq!(text(&to_file.stdout), "out.csv\n");
    assert!(fs::read(scene.path("out.csv")).unwrap() == whole.stdout);
}

#[test]
fn a_report_that_needs_all_rows_says_what_to_do() {
    let output = scene(2).run(&["run.pft", "--advice", "--memory=4M"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    let error = "error: run.pft: 100,002 faults would take some 25.7 MiB, and 4 MiB are allowed; of one \
                 trace in a file the summary, groups and exports of faults come in parts; for anything else narrow \
                 the faults by --from and --to, --where, --class or --pid, or allow more with --memory\n";
    assert_eq!(text(&output.stderr), error);
}

#[test]
fn a_comparison_of_traces_beyond_memory_says_what_to_do() {
    let scene = scene(2);
    let output = scene.run(&["diff", "run.pft", "run.pft", "--memory=4M"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    let error = "error: run.pft: 100,002 faults would take some 25.7 MiB, and 4 MiB are allowed; allow more with \
                 --memory, or compare what pfreport says of each, which comes in parts\n";
    assert_eq!(text(&output.stderr), error);
    // Each by itself, not both together; the kernel's counts in it are others.
    let each = scene.run(&["diff", "run.pft", "run.pft", "--memory=26M"]);
    assert_eq!((each.status.code(), text(&each.stderr)), (Some(3), ""));
}

#[test]
fn queries_on_a_trace_beyond_memory_keep_the_columns_that_they_name() {
    let scene = scene(2);
    let counts =
        "SELECT class, cause, count(*) AS n, max(nth) AS most FROM faults GROUP BY class, cause";
    for (arguments, condition) in [
        (["--sql", counts], &[][..]),
        (
            ["--sql", "SELECT addr FROM faults ORDER BY addr DESC LIMIT 5"],
            &["--from=10%", "--to=60%"],
        ),
        (["--sql", "SELECT pid, comm FROM processes"], &[]),
        (["--table", "mappings"], &[]),
    ] {
        let arguments = [&["run.pft"][..], &arguments, condition].concat();
        let whole = scene.run(&arguments);
        let parts = scene.run(&[&arguments[..], &["--memory=8M"]].concat());
        assert_eq!(text(&parts.stderr), text(&whole.stderr), "{arguments:?}");
        assert_eq!(parts.status.code(), whole.status.code());
        assert!(!whole.stdout.is_empty());
        assert_eq!(text(&parts.stdout), text(&whole.stdout));
    }
    let everything = scene.run(&["run.pft", "--sql", "SELECT * FROM faults", "--memory=8M"]);
    assert_eq!((everything.status.code(), text(&everything.stdout)), (Some(1), ""));
    assert!(text(&everything.stderr).contains("8 MiB are allowed"), "{}", text(&everything.stderr));
}

/// Hash and length of the rows of a trace as CSV, and the most memory that the program took, bytes.
fn csv(scene: &Scene, memory: &str) -> ((u64, usize), u64) {
    let mut command = program();
    command.arg(&scene.trace).args(["--csv", memory]).stdout(Stdio::piped()).stderr(Stdio::null());
    // Each thread has frames and rows in hand.
    command.env("RAYON_NUM_THREADS", "2");
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut out = child.stdout.take().unwrap();
    let (mut hash, mut length, mut peak_kib) = (DefaultHasher::new(), 0, 0);
    let mut chunk = vec![0; 1 << 16];
    loop {
        // The program cannot end before its output is read, but for what a pipe holds.
        let text = fs::read_to_string(&status).unwrap();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        peak_kib = peak.map_or(peak_kib, |peak| peak.trim().parse().unwrap());
        let bytes = out.read(&mut chunk).unwrap();
        if bytes == 0 {
            break;
        }
        chunk[..bytes].iter().for_each(|byte| byte.hash(&mut hash));
        length += bytes;
    }
    // The ledger of the scene tells of none of these faults.
    assert_eq!(child.wait().unwrap().code(), Some(3));
    ((hash.finish(), length), peak_kib * 1024)
}

#[test]
fn memory_is_for_a_part_and_not_for_the_trace() {
    let scene = scene(60);
    let (whole, whole_bytes) = csv(&scene, "--memory=10G");
    let (parts, parts_bytes) = csv(&scene, "--memory=32M");
    assert_eq!(parts, whole);
    // Beside what is allowed, for the program, its libraries and the frames that are being decoded.
    let bound = (32 + 128) << 20;
    assert!(parts_bytes < bound, "{parts_bytes}");
    // It is the trace that does not fit.
    assert!(whole_bytes > bound, "{whole_bytes}");
}
