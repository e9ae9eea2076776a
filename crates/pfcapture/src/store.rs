//! The thread that encodes, compresses and writes: the rings never wait for it.

mod encode;
mod failed;
mod files;
mod flight;
mod own_file;
mod stream;
mod taking;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use pft::record::{
    CallChainRecord, CallRecord, CgroupRecord, Checkpoint, Fact, LostBy, LostRecord, MapRecord,
    MarkRecord, ModuleRecord, OomRecord, Snapshot, StackPointerRecord, SymbolRecord, TaskRecord,
    TraceHeader,
};

use crate::Error;
use crate::config::Flight;
use crate::drain::batch::FaultRows;
use crate::explain::{Named, Naming};
use crate::system::clock;
use crate::system::privileges::{self, Work};
use flight::control::FlightControl;
use own_file::OwnFile;
use stream::{StandardOutput, Stream};
use taking::{Taken, Taking};

#[cfg(feature = "internals")]
pub(crate) use encode::columns;
pub use files::{create as create_file, open_device};
pub use flight::{DumpReason, DumpRequest, Dumped};

/// Something to store.
#[derive(Debug)]
pub enum Item {
    /// Facts about machine and recording.
    Facts(Vec<Fact>),
    /// Task changes.
    Tasks(Vec<TaskRecord>),
    /// Map changes.
    Maps(Vec<MapRecord>),
    /// A snapshot.
    Snapshot(Snapshot),
    /// Faults of one CPU's ring, in order of completion.
    Faults(u32, FaultRows),
    /// System calls that change address spaces, in order of their entry.
    Calls(Vec<CallRecord>),
    /// Where the stacks of threads are, in order of time.
    StackPointers(Vec<StackPointerRecord>),
    /// Victims of the OOM killer.
    Oom(Vec<OomRecord>),
    /// Control groups of processes, in any order.
    Cgroups(Vec<CgroupRecord>),
    /// Marks.
    Marks(Vec<MarkRecord>),
    /// Losses.
    Lost(Vec<LostRecord>),
    /// Call chains.
    CallChains(Vec<CallChainRecord>),
    /// Modules.
    Modules(Vec<ModuleRecord>),
    /// Symbols.
    Symbols(Vec<SymbolRecord>),
    /// Clocks and ledger.
    Checkpoint(Checkpoint),
    /// A segment of a flight recorder begins at this time.
    Segment(u64),
    /// The window of a flight recorder is to be written.
    Dump(DumpRequest),
}

/// Memory of the faults that wait for the thread, bytes: those that come while it is more are dropped, with a count. Few
/// faults a second may wait for minutes, a million a second for one.
const MAX_WAITING_BYTES: usize = 64 << 20;
/// How often somebody is asked who cannot wait for names.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// Where a trace goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Into this file.
    File(PathBuf),
    /// To standard output.
    Stdout,
    /// Nowhere: what is put is forgotten.
    Nowhere,
}

/// What to write, and where.
#[derive(Debug, Clone)]
pub struct StorePlan {
    /// The place.
    pub destination: Destination,
    /// Whether an existing file may be replaced.
    pub overwrite: bool,
    /// Header of the trace.
    pub header: TraceHeader,
    /// Level of compression.
    pub level: i32,
    /// Size at which [`Store::is_full`] says so; not for a flight recorder.
    pub max_bytes: Option<u64>,
    /// Whether entries of faults are recorded.
    pub has_entries: bool,
    /// Hold the last seconds and write them on demand, to the destination and to files numbered like
    /// it.
    pub flight: Option<Flight>,
    /// Name what was hit.
    pub naming: Option<Naming>,
}

/// What the thread feeds.
trait Sink {
    /// Takes an item in.
    ///
    /// # Errors
    /// Those of encoder and writer, after which only [`Sink::abandon`] is of use.
    fn take(&mut self, item: &mut Item) -> pft::Result<()>;

    /// Whether the trace has the size that it may have.
    fn is_full(&self) -> bool;

    /// Whether memory is short for want of a new segment.
    fn wants_segment(&self) -> bool;

    /// Faults that were taken and are not in the trace.
    fn missing(&self) -> u64;

    /// Completes what is to be written, and syncs.
    ///
    /// # Errors
    /// As [`Store::finish`].
    fn close(self) -> Result<Closed, Error>;

