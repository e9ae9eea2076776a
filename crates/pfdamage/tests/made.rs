//! All hostile files can be made, and open: the harm is in what they hold.

use std::path::Path;

use pfdamage::{GOLDEN, all_kinds, busy, golden, hostile};
use pft::Trace;
use pft::record::Frame;

#[test]
fn hostile_files_open_as_traces() {
    for rows in [300, 3_000] {
        for file in hostile(rows) {
            let bytes = file.bytes();
            assert!(bytes.len() < 16 << 20, "{}: {}", file.name, bytes.len());
            assert!(Trace::from_bytes(bytes).is_ok(), "{}", file.name);
        }
    }
}

#[test]
fn sound_traces_are_sound() {
    for bytes in [all_kinds(), busy(3_000)] {
        let trace = Trace::from_bytes(bytes).expect("a trace");
        assert!(trace.is_complete() && trace.iter().all(|(_, frame)| frame.is_ok()));
    }
}

/// What a trace holds; how it is compressed may change with the version of zstd.
fn content(bytes: Vec<u8>) -> (Trace, Vec<Frame>) {
    let trace = Trace::from_bytes(bytes).expect("a trace");
    let frames = trace.iter().map(|(_, frame)| frame.expect("a sound frame")).collect();
    (trace, frames)
}

#[test]
fn golden_traces_are_those_that_are_kept() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    for name in GOLDEN.into_iter().filter(|&name| name != "small") {
        let kept = std::fs::read(testdata.join(format!("{name}.pft")));
        let (kept, kept_frames) = content(kept.expect("the golden trace is in testdata"));
        let (made, made_frames) = content(golden(name).expect("a trace"));
        assert_eq!(made.header(), kept.header(), "{name}");
        assert_eq!(made.minor_version(), kept.minor_version(), "{name}");
        assert_eq!(made.damage(), kept.damage(), "{name}");
        assert_eq!(made_frames, kept_frames, "{name}");
    }
    assert!(golden("v0.9").is_err());
}
