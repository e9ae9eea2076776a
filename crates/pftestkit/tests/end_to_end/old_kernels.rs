//! What older kernels lack, taken away from this one: the recorder finds out, does without, and says so.
//!
//! A library between the recorder and the kernel refuses what an older kernel refuses (`old_kernels/kernel.c`). Everything
//! else is done by the kernel that runs: whether an old one behaves otherwise in what it does not refuse, no test here
//! tells.

mod tracepoints;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use pft::keys::{fact, ledger};
use pft::record::{SnapshotReason, Vma};
use pftestkit::{Report, Workload};

use crate::causes::unprivileged_cause;
use crate::content::Content;
use crate::many_mappings::{GROWER, snapshots};
use crate::python::{self, Python};
use crate::recording::{AGREED, Lab, Recorder, Recording, User, is_root, pfreport, unwrapped};
use crate::refusals::refused;

/// What a kernel knows: `PERF_ATTR_SIZE_VER*`, `PERF_SAMPLE_MAX`, `PERF_FORMAT_MAX` and the width of `__reserved_1` in its
/// include/uapi/linux/perf_event.h, and the calls that it has.
struct Kernel {
    name: &'static str,
    attr_size: u32,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    without: &'static [&'static str],
}

const QUERY: &str = "KERNEL_WITHOUT_PROCMAP_QUERY";
const OPENAT2: &str = "KERNEL_WITHOUT_OPENAT2";
const PIDFD: &str = "KERNEL_WITHOUT_PIDFD";

const LINUX_4_19: Kernel = Kernel {
    name: "4.19",
    attr_size: 112,
    sample_type: (1 << 20) - 1,
    read_format: (1 << 4) - 1,
    flags: (1 << 29) - 1,
    without: &[QUERY, OPENAT2, PIDFD],
};
const LINUX_5_4: Kernel = Kernel {
    name: "5.4",
    attr_size: 112,
    sample_type: (1 << 20) - 1,
    read_format: (1 << 4) - 1,
    flags: (1 << 32) - 1,
    without: &[QUERY, OPENAT2],
};
const LINUX_5_10: Kernel = Kernel {
    name: "5.10",
    attr_size: 120,
    sample_type: (1 << 22) - 1,
    read_format: (1 << 4) - 1,
    flags: (1 << 34) - 1,
    without: &[QUERY],
};
const LINUX_5_15: Kernel = Kernel {
    name: "5.15",
    attr_size: 128,
    sample_type: (1 << 25) - 1,
    read_format: (1 << 4) - 1,
    flags: (1 << 38) - 1,
    without: &[QUERY],
};
const LINUX_6_1: Kernel = Kernel {
    name: "6.1",
    attr_size: 128,
    sample_type: (1 << 25) - 1,
    read_format: (1 << 5) - 1,
    flags: (1 << 38) - 1,
    without: &[QUERY],
};

const PAGE_SIZES: &str = "sample_type 0x400000";
const LOSS_COUNTS: &str = "read_format 0x10";
const INHERIT_THREAD: &str = "flags 0x800000000";

