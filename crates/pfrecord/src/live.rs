//! One line a fault, as it happens.
//!
//! Two threads stand between the recorder and whoever reads. The first judges faults and makes lines
//! (`lines`); the second writes them (`output`). Both queues are bounded by faults: a slow reader costs
//! lines, and lines only, since the first thread never waits for the second.

mod arguments;
mod json;
mod lines;
mod output;
mod tally;
mod text;

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use clap::ValueEnum;
use pfcapture::privileges::{self, Work};
use pfcapture::{Happenings, LiveEnd, Skipped};
use pft::record::{Fact, TraceHeader};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use arguments::LiveArguments;

use lines::Lines;
use output::{Output, Shared};
use tally::Missed;

/// Faults that may wait to be judged. The model judges several hundred thousand a second, so these
/// are waiting only when it gets no CPU.
const MAX_WAITING_FAULTS: usize = 1 << 18;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `[ts] CLASS ADDR REGION LATENCY`
    Text,
    /// A JSON object a line: `schemas/live.schema.json`.
    Json,
}

/// How to show faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// How lines look.
    pub format: Format,
    /// Leave out what differs between two runs of one program: the n-th line's time is n milliseconds,
    /// there is no latency and no CPU, processes and threads are numbered as they appear, and
    /// addresses count from the start of their region.
    pub fixed_ts: bool,
}

/// What the recorder tells the thread that judges.
enum Message {
    /// What happened, and what is missing of it.
    Happened(Box<Happenings>, Missed),
    /// The recording is over, and so many faults were none of those asked for.
    Over(Skipped),
}

/// Shows faults while they are recorded.
#[derive(Debug)]
pub struct Stream {
    style: Style,
    /// Until the recording begins.
    file: Option<File>,
    messages: Option<Sender<Message>>,
    waiting: Arc<AtomicUsize>,
    /// Lines that the writing thread could not take, so far.
    dropped: Arc<AtomicU64>,
    missed: u64,
    /// Where the lines go, to be asked whether anybody reads there.
    place: Option<File>,
    writer: Option<Arc<Shared>>,
    thread: Option<JoinHandle<Output>>,
}

impl Stream {
    /// A stream on standard output.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn on_stdout(style: Style) -> io::Result<Self> {
        Ok(Self::new(style, io::stdout().as_fd().try_clone_to_owned()?.into()))
    }

    /// A stream into a new file, readable by its owner only, or into a pipe or character device that is there.
    ///
    /// # Errors
    /// It cannot be opened; [`io::ErrorKind::AlreadyExists`] for a file, unless `overwrite`.
    pub fn create(style: Style, path: &Path, overwrite: bool) -> io::Result<Self> {
        let place = || match pfcapture::open_device(path)? {
            Some(device) => Ok(device),
            None => pfcapture::create_file(path, overwrite).map_err(plain),
        };
        let file = privileges::as_user(place).map_err(io::Error::other)??;
        Ok(Self::new(style, file))
    }

    /// Faults that were taken and are not shown yet.
    #[must_use]
    pub fn waiting_faults(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn new(style: Style, file: File) -> Self {
        Self {
            style,
            file: Some(file),
            messages: None,
            waiting: Arc::default(),
            dropped: Arc::default(),
            missed: 0,
            place: None,
            writer: None,
            thread: None,
        }
    }
}

impl pfcapture::Live for Stream {
    fn begin(&mut self, header: &TraceHeader, facts: &[Fact]) -> io::Result<()> {
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        self.place = Some(file.try_clone()?);
        let output = Output::start(file, self.style.format, Arc::clone(&self.dropped))?;
        self.writer = Some(Arc::clone(output.shared()));
        let (messages, inbox) = channel();
        let (style, waiting) = (self.style, Arc::clone(&self.waiting));
        let (header, facts) = (header.clone(), facts.to_vec());
        let thread = std::thread::Builder::new().name("live".into()).spawn(move || {
            privileges::begin(Work::Other);
            show(Lines::new(style, &header, &facts, output), &inbox, &waiting)
        })?;
        (self.messages, self.thread) = (Some(messages), Some(thread));
        Ok(())
    }

    fn take(&mut self, mut happenings: Happenings) {
        let Some(messages) = &self.messages else { return };
        let room = MAX_WAITING_FAULTS.saturating_sub(self.waiting_faults());
        let missed = Missed::beyond(&mut happenings.faults, room);
        self.missed += missed.faults();
        self.waiting.fetch_add(happenings.faults.len(), Ordering::Relaxed);
        // The thread takes messages until the sender is gone.
        let _ = messages.send(Message::Happened(Box::new(happenings), missed));
    }

    fn is_over(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.is_closed())
            || self.place.as_ref().is_some_and(has_no_reader)
    }

    fn finish(self: Box<Self>, skipped: Skipped) -> LiveEnd {
        if let Some(messages) = self.messages {
            let _ = messages.send(Message::Over(skipped));
        }
        let error = match self.thread.map(JoinHandle::join) {
            Some(Ok(output)) => output.finish(),
            Some(Err(_)) => Some(io::Error::other("the thread that shows faults died")),
            None => None,
        };
        let gone = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        LiveEnd {
            dropped: self.missed + self.dropped.load(Ordering::Relaxed),
            reader_gone: error.as_ref().is_some_and(gone),
            error: error.filter(|error| !gone(error)),
        }
    }
}

/// The system's part of an error, where the place is named anyway.
fn plain(error: pfcapture::Error) -> io::Error {
    match error {
        pfcapture::Error::OutputExists { .. } => rustix::io::Errno::EXIST.into(),
        pfcapture::Error::Output { source, .. } => source,
        other => io::Error::new(io::ErrorKind::InvalidInput, other),
    }
}

/// Whether the other end of a pipe is closed, which a quiet target does not let the writing thread see.
fn has_no_reader(place: &File) -> bool {
    let mut fds = [PollFd::new(place, PollFlags::empty())];
    let closed = poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0);
    closed && fds.iter().any(|fd| fd.revents().contains(PollFlags::ERR))
}

fn show(mut lines: Lines, inbox: &Receiver<Message>, waiting: &AtomicUsize) -> Output {
    let mut skipped = Skipped::default();
    for message in inbox {
        match message {
            Message::Happened(happenings, missed) => {
                let faults = happenings.faults.len();
                lines.take(*happenings, missed);
                waiting.fetch_sub(faults, Ordering::Relaxed);
            }
            Message::Over(number) => skipped = number,
        }
    }
    lines.finish(skipped)
}
