//! What a recorder keeps while it records, and what its command has.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::lent;
use crate::recording::{Lab, Recorder, User, is_root};

/// Bits of capabilities(7).
const DAC_OVERRIDE: u64 = 1 << 1;
const DAC_READ_SEARCH: u64 = 1 << 2;
const FOWNER: u64 = 1 << 3;
const KILL: u64 = 1 << 5;
const SYS_PTRACE: u64 = 1 << 19;
const SYSLOG: u64 = 1 << 34;
const PERFMON: u64 = 1 << 38;
const CHECKPOINT_RESTORE: u64 = 1 << 40;

const OBSERVING: u64 = PERFMON | SYS_PTRACE;

/// The rights of a task, as its `status` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rights {
    permitted: u64,
    effective: u64,
    inheritable: u64,
    ambient: u64,
    bounding: u64,
    no_new_privs: bool,
}

fn rights(status: &str) -> Rights {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.strip_prefix(':').unwrap().trim().to_owned()
    };
    let set = |name| u64::from_str_radix(&field(name), 16).unwrap();
    Rights {
        permitted: set("CapPrm"),
        effective: set("CapEff"),
        inheritable: set("CapInh"),
        ambient: set("CapAmb"),
        bounding: set("CapBnd"),
        no_new_privs: field("NoNewPrivs") == "1",
    }
}

/// Those of all tasks of a process, by name.
fn of_tasks(pid: u32) -> BTreeMap<String, Rights> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let tasks = tasks.map(|task| {
        let folder = task.unwrap().path();
        let comm = std::fs::read_to_string(folder.join("comm")).unwrap();
        let status = std::fs::read_to_string(folder.join("status")).unwrap();
        (comm.trim_end().to_owned(), rights(&status))
    });
    tasks.collect()
}

fn own() -> Rights {
    rights(&std::fs::read_to_string("/proc/thread-self/status").unwrap())
}

/// The only child of a process.
fn child(pid: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().unwrap()
}

/// Those of the command of a recorder, once it is that.
fn of_command(recorder: &Recorder) -> BTreeMap<String, Rights> {
    let pid = child(recorder.child.id());
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let tasks = of_tasks(pid);
        if tasks.contains_key("sleep") || Instant::now() > deadline {
            return tasks;
        }
        std::thread::yield_now();
    }
}

/// What each task of a recorder should have, by name.
type Expected<'a> = &'a [(&'a str, u64)];

/// Waits until every task has what it should: those that have just been made give theirs up first.
fn assert_kept(recorder: &Recorder, expected: Expected<'_>) -> BTreeMap<String, Rights> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let tasks = of_tasks(recorder.child.id());
        let found: BTreeMap<&str, u64> =
            tasks.iter().map(|(name, rights)| (name.as_str(), rights.permitted)).collect();
        if found == expected.iter().copied().collect() || Instant::now() > deadline {
            assert_eq!(found, expected.iter().copied().collect());
            for (name, rights) in &tasks {
                assert_eq!(rights.effective, rights.permitted, "{name}");
                assert_eq!((rights.inheritable, rights.ambient), (0, 0), "{name}");
                assert!(rights.no_new_privs, "{name}");
            }
            return tasks;
        }
        std::thread::yield_now();
    }
}

fn end(mut recorder: Recorder) {
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    assert!(status.success(), "{said}");
}

#[test]
fn a_recorder_with_capabilities_keeps_few_and_its_command_gets_none() {
    // More than it asks for.
    let Some(lab) =
        lent("cap_perfmon,cap_sys_ptrace,cap_syslog,cap_dac_override,cap_net_raw,cap_kill")
    else {
        return;
    };
    let mut command = lab.pfrecord();
    command.args(["--live", "--live-out", "lines", "--", "sleep", "60"]);
    let recorder = Recorder::start(&mut command);
    assert_kept(
        &recorder,
        &[
            ("pfrecord", OBSERVING),
            ("opener", 0),
            ("store", SYSLOG),
            ("snapshots", OBSERVING),
            ("live", 0),
            ("live writer", 0),
        ],
    );
    let command = of_command(&recorder);
    // What nobody has without the recorder.
    let nobody = Rights { permitted: 0, effective: 0, ..own() };
    assert_eq!(command, BTreeMap::from([("sleep".to_owned(), nobody)]));
    end(recorder);
}

#[test]
fn root_gives_up_what_is_of_no_use_and_its_command_keeps_all() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let lab = Lab::new(User::Own);
    let own = own();
    let mine = |set| own.permitted & set;
    for options in [&[][..], &["--flight-recorder", "10s"]] {
        let recorder =
            Recorder::start(lab.pfrecord().args(["-f"]).args(options).args(["--", "sleep", "60"]));
        let mut expected = vec![
            ("pfrecord", mine(OBSERVING | KILL)),
            ("opener", mine(SYS_PTRACE | DAC_READ_SEARCH | CHECKPOINT_RESTORE)),
            ("store", mine(SYSLOG | DAC_READ_SEARCH)),
            ("snapshots", mine(OBSERVING)),
        ];
        if !options.is_empty() {
            let creating = SYSLOG | DAC_READ_SEARCH | DAC_OVERRIDE | FOWNER;
            expected.push(("windows", mine(creating)));
        }
        let tasks = assert_kept(&recorder, &expected);
        let kept = OBSERVING | KILL | DAC_READ_SEARCH | CHECKPOINT_RESTORE | SYSLOG;
        let kept = kept | DAC_OVERRIDE | FOWNER;
        for (name, rights) in tasks {
            assert_eq!(rights.bounding, own.bounding & kept, "{name}");
        }
        let command = of_command(&recorder);
        assert_eq!(command, BTreeMap::from([("sleep".to_owned(), own.clone())]));
        end(recorder);
    }
}

#[test]
fn counting_gives_up_the_same() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let lab = Lab::new(User::Own);
    let own = own();
    let recorder = Recorder::start(lab.pfrecord_bare().args(["--stat", "--", "sleep", "60"]));
    assert_kept(&recorder, &[("pfrecord", own.permitted & (OBSERVING | KILL))]);
    end(recorder);
    drop(lab);
    let Some(lab) = lent("cap_perfmon,cap_sys_ptrace,cap_chown") else { return };
    let recorder = Recorder::start(lab.pfrecord_bare().args(["--stat", "--", "sleep", "60"]));
    assert_kept(&recorder, &[("pfrecord", OBSERVING)]);
    let nobody = Rights { permitted: 0, effective: 0, ..own };
    let command = of_command(&recorder);
    assert_eq!(command, BTreeMap::from([("sleep".to_owned(), nobody)]));
    end(recorder);
}

#[test]
fn root_still_ends_a_command_that_has_become_another_user() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let lab = Lab::new(User::Own);
    let mut command = lab.pfrecord();
    command.args([
        "-d",
        "200ms",
        "--",
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        "sleep",
        "600",
    ]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("still runs"), "{said}");
}
