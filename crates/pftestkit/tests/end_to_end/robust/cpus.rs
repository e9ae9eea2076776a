//! A CPU that goes offline and comes back.

use std::fs;
use std::path::Path;

use pft::keys::ledger;

use super::EXACT;
use crate::content::Content;
use crate::recording::{Lab, Recorder, is_root, pfreport, unwrapped};

/// Brings a CPU back when dropped.
struct Offline(&'static Path);

impl Offline {
    const SWITCH: &str = "/sys/devices/system/cpu/cpu1/online";

    /// `None` where there is no such CPU, or it stays.
    fn take() -> Option<Self> {
        let switch = Path::new(Self::SWITCH);
        fs::write(switch, "0").ok().map(|()| Self(switch))
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        if let Err(error) = fs::write(self.0, "1") {
            eprintln!("{} stays offline: {error}", self.0.display());
        }
    }
}

/// Takes a CPU away and brings it back while a workload runs between its line and its end.
fn record_meanwhile(lab: &Lab, target: &dyn Fn(u32) -> Vec<String>) -> Option<(i32, String, u64)> {
    let workload = lab.workload("threads").args(["--threads", "4", "--pages", "2000"]);
    let mut running = workload.start().unwrap().unwrap();
    let mut recorder = Recorder::start(lab.pfrecord().args(target(running.pid())));
    drop(Offline::take()?);
    running.go().unwrap();
    let report = running.finish().unwrap();
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    let made = report.expectations.iter().map(|e| e.count).sum();
    Some((status.code().unwrap(), said, made))
}

#[test]
fn a_cpu_that_comes_back_is_told_where_it_is_not_watched() {
    if !is_root() {
        eprintln!("skipped: needs root, to take a CPU away");
        return;
    }
    let lab = Lab::alone();
    let Some((code, said, _)) = record_meanwhile(&lab, &|_| vec!["-a".to_owned()]) else {
        eprintln!("skipped: no second CPU that can be taken away");
        return;
    };
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("1 CPU came online meanwhile: faults there are missing"), "{said}");
    let content = Content::open(&lab.trace());
    assert_eq!(content.count(ledger::CPUS_UNWATCHED), Some(1));
    let output = pfreport(&lab.trace(), &[]);
    let summary = unwrapped(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{summary}");
    let told = "1 CPU came online while recording: faults on them are missing, and not counted";
    assert!(summary.contains(told), "{summary}");

    // Events that are bound to threads go on when the CPU is back.
    fs::remove_file(lab.trace()).unwrap();
    let of_process = |pid: u32| vec!["-p".to_owned(), pid.to_string()];
    let (code, said, made) = record_meanwhile(&lab, &of_process).unwrap();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(EXACT), "{said}");
    let content = Content::open(&lab.trace());
    assert_eq!(content.count(ledger::CPUS_UNWATCHED), Some(0));
    assert!(made == 8_000 && content.captured() >= made, "{said}");
}
