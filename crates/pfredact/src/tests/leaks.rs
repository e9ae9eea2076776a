//! The closing check can fail.

use pft::record::Frame;
use pft::{FrameKind, Trace};

use super::trace::{
    BUILD_ID, at, decoded, frames, holds, payloads, redacted, redacted_with, trace, written,
};
use crate::fields::{each_text, text_vector};
use crate::{Error, Level, Options, Plan};

#[test]
fn one_text_that_was_forgotten_is_found() {
    for leak in [
        &b"/opt/hangar/manifest.idx"[..],
        b"load customerbase",
        b"oomedprocess",
        b"/system.slice/docker-deadbeefcafe0042.scope/balloonpod",
        b"airship::lift_ballast(int)",
        b"build7.acmecorp.example",
        b"/memfd:wirebuffer (deleted)",
        &BUILD_ID,
    ] {
        let (_, checked) = redacted_with(&trace(), &at(Level::Symbols), &|text| text == leak);
        let Err(Error::Remains(remains)) = checked else {
            panic!("{}: {checked:?}", leak.escape_ascii())
        };
        assert_eq!(remains.text, leak);
        assert!(holds(leak, &remains.word), "{remains:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_searched_too() {
    let mut all = frames();
    let Some(Frame::Faults(batch)) = all.iter_mut().find(|frame| matches!(frame, Frame::Faults(_)))
    else {
        panic!()
    };
    // An instruction pointer in a frame's dictionary is eight bytes as they are.
    batch.columns.ip[0] = u64::from_le_bytes(*b"zeppelin");
    let leaking = Trace::from_bytes(written(&all)).unwrap();
    let plan = Plan::new(&trace(), &at(Level::Symbols)).unwrap();
    let mut clean = Vec::new();
    Plan::new(&trace(), &at(Level::Symbols)).unwrap().write(&trace(), &mut clean).unwrap();
    plan.check(&Trace::from_bytes(clean).unwrap()).unwrap();
    // Only the faults of the other trace: its texts would be found first.
    let faults: Vec<Frame> =
        decoded(&leaking).into_iter().filter(|frame| matches!(frame, Frame::Faults(_))).collect();
    let Err(Error::Remains(remains)) = plan.check(&Trace::from_bytes(written(&faults)).unwrap())
    else {
        panic!()
    };
    assert_eq!((remains.word, remains.text), (b"zeppelin".to_vec(), vec![]));
}

#[test]
fn neighbours_in_a_payload_are_no_word_together() {
    let mut all = frames();
    let Frame::Snapshot(snapshot) = &mut all[2] else { panic!() };
    snapshot.vmas[0].path = b"/home/alicia/locations".to_vec();
    let Some(Frame::Symbols(symbols)) = all.iter_mut().find(|f| matches!(f, Frame::Symbols(_)))
    else {
        panic!()
    };
    symbols.retain(|symbol| symbol.module == 3);
    symbols.push(symbols[0].clone());
    symbols[0].name = b"get_location".to_vec();
    symbols[1].name = b"sqlparser".to_vec();
    let trace = Trace::from_bytes(written(&all)).unwrap();
    let (output, checked) = redacted(&trace, &at(Level::Symbols));
    assert!(holds(&payloads(&output), b"locations"));
    checked.unwrap();
}

#[test]
fn what_is_searched_as_text_is_all_that_is_skipped_in_payloads() {
    let trace = trace();
    let (raw, _) = trace.scan().unwrap();
    let mut kinds = 0;
    for (raw, mut frame) in raw.iter().zip(frames()) {
        let mut texts = Vec::new();
        each_text(&mut frame, &mut |_, text| texts.push(text.clone()));
        let payload = trace.payload(raw).unwrap();
        let kind = FrameKind::known(raw.kind, raw.version);
        let skipped = &payload[text_vector(kind, &payload)];
        assert_eq!(skipped.len(), texts.concat().len(), "{kind:?}");
        assert!(texts.iter().all(|text| text.is_empty() || holds(skipped, text)));
        kinds += usize::from(!skipped.is_empty());
    }
    assert_eq!(kinds, 10);
}

#[test]
fn a_word_that_reports_go_by_cannot_be_hidden() {
    let options = Options { hide: vec!["heap".to_owned()], ..at(Level::Symbols) };
    let (_, checked) = redacted(&trace(), &options);
    let error = checked.unwrap_err().to_string();
    assert_eq!(
        error,
        "`heap` would still be in the output (mapping or module in Snapshot frame 2 `[heap]`), where \
         reports go by it"
    );
}

#[test]
fn words_that_are_public_too_are_said() {
    let mut all = frames();
    let Frame::Snapshot(snapshot) = &mut all[2] else { panic!() };
    snapshot.vmas[0].path = b"/home/alicia/gnu/redact/heap".to_vec();
    let trace = Trace::from_bytes(written(&all)).unwrap();
    let (_, checked) = redacted(&trace, &at(Level::Symbols));
    checked.unwrap();
    let plan = Plan::new(&trace, &at(Level::Symbols)).unwrap();
    let said = &plan.summary().public_too;
    for word in ["gnu", "redact", "heap"] {
        assert!(said.contains(&word.as_bytes().to_vec()), "{word}: {said:?}");
    }
    assert!(!said.contains(&b"alicia".to_vec()));
}

#[test]
fn a_damaged_trace_is_refused() {
    let mut bytes = written(&frames());
    bytes.truncate(bytes.len() - 1);
    let trace = Trace::from_bytes(bytes.clone()).unwrap();
    assert!(matches!(Plan::new(&trace, &at(Level::Names)), Err(Error::Damaged { .. })));
    let mut bytes = written(&frames());
    bytes[64 + 64 + 20] ^= 1;
    let trace = Trace::from_bytes(bytes).unwrap();
    assert!(matches!(Plan::new(&trace, &at(Level::Names)), Err(Error::Damaged { .. })));
}

#[test]
fn every_kind_of_frame_that_can_be_decoded_is_redacted() {
    let known = (0..=64).filter(|&kind| FrameKind::known(kind, 1).is_some());
    // The index is written anew. A kind that joins this list needs a place in `fields`, `numbers` and
    // `write`; until then it is left out, and that is said.
    assert_eq!(known.collect::<Vec<u16>>(), (1..=16).chain([32]).collect::<Vec<u16>>());
}
