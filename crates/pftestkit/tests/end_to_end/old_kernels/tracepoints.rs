//! Tracepoints that a kernel, an architecture or a machine does not have: taken away one folder at a time.

use std::process::Command;

use pft::keys::{fact, ledger};
use pftestkit::Report;

use crate::causes::unprivileged_cause;
use crate::recording::{AGREED, Lab, Recording, User, is_root};

/// Records a workload where folders of tracefs are empty; `None` where nothing can be mounted.
fn launch_without(folders: &[&str], mode: &str) -> Option<Recording> {
    let possible = Command::new("unshare").args(["-m", "true"]).status();
    if !is_root() || !possible.is_ok_and(|status| status.success()) {
        eprintln!("skipped: needs root, to mount over tracefs");
        return None;
    }
    let lab = Lab::new(User::Own);
    let mounts: Vec<String> = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"]
        .iter()
        .flat_map(|root| folders.iter().map(move |folder| format!("{root}/events/{folder}")))
        .map(|folder| format!("if [ -d {folder} ]; then mount -t tmpfs none {folder}; fi"))
        .collect();
    let script = format!("set -e; {}; exec \"$@\"", mounts.join("; "));
    let pfrecord = lab.pfrecord();
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script, "sh"]).arg(pfrecord.get_program());
    command.args(pfrecord.get_args()).arg("--").args(lab.workload(mode).argv());
    let output = command.current_dir(lab.dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{folders:?}: {said}");
    let report = Report::parse(&String::from_utf8_lossy(&output.stdout)).unwrap();
    Some(Recording::of_launched(lab, report, said))
}

const CODES: &str =
    "no error codes: writes are not told from reads, copy-on-write not from other minor faults";
const CALLS: &str = "unmapping and moving were not recorded";

#[test]
fn every_fault_is_recorded_without_each_of_them() {
    // As on arm64; where signals are not traced; without CONFIG_FTRACE_SYSCALLS; and without tracefs.
    for (folders, keys, words) in [
        (&["exceptions"][..], &[fact::CAPTURE_ERROR_CODE][..], &[CODES][..]),
        (&["signal"], &[fact::CAPTURE_SIGNALS], &[]),
        (&["syscalls"], &[fact::CAPTURE_CALLS], &[CALLS]),
        (&["oom"], &[fact::CAPTURE_OOM], &[]),
        (
            &[""],
            &[
                fact::CAPTURE_ERROR_CODE,
                fact::CAPTURE_SIGNALS,
                fact::CAPTURE_CALLS,
                fact::CAPTURE_OOM,
            ],
            &[CODES, CALLS],
        ),
    ] {
        for mode in ["anon", "cow"] {
            let Some(recording) = launch_without(folders, mode) else { return };
            let content = recording.content();
            let has_codes = !keys.contains(&fact::CAPTURE_ERROR_CODE);
            let expected = recording.expected(|kind| match has_codes {
                true => kind.to_owned(),
                false => unprivileged_cause(mode, kind).to_owned(),
            });
            assert_eq!(recording.found(), expected, "{folders:?} {mode}");
            assert!(recording.said.contains(AGREED), "{folders:?}: {}", recording.said);
            content.assert_reconciled();
            // Who records is as privileged as before, and sees what system calls touch.
            for key in [fact::CAPTURE_PRIVILEGED, fact::CAPTURE_KERNEL_MODE] {
                assert_eq!(content.fact(key), Some("yes"), "{folders:?} {key}");
            }
            for key in [
                fact::CAPTURE_ERROR_CODE,
                fact::CAPTURE_SIGNALS,
                fact::CAPTURE_CALLS,
                fact::CAPTURE_OOM,
            ] {
                let found = content.fact(key);
                assert_eq!(found, Some(if keys.contains(&key) { "no" } else { "yes" }), "{key}");
            }
            let entry = if has_codes { "tracepoint" } else { "software" };
            assert_eq!(content.fact(fact::CAPTURE_ENTRY_EVENT), Some(entry), "{folders:?}");
            let summary = recording.summary();
            for known in [CODES, CALLS] {
                assert_eq!(summary.contains(known), words.contains(&known), "{known}: {summary}");
            }
        }
    }
}

#[test]
fn without_signals_the_maps_tell_which_accesses_failed() {
    let Some(recording) = launch_without(&["signal"], "invalid") else { return };
    let content = recording.content();
    assert_eq!(content.count(ledger::CAPTURED_SIGNALLED), Some(0));
    let made: u64 =
        recording.report.expectations.iter().filter(|e| e.class == "failed").map(|e| e.count).sum();
    let rows = recording.rows();
    let failed = rows.iter().filter(|row| row.kind.starts_with("failed/")).count() as u64;
    // What touches memory that was unmapped is told only where a later look at the maps shows the hole.
    let open = content.sum(&[ledger::CAPTURED_IN_FLIGHT, ledger::CAPTURED_ABANDONED]);
    assert_eq!(open, made);
    assert!((made * 2 / 3..=made).contains(&failed), "{failed} of {made}");
    let summary = recording.summary();
    let words = "limits signals of failed accesses were not recorded";
    assert!(summary.contains(words), "{summary}");
}
