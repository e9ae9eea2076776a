//! Fake machines and what is said of them.

mod capabilities;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::trials::TRACEPOINTS;
use super::*;

/// A machine of the year of Linux 6.18 and an ordinary user's shell on it.
fn desktop() -> Machine {
    Machine {
        kernel_release: Some("6.18.0".to_owned()),
        paranoid: Some(2),
        mlock_kib: Some(516),
        memlock_bytes: Some(8 << 20),
        descriptors: Some(1 << 19),
        uid: Some(1000),
        effective: Some(0),
        bounding: Some((1 << 41) - 1),
        last_capability: Some(40),
        no_new_privs: Some(false),
        seccomp: Some(0),
        own_user_namespace: Some(true),
        own_pid_namespace: Some(true),
        container: None,
        lockdown: Some("none".to_owned()),
        selinux_enforcing: None,
        ptrace_scope: Some(1),
        proc_mounted: true,
        hidepid: None,
        tracefs: Tracefs::Mounted("/sys/kernel/tracing".into()),
        cgroup: Some(CgroupFolder { path: "/sys/fs/cgroup/user.slice".into(), version: 2 }),
    }
}

/// Everything works.
fn root_trials() -> Trials {
    let works = Trial::Works;
    Trials {
        own: works,
        kernel_mode: works,
        lost_counts: works,
        page_size: works,
        inherit_thread: works,
        system_user_mode: works,
        system: works,
        cgroup: works,
        procmap_query: works,
        tracepoints: TRACEPOINTS
            .map(|name| TracepointTrial { name, readable: works, opens: works })
            .to_vec(),
        foreign: Some(Foreign { pid: 1, uid: 0, events: works, maps: works }),
        ring: Some(Ring { wanted_bytes: 8 << 20, possible_bytes: 8 << 20 }),
        cpus: Some(4),
        events_per_thread: Some(7),
    }
}

fn with_tracepoints(mut trials: Trials, readable: Trial, opens: Trial) -> Trials {
    for tracepoint in &mut trials.tracepoints {
        (tracepoint.readable, tracepoint.opens) = (readable, opens);
    }
    trials
}

/// What an ordinary user can do at the kernel's default level.
fn user_trials() -> Trials {
    let denied = Trial::Refused(libc::EACCES);
    let trials = Trials {
        kernel_mode: denied,
        system_user_mode: denied,
        system: denied,
        cgroup: denied,
        foreign: Some(Foreign { pid: 1, uid: 0, events: denied, maps: denied }),
        ring: Some(Ring { wanted_bytes: 8 << 20, possible_bytes: 2 << 20 }),
        ..root_trials()
    };
    with_tracepoints(trials, denied, Trial::Untried)
}

/// Nothing can be recorded at all.
fn refused_trials(errno: i32) -> Trials {
    let no = Trial::Refused(errno);
    Trials {
        own: no,
        kernel_mode: no,
        lost_counts: no,
        page_size: no,
        system_user_mode: no,
        system: no,
        cgroup: no,
        ring: None,
        events_per_thread: None,
        ..user_trials()
    }
}

fn judged(machine: &Machine, trials: &Trials) -> Vec<Answer> {
    judge(machine, trials, Path::new("/opt/my tools/pfrecord"))
}

fn about(wish: Wish, machine: &Machine, trials: &Trials) -> (Verdict, String, Vec<String>) {
    let answer = judged(machine, trials).into_iter().find(|answer| answer.wish == wish).unwrap();
    (answer.verdict, answer.why, answer.enable)
}

const SETCAP: &str = "sudo setcap cap_perfmon+ep '/opt/my tools/pfrecord'";
const REMOUNT: &str = "sudo mount -o remount,mode=750,gid=$(id -g) /sys/kernel/tracing";

#[test]
fn root_gets_everything_and_needs_no_command() {
    let machine = Machine { effective: Some((1 << 41) - 1), uid: Some(0), ..desktop() };
    let answers = judged(&machine, &root_trials());
    assert_eq!(answers.len(), 13);
    assert!(answers.is_sorted_by_key(|answer| answer.wish));
    for answer in answers {
        assert_eq!((answer.verdict, answer.enable.len()), (Verdict::Yes, 0), "{}", answer.why);
    }
    assert_eq!(root_trials().threads(&machine), Some((1 << 19) / 28));
}

