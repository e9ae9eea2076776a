//! The thread that encodes, compresses and writes: the rings never wait for it.

mod encode;
mod files;
mod stream;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use pft::record::{
    Checkpoint, Fact, LostBy, LostRecord, MapRecord, Snapshot, TaskRecord, TraceHeader,
};

use crate::Error;
use crate::clock;
use crate::pairing::FaultRow;
use stream::{Medium, OwnFile, StandardOutput, Stream};

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
    Faults(u32, Vec<FaultRow>),
    /// Losses.
    Lost(Vec<LostRecord>),
    /// Clocks and ledger.
    Checkpoint(Checkpoint),
}

/// Batches of faults that may wait for the thread; more than these are dropped, with a count.
const MAX_WAITING: usize = 12;

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
    /// Size at which [`Store::is_full`] says so.
    pub max_bytes: Option<u64>,
}

/// What session and thread tell each other.
#[derive(Debug, Default)]
struct Shared {
    /// Batches of faults that wait.
    waiting: AtomicUsize,
    failed: AtomicBool,
    full: AtomicBool,
}

/// The writing end of a trace.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    /// None when nothing is stored.
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    items: Sender<Item>,
    /// Emptied batches, to be filled again: fresh memory would cost the recorder page faults.
    spare: Receiver<Vec<FaultRow>>,
    handle: JoinHandle<Result<u64, Error>>,
}

impl Store {
    /// Whether the trace can be created, as far as can be told without doing so: before a command is
    /// started for nothing.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn check(destination: &Destination, overwrite: bool) -> Result<(), Error> {
        match destination {
            Destination::File(path) => files::check(path, overwrite),
            Destination::Stdout => StandardOutput::check(),
            Destination::Nowhere => Ok(()),
        }
    }

    /// Creates the trace and starts the thread.
    ///
    /// # Errors
    /// [`Error::OutputExists`] unless it may be replaced; [`Error::OutputNotRegular`];
    /// [`Error::OutputIsTerminal`]; [`Error::Output`]; as [`Store::finish`] when not even the header
    /// can be written.
    pub fn create(plan: StorePlan) -> Result<Self, Error> {
        match &plan.destination {
            Destination::File(path) => {
                let file = files::create(path, plan.overwrite)?;
                Self::begin(OwnFile { path: path.clone(), file }, &plan)
            }
            Destination::Stdout => Self::begin(StandardOutput::open()?, &plan),
            Destination::Nowhere => Ok(Self { shared: Arc::default(), thread: None }),
        }
    }

    fn begin(medium: impl Medium + Send + 'static, plan: &StorePlan) -> Result<Self, Error> {
        let stream = Stream::create(medium, &plan.header, plan.level, plan.max_bytes)?;
        let (items, inbox) = channel();
        let (emptied, spare) = channel();
        let shared = Arc::new(Shared::default());
        let handle = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("store".into())
                .spawn(move || write_all(stream, &inbox, &emptied, &shared))
                .map_err(Error::system("start the writing thread"))?
        };
        Ok(Self { shared, thread: Some(Thread { items, spare, handle }) })
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
    pub fn put_faults(&self, cpu: u32, rows: &mut Vec<FaultRow>) -> Option<LostRecord> {
        let Some(thread) = &self.thread else {
            rows.clear();
            return None;
        };
        if self.shared.waiting.load(Ordering::Relaxed) >= MAX_WAITING {
            let first_ns = rows.iter().map(|row| row.time_ns).min().unwrap_or(0);
            let lost = LostRecord {
                after_ns: first_ns.saturating_sub(1),
                time_ns: clock::monotonic_ns(),
                cpu,
                by: LostBy::Recorder,
                count: rows.len() as u64,
            };
            rows.clear();
            return Some(lost);
        }
        let batch = std::mem::replace(rows, thread.spare.try_recv().unwrap_or_default());
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        self.put(Item::Faults(cpu, batch));
        None
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

    /// Writes what waits, the index and the trailer, and syncs. Returns the size of the trace.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::ReaderGone`], [`Error::Stream`]; the trace then ends with its last
    /// whole frame.
    pub fn finish(self) -> Result<u64, Error> {
        let Some(Thread { items, handle, .. }) = self.thread else {
            return Ok(0);
        };
        drop(items);
        handle.join().unwrap_or_else(|_| {
            Err(Error::system("write the trace")(io::Error::other("writing thread died")))
        })
    }
}

/// Takes items until there are no more. After a failure they are only taken.
fn write_all<M: Medium>(
    mut stream: Stream<M>,
    inbox: &Receiver<Item>,
    emptied: &Sender<Vec<FaultRow>>,
    shared: &Shared,
) -> Result<u64, Error> {
    let mut failure = None;
    for mut item in inbox {
        if matches!(item, Item::Faults(..)) {
            shared.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        if failure.is_none() {
            failure = stream.write(&mut item).err();
            shared.failed.store(failure.is_some(), Ordering::Relaxed);
            shared.full.store(stream.is_full(), Ordering::Relaxed);
        }
        if let Item::Faults(_, mut rows) = item {
            rows.clear();
            // The recorder may be past its last batch.
            let _ = emptied.send(rows);
        }
    }
    match failure {
        None => stream.close(),
        Some(failure) => Err(stream.abandon(failure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn row(time_ns: u64, tid: u32) -> FaultRow {
        FaultRow { time_ns, latency_ns: 1, addr: 2, ip: 3, pid: 4, tid, flags: 0, attempts: 1 }
    }

    pub fn header() -> TraceHeader {
        TraceHeader {
            uuid: [7; 16],
            page_size_bytes: 4096,
            clock_id: 1,
            start_ns: 0,
            start_realtime_ns: 0,
        }
    }

    fn plan(destination: Destination) -> StorePlan {
        StorePlan { destination, overwrite: false, header: header(), level: 1, max_bytes: None }
    }

    #[test]
    fn faults_are_dropped_when_too_many_batches_wait() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(plan(Destination::File(folder.path().join("a.pft")))).unwrap();
        store.shared.waiting.store(MAX_WAITING, Ordering::Relaxed);
        let mut rows = vec![row(30, 1), row(10, 2)];
        let lost = store.put_faults(6, &mut rows).unwrap();
        // All of them are inside, however long ago they began.
        assert_eq!((lost.after_ns, lost.cpu, lost.by, lost.count), (9, 6, LostBy::Recorder, 2));
        assert_eq!(rows, []);
        store.shared.waiting.store(MAX_WAITING - 1, Ordering::Relaxed);
        rows.push(row(40, 1));
        assert_eq!(store.put_faults(6, &mut rows), None);
        assert_eq!(rows, []);
        store.finish().unwrap();
    }

    #[test]
    fn nothing_is_kept_of_what_goes_nowhere() {
        let store = Store::create(plan(Destination::Nowhere)).unwrap();
        store.shared.waiting.store(MAX_WAITING, Ordering::Relaxed);
        let mut rows = vec![row(30, 1)];
        assert_eq!(store.put_faults(0, &mut rows), None);
        assert_eq!(rows, []);
        store.put(Item::Facts(Vec::new()));
        assert!(!store.has_failed() && !store.is_full());
        assert_eq!(store.finish().unwrap(), 0);
    }
}
