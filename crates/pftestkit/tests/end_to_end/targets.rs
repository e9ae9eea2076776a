//! Every way to point at a target: whoever is one is recorded exactly, and nobody else.

mod containers;
mod crowd;
mod groups;
mod refused;
mod system;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitStatus, Stdio};

use pftestkit::{Running, Workload};

use crate::causes::attached_cause;
use crate::recording::{AGREED, Kinds, Lab, Range, Recorder, Recording, User, is_root, program};

/// Starts a workload; it waits to be told to go.
fn start(workload: &Workload) -> Running {
    workload.start().unwrap().unwrap()
}

/// What a recorder said that ends by itself: all went well.
fn ended(recorder: &mut Recorder) -> String {
    let (status, said) = recorder.finish();
    assert!(status.success() && said.contains(AGREED), "{said}");
    said
}

/// A recording that adds up.
fn whole((status, recording): (ExitStatus, Recording)) -> Recording {
    assert_eq!(status.code(), Some(0), "{}", recording.said);
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    recording
}

/// Stops a recorder; what it said.
fn stopped(recorder: &mut Recorder) -> String {
    recorder.signal("INT");
    let said = ended(recorder);
    assert!(said.contains("stopped by a signal"), "{said}");
    said
}

/// Returns when a recorder has taken a mark: what happened before, it has seen by then.
pub fn mark(recorder: &Recorder, name: &str) {
    let pid = recorder.child.id().to_string();
    let mut command = Command::new(program("pfrecord"));
    let output = command.args(["mark", name, "--to", &pid]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.stdout.len(), output.stderr.len()), (0, 0));
}

/// Threads of a process in the order in which they were created, the first one left out.
fn threads_of(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap()).skip(1).collect()
}

#[test]
fn the_end_of_one_process_is_not_that_of_the_others() {
    if !is_root() {
        eprintln!("skipped: needs root, for causes");
        return;
    }
    let lab = Lab::new(User::Own);
    let mut first = start(&lab.workload("anon").args(["--pages", "300"]));
    let mut second = start(&lab.workload("shmem").args(["--pages", "200"]));
    let list = format!("{},{}", first.pid(), second.pid());
    let mut recorder = Recorder::start(lab.pfrecord().args(["-p", &list]));
    first.go().unwrap();
    let first = first.finish().unwrap();
    // The end is in view of the recorder before the first mark is, and it would not take a second one.
    mark(&recorder, "one");
    mark(&recorder, "two");
    second.go().unwrap();
    let second = second.finish().unwrap();
    let said = ended(&mut recorder);
    assert!(said.contains("the target exited"), "{said}");
    let recording = Recording::of_running(lab, [first, second], said);
    assert_eq!(recording.found(), recording.expected(attached_cause), "{}", recording.said);
    assert_eq!(recording.content().fact("target.kind"), Some("processes"));
    assert_eq!(recording.content().fact("target.pids"), Some(list.as_str()));
}