#[test]
fn a_user_at_the_default_level() {
    let given: Vec<(Wish, Verdict, Vec<String>)> = judged(&desktop(), &user_trials())
        .into_iter()
        .map(|answer| (answer.wish, answer.verdict, answer.enable))
        .collect();
    let tracing = [REMOUNT, SETCAP];
    let level_1 = [SETCAP, "or: sudo sysctl kernel.perf_event_paranoid=1"];
    let level_0 = [SETCAP, "or: sudo sysctl kernel.perf_event_paranoid=0"];
    let locked = [
        "sudo sysctl kernel.perf_event_mlock_kb=8196",
        "or: sudo setcap cap_perfmon,cap_ipc_lock+ep '/opt/my tools/pfrecord'",
    ];
    let expected: [(Wish, Verdict, &[&str]); 13] = [
        (Wish::OwnProcesses, Verdict::Yes, &[]),
        (Wish::OtherUsers, Verdict::No, &[SETCAP]),
        (Wish::KernelMode, Verdict::No, &level_1),
        (Wish::ErrorCodes, Verdict::No, &tracing),
        (Wish::FailedAccesses, Verdict::Partly, &tracing),
        (Wish::Latency, Verdict::Yes, &[]),
        (Wish::LossCounts, Verdict::Yes, &[]),
        (Wish::PageSizes, Verdict::Yes, &[]),
        (Wish::SystemWide, Verdict::No, &level_0),
        (Wish::Cgroups, Verdict::Partly, &level_0),
        (Wish::OomKills, Verdict::No, &tracing),
        (Wish::ExactMappings, Verdict::Partly, &tracing),
        (Wish::FullRings, Verdict::Partly, &locked),
    ];
    for (given, (wish, verdict, enable)) in given.into_iter().zip(expected) {
        assert_eq!(given, (wish, verdict, enable.iter().map(ToString::to_string).collect()));
    }
}

#[test]
fn rings_are_smaller_where_less_may_be_locked() {
    let (_, why, _) = about(Wish::FullRings, &desktop(), &user_trials());
    assert!(why.starts_with("2 MiB for each CPU instead of 8 MiB"), "{why}");
    let none = Some(Ring { wanted_bytes: 8 << 20, possible_bytes: 0 });
    let trials = Trials { ring: none, ..user_trials() };
    assert_eq!(about(Wish::FullRings, &desktop(), &trials).0, Verdict::No);
}

#[test]
fn a_strict_level_refuses_all() {
    let machine = Machine { paranoid: Some(4), ..desktop() };
    let (verdict, why, enable) = about(Wish::OwnProcesses, &machine, &refused_trials(libc::EACCES));
    assert_eq!(verdict, Verdict::No);
    assert_eq!(why, "CAP_PERFMON is missing, and kernel.perf_event_paranoid is 4, not 2 or less");
    assert_eq!(enable, ["sudo sysctl kernel.perf_event_paranoid=2", &format!("or: {SETCAP}")]);
    let filtered = Machine { seccomp: Some(2), ..machine.clone() };
    let (_, why, _) = about(Wish::OwnProcesses, &filtered, &refused_trials(libc::EPERM));
    assert!(why.ends_with("a seccomp filter is in force, which may refuse perf_event_open too"));
    let others = judged(&machine, &refused_trials(libc::EACCES)).split_off(1);
    for other in others.iter().filter(|answer| answer.wish != Wish::FullRings) {
        assert_eq!((other.verdict, other.why.as_str()), (Verdict::No, "as own processes"));
    }
}

#[test]
fn causes_of_a_refusal_are_told_apart() {
    let why = |machine: &Machine, errno| {
        let (verdict, why, enable) = about(Wish::OwnProcesses, machine, &refused_trials(errno));
        assert_eq!(verdict, Verdict::No);
        (why, enable.join("; "))
    };
    let filtered = Machine { seccomp: Some(2), ..desktop() };
    for errno in [libc::EPERM, libc::ENOSYS] {
        let (reason, enable) = why(&filtered, errno);
        assert!(reason.starts_with("a seccomp filter is in force"), "{reason}");
        assert!(enable.contains("SystemCallFilter=perf_event_open"), "{enable}");
    }
    let bare = Machine { paranoid: None, ..filtered };
    assert!(why(&bare, libc::ENOSYS).0.contains("CONFIG_PERF_EVENTS"));
    let selinux = Machine { selinux_enforcing: Some(true), ..desktop() };
    assert!(why(&selinux, libc::EACCES).0.starts_with("SELinux is enforcing"));
    let (reason, enable) = why(&desktop(), libc::EACCES);
    assert_eq!(reason, "perf_event_open answers: Permission denied; why is unknown");
    assert_eq!(enable, "");
}

