//! What a newer version of the format added is told and is no finding.

use std::path::Path;

use pft::verify::verify;
use pft::{Damage, FrameKind, Trace};

use super::sound::with;
use super::taken_apart::{TakenApart, with_header_bits};
use super::{report, told};

#[test]
fn a_trace_of_a_newer_version_loads_with_notes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let trace = Trace::open(folder.join("v1.9-newer.pft")).unwrap();
    assert_eq!((trace.minor_version(), trace.body().start), (9, 96));
    let unknown = |kind, version, count| Damage::UnknownFrames { kind, version, count };
    let skipped =
        [unknown(12, 9, 1), unknown(200, 1, 2), unknown(201, 1, 2), unknown(65_535, 1, 1)];
    assert_eq!(trace.damage(), skipped);
    assert!(trace.is_complete());
    let kinds: Vec<FrameKind> = trace.frames().iter().map(|frame| frame.kind).collect();
    let today = [
        FrameKind::Host,
        FrameKind::Tasks,
        FrameKind::Snapshot,
        FrameKind::Maps,
        FrameKind::CallChains,
        FrameKind::Faults,
        FrameKind::Marks,
        FrameKind::Checkpoint,
    ];
    assert_eq!(kinds, today);
    assert!(trace.iter().all(|(_, frame)| frame.is_ok()));

    let report = verify(&trace, 5).unwrap();
    assert_eq!(told(&report), [""; 0]);
    assert_eq!((report.frames, report.counts.faults, report.is_whole), (15, 3, true));
    let version = "the format is version 1.9, newer than 1.0, which this program knows: what was added \
                   since is not checked";
    let skipped = skipped.map(|damage| damage.to_string());
    let notes: Vec<&str> =
        std::iter::once(version).chain(skipped.iter().map(String::as_str)).collect();
    assert_eq!(report.notes, notes);
}

#[test]
fn reserved_fields_of_headers_may_be_used_by_newer_versions() {
    let mut apart = TakenApart::of(&with(|_| ()));
    apart.trailer_flips.push((24, 1));
    let used = with_header_bits(apart.closed(), 0, 56, 1);
    let used = with_header_bits(used, 64, 18, 1);
    assert_eq!(told(&report(used.clone())).len(), 3);
    let newer = with_header_bits(used, 0, 10, 1);
    assert_eq!(told(&report(newer)), [""; 0]);
}
