//! Processes that the OOM killer ends, and accesses that no mapping allows.

use std::collections::BTreeMap;
use std::path::Path;

use pft::keys::{fact, ledger};
use pftestkit::{Cgroup, Error, Phase, Report};

use crate::content::Content;
use crate::recording::{Lab, Recorder, Row, User, is_root, pfreport, unwrapped};

const LIMIT_MIB: u32 = 16;
/// What the kernel counts of a process comes late by some pages per CPU, and a group pays for page tables
/// and more besides its anonymous memory.
const PLAUSIBLE_KIB: std::ops::RangeInclusive<u64> =
    LIMIT_MIB as u64 * 1024 / 2..=LIMIT_MIB as u64 * 1024;

fn limited() -> Option<Cgroup> {
    let group = Cgroup::memory(LIMIT_MIB).map_err(|reason| eprintln!("skipped: {reason}"));
    group.ok().filter(|_| is_root())
}

/// What the file, the ledger and the report have of one victim.
fn assert_victim(lab: &Lab, group: &Cgroup, pid: u32, others: bool) {
    assert_eq!(group.oom_kills().unwrap(), 1);
    let content = Content::open(&lab.trace());
    assert_eq!(content.fact(fact::CAPTURE_OOM), Some("yes"));
    assert_eq!(content.count(ledger::CAPTURED_OOM), Some(content.victims.len() as u64));
    let (own, foreign): (Vec<_>, Vec<_>) =
        content.victims.iter().partition(|victim| victim.pid == pid);
    // Where the whole machine is watched, victims of others are as well.
    assert!(others || foreign.is_empty(), "{foreign:?}");
    let [victim] = &own[..] else { panic!("{own:?}") };
    assert_eq!(victim.comm, b"pf-workload");
    assert_eq!(victim.by_pid, pid, "it was alone in its group");
    assert_eq!(victim.uid, Some(0));
    let anon_kib = victim.anon_rss_kib.unwrap();
    assert!(PLAUSIBLE_KIB.contains(&anon_kib), "{victim:?}");
    assert!(victim.total_vm_kib.unwrap() > anon_kib, "{victim:?}");
    assert!(victim.time_ns > content.start_ns && victim.time_ns < content.last.time_ns);
    let output = pfreport(&lab.trace(), &[]);
    let summary = unwrapped(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{summary}");
    if foreign.is_empty() {
        assert_eq!(summary.matches("killed by the OOM killer").count(), 1, "{summary}");
    }
    let line = summary
        .split("killed by the OOM killer at ")
        .find(|rest| rest.contains(&format!(": pf-workload (pid {pid}), anonymous ")));
    assert!(line.is_some(), "{summary}");
}

#[test]
fn a_victim_that_was_launched_or_attached_to() {
    let lab = Lab::new(User::Own);
    let Some(group) = limited() else { return };
    let victim = group.enclose(&lab.workload("oom-victim"));
    let recording = lab.launch(&victim).unwrap();
    let [touched] = &recording.report.expectations[..] else { panic!("{:?}", recording.report) };
    assert!(recording.said.contains("the command ended (signal: 9"), "{}", recording.said);
    assert_victim(&recording.lab, &group, touched.pid, false);
    // The faults that led there are on record: no more than there are pages, at least the resident ones.
    let range = touched.start..touched.end;
    let rows = recording.rows();
    let faults = rows.iter().filter(|row| range.contains(&row.addr)).count() as u64;
    assert!(faults <= touched.count, "{faults}");
    assert!(faults * 4 >= *PLAUSIBLE_KIB.start(), "{faults}");
    drop(recording);

    let lab = Lab::new(User::Own);
    let group = limited().unwrap();
    let pid = attached(&lab, &group, &["-p"]);
    assert_victim(&lab, &group, pid, false);
}

/// Starts a victim, then the recorder with `args` and the victim's pid; returns the pid when all is over.
fn attached(lab: &Lab, group: &Cgroup, args: &[&str]) -> u32 {
    let mut running = group.enclose(&lab.workload("oom-victim")).start().unwrap().unwrap();
    let pid = running.pid();
    let mut recorder = Recorder::start(lab.pfrecord().args(args).arg(pid.to_string()));
    running.send_go().unwrap();
    assert_killed(running.finish());
    let (status, said) = recorder.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("the target exited"), "{said}");
    pid
}

