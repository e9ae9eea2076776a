//! Control groups, from the golden trace to every way of asking for them.

use std::path::Path;

use crate::{program, text};

const DOCKER: &str =
    "/system.slice/docker-3f2a91bc0d4e8c1f6a7b5d2e9f0c4a3b2d1e8f7a6b5c4d3e2f1a0b9c8d7e6f5a.scope";
const POD: &str = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5c2b.slice/\
    cri-containerd-00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee.scope";
const SESSION: &str = "/user.slice/user-1000.slice/session-3.scope";

fn report(words: &[&str]) -> String {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let output =
        program().current_dir(testdata).arg("v1.0-cgroups.pft").args(words).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[test]
fn a_fault_has_the_group_of_its_process_at_that_moment() {
    let rows = report(&["--sql=SELECT pid, proc, cgroup FROM faults ORDER BY time_ns", "--csv"]);
    let expected = [
        "pid,proc,cgroup",
        &format!("100,0,{DOCKER}"),
        &format!("200,1,{SESSION}"),
        &format!("300,2,{POD}"),
        "400,3,",
        // Forked and never looked at.
        &format!("101,4,{DOCKER}"),
        "200,1,\"/batch, \"\"nightly\"\"\"",
        // Another process with the number of one before.
        "300,5,/",
        &format!("100,0,{DOCKER}"),
        &format!("101,4,{DOCKER}"),
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn groups_and_conditions_go_by_it() {
    let groups = report(&["--by=cgroup", "--sort=faults", "--csv"]);
    let counts = groups.lines().skip(1).map(|line| {
        let (name, rest) = line.rsplit_once("\",").unwrap_or_else(|| line.split_once(',').unwrap());
        (name.trim_start_matches('"').to_owned(), rest.split(',').next().unwrap().to_owned())
    });
    let mut counts: Vec<_> = counts.collect();
    counts.sort();
    let expected = [
        ("", "1"),
        ("/", "1"),
        ("/batch, \"\"nightly\"\"", "1"),
        (POD, "1"),
        (DOCKER, "4"),
        (SESSION, "1"),
    ];
    assert_eq!(counts, expected.map(|(name, faults)| (name.to_owned(), faults.to_owned())));
    let none = report(&["--where=cgroup IS NULL", "--sql=SELECT pid FROM faults", "--csv"]);
    assert_eq!(none, "pid\n400\n");
    let docker =
        report(&["--where=cgroup LIKE '%docker-3f2a%'", "--by=pid", "--csv", "--sort=pid"]);
    let pids = docker.lines().skip(1).map(|line| line.split(',').next().unwrap());
    assert_eq!(pids.collect::<Vec<_>>(), ["100", "101"]);
}

#[test]
fn processes_are_shown_with_their_containers() {
    let table = report(&["--table=processes", "--csv"]);
    let cells = table.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.splitn(8, ',').collect();
        format!("{} {}", cells[2], cells[7])
    });
    let expected = [
        "100 /init.scope",
        "200 \"/batch, \"\"nightly\"\"\"",
        &format!("300 {POD}"),
        "400 ",
        &format!("101 {DOCKER}"),
        "300 /",
    ];
    assert_eq!(cells.collect::<Vec<_>>(), expected);
    let summary = report(&[]);
    let shown = summary.lines().filter(|line| line.starts_with("  1") || line.starts_with("  3"));
    let shown: Vec<Vec<&str>> =
        shown.map(|line| line.split_ascii_whitespace().take(4).collect()).collect();
    for expected in [
        &["101", "server", "docker", "3f2a91bc0d4e"][..],
        &["100", "server", "init.scope", "2"],
        &["300", "first", "containerd", "00c0ffee00c0"],
        &["300", "second", "/", "1"],
    ] {
        assert!(shown.iter().any(|line| line == expected), "{expected:?}: {summary}");
    }
    let document: serde_json::Value = serde_json::from_str(&report(&["--json"])).unwrap();
    let of = |pid: u64| {
        let rows = document["processes"]["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["pid"] == pid).unwrap();
        (row["cgroup"].clone(), row["container"].clone())
    };
    assert_eq!(of(101), (DOCKER.into(), "docker 3f2a91bc0d4e".into()));
    assert_eq!(of(400), (serde_json::Value::Null, serde_json::Value::Null));
}
