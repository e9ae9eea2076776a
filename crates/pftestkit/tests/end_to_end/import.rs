//! What perf recorded, imported: the same faults as perf counts, and as the workloads know of their own.

mod kinds;
mod refusals;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pftestkit::{Report, Workload};

use crate::recording::{Lab, Recording, is_root, program};

/// Everything that can be recorded of faults.
pub const ALL: &str =
    "exceptions:page_fault_user,exceptions:page_fault_kernel,page-faults,minor-faults,major-faults";
/// What needs no tracepoints.
pub const SOFTWARE: &str = "page-faults,minor-faults,major-faults";

/// Whether perf is here and may record everything; says so if not.
pub fn has_perf() -> bool {
    if !is_root() {
        eprintln!("skipped: needs root, for tracepoints");
        return false;
    }
    let recorded = Command::new("perf")
        .args(["record", "-q", "-o", "/dev/null", "-c", "1", "-e", ALL, "--", "true"])
        .output();
    let works = recorded.is_ok_and(|recorded| recorded.status.success());
    if !works {
        eprintln!("skipped: there is no perf that can record {ALL}");
    }
    works
}

/// `perf record` of every fault with its address, to be completed.
pub fn perf_record(events: &str, options: &[&str], data: &Path) -> Command {
    let mut command = Command::new("perf");
    command.args(["record", "-q", "-c", "1", "-d", "-m", "16M", "-e", events]);
    command.args(options).arg("-o").arg(data).env_remove("PERF_CONFIG");
    command
}

/// `pfreport import`.
pub fn import(data: &Path, trace: &Path) -> Output {
    let mut command = Command::new(program("pfreport"));
    command.args(["import", "-f"]).arg(data).arg("-o").arg(trace).output().unwrap()
}

/// The file of perf in a lab.
pub fn data(lab: &Lab) -> PathBuf {
    lab.dir.path().join("perf.data")
}

/// What the import said, which has to succeed.
pub fn imported(lab: &Lab) -> String {
    let output = import(&data(lab), &lab.trace());
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    said
}

/// Records a workload with perf from its first instruction, and imports it; `None` when it cannot run here.
pub fn launch(lab: Lab, workload: &Workload, events: &str, options: &[&str]) -> Option<Recording> {
    let mut command = perf_record(events, options, &data(&lab));
    let output = command.arg("--").args(workload.argv()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = Report::parse(&String::from_utf8_lossy(&output.stdout)).unwrap();
    if let Some(reason) = &report.skip {
        eprintln!("skipped: {reason}");
        return None;
    }
    let said = imported(&lab);
    Some(Recording::of_launched(lab, report, said))
}

/// The same of a workload that is set up: perf is told when to begin, and says when it has.
pub fn attach(lab: Lab, workload: &Workload, events: &str, options: &[&str]) -> Option<Recording> {
    let mut running = match workload.start().unwrap() {
        Ok(running) => running,
        Err(reason) => {
            eprintln!("skipped: {reason}");
            return None;
        }
    };
    let pipes = ["control", "answer"].map(|name| lab.dir.path().join(name));
    assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
    let [control, answer] = pipes.map(|pipe| {
        std::fs::File::options()
            .read(true)
            .write(true)
            .open(&pipe)
            .map(|file| (pipe, file))
            .unwrap()
    });
    let control_option = format!("fifo:{},{}", control.0.display(), answer.0.display());
    let mut command = perf_record(events, options, &data(&lab));
    command.args(["-D", "-1", "--control", &control_option]);
    if !options.contains(&"-a") {
        command.args(["-p", &running.pid().to_string()]);
    }
    let mut perf = command.stdout(Stdio::null()).spawn().unwrap();
    (&control.1).write_all(b"enable\n").unwrap();
    let mut answered = [0; 4];
    (&answer.1).read_exact(&mut answered).unwrap();
    running.go().unwrap();
    let report = running.finish().unwrap();
    (&control.1).write_all(b"stop\n").unwrap();
    assert!(perf.wait().unwrap().success());
    let said = imported(&lab);
    Some(Recording::of_running(lab, [report], said))
}

/// Samples of each event, as perf counts them.
pub fn perf_counts(data: &Path) -> BTreeMap<String, u64> {
    let output =
        Command::new("perf").args(["script", "-F", "event", "-i"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut counts = BTreeMap::new();
    for event in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        *counts.entry(event.trim_end_matches(':').to_owned()).or_default() += 1;
    }
    counts
}

/// Faults of a trace by class.
pub fn classes(recording: &Recording) -> BTreeMap<String, u64> {
    let mut classes = BTreeMap::new();
    for row in recording.rows() {
        let class = row.kind.split('/').next().unwrap_or_default().to_owned();
        *classes.entry(class).or_default() += 1;
    }
    classes
}

/// As many completions are in the trace as perf has.
pub fn assert_as_perf_counts(recording: &Recording) {
    let perf = perf_counts(&data(&recording.lab));
    let classes = classes(recording);
    let of = |classes: &BTreeMap<String, u64>, names: &[&str]| -> u64 {
        names.iter().filter_map(|name| classes.get(*name)).sum()
    };
    assert_eq!(
        of(&classes, &["minor", "cow"]),
        of(&perf, &["minor-faults"]),
        "{classes:?} {perf:?}"
    );
    assert_eq!(of(&classes, &["major"]), of(&perf, &["major-faults"]), "{classes:?} {perf:?}");
}
