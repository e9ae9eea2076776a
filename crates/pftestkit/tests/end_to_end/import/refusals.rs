//! Recordings that no trace can be made of, and those that are cut or damaged.

use std::process::Command;

use super::{SOFTWARE, data, has_perf, import, launch};
use crate::recording::{DAMAGED, Lab, User, pfreport, unwrapped};

/// Records `true` with these options, and expects the import to be refused with these words.
fn refused(options: &[&str], words: &[&str]) {
    let lab = Lab::new(User::Own);
    let mut command = Command::new("perf");
    command.args(["record", "-q", "-o"]).arg(data(&lab)).args(options);
    let output = command.args(["--", "true"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = import(&data(&lab), &lab.trace());
    let said = unwrapped(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{options:?}: {said}");
    for word in words.iter().chain(&["record with `perf record -e page-faults"]) {
        assert!(said.contains(word), "{options:?}: {said}");
    }
    assert!(!lab.trace().exists());
}

#[test]
fn what_no_trace_can_be_made_of_is_refused() {
    if !has_perf() {
        return;
    }
    refused(&["-e", "page-faults", "-d"], &["page-faults is a sample", "a second"]);
    refused(&["-e", "minor-faults", "-d", "-c", "10"], &["minor-faults is a sample", "one in 10"]);
    refused(&["-e", "minor-faults", "-c", "1"], &["without addresses (option -d)"]);
    refused(&["-e", "task-clock"], &["no page faults were recorded, only task-clock"]);
}

#[test]
fn cut_and_damaged_recordings_give_what_is_there() {
    if !has_perf() {
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon");
    let recording = launch(lab, &workload, SOFTWARE, &["-g"]).unwrap();
    let lab = &recording.lab;
    let whole = std::fs::read(data(lab)).unwrap();
    let faults = recording.rows().len();
    let (cut, trace) = (lab.dir.path().join("cut.data"), lab.dir.path().join(DAMAGED));
    let mut before = 0;
    for part in 1..20 {
        std::fs::write(&cut, &whole[..whole.len() * part / 20]).unwrap();
        let output = import(&cut, &trace);
        let said = unwrapped(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{part}: {said}");
        assert!(said.contains("warning: "), "{said}");
        let report = pfreport(&trace, &["--csv"]);
        assert_eq!(report.status.code(), Some(3));
        let rows = String::from_utf8(report.stdout).unwrap().lines().count() - 1;
        assert!((before..=faults).contains(&rows), "{part}: {rows} after {before}");
        before = rows;
    }
    for (bytes, code) in
        [(&b"PERFILE2"[..], 1), (b"", 1), (&whole[..100], 1), (b"garbage garbage garbage", 1)]
    {
        std::fs::write(&cut, bytes).unwrap();
        let output = import(&cut, &trace);
        assert_eq!(output.status.code(), Some(code), "{}", unwrapped(&output.stderr));
    }
}
