//! The flight recorder: holds the last seconds and writes them, as traces of their own, on another
//! thread, so that neither disk nor anything else holds up the recording.

pub mod control;
mod living;
mod tally;
mod window;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use pft::keys::{fact as fact_keys, ledger as ledger_keys};
use pft::record::{Checkpoint, Fact, Frame, LedgerEntry, Snapshot, SnapshotReason, TraceHeader};
use pft::{EncodedFrame, Encoder, Trace, Writer};

use super::encode::encode;
use super::own_file::OwnFile;
use super::stream::Stream;
use super::{Closed, Item, Sink, StorePlan, files, random_uuid};
use crate::Error;
use crate::explain::{Naming, Wanted};
use crate::system::host::fact;
use crate::system::precedence;
use crate::system::privileges::{self, Work};
use window::{Extract, Window};

/// Memory that a window may take; older segments go earlier when it needs more. What is being written
/// is held beside it until it is written, for [`MAX_UNDER_WAY`] files at most.
pub const WINDOW_BYTES: u64 = 256 << 20;

/// Files that may be under way when another one is asked for: one being written and one that waits.
pub const MAX_UNDER_WAY: usize = 2;

/// Why a window is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpReason {
    /// SIGUSR2.
    Signal,
    /// A fault was slower than the trigger.
    Latency,
    /// The recording ended.
    End,
}

impl DumpReason {
    /// The word for it in a trace.
    const fn word(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Latency => "latency",
            Self::End => "end",
        }
    }
}

/// A window that was written, or not.
#[derive(Debug)]
pub struct Dumped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: DumpReason,
    /// Size of the file, bytes, or what went wrong.
    pub result: Result<u64, Error>,
}

/// Asks for the window as of now.
#[derive(Debug)]
pub struct DumpRequest {
    /// Why.
    pub reason: DumpReason,
    /// Clocks of the moment; the ledger is that of the window.
    pub clocks: Checkpoint,
    /// Triggers so far that were not followed.
    pub suppressed: u64,
    /// What was hit up to now.
    pub wanted: Option<Wanted>,
}

/// A trace to write.
struct Job {
    request: DumpRequest,
    extract: Extract,
}

/// The store of a flight recorder.
pub struct FlightSink {
    encoder: Encoder,
    window: Window,
    jobs: Sender<Job>,
    writer: JoinHandle<()>,
}

impl FlightSink {
    /// Starts the thread that writes. It tells `dumped` of each file and takes it from `under_way`.
    ///
    /// # Errors
    /// [`Error::Encode`] for a level that there is not; when no thread can be made.
    pub fn start(
        path: PathBuf,
        plan: &StorePlan,
        window_ns: u64,
        dumped: Sender<Dumped>,
        under_way: Arc<AtomicUsize>,
    ) -> Result<Self, Error> {
        let encoder = Encoder::new(&plan.header, plan.level);
        let encoder = encoder.map_err(|source| Error::Encode { source })?;
        let window = Window::new(plan.header.start_ns, window_ns, WINDOW_BYTES, plan.has_entries);
        let (jobs, inbox) = channel();
        let mut files = Files {
            path,
            next: 1,
            overwrite: plan.overwrite,
            session: plan.header.clone(),
            level: plan.level,
            window_ns,
            naming: plan.naming.clone(),
        };
        let writer = std::thread::Builder::new()
            .name("windows".into())
            .spawn(move || {
                privileges::begin(Work::CreatingFiles);
                precedence::give_up();
                files.write_all(&inbox, &dumped, &under_way);
            })
            .map_err(Error::system("start the writing thread"))?;
        Ok(Self { encoder, window, jobs, writer })
    }
}

