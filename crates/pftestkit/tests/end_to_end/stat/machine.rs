//! The whole machine, and control groups.

use std::path::PathBuf;

use super::{Said, count_attached, counter, less, own_account, rest, start};
use crate::recording::{Lab, Recorder, User, is_root};

#[test]
fn the_machine_is_counted_and_its_processes_listed() {
    if !is_root() {
        eprintln!("skipped: needs root, to count the whole machine");
        return;
    }
    let lab = Lab::new(User::Own);
    let mut running = start(&lab.workload("anon").args(["--pages", "50000", "--rounds", "4"]));
    let pid = running.pid();
    let before = own_account(pid);
    let said = count_attached(counter(&lab).args(["-a", "--interval", "100ms"]), &mut running);
    let (minor, major) = less(own_account(pid), before);
    let rows = said.table("process");
    let own = rows.iter().find(|row| row.0 == pid.to_string()).expect(&said.text);
    assert_eq!(
        (own.1.cast_unsigned(), own.2.cast_unsigned(), own.3.as_str()),
        (minor, major, "pf-workload")
    );
    // Nothing of the machine's faults is left out of the table; what only /proc has is taken off.
    let sums = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.1, sum.1 + row.2));
    let counted = said.faults();
    assert_eq!((sums.0.cast_unsigned(), sums.1.cast_unsigned()), counted, "{}", said.text);
    assert!(counted.0 >= 200_000, "{}", said.text);
    running.finish().unwrap();
}

/// A folder for a control group that perf can watch, if there is one here.
fn cgroup_root() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    let folder = |wanted: fn(&str, &str) -> bool| {
        mounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            wanted(fields[2], fields[3]).then(|| PathBuf::from(fields[1]))
        })
    };
    let v1 = folder(|kind, options| {
        kind == "cgroup" && options.split(',').any(|option| option == "perf_event")
    });
    v1.or_else(|| folder(|kind, _| kind == "cgroup2"))
}

#[test]
fn a_control_group_is_counted_and_nothing_else() {
    let Some(root) = cgroup_root().filter(|_| is_root()) else {
        eprintln!("skipped: needs root and a control group that perf can watch");
        return;
    };
    let lab = Lab::new(User::Own);
    let group = root.join(format!("pfrecord-stat-{}", std::process::id()));
    std::fs::create_dir(&group).unwrap();
    let workload = lab.workload("anon").args(["--pages", "4000"]);
    let mut inside = start(&workload);
    let mut outside = start(&workload);
    std::fs::write(group.join("cgroup.procs"), inside.pid().to_string()).unwrap();
    let before = own_account(inside.pid());
    let mut recorder = Recorder::start(counter(&lab).arg("-G").arg(&group));
    for running in [&mut inside, &mut outside] {
        running.go().unwrap();
        rest(running.pid());
    }
    let after = own_account(inside.pid());
    recorder.signal("INT");
    let (status, text) = recorder.finish();
    inside.finish().unwrap();
    outside.finish().unwrap();
    std::fs::remove_dir(&group).unwrap();
    assert!(status.success(), "{text}");
    assert_eq!(Said { text }.faults(), less(after, before));
}
