//! Control groups, and what happens at the limit of one.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use pftestkit::{Cgroup, Error, Exactness, Report};

use crate::workload;

/// The group, or `None` with the reason printed.
fn or_skip(group: Result<Cgroup, String>) -> Option<Cgroup> {
    group.map_err(|reason| eprintln!("skipped: {reason}")).ok()
}

#[test]
fn the_oom_killer_ends_the_victim_only() {
    let Some(group) = or_skip(Cgroup::memory(16)) else { return };
    let victim = group.enclose(&workload("oom-victim"));
    let running = victim.start().unwrap().unwrap();
    let pid = running.pid();
    assert_eq!(group.processes().unwrap(), [pid]);
    assert_eq!(group.oom_kills().unwrap(), 0);
    let Err(Error::Failed { status, output }) = running.finish() else { panic!("it survived") };
    assert_eq!(status.signal(), Some(9), "{output}");
    assert_eq!(group.oom_kills().unwrap(), 1);
    let report = Report::parse(&output).unwrap();
    let [touched] = &report.expectations[..] else { panic!("{report:#?}") };
    assert_eq!((touched.pid, touched.exact), (pid, Exactness::AtMost));
}

#[test]
fn a_victim_without_limit_gives_up() {
    match workload("oom-victim").args(["--max-mib", "1"]).run() {
        Err(Error::Failed { status, output }) => {
            assert_eq!(status.code(), Some(1), "{output}");
            let report = Report::parse(&output).unwrap();
            let bytes = report.expectations[0].end - report.expectations[0].start;
            assert_eq!(bytes, 1 << 20);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn groups_are_entered_and_removed() {
    let mut paths: Vec<PathBuf> = Vec::new();
    for group in [Cgroup::unified(), Cgroup::perf_event(), Cgroup::memory(64)] {
        let Some(group) = or_skip(group) else { continue };
        let output = group.command("cat").arg("/proc/self/cgroup").output().unwrap();
        let name = group.path().file_name().unwrap().to_str().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().any(|line| line.ends_with(&format!("/{name}"))), "{name}: {text}");
        // What still runs in the group ends with it.
        let mut left = group.command("sleep").arg("1000").spawn().unwrap();
        while group.processes().unwrap() != [left.id()] {
            assert!(left.try_wait().unwrap().is_none());
            std::thread::yield_now();
        }
        paths.push(group.path().to_owned());
        drop(group);
        assert_eq!(left.wait().unwrap().signal(), Some(9));
    }
    assert!(!paths.iter().any(|path| path.exists()), "{paths:?}");
}