impl Sink for FlightSink {
    fn take(&mut self, item: &mut Item) -> pft::Result<()> {
        match item {
            // Totals of the recording say nothing about the window.
            Item::Checkpoint(_) => {}
            Item::Segment(start_ns) => {
                let present = self.encoder.encode_tasks(&self.window.present(*start_ns))?;
                self.window.begin_segment(*start_ns, present);
            }
            Item::Dump(_) => {
                let Item::Dump(request) = std::mem::replace(item, Item::Tasks(Vec::new())) else {
                    return Ok(());
                };
                let extract = self.window.extract(request.clocks.time_ns);
                // The thread takes jobs until the sender is gone.
                let _ = self.jobs.send(Job { request, extract });
            }
            _ => {
                let is_key = self.window.take_key(item);
                let frames = encode(&mut self.encoder, item)?;
                self.window.hold(item, frames, is_key);
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        false
    }

    fn wants_segment(&self) -> bool {
        self.window.wants_segment()
    }

    fn missing(&self) -> u64 {
        0
    }

    fn close(self) -> Result<Closed, Error> {
        drop(self.jobs);
        // Whatever it could not do, it has told.
        let _ = self.writer.join();
        Ok(Closed::default())
    }

    fn abandon(self, failure: pft::Error, _: &mut [Item]) -> Error {
        match self.close() {
            Ok(_) => Error::Encode { source: failure },
            Err(error) => error,
        }
    }
}

/// The files of a recording: `run.pft`, `run.2.pft`, `run.3.pft` and so on.
struct Files {
    path: PathBuf,
    next: u32,
    overwrite: bool,
    /// Header of the recording.
    session: TraceHeader,
    level: i32,
    window_ns: u64,
    /// Who names what was hit.
    naming: Option<Naming>,
}

impl Files {
    fn write_all(
        &mut self,
        inbox: &Receiver<Job>,
        dumped: &Sender<Dumped>,
        under_way: &AtomicUsize,
    ) {
        for mut job in inbox {
            let (path, result) = match self.create() {
                Ok(own) => (own.path().clone(), self.write(own, &mut job)),
                Err((path, error)) => (path, Err(error)),
            };
            let reason = job.request.reason;
            drop(job);
            // Told before it is free, so that whoever sees it free has been told.
            let _ = dumped.send(Dumped { path, reason, result });
            under_way.fetch_sub(1, Ordering::Release);
        }
    }

    /// The next file; names that exist are passed over unless they may be overwritten.
    fn create(&mut self) -> Result<OwnFile, (PathBuf, Error)> {
        loop {
            let path = numbered(&self.path, self.next);
            match files::create(&path, self.overwrite) {
                Err(Error::OutputExists { .. }) if self.next < u32::MAX => self.next += 1,
                Err(error) => return Err((path, error)),
                Ok(file) => {
                    self.next = self.next.saturating_add(1);
                    return Ok(OwnFile::new(path, file));
                }
            }
        }
    }

    fn write(&self, own: OwnFile, job: &mut Job) -> Result<u64, Error> {
        let start_ns = job.extract.start_ns;
        let since_start_ns = start_ns.saturating_sub(self.session.start_ns);
        let header = TraceHeader {
            uuid: random_uuid(),
            start_ns,
            start_realtime_ns: self.session.start_realtime_ns.saturating_add(since_start_ns),
            ..self.session.clone()
        };
        let mut stream = Stream::create(own, &header, self.level, None)?;
        match self.write_frames(&mut stream, &header, job) {
            Ok(()) => stream.close().map(|closed| closed.bytes),
            Err(failure) => Err(stream.abandon(failure, &mut [])),
        }
    }

    fn write_frames(
        &self,
        stream: &mut Stream<OwnFile>,
        header: &TraceHeader,
        job: &mut Job,
    ) -> pft::Result<()> {
        stream.take(&mut Item::Facts(self.facts(job)))?;
        let Job { request, extract } = job;
        stream.take(&mut Item::Marks(extract.phase.iter().cloned().collect()))?;
        for (held, is_first) in &extract.held {
            if held.is_key && *is_first {
                for mut snapshot in decode_snapshots(header, self.level, &held.frames)? {
                    if !extract.is_after_exec(&snapshot) {
                        snapshot.reason = SnapshotReason::Start;
                    }
                    stream.take(&mut Item::Snapshot(snapshot))?;
                }
            } else {
                stream.write_frames(&held.frames)?;
            }
        }
        let mut ledger = extract.ledger.clone();
        if let (Some(naming), Some(wanted)) = (&self.naming, request.wanted.take()) {
            let recorded_ns = request.clocks.time_ns.saturating_sub(header.start_ns);
            let (explained, named) = naming.name(wanted, Duration::from_nanos(recorded_ns));
            stream.take(&mut Item::Modules(explained.modules))?;
            stream.take(&mut Item::Symbols(explained.symbols))?;
            ledger.extend(named.ledger());
        }
        let suppressed = ledger_keys::FLIGHT_SUPPRESSED.to_owned();
        ledger.push(LedgerEntry { key: suppressed, value: request.suppressed });
        stream.take(&mut Item::Checkpoint(Checkpoint {
            end: true,
            ledger,
            ..request.clocks.clone()
        }))
    }

    fn facts(&self, job: &Job) -> Vec<Fact> {
        vec![
            fact(fact_keys::FLIGHT_WINDOW_NS, self.window_ns),
            fact(fact_keys::FLIGHT_WRITTEN_ON, job.request.reason.word()),
            fact(fact_keys::FLIGHT_LIMITED_BY, job.extract.limited_by),
        ]
    }
}

/// The name of the file with this number: `run.pft`, `run.2.pft`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number < 2 {
        return path.to_owned();
    }
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(format!(".{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// The snapshots that frames hold.
fn decode_snapshots(
    header: &TraceHeader,
    level: i32,
    frames: &[EncodedFrame],
) -> pft::Result<Vec<Snapshot>> {
    let mut writer = Writer::create(Vec::new(), header, level)?;
    writer.write_frames(frames)?;
    let trace = Trace::from_bytes(writer.finish()?)?;
    let snapshots = trace.iter().filter_map(|(_, frame)| match frame {
        Ok(Frame::Snapshot(snapshot)) => Some(Ok(snapshot)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    snapshots.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_before_the_extension() {
        let name = |path: &str, number| numbered(Path::new(path), number).display().to_string();
        assert_eq!(name("run.pft", 1), "run.pft");
        assert_eq!(name("a/run.pft", 2), "a/run.2.pft");
        assert_eq!(name("pfrecord-x.7.pft", 11), "pfrecord-x.7.11.pft");
        assert_eq!(name("run", 3), "run.3");
    }
}
