//! Which control group each process is in, on a machine that is watched as a whole.

use std::path::Path;
use std::time::{Duration, Instant};

use pft::Trace;
use pft::record::{CgroupRecord, Frame};
use pftestkit::{Cgroup, Report};

use super::{start, stopped};
use crate::recording::{Lab, Recorder, is_root, pfreport};

const ALL: [&str; 3] = ["-a", "-m", "64M"];
const PATIENCE: Duration = Duration::from_secs(60);

/// A group whose path is what is recorded, or the reason why there is none here.
fn group() -> Option<Cgroup> {
    if !is_root() {
        eprintln!("skipped: needs root, to make control groups and to watch the machine");
        return None;
    }
    // Version 2 counts where nothing limits memory by version 1.
    let made = Cgroup::memory(256).or_else(|_| Cgroup::unified());
    made.inspect_err(|reason| eprintln!("skipped: {reason}")).ok()
}

/// Where a process is: the line of the controller `memory`, or that of version 2.
fn path_of(pid: u32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let line = text.lines().find(|line| line.contains(":memory:") || line.contains(",memory"));
    let line = line.or_else(|| text.lines().find(|line| line.starts_with("0::"))).unwrap();
    line.splitn(3, ':').nth(2).unwrap().to_owned()
}

fn assert_is_in(path: &str, group: &Cgroup) {
    let name = group.path().file_name().unwrap().to_str().unwrap();
    assert!(path.ends_with(&format!("/{name}")), "{path}");
}

/// The rows of a process in a file that may still be written.
fn rows_of(trace: &Path, pid: u32) -> Vec<CgroupRecord> {
    let Ok(trace) = Trace::open(trace) else { return Vec::new() };
    let frames = trace.iter().filter_map(|(_, frame)| frame.ok());
    let rows = frames.filter_map(|frame| match frame {
        Frame::Cgroups(rows) => Some(rows),
        _ => None,
    });
    rows.flatten().filter(|row| row.pid == pid).collect()
}

/// Returns when the recorder has seen where a process is.
fn wait_until_seen(trace: &Path, pid: u32, path: &str) {
    let began = Instant::now();
    while rows_of(trace, pid).last().is_none_or(|row| row.path != path.as_bytes()) {
        assert!(began.elapsed() < PATIENCE, "{path}: {:?}", rows_of(trace, pid));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn csv(lab: &Lab, args: &[&str]) -> Vec<String> {
    let output = pfreport(&lab.trace(), &[args, &["--csv"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().skip(1).map(str::to_owned).collect()
}

/// How many faults of a condition are in each group.
fn groups(lab: &Lab, condition: &str) -> Vec<(String, u64)> {
    let rows = csv(lab, &["--by=cgroup", "--sort=cgroup", &format!("--where={condition}")]);
    let row = |row: &String| {
        let mut cells = row.split(',');
        (cells.next().unwrap().to_owned(), cells.next().unwrap().parse().unwrap())
    };
    rows.iter().map(row).collect()
}

/// The last group of a process.
fn last_group(lab: &Lab, pid: u32) -> Vec<String> {
    csv(lab, &[&format!("--sql=SELECT cgroup FROM processes WHERE pid = {pid}")])
}

/// The range of a workload that touched one, as a condition, and its faults after `ready`.
fn touched(report: &Report) -> (String, u64) {
    let last = report.expectations.last().unwrap();
    (format!("addr >= {} AND addr < {}", last.start, last.end), last.count)
}

#[test]
fn processes_inside_of_a_group_and_outside_are_told_apart() {
    let Some(group) = group() else { return };
    let lab = Lab::alone();
    let mut recorder = Recorder::start(lab.pfrecord().args(ALL));
    let workload = || lab.workload("anon").args(["--pages", "70"]);
    let mut inside = start(&group.enclose(&workload()));
    let mut outside = start(&workload());
    let forks = lab.workload("short-forks").args(["--count", "50", "--pages", "2"]);
    let mut forks = start(&group.enclose(&forks));
    let own = path_of(std::process::id());
    let [inside_pid, outside_pid, forks_pid] = [&inside, &outside, &forks].map(|one| one.pid());
    let path = path_of(inside_pid);
    assert_is_in(&path, &group);
    assert_ne!(path, own);
    for (pid, path) in [(inside_pid, &path), (outside_pid, &own), (forks_pid, &path)] {
        wait_until_seen(&lab.trace(), pid, path);
    }
    for running in [&mut inside, &mut outside, &mut forks] {
        running.go().unwrap();
    }
    let [inside, outside, forks] = [inside, outside, forks].map(|one| one.finish().unwrap());
    stopped(&mut recorder);

    for (pid, report, path) in [(inside_pid, &inside, &path), (outside_pid, &outside, &own)] {
        let (range, faults) = touched(report);
        let condition = format!("pid = {pid} AND {range}");
        assert_eq!(groups(&lab, &condition), [(path.clone(), faults)]);
        assert_eq!(last_group(&lab, pid), [path.as_str()]);
    }
    // Children that were gone before anybody could look at them.
    let (range, _) = touched(&forks);
    let children =
        format!("pid <> {forks_pid} AND comm = 'pf-workload' AND class = 'cow' AND {range}");
    assert_eq!(groups(&lab, &children), [(path.clone(), 100)]);
    let sql = format!(
        "--sql=SELECT DISTINCT child.cgroup FROM processes AS child \
         JOIN processes AS parent ON child.parent = parent.proc WHERE parent.pid = {forks_pid}"
    );
    assert_eq!(csv(&lab, &[&sql]), [path.as_str()]);
    // Which says in short where they are.
    let summary = String::from_utf8(pfreport(&lab.trace(), &["-n", "100"]).stdout).unwrap();
    let name = group.path().file_name().unwrap().to_str().unwrap();
    let expected = [&inside_pid.to_string(), "pf-workload", name];
    let mut lines = summary.lines().map(|line| line.split_whitespace().take(3));
    assert!(lines.any(|words| words.eq(expected)), "{summary}");
    let document = pfreport(&lab.trace(), &["--json", "-n", "100"]).stdout;
    let document = String::from_utf8(document).unwrap();
    assert!(document.contains(&format!("\"cgroup\": \"{path}\",")), "{document}");
}

#[test]
fn a_process_that_is_moved_was_in_the_one_group_and_is_in_the_other() {
    let Some(group) = group() else { return };
    let lab = Lab::alone();
    let mut recorder = Recorder::start(lab.pfrecord().args(ALL));
    let mut moved = start(&lab.workload("anon").args(["--pages", "70"]));
    let own = path_of(std::process::id());
    let pid = moved.pid();
    wait_until_seen(&lab.trace(), pid, &own);
    std::fs::write(group.path().join("cgroup.procs"), pid.to_string()).unwrap();
    let path = path_of(pid);
    assert_is_in(&path, &group);
    // It waits, and makes no fault in the new group while it is recorded.
    stopped(&mut recorder);
    moved.go().unwrap();
    moved.finish().unwrap();

    let rows = rows_of(&lab.trace(), pid);
    let paths: Vec<_> =
        rows.iter().map(|row| String::from_utf8(row.path.clone()).unwrap()).collect();
    assert_eq!(paths, [own.as_str(), path.as_str()]);
    assert!(rows.is_sorted_by_key(|row| row.time_ns));
    let faults = groups(&lab, &format!("pid = {pid}"));
    assert!(matches!(&faults[..], [(name, 1..)] if *name == own), "{faults:?}");
    assert_eq!(last_group(&lab, pid), [path.as_str()]);
}
