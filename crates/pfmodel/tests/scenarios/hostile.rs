use std::time::{Duration, Instant};

use pfmodel::table::NONE;
use pfmodel::{Live, Options, analyse};
use pft::record::{
    Checkpoint, Fact, FaultBatch, FaultColumns, LostBy, LostRecord, MapRecord, Snapshot,
    SnapshotReason, TaskKind, TaskRecord, Vma,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::trace::*;

/// Few values, so that records meet, and the odd ones.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => (0..40u64).prop_map(|n| n * 0x1000),
        4 => START_NS..START_NS + 200,
        1 => prop::sample::select(vec![0, 1, u64::MAX, u64::MAX - 1, 1 << 47, 1 << 56]),
        1 => any::<u64>(),
    ]
}

fn id() -> impl Strategy<Value = u32> {
    prop_oneof![9 => 1..5u32, 1 => any::<u32>()]
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    let names =
        ["", "//anon", "[heap]", "[stack]", "/a", "/b (deleted)", "/memfd:x", "[vdso]", "/SYSV"];
    let known = prop::sample::select(names.to_vec()).prop_map(|name| name.as_bytes().to_vec());
    prop_oneof![9 => known, 1 => vec(any::<u8>(), 0..6)]
}

fn task() -> impl Strategy<Value = TaskRecord> {
    use TaskKind::{Comm, Exec, Exit, Fork, Present};
    let kind = prop::sample::select(vec![Present, Fork, Comm, Exec, Exit]);
    (number(), kind, id(), id(), id(), path()).prop_map(
        |(time_ns, kind, pid, tid, parent, comm)| TaskRecord {
            time_ns,
            kind,
            pid,
            tid,
            parent_pid: parent,
            parent_tid: parent,
            comm,
        },
    )
}

fn vma() -> impl Strategy<Value = Vma> {
    (number(), number(), any::<u32>(), any::<bool>(), number(), 0..3u64, path()).prop_map(
        |(start, end, prot, shared, file_offset, inode, path)| Vma {
            start,
            end,
            prot,
            shared,
            file_offset,
            dev_major: 8,
            dev_minor: 1,
            inode,
            path,
        },
    )
}

