use pfcapture::{Happenings, Live as _, Skipped};
use pfrecord::live::{Stream, Style};
use pft::keys::fact;
use pft::record::{Fact, LATENCY_UNKNOWN, Snapshot, SnapshotReason, TaskKind, Vma, flags};

use crate::feed::*;

#[test]
fn a_line_of_text_a_fault() {
    let expected = "\
[   0.000003424] minor  0x0000000000601018 [heap]+0x1018                        1.42 µs
[   0.001500000] mark   load\\x07
[   0.012346678] major  0x0000000000502468 da\\x1bta \\xff+0x3468                 12.3 ms
[  20.000000812] cow    0x0000000000601020 [heap]+0x1020                         812 ns
[  20.000003000] minor  0x00007fff12345678 [unknown]                            2.00 µs
[  20.000003000] failed 0x0000000000000010 [unknown]                                  -
[  30.000000000] oom    killed 43 (hog)
[  40.000001000] minor  0x0000000000400010 app+0x1010                           1.00 µs
Summary: major=1 minor=3 cow=1
";
    assert_eq!(shown(TEXT, &privileged(), sample()), expected);
}

#[test]
fn with_fixed_times_nothing_differs_between_runs() {
    let fixed = Style { fixed_ts: true, ..TEXT };
    let expected = "\
[   0.001000000] minor             +0x1018 [heap]                                     -
[   0.002000000] mark   load\\x07
[   0.003000000] major             +0x3468 da\\x1bta \\xff                              -
[   0.004000000] cow               +0x1020 [heap]                                     -
[   0.005000000] minor                   - [unknown]                                  -
[   0.006000000] failed                  - [unknown]                                  -
[   0.007000000] oom    killed 3 (hog)
[   0.008000000] minor             +0x1010 app                                        -
Summary: major=1 minor=3 cow=1
";
    assert_eq!(shown(fixed, &privileged(), sample()), expected);
    // Another run: later, slower, elsewhere, with other numbers.
    let mut other = sample();
    for happenings in &mut other {
        happenings
            .tasks
            .iter_mut()
            .for_each(|task| (task.pid, task.tid) = (task.pid * 7, task.tid * 7));
        for map in &mut happenings.maps {
            (map.pid, map.tid) = (map.pid * 7, map.tid * 7);
            (map.start, map.end) = (map.start + (1 << 32), map.end + (1 << 32));
        }
        happenings.oom.iter_mut().for_each(|oom| (oom.pid, oom.by_pid, oom.by_tid) = (9, 77, 78));
        for fault in &mut happenings.faults {
            let row = &mut fault.row;
            (row.pid, row.tid) = (row.pid * 7, row.tid * 7);
            (row.addr, row.ip) = (row.addr + (1 << 32), row.ip + (1 << 32));
            if row.latency_ns != LATENCY_UNKNOWN {
                row.latency_ns += 100;
            }
            (fault.settled_ns, fault.cpu) = (fault.settled_ns + 200, 0);
        }
    }
    for style in [fixed, Style { fixed_ts: true, ..JSON }] {
        assert_eq!(
            shown(style, &privileged(), sample()),
            shown(style, &privileged(), other.clone())
        );
    }
}

