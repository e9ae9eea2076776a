//! A trace written as it is recorded: to a file, or to standard output.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;

use pft::record::TraceHeader;
use pft::{EncodedFrame, Encoder, FrameKind, Writer};

use super::encode::encode;
use super::own_file::Disturbed;
use super::{Closed, Item, Sink};
use crate::Error;

/// What a trace is written to.
pub trait Medium: Write {
    /// How many of the `written_bytes` are there.
    fn left(&self, written_bytes: u64) -> u64;

    /// Removes what lies behind `whole_bytes`: a part of a frame would only be reported as damage. What is
    /// written next follows there.
    ///
    /// # Errors
    /// What the system refuses; a stream cannot be cut.
    fn cut(&mut self, whole_bytes: u64) -> io::Result<()>;

    /// What is written from now on is the end of the trace, for which room was kept.
    fn begin_end(&mut self);

    /// Sees to it that all of it stays.
    ///
    /// # Errors
    /// What the system refuses.
    fn settle(&mut self) -> io::Result<()>;

    /// Its name in errors.
    fn place(&self) -> Place;

    /// Where it is now, if it is elsewhere than where it was created.
    fn moved(&self) -> Option<PathBuf>;
}

/// What a medium is called.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// What a medium holds after a failure: a valid trace.
#[derive(Debug, Clone, Copy)]
struct Left {
    bytes: u64,
    faults: u64,
    /// It ends with the ledger, which counts what is missing.
    closed: bool,
}

impl Place {
    /// The error of writing the header; a file without one is removed.
    fn not_begun(self, source: pft::Error) -> Error {
        match self {
            Self::File(path) => {
                // What is left otherwise is no trace either.
                let _ = std::fs::remove_file(&path);
                Error::NotBegun { path, source }
            }
            Self::Stdout => self.error(Left { bytes: 0, faults: 0, closed: false }, source),
        }
    }

    /// The error of writing, behind a valid trace.
    fn error(self, Left { bytes, faults, closed }: Left, source: pft::Error) -> Error {
        let gone = |source: &pft::Error| {
            let pft::Error::Write { source, .. } = source else { return false };
            source.kind() == io::ErrorKind::BrokenPipe
        };
        match self {
            Self::File(path) if Disturbed::of(&source) == Some(Disturbed::Removed) => {
                Error::Removed { path }
            }
            Self::File(path) => Error::Write { path, bytes, faults, closed, source },
            Self::Stdout if gone(&source) => Error::ReaderGone { bytes },
            Self::Stdout => Error::Stream { bytes, source },
        }
    }
}

/// Standard output, unbuffered: a pipe, a socket, or a file that a shell opened.
#[derive(Debug)]
pub struct StandardOutput(File);

impl StandardOutput {
    /// Refuses a terminal.
    ///
    /// # Errors
    /// [`Error::OutputIsTerminal`].
    pub fn check() -> Result<(), Error> {
        if io::stdout().is_terminal() { Err(Error::OutputIsTerminal) } else { Ok(()) }
    }

