//! Times, addresses, counts and identities at the ends of what can be written.

use pft::keys::{fact, ledger};
use pft::record::{CgroupRecord, Checkpoint, Fact, LedgerEntry, MarkRecord, TraceHeader, flags};

use super::{BASE, Fault, Named, ODD, PAGE, Recording, START_NS, map, vma};
use crate::samples;

pub const ALL: &[Named] = &[
    ("no faults", |_| Recording::new().end()),
    ("faults of odd numbers", |_| odd_faults(START_NS)),
    ("a start behind all times", |_| odd_faults(u64::MAX)),
    ("a start at 0", |_| odd_faults(0)),
    ("faults that all take forever", |rows| latencies(rows / 100, u64::MAX - 1)),
    ("faults that take half of forever", |rows| latencies(rows / 100, 1 << 63)),
    ("times that run backwards", backwards),
    ("all flags", |_| all_flags()),
    ("pages of a byte", |_| page_size(1)),
    ("pages of 2 GiB", |_| page_size(1 << 31)),
    ("all CPUs and nodes", |_| cpus()),
    ("a ledger that is full", |_| full_ledger(u64::MAX)),
    ("a ledger that sums up to nothing", |_| full_ledger(1 << 63)),
    ("facts that lie", |_| lying_facts()),
    ("marks at odd times", |_| odd_marks()),
    ("control groups at odd times", |_| odd_cgroups()),
    ("faults all over memory", everywhere),
    ("a page that faults forever", |rows| one_page(rows)),
];

fn header(start_ns: u64) -> TraceHeader {
    TraceHeader { start_ns, start_realtime_ns: u64::MAX, ..samples::header() }
}

fn odd_faults(start_ns: u64) -> Vec<u8> {
    let fault = |n: u64, time_ns, latency_ns, addr| Fault {
        time_ns,
        latency_ns,
        addr,
        ip: !addr,
        pid: (addr >> 3) as u32,
        tid: addr as u32,
        attempts: n as u32,
        flags: Fault::nth(0).flags | (n % 2) as u32,
        ..Fault::nth(n)
    };
    let mut faults = Vec::new();
    for time_ns in ODD {
        for latency_ns in ODD {
            for addr in ODD {
                faults.push(fault(faults.len() as u64, time_ns, latency_ns, addr));
            }
        }
    }
    Recording::with(&header(start_ns)).maps([map(0, 0, u64::MAX, "/all")]).faults(faults).end()
}

fn latencies(rows: usize, latency_ns: u64) -> Vec<u8> {
    let faults = (0..rows as u64).map(|n| Fault { latency_ns, flags: 1, ..Fault::nth(n) });
    Recording::new().faults(faults).end()
}

fn backwards(rows: usize) -> Vec<u8> {
    let mut recording =
        Recording::new().snapshot(START_NS, vec![vma(BASE, BASE + (1 << 30), "/x")]);
    let frames = rows as u64 / 1_000;
    for frame in (0..frames).rev() {
        let fault = |n| Fault { time_ns: START_NS + frame * 1_000 + 5_000 - n, ..Fault::nth(n) };
        recording = recording.maps([map(START_NS + frame * 999, BASE, BASE + PAGE, "/y")]);
        recording = recording.faults((0..1_000).map(fault));
    }
    recording.end()
}

fn all_flags() -> Vec<u8> {
    let faults = (0..32_u32).flat_map(|bit| {
        (0..8).map(move |outcome| Fault {
            flags: outcome | u32::MAX.checked_shl(bit).unwrap_or(0) & !flags::OUTCOME_MASK,
            addr: u64::MAX >> bit,
            attempts: u32::MAX,
            ..Fault::nth(u64::from(bit * 8 + outcome))
        })
    });
    Recording::new().faults(faults).end()
}

fn page_size(page_size_bytes: u32) -> Vec<u8> {
    let header = TraceHeader { page_size_bytes, ..header(START_NS) };
    let recording = Recording::with(&header).maps([map(START_NS, 0, u64::MAX, "//anon")]);
    let faults = (0..1_000).map(|n| Fault { addr: u64::MAX - n * 0x1_0000_0001, ..Fault::nth(n) });
    recording.faults(faults).some_faults().end()
}

fn cpus() -> Vec<u8> {
    let nodes = Fact {
        key: fact::MACHINE_CPU_NODES.into(),
        value: "0-4294967295=0,0-4294967295=4294967295".into(),
    };
    let mut recording = Recording::new();
    recording.writer.host(&[nodes]).unwrap();
    for cpu in [0, 1, u32::from(u16::MAX), 1 << 16, u32::MAX] {
        let mut batch = pft::record::FaultBatch { cpu, ..Default::default() };
        for n in 0..300 {
            Fault::nth(n).push(&mut batch);
            batch.columns.node.push(n as u8);
        }
        recording.writer.faults(&batch).unwrap();
    }
    recording.end()
}