    /// Gives the trace up after a failure, ends it with `last` if that can be, and says what is left of
    /// it.
    fn abandon(self, failure: pft::Error, last: &mut [Item]) -> Error;
}

/// A trace that was written to its end.
#[derive(Debug, Clone, Default)]
pub struct Closed {
    /// Its size; 0 for a flight recorder.
    pub bytes: u64,
    /// Where it is, if somebody has moved it.
    pub moved: Option<PathBuf>,
}

/// What session and thread tell each other.
#[derive(Debug, Default)]
struct Shared {
    /// Memory of the faults that wait.
    waiting_bytes: AtomicUsize,
    failed: AtomicBool,
    full: AtomicBool,
    wants_segment: AtomicBool,
}

/// What a store leaves behind.
#[derive(Debug, Default)]
pub struct Stored {
    /// The trace; empty when nothing was stored.
    pub closed: Closed,
    /// Files of a flight recorder that [`Store::dumped`] has not told.
    pub dumped: Vec<Dumped>,
    /// Triggers of a flight recorder that were not followed.
    pub suppressed: u64,
    /// How naming went, where one trace was written.
    pub named: Option<Named>,
    /// Copies of stacks that were not unwound for want of time.
    pub stacks_dropped: u64,
    /// Faults whose call chain found no room.
    pub chains_dropped: u64,
}

/// The writing end of a trace.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    /// None when nothing is stored.
    thread: Option<Thread>,
    /// Cuts naming short.
    hurry: Option<Arc<AtomicBool>>,
    flight: Option<FlightControl>,
}

#[derive(Debug)]
struct Thread {
    items: Sender<Item>,
    /// Emptied batches, to be filled again: fresh memory would cost the recorder page faults.
    spare: Receiver<FaultRows>,
    /// Closed when the thread is done.
    done: Receiver<()>,
    handle: JoinHandle<Result<Taken, Error>>,
}