impl Kernel {
    /// What it refuses of all that the recorder asks for.
    fn lacks(&self) -> BTreeSet<String> {
        let lacks = [
            (self.sample_type & 1 << 22 == 0, PAGE_SIZES),
            (self.read_format & 1 << 4 == 0, LOSS_COUNTS),
            (self.flags & 1 << 35 == 0, INHERIT_THREAD),
        ];
        lacks.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what.to_owned()).collect()
    }

    /// Has a program run on it; `None` where the library cannot be made.
    fn host(&self, lab: &Lab, command: &mut Command) -> Option<()> {
        let library = lab.dir.path().join("kernel.so");
        if !library.exists() {
            let source =
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/old_kernels/kernel.c");
            let mut cc = Command::new("cc");
            cc.args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]);
            match cc.arg(&library).args([source, "-ldl"]).output() {
                Ok(output) => assert!(output.status.success(), "{output:?}"),
                Err(error) => {
                    eprintln!("skipped: no C compiler: {error}");
                    return None;
                }
            }
        }
        command
            .env("LD_PRELOAD", library)
            .env("KERNEL_REFUSED", refusals(lab))
            .env("KERNEL_ATTR_SIZE", self.attr_size.to_string())
            .env("KERNEL_SAMPLE_TYPE", self.sample_type.to_string())
            .env("KERNEL_READ_FORMAT", self.read_format.to_string())
            .env("KERNEL_FLAGS", self.flags.to_string())
            .envs(self.without.iter().map(|name| (name, "1")));
        Some(())
    }

    /// Records a workload on it.
    fn launch(&self, lab: Lab, options: &[&str], workload: &Workload) -> Option<Recording> {
        let mut command = lab.pfrecord();
        self.host(&lab, &mut command)?;
        let Output { status, stdout, stderr } =
            command.args(options).arg("--").args(workload.argv()).output().unwrap();
        let said = String::from_utf8_lossy(&stderr).into_owned();
        // With -a a fault that is under way at the end is counted and has no record.
        let ended = status.success() || options == ["-a"] && status.code() == Some(3);
        assert!(ended, "{}: {said}", self.name);
        let report = Report::parse(&String::from_utf8_lossy(&stdout)).unwrap();
        Some(Recording::of_launched(lab, report, said))
    }
}

fn refusals(lab: &Lab) -> PathBuf {
    lab.dir.path().join("refused")
}

