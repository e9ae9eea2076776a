//! Lines on their way out: a bounded queue and the thread that writes.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use pfcapture::privileges::{self, Work};

use super::{Format, json, text};

/// Lines of faults that may wait to be written: several megabytes.
const MAX_WAITING_LINES: u64 = 1 << 16;

/// A chunk goes out when it has this size, or when there is nothing more to say for now.
const CHUNK_BYTES: usize = 1 << 15;

/// What a pipe takes in one piece (`PIPE_BUF`): lines of several writers do not mix then.
const PIECE_BYTES: usize = 4096;

/// A reader that has taken nothing for this long at the end is not waited for.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Whole lines, and how many of them are faults.
type Chunk = (String, u64);

/// The end into which lines go.
#[derive(Debug)]
pub struct Output {
    format: Format,
    max_waiting: u64,
    end_patience: Duration,
    /// Lines of faults that wait for the rest of their chunk.
    chunk: String,
    lines: u64,
    /// Lines that are missing here, and not yet said to be.
    missing: u64,
    chunks: Option<Sender<Chunk>>,
    /// Written chunks, to be filled again.
    spare: Receiver<String>,
    shared: Arc<Shared>,
    dropped: Arc<AtomicU64>,
    /// How writing ended.
    end: Receiver<Option<io::Error>>,
}

/// What the writing thread tells of itself.
#[derive(Debug, Default)]
pub struct Shared {
    waiting_lines: AtomicU64,
    written_bytes: AtomicU64,
    /// Nothing more can be written.
    closed: AtomicBool,
}

impl Shared {
    /// Whether nothing more can be written.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// The end out of which they come.
#[derive(Debug)]
struct Writer {
    inbox: Receiver<Chunk>,
    emptied: Sender<String>,
    shared: Arc<Shared>,
    end: Sender<Option<io::Error>>,
}

impl Output {
    /// Starts the thread that writes. What it is too slow for is counted in `dropped`.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn start(file: File, format: Format, dropped: Arc<AtomicU64>) -> io::Result<Self> {
        let (output, writer) = Self::new(format, MAX_WAITING_LINES, dropped);
        std::thread::Builder::new().name("live writer".into()).spawn(move || {
            privileges::begin(Work::Other);
            writer.run(file);
        })?;
        Ok(output)
    }

    fn new(format: Format, max_waiting: u64, dropped: Arc<AtomicU64>) -> (Self, Writer) {
        let (chunks, inbox) = channel();
        let (emptied, spare) = channel();
        let (ended, end) = channel();
        let shared = Arc::new(Shared::default());
        let writer = Writer { inbox, emptied, shared: Arc::clone(&shared), end: ended };
        let output = Self {
            format,
            max_waiting,
            end_patience: END_PATIENCE,
            chunk: String::new(),
            lines: 0,
            missing: 0,
            chunks: Some(chunks),
            spare,
            shared,
            dropped,
            end,
        };
        (output, writer)
    }