/// When a snapshot comes in differs from run to run; the first one of a running process is there before
/// anything else.
#[test]
fn with_fixed_times_later_snapshots_say_nothing() {
    let line = Vma {
        start: 0x7000_0000,
        end: 0x7000_2000,
        prot: 3,
        shared: false,
        file_offset: 0,
        dev_major: 0,
        dev_minor: 0,
        inode: 0,
        path: b"[anon:shown]".to_vec(),
    };
    let snapshot = |reason| Snapshot {
        pid: 41,
        start_ns: START_NS + 10,
        end_ns: START_NS + 20,
        reason,
        vmas: vec![line.clone()],
    };
    let region = |kind, reason, fixed_ts| {
        let happenings = Happenings {
            tasks: vec![task(0, kind, 41, b"app")],
            snapshots: vec![snapshot(reason)],
            faults: vec![fault(100, 10, 41, 0x7000_0000, 0x6)],
            ..Happenings::default()
        };
        let text = shown(Style { fixed_ts, ..TEXT }, &privileged(), vec![happenings]);
        text.contains("[anon:shown]")
    };
    use SnapshotReason::{Periodic, Start};
    assert!(region(TaskKind::Present, Start, true));
    assert!(region(TaskKind::Exec, Start, false));
    assert!(region(TaskKind::Exec, Periodic, false));
    assert!(!region(TaskKind::Exec, Start, true));
    assert!(!region(TaskKind::Present, Periodic, true));
}

#[test]
fn calls_count_between_the_faults() {
    let heap = (0x60_0000, 0x70_0000);
    let happenings = Happenings {
        tasks: vec![task(0, TaskKind::Exec, 41, b"app")],
        maps: vec![map(1, 41, heap, 3, b"[heap]")],
        calls: vec![munmap(1_500, 500, 41, heap)],
        faults: vec![
            fault(1_000, 900, 41, heap.0, 0x6),
            fault(2_100, 100, 41, heap.0, 0x6),
            fault(2_300, 100, 41, heap.0, 0x6),
        ],
        ..Happenings::default()
    };
    let text = shown(TEXT, &privileged(), vec![happenings]);
    let regions: Vec<_> =
        text.lines().map(|line| line.split_whitespace().nth(4).unwrap_or_default()).collect();
    assert_eq!(regions, ["[heap]+0x0", "[unknown]", "[unknown]", ""], "{text}");
}

#[test]
fn a_json_object_a_fault() {
    let text = shown(JSON, &privileged(), sample());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 9);
    let major = r#"{"type":"fault","time_ns":1000,"end_ns":12346678,"latency_ns":12345678,"class":"major","cause":"file-read","access":"read","mode":"user","pid":41,"tid":41,"comm":"app \"x\"\\\\\\x0a","cpu":1,"addr":"0x502468","region":"da\\x1bta \\xff","path":"/srv/da\\x1bta \\xff","file_offset":13416,"ip":"0x400010","module":"app","attempts":1}"#;
    assert_eq!(lines[2], major);
    let failed = r#"{"type":"fault","time_ns":20000002000,"end_ns":20000002900,"latency_ns":null,"class":"failed","cause":"invalid","access":"write","mode":"user","pid":41,"tid":41,"comm":"app \"x\"\\\\\\x0a","cpu":1,"addr":"0x10","region":"[unknown]","path":null,"file_offset":null,"ip":"0x400010","module":"app","attempts":1}"#;
    assert_eq!(lines[5], failed);
    assert_eq!(lines[1], r#"{"type":"mark","time_ns":1500000,"name":"load\\x07"}"#);
    let oom = r#"{"type":"oom","time_ns":30000000000,"pid":43,"comm":"hog","by_pid":7,"by_tid":8,"total_vm_kib":100,"anon_rss_kib":null,"file_rss_kib":null,"shmem_rss_kib":null,"pgtables_kib":null,"uid":1000,"oom_score_adj":-5}"#;
    assert_eq!(lines[6], oom);
    let summary =
        r#"{"type":"summary","major":1,"minor":3,"cow":1,"failed":1,"in_flight":1,"unresolved":0}"#;
    assert_eq!(lines[8], summary);
}

#[test]
fn without_error_codes_cow_is_unknown() {
    let mut all = sample();
    for fault in all.iter_mut().flat_map(|happenings| &mut happenings.faults) {
        fault.row.flags &= !flags::ERROR_CODE_VALID;
    }
    let text = shown(TEXT, &[], all);
    assert_eq!(text.lines().last(), Some("Summary: major=1 minor=4 cow=unknown"));
}

