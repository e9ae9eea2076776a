//! `pfrecord --check` tells what is so, and its commands do what they are said to do; `pfrecord mark`
//! says why there is nothing to mark.

use std::process::{Command, Output};

use crate::recording::{Lab, User, is_root, program};
use crate::refusals::{WITHOUT_PERF, refused};

fn said(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The answer that begins with those words, with the commands below it.
fn answer<'a>(text: &'a str, verdict: &str, wish: &str) -> Vec<&'a str> {
    let begin = format!("  {verdict:<8}{wish}: ");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&begin));
    let why = lines.next().unwrap_or_else(|| panic!("no {begin:?} in {text}"));
    let commands = lines.take_while(|line| line.starts_with("            ")).map(str::trim);
    std::iter::once(why).chain(commands).collect()
}

fn default_level() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").is_ok_and(|t| t.trim() == "2")
}

#[test]
fn whoever_runs_the_tests_can_record_own_processes() {
    let lab = Lab::new(User::Own);
    let output = lab.pfrecord_bare().arg("--check").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = said(&output);
    answer(&said, "yes", "own processes");
    answer(&said, "yes", "latency");
    assert!(!lab.trace().exists());
}

#[test]
fn the_commands_give_an_ordinary_user_what_is_missing() {
    if !is_root() || !default_level() {
        eprintln!("skipped: needs root, to become nobody, and kernel.perf_event_paranoid 2");
        return;
    }
    let lab = Lab::new(User::Nobody);
    let check = || {
        let output = lab.pfrecord_bare().arg("--check").output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        said(&output)
    };
    let before = check();
    answer(&before, "yes", "own processes");
    let kernel_mode = answer(&before, "no", "kernel-mode faults");
    let pfrecord = lab.dir.path().join("pfrecord");
    let setcap =
        before.lines().map(str::trim).find(|line| line.starts_with("sudo setcap ")).unwrap();
    let needed = ["cap_perfmon", "cap_perfmon,cap_sys_ptrace"];
    let setcap_of = |names| format!("sudo setcap {names}+ep {}", pfrecord.display());
    assert!(needed.map(setcap_of).contains(&setcap.to_owned()), "{setcap}");
    assert_eq!(kernel_mode.get(1), Some(&setcap));
    assert_eq!(kernel_mode.get(2), Some(&"or: sudo sysctl kernel.perf_event_paranoid=1"));
    assert_eq!(answer(&before, "no", "the whole system (-a)").get(1), Some(&setcap));

    let command = setcap.trim_start_matches("sudo ");
    if !Command::new("sh").args(["-c", command]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: setcap is missing, or the file system takes no capabilities");
        return;
    }
    let after = check();
    answer(&after, "yes", "kernel-mode faults");
    answer(&after, "yes", "other users' processes");
    answer(&after, "yes", "the whole system (-a)");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_filter_is_named() {
    let mut command = Command::new("python3");
    command.args(["-c", WITHOUT_PERF]).arg(program("pfrecord")).arg("--check");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    let own = answer(&said, "no", "own processes");
    assert!(own.concat().contains("a seccomp filter is in force"), "{said}");
    assert_eq!(answer(&said, "no", "latency"), ["  no      latency: as own processes"]);
}

#[test]
fn tracefs_and_proc_may_be_missing() {
    if !is_root() {
        eprintln!("skipped: needs root, to unmount");
        return;
    }
    let without = |folder: &str| {
        let script = format!("umount -l {folder} 2>&-; exec \"$0\" --check");
        let mut command = Command::new("unshare");
        let output =
            command.args(["-m", "sh", "-c", &script]).arg(program("pfrecord")).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{folder}");
        said(&output)
    };
    // Some tracers mount debugfs, which has another way to it, and leave it.
    let no_tracefs = without("/sys/kernel/debug /sys/kernel/tracing");
    assert_eq!(
        answer(&no_tracefs, "no", "OOM kills"),
        [
            "  no      OOM kills: tracefs is not mounted",
            "sudo mount -t tracefs nodev /sys/kernel/tracing"
        ]
    );
    let no_proc = without("/proc");
    answer(&no_proc, "yes", "own processes");
    answer(&no_proc, "unknown", "other users' processes");
    assert!(
        no_proc.lines().any(|line| line == "  capabilities                unknown"),
        "{no_proc}"
    );
}

#[test]
fn root_is_advised_where_it_has_more_only() {
    if !is_root() {
        eprintln!("skipped: needs root, to give up capabilities");
        return;
    }
    const ADVICE: &str = "Instead of setcap, pfrecord can be run as root.";
    let lab = Lab::new(User::Nobody);
    let by_nobody = said(&lab.pfrecord_bare().arg("--check").output().unwrap());
    assert!(by_nobody.ends_with(&format!("{ADVICE}\n")), "{by_nobody}");
    for within in [
        &["setpriv", "--no-new-privs", "--bounding-set=-all"][..],
        &["unshare", "-U", "-r"],
        &["unshare", "-p", "-f", "--mount-proc"],
    ] {
        let mut command = Command::new(within[0]);
        let output = command.args(&within[1..]).arg(program("pfrecord")).arg("--check").output();
        let said = said(&output.unwrap());
        assert!(!said.contains(ADVICE), "{said}");
        assert!(said.contains("Below an answer: what enables it"), "{said}");
    }
}

#[test]
fn there_is_nothing_to_mark() {
    let lab = Lab::new(User::Own);
    let own = std::process::id();
    let mark = |args: &[&str]| lab.pfrecord_bare().arg("mark").args(args).output().unwrap();
    let takes_none = format!("process {own} takes no marks");
    refused(&mark(&["phase", "--to", &own.to_string()]), 2, &takes_none);
    refused(&mark(&[&"n".repeat(256)]), 2, "a mark needs a name of 1 to 255 bytes");
    refused(&mark(&[""]), 2, "a mark needs a name of 1 to 255 bytes");
}
