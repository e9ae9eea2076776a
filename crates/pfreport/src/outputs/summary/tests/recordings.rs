//! Recordings of other targets, and of a part of the faults.

use pfmodel::names::{Cause, Class};
use pfmodel::table::{FaultTable, NONE, Process};
use pft::keys::{fact, ledger};
use pft::record::OomRecord;

use super::{assert_goldens, screen, server, set_ledger};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, MODEL, Row};

fn with_facts(mut loaded: Loaded, facts: &[(&str, &str)]) -> Loaded {
    loaded.facts.extend(facts.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())));
    loaded
}

#[test]
fn a_fault_that_began_before_the_window_stalls_since_its_start() {
    let mut loaded = with_facts(made_up::empty(), &[(fact::FLIGHT_WINDOW_NS, "9000000000")]);
    let second = 1_000_000_000;
    let row = Row { class: Class::Major, cause: Cause::FileRead, mapping: MODEL, ..Row::default() };
    made_up::push(&mut loaded.analysis, Row { latency: Some(30 * second), ..row });
    loaded.analysis.faults.before_ns = vec![25 * second];
    let late = Row { time: 8 * second, latency: Some(second), ..row };
    made_up::push(&mut loaded.analysis, late);
    let text = screen(&loaded);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = " major file-read 2 1 4KiB 6s 60% 1s 30s 30s 30s ";
    assert!(text.contains(line), "{text}");
    let note =
        "stall: sum over all threads (since the start, for 1 fault that began before it); wall:";
    assert!(text.contains(note), "{text}");
    let cost = "2 faults of 15.5 s on average, 6 s of stall (100 % of all, 60 % of the wall time).";
    assert!(text.contains(cost), "{text}");
}