/// What was refused.
fn refused_in(lab: &Lab) -> BTreeSet<String> {
    let text = std::fs::read_to_string(refusals(lab)).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

/// What a recording says that the kernel does not tell, and that nothing is missing.
fn assert_told(kernel: &Kernel, recording: &Recording) {
    let (name, said) = (kernel.name, &recording.said);
    let lacks = kernel.lacks();
    let content = recording.content();
    let summary = recording.summary();
    for (what, key, in_words, limit) in [
        (
            PAGE_SIZES,
            fact::CAPTURE_PAGE_SIZES,
            "which page size a fault installed (Linux 5.11)",
            "limits no page sizes: how much memory a fault installed, and whether as a huge page, is \
             unknown (before Linux 5.11)",
        ),
        (
            LOSS_COUNTS,
            fact::CAPTURE_LOSS_COUNTS,
            "how many records each event lost (Linux 6.0)",
            "limits no counts of losses: what was captured is held against the kernel's count of \
             faults alone (before Linux 6.0)",
        ),
    ] {
        let lacks = lacks.contains(what);
        assert_eq!(content.fact(key), Some(if lacks { "no" } else { "yes" }), "{name}: {key}");
        assert_eq!(said.contains(in_words), lacks, "{name}: {said}");
        assert_eq!(summary.contains(limit), lacks, "{name}: {summary}");
    }
    let tells_losses = !lacks.contains(LOSS_COUNTS);
    for key in [ledger::MINOR_FAULTS_LOST, ledger::MAJOR_FAULTS_LOST, ledger::SIDEBAND_LOST] {
        assert_eq!(content.count(key).is_some(), tells_losses, "{name}: {key}");
    }
    let agreed = match tells_losses {
        true => AGREED,
        false => "0 lost, captured is the kernel's count, and how many it lost it does not tell",
    };
    assert!(said.contains(agreed), "{name}: {said}");
    content.assert_reconciled();
    assert!(summary.contains("none lost") && !summary.contains("LOST"), "{name}: {summary}");
}

/// Faults whose function the report knows.
fn with_function(summary: &str) -> u64 {
    let (_, rest) = summary.split_once("function known for ").unwrap();
    rest.split(' ').next().unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn every_fault_is_recorded_with_what_each_kernel_has() {
    let users: &[User] = if is_root() { &[User::Own, User::Nobody] } else { &[User::Own] };
    for kernel in [LINUX_4_19, LINUX_5_4, LINUX_5_10, LINUX_5_15, LINUX_6_1] {
        for (&user, mode) in users.iter().flat_map(|user| ["anon", "cow"].map(|m| (user, m))) {
            let lab = Lab::new(user);
            let workload = lab.workload(mode);
            let Some(recording) = kernel.launch(lab, &[], &workload) else { return };
            let with_codes = recording.content().fact(fact::CAPTURE_ERROR_CODE) == Some("yes");
            let expected = recording.expected(|kind| match with_codes {
                true => kind.to_owned(),
                false => unprivileged_cause(mode, kind).to_owned(),
            });
            assert_eq!(recording.found(), expected, "{} {user:?} {mode}", kernel.name);
            assert_told(&kernel, &recording);
            assert_eq!(refused_in(&recording.lab), kernel.lacks(), "{}", kernel.name);
            // Nothing names the files but their paths, without openat2 and without privileges.
            let faults: u64 = expected.values().flat_map(|kinds| kinds.values()).sum();
            assert!(with_function(&recording.summary()) >= faults, "{}", recording.summary());
        }
    }
}

#[test]
fn the_end_of_a_process_is_seen_without_a_descriptor() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon");
    let mut running = workload.start().unwrap().unwrap();
    let mut command = lab.pfrecord();
    let Some(()) = LINUX_4_19.host(&lab, &mut command) else { return };
    let mut recorder = Recorder::start(command.args(["-p", &running.pid().to_string()]));
    running.go().unwrap();
    let report = running.finish().unwrap();
    let (status, said) = recorder.finish();
    assert!(status.success() && said.contains("the target exited after "), "{said}");
    let recording = Recording::of_running(lab, [report], said);
    assert_eq!(recording.content().fact(fact::RECORDING_ENDED_BY), Some("target"));
    assert_told(&LINUX_4_19, &recording);
    // Threads that outlive the first one belong to a process that runs.
    let lab = Lab::new(User::Own);
    let script = "import ctypes, threading, time\n\
                  threading.Thread(target=lambda: (time.sleep(0.5), print('late'))).start()\n\
                  ctypes.CDLL(None).syscall(60, 7)";
    let mut command = lab.pfrecord();
    let Some(()) = LINUX_4_19.host(&lab, &mut command) else { return };
    let output = command.args(["--", "python3", "-uc", script]).output().unwrap();
    assert_eq!(output.stdout, b"late\n");
    let content = Content::open(&lab.trace());
    assert!(content.last.time_ns - content.start_ns >= 500_000_000);
}

#[test]
fn what_a_full_ring_loses_is_known_by_the_count_alone() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon").args(["--pages", "20000"]);
    let mut running = workload.start().unwrap().unwrap();
    let mut command = lab.pfrecord();
    let Some(()) = LINUX_5_15.host(&lab, &mut command) else { return };
    let mut recorder =
        Recorder::start(command.args(["-m", "64K", "-p", &running.pid().to_string()]));
    recorder.signal("STOP");
    running.go().unwrap();
    running.finish().unwrap();
    recorder.signal("CONT");
    let (status, said) = recorder.finish();
    assert_eq!(status.code(), Some(3), "{said}");
    let content = Content::open(&lab.trace());
    let counted = content.sum(&[ledger::MINOR_FAULTS_COUNT, ledger::MAJOR_FAULTS_COUNT]);
    let missing = counted - content.captured();
    // Two records a fault of 40 bytes or more do not find room for a tenth.
    assert!(counted >= 20_000 && missing > 10_000, "{counted} {missing}");
    let number = pfreport_number(missing);
    assert!(said.contains(&format!(" {number} lost")), "{said}");
    assert!(said.contains("captured is less than the kernel's count"), "{said}");
    let output = pfreport(&lab.trace(), &[]);
    let summary = unwrapped(&output.stdout);
    let fewer = format!("{number} fewer than the kernel's");
    assert!(summary.contains(&fewer) && summary.contains("is not exact"), "{summary}");
    // They were shown: what the process's own accounting has besides is little.
    let unseen = summary.split_once(" not seen ").map_or(0, |(_, rest)| {
        rest.split(' ').find_map(|word| word.replace(',', "").parse().ok()).unwrap()
    });
    assert!(unseen < missing / 10, "{summary}");
    assert_eq!(output.status.code(), Some(3), "{summary}");
}

fn pfreport_number(number: u64) -> String {
    let digits = number.to_string();
    let (thousands, rest) = digits.split_at(digits.len() - 3);
    format!("{thousands},{rest}")
}

