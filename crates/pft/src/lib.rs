#![doc = include_str!("../README.md")]
//!
//! ## The way through the crate
//!
//! A trace is a plain header followed by checksummed, compressed frames. [`record`] holds what the
//! frames say, in plain Rust; `schemas/pft.md` in the repository is the byte-level specification.
//!
//! [`Writer`] streams a trace to any `Write`; an [`Encoder`] makes frames apart from writing them.
//! [`Trace`] lists the frames of a file, whole or damaged; [`decode`] turns the bytes of one frame into
//! records and needs nothing else, so callers may decode on all cores. [`verify`] checks a file against
//! every rule of the specification; [`Recovery`] makes a clean trace of a damaged one.

mod archive;
mod columns;
mod compression;
mod decoder;
mod encoder;
mod error;
mod frame;
pub mod keys;
mod layout;
mod reader;
pub mod record;
mod recover;
pub mod text;
pub mod verify;
mod writer;

pub use decoder::decode;
pub use encoder::{EncodedFrame, Encoder};
pub use error::{Error, Result};
pub use frame::{
    FRAME_HEADER_BYTES, FrameKind, MAX_FAULT_ROWS, MAX_RAW_BYTES, MAX_ROWS, MAX_STORED_BYTES,
    SYNC_MARKER,
};
pub use layout::{FILE_HEADER_BYTES, MAJOR_VERSION, MINOR_VERSION, TRAILER_BYTES};
pub use reader::{Damage, FrameInfo, Limits, RawFrame, Trace};
pub use recover::Recovery;
pub use writer::Writer;
