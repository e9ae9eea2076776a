//! What is lost, and what is known of it.

use pft::record::{Frame, GapReason, GapRecord};
use pft::{FrameInfo, Trace, Writer};

use crate::forge::{Archive, archive_frame, decode_only, refusal};
use crate::samples::{Sample, faults, gaps, header};

const GAPS: u16 = 15;

#[test]
fn gaps_by_the_specification() {
    // The rows of section 4.16, field by field.
    let rows = |kind: u32, reason: u32, before: u64| {
        Archive::default()
            .u64s(&[1_000_500, before, 1, 300, 4711])
            .u32s(&[kind, reason])
            .u64s(&[0, u64::MAX, 0, u64::MAX, 0])
            .u32s(&[0, 4])
            .vec(0, 2)
            .0
    };
    let frame = |archive: &[u8]| archive_frame(GAPS, 2, archive);
    assert_eq!(rows(5, 1, 1_000_600).len(), 2 * 48 + 8);
    assert_eq!(decode_only(frame(&rows(5, 1, 1_000_600))).unwrap(), Frame::Gaps(gaps()));
    assert_eq!(refusal(frame(&rows(5, 5, 1_000_600))), "a gap has an unknown reason");
    assert_eq!(refusal(frame(&rows(1 << 16, 1, 1_000_600))), "a gap has no kind of frame");
    assert_eq!(refusal(frame(&rows(5, 1, 1_000_499))), "a gap ends before it begins");
    let other = archive_frame(GAPS, 3, &rows(5, 1, 1_000_600));
    assert_eq!(refusal(other), "the number of rows differs from the frame header");
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.gaps(&gaps()).unwrap();
    let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
    assert_eq!(trace.read(&trace.frames()[0]).unwrap(), Frame::Gaps(gaps()));
    assert_eq!((trace.frames()[0].first_ns, trace.frames()[0].last_ns), (0, 0));
}

/// The gaps of a file, with those of payloads that do not decode.
pub fn gaps_of(bytes: Vec<u8>) -> Vec<GapRecord> {
    let trace = Trace::from_bytes(bytes).unwrap();
    let unusable = trace.iter().filter_map(|(info, frame)| {
        let error = frame.err()?;
        Some((*info, GapReason::of(&error)))
    });
    trace.gaps(&unusable.collect::<Vec<_>>())
}

fn gap_of(info: &FrameInfo, bytes: u64, reason: GapReason) -> GapRecord {
    GapRecord {
        after_ns: info.first_ns,
        before_ns: info.last_ns,
        kind: info.kind as u16,
        frames: 1,
        rows: Some(info.rows),
        bytes,
        reason,
    }
}

fn cut_behind(after_ns: u64) -> GapRecord {
    GapRecord {
        after_ns,
        before_ns: u64::MAX,
        kind: 0,
        frames: 0,
        rows: None,
        bytes: 0,
        reason: GapReason::Cut,
    }
}

#[test]
fn a_flipped_byte_of_a_closed_file_costs_a_frame_of_which_all_is_known() {
    let sample = Sample::new();
    assert_eq!(gaps_of(sample.bytes.clone()), []);
    for info in &sample.infos {
        let payload = info.offset as usize + 64;
        for at in [info.offset as usize + 20, payload] {
            let mut bytes = sample.bytes.clone();
            bytes[at] ^= 1;
            let expected = gap_of(info, info.stored_bytes, GapReason::Checksum);
            assert_eq!(gaps_of(bytes), [expected], "byte {at}");
        }
    }
    // Index and trailer can be made again.
    for at in sample.index_offset..sample.bytes.len() {
        let mut bytes = sample.bytes.clone();
        bytes[at] ^= 1;
        assert_eq!(gaps_of(bytes), [], "byte {at}");
    }
}

#[test]
fn a_frame_that_was_taken_out_is_known_by_the_index() {
    let sample = Sample::new();
    for info in &sample.infos {
        let mut bytes = sample.bytes.clone();
        let start = info.offset as usize;
        bytes.drain(start..start + info.stored_bytes as usize);
        assert_eq!(gaps_of(bytes), [gap_of(info, 0, GapReason::Missing)]);
    }
}

