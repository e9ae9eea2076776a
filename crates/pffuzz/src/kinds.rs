//! Every kind of frame that holds records. A kind that is not in [`KINDS`] fails a test.

mod code;
mod moments;
mod records;

use arbitrary::Result;
use pft::record::Frame;
use pft::{EncodedFrame, Encoder, FrameKind};

use crate::random::Source;

/// What the targets need to know of a kind of frame.
pub struct Kind {
    /// Which one.
    pub kind: FrameKind,
    /// How many bytes before the end of its archive the number of its rows lies (`schemas/pft.md`).
    pub rows_from_end: usize,
    /// Encodes a frame of this kind; `None` for others.
    pub encode: fn(&mut Encoder, &Frame) -> Option<pft::Result<Vec<EncodedFrame>>>,
    /// Makes a frame out of bytes, as encoders take it and decoders give it back.
    pub(crate) random: fn(&mut Source<'_>) -> Result<Frame>,
}

/// `$encode` for the records of `Frame::$kind`.
macro_rules! kind {
    ($kind:ident, $rows_from_end:literal, $encode:ident, $random:path) => {
        Kind {
            kind: FrameKind::$kind,
            rows_from_end: $rows_from_end,
            encode: |encoder, frame| match frame {
                Frame::$kind(records) => Some(encoder.$encode(records)),
                _ => None,
            },
            random: |source| $random(source).map(Frame::$kind),
        }
    };
}

/// All kinds that hold records. The index, which holds none, has a target of its own.
pub const KINDS: &[Kind] = &[
    kind!(Host, 12, encode_host, records::facts),
    kind!(Tasks, 12, encode_tasks, records::tasks),
    kind!(Maps, 12, encode_maps, records::maps),
    kind!(Snapshot, 12, encode_snapshot, records::snapshot),
    kind!(Faults, 36, encode_faults, records::faults),
    kind!(Lost, 4, encode_lost, records::losses),
    kind!(Checkpoint, 12, encode_checkpoint, records::checkpoint),
    kind!(CallChains, 12, encode_call_chains, code::call_chains),
    kind!(Modules, 28, encode_modules, code::modules),
    kind!(Symbols, 12, encode_symbols, code::symbols),
    kind!(Oom, 12, encode_oom, moments::victims),
    kind!(Marks, 12, encode_marks, moments::marks),
    kind!(Calls, 4, encode_calls, moments::calls),
    kind!(StackPointers, 4, encode_stack_pointers, code::stack_pointers),
    kind!(Gaps, 4, encode_gaps, moments::gaps),
    kind!(Cgroups, 12, encode_cgroups, moments::cgroups),
];

/// Encodes a frame of any kind.
///
/// # Panics
/// If [`KINDS`] lacks its kind.
pub fn encode(encoder: &mut Encoder, frame: &Frame) -> pft::Result<Vec<EncodedFrame>> {
    let encoded = KINDS.iter().find_map(|kind| (kind.encode)(encoder, frame));
    encoded.unwrap_or_else(|| panic!("a kind of frame is missing in KINDS: {frame:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::{samples, trace::memory_bytes};

    /// A new kind of frame is to be fuzzed, too: add it to [`KINDS`].
    #[test]
    fn no_kind_is_missing() {
        let known = (0..=u16::MAX).filter_map(|kind| FrameKind::known(kind, 1));
        let known: Vec<_> = known.filter(|&kind| kind != FrameKind::Index).collect();
        let mut listed: Vec<_> = KINDS.iter().map(|kind| kind.kind).collect();
        listed.sort();
        assert_eq!(listed, known);
    }

    /// All targets start from each kind, and its memory is held against what is stated.
    #[test]
    fn each_kind_has_a_sample_whose_memory_is_counted() {
        let samples = samples::frames();
        assert_eq!(samples.len(), KINDS.len());
        for frame in samples {
            assert_ne!(memory_bytes(&frame), 0, "{frame:?}");
        }
    }
}
