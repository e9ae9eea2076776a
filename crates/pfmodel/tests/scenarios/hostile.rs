use std::time::{Duration, Instant};

use pfmodel::table::NONE;
use pfmodel::{Live, Options, analyse};
use pft::record::{Checkpoint, Fact, FaultBatch, FaultColumns};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::arbitrary::*;
use crate::trace::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn any_trace_has_an_answer_that_accounts_for_every_fault(
        tasks in vec(task(), 0..30),
        maps in vec(map_record(), 0..40),
        calls in vec(call_record(), 0..20),
        snapshots in vec(snapshot(), 0..6),
        lost in vec(lost(), 0..3),
        batches in vec(batch(), 0..4),
        (start_ns, page_size_bytes, end_ns) in (number(), any::<u32>(), number()),
        slow_threshold_ns in proptest::option::of(number()),
    ) {
        let mut recording = Trace::empty().recording;
        recording.header.start_ns = start_ns;
        recording.header.page_size_bytes = page_size_bytes;
        recording.facts = [("rlimit.stack_bytes", start_ns.to_string()), ("capture.calls", "yes".into())]
            .map(|(key, value)| Fact { key: key.into(), value })
            .into();
        recording.checkpoint = Some(Checkpoint { time_ns: end_ns, end: true, ..Checkpoint::default() });
        (recording.tasks, recording.maps) = (tasks, maps);
        (recording.snapshots, recording.lost, recording.calls) = (snapshots, lost, calls);
        let rows: usize = batches.iter().map(|batch| batch.columns.len()).sum();

        let mut options = Options::default();
        options.slow_threshold_ns = slow_threshold_ns;
        let analysis = analyse(recording, batches, &options);

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
        calls in vec(call_record(), 0..20),
        snapshots in vec(snapshot(), 0..6),
        lost in vec(lost(), 0..3),
        mut faults in vec((number(), number(), number(), id(), id(), any::<u32>()), 0..60),
    ) {
        faults.sort_unstable();
        let mut recording = Trace::empty().recording;
        recording.facts = vec![Fact { key: "capture.calls".into(), value: "yes".into() }];
        (recording.tasks, recording.maps, recording.calls) = (tasks, maps, calls);
        // No call is over later than a fault that begins during it.
        for call in recording.calls.iter_mut().filter(|call| call.end_ns != u64::MAX) {
            call.end_ns = call.time_ns.saturating_add(call.end_ns % 6);
        }
        recording.calls.sort_by_key(|call| call.time_ns);
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

        let mut live = Live::new(&recording.header, &recording.facts, &Options::default());
        let mut queues = (
            recording.tasks.clone().into_iter().peekable(),
            recording.maps.clone().into_iter().peekable(),
            recording.snapshots.clone().into_iter().peekable(),
            recording.lost.clone().into_iter().peekable(),
            recording.calls.clone().into_iter().peekable(),
        );
        let options = Options::with_slow_threshold_ns(u64::MAX);
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
            while let Some(call) = queues.4.next_if(|call| call.time_ns <= over_ns) {
                live.push_call(call);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn a_stream_in_any_order_accounts_for_every_fault(steps in vec(step(), 0..150)) {
        let facts = [Fact { key: "capture.calls".into(), value: "yes".into() }];
        let mut live = Live::new(&Trace::empty().recording.header, &facts, &Options::default());
        let (mut faults, mut judged) = (0, 0);
        for step in steps {
            match step {
                Step::Task(task) => live.push_task(task),
                Step::Map(map) => live.push_map(map),
                Step::Call(call) => live.push_call(call),
                Step::Snapshot(snapshot) => live.push_snapshot(snapshot),
                Step::Lost(lost) => live.push_lost(lost),
                Step::Fault(fault) => {
                    faults += 1;
                    judged += u64::from(live.judge(&fault).is_some());
                }
            }
        }
        let unjudged = live.unjudged();
        prop_assert_eq!(judged + unjudged.in_flight + unjudged.unresolved, faults);
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

/// Calls over all of many parts, among them some that moved, so that each part is kept apart.
#[test]
fn calls_over_huge_ranges_stay_cheap() {
    let huge = 1 << 40;
    let mut trace = Trace::new().with_calls();
    for n in 1..=60_000u64 {
        let prot = if n % 2 == 0 { RW } else { R };
        trace = trace.map(map(10, n * 0x1000, (n + 1) * 0x1000, prot, "//anon"));
    }
    let mut time = 20;
    for n in 1..=30_000u64 {
        let there = huge * (1 + n % 2);
        let back = huge * (2 - n % 2);
        let flags = if n % 3 == 0 { 5 } else { 1 };
        trace = trace
            .fault(fault(time, n * 0x1000, READ))
            .call(madvise(time + 1, 0, huge, 4))
            .call(mremap(time + 10, (0x1000, huge), (there, huge), 1))
            .call(mremap(time + 20, (there, huge), (back, huge), flags))
            .call(mremap(time + 30, (back, huge), (0x1000, huge), 1))
            .call(munmap(time + 40, (n + 70) * 0x1000, 1))
            .call(mremap(time + 50, (0x2000, 0x1000 * (n % 50)), (0x2000, 0x1000 * n), 1));
        time += 60;
    }
    let start = Instant::now();
    let analysis = trace.analyse();
    assert_eq!(analysis.faults.len(), 30_000);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// A mapping of many parts of which each call takes one page; calls that never end; and a snapshot read
/// during all of them.
#[test]
fn calls_under_way_and_holes_stay_cheap() {
    let mut trace = Trace::new().with_calls().map(map(1, 0x1000, 0x2000, RW, "//anon"));
    for n in 1..=100_000u64 {
        let page = 0x1000 * (n + 1);
        trace = trace.fault(fault(n * 10, page, WRITE)).call(mremap(
            n * 10,
            (0x1000, page - 0x1000),
            (0x1000, page),
            0,
        ));
    }
    for n in 1..=100_000u64 {
        let time = 1_000_000 + n * 10;
        let page = 0x1000 * (50_000 + n / 2 * (n % 2) + n % 2 * n);
        let mut endless = munmap(time, page, 0x1000);
        endless.end_ns = u64::MAX;
        trace = trace
            .call(endless)
            .call(munmap(time + 1, page + 0x3000, 0x1000))
            .map(map(time + 2, page, page + 0x1000, RW, "//anon"))
            .fault(fault(time + 3, page, WRITE));
    }
    trace = trace.snapshot(900_000, vec![line(0x1000, 0x2000, RW, "")]);
    if let Some(snapshot) = trace.recording.snapshots.last_mut() {
        snapshot.end_ns = u64::MAX;
    }
    let start = Instant::now();
    let analysis = trace.analyse();
    assert_eq!(analysis.faults.len(), 200_000);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}
