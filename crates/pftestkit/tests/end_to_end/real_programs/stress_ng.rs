//! Stressors of stress-ng that are about faults: every fault that the kernel counted is captured or
//! known to be lost, event by event.

use std::collections::HashMap;

use pft::Trace;
use pft::keys::ledger as keys;
use pft::record::Frame;

use super::can_record;
use crate::recording::{Lab, pfreport, summary_value, unwrapped};

/// Each with two workers and a fixed amount of work. Those that are slow do little of it: `mmapfork` fills
/// a share of the machine's memory in a round, `stack` overflows 8 MiB byte by byte.
const STRESSORS: [&[&str]; 6] = [
    &["--fault", "2", "--fault-ops", "3000"],
    &["--mmap", "2", "--mmap-ops", "4", "--mmap-bytes", "1M"],
    &["--mmapfork", "2", "--mmapfork-ops", "1"],
    &["--stack", "2", "--stack-ops", "4"],
    &["--vm", "2", "--vm-ops", "2000", "--vm-bytes", "32M"],
    &["--fork", "2", "--fork-ops", "500"],
];

/// The closing ledger of a trace.
fn ledger_of(lab: &Lab) -> HashMap<String, u64> {
    let trace = Trace::open(lab.trace()).unwrap();
    assert!(trace.is_complete(), "{:?}", trace.damage());
    let mut last = None;
    for (_, frame) in trace.iter() {
        if let Frame::Checkpoint(checkpoint) = frame.unwrap() {
            last = Some(checkpoint);
        }
    }
    let last = last.unwrap();
    assert!(last.end);
    last.ledger.into_iter().map(|entry| (entry.key, entry.value)).collect()
}

#[test]
fn stress_ng_is_captured_as_counted() {
    if !can_record("stress-ng") {
        return;
    }
    for stressor in STRESSORS {
        // Alone: the kernel may count a fault without a record when another recorder opens or closes
        // events on that CPU in the middle of it.
        let lab = Lab::alone();
        let mut command = lab.pfrecord();
        let output = command.args(["--", "stress-ng"]).args(stressor).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let name = stressor[0];
        // 3 tells of losses, which are no error here.
        assert!(matches!(output.status.code(), Some(0 | 3)), "{name}: {said}");
        assert!(said.contains("the command ended (exit status: 0)"), "{name}: {said}");
        let ledger = ledger_of(&lab);
        let value = |key: &str| *ledger.get(key).unwrap_or_else(|| panic!("{name}: no {key}"));
        let seen = |captured, duplicates, lost| value(captured) + value(duplicates) + value(lost);
        let (minor, major) = (value(keys::CAPTURED_MINOR), value(keys::CAPTURED_MAJOR));
        assert_eq!(
            seen(keys::CAPTURED_MINOR, keys::CAPTURED_DUPLICATES_MINOR, keys::MINOR_FAULTS_LOST),
            value(keys::MINOR_FAULTS_COUNT),
            "{name}: {said}"
        );
        assert_eq!(
            seen(keys::CAPTURED_MAJOR, keys::CAPTURED_DUPLICATES_MAJOR, keys::MAJOR_FAULTS_LOST),
            value(keys::MAJOR_FAULTS_COUNT),
            "{name}: {said}"
        );
        // Entries come from two events: the tracepoint in user mode, the software event in kernel mode.
        let counted = value(keys::TRACEPOINT_USER_COUNT) + value(keys::PAGE_FAULTS_COUNT);
        let lost = value(keys::TRACEPOINT_USER_LOST) + value(keys::PAGE_FAULTS_LOST);
        let duplicates = value(keys::CAPTURED_DUPLICATES_ENTRIES);
        let entries = value(keys::CAPTURED_ENTRIES);
        assert_eq!(entries + duplicates + lost, counted, "{name}: {said}");
        assert_eq!(value(keys::CAPTURED_UNPARSED), 0, "{name}");
        // wait4: all that perf sees is accounted to the processes, and besides what the kernel faulted in
        // on their behalf (MAP_POPULATE, mlock) and the first pages of each exec.
        let rusage = (value(keys::RUSAGE_MINOR_FAULTS), value(keys::RUSAGE_MAJOR_FAULTS));
        eprintln!(
            "{name}: {minor} minor and {major} major faults captured, {lost} entries lost, \
             {} and {} not visible to perf",
            rusage.0.saturating_sub(minor),
            rusage.1.saturating_sub(major),
        );
        assert!(rusage.0 >= minor && rusage.1 >= major, "{name}: {rusage:?}, {minor} and {major}");
        assert!(minor > 0, "{name}");

        let report = pfreport(&lab.trace(), &[]);
        let warned = String::from_utf8_lossy(&report.stderr);
        assert!(report.status.success() && warned.is_empty(), "{name}: {warned}");
        let summary = unwrapped(&report.stdout);
        assert_eq!(summary_value(&summary, "major"), major, "{name}: {summary}");
        let minor_and_cow = summary_value(&summary, "minor") + summary_value(&summary, "cow");
        assert_eq!(minor_and_cow, minor, "{name}: {summary}");
    }
}