fn full_ledger(value: u64) -> Vec<u8> {
    let keys = [
        ledger::CAPTURED_MINOR,
        ledger::CAPTURED_MAJOR,
        ledger::CAPTURED_OOM,
        ledger::CAPTURED_DUPLICATES_MINOR,
        ledger::CAPTURED_DUPLICATES_MAJOR,
        ledger::CAPTURED_FILTERED_MINOR,
        ledger::CAPTURED_FILTERED_MAJOR,
        ledger::CAPTURED_OWN_MINOR,
        ledger::CAPTURED_OWN_MAJOR,
        ledger::COUNTED_UNRECORDED_MINOR,
        ledger::COUNTED_UNRECORDED_MAJOR,
        ledger::MINOR_FAULTS_COUNT,
        ledger::MAJOR_FAULTS_COUNT,
        ledger::MINOR_FAULTS_LOST,
        ledger::MAJOR_FAULTS_LOST,
        ledger::PAGE_FAULTS_LOST,
        ledger::TRACEPOINT_USER_LOST,
        ledger::TRACEPOINT_KERNEL_LOST,
        ledger::SIDEBAND_LOST,
        ledger::CALLS_LOST,
        ledger::SIGNAL_LOST,
        ledger::OOM_LOST,
        ledger::DROPPED_RECORDER,
        ledger::DROPPED_LIVE,
        ledger::CAPTURED_FOREIGN_IDS,
        ledger::CAPTURED_UNPARSED,
        ledger::CPUS_UNWATCHED,
        ledger::RUSAGE_MINOR_FAULTS,
        ledger::RUSAGE_MAJOR_FAULTS,
        ledger::SKIPPED_FAST_MINOR,
        ledger::SKIPPED_FAST_MAJOR,
        "captured.entries",
        "captured.signalled",
        "snapshots.time_ns",
        "stacks.copied",
        "stacks.failed",
        "stacks.dropped",
        "symbols.asked",
        "symbols.skipped",
        "modules.missing",
        "callchains.dropped",
        "recorder.cpu_ns",
        "flight.lost_in_rings",
        "flight.suppressed",
    ];
    let entry = |key: &&str| LedgerEntry { key: (*key).into(), value };
    let mut recording = Recording::new();
    let host = [("target.kind", "command"), ("target.follow", "yes")];
    let facts = host.map(|(key, value)| Fact { key: key.into(), value: value.into() });
    recording.writer.host(&facts).unwrap();
    let mut recording = recording.some_faults();
    let checkpoint = Checkpoint {
        time_ns: u64::MAX,
        realtime_ns: u64::MAX,
        boottime_ns: u64::MAX,
        end: true,
        ledger: keys.iter().map(entry).collect(),
    };
    recording.writer.checkpoint(&checkpoint).unwrap();
    recording.writer.finish().unwrap()
}

/// Facts that are numbers, as no number is.
fn lying_facts() -> Vec<u8> {
    let keys = [
        "capture.delay_ns",
        "capture.min_latency_ns",
        "flight.window_ns",
        "latency.bias_ns",
        "latency.bias_spread_ns",
        "machine.cpus",
        "machine.memory_bytes",
        "machine.cpu_nodes",
        "rlimit.stack_bytes",
        "vm.swap_total_bytes",
        "target.pids",
        "target.tids",
        "ring.bytes",
    ];
    let values = [
        "18446744073709551615",
        "99999999999999999999999",
        "-1",
        "1e400",
        "",
        "0-1=0,5-4=1,=,-",
        "NaN",
    ];
    let mut recording = Recording::new();
    for value in values {
        let fact = |key: &&str| Fact { key: (*key).into(), value: value.into() };
        recording.writer.host(&keys.iter().map(fact).collect::<Vec<_>>()).unwrap();
    }
    // The last value counts.
    let last = |key: &&str| Fact { key: (*key).into(), value: values[0].into() };
    recording.writer.host(&keys.iter().map(last).collect::<Vec<_>>()).unwrap();
    recording.some_faults().end()
}

fn odd_marks() -> Vec<u8> {
    let marks = ODD.map(|time_ns| MarkRecord { time_ns, name: b"<b>=cmd|' /C calc'!A0".to_vec() });
    Recording::new().records(marks, |writer, marks| writer.marks(marks)).some_faults().end()
}

fn odd_cgroups() -> Vec<u8> {
    let path = b"/<b>\x1b[2J/=cmd|' /C calc'!A0/../\xff".to_vec();
    let cgroups = ODD.map(|time_ns| [0, 1, 100, u32::MAX].map(|pid| (time_ns, pid))).concat();
    let cgroup = |(n, (time_ns, pid))| {
        let path = if n % 3 == 0 { Vec::new() } else { path.repeat(n % 5) };
        CgroupRecord { time_ns, pid, path }
    };
    let cgroups = cgroups.into_iter().enumerate().map(cgroup);
    Recording::new().records(cgroups, |writer, all| writer.cgroups(all)).some_faults().end()
}

/// No two in one neighbourhood.
fn everywhere(rows: usize) -> Vec<u8> {
    let place = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !0xfff;
    let faults = (0..rows as u64).map(|n| Fault { addr: place(n), ip: place(!n), ..Fault::nth(n) });
    Recording::new().maps([map(START_NS, 0, u64::MAX, "//anon")]).faults(faults).end()
}

fn one_page(rows: usize) -> Vec<u8> {
    let faults = (0..rows as u64).map(|n| Fault { addr: BASE, ..Fault::nth(n) });
    Recording::new().maps([map(START_NS, BASE, BASE + PAGE, "/x")]).faults(faults).end()
}