#[test]
fn rates_and_shares_are_of_the_time_after_a_delay() {
    let mut loaded = with_facts(made_up::empty(), &[(fact::CAPTURE_DELAY_NS, "8000000000")]);
    for i in 0..1_500 {
        let row = Row {
            time: 8_000_000_000 + i * 1_000_000,
            latency: Some(400_000),
            class: Class::Major,
            cause: Cause::FileRead,
            mapping: MODEL,
            ..Row::default()
        };
        made_up::push(&mut loaded.analysis, Row { tid: 100 + (i % 2) as u32, ..row });
    }
    let text = screen(&loaded).split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "recorded 2026-11-20 12:34:56 UTC for 2 s after a delay of 8 s",
        "major file-read 1,500 1 4KiB 600ms 30% ",
        "share of the 2 s in which at least one thread was stalled so (30 % by any fault)",
        "4242 server 1,500 1,500 750/s 600ms 30% 2s",
        "500 major faults/s (exceeded by 1 process); longest stalled thread: 100 (300 ms, 15 % of its 2 s)",
        "600 ms of stall (100 % of all, 30 % of the wall time)",
        "750 major faults/s over the whole recording exceed the usual alert of 500/s.",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_machine_with_many_processes() {
    let mut loaded = with_facts(
        made_up::empty(),
        &[
            (fact::TARGET_KIND, "system"),
            (fact::TARGET_COMMAND, "sleep 10"),
            (fact::CAPTURE_REACH, "cpu"),
            (fact::CAPTURE_CALLS, "yes"),
            (fact::CAPTURE_OOM, "yes"),
            ("label.host", "db-7"),
            ("label.run", "\x1b[1m3"),
        ],
    );
    let analysis = &mut loaded.analysis;
    for i in 1..200 {
        let pid = 4_242 + i;
        let first_seen_ns = u64::from(i) * 10_000_000;
        analysis.processes.push(Process {
            pid,
            parent: NONE,
            comm: i % 2,
            first_seen_ns,
            exit_ns: None,
            // Of some nothing is known.
            cgroups: if i > 193 {
                vec![(0, i % 3), (first_seen_ns, (i + 1) % 3)]
            } else {
                Vec::new()
            },
        });
    }
    analysis.processes[0].cgroups = vec![(0, 1)];
    analysis.cgroups = vec![
        b"/system.slice/redis\x1b.service".to_vec(),
        [b"/docker/".as_slice(), &[b'7'; 64]].concat(),
        [b"/kubepods/pod1/".as_slice(), &[b'e'; 64]].concat(),
    ];
    for i in 0..20_000_u64 {
        // The first process alone exceeds the usual alert.
        let proc = if i < 8_000 { 0 } else { u32::try_from(i % 200).unwrap() };
        let row = Row {
            time: 2_000_000_000 + i * 300_000,
            latency: Some(1_000 + i),
            class: if proc == 0 { Class::Major } else { Class::Minor },
            cause: if proc == 0 { Cause::FileRead } else { Cause::AnonFirstTouch },
            proc,
            tid: 100 + proc,
            addr: 0x100_0000 + i * 4_096,
            mapping: if proc == 0 { MODEL } else { HEAP },
            ..Row::default()
        };
        made_up::push(analysis, row);
    }
    loaded.oom = (0..7).map(victim).collect();
    set_ledger(
        &mut loaded,
        &[
            (ledger::CAPTURED_MINOR, 11_940),
            (ledger::CAPTURED_OWN_MINOR, 60),
            (ledger::CAPTURED_OWN_MAJOR, 1),
            (ledger::COUNTED_UNRECORDED_MINOR, 5),
            (ledger::MINOR_FAULTS_COUNT, 12_005),
            (ledger::CAPTURED_MAJOR, 8_060),
            (ledger::MAJOR_FAULTS_COUNT, 8_061),
            (ledger::RUSAGE_MINOR_FAULTS, 99_999),
            (ledger::RUSAGE_MAJOR_FAULTS, 99_999),
        ],
    );
    assert_goldens("summary-system", &loaded);
}

/// The first victims with all that newer kernels tell, the others with a pid.
fn victim(i: u32) -> OomRecord {
    let known = |kib| Some(kib).filter(|_| i < 2);
    OomRecord {
        time_ns: 6_234_000_000 + u64::from(i) * 1_000_000,
        pid: if i < 3 { 4_242 + i } else { 77_000 + i },
        comm: if i == 0 { b"hog\x1b[2J".to_vec() } else { Vec::new() },
        by_pid: 4_242,
        by_tid: 4_242,
        total_vm_kib: known(900_000),
        anon_rss_kib: known(62_670),
        file_rss_kib: known(0),
        shmem_rss_kib: known(4),
        pgtables_kib: known(180),
        uid: None,
        oom_score_adj: Some(-900).filter(|_| i < 2),
    }
}

#[test]
fn a_marked_recording_without_the_fast_faults() {
    let mut loaded = with_facts(
        server(),
        &[
            (fact::CAPTURE_MIN_LATENCY_NS, "1000"),
            (fact::CAPTURE_CALLS, "no"),
            (fact::CAPTURE_OOM, "no"),
            (fact::TARGET_EXIT_STATUS, "137"),
        ],
    );
    set_ledger(
        &mut loaded,
        &[
            (ledger::CAPTURED_MINOR, 6_031),
            (ledger::SKIPPED_FAST_MINOR, 5_000),
            (ledger::SKIPPED_FAST_MAJOR, 2),
            (ledger::CAPTURED_FILTERED_MINOR, 700),
            (ledger::CAPTURED_FILTERED_MAJOR, 8),
            (ledger::MINOR_FAULTS_COUNT, 6_731),
            (ledger::CAPTURED_MAJOR, 202),
            (ledger::MAJOR_FAULTS_COUNT, 210),
            (ledger::RUSAGE_MINOR_FAULTS, 6_531),
            (ledger::RUSAGE_MAJOR_FAULTS, 202),
            (ledger::DROPPED_LIVE, 3),
        ],
    );
    loaded.analysis.exactness.map_confidence = [1_200, 31, 1];
    let second = 1_000_000_000;
    for (time, name) in [(1, "load"), (2, "serve"), (6, "idle"), (3, "load"), (4, "serve")] {
        made_up::mark(&mut loaded, time * second, name);
    }
    loaded.marks.sort_by_key(|mark| mark.time_ns);
    assert_goldens("summary-phases", &loaded);
}

#[test]
fn majors_alone_without_latencies() {
    let mut loaded = with_facts(
        made_up::empty(),
        &[
            (fact::TARGET_KIND, "cgroup"),
            (fact::TARGET_CGROUP, "/sys/fs/cgroup/web"),
            (fact::TARGET_FOLLOW, "no"),
            (fact::CAPTURE_KERNEL_MODE, "no"),
            (fact::CAPTURE_MAJOR_ONLY, "yes"),
            (fact::CAPTURE_LATENCY, "no"),
            (fact::CAPTURE_USER_ONLY, "yes"),
            (fact::CAPTURE_DELAY_NS, "500000000"),
            (fact::FLIGHT_WINDOW_NS, "9000000000"),
            (fact::FLIGHT_WRITTEN_ON, "signal"),
        ],
    );
    for i in 0..12 {
        let row = Row {
            time: i * 800_000_000,
            latency: None,
            class: Class::Major,
            cause: Cause::FileRead,
            addr: 0x7f00_0000_0000 + i * 4_096,
            mapping: MODEL,
            ..Row::default()
        };
        made_up::push(&mut loaded.analysis, row);
    }
    set_ledger(
        &mut loaded,
        &[(ledger::MAJOR_FAULTS_COUNT, 4_711), (ledger::CAPTURED_NOT_MAJOR, 50)],
    );
    let exactness = &mut loaded.analysis.exactness;
    (exactness.error_code, exactness.kernel_mode, exactness.without_entry) = (false, false, 12);
    assert_goldens("summary-majors", &loaded);
}

#[test]
fn what_perf_does_not_show_is_said_only_where_both_sides_count_the_same() {
    let line = |facts: &[(&str, &str)], children: bool| {
        let base = if children { made_up::two_processes() } else { made_up::empty() };
        let mut loaded = with_facts(base, facts);
        set_ledger(
            &mut loaded,
            &[
                (ledger::CAPTURED_MINOR, 0),
                (ledger::CAPTURED_MAJOR, 0),
                (ledger::RUSAGE_MINOR_FAULTS, 20),
                (ledger::RUSAGE_MAJOR_FAULTS, 1),
            ],
        );
        let text = screen(&loaded);
        let line = text.lines().find_map(|line| line.strip_prefix("  not seen   "));
        line.and_then(|line| line.split_once(" in rusage")).map(|(counts, _)| counts.to_owned())
    };
    let kind = |kind| (fact::TARGET_KIND, kind);
    let follow = (fact::TARGET_FOLLOW, "no");
    let said = |counts: &str| Some(counts.to_owned());
    assert_eq!(line(&[kind("command")], false), said("20 minor and 1 major"));
    assert_eq!(line(&[kind("command")], true), said("at least 20 minor and 1 major"));
    assert_eq!(line(&[kind("command"), follow], true), None);
    assert_eq!(line(&[kind("processes")], false), said("20 minor and 1 major"));
    assert_eq!(line(&[kind("processes")], true), None);
    assert_eq!(line(&[kind("processes"), follow], false), said("20 minor and 1 major"));
    assert_eq!(line(&[kind("threads")], false), None);
    assert_eq!(line(&[kind("system")], false), None);
    let majors = (fact::CAPTURE_MAJOR_ONLY, "yes");
    assert_eq!(line(&[kind("command"), majors], false), said("1 major"));
    assert_eq!(line(&[kind("command"), (fact::CAPTURE_DELAY_NS, "1")], false), None);
}

#[test]
fn what_may_be_behind_the_unseen_depends_on_what_was_recorded() {
    let line = |kind, kernel_mode| {
        let mut loaded = with_facts(made_up::empty(), &[(fact::TARGET_KIND, kind)]);
        loaded.analysis.exactness.kernel_mode = kernel_mode;
        let counts = [(ledger::CAPTURED_MINOR, 24_906), (ledger::RUSAGE_MINOR_FAULTS, 24_920)];
        set_ledger(&mut loaded, &counts);
        let text = screen(&loaded);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (_, line) = text.split_once(" not seen ").unwrap();
        line.split_once(" apart ").unwrap().0.to_owned()
    };
    let such = "starting the program, MAP_POPULATE, mlock, pinned I/O, futex, process_vm_readv, \
                /proc/PID/mem";
    let shown = format!("14 minor in rusage that perf events do not show: {such}");
    assert_eq!(line("command", true), shown);
    let opening = "; or faults while the events were being opened";
    assert_eq!(line("processes", true), format!("{shown}{opening}"));
    let captured = "14 minor in rusage that were not captured: in kernel mode, or such as perf events do \
                    not show";
    assert_eq!(line("command", false), format!("{captured} ({such})"));
    assert_eq!(line("processes", false), format!("{captured} ({such}{opening})"));
}

#[test]
fn the_last_line_says_what_was_not_recorded() {
    let last = |loaded: &Loaded| screen(loaded).lines().last().unwrap().to_owned();
    let least = (fact::CAPTURE_MIN_LATENCY_NS, "1000");
    let mut loaded = with_facts(server(), &[least]);
    assert_eq!(last(&loaded), "Summary: major=unknown minor=unknown cow=unknown");
    let skipped = |minor| [(ledger::SKIPPED_FAST_MINOR, minor), (ledger::SKIPPED_FAST_MAJOR, 5)];
    set_ledger(&mut loaded, &skipped(0));
    assert_eq!(last(&loaded), "Summary: major=205 minor=1001 cow=30");
    set_ledger(&mut loaded, &skipped(4));
    assert_eq!(last(&loaded), "Summary: major=205 minor=1035 cow=unknown");
    let loaded = with_facts(made_up::empty(), &[(fact::CAPTURE_MAJOR_ONLY, "yes")]);
    assert_eq!(last(&loaded), "Summary: major=0 minor=unrecorded cow=unrecorded");
}

#[test]
fn major_faults_alone_say_who_waits_for_what() {
    let mut loaded = server();
    loaded.put(FaultTable::default());
    let exactness = &mut loaded.analysis.exactness;
    (exactness.faults, exactness.classes, exactness.map_confidence) = (0, [0; 5], [0; 3]);
    loaded.facts.extend([
        (fact::TARGET_KIND.to_owned(), "system".to_owned()),
        (fact::CAPTURE_MAJOR_ONLY.to_owned(), "yes".to_owned()),
    ]);
    let file = Row {
        class: Class::Major,
        cause: Cause::FileRead,
        mapping: MODEL,
        latency: Some(2_000_000),
        addr: 0x7f00_0000_0000,
        ..Row::default()
    };
    // The first and the last page of sixteen.
    for i in 0..6_u64 {
        let row = Row { time: i * 5_000_000, addr: file.addr + i % 2 * 15 * 4_096, ..file };
        made_up::push(&mut loaded.analysis, row);
    }
    for i in 0..600_u64 {
        let swap = Row {
            time: 40_000_000 + i * 1_000_000,
            cause: Cause::SwapIn,
            mapping: HEAP,
            proc: 1,
            latency: Some(500_000),
            addr: 0x100_0000 + i * 4_096,
            ..file
        };
        made_up::push(&mut loaded.analysis, swap);
    }
    let unknown = Row { cause: Cause::FileOrSwap, mapping: NONE, latency: None, ..file };
    made_up::push(&mut loaded.analysis, Row { time: 700_000_000, addr: 0x10_0000, ..unknown });
    let counts = [(ledger::CAPTURED_MAJOR, 607), (ledger::MAJOR_FAULTS_COUNT, 607)];
    set_ledger(&mut loaded, &counts);
    assert_goldens("summary-reads", &loaded);

    // Not where there are others.
    made_up::push(&mut loaded.analysis, Row { time: 800_000_000, ..Row::default() });
    let text = screen(&loaded);
    assert!(!text.contains("What major faults wait for") && text.contains("Regions and files"));
}