    /// Standard output by a descriptor of its own: that of the standard library looks for lines.
    ///
    /// # Errors
    /// [`Error::OutputIsTerminal`]; what the system refuses.
    pub fn open() -> Result<Self, Error> {
        Self::check()?;
        let fd = io::stdout().as_fd().try_clone_to_owned();
        Ok(Self(fd.map_err(Error::system("copy standard output"))?.into()))
    }
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Medium for StandardOutput {
    fn left(&self, written_bytes: u64) -> u64 {
        written_bytes
    }

    fn cut(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn begin_end(&mut self) {}

    fn settle(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn place(&self) -> Place {
        Place::Stdout
    }

    fn moved(&self) -> Option<PathBuf> {
        None
    }
}

/// A trace under way.
#[derive(Debug)]
pub struct Stream<M> {
    encoder: Encoder,
    writer: Writer<M>,
    max_bytes: u64,
    /// Faults that were to be written.
    taken: u64,
}

impl<M: Medium> Stream<M> {
    /// Writes the header. The trace is full at `max_bytes`.
    ///
    /// # Errors
    /// What the medium makes of a failure.
    pub fn create(
        medium: M,
        header: &TraceHeader,
        level: i32,
        max_bytes: Option<u64>,
    ) -> Result<Self, Error> {
        let place = medium.place();
        let (encoder, writer) = Encoder::new(header, level)
            .and_then(|encoder| Ok((encoder, Writer::create(medium, header, level)?)))
            .map_err(|source| place.not_begun(source))?;
        Ok(Self { encoder, writer, max_bytes: max_bytes.unwrap_or(u64::MAX), taken: 0 })
    }

    /// Writes frames.
    ///
    /// # Errors
    /// As [`Sink::take`].
    pub fn write_frames(&mut self, frames: &[EncodedFrame]) -> pft::Result<()> {
        self.writer.write_frames(frames)
    }
}

impl<M: Medium> Stream<M> {
    /// What of the trace is there and whole.
    fn whole_bytes(&self) -> u64 {
        let left_bytes = self.writer.inner().left(self.writer.bytes_written());
        self.writer.whole_bytes().min(self.writer.whole_bytes_within(left_bytes))
    }

    /// Cuts off a broken frame and ends the trace behind the last whole one, with `last`: where a large
    /// frame found no room, small ones may.
    fn close_early(&mut self, last: &mut [Item]) -> io::Result<()> {
        let whole_bytes = self.whole_bytes();
        self.writer.inner_mut().cut(whole_bytes)?;
        self.writer.inner_mut().begin_end();
        self.writer.rewind(whole_bytes).map_err(io::Error::other)?;
        let written = last.iter_mut().try_for_each(|item| self.take(item));
        written.and_then(|()| self.writer.close()).map_err(io::Error::other)?;
        self.writer.inner_mut().settle()
    }
}

impl<M: Medium> Sink for Stream<M> {
    fn take(&mut self, item: &mut Item) -> pft::Result<()> {
        if let Item::Faults(_, batch) = &item {
            self.taken += batch.rows.len() as u64;
        }
        if matches!(item, Item::Checkpoint(checkpoint) if checkpoint.end) {
            self.writer.inner_mut().begin_end();
        }
        let frames = encode(&mut self.encoder, item)?;
        self.writer.write_frames(&frames)
    }

    fn is_full(&self) -> bool {
        self.writer.bytes_written() >= self.max_bytes
    }

    fn wants_segment(&self) -> bool {
        false
    }

    fn missing(&self) -> u64 {
        let left_bytes = self.writer.inner().left(self.writer.bytes_written());
        self.taken.saturating_sub(self.writer.rows_within(FrameKind::Faults, left_bytes))
    }

    fn close(mut self) -> Result<Closed, Error> {
        self.writer.inner_mut().begin_end();
        if let Err(source) = self.writer.close() {
            return Err(self.abandon(source, &mut []));
        }
        let bytes = self.writer.whole_bytes();
        let mut medium = self.writer.into_inner();
        match (medium.settle(), medium.place()) {
            (Ok(()), _) => Ok(Closed { bytes, moved: medium.moved() }),
            (Err(source), Place::File(path)) => Err(Error::NotSettled { path, bytes, source }),
            (Err(source), Place::Stdout) => {
                Err(Error::Stream { bytes, source: pft::Error::Write { offset: bytes, source } })
            }
        }
    }

    fn abandon(mut self, failure: pft::Error, last: &mut [Item]) -> Error {
        let closed = !last.is_empty() && self.close_early(last).is_ok();
        let bytes = if closed { self.writer.whole_bytes() } else { self.whole_bytes() };
        if !closed {
            // Readers know where to stop without it.
            let _ = self.writer.inner_mut().cut(bytes);
        }
        let faults = self.writer.rows_within(FrameKind::Faults, bytes);
        self.writer.inner().place().error(Left { bytes, faults, closed }, failure)
    }
}