fn map_record() -> impl Strategy<Value = MapRecord> {
    (number(), id(), id(), vma(), 0..4u32).prop_map(|(time_ns, pid, tid, vma, flags)| MapRecord {
        time_ns,
        pid,
        tid,
        start: vma.start,
        end: vma.end,
        file_offset: vma.file_offset,
        dev_major: vma.dev_major,
        dev_minor: vma.dev_minor,
        inode: vma.inode,
        inode_generation: 0,
        prot: vma.prot,
        flags,
        path: vma.path,
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    (id(), number(), number(), vec(vma(), 0..8)).prop_map(|(pid, start_ns, end_ns, vmas)| {
        Snapshot { pid, start_ns, end_ns, reason: SnapshotReason::Loss, vmas }
    })
}

fn lost() -> impl Strategy<Value = LostRecord> {
    (number(), number(), any::<bool>()).prop_map(|(after_ns, time_ns, ring)| {
        let by = if ring { LostBy::Ring } else { LostBy::Recorder };
        LostRecord { after_ns, time_ns, cpu: 0, by, count: u64::MAX }
    })
}

fn batch() -> impl Strategy<Value = FaultBatch> {
    let row = (number(), number(), number(), number(), id(), id(), any::<u32>(), any::<u32>());
    (id(), vec(row, 0..30)).prop_map(|(cpu, rows)| {
        let mut columns = FaultColumns::default();
        for (time_ns, latency_ns, addr, ip, pid, tid, flags, attempts) in rows {
            columns.time_ns.push(time_ns);
            columns.latency_ns.push(latency_ns);
            columns.addr.push(addr);
            columns.ip.push(ip);
            columns.pid.push(pid);
            columns.tid.push(tid);
            columns.flags.push(flags);
            columns.attempts.push(attempts);
        }
        FaultBatch { cpu, columns }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn any_trace_has_an_answer_that_accounts_for_every_fault(
        tasks in vec(task(), 0..30),
        maps in vec(map_record(), 0..40),
        snapshots in vec(snapshot(), 0..6),
        lost in vec(lost(), 0..3),
        batches in vec(batch(), 0..4),
        (start_ns, page_size_bytes, end_ns) in (number(), any::<u32>(), number()),
        slow_threshold_ns in proptest::option::of(number()),
    ) {
        let mut recording = Trace::empty().recording;
        recording.header.start_ns = start_ns;
        recording.header.page_size_bytes = page_size_bytes;
        recording.facts = vec![Fact { key: "rlimit.stack_bytes".into(), value: start_ns.to_string() }];
        recording.checkpoint = Some(Checkpoint { time_ns: end_ns, end: true, ..Checkpoint::default() });
        (recording.tasks, recording.maps) = (tasks, maps);
        (recording.snapshots, recording.lost) = (snapshots, lost);
        let rows: usize = batches.iter().map(|batch| batch.columns.len()).sum();

        let analysis = analyse(recording, batches, &Options { slow_threshold_ns });

        let (faults, exactness) = (&analysis.faults, &analysis.exactness);
        let accounted = faults.len() as u64 + exactness.in_flight + exactness.unresolved;
        prop_assert_eq!(accounted, rows as u64);
        prop_assert_eq!(exactness.faults, faults.len() as u64);
        prop_assert_eq!(exactness.map_confidence.iter().sum::<u64>(), faults.len() as u64);
        let len = faults.len();
        prop_assert!(faults.class.len() == len && faults.map_confidence.len() == len);
        prop_assert!(faults.time_ns.is_sorted());
        for row in 0..len {
            prop_assert!((faults.proc[row] as usize) < analysis.processes.len());
            prop_assert!((faults.comm[row] as usize) < analysis.comms.len());
            let mapping = analysis.mappings.get(faults.mapping[row] as usize);
            if let Some(mapping) = mapping {
                prop_assert!(mapping.start <= faults.addr[row] && faults.addr[row] < mapping.end);
                prop_assert_eq!(mapping.proc, faults.proc[row]);
            }
        }
        for mapping in &analysis.mappings {
            prop_assert!(mapping.start < mapping.end);
            prop_assert!(mapping.valid_from_ns <= mapping.valid_to_ns);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn a_stream_in_order_of_time_says_what_the_report_says(
        tasks in vec(task(), 0..30),
        maps in vec(map_record(), 0..40),
        snapshots in vec(snapshot(), 0..6),
        lost in vec(lost(), 0..3),
        mut faults in vec((number(), number(), number(), id(), id(), any::<u32>()), 0..60),
    ) {
        faults.sort_unstable();
        let mut recording = Trace::empty().recording;
        (recording.tasks, recording.maps) = (tasks, maps);
        recording.tasks.sort_by_key(|task| task.time_ns);
        recording.maps.sort_by_key(|map| map.time_ns);
        // A snapshot is there when its reading is over.
        recording.snapshots = snapshots;
        recording.snapshots.iter_mut().for_each(|shot| shot.end_ns = shot.start_ns);
        recording.snapshots.sort_by_key(|shot| shot.start_ns);
        recording.lost = lost;
        recording.lost.iter_mut().for_each(|lost| lost.after_ns = lost.time_ns);
        recording.lost.sort_by_key(|lost| lost.time_ns);
        let mut columns = FaultColumns::default();
        for &(time_ns, addr, ip, pid, tid, bits) in &faults {
            columns.time_ns.push(time_ns);
            columns.latency_ns.push(5);
            columns.addr.push(addr);
            columns.ip.push(ip);
            columns.pid.push(pid);
            columns.tid.push(tid);
            // Completed.
            columns.flags.push(bits & !6);
            columns.attempts.push(1);
        }

        let mut live = Live::new(&recording.header, &[], &Options::default());
        let mut queues = (
            recording.tasks.clone().into_iter().peekable(),
            recording.maps.clone().into_iter().peekable(),
            recording.snapshots.clone().into_iter().peekable(),
            recording.lost.clone().into_iter().peekable(),
        );
        let options = Options { slow_threshold_ns: Some(u64::MAX) };
        let batch = FaultBatch { cpu: 0, columns: columns.clone() };
        let analysis = analyse(recording, vec![batch], &options);
        let table = &analysis.faults;
        prop_assert_eq!(table.len(), faults.len());
        for (row, &(time_ns, addr, ip, pid, tid, _)) in faults.iter().enumerate() {
            let over_ns = time_ns.saturating_add(5);
            while let Some(task) = queues.0.next_if(|task| task.time_ns <= over_ns) {
                live.push_task(task);
            }
            while let Some(map) = queues.1.next_if(|map| map.time_ns <= over_ns) {
                live.push_map(map);
            }
            while let Some(shot) = queues.2.next_if(|shot| shot.start_ns <= over_ns) {
                live.push_snapshot(shot);
            }
            while let Some(lost) = queues.3.next_if(|lost| lost.time_ns <= over_ns) {
                live.push_lost(lost);
            }
            let flags = columns.flags[row];
            let fault = pfmodel::Fault {
                time_ns, latency_ns: 5, addr, ip, pid, tid, flags, attempts: 1, cpu: 0,
            };
            let judged = live.judge(&fault).expect("completed");
            prop_assert_eq!((judged.class, judged.cause), (table.class[row], table.cause[row]));
            prop_assert_eq!(judged.access, table.access[row]);
            prop_assert_eq!(judged.comm, &analysis.comms[table.comm[row] as usize][..]);
            let mapped = |place: Option<_>, mapping: u32| place.is_some() == (mapping != NONE);
            prop_assert!(mapped(judged.place, table.mapping[row]));
            prop_assert!(mapped(judged.ip_place, table.ip_mapping[row]));
        }
    }
}

/// Ten thousand forks of sixty thousand mappings: their product would take minutes and gigabytes.
#[test]
fn forks_of_a_large_address_space_cost_no_product() {
    let mut trace = Trace::new();
    for n in 1..=60_000u64 {
        let prot = if n % 2 == 0 { RW } else { R };
        trace = trace.map(map(10, n * 0x1000, (n + 1) * 0x1000, prot, "//anon"));
    }
    for pid in 2..=10_000u32 {
        let time = 20 + u64::from(pid) * 10;
        trace = trace.fork(time, 1, pid);
        let mut whole = map(time + 1, 0, 1 << 40, RW, "/whole");
        whole.pid = pid;
        trace = trace.map(whole).fault(fault_of(pid, time + 2, 0x5000, WRITE));
    }
    let start = Instant::now();
    let analysis = trace.analyse();
    assert_eq!(analysis.faults.len(), 9_999);
    assert_eq!(analysis.mappings.len(), 60_000 + 9_999);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// Each record covers all earlier ones, which stay what they were.
#[test]
fn records_over_many_old_parts_stay_cheap() {
    let mut trace = Trace::new();
    for n in 1..=20_000u64 {
        let time = n * 10;
        trace = trace
            .map(map(time, n * 0x2000, n * 0x2000 + 0x1000, R, "//anon"))
            .fault(fault(time + 1, n * 0x2000, READ))
            .map(map(time + 2, 0x2000, n * 0x2000 + 0x1000, RW, "//anon"));
    }
    let start = Instant::now();
    let analysis = trace.analyse();
    assert_eq!(analysis.faults.len(), 20_000);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
