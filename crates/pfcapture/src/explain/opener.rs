//! Opens the files of modules, and perf maps, on a thread of its own: a file system may take its time.

mod opened;
mod perf_maps;
mod regular;
mod stamp;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{ffi::OsStr, io};

use pft::record::{MapRecord, ModuleState, Vma};
use rustc_hash::FxHashMap;
use rustix::fs::{Mode, OFlags, open};

use super::modules::{FileKey, plain};
use crate::system::clock::{monotonic_ns, realtime_ns};
use crate::system::privileges::{self, Work};
pub use opened::Opened;
use opened::{checked, not_opened};
use perf_maps::Owners;
use regular::{find, find_in, open_root};
use stamp::Stamp;

/// Descriptors that may be held open at most, …
const MAX_OPEN: u64 = 1024;
/// … and what share of those that the process may have: events need most.
const SHARE_OPEN: u64 = 8;
/// Roots of processes that are held for what is opened late.
const MAX_ROOTS: usize = 32;
/// Files that could not be opened are remembered up to this number.
const MAX_FAILED: usize = 1 << 16;
/// A file system that does not answer must not keep the recording from its end.
const PATIENCE: Duration = Duration::from_secs(2);
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// `PROT_EXEC`.
const EXEC: u32 = 4;

/// What is to be opened.
#[derive(Debug)]
enum Request {
    File {
        key: FileKey,
        pid: u32,
        start: u64,
        end: u64,
        seen_ns: u64,
    },
    PerfMap(u32),
    /// The last chance of what is not open yet; then it is told that all is done.
    Rest {
        files: Vec<FileKey>,
        pids: Vec<u32>,
        done: Sender<()>,
    },
}

#[derive(Debug, Default)]
struct Files {
    files: FxHashMap<FileKey, Opened>,
    perf_maps: FxHashMap<u32, Opened>,
    open: u64,
    /// Requests that were served, …
    served: u64,
    /// … and at which of them somebody waited in vain.
    stuck_at: Option<u64>,
}

/// What the asking end and the thread share.
#[derive(Debug, Default)]
struct Shared {
    files: Mutex<Files>,
    progress: Condvar,
    /// Requests so far.
    requested: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The asking end; the thread ends with the last one.
#[derive(Debug, Clone)]
pub struct Opener {
    requests: Sender<Request>,
    shared: Arc<Shared>,
}

impl Opener {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start() -> io::Result<Self> {
        let (requests, inbox) = channel();
        let shared = Arc::<Shared>::default();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let mut worker = Worker {
            shared: Arc::clone(&shared),
            max_open: MAX_OPEN.min(limit.unwrap_or(u64::MAX) / SHARE_OPEN),
            roots: Vec::new(),
            owners: Owners::new(),
        };
        std::thread::Builder::new().name("opener".into()).spawn(move || {
            privileges::begin(Work::OpeningModules);
            worker.serve(&inbox);
        })?;
        Ok(Self { requests, shared })
    }

    /// Opens what maps as code.
    pub fn look_at_maps(&self, maps: &[MapRecord]) {
        for map in maps.iter().filter(|map| map.prot & EXEC != 0) {
            self.want(FileKey::of_map(map), map.pid, map.start..map.end, map.time_ns);
        }
    }

    /// Likewise of a snapshot of a process.
    pub fn look_at_vmas(&self, pid: u32, vmas: &[Vma]) {
        let now_ns = monotonic_ns();
        for vma in vmas.iter().filter(|vma| vma.prot & EXEC != 0) {
            self.want(FileKey::of_vma(vma), pid, vma.start..vma.end, now_ns);
        }
    }

    fn want(&self, key: FileKey, pid: u32, range: Range<u64>, time_ns: u64) {
        if key.inode != 0 && key.path.starts_with(b"/") {
            let seen_ns = realtime_ns().saturating_sub(monotonic_ns().saturating_sub(time_ns));
            let Range { start, end } = range;
            self.ask(Request::File { key, pid, start, end, seen_ns });
        }
    }

