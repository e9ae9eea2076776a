//! The thread that encodes, compresses and writes: the rings never wait for it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use pft::Writer;
use pft::record::{
    Checkpoint, Fact, FaultBatch, FaultColumns, LostBy, LostRecord, MapRecord, Snapshot,
    TaskRecord, TraceHeader,
};

use crate::Error;
use crate::clock;
use crate::pairing::FaultRow;

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

/// The writing end of a trace.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    items: Sender<Item>,
    /// Emptied batches, to be filled again: fresh memory would cost the recorder page faults.
    spare: Receiver<Vec<FaultRow>>,
    waiting: Arc<AtomicUsize>,
    failed: Arc<AtomicBool>,
    thread: JoinHandle<Written>,
}

/// What the thread leaves behind.
#[derive(Debug)]
struct Written {
    whole_bytes: u64,
    result: Result<(), pft::Error>,
}

impl Store {
    /// Whether the file can be created, as far as can be told without doing so: before a command is
    /// started for nothing.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn check(path: &Path, overwrite: bool) -> Result<(), Error> {
        match path.symlink_metadata().map(|meta| meta.file_type()) {
            Ok(kind) if !kind.is_file() && !kind.is_symlink() => {
                return Err(Error::OutputNotRegular { path: path.to_owned() });
            }
            Ok(_) if !overwrite => return Err(Error::OutputExists { path: path.to_owned() }),
            _ => {}
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        rustix::fs::access(folder.unwrap_or(Path::new(".")), rustix::fs::Access::WRITE_OK)
            .map_err(|error| Error::Output { path: path.to_owned(), source: error.into() })
    }

    /// Creates the file, readable by its owner only, and starts the thread.
    ///
    /// # Errors
    /// [`Error::OutputExists`] unless `overwrite`; [`Error::OutputNotRegular`]; [`Error::Output`].
    pub fn create(
        path: &Path,
        overwrite: bool,
        header: &TraceHeader,
        level: i32,
    ) -> Result<Self, Error> {
        let refused = |source| Error::Output { path: path.to_owned(), source };
        Self::check(path, overwrite)?;
        if overwrite {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(refused(error));
                }
                _ => {}
            }
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(
            |error| match error.kind() {
                io::ErrorKind::AlreadyExists => Error::OutputExists { path: path.to_owned() },
                _ => refused(error),
            },
        )?;
        let writer = Writer::create(file, header, level).map_err(|source| Error::Write {
            path: path.to_owned(),
            bytes: 0,
            source,
        })?;
        let (items, inbox) = channel();
        let (emptied, spare) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let failed = Arc::new(AtomicBool::new(false));
        let thread = {
            let (waiting, failed) = (Arc::clone(&waiting), Arc::clone(&failed));
            std::thread::Builder::new()
                .name("store".into())
                .spawn(move || write_all(writer, &inbox, &emptied, &waiting, &failed))
                .map_err(Error::system("start the writing thread"))?
        };
        Ok(Self { path: path.to_owned(), items, spare, waiting, failed, thread })
    }

    /// Stores something small; it is never dropped.
    pub fn put(&self, item: Item) {
        // The thread takes items until the sender is gone.
        let _ = self.items.send(item);
    }

    /// Stores faults and leaves an empty batch in their place. When the thread is too far behind they
    /// are dropped: returns the loss.
    #[must_use]
    pub fn put_faults(&self, cpu: u32, rows: &mut Vec<FaultRow>) -> Option<LostRecord> {
        if self.waiting.load(Ordering::Relaxed) >= MAX_WAITING {
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
        let batch = std::mem::replace(rows, self.spare.try_recv().unwrap_or_default());
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.put(Item::Faults(cpu, batch));
        None
    }

    /// Whether writing has failed: nothing more will reach the file.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Writes what waits, the index and the trailer, and syncs. Returns the size of the file.
    ///
    /// # Errors
    /// [`Error::Write`]; the file then ends with its last whole frame.
    pub fn finish(self) -> Result<u64, Error> {
        drop(self.items);
        let Ok(written) = self.thread.join() else {
            return Err(Error::system("write the trace")(io::Error::other("writing thread died")));
        };
        match written.result {
            Ok(()) => Ok(written.whole_bytes),
            Err(source) => {
                Err(Error::Write { path: self.path, bytes: written.whole_bytes, source })
            }
        }
    }
}

