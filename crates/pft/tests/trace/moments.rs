//! Oom kills, marks and calls: laid out as the specification says, refused where they break a rule.

use pft::record::{CallRecord, Frame, MarkRecord, OomRecord, Snapshot, SnapshotReason};
use pft::{Encoder, Trace, Writer};
use proptest::prelude::*;

use crate::forge::{Archive, Forged, archive_frame, decode_only, refusal};
use crate::samples::{calls, decoded, header, marks, oom, snapshot};

const SNAPSHOT: u16 = 4;
const OOM: u16 = 11;
const MARKS: u16 = 12;
const CALLS: u16 = 13;

const DISORDER: &str = "the rows are not in order of time";
const OUTSIDE: &str = "a time lies outside the range in the frame header";

/// An Oom archive of the sample's two victims by section 4.8, with their names in `text`.
fn oom_archive(times: [u64; 2], name_offset: u32, text: &[u8]) -> Vec<u8> {
    let known = Archive::default()
        .u64s(&[times[0], 4_000_000, u64::MAX - 1, 0, 64, 8_000])
        .u32s(&[300, 100, 101, 0, 0xffff_fc18, name_offset, 10, 0xdead]);
    assert_eq!(known.0.len(), 80);
    let both = known
        .u64s(&[times[1]])
        .u64s(&[u64::MAX; 5])
        .u32s(&[300, 100, 101, u32::MAX, 0x8000_0000, 10, 0, 0])
        .bytes(text);
    let padding = vec![0; both.0.len().next_multiple_of(4) - both.0.len()];
    both.bytes(&padding).vec(0, 2).vec(160, text.len() as u32).0
}

#[test]
fn victims_by_the_specification() {
    let text = b"eater, \"\xff\"";
    let times = [1_000_700, 1_000_701];
    let frame = |times, offset, text| archive_frame(OOM, 2, &oom_archive(times, offset, text));
    assert_eq!(decode_only(frame(times, 0, text)).unwrap(), Frame::Oom(oom()));
    assert_eq!(refusal(frame([5, 4], 0, text)), DISORDER);
    assert_eq!(refusal(frame(times, 1, text)), "a string is not behind the one before");
    assert_eq!(refusal(frame(times, 0, &text[..9])), "a string reaches behind the text");
    assert_eq!(
        refusal(frame(times, 0, b"eater, \"\xff\"!")),
        "the text is longer than its strings"
    );
}

/// A Marks archive by section 4.9: rows of time, offset and length.
fn marks_archive(rows: &[(u64, u32, u32)], text: &[u8]) -> Vec<u8> {
    let mut archive = Archive::default();
    for &(time_ns, offset, bytes) in rows {
        archive = archive.u64s(&[time_ns]).u32s(&[offset, bytes]);
    }
    let padding = vec![0; text.len().next_multiple_of(4) - text.len()];
    let archive = archive.bytes(text).bytes(&padding);
    archive.vec(0, rows.len() as u32).vec(16 * rows.len(), text.len() as u32).0
}

#[test]
fn marks_by_the_specification() {
    let text = b"warm upline\nbreak\\ \xc3";
    let rows = [(1_000_800, 0, 7), (1_000_800, 7, 0), (1_000_900, 7, 13)];
    let frame = |rows, text| archive_frame(MARKS, 3, &marks_archive(rows, text));
    assert_eq!(decode_only(frame(&rows, text)).unwrap(), Frame::Marks(marks()));
    assert_eq!(refusal(frame(&[(9, 0, 7), (8, 7, 0), (9, 7, 13)], text)), DISORDER);
    assert_eq!(
        refusal(frame(&[(1, 0, 7), (2, 0, 7), (3, 7, 13)], text)),
        "a string is not behind the one before"
    );
    assert_eq!(
        refusal(frame(&[(1, 0, 7), (2, 7, 0), (3, 7, u32::MAX)], text)),
        "a string reaches behind the text"
    );
    assert_eq!(
        refusal(frame(&[(1, 0, 7), (2, 7, 0), (3, 7, 12)], text)),
        "the text is longer than its strings"
    );
}