#[test]
fn the_machine_is_recorded_from_where_its_rings_are_let_go() {
    if !is_root() {
        eprintln!("skipped: needs root, to watch all tasks");
        return;
    }
    // Alone: another recorder on the same CPUs shares the kernel's description of samples with this one.
    let lab = Lab::alone();
    let workload = lab.workload("anon").args(["--pages", "3000"]);
    let Some(recording) = LINUX_5_15.launch(lab, &["-a"], &workload) else { return };
    assert_eq!(recording.found(), recording.expected(ToOwned::to_owned));
    let content = recording.content();
    let counted = content.sum(&[ledger::MINOR_FAULTS_COUNT, ledger::MAJOR_FAULTS_COUNT]);
    let own = content.sum(&[ledger::CAPTURED_OWN_MINOR, ledger::CAPTURED_OWN_MAJOR]);
    let seen = content.captured() + own;
    assert!((seen..=seen + 4).contains(&counted), "{counted} {seen}: {}", recording.said);
}

#[test]
fn where_one_mapping_cannot_be_asked_for_all_are_read() {
    if !is_root() {
        eprintln!("skipped: needs root, to attach to any process");
        return;
    }
    let lab = Lab::new(User::Own);
    let Python { child: mut python, pid, mut input, mut lines } =
        python::start(GROWER, "8000", "ready");
    let mut command = lab.pfrecord();
    let Some(()) = LINUX_6_1.host(&lab, &mut command) else { return };
    let args = ["--maps-interval", "1h", "-p", &pid.to_string()];
    let mut recorder = Recorder::start(command.args(args));
    input.write_all(b"\n").unwrap();
    let all = || {
        let mut all = snapshots(&lab);
        all.retain(|snapshot| snapshot.reason == SnapshotReason::UnknownAddress);
        all
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut addrs = Vec::new();
    while all().is_empty() {
        assert!(Instant::now() < deadline, "nobody looked");
        input.write_all(b"\n").unwrap();
        let told = lines.next().unwrap().unwrap();
        addrs.push(u64::from_str_radix(told.strip_prefix("0x").unwrap(), 16).unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    drop(input);
    python.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    let found = all().remove(0);
    assert!(found.vmas.len() > 4000, "{}", found.vmas.len());
    let holds = |vma: &Vma| addrs.iter().all(|addr| (vma.start..vma.end).contains(addr));
    assert!(found.vmas.iter().any(holds), "{addrs:x?}");
    let content = Content::open(&lab.trace());
    assert_eq!(content.count(ledger::SNAPSHOTS_QUERIES), Some(0));
}

#[test]
fn children_cannot_be_left_out_before_linux_5_13() {
    let lab = Lab::new(User::Own);
    for options in [&[][..], &["--stat"]] {
        let mut command = lab.pfrecord_bare();
        let Some(()) = LINUX_5_10.host(&lab, &mut command) else { return };
        let output = command.args(options).args(["--no-follow", "--", "true"]).output().unwrap();
        refused(&output, 2, "--no-follow needs Linux 5.13 or later");
    }
    assert_eq!(refused_in(&lab), LINUX_5_10.lacks());
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon");
    let Some(recording) = LINUX_5_15.launch(lab, &["--no-follow"], &workload) else { return };
    assert_eq!(refused_in(&recording.lab), LINUX_5_15.lacks());
}

#[test]
fn what_is_lacking_is_among_the_answers() {
    let lab = Lab::new(User::Own);
    let mut command = lab.pfrecord_bare();
    let Some(()) = LINUX_4_19.host(&lab, &mut command) else { return };
    let output = command.arg("--check").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stdout);
    for line in [
        "  no      exact loss counts: only what the rings report, not the last losses: Linux 6.0 or later is needed",
        "  no      page sizes: not in the faults: Linux 5.11 or later is needed",
        "  inherit_thread (5.13)       no (Invalid argument)",
        "  PROCMAP_QUERY (6.11)        no (Inappropriate ioctl for device)",
    ] {
        assert!(said.lines().any(|known| known == line), "{line}: {said}");
    }
}
