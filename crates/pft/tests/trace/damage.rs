//! Every change of a file is reported, and costs no more than the frames that it touches.

use pft::{Damage, Trace};

use crate::samples::{Sample, decoded};

/// Opens and decodes; `None` if the file does not open.
fn outcome(bytes: Vec<u8>) -> Option<(Trace, Vec<pft::record::Frame>, usize)> {
    let trace = Trace::from_bytes(bytes).ok()?;
    let (frames, errors) = decoded(&trace);
    Some((trace, frames, errors))
}

#[test]
fn every_flipped_bit_is_reported_and_costs_one_frame() {
    let sample = Sample::new();
    for whole in [sample.bytes.clone(), sample.unclosed()] {
        let closed = whole.len() == sample.bytes.len();
        for bit in 0..whole.len() * 8 {
            if !closed && bit % 8 != bit / 8 % 8 {
                continue; // one bit of each byte is enough the second time
            }
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let at = (bit / 8) as u64;
            let hit = sample
                .infos
                .iter()
                .position(|info| (info.offset..info.offset + info.stored_bytes).contains(&at));
            let Some((trace, frames, errors)) = outcome(bytes) else {
                assert!(at < 64, "bit {bit}");
                continue;
            };
            let beyond_no_index = trace.damage().iter().any(|d| *d != Damage::NoIndex);
            let closed = whole.len() == sample.bytes.len();
            assert!(errors > 0 || beyond_no_index || (closed && !trace.is_complete()), "bit {bit}");
            let mut expected = sample.frames.clone();
            if let Some(hit) = hit {
                expected.remove(hit);
            }
            assert_eq!(frames, expected, "bit {bit}");
        }
    }
}

#[test]
fn a_removed_frame_is_missing() {
    let sample = Sample::new();
    for whole in [sample.bytes.clone(), sample.unclosed()] {
        for (n, info) in sample.infos.iter().enumerate() {
            let mut bytes = whole.clone();
            let start = info.offset as usize;
            bytes.drain(start..start + info.stored_bytes as usize);
            let (trace, frames, errors) = outcome(bytes).unwrap();
            let mut expected = sample.frames.clone();
            expected.remove(n);
            assert_eq!((frames, errors), (expected, 0));
            assert!(!trace.is_complete());
            let missing = Damage::MissingFrames { first_sequence: n as u64, count: 1 };
            // Without an index nothing tells that there was a last frame.
            let last_unclosed = n + 1 == sample.infos.len() && whole.len() == sample.index_offset;
            assert_eq!(trace.damage().contains(&missing), !last_unclosed, "frame {n}");
        }
    }
}

#[test]
fn a_repeated_frame_is_delivered_once() {
    let sample = Sample::new();
    for whole in [sample.bytes.clone(), sample.unclosed()] {
        for (n, info) in sample.infos.iter().enumerate() {
            let again = sample.frame_bytes(n).to_vec();
            for at in [info.offset + info.stored_bytes, whole.len() as u64] {
                let mut bytes = whole.clone();
                bytes.splice(at as usize..at as usize, again.clone());
                let (trace, frames, errors) = outcome(bytes).unwrap();
                assert_eq!((frames, errors), (sample.frames.clone(), 0));
                assert!(
                    trace.damage().contains(&Damage::Repeated { offset: at, sequence: n as u64 })
                );
            }
        }
    }
}

#[test]
fn exchanged_frames_are_reported_and_sorted() {
    let sample = Sample::new();
    for whole in [sample.bytes.clone(), sample.unclosed()] {
        for n in 0..sample.infos.len() - 1 {
            let start = sample.infos[n].offset as usize;
            let swapped = [sample.frame_bytes(n + 1), sample.frame_bytes(n)].concat();
            let mut bytes = whole.clone();
            bytes[start..start + swapped.len()].copy_from_slice(&swapped);
            let (trace, frames, errors) = outcome(bytes).unwrap();
            let reported = trace
                .damage()
                .iter()
                .any(|d| matches!(d, Damage::OutOfOrder { sequence, .. } if *sequence == n as u64));
            if reported {
                assert_eq!((frames, errors), (sample.frames.clone(), 0));
            } else {
                // The index still says where the frames were.
                let mut expected = sample.frames.clone();
                expected.drain(n..n + 2);
                assert_eq!((frames, errors), (expected, 2));
            }
        }
    }
}

#[test]
fn bytes_taken_out_of_or_put_into_a_payload_cost_that_frame_only() {
    let sample = Sample::new();
    for whole in [sample.bytes.clone(), sample.unclosed()] {
        for (n, info) in sample.infos.iter().enumerate() {
            let inside = info.offset as usize + 70;
            let mut expected = sample.frames.clone();
            expected.remove(n);

            let mut shorter = whole.clone();
            shorter.drain(inside..inside + 3);
            let (trace, frames, _) = outcome(shorter).unwrap();
            assert_eq!(frames, expected, "frame {n}");
            assert!(trace.damage().iter().any(|damage| match damage {
                Damage::BrokenFrame { sequence, .. } => *sequence == n as u64,
                Damage::Truncated { offset, .. } => *offset == info.offset,
                _ => false,
            }));

            let mut longer = whole.clone();
            longer.splice(inside..inside, [0; 5]);
            let (trace, frames, errors) = outcome(longer).unwrap();
            assert_eq!((frames, errors), (expected, 1), "frame {n}");
            assert!(
                trace.damage().contains(&Damage::Skipped {
                    offset: info.offset + info.stored_bytes,
                    bytes: 5
                })
            );
        }
    }
}

#[test]
fn bytes_behind_the_end_are_reported() {
    let sample = Sample::new();
    let mut bytes = sample.bytes.clone();
    bytes.extend_from_slice(b"\nappended");
    let (trace, frames, errors) = outcome(bytes).unwrap();
    assert_eq!((frames, errors), (sample.frames.clone(), 0));
    assert_eq!(
        trace.damage(),
        [Damage::NoIndex, Damage::Skipped { offset: sample.bytes.len() as u64, bytes: 9 }]
    );
}

#[test]
fn a_frame_of_another_trace_is_no_frame() {
    let sample = Sample::new();
    let other = pft::record::TraceHeader { uuid: [9; 16], ..crate::samples::header() };
    let mut writer = pft::Writer::create(Vec::new(), &other, 1).unwrap();
    writer.host(&crate::samples::host()).unwrap();
    let foreign = writer.into_inner()[64..].to_vec();
    let mut bytes = sample.unclosed();
    let at = sample.infos[3].offset as usize;
    bytes.splice(at..at, foreign.clone());
    let (trace, frames, errors) = outcome(bytes).unwrap();
    assert_eq!((frames, errors), (sample.frames.clone(), 0));
    assert_eq!(
        trace.damage(),
        [Damage::NoIndex, Damage::Skipped { offset: at as u64, bytes: foreign.len() as u64 }]
    );
}

#[test]
fn findings_read_as_sentences() {
    let sample = Sample::new();
    let mut bytes = sample.bytes[..sample.bytes.len() - 200].to_vec();
    let (start, len) = (sample.infos[2].offset as usize, sample.infos[2].stored_bytes);
    bytes.drain(start..start + len as usize);
    let trace = Trace::from_bytes(bytes).unwrap();
    let text: Vec<_> = trace.damage().iter().map(ToString::to_string).collect();
    assert_eq!(
        text[0],
        "the index at the end is missing: the recording was not closed, or the file was cut"
    );
    assert!(text[1].starts_with("the file ends inside a frame: at byte "), "{}", text[1]);
    assert_eq!(text[2], "frame 2 is missing");
    assert_eq!(text.len(), 3);
}