#[test]
fn a_container_is_changed_from_outside() {
    let container = Machine {
        own_pid_namespace: Some(false),
        bounding: Some(0xa804_25fb),
        container: Some(("/.dockerenv exists".to_owned(), "docker")),
        ..desktop()
    };
    assert!(container.is_confined());
    let (_, _, enable) = about(Wish::KernelMode, &container, &user_trials());
    assert_eq!(
        enable,
        [
            "docker run --cap-add PERFMON …",
            "or: on the host: sudo sysctl kernel.perf_event_paranoid=1"
        ]
    );
    let filtered = Machine { seccomp: Some(2), ..container.clone() };
    let (_, _, enable) = about(Wish::OwnProcesses, &filtered, &refused_trials(libc::EPERM));
    assert_eq!(enable, ["docker run --cap-add PERFMON …"]);
    let no_tracefs = Machine { tracefs: Tracefs::NotMounted, ..container };
    let trials = with_tracepoints(root_trials(), Trial::Refused(libc::ENOENT), Trial::Untried);
    let (_, _, enable) = about(Wish::ErrorCodes, &no_tracefs, &trials);
    assert_eq!(enable[0], "docker run -v /sys/kernel/tracing:/sys/kernel/tracing:ro …");
    // The sign alone, on a machine whose image was made for containers, changes nothing.
    let image = Machine { own_pid_namespace: Some(true), bounding: Some(u64::MAX), ..filtered };
    assert!(!image.is_confined());
    assert_eq!(about(Wish::OtherUsers, &image, &user_trials()).2, [SETCAP]);
}

#[test]
fn the_whole_system_is_no_more_than_the_pid_namespace() {
    let within = Machine { own_pid_namespace: Some(false), ..desktop() };
    let (verdict, why, enable) = about(Wish::SystemWide, &within, &root_trials());
    assert_eq!((verdict, why.as_str()), (Verdict::Partly, "only the tasks of this pid namespace"));
    assert_eq!(enable, ["run pfrecord outside of this pid namespace"]);
}

#[test]
fn capabilities_of_a_user_namespace_do_not_count() {
    let all = Some((1 << 41) - 1);
    let machine = Machine { own_user_namespace: Some(false), effective: all, ..desktop() };
    assert_eq!(machine.may_perfmon(), Some(false));
    let (_, why, enable) = about(Wish::KernelMode, &machine, &user_trials());
    assert!(why.starts_with("CAP_PERFMON is missing"), "{why}");
    assert_eq!(enable[0], "run pfrecord outside of this user namespace");
}

#[test]
fn setcap_does_nothing_under_no_new_privs() {
    let machine = Machine { no_new_privs: Some(true), ..desktop() };
    let (_, _, enable) = about(Wish::OtherUsers, &machine, &user_trials());
    assert_eq!(enable, [format!("in a session without no_new_privs: {SETCAP}")]);
    let elsewhere = "in a session without no_new_privs: sudo ";
    let commands = judged(&machine, &user_trials()).into_iter().flat_map(|answer| answer.enable);
    assert!(commands.into_iter().all(|one| one.trim_start_matches("or: ").starts_with(elsewhere)));
}

#[test]
fn tracefs_is_missing_in_several_ways() {
    let root = Machine { effective: Some(u64::MAX), uid: Some(0), ..desktop() };
    let absent = with_tracepoints(root_trials(), Trial::Refused(libc::ENOENT), Trial::Untried);
    let of = |tracefs| about(Wish::ErrorCodes, &Machine { tracefs, ..root.clone() }, &absent);
    let mount = "sudo mount -t tracefs nodev /sys/kernel/tracing".to_owned();
    let not_mounted = "tracefs is not mounted".to_owned();
    assert_eq!(of(Tracefs::NotMounted), (Verdict::No, not_mounted, vec![mount]));
    assert!(of(Tracefs::Unsupported).1.contains("CONFIG_TRACING"));
    let here = of(Tracefs::Mounted("/sys/kernel/tracing".into()));
    assert_eq!(here.1, "this kernel has no tracepoint exceptions:page_fault_user");
    assert_eq!(here.2, Vec::<String>::new());
    let locked = Machine { lockdown: Some("confidentiality".to_owned()), ..root };
    let denied = with_tracepoints(root_trials(), Trial::Refused(libc::EPERM), Trial::Untried);
    let (verdict, why, enable) = about(Wish::OomKills, &locked, &denied);
    assert!(why.contains("lockdown=confidentiality"), "{why}");
    assert_eq!((verdict, enable.len()), (Verdict::No, 0));
}

#[test]
fn an_old_kernel_lacks_features_and_says_which_has_them() {
    let old = Trial::Refused(libc::EINVAL);
    let trials = Trials { lost_counts: old, page_size: old, cgroup: old, ..root_trials() };
    let of = |wish| about(wish, &desktop(), &trials);
    assert_eq!(of(Wish::LossCounts).0, Verdict::No);
    assert!(of(Wish::LossCounts).1.contains("Linux 6.0"));
    assert!(of(Wish::PageSizes).1.contains("Linux 5.11"));
    assert_eq!(of(Wish::Cgroups).0, Verdict::Partly);
    assert!(of(Wish::Cgroups).1.contains("CONFIG_CGROUP_PERF"));
}