    /// Opens the perf map of a process.
    pub fn want_perf_map(&self, pid: u32) {
        self.ask(Request::PerfMap(pid));
    }

    fn ask(&self, request: Request) {
        self.shared.requested.fetch_add(1, Ordering::Relaxed);
        // The thread takes requests until the sender is gone.
        let _ = self.requests.send(request);
    }

    /// Waits so long at most until all is served that was asked for so far. Once that was in vain, not
    /// again before there is some progress: a file system may never answer.
    pub fn catch_up(&self, within: Duration) {
        let requested = self.shared.requested.load(Ordering::Relaxed);
        let all = self.shared.lock();
        if all.stuck_at == Some(all.served) {
            return;
        }
        let behind = |all: &mut Files| all.served < requested;
        let waited = self.shared.progress.wait_timeout_while(all, within, behind);
        let (mut all, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        all.stuck_at = waited.timed_out().then_some(all.served);
    }

    /// How many files are open.
    pub fn open_count(&self) -> u64 {
        self.shared.lock().open
    }

    /// Tries those that are not open once more, by their path, and waits for all that was asked for,
    /// unless that takes long or `hurry` is set.
    pub fn finish(&self, files: Vec<FileKey>, pids: Vec<u32>, hurry: &AtomicBool) {
        let (done, told) = channel();
        self.ask(Request::Rest { files, pids, done });
        let until = Instant::now() + PATIENCE;
        while told.recv_timeout(ASK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            // Without an answer, what is open has to do.
            if hurry.load(Ordering::Relaxed) || Instant::now() >= until {
                break;
            }
        }
    }

    /// What became of a file; `None` if it was not tried.
    pub fn file(&self, key: &FileKey) -> Option<Opened> {
        self.shared.lock().files.get(key).cloned()
    }

    /// The perf map of a process.
    pub fn perf_map(&self, pid: u32) -> Option<Opened> {
        self.shared.lock().perf_maps.get(&pid).cloned()
    }
}

/// What tells one view of the file tree from another: mount namespace, device and inode of the root.
type RootKey = (u64, u64, u64);

struct Worker {
    shared: Arc<Shared>,
    max_open: u64,
    /// Roots of processes that may be gone.
    roots: Vec<(RootKey, OwnedFd)>,
    owners: Owners,
}

impl Worker {
    fn serve(&mut self, inbox: &Receiver<Request>) {
        for request in inbox {
            match request {
                Request::File { key, pid, start, end, seen_ns } => {
                    self.owners.meet(pid);
                    if self.is_wanted(&key) {
                        let mut opened = self.open_mapped(&key, pid, start, end);
                        opened.seen_ns = Some(seen_ns);
                        self.keep(key, opened);
                    }
                }
                Request::PerfMap(pid) => {
                    self.owners.meet(pid);
                    self.open_perf_map(pid);
                }
                Request::Rest { files, pids, done } => {
                    for key in files {
                        if self.is_wanted(&key) {
                            let opened = self.open_by_path(&key);
                            self.keep(key, opened);
                        } else {
                            self.look_again(&key);
                        }
                    }
                    pids.into_iter().for_each(|pid| self.open_perf_map(pid));
                    let _ = done.send(());
                }
            }
            self.with(|all| all.served += 1);
            self.shared.progress.notify_all();
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Files) -> T) -> T {
        act(&mut self.shared.lock())
    }

    /// Whether a file is not open yet, and may be.
    fn is_wanted(&self, key: &FileKey) -> bool {
        self.with(|all| {
            let known = all.files.get(key);
            let is_done = known.is_some_and(|known| known.file.is_some() || known.is_changed);
            !is_done && all.open < self.max_open
        })
    }

    /// Gives up a file that was written since it was opened.
    fn look_again(&self, key: &FileKey) {
        let known = self.with(|all| all.files.get(key).cloned());
        let is_open = known.as_ref().is_some_and(|known| known.file.is_some());
        if is_open && !key.is_memfd() && known.and_then(Opened::unchanged).is_none() {
            self.with(|all| all.files.get_mut(key).map(Opened::give_up));
        }
    }