    /// What the writing thread tells of itself.
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Adds the line of a fault, which `push` writes.
    pub fn fault(&mut self, push: impl FnOnce(&mut String)) {
        push(&mut self.chunk);
        self.lines += 1;
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush();
        }
    }

    /// Adds a line that is never dropped.
    pub fn note(&mut self, push: impl FnOnce(&mut String)) {
        self.flush();
        self.tell_missing();
        push(&mut self.chunk);
        self.send();
    }

    /// Says that lines of faults are missing here.
    pub fn miss(&mut self, lines: u64) {
        self.flush();
        self.missing += lines;
    }

    /// Lets the lines go out, or drops them when too many wait.
    pub fn flush(&mut self) {
        if self.lines == 0 {
            return;
        }
        let waiting = self.shared.waiting_lines.load(Ordering::Relaxed);
        if waiting + self.lines > self.max_waiting {
            self.missing += self.lines;
            self.dropped.fetch_add(self.lines, Ordering::Relaxed);
            self.chunk.clear();
            self.lines = 0;
            return;
        }
        let (faults, lines) = (std::mem::take(&mut self.chunk), std::mem::take(&mut self.lines));
        self.tell_missing();
        (self.chunk, self.lines) = (faults, lines);
        self.send();
    }

    fn tell_missing(&mut self) {
        if self.missing > 0 {
            match self.format {
                Format::Text => text::push_dropped(&mut self.chunk, self.missing),
                Format::Json => json::push_dropped(&mut self.chunk, self.missing),
            }
            self.missing = 0;
            self.send();
        }
    }

    fn send(&mut self) {
        let chunk = std::mem::replace(&mut self.chunk, self.spare.try_recv().unwrap_or_default());
        let lines = std::mem::take(&mut self.lines);
        self.shared.waiting_lines.fetch_add(lines, Ordering::Relaxed);
        if let Some(chunks) = &self.chunks {
            // The thread takes chunks until the sender is gone.
            let _ = chunks.send((chunk, lines));
        }
    }

    /// Waits until all is written, as long as that makes progress. Returns why writing failed, if it did.
    pub fn finish(mut self) -> Option<io::Error> {
        self.flush();
        self.tell_missing();
        self.chunks = None;
        let mut written = self.shared.written_bytes.load(Ordering::Relaxed);
        loop {
            match self.end.recv_timeout(self.end_patience) {
                Ok(error) => return error,
                Err(RecvTimeoutError::Disconnected) => {
                    return Some(io::Error::other("the thread that writes lines died"));
                }
                Err(RecvTimeoutError::Timeout) => {
                    let before = written;
                    written = self.shared.written_bytes.load(Ordering::Relaxed);
                    if written == before {
                        let waiting = self.shared.waiting_lines.load(Ordering::Relaxed);
                        self.dropped.fetch_add(waiting, Ordering::Relaxed);
                        return None;
                    }
                }
            }
        }
    }
}

impl Writer {
    fn run(self, mut file: File) {
        let mut result = Ok(());
        for chunk in &self.inbox {
            self.write(chunk, &mut file, &mut result);
        }
        // Nobody waits any more for a reader that was too slow.
        let _ = self.end.send(result.err());
    }

    /// Writes a chunk, unless writing has failed before.
    fn write(&self, (mut chunk, lines): Chunk, file: &mut File, result: &mut io::Result<()>) {
        let mut waiting = lines;
        if result.is_ok() {
            let in_one = file.metadata().is_ok_and(|meta| meta.is_file());
            let piece_bytes = if in_one { usize::MAX } else { PIECE_BYTES };
            *result = pieces(&chunk, piece_bytes).try_for_each(|piece| {
                file.write_all(piece.as_bytes())?;
                // A chunk is all faults or none.
                let written = piece.bytes().filter(|&byte| byte == b'\n').count() as u64;
                let written = written.min(waiting);
                waiting -= written;
                self.shared.waiting_lines.fetch_sub(written, Ordering::Relaxed);
                self.shared.written_bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
                Ok(())
            });
            self.shared.closed.store(result.is_err(), Ordering::Relaxed);
        }
        self.shared.waiting_lines.fetch_sub(waiting, Ordering::Relaxed);
        chunk.clear();
        // The other end may be past its last line.
        let _ = self.emptied.send(chunk);
    }
}