fn write_all(
    mut writer: Writer<File>,
    inbox: &Receiver<Item>,
    emptied: &Sender<Vec<FaultRow>>,
    waiting: &AtomicUsize,
    failed: &AtomicBool,
) -> Written {
    let mut result = Ok(());
    for item in inbox {
        if matches!(item, Item::Faults(..)) {
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
        if result.is_ok() {
            result = write_one(&mut writer, item, emptied);
            failed.store(result.is_err(), Ordering::Relaxed);
        }
    }
    let whole_bytes = writer.whole_bytes();
    if result.is_err() {
        // A part of a frame would only be reported as damage.
        let _ = writer.into_inner().set_len(whole_bytes);
        return Written { whole_bytes, result };
    }
    match writer.finish() {
        Ok(file) => {
            let whole_bytes = file.metadata().map_or(whole_bytes, |meta| meta.len());
            Written {
                whole_bytes,
                result: file
                    .sync_all()
                    .map_err(|source| pft::Error::Write { offset: whole_bytes, source }),
            }
        }
        Err(error) => Written { whole_bytes, result: Err(error) },
    }
}

fn write_one(
    writer: &mut Writer<File>,
    item: Item,
    emptied: &Sender<Vec<FaultRow>>,
) -> Result<(), pft::Error> {
    match item {
        Item::Facts(facts) => writer.host(&facts),
        Item::Tasks(tasks) => writer.tasks(&tasks),
        Item::Maps(maps) => writer.maps(&maps),
        Item::Snapshot(snapshot) => writer.snapshot(&snapshot),
        Item::Faults(cpu, mut rows) => {
            let columns = columns_by_entry_time(&mut rows);
            rows.clear();
            // The recorder may be past its last batch.
            let _ = emptied.send(rows);
            writer.faults(&FaultBatch { cpu, columns })
        }
        Item::Lost(lost) => writer.lost(&lost),
        Item::Checkpoint(checkpoint) => writer.checkpoint(&checkpoint),
    }
}

/// Rows come in order of completion, which is nearly the order of entry.
fn columns_by_entry_time(rows: &mut [FaultRow]) -> FaultColumns {
    rows.sort_by_key(|row| row.time_ns);
    FaultColumns {
        time_ns: rows.iter().map(|row| row.time_ns).collect(),
        latency_ns: rows.iter().map(|row| row.latency_ns).collect(),
        addr: rows.iter().map(|row| row.addr).collect(),
        ip: rows.iter().map(|row| row.ip).collect(),
        pid: rows.iter().map(|row| row.pid).collect(),
        tid: rows.iter().map(|row| row.tid).collect(),
        flags: rows.iter().map(|row| row.flags).collect(),
        attempts: rows.iter().map(|row| row.attempts).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(time_ns: u64, tid: u32) -> FaultRow {
        FaultRow { time_ns, latency_ns: 1, addr: 2, ip: 3, pid: 4, tid, flags: 0, attempts: 1 }
    }

    #[test]
    fn rows_are_stored_in_order_of_entry() {
        let columns = columns_by_entry_time(&mut [row(30, 1), row(10, 2), row(20, 3)]);
        assert_eq!((columns.time_ns, columns.tid), (vec![10, 20, 30], vec![2, 3, 1]));
    }

    #[test]
    fn faults_are_dropped_when_too_many_batches_wait() {
        let folder = tempfile::tempdir().unwrap();
        let header = TraceHeader {
            uuid: [7; 16],
            page_size_bytes: 4096,
            clock_id: 1,
            start_ns: 0,
            start_realtime_ns: 0,
        };
        let store = Store::create(&folder.path().join("a.pft"), false, &header, 1).unwrap();
        store.waiting.store(MAX_WAITING, Ordering::Relaxed);
        let mut rows = vec![row(30, 1), row(10, 2)];
        let lost = store.put_faults(6, &mut rows).unwrap();
        // All of them are inside, however long ago they began.
        assert_eq!((lost.after_ns, lost.cpu, lost.by, lost.count), (9, 6, LostBy::Recorder, 2));
        assert_eq!(rows, []);
        store.waiting.store(MAX_WAITING - 1, Ordering::Relaxed);
        rows.push(row(40, 1));
        assert_eq!(store.put_faults(6, &mut rows), None);
        assert_eq!(rows, []);
        store.finish().unwrap();
    }
}
