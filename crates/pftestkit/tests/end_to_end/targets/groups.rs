//! Control groups: those that perf can watch, and others.

use std::process::Command;

use pftestkit::{Cgroup, Running};

use super::{ended, start, stopped};
use crate::causes::attached_cause;
use crate::recording::{Lab, Recorder, Recording, User, is_root};
use crate::refusals::refused;

/// A group, or the reason why there is none here.
fn group(made: Result<Cgroup, String>) -> Option<Cgroup> {
    if !is_root() {
        eprintln!("skipped: needs root, to make control groups");
        return None;
    }
    made.inspect_err(|reason| eprintln!("skipped: {reason}")).ok()
}

/// A recording of a group that perf watches, with members from the start, members that are moved in,
/// children of members, and others.
fn members_and_nobody_else(group: &Cgroup) {
    let lab = Lab::new(User::Own);
    let workload = |mode: &str| lab.workload(mode).args(["--pages", "60"]);
    let mut member = start(&group.enclose(&workload("anon")));
    let mut parent = start(&group.enclose(&workload("fork-storm")));
    let mut moved = start(&workload("shmem"));
    let mut other = start(&workload("anon"));
    let mut recorder = Recorder::start(lab.pfrecord().arg("-G").arg(group.path()));
    std::fs::write(group.path().join("cgroup.procs"), moved.pid().to_string()).unwrap();
    let mut late = start(&group.enclose(&workload("anon")));
    let other_pid = other.pid();
    for running in [&mut other, &mut member, &mut parent, &mut moved, &mut late] {
        running.go().unwrap();
    }
    let said = stopped(&mut recorder);
    assert!(!said.contains("are not recorded"), "{said}");
    let late_pid = late.pid();
    let reports = [member, parent, moved, late].map(|running| running.finish().unwrap());
    other.finish().unwrap();
    let recording = Recording::of_running(lab, reports, said);
    let mut expected = recording.expected(attached_cause);
    // Children that were seen being made are as new as their parent's mapping, but this one began and
    // mapped its memory while the group was watched.
    for (range, kinds) in &mut expected {
        if range.0 == late_pid {
            *kinds = [("minor/anon-first-touch".to_owned(), 60)].into();
        }
    }
    assert_eq!(recording.found(), expected, "{}", recording.said);
    let content = recording.content();
    assert!(!content.pids.contains(&other_pid));
    assert_eq!(content.fact("target.kind"), Some("cgroup"));
    assert_eq!(content.fact("target.cgroup"), group.path().to_str());
    assert_eq!(content.fact("capture.reach"), Some("cgroup"));
    content.assert_reconciled();
}

#[test]
fn a_group_of_version_2() {
    if let Some(group) = group(Cgroup::unified()) {
        members_and_nobody_else(&group);
    }
}

#[test]
fn a_group_of_the_perf_event_controller() {
    if let Some(group) = group(Cgroup::perf_event()) {
        members_and_nobody_else(&group);
    }
}

#[test]
fn a_group_of_another_hierarchy_is_its_processes() {
    let Some(group) = group(Cgroup::memory(256)) else { return };
    let lab = Lab::new(User::Own);
    let workload = |mode: &str| lab.workload(mode).args(["--pages", "60"]);
    let mut members: Vec<Running> =
        ["anon", "fork-storm"].map(|mode| start(&group.enclose(&workload(mode)))).into();
    let mut other = start(&workload("anon"));
    let mut recorder = Recorder::start(lab.pfrecord().arg("-G").arg(group.path()));
    let other_pid = other.pid();
    for running in members.iter_mut().chain([&mut other]) {
        running.go().unwrap();
    }
    let reports: Vec<_> = members.into_iter().map(|running| running.finish().unwrap()).collect();
    let said = ended(&mut recorder);
    other.finish().unwrap();
    let recording = Recording::of_running(lab, reports, said);
    let content = recording.content();
    if content.fact("capture.reach") == Some("cgroup") {
        eprintln!("skipped: the memory controller is where perf can watch");
        return;
    }
    let line = "processes that are moved into the group from now on are not recorded";
    assert!(recording.said.contains(line), "{}", recording.said);
    assert_eq!(recording.found(), recording.expected(attached_cause), "{}", recording.said);
    assert!(!content.pids.contains(&other_pid));
    assert_eq!(content.fact("capture.reach"), Some("thread"));
    content.assert_reconciled();

    let lab = Lab::alongside(User::Own);
    let output = lab.pfrecord().arg("-G").arg(group.path()).output().unwrap();
    refused(&output, 2, "no process in control group");
    assert!(!lab.trace().exists());
}

#[test]
fn there_is_no_such_group() {
    let lab = Lab::new(User::Own);
    for name in [lab.dir.path().to_str().unwrap(), "no/such/group"] {
        let output = lab.pfrecord().args(["-G", name]).output().unwrap();
        refused(&output, 2, &format!("no control group {name}"));
        assert!(!lab.trace().exists());
    }
}

#[test]
fn a_group_is_recorded_for_as_long_as_a_command_runs() {
    let Some(group) = group(Cgroup::unified()) else { return };
    let lab = Lab::new(User::Own);
    let member = start(&group.enclose(&lab.workload("anon")));
    let mut command = Command::new(lab.pfrecord().get_program());
    let output = command.arg("-o").arg(lab.trace()).arg("-G").arg(group.path());
    let output = output.args(["--", "true"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("the command ended (exit status: 0)"), "{said}");
    member.finish().unwrap();
    // The command itself is no member.
    assert!(Recording::of_running(lab, [], said).content().pids.is_empty());
}