/// Parts of whole lines with at most so many bytes; a longer line is a part of its own.
fn pieces(chunk: &str, bytes: usize) -> impl Iterator<Item = &str> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        let end_of_line = |text: &str| text.find('\n').map_or(text.len(), |at| at + 1);
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len();
        if end > bytes {
            let fits = rest.as_bytes().get(..bytes)?.iter().rposition(|&byte| byte == b'\n');
            end = fits.map_or_else(|| end_of_line(rest), |at| at + 1);
        }
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _};
    use std::os::fd::OwnedFd;

    #[test]
    fn a_stopped_reader_costs_lines_of_faults_only() {
        let dropped = Arc::new(AtomicU64::new(0));
        let (mut output, writer) = Output::new(Format::Text, 3, Arc::clone(&dropped));
        let fault = |output: &mut Output, n: u64| output.fault(|out| *out += &format!("{n}\n"));
        for n in 0..3 {
            fault(&mut output, n);
        }
        output.flush();
        for n in 3..1237 {
            fault(&mut output, n);
            if n % 7 == 0 {
                output.flush();
            }
        }
        output.note(|out| out.push_str("mark\n"));
        fault(&mut output, 1237);
        output.note(|out| out.push_str("mark\n"));
        output.miss(5);
        assert_eq!(dropped.load(Ordering::Relaxed), 1235);

        // The reader comes back: what it missed is said where it is missing.
        let mut file = tempfile::tempfile().unwrap();
        let mut result = Ok(());
        writer.inbox.try_iter().for_each(|chunk| writer.write(chunk, &mut file, &mut result));
        fault(&mut output, 1238);
        output.flush();
        writer.inbox.try_iter().for_each(|chunk| writer.write(chunk, &mut file, &mut result));
        assert!(result.is_ok());
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let expected = "0\n1\n2\n... 1,234 lines dropped\nmark\n... 1 line dropped\nmark\n\
                        ... 5 lines dropped\n1238\n";
        assert_eq!(text, expected);
        assert_eq!(dropped.load(Ordering::Relaxed), 1235);
    }

    #[test]
    fn what_is_missing_at_the_end_is_said() {
        let dropped = Arc::new(AtomicU64::new(0));
        let (mut output, writer) = Output::new(Format::Json, 0, Arc::clone(&dropped));
        output.fault(|out| out.push_str("{}\n"));
        let (mut reader, pipe) = io::pipe().unwrap();
        let thread = std::thread::spawn(move || writer.run(File::from(OwnedFd::from(pipe))));
        assert!(output.finish().is_none());
        thread.join().unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "{\"type\":\"dropped\",\"count\":1}\n");
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_reader_that_never_comes_back_is_given_up_with_an_exact_count() {
        let dropped = Arc::new(AtomicU64::new(0));
        let (mut output, writer) = Output::new(Format::Text, 9_000, Arc::clone(&dropped));
        for _ in 0..8_000 {
            output.fault(|out| out.push_str("a fault of thirty-two bytes....\n"));
        }
        let (mut reader, pipe) = io::pipe().unwrap();
        let room_bytes = rustix::pipe::fcntl_getpipe_size(&pipe).unwrap() as u64;
        let thread = std::thread::spawn(move || writer.run(File::from(OwnedFd::from(pipe))));
        output.flush();
        while output.shared.written_bytes.load(Ordering::Relaxed) < room_bytes {
            std::thread::yield_now();
        }
        output.end_patience = Duration::from_millis(1);
        assert!(output.finish().is_none());
        assert_eq!(dropped.load(Ordering::Relaxed), 8_000 - room_bytes / 32);
        let mut read = vec![0; room_bytes as usize];
        reader.read_exact(&mut read).unwrap();
        assert!(read.ends_with(b"\n"));
        drop(reader);
        thread.join().unwrap();
    }

    #[test]
    fn why_nothing_more_can_be_written_is_told() {
        let (reader, pipe) = io::pipe().unwrap();
        drop(reader);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let closed = File::from(OwnedFd::from(pipe));
        let why = [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull];
        for (file, expected) in [closed, full].into_iter().zip(why) {
            let (mut output, writer) = Output::new(Format::Text, 9, Arc::default());
            output.note(|out| out.push_str("line\n"));
            let shared = Arc::clone(&output.shared);
            let thread = std::thread::spawn(move || writer.run(file));
            assert_eq!(output.finish().map(|error| error.kind()), Some(expected));
            assert!(shared.is_closed());
            thread.join().unwrap();
        }
    }

    #[test]
    fn pieces_end_with_lines() {
        let cut = |text: &'static str, bytes| pieces(text, bytes).collect::<Vec<_>>();
        assert_eq!(cut("a\nbb\nccc\nd\n", 5), ["a\nbb\n", "ccc\n", "d\n"]);
        assert_eq!(cut("a\nlonger line\nb\n", 4), ["a\n", "longer line\n", "b\n"]);
        assert_eq!(cut("ä\nö\n", 2), ["ä\n", "ö\n"]);
        assert_eq!(cut("a\nb\n", usize::MAX), ["a\nb\n"]);
        assert!(cut("", 5).is_empty());
    }
}
