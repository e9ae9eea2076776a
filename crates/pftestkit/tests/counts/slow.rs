//! Faults that take long.

use crate::{kinds, run, workload};

#[test]
fn slow_faults_last_as_long_as_they_should() {
    for (mode, expected) in [
        ("slow", "minor/anon-first-touch*101 major/any*3 minor/any*0"),
        ("slow-minor", "minor/anon-first-touch*101 major/any*0 minor/any*3"),
    ] {
        let slow = workload(mode).args(["--pages", "3", "--count", "101", "--slow-ms", "20"]);
        let Some(report) = run(&slow) else { return };
        if mode == "slow-minor" && report.usage[0].majflt == 3 {
            eprintln!("skipped: this kernel counts every fault that waits as major");
            return;
        }
        assert_eq!(kinds(&report), expected, "{mode}");
        assert!(report.usage[0].wall_ns >= 3 * 20_000_000, "{mode}: {report:#?}");
        let witness = &report.expectations[1].witness;
        assert_eq!(*witness, [("at_least_ns".to_owned(), 20_000_000)], "{mode}");
    }
}