/// A Calls archive by section 4.10: rows of entry, exit and kind; the rest is that of the sample's
/// first call.
fn calls_archive(rows: &[(u64, u64, u32)]) -> Vec<u8> {
    let mut archive = Archive::default();
    for &(time_ns, end_ns, kind) in rows {
        archive = archive
            .u64s(&[time_ns, end_ns, 0x7f00_0000_0000, 0x2000, 0, (-22i64).cast_unsigned()])
            .u32s(&[kind, 100, 101, 0]);
    }
    assert_eq!(archive.0.len(), 64 * rows.len());
    archive.vec(0, rows.len() as u32).0
}

#[test]
fn calls_by_the_specification() {
    let munmap = calls()[0].clone();
    let archive = calls_archive(&[(1_001_000, 1_001_900, 0)]);
    assert_eq!(
        decode_only(archive_frame(CALLS, 1, &archive)).unwrap(),
        Frame::Calls(vec![munmap.clone()])
    );

    // Every field has a value of its own.
    let archive =
        Archive::default().u64s(&[7, u64::MAX, 8, 9, 10, 11]).u32s(&[1, 12, 13, 14]).vec(0, 1).0;
    let Frame::Calls(found) = decode_only(archive_frame(CALLS, 1, &archive)).unwrap() else {
        panic!("not a Calls frame");
    };
    let expected = CallRecord {
        time_ns: 7,
        end_ns: u64::MAX,
        addr: 8,
        len_bytes: 9,
        new_len_bytes: 10,
        result: 11,
        kind: pft::record::CallKind::Mremap,
        pid: 12,
        tid: 13,
        argument: 14,
    };
    assert_eq!(found, [expected]);

    let refused = |rows: &[(u64, u64, u32)]| {
        refusal(archive_frame(CALLS, rows.len() as u32, &calls_archive(rows)))
    };
    assert_eq!(refused(&[(1, 2, 3)]), "a call has an unknown kind");
    assert_eq!(refused(&[(2, 3, 0), (1, 3, 0)]), DISORDER);
}

#[test]
fn times_outside_the_frame_header_are_refused() {
    let frame = |kind, rows, archive: &[u8], first_ns, last_ns| {
        let stored = zstd::bulk::compress(archive, 1).unwrap();
        let forged = Forged::new(kind, rows, archive.len());
        Forged { first_ns, last_ns, ..forged }.frame(&stored)
    };
    let victims = oom_archive([10, 20], 0, b"eater, \"\xff\"");
    let marks = marks_archive(&[(10, 0, 0), (20, 0, 0)], b"");
    let calls = calls_archive(&[(11, 20, 0), (12, 10, 0), (13, u64::MAX, 0)]);
    for (kind, rows, archive) in [(OOM, 2, victims), (MARKS, 2, marks), (CALLS, 3, calls)] {
        assert!(decode_only(frame(kind, rows, &archive, 10, 20)).is_ok());
        assert_eq!(refusal(frame(kind, rows, &archive, 11, 20)), OUTSIDE);
        assert_eq!(refusal(frame(kind, rows, &archive, 10, 19)), OUTSIDE);
        assert_eq!(
            refusal(frame(kind, rows + 1, &archive, 10, 20)),
            "the number of rows differs from the frame header"
        );
    }
}

#[test]
fn lengths_that_the_archive_cannot_hold_are_refused() {
    let calls = Archive::default().vec(0, u32::MAX).0;
    let texts = Archive::default().vec(0, 0).vec(0, u32::MAX).0;
    for (kind, archive) in [(CALLS, &calls), (OOM, &texts), (MARKS, &texts)] {
        assert_eq!(refusal(archive_frame(kind, 1 << 20, archive)), "the archive is invalid");
    }
}

#[test]
fn rows_are_stored_in_order_of_time() {
    let reversed = |mut calls: Vec<CallRecord>| {
        calls.reverse();
        calls
    };
    let mut victims = oom();
    victims.reverse();
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.oom(&victims).unwrap();
    // Those of one time keep their order.
    let [warm_up, empty, last] = <[MarkRecord; 3]>::try_from(marks()).unwrap();
    writer.marks(&[last.clone(), empty.clone(), warm_up.clone()]).unwrap();
    writer.calls(&reversed(calls())).unwrap();
    let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
    let expected =
        vec![Frame::Oom(oom()), Frame::Marks(vec![empty, warm_up, last]), Frame::Calls(calls())];
    assert_eq!(decoded(&trace), (expected, 0));
}

