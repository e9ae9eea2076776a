//! What a recording says of faults that it has no row for.

use std::io::Write;

use pft::keys::{fact, ledger};

use crate::content::Content;
use crate::python::{self, Python};
use crate::recording::{Lab, Recorder, User, is_root, pfreport, unwrapped};

/// Has the kernel populate as many pages as the argument says, between two lines.
const POPULATE: &str = "
import mmap, sys
print('ready', flush=True)
sys.stdin.readline()
memory = mmap.mmap(-1, 4096 * int(sys.argv[1]),
                   flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
print('done', flush=True)
sys.stdin.readline()
";

/// The first number behind a phrase of a text report.
fn number_after(summary: &str, phrase: &str) -> Option<u64> {
    let (_, rest) = summary.split_once(phrase)?;
    rest.split([' ', ';']).find_map(|word| word.replace(',', "").parse().ok())
}

fn minor_faults(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(7).unwrap().parse().unwrap()
}

#[test]
fn populated_pages_of_a_running_process_are_not_visible_to_perf() {
    if !is_root() {
        eprintln!("skipped: needs root, to see faults in kernel mode");
        return;
    }
    let lab = Lab::new(User::Own);
    let Python { child: mut python, pid, mut input, mut lines } =
        python::start(POPULATE, "3000", "ready");
    let before = minor_faults(pid);
    let mut recorder = Recorder::start(lab.pfrecord().args(["-p", &pid.to_string()]));
    input.write_all(b"\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "done");
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    let after = minor_faults(pid);
    drop(input);
    python.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    let content = Content::open(&lab.trace());
    let known = content.count(ledger::RUSAGE_MINOR_FAULTS).unwrap();
    // Between the two looks here lie those of the recorder; nothing else runs in the process then.
    assert_eq!(known, after - before);
    let visible = content.count(ledger::MINOR_FAULTS_COUNT).unwrap();
    assert_eq!(known - visible, 3000, "{said}");
    let summary = unwrapped(&pfreport(&lab.trace(), &[]).stdout);
    assert!(summary.contains(" not seen "), "{summary}");
    assert_eq!(number_after(&summary, " not seen "), Some(3000), "{summary}");
}

#[test]
fn failed_accesses_are_told_apart_from_faults() {
    if !is_root() {
        eprintln!("skipped: needs root, to see signals and faults in kernel mode");
        return;
    }
    for (mode, failed, signalled) in
        [("invalid", 12, 12), ("stack-overflow", 1, 1), ("efault", 256, 0)]
    {
        let lab = Lab::new(User::Own);
        let workload = lab.workload(mode);
        let recording = lab.launch(&workload).unwrap();
        let content = Content::open(&recording.lab.trace());
        let count = |key| content.count(key).unwrap();
        assert_eq!(count(ledger::CAPTURED_SIGNALLED), signalled, "{mode}");
        // A refused system call is followed by another fault of the thread, or by its end.
        let others = count(ledger::CAPTURED_ABANDONED) + count(ledger::CAPTURED_IN_FLIGHT);
        assert_eq!(others, failed - signalled, "{mode}");
        // Entries are completed faults and failed accesses, no more.
        let completed = content.captured();
        assert_eq!(content.completed, completed, "{mode}");
        assert_eq!(count(ledger::CAPTURED_ENTRIES), completed + failed, "{mode}");
        // The kernel counts entries, in user and in kernel mode, apart from completions.
        let entered = count(ledger::TRACEPOINT_USER_COUNT) + count(ledger::PAGE_FAULTS_COUNT);
        assert_eq!(entered, completed + failed, "{mode}");
        let counted = content.sum(&[ledger::MINOR_FAULTS_COUNT, ledger::MAJOR_FAULTS_COUNT]);
        assert_eq!(counted, completed, "{mode}");
        let accesses = [(signalled, "accesses that failed"), (0, "found no room in a ring")];
        for (number, what) in accesses {
            let words = format!(" {number} {what}");
            assert_eq!(recording.said.contains(&words), number > 0, "{mode}: {}", recording.said);
        }
        let summary = recording.summary();
        assert_eq!(number_after(&summary, " apart "), Some(failed), "{mode}: {summary}");
        let words = format!("{failed} failed (");
        assert!(summary.contains(&words), "{mode}: {summary}");
    }
}

#[test]
fn the_closing_lines_tell_what_perf_does_not_show_of_a_command() {
    if !is_root() {
        eprintln!("skipped: needs root, to see faults in kernel mode");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon");
    let recording = lab.launch(&workload).unwrap();
    let content = Content::open(&recording.lab.trace());
    let known = content.sum(&[ledger::RUSAGE_MINOR_FAULTS, ledger::RUSAGE_MAJOR_FAULTS]);
    // Starting a program takes some.
    let unseen = known - content.captured();
    assert_ne!(unseen, 0);
    let words = format!(" {unseen} more in the command's own accounting");
    assert!(recording.said.contains(&words), "{}", recording.said);
}

#[test]
fn a_recording_is_over_when_its_events_are_stopped() {
    let lab = Lab::new(User::Own);
    // It takes a while to end, and what it has created is gone by then.
    let slow_to_end = "trap 'sleep 0.5; exit 3' TERM; while :; do sleep 0.1; done";
    let mut command = lab.pfrecord();
    command.args(["-d", "300ms", "--", "sh", "-c", slow_to_end]);
    let (status, said) = Recorder::start(&mut command).finish();
    assert_eq!(status.code(), Some(0), "{said}");
    let content = Content::open(&lab.trace());
    assert_eq!(content.fact(fact::TARGET_EXIT_STATUS), Some("3"));
    assert!(!said.contains("still running"), "{said}");
    // They are taken before the command is told to end.
    assert!(!content.end_snapshots_ns.is_empty());
    for time_ns in content.end_snapshots_ns {
        assert!(content.last.time_ns <= time_ns, "{} {time_ns}", content.last.time_ns);
    }
}
