//! Limits on what the recorder may use.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use pftestkit::Cgroup;

use super::steady::{Rows, Steady};
use super::{Tally, check, rounds};
use crate::recording::{AGREED, Lab, Recorder, User, is_root, program};
use crate::refusals::refused;
use crate::robust::wait_until;

/// `pfrecord -o run.pft` under a limit.
fn limited(lab: &Lab, limit: &str) -> Command {
    let mut command = Command::new("prlimit");
    command.arg(limit).arg(program("pfrecord")).arg("-o").arg(lab.trace());
    command
}

#[test]
fn a_file_that_may_grow_no_further_is_closed_there() {
    let mut tally = Tally::of("RLIMIT_FSIZE");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let target = Steady::start(&lab);
        let mut command = limited(&lab, "--fsize=400000");
        let mut recorder = Recorder::start(command.args(["-p", &target.pid().to_string()]));
        target.run();
        let (status, said) = recorder.finish();
        target.pause();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("(os error 27): raise the limit on files (ulimit -f)"), "{said}");
        super::disk::check_closed_early(&lab.trace(), &said, &mut tally);
        assert!(fs::metadata(lab.trace()).unwrap().len() <= 400_000);
        target.finish();
    }
    tally.print();
}

#[test]
fn with_few_descriptors_it_records_well_or_says_how_many_it_needs() {
    let lab = Lab::new(User::Own);
    let (mut tally, mut most_refused, mut least_used) =
        (Tally::of("RLIMIT_NOFILE 4 to 64"), 0, u32::MAX);
    // With fewer the program itself cannot be loaded.
    for limit in 4..=64 {
        let mut command = limited(&lab, &format!("--nofile={limit}"));
        let output = command.args(["-f", "--", "true"]).output().unwrap();
        if output.status.code() == Some(2) {
            refused(&output, 2, &format!("all {limit} that the limit allows are open"));
            assert!(!lab.trace().exists());
            most_refused = limit;
            continue;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{limit}: {said}");
        assert!(said.contains(AGREED), "{limit}: {said}");
        tally.add(&crate::content::Content::open(&lab.trace()));
        least_used = least_used.min(limit);
        fs::remove_file(lab.trace()).unwrap();
    }
    assert!(tally.rounds > 0 && most_refused < least_used, "{most_refused} {least_used}");
    tally.print();
}

/// Brings the size of locked memory for everybody back when dropped.
struct Unlocked(String);

impl Unlocked {
    const SWITCH: &str = "/proc/sys/kernel/perf_event_mlock_kb";

    /// Nothing may be locked by those without privileges.
    fn take() -> Self {
        let before = fs::read_to_string(Self::SWITCH).unwrap();
        fs::write(Self::SWITCH, "0").unwrap();
        Self(before)
    }
}

impl Drop for Unlocked {
    fn drop(&mut self) {
        if let Err(error) = fs::write(Self::SWITCH, &self.0) {
            eprintln!("{} stays 0: {error}", Self::SWITCH);
        }
    }
}

#[test]
fn where_little_may_be_locked_rings_are_small_or_refused() {
    if !is_root() {
        eprintln!("skipped: needs root, to become somebody else");
        return;
    }
    // Whose locked memory nobody else shares.
    const UID: u32 = 61_234;
    let mut tally = Tally::of("RLIMIT_MEMLOCK 0, not root");
    for _ in 0..rounds(1) {
        let lab = Lab::alone_as(User::Nobody);
        let target = Steady::start_as(&lab, UID);
        let pfrecord = || {
            let bare = lab.pfrecord_bare();
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={UID}"), &format!("--regid={UID}"), "--clear-groups"]);
            command.args(["prlimit", "--memlock=0"]).arg(bare.get_program()).arg("-o");
            command.arg(lab.trace()).args(["-p", &target.pid().to_string()]);
            command
        };
        let before = target.faults();
        let mut recorder = Recorder::start(&mut pfrecord());
        target.make(50_000);
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        assert!(
            said.contains("ring buffers are smaller than the 8 MiB wanted: more may not"),
            "{said}"
        );
        assert!(matches!(status.code(), Some(0 | 3)), "{said}");
        check(&lab.trace(), &target, target.faults() - before, &mut tally);
        fs::remove_file(lab.trace()).unwrap();
        let nothing = Unlocked::take();
        let output = pfrecord().output().unwrap();
        drop(nothing);
        refused(&output, 2, ": sudo sysctl kernel.perf_event_mlock_kb=16384");
        assert!(!lab.trace().exists());
        target.finish();
    }
    tally.print();
}

/// Whatever a limit of memory does to the recorder, the target goes on, and what is there is readable.
fn survive(lab: &Lab, target: &Steady, command: &mut Command, tally: &mut Tally) -> String {
    let before = target.faults();
    let mut child = command
        .args(["-p", &target.pid().to_string()])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("an end, or a beginning", || {
        lab.trace().exists() || child.try_wait().unwrap().is_some()
    });
    target.run();
    let from = target.done();
    wait_until("an end, or enough", || {
        target.done() > from + 100_000 || child.try_wait().unwrap().is_some()
    });
    target.pause();
    let pid = child.id().to_string();
    // It may have ended.
    let _ =
        Command::new("kill").args(["-s", "INT", &pid]).stderr(std::process::Stdio::null()).status();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let outcome = match (output.status.code(), output.status.signal()) {
        (Some(0 | 3), _) => {
            let content = crate::content::Content::open(&lab.trace());
            tally.add(&content);
            assert!(content.captured() <= target.faults() - before);
            "recorded"
        }
        (Some(1 | 2), _) => {
            assert!(said.starts_with("error: ") && said.contains("(ulimit -v"), "{said}");
            assert!(!lab.trace().exists(), "{said}");
            "refused"
        }
        // Memory that is not there ends a program at once, as SIGKILL does; so does a SIGINT before it
        // has begun.
        (_, Some(2 | 6 | 9)) => "killed",
        (Some(127), _) => "not loaded",
        other => panic!("{other:?}: {said}"),
    };
    let is_there = lab.trace().exists();
    if is_there && outcome != "recorded" {
        let rows = Rows::read(&lab.trace(), target.range());
        rows.check_unbroken();
        tally.add_rows(rows.touches.len() as u64);
    }
    if is_there {
        fs::remove_file(lab.trace()).unwrap();
    }
    outcome.to_owned()
}

#[test]
fn whatever_memory_it_may_have_the_target_goes_on() {
    let lab = Lab::new(User::Own);
    let target = Steady::start(&lab);
    let mut tally = Tally::of("RLIMIT_AS 12 to 384 MiB");
    for mib in [12, 24, 36, 48, 96, 384] {
        let mut command = limited(&lab, &format!("--as={}", mib << 20));
        let outcome = survive(&lab, &target, &mut command, &mut tally);
        println!("fire: RLIMIT_AS of {mib} MiB: {outcome}");
    }
    tally.print();
    let mut tally = Tally::of("memory cgroup of 4 to 64 MiB");
    for mib in [4, 12, 16, 64] {
        let group = match Cgroup::memory(mib) {
            Ok(group) => group,
            Err(reason) => {
                eprintln!("skipped: {reason}");
                return;
            }
        };
        let mut command = group.command(program("pfrecord"));
        command.arg("-o").arg(lab.trace());
        let outcome = survive(&lab, &target, &mut command, &mut tally);
        println!("fire: memory cgroup of {mib} MiB: {outcome}");
    }
    target.finish();
    tally.print();
}
