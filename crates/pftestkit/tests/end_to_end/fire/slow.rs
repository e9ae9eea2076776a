//! A recorder that is held up.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pft::keys::ledger;

use super::steady::Steady;
use super::{Tally, check, rounds};
use crate::recording::{Lab, Recorder, User};

#[test]
fn a_recorder_suspended_for_five_seconds_counts_what_it_lost() {
    let lab = Lab::new(User::Own);
    let target = Steady::start(&lab);
    let mut tally = Tally::of("SIGSTOP for 5 s at full speed");
    for _ in 0..rounds(1) {
        let before = target.faults();
        let mut recorder =
            Recorder::start(lab.pfrecord().args(["-f", "-p", &target.pid().to_string()]));
        target.make(20_000);
        recorder.signal("STOP");
        target.run();
        std::thread::sleep(Duration::from_secs(5));
        // However fast it was: more than the rings hold.
        target.wait_for(before + 400_000);
        recorder.signal("CONT");
        target.wait_for(target.done() + 20_000);
        target.pause();
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        assert_eq!(status.code(), Some(3), "{said}");
        assert!(said.contains("captured + lost = the kernel's count"), "{said}");
        let content = check(&lab.trace(), &target, target.faults() - before, &mut tally);
        assert_ne!(content.count(ledger::MINOR_FAULTS_LOST), Some(0));
    }
    target.finish();
    tally.print();
}

#[test]
fn a_recorder_suspended_again_and_again_counts_what_it_lost() {
    let lab = Lab::new(User::Own);
    let target = Steady::start(&lab);
    let mut tally = Tally::of("SIGSTOP and SIGCONT again and again");
    let before = target.faults();
    let mut recorder =
        Recorder::start(lab.pfrecord().args(["-m", "64K", "-p", &target.pid().to_string()]));
    for _ in 0..rounds(20) {
        recorder.signal("STOP");
        target.make(5_000);
        recorder.signal("CONT");
        target.make(500);
    }
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    assert_eq!(status.code(), Some(3), "{said}");
    check(&lab.trace(), &target, target.faults() - before, &mut tally);
    target.finish();
    tally.print();
}

#[test]
fn an_encoder_slower_than_the_target_counts_what_it_drops() {
    let mut tally = Tally::of("compression at its slowest");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let target = Steady::start(&lab);
        let before = target.faults();
        let mut recorder = Recorder::start(lab.pfrecord().args([
            "--level",
            "19",
            "-p",
            &target.pid().to_string(),
        ]));
        target.make(1_500_000);
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        let content = check(&lab.trace(), &target, target.faults() - before, &mut tally);
        let dropped = content.count(ledger::DROPPED_RECORDER).unwrap();
        let is_whole = dropped + content.count(ledger::MINOR_FAULTS_LOST).unwrap() == 0;
        assert_eq!(status.code(), Some(if is_whole { 0 } else { 3 }), "{said}");
        assert_eq!(
            said.contains("were dropped because writing fell behind"),
            dropped > 0,
            "{said}"
        );
        target.finish();
    }
    tally.print();
}

#[test]
fn a_reader_that_dozes_costs_only_what_is_counted() {
    let mut tally = Tally::of("reader of -o - that dozes");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let target = Steady::start(&lab);
        let before = target.faults();
        let mut command = lab.pfrecord_bare();
        command.args(["-o", "-", "-p", &target.pid().to_string()]).stdout(Stdio::piped());
        let mut recorder = Recorder::started(&mut command);
        let mut stdout = recorder.child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let (mut trace, mut piece) = (Vec::new(), [0; 8192]);
            loop {
                match stdout.read(&mut piece).unwrap() {
                    0 => return trace,
                    count => trace.extend_from_slice(&piece[..count]),
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        target.make(600_000);
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        std::fs::write(lab.trace(), reader.join().unwrap()).unwrap();
        let content = check(&lab.trace(), &target, target.faults() - before, &mut tally);
        let dropped = content.sum(&[ledger::DROPPED_RECORDER, ledger::MINOR_FAULTS_LOST]);
        assert_eq!(status.code(), Some(if dropped > 0 { 3 } else { 0 }), "{said}");
        target.finish();
    }
    tally.print();
}

/// Programs that use all CPUs until this is dropped.
struct Hogs(Vec<Child>);

impl Hogs {
    fn start(count: usize) -> Self {
        let hog = || Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        Self((0..count).map(|_| hog()).collect())
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}

#[test]
fn a_recorder_that_gets_no_cpu_counts_what_it_lost() {
    let mut tally = Tally::of("SCHED_IDLE beside hogs on all CPUs");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let target = Steady::start(&lab);
        let cpus = std::thread::available_parallelism().unwrap().get();
        let before = target.faults();
        let mut command = Command::new("chrt");
        command.args(["-i", "0", "nice", "-n", "19"]).arg(crate::recording::program("pfrecord"));
        command.arg("-o").arg(lab.trace()).args(["-p", &target.pid().to_string()]);
        let mut recorder = Recorder::start(&mut command);
        let hogs = Hogs::start(cpus);
        target.make(400_000);
        drop(hogs);
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        let content = check(&lab.trace(), &target, target.faults() - before, &mut tally);
        let lost = content.sum(&[ledger::DROPPED_RECORDER, ledger::MINOR_FAULTS_LOST]);
        // Records other than those of completions may be lost too.
        assert!(status.code() == Some(3) || lost == 0 && status.success(), "{said}");
        target.finish();
    }
    tally.print();
}
