//! Targets that multiply, die and hide, and recorders side by side.

use std::process::Command;

use pft::keys::ledger;
use pft::record::{Frame, TaskKind};

use super::steady::Steady;
use super::{Random, Tally, check, rounds};
use crate::content::Content;
use crate::python::{self, Python};
use crate::recording::{AGREED, Lab, Recorder, User, is_root};

/// Records a command to its end; nothing may be lost.
fn whole(lab: &Lab, argv: &[&str], tally: &mut Tally) -> (Content, String) {
    let output = lab.pfrecord().args(["-f", "--"]).args(argv).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    assert!(said.contains("captured + lost = the kernel's count"), "{said}");
    let content = Content::open(&lab.trace());
    tally.add(&content);
    (content, said)
}

/// Changes of tasks of one kind.
fn tasks(lab: &Lab, kind: TaskKind) -> Vec<(u32, u32)> {
    let trace = pft::Trace::open(lab.trace()).unwrap();
    let frames = trace.iter().filter_map(|(_, frame)| match frame.unwrap() {
        Frame::Tasks(tasks) => Some(tasks),
        _ => None,
    });
    let tasks = frames.flatten().filter(|task| task.kind == kind);
    tasks.map(|task| (task.pid, task.tid)).collect()
}

#[test]
fn a_program_that_executes_itself_again_and_again_is_followed() {
    let lab = Lab::new(User::Own);
    let mut tally = Tally::of("exec storm");
    let script = lab.dir.path().join("again");
    std::fs::write(&script, "[ \"$1\" -gt 0 ] && exec sh \"$0\" $(($1 - 1))\nexit 0\n").unwrap();
    for _ in 0..rounds(1) {
        let (_, said) = whole(&lab, &["sh", script.to_str().unwrap(), "300"], &mut tally);
        assert!(said.contains(AGREED), "{said}");
        // The first one is that of the recorder.
        assert_eq!(tasks(&lab, TaskKind::Exec).len(), 301);
    }
    tally.print();
}

#[test]
fn ten_thousand_short_threads_are_all_seen() {
    let lab = Lab::new(User::Own);
    let mut tally = Tally::of("thread storm");
    for _ in 0..rounds(1) {
        let workload = lab.workload("thread-storm");
        let workload = workload.args(["--threads", "4", "--count", "10000", "--pages", "4"]);
        let argv: Vec<&str> = workload.argv().map(|word| word.to_str().unwrap()).collect();
        let (content, said) = whole(&lab, &argv, &mut tally);
        let threads = tasks(&lab, TaskKind::Fork);
        assert!(threads.len() >= 10_000 || said.contains("no room in a ring"), "{said}");
        assert!(content.captured() + content.count(ledger::MINOR_FAULTS_LOST).unwrap() >= 40_000);
    }
    tally.print();
}

#[test]
fn processes_that_make_processes_are_all_seen() {
    let lab = Lab::new(User::Own);
    let mut tally = Tally::of("fork bomb of 255 processes");
    // A shell makes a child for each `&`.
    let bomb = "f() { [ $1 -gt 0 ] && { f $(($1 - 1)) & f $(($1 - 1)) & wait; }; }; f 7";
    for _ in 0..rounds(1) {
        let (content, said) = whole(&lab, &["sh", "-c", bomb], &mut tally);
        assert!(said.contains(AGREED), "{said}");
        assert_eq!(content.forks.len(), 254);
    }
    tally.print();
}

#[test]
fn targets_killed_at_any_moment_end_the_recording() {
    let lab = Lab::new(User::Own);
    let (mut random, mut tally) = (Random::of(3), Tally::of("target killed at random moments"));
    for _ in 0..rounds(5) {
        let target = Steady::start(&lab);
        let pid = target.pid().to_string();
        let mut recorder = Recorder::start(lab.pfrecord().args(["-f", "-p", &pid]));
        let before = target.done();
        target.run();
        target.wait_for(before + random.below(200_000));
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        let (status, said) = recorder.finish();
        assert!(matches!(status.code(), Some(0 | 3)), "{said}");
        assert!(said.contains("the target exited after "), "{said}");
        tally.add(&Content::open(&lab.trace()));
        // Its count is one ahead of its faults where it was killed between the two.
        assert!(target.done() >= before);
    }
    tally.print();
}

#[test]
fn two_recorders_of_one_target_both_have_all_of_it() {
    let lab = Lab::new(User::Own);
    let target = Steady::start(&lab);
    let mut tally = Tally::of("two recorders at once");
    let traces = ["one.pft", "two.pft"].map(|name| lab.dir.path().join(name));
    for _ in 0..rounds(1) {
        let before = target.faults();
        let mut recorders = traces.each_ref().map(|trace| {
            let _ = std::fs::remove_file(trace);
            super::disk::record(trace, &target, &[])
        });
        target.make(100_000);
        for recorder in &mut recorders {
            recorder.signal("INT");
            let (status, said) = recorder.finish();
            assert!(matches!(status.code(), Some(0 | 3)), "{said}");
        }
        let made = target.faults() - before;
        for trace in &traces {
            check(trace, &target, made, &mut tally);
        }
    }
    target.finish();
    tally.print();
}

/// Hides from its own user, then writes so many pages.
const HIDDEN: &str = "
import ctypes, mmap, sys
print('ready', flush=True)
sys.stdin.readline()
assert ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) == 0
print('hidden', flush=True)
sys.stdin.readline()
memory = mmap.mmap(-1, 4096 * int(sys.argv[1]), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE)
for page in range(int(sys.argv[1])):
    memory[4096 * page] = 1
print('done', flush=True)
sys.stdin.readline()
";

#[test]
fn a_target_that_hides_its_mappings_meanwhile_is_recorded_all_the_same() {
    use std::io::Write;
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let mut tally = Tally::of("target that is not dumpable any more");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Nobody);
        let Python { child: mut python, pid, mut input, mut lines } =
            python::start_as(Some(65534), HIDDEN, "20000", "ready");
        let mut recorder = Recorder::start(lab.pfrecord().args(["-p", &pid.to_string()]));
        for line in ["hidden", "done"] {
            input.write_all(b"\n").unwrap();
            assert_eq!(lines.next().unwrap().unwrap(), line);
        }
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        drop(input);
        assert!(python.wait().unwrap().success());
        assert!(matches!(status.code(), Some(0 | 3)), "{said}");
        let content = Content::open(&lab.trace());
        tally.add(&content);
        let lost = content.sum(&[ledger::MINOR_FAULTS_LOST, ledger::DROPPED_RECORDER]);
        assert!(content.captured() + lost >= 20_000, "{said}");
        // What it has mapped by then cannot be looked at.
        assert_ne!(content.count(ledger::SNAPSHOTS_FAILED), Some(0));
    }
    tally.print();
}