    fn keep(&self, key: FileKey, mut opened: Opened) {
        let known_ns = self.with(|all| all.files.get(&key).and_then(|known| known.seen_ns));
        opened.seen_ns = known_ns.into_iter().chain(opened.seen_ns).min();
        opened.stamp = opened.file.as_deref().and_then(Stamp::of);
        let written = opened.stamp.zip(opened.seen_ns);
        // What lies in memory only is often written there when it is mapped.
        if written.is_some_and(|(stamp, seen_ns)| stamp.is_after(seen_ns)) && !key.is_memfd() {
            opened.give_up();
        }
        self.with(|all| {
            all.open += u64::from(opened.file.is_some());
            if opened.file.is_some() || all.files.len() < MAX_FAILED {
                all.files.insert(key, opened);
            }
        });
    }

    /// Opens the file that a process maps: that very mapping where this is permitted, else its path as
    /// the process sees it.
    fn open_mapped(&mut self, key: &FileKey, pid: u32, start: u64, end: u64) -> Opened {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        self.keep_root(&folder);
        let mapped = folder.join(format!("map_files/{start:x}-{end:x}"));
        let target = std::fs::read_link(&mapped);
        let is_same = target.is_ok_and(|target| plain(target.as_os_str().as_bytes()) == key.path);
        if let Ok(found) = find(&mapped)
            && (is_same || found.is(key))
            && let Ok(file) = found.open()
        {
            return Opened::of(Some(Arc::new(file)), ModuleState::Read);
        }
        match open_root(&folder.join("root")) {
            Ok(root) => checked(find_in(&root, path_of(key)), key),
            // The process is gone, or another user's. Its file may be deleted next, so not later.
            Err(_) => self.open_by_path(key),
        }
    }

    /// Opens what lies at a path, below the recorder's root or one of those that processes had: where
    /// the device agrees too, before any other.
    fn open_by_path(&self, key: &FileKey) -> Opened {
        let path = path_of(key);
        let mut best = not_opened();
        let others = self.roots.iter().map(|(_, root)| find_in(root, path));
        for found in std::iter::once_with(|| find(path)).chain(others) {
            let is_certain = found.as_ref().is_ok_and(|found| found.is_certainly(key));
            let opened = checked(found, key);
            if is_certain && opened.file.is_some() {
                return opened;
            }
            let is_better = opened.file.is_some() || opened.state == ModuleState::Replaced;
            if best.file.is_none() && is_better {
                best = opened;
            }
        }
        best
    }

    fn keep_root(&mut self, folder: &Path) {
        let (Ok(namespace), Ok(root)) =
            (folder.join("ns/mnt").metadata(), folder.join("root").metadata())
        else {
            return;
        };
        let key = (namespace.ino(), root.dev(), root.ino());
        if self.roots.len() < MAX_ROOTS && !self.roots.iter().any(|(known, _)| *known == key) {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            if let Ok(root) = open(folder.join("root"), flags, Mode::empty()) {
                self.roots.push((key, root));
            }
        }
    }

    fn open_perf_map(&self, pid: u32) {
        let known = self.with(|all| all.perf_maps.get(&pid).is_some_and(|map| map.file.is_some()));
        if known || self.with(|all| all.open >= self.max_open) {
            return;
        }
        let opened = match perf_maps::open(pid, self.owners.of(pid)) {
            Ok(Some(file)) => Opened::of(Some(Arc::new(file)), ModuleState::Read),
            Ok(None) => Opened::of(None, ModuleState::Replaced),
            Err(_) => not_opened(),
        };
        self.with(|all| {
            all.open += u64::from(opened.file.is_some());
            all.perf_maps.insert(pid, opened);
        });
    }
}

fn path_of(key: &FileKey) -> &Path {
    Path::new(OsStr::from_bytes(&key.path))
}
