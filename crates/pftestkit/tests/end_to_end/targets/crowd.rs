//! Thousands of threads.

use pftestkit::Phase;

use super::{start, whole};
use crate::causes::attached_cause;
use crate::recording::{AGREED, Lab, Recorder, Recording, User, is_root};

#[test]
fn so_many_threads_that_the_cpus_are_watched() {
    if !is_root() {
        eprintln!("skipped: needs root, to watch all CPUs");
        return;
    }
    let skipped = Lab::alone().workload("many-threads").start().unwrap().is_err();
    if skipped {
        eprintln!("skipped: this machine does not bear 2000 threads");
        return;
    }
    let lab = Lab::alone();
    let mut running = start(&lab.workload("many-threads"));
    let target = running.pid();
    let mut command = lab.pfrecord();
    command.args(["-m", "32M", "-p", &running.pid().to_string()]);
    let mut recorder = Recorder::start(&mut command);
    running.go().unwrap();
    let report = running.finish().unwrap();
    let (status, said) = recorder.finish();
    let recording = whole((status, Recording::of_running(lab, [report], said)));
    let said = &recording.said;
    assert!(said.contains("so many threads that all tasks are watched"), "{said}");
    assert_eq!(recording.found(), recording.expected(attached_cause), "{said}");
    let made: u64 = recording.report.of_phase(Phase::Run).map(|e| e.count).sum();
    assert_eq!(made, 6000);
    let content = recording.content();
    assert_eq!(content.fact("capture.reach"), Some("cpu"));
    assert_eq!(content.pids.iter().copied().collect::<Vec<_>>(), [target]);
    content.assert_reconciled();
}

#[test]
fn an_ordinary_user_attaches_to_each_of_so_many_threads() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    if descriptors.is_some_and(|limit| limit < 17_000) {
        eprintln!("skipped: no more than {descriptors:?} descriptors");
        return;
    }
    let cpus = std::thread::available_parallelism().unwrap();
    // Five events on each thread and CPU, and fewer than 16384 of them.
    let count = (16_000 / 5 / cpus.get()).min(2000) - 1;
    let lab = Lab::alone_as(User::Nobody);
    let workload = lab.workload("many-threads").args(["--count", &count.to_string()]);
    let Some(recording) = lab.attach(&workload) else { return };
    let found: u64 = recording.found().values().flat_map(|kinds| kinds.values()).sum();
    assert_eq!(found, 3 * count as u64, "{}", recording.said);
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    let content = recording.content();
    assert_eq!(content.fact("capture.reach"), Some("thread"));
    content.assert_reconciled();
}