impl Store {
    /// Whether the trace can be created, as far as can be told without doing so: before a command is
    /// started for nothing.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn check(
        destination: &Destination,
        overwrite: bool,
        flight: Option<&Flight>,
    ) -> Result<(), Error> {
        match destination {
            Destination::File(path) => files::check(path, overwrite),
            _ if flight.is_some() => Err(Error::FlightNeedsFile),
            Destination::Stdout => StandardOutput::check(),
            Destination::Nowhere => Ok(()),
        }
    }

    /// Creates the trace and starts the thread. A flight recorder creates no file yet.
    ///
    /// # Errors
    /// [`Error::OutputExists`] unless it may be replaced; [`Error::OutputNotRegular`];
    /// [`Error::OutputIsTerminal`]; [`Error::FlightNeedsFile`]; [`Error::Output`]; as
    /// [`Store::finish`] when not even the header can be written.
    pub fn create(plan: &StorePlan) -> Result<Self, Error> {
        Self::check(&plan.destination, plan.overwrite, plan.flight.as_ref())?;
        let StorePlan { header, level, max_bytes, .. } = plan;
        match (&plan.destination, &plan.flight) {
            (Destination::File(path), Some(flight)) => Self::fly(path, flight, plan),
            (Destination::File(path), None) => {
                let file = files::create(path, plan.overwrite)?;
                let own = OwnFile::new(path.clone(), file);
                let begun = Self::begin(Stream::create(own, header, *level, *max_bytes)?, plan);
                if begun.is_err() {
                    // Nothing is recorded into it.
                    let _ = std::fs::remove_file(path);
                }
                begun
            }
            (Destination::Stdout, _) => {
                let output = StandardOutput::open()?;
                Self::begin(Stream::create(output, header, *level, *max_bytes)?, plan)
            }
            (Destination::Nowhere, _) => {
                Ok(Self { shared: Arc::default(), thread: None, hurry: None, flight: None })
            }
        }
    }

    fn begin(sink: impl Sink + Send + 'static, plan: &StorePlan) -> Result<Self, Error> {
        let (items, inbox) = channel();
        let (emptied, spare) = channel();
        let (working, done) = channel();
        let shared = Arc::new(Shared::default());
        let hurry = plan.naming.as_ref().map(|naming| Arc::clone(&naming.hurry));
        let handle = {
            let shared = Arc::clone(&shared);
            let taking = Taking::new(plan);
            std::thread::Builder::new()
                .name("store".into())
                .spawn(move || {
                    privileges::begin(Work::Storing);
                    let result = taking.take_all(sink, &inbox, &emptied, &shared);
                    drop(working);
                    result
                })
                .map_err(Error::system("start the writing thread"))?
        };
        let thread = Thread { items, spare, done, handle };
        Ok(Self { shared, thread: Some(thread), hurry, flight: None })
    }

    /// Stores something small; it is never dropped.
    pub fn put(&self, item: Item) {
        if let Some(thread) = &self.thread {
            // The thread takes items until the sender is gone.
            let _ = thread.items.send(item);
        }
    }

    /// Stores faults and leaves an empty batch in their place. When the thread is too far behind they
    /// are dropped: returns the loss.
    #[must_use]
    pub fn put_faults(&self, cpu: u32, batch: &mut FaultRows) -> Option<LostRecord> {
        if self.thread.is_some() && self.waiting_bytes() >= MAX_WAITING_BYTES {
            let first_ns = batch.rows.iter().map(|row| row.time_ns).min().unwrap_or(0);
            let lost = LostRecord {
                after_ns: first_ns.saturating_sub(1),
                time_ns: clock::monotonic_ns(),
                cpu,
                by: LostBy::Recorder,
                count: batch.rows.len() as u64,
            };
            batch.clear();
            return Some(lost);
        }
        self.put_rest(cpu, batch);
        None
    }

    /// As [`Store::put_faults`], of the last faults of a CPU: they have their memory already, and may wait.
    pub fn put_rest(&self, cpu: u32, batch: &mut FaultRows) {
        let Some(thread) = &self.thread else {
            batch.clear();
            return;
        };
        let full = std::mem::replace(batch, thread.spare.try_recv().unwrap_or_default());
        self.shared.waiting_bytes.fetch_add(full.bytes(), Ordering::Relaxed);
        self.put(Item::Faults(cpu, full));
    }

    /// Whether so much waits that what costs the thread much should be left out.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.waiting_bytes() >= MAX_WAITING_BYTES / 2
    }

    fn waiting_bytes(&self) -> usize {
        self.shared.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Whether what is put is forgotten.
    #[must_use]
    pub fn is_nowhere(&self) -> bool {
        self.thread.is_none()
    }

    /// Whether writing has failed: nothing more will be stored.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Whether the trace has reached the size that it may have. What is put until
    /// [`Store::finish`], the end of the session among it, is stored all the same, so that the trace
    /// ends somewhat larger.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.full.load(Ordering::Relaxed)
    }

    /// Writes what waits, the index and the trailer, and syncs; a flight recorder writes its window.
    /// Names are looked up no longer when `hurry`, which is asked now and then, says so.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::ReaderGone`], [`Error::Stream`]; the trace then ends with its last
    /// whole frame, and the ledger behind it where there is room. [`Error::Removed`];
    /// [`Error::NotSettled`]. [`Error::Encode`] of a flight recorder, whose files carry their own errors.
    pub fn finish(mut self, mut hurry: impl FnMut() -> bool) -> Result<Stored, Error> {
        self.dump(DumpReason::End);
        let Some(Thread { items, done, handle, .. }) = self.thread.take() else {
            return Ok(Stored::default());
        };
        drop(items);
        while done.recv_timeout(ASK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if let Some(flag) = self.hurry.as_ref().filter(|_| hurry()) {
                flag.store(true, Ordering::Relaxed);
            }
        }
        let taken = handle.join().unwrap_or_else(|_| {
            Err(Error::system("write the trace")(io::Error::other("writing thread died")))
        })?;
        let suppressed = self.flight.as_ref().map_or(0, |flight| flight.suppressed);
        let Taken { closed, named, stacks_dropped, chains_dropped } = taken;
        let dumped = self.dumped();
        Ok(Stored { closed, dumped, suppressed, named, stacks_dropped, chains_dropped })
    }
}

/// A random identity of a trace.
#[must_use]
pub fn random_uuid() -> [u8; 16] {
    let mut uuid = [0; 16];
    // Without a random source, names and clocks still tell traces apart.
    let _ = rustix::rand::getrandom(&mut uuid, rustix::rand::GetRandomFlags::empty());
    uuid
}
