//! Targets that are not there, or not to be watched by whoever asks.

use std::process::Command;

use pftestkit::Cgroup;

use super::start;
use crate::recording::{Lab, User, is_root};
use crate::refusals::refused;

#[test]
fn there_is_no_such_thread() {
    let lab = Lab::new(User::Own);
    // Above the largest number that a thread may have.
    let output = lab.pfrecord().args(["-t", "4194305"]).output().unwrap();
    refused(&output, 2, "no thread with number 4194305");
    assert!(!lab.trace().exists());
}

#[test]
fn an_ordinary_user_cannot_watch_the_machine() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let lab = Lab::new(User::Nobody);
    for args in [&["-a", "-d", "1s"][..], &["-a", "--", "true"]] {
        let output = lab.pfrecord().args(args).output().unwrap();
        refused(&output, 2, "not permitted to record all tasks of a CPU");
        assert!(!lab.trace().exists());
    }
}

#[test]
fn an_ordinary_user_cannot_watch_the_group_of_others() {
    let group = match Cgroup::unified() {
        Ok(group) if is_root() => group,
        made => {
            eprintln!("skipped: needs root, to become nobody: {made:?}");
            return;
        }
    };
    let lab = Lab::new(User::Nobody);
    let output = lab.pfrecord().arg("-G").arg(group.path()).output().unwrap();
    refused(&output, 2, "no process in control group");
    let workload = lab.workload("anon");
    let running = start(&group.enclose(&workload));
    let output = lab.pfrecord().arg("-G").arg(group.path()).output().unwrap();
    refused(&output, 2, &format!("cannot observe process {}", running.pid()));
    assert!(!lab.trace().exists());
    running.finish().unwrap();
}

#[test]
fn more_threads_than_descriptors_are_refused_with_the_numbers() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let lab = Lab::new(User::Nobody);
    let nobody = pftestkit::Workload::new("setpriv", "--reuid=65534")
        .args(["--regid=65534", "--clear-groups"])
        .args(lab.workload("many-threads").args(["--count", "100"]).argv());
    let running = start(&nobody);
    let pid = running.pid().to_string();
    let pfrecord = lab.pfrecord();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.args(["sh", "-c", "ulimit -n 200 && exec \"$0\" \"$@\""]).arg(pfrecord.get_program());
    command.args(pfrecord.get_args()).args(["-p", &pid]);
    let output = command.current_dir(lab.dir.path()).output().unwrap();
    let cpus = std::thread::available_parallelism().unwrap().get();
    let needed = format!("101 threads need {} file descriptors", 101 * 5 * cpus);
    refused(&output, 2, &format!("{needed}, and the limit is 200"));
    assert!(!lab.trace().exists());
    running.finish().unwrap();
}
