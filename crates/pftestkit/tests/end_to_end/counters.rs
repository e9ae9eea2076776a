//! What was captured against the kernel's own counters and against rusage.

use pftestkit::Phase;

use crate::recording::{Lab, User, is_root, pfreport, summary_value, unwrapped};

#[test]
fn threads_at_full_speed_lose_nothing() {
    let lab = Lab::alone();
    let workload = lab.workload("threads").args(["--threads", "8", "--rounds", "100"]);
    let recording = lab.launch(&workload).unwrap();
    let said = &recording.said;
    assert!(said.contains("0 lost, captured + lost = the kernel's count"), "{said}");
    let made: u64 = recording
        .report
        .of_phase(Phase::Run)
        .filter(|e| e.cause == "anon-refault")
        .map(|e| e.count)
        .sum();
    // Of 256 pages each; the first round makes others.
    assert_eq!(made, 8 * 99 * 256);
    // Nothing else in the program drops memory and touches it again.
    let table = pfreport(&recording.lab.trace(), &["--by", "cause", "--csv"]).stdout;
    let table = String::from_utf8(table).unwrap();
    let line = table.lines().find(|line| line.starts_with("anon-refault,")).unwrap();
    assert_eq!(line.split(',').nth(1).unwrap().parse(), Ok(made), "{table}");
}

#[test]
fn totals_agree_with_rusage() {
    if !is_root() {
        eprintln!("skipped: needs root, to see faults in kernel mode");
        return;
    }
    for mode in ["anon", "zero", "shmem", "cold-file-random"] {
        let lab = Lab::new(User::Own);
        let workload = lab.workload(mode).args(["--pages", "500"]);
        let recording = lab.launch(&workload).unwrap();
        let total = recording.report.total.as_ref().unwrap();
        let summary = recording.summary();
        let majors = summary_value(&summary, "major");
        let minors = summary_value(&summary, "minor") + summary_value(&summary, "cow");
        assert_eq!(majors, total.majflt, "{mode}: {summary}");
        // The kernel prepares the new address space without faults that perf can see; and a few
        // faults follow the workload's last look at its counters.
        let unseen = total.minflt.abs_diff(minors);
        assert!(unseen < 60, "{mode}: {} and {minors}: {summary}", total.minflt);
    }
}

#[test]
fn populated_pages_are_counted_as_not_visible() {
    if !is_root() {
        eprintln!("skipped: needs root, to see faults in kernel mode");
        return;
    }
    // 1000 pages that the kernel populates: in rusage, not in perf.
    let unseen = |flags: &str| -> u64 {
        let lab = Lab::new(User::Own);
        let script = format!("import mmap; m = mmap.mmap(-1, 4096000, flags={flags})");
        let output = lab.pfrecord().args(["--", "python3", "-c", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let summary = unwrapped(&pfreport(&lab.trace(), &[]).stdout);
        let Some((_, line)) = summary.split_once(" not seen ") else { return 0 };
        line.split(' ').find_map(|word| word.replace(',', "").parse().ok()).expect(&summary)
    };
    let without = unseen("mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS");
    let with = unseen("mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE");
    // Python itself varies by a few faults from run to run.
    assert!(with.abs_diff(without + 1000) < 50, "{with} and {without}");
}