#[test]
fn what_was_left_out_on_request_is_not_claimed_to_be_none() {
    let last = |style, more: &[(&str, &str)]| {
        let more = more.iter().map(|&(key, value)| Fact { key: key.into(), value: value.into() });
        let facts: Vec<Fact> = privileged().into_iter().chain(more).collect();
        shown(style, &facts, Vec::new()).trim_end().to_owned()
    };
    let major_only = [(fact::CAPTURE_MAJOR_ONLY, "yes")];
    assert_eq!(last(TEXT, &major_only), "Summary: major=0 minor=unrecorded cow=unrecorded");
    let unknown = r#"{"type":"summary","major":0,"minor":null,"cow":null,"failed":null,"in_flight":null,"unresolved":null}"#;
    assert_eq!(last(JSON, &major_only), unknown);
    let completions = r#"{"type":"summary","major":0,"minor":0,"cow":0,"failed":null,"in_flight":null,"unresolved":null}"#;
    assert_eq!(last(JSON, &[(fact::CAPTURE_LATENCY, "no")]), completions);
}

#[test]
fn a_kernel_address_has_no_module_of_the_process() {
    let mut all = sample();
    let fault = &mut all[0].faults[0];
    fault.row.flags |= flags::KERNEL_MODE;
    fault.row.ip = u64::MAX - 0xff;
    let text = shown(JSON, &privileged(), all.clone());
    assert!(text.contains(r#""mode":"kernel""#), "{text}");
    assert!(text.contains(r#""ip":"0xffffffffffffff00","module":"[kernel]""#), "{text}");
    let fixed = shown(Style { fixed_ts: true, ..JSON }, &privileged(), all);
    assert!(fixed.contains(r#""ip":null,"module":"[kernel]""#), "{fixed}");
}

#[test]
fn lines_do_not_depend_on_how_happenings_are_cut() {
    let whole = sample();
    let joined = whole.iter().cloned().fold(Happenings::default(), |mut all, next| {
        all.tasks.extend(next.tasks);
        all.maps.extend(next.maps);
        all.marks.extend(next.marks);
        all.oom.extend(next.oom);
        all.faults.extend(next.faults);
        all
    });
    let all = shown(TEXT, &privileged(), whole);
    assert_eq!(shown(TEXT, &privileged(), vec![joined]), all);
}

#[test]
fn a_file_is_not_replaced_unasked_and_is_its_owners() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    shown_in(&path, TEXT, &[], Vec::new());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "Summary: major=0 minor=0 cow=unknown\n");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let error = Stream::create(TEXT, &path, false).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
}

#[test]
fn a_full_disk_ends_the_lines_with_an_error() {
    let end = shown_in("/dev/full".as_ref(), TEXT, &[], sample());
    assert_eq!(end.error.map(|error| error.kind()), Some(std::io::ErrorKind::StorageFull));
}

#[test]
fn a_reader_that_has_gone_is_noticed_without_a_fault_and_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    // Opened for writing too: the stream then need not wait for it.
    let reader = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let mut stream = Box::new(Stream::create(TEXT, &path, false).unwrap());
    stream.begin(&header(), &[]).unwrap();
    assert!(!stream.is_over());
    drop(reader);
    assert!(stream.is_over());
    let end = stream.finish(Skipped::default());
    assert!(end.reader_gone && end.error.is_none(), "{end:?}");
}

#[test]
fn a_file_is_never_without_reader() {
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Box::new(Stream::create(TEXT, &folder.path().join("lines"), false).unwrap());
    stream.begin(&header(), &[]).unwrap();
    assert!(!stream.is_over());
    let end = stream.finish(Skipped::default());
    assert!(!end.reader_gone && end.error.is_none(), "{end:?}");
}

#[test]
fn a_recording_that_never_began_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let stream = Stream::create(TEXT, &folder.path().join("lines"), false).unwrap();
    let end = Box::new(stream).finish(Skipped::default());
    assert!(end.dropped == 0 && end.error.is_none());
}
