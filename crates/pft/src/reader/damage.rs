//! What a reader found wrong with a file, in words.

use std::fmt;

use crate::frame::FrameKind;

/// One finding about the structure of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// No valid trailer at the end of the file.
    NoIndex,
    /// The trailer is there, but what it leads to is not an index of this file.
    IndexUnusable {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file ends inside a frame.
    Truncated {
        /// Where the frame begins, bytes.
        offset: u64,
        /// Bytes of it that are there.
        found_bytes: u64,
        /// Its whole length, if its header is there.
        frame_bytes: Option<u64>,
    },
    /// Bytes that belong to no frame.
    Skipped {
        /// Where they begin.
        offset: u64,
        /// How many.
        bytes: u64,
    },
    /// A frame is shorter than its header says: the next one begins inside it.
    BrokenFrame {
        /// Where it begins, bytes.
        offset: u64,
        /// Its sequence number.
        sequence: u64,
        /// Where the next one begins.
        next_offset: u64,
    },
    /// Sequence numbers that no frame has.
    MissingFrames {
        /// First of them.
        first_sequence: u64,
        /// How many.
        count: u64,
    },
    /// A frame with a sequence number that an earlier one has; left out.
    Repeated {
        /// Where it begins, bytes.
        offset: u64,
        /// Its sequence number.
        sequence: u64,
    },
    /// A frame that lies behind one with a higher sequence number; sorted in.
    OutOfOrder {
        /// Where it begins, bytes.
        offset: u64,
        /// Its sequence number.
        sequence: u64,
    },
    /// A record in several frames of which not all are there; left out.
    IncompleteParts {
        /// What it would have held.
        kind: FrameKind,
        /// Sequence number of the first part that is there.
        sequence: u64,
        /// Parts that are there.
        found: u16,
        /// Parts that it had.
        parts: u16,
    },
    /// Frames of a kind or version that this program does not know.
    UnknownFrames {
        /// Number of the kind.
        kind: u16,
        /// Version of its layout.
        version: u16,
        /// How many.
        count: u64,
    },
    /// Frames left out because all together would take too much memory.
    OverBudget {
        /// How many.
        frames: u64,
        /// Limit on the decoded size, bytes.
        limit_bytes: u64,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIndex => f.write_str(
                "the index at the end is missing: the recording was not closed, or the file was cut",
            ),
            Self::IndexUnusable { what } => write!(f, "the index at the end is unusable: {what}"),
            Self::Truncated {
                offset,
                found_bytes,
                frame_bytes: Some(frame_bytes),
            } => write!(
                f,
                "the file ends inside a frame: at byte {offset}, {found_bytes} of {frame_bytes} bytes \
                 are there"
            ),
            Self::Truncated {
                offset,
                found_bytes,
                frame_bytes: None,
            } => write!(
                f,
                "the file ends inside a frame header: at byte {offset}, {found_bytes} bytes are there"
            ),
            Self::Skipped { offset, bytes } => {
                write!(f, "{bytes} bytes at byte {offset} are no frame and were skipped")
            }
            Self::BrokenFrame {
                offset,
                sequence,
                next_offset,
            } => write!(
                f,
                "frame {sequence} at byte {offset} is broken: the next frame begins inside it, at \
                 byte {next_offset}"
            ),
            Self::MissingFrames {
                first_sequence,
                count: 1,
            } => write!(f, "frame {first_sequence} is missing"),
            Self::MissingFrames {
                first_sequence,
                count,
            } => write!(f, "{count} frames from {first_sequence} on are missing"),
            Self::Repeated { offset, sequence } => {
                write!(f, "frame {sequence} occurs again at byte {offset} and was left out")
            }
            Self::OutOfOrder { offset, sequence } => {
                write!(f, "frame {sequence} at byte {offset} is not in its place")
            }
            Self::IncompleteParts {
                kind,
                sequence,
                found,
                parts,
            } => write!(
                f,
                "{kind} frame {sequence} is incomplete and was left out: {found} of {parts} parts are \
                 there"
            ),
            Self::UnknownFrames {
                kind,
                version,
                count,
            } => write!(
                f,
                "{count} frames of unknown kind {kind} version {version}, written by a newer program, \
                 were skipped"
            ),
            Self::OverBudget {
                frames,
                limit_bytes,
            } => write!(
                f,
                "{frames} frames were left out: decoded, they would exceed the limit of \
                 {limit_bytes} bytes"
            ),
        }
    }
}
