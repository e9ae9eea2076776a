//! What is left of a damaged file makes a clean one.

use pft::record::{Fact, Frame, GapRecord};
use pft::{Damage, Limits, Recovery, Trace};
use proptest::prelude::*;

use crate::forge::{Forged, file};
use crate::gaps::gaps_of;
use crate::samples::{Sample, decoded, header};

const NEW: [u8; 16] = *b"another identity";
const LIMITS: Limits = Limits::new(u64::MAX);

/// The recovered file, and what was lost.
fn recovered(bytes: Vec<u8>) -> (Vec<u8>, Vec<GapRecord>) {
    let trace = Trace::from_reader(std::io::Cursor::new(bytes), &LIMITS).unwrap();
    let recovery = Recovery::new(&trace).unwrap();
    let mut out = Vec::new();
    let written = recovery.write(&mut out, NEW).unwrap();
    assert_eq!(written, out.len() as u64);
    (out, recovery.gaps().to_vec())
}

/// The frame that says whence the file is.
fn origin() -> Frame {
    let value = header().uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    Frame::Host(vec![Fact { key: "recovered.from".into(), value }])
}

/// Recovers a file and checks everything that holds for any file.
fn check(bytes: Vec<u8>) -> Vec<GapRecord> {
    let before = Trace::from_bytes(bytes.clone()).unwrap();
    let (mut frames, _) = decoded(&before);
    let expected = gaps_of(bytes.clone());
    let (clean, gaps) = recovered(bytes.clone());
    assert_eq!(gaps, expected);
    let trace = Trace::from_bytes(clean.clone()).unwrap();
    let unknown = |damage: &Damage| matches!(damage, Damage::UnknownFrames { .. });
    assert!(trace.damage().iter().all(unknown), "{:?}", trace.damage());
    assert_eq!(gaps_of(clean.clone()), []);
    let is_sound = clean == bytes;
    if !is_sound {
        let lost = (!gaps.is_empty()).then(|| Frame::Gaps(gaps.clone()));
        frames.splice(0..0, std::iter::once(origin()).chain(lost));
        assert_eq!(trace.header().uuid, NEW);
        assert_eq!(trace.header().start_ns, before.header().start_ns);
        assert_eq!(trace.header().start_realtime_ns, before.header().start_realtime_ns);
    }
    assert_eq!(decoded(&trace), (frames, 0));
    // A second time nothing is left to be done.
    assert_eq!(recovered(clean.clone()), (clean, Vec::new()));
    gaps
}

#[test]
fn a_sound_file_is_copied_byte_by_byte() {
    let sample = Sample::new();
    assert_eq!(recovered(sample.bytes.clone()), (sample.bytes, Vec::new()));
}

#[test]
fn a_file_that_lacks_its_index_lacks_nothing() {
    let sample = Sample::new();
    assert_eq!(check(sample.unclosed()), []);
    let (clean, _) = recovered(sample.unclosed());
    assert!(Trace::from_bytes(clean).unwrap().is_complete());
}

#[test]
fn frames_twice_or_in_another_order_cost_nothing() {
    let sample = Sample::new();
    let mut twice = sample.unclosed();
    twice.extend_from_slice(sample.frame_bytes(3));
    assert_eq!(check(twice), []);
    let start = sample.infos[4].offset as usize;
    let swapped = [sample.frame_bytes(5), sample.frame_bytes(4)].concat();
    let mut exchanged = sample.unclosed();
    exchanged[start..start + swapped.len()].copy_from_slice(&swapped);
    assert_eq!(check(exchanged), []);
    let mut appended = sample.bytes.clone();
    appended.extend_from_slice(b"rest of something");
    assert_eq!(check(appended), []);
}

#[test]
fn cuts_and_flips_all_over_the_file() {
    let sample = Sample::new();
    let mut lost = 0;
    // Each cut and flip is its own file, read eight times: a part of them is enough, another one for each.
    let cuts = (64..=sample.bytes.len()).step_by(3);
    for at in cuts.clone() {
        lost += usize::from(!check(sample.bytes[..at].to_vec()).is_empty());
    }
    // Whatever is cut before the end of the closing checkpoint costs something.
    assert_eq!(lost, cuts.filter(|at| *at < sample.index_offset).count());
    for (n, whole) in [sample.bytes.clone(), sample.unclosed()].into_iter().enumerate() {
        for at in (64 + n..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            assert_eq!(check(bytes).is_empty(), at >= sample.index_offset, "byte {at}");
        }
    }
}

