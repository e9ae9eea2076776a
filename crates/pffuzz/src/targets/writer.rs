//! Records of all kinds: written, cut anywhere, and read.

use pft::record::Frame;
use pft::{Encoder, Trace, Writer};

use super::samples::noise;
use crate::forge::HEADER;
use crate::kinds::{KINDS, encode};
use crate::random::Source;

/// Records made from the bytes are what comes back from the file. Of a file that is cut anywhere, the frames
/// before the cut come back, and it is never said to be whole.
pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let cut = source.number().unwrap_or(0) as usize;
    let mut encoder = Encoder::new(&HEADER, 1).expect("a valid header");
    let mut writer = Writer::create(Vec::new(), &HEADER, 1).expect("a valid header");
    let mut written: Vec<(u64, Frame)> = Vec::new();
    while !source.is_empty() && written.len() < 8 {
        let Ok(frame) = source.choose_kind().and_then(|kind| (kind.random)(&mut source)) else {
            break;
        };
        let encoded = encode(&mut encoder, &frame).expect("records as encoders take them");
        writer.write_frames(&encoded).expect("memory can be written");
        if !encoded.is_empty() {
            written.push((writer.whole_bytes(), frame));
        }
    }
    let file = writer.finish().expect("memory can be written");

    let whole = Trace::from_bytes(file.clone()).expect("a trace");
    assert!(whole.is_complete(), "{:?}", whole.damage());
    check(&whole, written.iter().map(|(_, frame)| frame));

    let cut = cut % file.len();
    let Ok(part) = Trace::from_bytes(file[..cut].to_vec()) else { return };
    assert!(!part.is_complete());
    let before = written.iter().filter(|(end, _)| *end <= cut as u64);
    check(&part, before.map(|(_, frame)| frame));
}

fn check<'a>(trace: &Trace, expected: impl Iterator<Item = &'a Frame>) {
    let found: Vec<Frame> = trace.iter().map(|(_, frame)| frame.expect("a whole frame")).collect();
    assert!(found.iter().eq(expected), "another content: {found:?}");
}

impl Source<'_> {
    /// A kind of frame.
    pub(super) fn choose_kind(&mut self) -> arbitrary::Result<&'static crate::kinds::Kind> {
        let kind = self.below(KINDS.len())?;
        KINDS.get(kind).ok_or(arbitrary::Error::IncorrectFormat)
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    (0..8).map(|seed| noise(seed, 1200)).collect()
}
