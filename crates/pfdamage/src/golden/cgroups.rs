//! `v1.0-cgroups.pft`: control groups. A container and a child of it, a process that is moved, a pid that is used again,
//! and a process of which nothing is known.

use pft::record::{
    CgroupRecord, Checkpoint, Fact, FaultBatch, FaultColumns, LedgerEntry, TaskKind, TaskRecord,
    TraceHeader,
};
use pft::{Writer, keys};

const START_NS: u64 = 1_000_000_000;
const DOCKER: &str =
    "/system.slice/docker-3f2a91bc0d4e8c1f6a7b5d2e9f0c4a3b2d1e8f7a6b5c4d3e2f1a0b9c8d7e6f5a.scope";
const POD: &str = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5c2b.slice/\
    cri-containerd-00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee.scope";

/// Process and time of each fault, in order.
const FAULTS: [(u32, u64); 9] = [
    (100, 100),
    (200, 110),
    (300, 120),
    (400, 130),
    (101, 310),
    (200, 320),
    (300, 510),
    (100, 520),
    (101, 530),
];

fn task(time: u64, kind: TaskKind, pid: u32, name: &str) -> TaskRecord {
    let parent = if kind == TaskKind::Fork { 100 } else { 0 };
    TaskRecord {
        time_ns: START_NS + time,
        kind,
        pid,
        tid: pid,
        parent_pid: parent,
        parent_tid: parent,
        comm: name.into(),
    }
}

fn tasks() -> Vec<TaskRecord> {
    use TaskKind::{Exit, Fork, Present};
    vec![
        task(0, Present, 100, "server"),
        task(0, Present, 200, "batch"),
        task(0, Present, 300, "first"),
        task(0, Present, 400, "outside"),
        task(300, Fork, 101, ""),
        task(400, Exit, 300, ""),
        task(500, Present, 300, "second"),
    ]
}

fn cgroups() -> Vec<CgroupRecord> {
    let seen =
        |time, pid, path: &str| CgroupRecord { time_ns: START_NS + time, pid, path: path.into() };
    vec![
        seen(50, 100, DOCKER),
        seen(60, 200, "/user.slice/user-1000.slice/session-3.scope"),
        seen(70, 300, POD),
        seen(200, 200, "/batch, \"nightly\""),
        seen(450, 300, "/"),
        // As the last snapshots of a recording, behind its end.
        seen(2_000, 100, "/init.scope"),
    ]
}

fn faults() -> FaultBatch {
    let mut columns = FaultColumns::default();
    for (n, (pid, time)) in (0..).zip(FAULTS) {
        columns.time_ns.push(START_NS + time);
        columns.latency_ns.push(5 + n);
        columns.addr.push(0x7f00_0000_0000 + 0x1000 * n);
        columns.ip.push(0x40_1234);
        columns.pid.push(pid);
        columns.tid.push(pid);
        columns.flags.push(0x0c_0621);
        columns.attempts.push(1);
    }
    FaultBatch { cpu: 0, columns }
}

/// The bytes of the file.
pub fn bytes() -> pft::Result<Vec<u8>> {
    let header = TraceHeader {
        uuid: *b"golden   cgroups",
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: START_NS,
        start_realtime_ns: 1_700_000_000_000_000_000,
    };
    let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
    let line = |key: &str, value| LedgerEntry { key: key.into(), value };
    let major = FAULTS.len() as u64;
    let mut writer = Writer::create(Vec::new(), &header, 1)?;
    writer.host(&[fact(keys::fact::KERNEL_RELEASE, "6.18.0"), fact("target.kind", "system")])?;
    writer.tasks(&tasks())?;
    writer.faults(&faults())?;
    writer.cgroups(&cgroups())?;
    writer.checkpoint(&Checkpoint {
        time_ns: START_NS + 1000,
        end: true,
        ledger: vec![
            line(keys::ledger::CAPTURED_MAJOR, major),
            line(keys::ledger::MAJOR_FAULTS_COUNT, major),
        ],
        ..Checkpoint::default()
    })?;
    writer.finish()
}