#[test]
fn earlier_gaps_stay_when_more_is_lost() {
    let sample = Sample::new();
    let info = &sample.infos[7];
    let mut bytes = sample.bytes.clone();
    bytes[info.offset as usize + 70] ^= 1;
    let (clean, first) = recovered(bytes);
    assert_eq!(first.len(), 1);
    let once = Trace::from_bytes(clean.clone()).unwrap();
    let maps = once.frames().iter().find(|info| info.kind == pft::FrameKind::Maps).unwrap();
    let mut again = clean;
    again[maps.offset as usize + 70] ^= 1;
    let trace = Trace::from_bytes(again).unwrap();
    let recovery = Recovery::new(&trace).unwrap();
    assert_eq!(recovery.earlier_gaps(), first);
    assert_eq!(recovery.gaps().len(), 1);
    let mut out = Vec::new();
    recovery.write(&mut out, [3; 16]).unwrap();
    let (frames, _) = decoded(&Trace::from_bytes(out).unwrap());
    let gaps = frames.iter().filter_map(|frame| match frame {
        Frame::Gaps(gaps) => Some(gaps.clone()),
        _ => None,
    });
    assert_eq!(gaps.flatten().collect::<Vec<_>>(), [recovery.gaps(), &first].concat());
    // The last value counts: the identity of the recording itself.
    let origins = frames.iter().filter(|frame| **frame == origin());
    assert_eq!(origins.count(), 1);
    assert_eq!(frames.iter().rposition(|f| *f == origin()), Some(2));
}

#[test]
fn what_a_newer_program_wrote_is_kept_as_it_is() {
    let stored = zstd::bulk::compress(&[7; 300], 1).unwrap();
    let known = Forged::new(6, 0, 300);
    let frames = [
        Forged { kind: 63, version: 4, ..known }.frame(&stored),
        Forged { codec: 2, sequence: 1, ..known }.frame(&stored),
        Forged { kind: 63, sequence: 2, part: 0, parts: 2, ..known }.frame(&stored),
        Forged { kind: 63, sequence: 3, part: 1, parts: 2, ..known }.frame(&stored),
        // One part of two.
        Forged { kind: 62, sequence: 4, part: 1, parts: 2, ..known }.frame(&stored),
    ];
    let (clean, gaps) = recovered(file(&frames));
    assert_eq!(gaps.iter().map(|gap| gap.kind).collect::<Vec<_>>(), [62, 0]);
    let trace = Trace::from_bytes(clean.clone()).unwrap();
    let (raw, damage) = trace.scan().unwrap();
    assert_eq!(damage, []);
    let shape: Vec<_> =
        raw.iter().map(|f| (f.kind, f.version, f.codec, f.part, f.parts, f.sequence)).collect();
    let kept = [
        (1, 1, 1, 0, 1, 0),
        (15, 1, 1, 0, 1, 1),
        (63, 4, 1, 0, 1, 2),
        (6, 1, 2, 0, 1, 3),
        (63, 1, 1, 0, 2, 4),
        (63, 1, 1, 1, 2, 5),
        (32, 1, 1, 0, 1, 6),
    ];
    assert_eq!(shape, kept);
    for frame in raw.iter().filter(|frame| frame.raw_bytes == 300) {
        assert!(trace.is_intact(frame).unwrap());
        assert_eq!(&clean[frame.offset as usize + 64..][..stored.len()], stored);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_damage_leaves_a_clean_file(
        closed: bool,
        damages in prop::collection::vec((0..5, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..5),
    ) {
        let sample = Sample::new();
        let mut bytes = if closed { sample.bytes.clone() } else { sample.unclosed() };
        for (what, at, other) in damages {
            let at = 64 + at.index(bytes.len() - 64);
            let other = 64 + other.index(bytes.len() - 64);
            let (from, to) = (at.min(other), at.max(other));
            let frame = sample.frame_bytes(other % sample.infos.len()).to_vec();
            match what {
                0 => bytes.truncate(at.max(65)),
                1 => bytes[at] ^= 1 << (other % 8),
                2 => drop(bytes.drain(from..to.min(from + 900))),
                3 => drop(bytes.splice(at..at, frame)),
                _ => {
                    let piece: Vec<u8> = bytes.drain(from..to.min(from + 500)).collect();
                    bytes.extend(piece);
                }
            }
            if bytes.len() < 66 {
                bytes.extend([0; 2]);
            }
        }
        check(bytes);
    }
}