#[test]
fn without_an_index_the_neighbours_tell() {
    let sample = Sample::new();
    let last = sample.infos.len() - 1;
    let faults: Vec<&FrameInfo> =
        sample.infos.iter().filter(|info| info.kind == pft::FrameKind::Faults).collect();
    for (n, info) in sample.infos.iter().enumerate() {
        let start = info.offset as usize;
        let end = start + info.stored_bytes as usize;
        let before = faults.iter().filter(|f| f.sequence < info.sequence);
        let after_ns = before.map(|f| f.last_ns + 1).max().unwrap_or(0);
        let missing = GapRecord {
            before_ns: 2_000_000,
            frames: 1,
            reason: GapReason::Missing,
            ..cut_behind(after_ns)
        };
        let mut gone = sample.unclosed();
        gone.drain(start..end);
        let mut header_broken = sample.unclosed();
        header_broken[start + 20] ^= 1;
        let mut payload_broken = sample.unclosed();
        payload_broken[start + 64] ^= 1;
        let broken = gap_of(info, info.stored_bytes, GapReason::Checksum);
        if n == last {
            // That the recording ended is not known without the closing checkpoint.
            assert_eq!(gaps_of(gone), [cut_behind(after_ns)]);
            let with_bytes = GapRecord { bytes: info.stored_bytes, ..cut_behind(after_ns) };
            assert_eq!(gaps_of(header_broken), [with_bytes]);
            assert_eq!(gaps_of(payload_broken), [broken, cut_behind(after_ns)]);
        } else {
            assert_eq!(gaps_of(gone), std::slice::from_ref(&missing), "frame {n}");
            let skipped = GapRecord { bytes: info.stored_bytes, ..missing };
            assert_eq!(gaps_of(header_broken), [skipped], "frame {n}");
            assert_eq!(gaps_of(payload_broken), [broken], "frame {n}");
        }
    }
}

#[test]
fn a_cut_file_lacks_what_came_behind() {
    let sample = Sample::new();
    for at in 64..sample.bytes.len() {
        let found = gaps_of(sample.bytes[..at].to_vec());
        let whole = sample.infos.iter().filter(|info| info.offset + info.stored_bytes <= at as u64);
        let torn = sample.infos.iter().find(|info| {
            info.offset + 64 <= at as u64 && (at as u64) < info.offset + info.stored_bytes
        });
        let torn = torn.map(|info| gap_of(info, at as u64 - info.offset, GapReason::Missing));
        let reached = whole.clone().filter(|info| info.kind == pft::FrameKind::Faults);
        let seen = reached.map(|info| info.last_ns + 1).max().unwrap_or(0);
        let torn_faults = torn.as_ref().filter(|gap| gap.kind == 5);
        let seen = torn_faults.map_or(seen, |gap| (gap.before_ns + 1).max(seen));
        let partial_header = match &torn {
            None => at as u64 - whole.clone().next_back().map_or(64, |i| i.offset + i.stored_bytes),
            Some(_) => 0,
        };
        let cut = GapRecord { bytes: partial_header, ..cut_behind(seen) };
        let closed = whole.count() == sample.infos.len();
        let expected: Vec<_> = torn.into_iter().chain((!closed).then_some(cut)).collect();
        assert_eq!(found, expected, "cut at {at}");
    }
}

#[test]
fn parts_that_are_missing_are_known_by_those_that_are_there() {
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.faults(&faults(3)).unwrap();
    // Some eight megabytes of text a part.
    let mut large = crate::samples::snapshot(5);
    large.vmas.iter_mut().for_each(|vma| vma.path = vec![b'x'; 5 << 20]);
    writer.snapshot(&large).unwrap();
    writer.checkpoint(&crate::samples::checkpoint()).unwrap();
    let bytes = writer.finish().unwrap();
    let whole = Trace::from_bytes(bytes.clone()).unwrap();
    let (parts, _) = whole.scan().unwrap();
    let parts: Vec<_> = parts.into_iter().filter(|frame| frame.kind == 4).collect();
    assert!(parts.len() > 2, "{}", parts.len());
    let end = whole.frames()[2].offset + whole.frames()[2].stored_bytes;
    let unclosed = &bytes[..end as usize];
    for gone in &parts {
        let mut bytes = unclosed.to_vec();
        let start = gone.offset as usize;
        bytes.drain(start..start + 64 + gone.stored_bytes as usize);
        let found = gaps_of(bytes);
        let of_snapshot = |gap: &GapRecord| {
            (gap.kind, gap.after_ns, gap.before_ns) == (4, large.start_ns, large.end_ns)
        };
        assert!(found.iter().all(of_snapshot), "{found:?}");
        let frames: u64 = found.iter().map(|gap| gap.frames).sum();
        assert_eq!(frames, parts.len() as u64);
        let missing: Vec<_> = found.iter().filter(|gap| gap.reason == GapReason::Missing).collect();
        assert_eq!((missing.len(), missing[0].rows), (1, None));
    }
}