#[test]
fn empty_lists_are_no_frames_and_long_ones_several() {
    let mut encoder = Encoder::new(&header(), 1).unwrap();
    assert_eq!(encoder.encode_oom(&[]).unwrap(), []);
    assert_eq!(encoder.encode_marks(&[]).unwrap(), []);
    assert_eq!(encoder.encode_calls(&[]).unwrap(), []);
    let call = calls()[0].clone();
    let many: Vec<_> =
        (0..100_000).map(|n| CallRecord { time_ns: n, end_ns: n + 5, ..call.clone() }).collect();
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.calls(&many).unwrap();
    let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
    let shapes: Vec<_> =
        trace.frames().iter().map(|f| (f.parts, f.rows, f.first_ns, f.last_ns)).collect();
    assert_eq!(shapes, [(1, 87_381, 0, 87_385), (1, 12_619, 87_381, 100_004)]);
    let (frames, 0) = decoded(&trace) else {
        panic!("a frame does not decode");
    };
    let found: Vec<_> = frames
        .into_iter()
        .flat_map(|frame| match frame {
            Frame::Calls(calls) => calls,
            _ => panic!("not a Calls frame"),
        })
        .collect();
    assert_eq!(found, many);
}

#[test]
fn a_query_is_a_snapshot_like_others_for_the_file() {
    for vmas in [0, 1] {
        let query = Snapshot { reason: SnapshotReason::Query, ..snapshot(vmas) };
        let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
        writer.snapshot(&query).unwrap();
        let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
        assert_eq!(decoded(&trace), (vec![Frame::Snapshot(query)], 0));
    }
    let unknown = Archive::default().u64s(&[1, 2]).u32s(&[100, 7]).vec(0, 0).vec(0, 0).0;
    assert_eq!(refusal(archive_frame(SNAPSHOT, 0, &unknown)), "a snapshot has an unknown reason");
}

prop_compose! {
    fn victim()(
        (time_ns, pid, by_pid, by_tid) in any::<(u64, u32, u32, u32)>(),
        comm in prop::collection::vec(any::<u8>(), 0..20),
        kib in prop::collection::vec(prop::option::of(0..u64::MAX), 5),
        uid in prop::option::of(0..u32::MAX),
        oom_score_adj in prop::option::of(i32::MIN + 1..=i32::MAX),
    ) -> OomRecord {
        OomRecord {
            time_ns, pid, comm, by_pid, by_tid,
            total_vm_kib: kib[0],
            anon_rss_kib: kib[1],
            file_rss_kib: kib[2],
            shmem_rss_kib: kib[3],
            pgtables_kib: kib[4],
            uid, oom_score_adj,
        }
    }
}

prop_compose! {
    fn any_call()(
        (time_ns, end_ns, addr, len_bytes, new_len_bytes) in any::<(u64, u64, u64, u64, u64)>(),
        (pid, tid, argument, result) in any::<(u32, u32, u32, i64)>(),
        ended in any::<bool>(),
        kind in 0..3usize,
    ) -> CallRecord {
        let end_ns = if ended { end_ns } else { u64::MAX };
        let kind = calls()[kind].kind;
        CallRecord {
            time_ns, end_ns, pid, tid, kind, addr, len_bytes, new_len_bytes, argument, result,
        }
    }
}

proptest! {
    #[test]
    fn any_records(
        mut victims in prop::collection::vec(victim(), 1..20),
        mut marks in prop::collection::vec(
            (any::<u64>(), prop::collection::vec(any::<u8>(), 0..20)),
            1..20,
        ),
        mut calls in prop::collection::vec(any_call(), 1..20),
    ) {
        victims.sort_by_key(|victim| victim.time_ns);
        marks.sort_by_key(|(time_ns, _)| *time_ns);
        calls.sort_by_key(|call| call.time_ns);
        let mark = |(time_ns, name)| MarkRecord { time_ns, name };
        let marks: Vec<_> = marks.into_iter().map(mark).collect();
        let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
        writer.oom(&victims).unwrap();
        writer.marks(&marks).unwrap();
        writer.calls(&calls).unwrap();
        let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
        let expected = vec![Frame::Oom(victims), Frame::Marks(marks), Frame::Calls(calls)];
        prop_assert_eq!(decoded(&trace), (expected, 0));
    }
}