#[test]
fn single_threads_are_recorded_alone() {
    if !is_root() {
        eprintln!("skipped: needs root, for causes");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("threads").args(["--threads", "4", "--pages", "50"]);
    let mut running = start(&workload);
    let tids = threads_of(running.pid());
    let wanted = [tids[1], tids[3]];
    let list = format!("{},{}", wanted[0], wanted[1]);
    let mut recorder = Recorder::start(lab.pfrecord().args(["-t", &list]));
    running.go().unwrap();
    // The process lives on.
    let said = ended(&mut recorder);
    assert!(said.contains("the target exited"), "{said}");
    let report = running.finish().unwrap();
    // One range for each thread, in order of creation.
    let ranges: Vec<(u64, u64)> = report.expectations.iter().map(|e| (e.start, e.end)).collect();
    assert_eq!(ranges.len(), tids.len());
    let recording = Recording::of_running(lab, [report], said);
    let mut found: BTreeMap<(u32, String), u64> = BTreeMap::new();
    let mut elsewhere = 0;
    for row in recording.rows() {
        assert!(wanted.contains(&row.tid), "{row:?}");
        match ranges.iter().position(|&(start, end)| (start..end).contains(&row.addr)) {
            Some(range) => *found.entry((tids[range], row.kind.clone())).or_default() += 1,
            None => elsewhere += 1,
        }
        assert!(
            ranges.iter().zip(&tids).all(|(&(start, end), &tid)| {
                tid == row.tid || !(start..end).contains(&row.addr)
            })
        );
    }
    let kind = || "minor/anon-unknown".to_owned();
    assert_eq!(found, BTreeMap::from(wanted.map(|tid| ((tid, kind()), 50))), "{elsewhere}");
    let content = recording.content();
    assert_eq!(content.fact("target.kind"), Some("threads"));
    assert_eq!(content.fact("target.tids"), Some(list.as_str()));
    content.assert_reconciled();
}

/// A thread writes 64 pages of a private mapping that another one made meanwhile; then the other one
/// does the same with its own.
const SHARED_MAP: &str = "
import mmap, os, sys, threading
begin, mapped = threading.Event(), []
def private():
    file = os.open(sys.argv[1], os.O_RDONLY)
    return mmap.mmap(file, 64 * 4096, access=mmap.ACCESS_COPY)
def write(memory):
    for page in range(64):
        memory[page * 4096] = 1
def touch():
    print(threading.get_native_id(), flush=True)
    begin.wait()
    write(mapped[0])
thread = threading.Thread(target=touch)
thread.start()
sys.stdin.readline()
mapped.append(private())
begin.set()
thread.join()
mapped.append(private())
write(mapped[1])
sys.stdin.readline()
";

#[test]
fn a_thread_faults_in_what_other_threads_map() {
    let lab = Lab::new(User::Own);
    let file = lab.dir.path().join("mapped.bin");
    std::fs::write(&file, vec![1; 64 * 4096]).unwrap();
    let mut python = Command::new("python3")
        .args(["-c", SHARED_MAP])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(python.stdout.take().unwrap()).lines();
    let tid = lines.next().unwrap().unwrap();
    let mut recorder = Recorder::start(lab.pfrecord().args(["-t", &tid]));
    let mut input = python.stdin.take().unwrap();
    input.write_all(b"\n").unwrap();
    let said = ended(&mut recorder);
    assert!(said.contains("the target exited"), "{said}");
    drop(input);
    assert!(python.wait().unwrap().success());
    let recording = Recording::of_running(lab, [], said);
    let rows = recording.rows();
    assert!(rows.iter().all(|row| row.tid.to_string() == tid), "{rows:?}");
    let path = file.to_str().unwrap();
    let offsets = rows.iter().filter(|row| row.path == path).map(|row| row.file_offset.unwrap());
    let pages: Vec<u64> = offsets.map(|offset| offset / 4096).collect();
    assert_eq!(pages, (0..64).collect::<Vec<_>>());
}

/// What a workload makes in its first process; nothing in others.
fn of_first_process(
    recording: &Recording,
    pid: u32,
    cause: impl Fn(&str) -> String,
) -> BTreeMap<Range, Kinds> {
    let mut expected = recording.expected(cause);
    for (range, kinds) in &mut expected {
        if range.0 != pid {
            kinds.clear();
        }
    }
    expected
}

#[test]
fn children_are_left_out_and_threads_are_not() {
    if !is_root() {
        eprintln!("skipped: needs root, for causes");
        return;
    }
    for mode in ["orphan", "fork-storm", "cow", "threads"] {
        for launched in [true, false] {
            let lab = Lab::new(User::Own);
            let workload = lab.workload(mode).args(["--pages", "40"]);
            let recording = if launched {
                lab.launch_with(&["--no-follow"], &workload)
            } else {
                lab.attach_with(&["--no-follow"], &workload)
            };
            let recording = recording.unwrap();
            let content = recording.content();
            let pid: u32 = content.fact("target.pids").unwrap().parse().unwrap();
            let expected = if launched {
                of_first_process(&recording, pid, ToOwned::to_owned)
            } else {
                of_first_process(&recording, pid, attached_cause)
            };
            assert_eq!(recording.found(), expected, "{mode}: {}", recording.said);
            assert!(recording.said.contains(AGREED), "{mode}: {}", recording.said);
            assert_eq!(content.pids.iter().copied().collect::<Vec<_>>(), [pid], "{mode}");
            assert_eq!(content.fact("target.follow"), Some("no"));
        }
    }
}
