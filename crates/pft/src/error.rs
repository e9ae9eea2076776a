//! What can go wrong with a trace.

use std::io;
use std::path::PathBuf;

use crate::frame::FrameKind;
use crate::text::printable_path;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a trace could not be written, opened or decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened.
    #[error("cannot open {}", printable_path(path))]
    Open {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read the trace at byte {offset}")]
    Read {
        /// Where in the file.
        offset: u64,
        /// Cause.
        source: io::Error,
    },
    /// The file is not any more what it was a moment ago.
    #[error("the trace has changed while it was read, at byte {offset}")]
    Changed {
        /// Where in the file.
        offset: u64,
    },
    /// Writing failed now or earlier; the writer takes nothing more.
    #[error("cannot write the trace beyond byte {offset}")]
    Write {
        /// Bytes that had been written.
        offset: u64,
        /// Cause.
        source: io::Error,
    },
    /// The trace has been closed; nothing can be added behind its index.
    #[error("the trace is already closed")]
    Closed,
    /// The file does not begin like a trace.
    #[error("not a pft trace")]
    NotATrace,
    /// The file ends inside its header.
    #[error("the trace ends after {found} bytes, inside its header")]
    HeaderTruncated {
        /// Length of the file, bytes.
        found: u64,
    },
    /// The checksum of the file header is wrong: neither clock nor checksums can be trusted.
    #[error("the header of the trace is damaged")]
    HeaderDamaged,
    /// A field of the file header holds a value that the format forbids.
    #[error("the header of the trace has an invalid {field}: {value}")]
    HeaderField {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A later format.
    #[error(
        "the trace has format version {found}, this program reads version {supported}; \
         use a newer one"
    )]
    UnsupportedMajor {
        /// Major version of the file.
        found: u16,
        /// Major version of this crate.
        supported: u16,
    },
    /// The bytes of a frame are not those that were written.
    #[error("{kind} frame {sequence} at byte {offset}: wrong {part} checksum")]
    FrameChecksum {
        /// Where the frame begins in the file.
        offset: u64,
        /// Its kind.
        kind: FrameKind,
        /// Its sequence number.
        sequence: u64,
        /// `header` or `payload`.
        part: &'static str,
    },
    /// A frame is as it was written but breaks a rule of the format.
    #[error("{kind} frame {sequence} at byte {offset}: {what}")]
    FrameInvalid {
        /// Where the frame begins in the file.
        offset: u64,
        /// Its kind.
        kind: FrameKind,
        /// Its sequence number.
        sequence: u64,
        /// The rule that it breaks.
        what: &'static str,
    },
    /// The payload of a frame of some kind cannot be decompressed.
    #[error("frame {sequence} at byte {offset}: {what}")]
    Payload {
        /// Where the frame begins in the file.
        offset: u64,
        /// Its sequence number.
        sequence: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Columns of one batch differ in length.
    #[error("fault columns differ in length: {expected} times, {found} values of {column}")]
    ColumnLengths {
        /// Column.
        column: &'static str,
        /// Number of times.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// A record that readers would refuse.
    #[error("a record of {kind} cannot be written: {what}")]
    RecordInvalid {
        /// Kind of frame that would hold it.
        kind: FrameKind,
        /// The rule that it breaks.
        what: &'static str,
    },
    /// Records that do not fit into a frame and cannot be split.
    #[error("{kind} records of {bytes} bytes do not fit into a frame")]
    TooLarge {
        /// Kind of frame.
        kind: FrameKind,
        /// Size, bytes.
        bytes: usize,
    },
    /// A compression level that zstd does not have.
    #[error("compression level {level} is not in 1..=22")]
    Level {
        /// The level asked for.
        level: i32,
    },
    /// The compressor failed.
    #[error("cannot compress a {kind} frame")]
    Compress {
        /// Kind of frame.
        kind: FrameKind,
        /// Cause.
        source: io::Error,
    },
    /// The archive of a frame could not be built.
    #[error("cannot archive a {kind} frame")]
    Archive {
        /// Kind of frame.
        kind: FrameKind,
        /// Cause.
        source: rkyv::rancor::BoxedError,
    },
}
