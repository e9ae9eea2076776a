//! A process with so many mappings that looking at them takes long.

use std::io::Write;
use std::time::{Duration, Instant};

use pft::Trace;
use pft::keys::ledger;
use pft::record::{Frame, Snapshot, SnapshotReason};

use crate::content::Content;
use crate::python::{self, Python};
use crate::recording::{Lab, Recorder, User, is_root, rows};

/// Snapshots begin only while those before took less than this part of the time, and an allowance.
const SHARE: u64 = 100;
const ALLOWANCE_NS: u64 = 20_000_000;

/// The snapshots so far, in order of time.
pub fn snapshots(lab: &Lab) -> Vec<Snapshot> {
    let trace = Trace::open(lab.trace()).unwrap();
    let mut snapshots: Vec<Snapshot> = trace
        .iter()
        .filter_map(|(_, frame)| match frame {
            Ok(Frame::Snapshot(snapshot)) => Some(snapshot),
            _ => None,
        })
        .collect();
    snapshots.sort_by_key(|snapshot| snapshot.start_ns);
    snapshots
}

#[test]
fn faults_in_sixty_thousand_mappings_are_exact_and_snapshots_keep_their_budget() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("many-mappings").args(["--count", "60000", "--rounds", "3"]);
    let mut running = match workload.start().unwrap() {
        Ok(running) => running,
        Err(reason) => {
            eprintln!("skipped: {reason}");
            return;
        }
    };
    let pid = running.pid();
    // Maps are wanted far more often than the budget has it.
    let args = ["--maps-interval", "1ms", "-p"];
    let mut recorder = Recorder::start(lab.pfrecord().args(args).arg(pid.to_string()));
    running.go().unwrap();
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    let report = running.finish().unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("0 lost, captured + lost = the kernel's count"), "{said}");

    let content = Content::open(&lab.trace());
    let snapshots = snapshots(&lab);
    let mut spent_ns = 0;
    for snapshot in &snapshots {
        assert_eq!(snapshot.pid, pid);
        let at_ns = snapshot.start_ns.saturating_sub(content.start_ns);
        if !matches!(snapshot.reason, SnapshotReason::Start | SnapshotReason::End) {
            assert!(spent_ns <= at_ns / SHARE + ALLOWANCE_NS, "{spent_ns} ns after {at_ns} ns");
        }
        spent_ns += snapshot.end_ns - snapshot.start_ns;
    }
    let (first, last) = (snapshots.first().unwrap(), snapshots.last().unwrap());
    assert_eq!((first.reason, last.reason), (SnapshotReason::Start, SnapshotReason::End));
    assert!(first.vmas.len() > 60_000, "{}", first.vmas.len());
    assert_eq!(content.count(ledger::SNAPSHOTS_TAKEN), Some(snapshots.len() as u64));
    assert!(content.count(ledger::SNAPSHOTS_TIME_NS).unwrap() >= spent_ns);

    let (start, end) = (report.expectations[0].start, report.expectations[0].end);
    let made: u64 = report.expectations.iter().map(|e| e.count).sum();
    let found = rows(&lab.trace());
    let inside: Vec<_> = found.iter().filter(|row| (start..end).contains(&row.addr)).collect();
    assert_eq!((inside.len() as u64, made), (60_000, 60_000));
    for row in inside {
        let found = (row.region.as_str(), row.perms.as_str(), row.map_confidence.as_str());
        assert_eq!(found, ("[anon]", "rw-p", "exact"), "{row:?}");
    }
}

/// Makes mappings that do not merge, and one that, after a line, moves and grows, of which no record of
/// maps tells. For each more line writes one more page of it and tells where.
pub const GROWER: &str = "
import ctypes, mmap, sys
private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
protections = [mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE]
many = [mmap.mmap(-1, 4096, flags=private, prot=protections[n % 2]) for n in range(int(sys.argv[1]))]
grows = mmap.mmap(-1, 4096, flags=private)
print('ready', flush=True)
sys.stdin.readline()
grows.resize(256 << 20)
start = ctypes.addressof(ctypes.c_char.from_buffer(grows))
offset = 4096
for line in sys.stdin:
    grows[offset] = 1
    print(hex(start + offset), flush=True)
    offset += 4096
";

#[test]
fn one_unknown_address_among_many_mappings_is_asked_for_alone() {
    if !is_root() {
        eprintln!("skipped: needs root, to attach to any process");
        return;
    }
    let lab = Lab::new(User::Own);
    let Python { child: mut python, pid, mut input, mut lines } =
        python::start(GROWER, "8000", "ready");
    let args = ["--maps-interval", "1h", "-p"];
    let mut recorder = Recorder::start(lab.pfrecord().args(args).arg(pid.to_string()));
    input.write_all(b"\n").unwrap();
    let queries =
        || snapshots(&lab).into_iter().filter(|snapshot| snapshot.reason == SnapshotReason::Query);
    // After the snapshot at the start the process is left in peace a hundred times as long as that took.
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut addrs = Vec::new();
    while queries().next().is_none() {
        assert!(Instant::now() < deadline, "nobody asked");
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
    let asked: Vec<Snapshot> = queries().collect();
    let mut answers = asked.iter().flat_map(|snapshot| &snapshot.vmas);
    let vma = answers.find(|vma| addrs.iter().all(|addr| (vma.start..vma.end).contains(addr)));
    let vma = vma.unwrap_or_else(|| panic!("{addrs:x?} {asked:?}"));
    assert!(vma.end - vma.start >= 256 << 20, "{vma:?}");
    assert!(asked.iter().all(|snapshot| snapshot.vmas.len() < 16), "{asked:?}");
    let content = Content::open(&lab.trace());
    assert_eq!(content.count(ledger::SNAPSHOTS_QUERIES), Some(asked.len() as u64));
    // All maps were read at the start and at the end.
    assert_eq!(content.count(ledger::SNAPSHOTS_TAKEN), Some(2));
}

#[test]
#[ignore = "prints a figure and judges nothing"]
fn what_a_fault_costs_with_and_without_a_recorder() {
    let lab = Lab::alone();
    let workload = lab.workload("many-mappings").args(["--count", "60000", "--seconds", "2"]);
    let ns_per_fault = |recorded: bool| -> f64 {
        let mut running = workload.start().unwrap().unwrap();
        let pid = running.pid().to_string();
        let mut recorder =
            recorded.then(|| Recorder::start(lab.pfrecord().args(["-f", "-p", &pid])));
        running.go().unwrap();
        let report = running.finish().unwrap();
        if let Some(recorder) = &mut recorder {
            let (status, said) = recorder.finish();
            assert!(status.success(), "{said}");
        }
        let usage = report.usage[0];
        usage.wall_ns as f64 / (usage.minflt + usage.majflt) as f64
    };
    for _ in 0..5 {
        let (bare, recorded) = (ns_per_fault(false), ns_per_fault(true));
        println!("{bare:.0} ns a fault, {recorded:.0} ns recorded: {:.2}", recorded / bare);
    }
}