fn assert_killed(ended: Result<Report, Error>) {
    use std::os::unix::process::ExitStatusExt;
    let Err(Error::Failed { status, output }) = ended else { panic!("{ended:?}") };
    assert_eq!(status.signal(), Some(9), "{output}");
}

/// Records with `args` until the victim has been killed.
fn watched(lab: &Lab, args: &[&str], victim: &pftestkit::Workload) -> u32 {
    let mut running = victim.start().unwrap().unwrap();
    let pid = running.pid();
    let mut recorder = Recorder::start(lab.pfrecord().args(args));
    running.send_go().unwrap();
    assert_killed(running.finish());
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("0 lost, captured + lost = the kernel's count"), "{said}");
    pid
}

#[test]
fn a_victim_on_the_whole_machine() {
    let lab = Lab::new(User::Own);
    let Some(group) = limited() else { return };
    let pid = watched(&lab, &["-a"], &group.enclose(&lab.workload("oom-victim")));
    assert_victim(&lab, &group, pid, true);
}

#[test]
fn a_victim_in_a_control_group() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    // A group that perf can watch, and one that it cannot: the one with the limit.
    for watched_by_perf in [true, false] {
        let lab = Lab::new(User::Own);
        let Some(group) = limited() else { return };
        let victim = group.enclose(&lab.workload("oom-victim"));
        let unified = Cgroup::unified().or_else(|_| Cgroup::perf_event());
        let Some(unified) = unified.map_err(|reason| eprintln!("skipped: {reason}")).ok() else {
            return;
        };
        let (folder, victim): (&Path, _) = if watched_by_perf {
            (unified.path(), unified.enclose(&victim))
        } else {
            (group.path(), victim)
        };
        let pid = watched(&lab, &["-G", folder.to_str().unwrap()], &victim);
        assert_victim(&lab, &group, pid, false);
    }
}

#[test]
fn failed_accesses_have_their_address_and_region() {
    if !is_root() {
        eprintln!("skipped: needs root, to see signals");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("invalid").args(["--pages", "3"]);
    let recording = lab.launch(&workload).unwrap();
    // Each child dies in one of the three ranges, in turn.
    let invalid = recording.report.of_phase(Phase::Run).filter(|e| e.cause == "invalid");
    let expected: BTreeMap<u32, (u64, usize, u64)> = invalid
        .enumerate()
        .map(|(index, e)| (e.pid, (e.start, index % 3, index as u64 / 3 * 4096)))
        .collect();
    assert_eq!(expected.len(), 9);
    let rows = recording.rows();
    let failed: Vec<&Row> = rows.iter().filter(|row| row.kind == "failed/invalid").collect();
    assert_eq!(failed.len(), 9, "{failed:?}");
    for row in failed {
        let (start, way, offset) = expected[&row.pid];
        let file = row.path.rsplit('/').next().unwrap_or_default();
        let of_workload = file.starts_with("pf-workload-") && row.region == file;
        let found = (row.addr, row.access.as_str(), row.perms.as_str(), row.region.as_str());
        let why = ["no mapping", "not writable", "behind the end of the file"];
        assert_eq!(row.failure, why[way]);
        match way {
            0 => assert_eq!(found, (start + offset, "read", "", "[unknown]")),
            1 => assert_eq!(found, (start + offset, "write", "r--p", "[anon]")),
            _ => {
                let behind = offset + 4096;
                assert_eq!((row.addr, row.file_offset), (start + behind, Some(behind)));
                assert!(of_workload && found.1 == "read" && found.2 == "rw-s", "{row:?}");
            }
        }
    }
    let words = "9 failed (3 no mapping, 3 not writable, 3 behind the end of the file)";
    assert!(recording.summary().contains(words), "{}", recording.summary());
}