#[test]
fn facts_come_from_the_files() {
    let root = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
    put("proc/sys/kernel/perf_event_paranoid", "-1\n");
    put("proc/sys/kernel/perf_event_mlock_kb", "516\n");
    put("proc/sys/kernel/cap_last_cap", "40\n");
    put("proc/sys/kernel/yama/ptrace_scope", "1\n");
    put(
        "proc/self/status",
        "Name:\tx\nUid:\t1000\t1001\t1000\t1000\nVmSize:\t  10 kB\n\
         CapEff:\t0000004000080000\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\nSeccomp:\t2\n\
         Seccomp_filters:\t3\n",
    );
    put(
        "proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max open files            1024                 524288               files     \n\
         Max locked memory         unlimited            unlimited            bytes     \n",
    );
    put(
        "proc/self/mounts",
        "proc /proc proc rw,nosuid,hidepid=invisible 0 0\n\
         tracefs /sys/kernel/tracing tracefs rw 0 0\n\
         cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n\
         cgroup /sys/fs/cgroup/perf cgroup rw,perf_event 0 0\nbroken\n",
    );
    put("proc/self/cgroup", "4:cpu:/\n3:perf_event:/jobs/7\n0::/user.slice\n");
    put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
    put("sys/fs/cgroup/perf/jobs/7/cgroup.procs", "");
    put("run/.containerenv", "");
    std::fs::create_dir_all(root.path().join("proc/self/ns")).unwrap();
    symlink("user:[4026531837]", root.path().join("proc/self/ns/user")).unwrap();
    symlink("pid:[4026532000]", root.path().join("proc/self/ns/pid")).unwrap();
    let read = Machine::read(root.path());
    let expected = Machine {
        kernel_release: Some("6.1.0-18-amd64".to_owned()),
        paranoid: Some(-1),
        mlock_kib: Some(516),
        memlock_bytes: Some(u64::MAX),
        descriptors: Some(524_288),
        uid: Some(1001),
        effective: Some(1 << 38 | 1 << 19),
        bounding: Some((1 << 41) - 1),
        last_capability: Some(40),
        no_new_privs: Some(true),
        seccomp: Some(2),
        own_user_namespace: Some(true),
        own_pid_namespace: Some(false),
        container: Some(("/run/.containerenv exists".to_owned(), "podman")),
        lockdown: Some("integrity".to_owned()),
        selinux_enforcing: None,
        ptrace_scope: Some(1),
        proc_mounted: true,
        hidepid: Some("invisible".to_owned()),
        tracefs: Tracefs::Mounted(PathBuf::from("/sys/kernel/tracing")),
        cgroup: Some(CgroupFolder {
            path: root.path().join("sys/fs/cgroup/perf/jobs/7"),
            version: 1,
        }),
    };
    assert_eq!(read, expected);
    assert_eq!(read.may_perfmon(), Some(true));
}

#[test]
fn without_proc_all_is_unknown() {
    let root = tempfile::tempdir().unwrap();
    let machine = Machine::read(root.path());
    assert!(!machine.proc_mounted);
    assert_eq!(machine.tracefs, Tracefs::Unknown);
    assert_eq!((machine.effective, machine.paranoid, machine.uid), (None, None, None));
    let trials = Trials::run(&machine, root.path());
    assert_eq!((trials.foreign, trials.cgroup), (None, Trial::Untried));
    assert_eq!(trials.threads(&machine), None);
    let unseen = Trials { own: Trial::Works, ..trials };
    assert_eq!(about(Wish::OtherUsers, &machine, &unseen).0, Verdict::Unknown);
    assert_eq!(about(Wish::Cgroups, &machine, &unseen).0, Verdict::Unknown);
}

#[test]
fn a_filesystem_that_is_known_but_not_mounted() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("proc/self")).unwrap();
    std::fs::write(root.path().join("proc/self/mounts"), "").unwrap();
    let tracefs = || Machine::read(root.path()).tracefs;
    assert_eq!(tracefs(), Tracefs::Unknown);
    std::fs::write(root.path().join("proc/filesystems"), "nodev\tproc\n\text4\n").unwrap();
    assert_eq!(tracefs(), Tracefs::Unsupported);
    std::fs::write(root.path().join("proc/filesystems"), "nodev\ttracefs\n").unwrap();
    assert_eq!(tracefs(), Tracefs::NotMounted);
}

#[test]
fn this_machine_is_judged_without_surprise() {
    let machine = Machine::read(Path::new("/"));
    let trials = Trials::run(&machine, Path::new("/"));
    assert_eq!(trials.tracepoints.len(), TRACEPOINTS.len());
    assert_eq!(judged(&machine, &trials).len(), 13);
}
