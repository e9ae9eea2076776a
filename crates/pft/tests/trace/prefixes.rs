//! Any prefix of a trace is a trace, and says where it was cut.

use pft::{Damage, Error, Trace};

use crate::samples::{Sample, decoded};

#[test]
fn every_prefix_gives_the_whole_frames_and_says_what_is_missing() {
    let sample = Sample::new();
    let end = |n: usize| (sample.infos[n].offset + sample.infos[n].stored_bytes) as usize;
    for len in 64..sample.bytes.len() {
        let trace = Trace::from_bytes(sample.bytes[..len].to_vec()).unwrap();
        assert!(!trace.is_complete(), "{len}");
        let whole = (0..sample.frames.len()).take_while(|&n| end(n) <= len).count();
        assert_eq!(decoded(&trace), (sample.frames[..whole].to_vec(), 0), "{len}");

        let mut expected = vec![Damage::NoIndex];
        let index_end = sample.bytes.len() - pft::TRAILER_BYTES;
        let at = match whole {
            0 => 64,
            _ => end(whole - 1),
        };
        let frame_bytes = match sample.infos.get(whole) {
            Some(info) => info.stored_bytes,
            None => (index_end - sample.index_offset) as u64,
        };
        if len > at && len < index_end {
            let found_bytes = (len - at) as u64;
            expected.push(Damage::Truncated {
                offset: at as u64,
                found_bytes,
                frame_bytes: (found_bytes >= 64).then_some(frame_bytes),
            });
        }
        assert_eq!(trace.damage(), expected, "{len}");
    }
}

#[test]
fn a_prefix_within_the_file_header_is_an_error() {
    let sample = Sample::new();
    for len in 0..64 {
        assert!(matches!(
            Trace::from_bytes(sample.bytes[..len].to_vec()),
            Err(Error::HeaderTruncated { found }) if found == len as u64
        ));
    }
}
