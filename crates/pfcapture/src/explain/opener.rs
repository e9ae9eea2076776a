//! Opens the files of modules, and perf maps, on a thread of its own: a file system may take its time.

use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{ffi::OsStr, io};

use pft::record::{MapRecord, ModuleState, Vma};
use rustc_hash::FxHashMap;
use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};

use super::modules::{FileKey, plain};

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

/// `PROT_EXEC`.
const EXEC: u32 = 4;
/// `OVERLAYFS_SUPER_MAGIC`: maps show inodes of a layer.
const OVERLAY: u64 = 0x794c_7630;

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The file.
    pub file: Option<Arc<File>>,
    /// Why there is none.
    pub state: ModuleState,
}

/// What is to be opened.
#[derive(Debug)]
enum Request {
    File {
        key: FileKey,
        pid: u32,
        start: u64,
        end: u64,
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
    perf_maps: FxHashMap<u32, Arc<File>>,
    open: u64,
}

/// The asking end; the thread ends with the last one.
#[derive(Debug, Clone)]
pub struct Opener {
    requests: Sender<Request>,
    files: Arc<Mutex<Files>>,
}

impl Opener {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start() -> io::Result<Self> {
        let (requests, inbox) = channel();
        let files = Arc::<Mutex<Files>>::default();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let mut worker = Worker {
            files: Arc::clone(&files),
            max_open: MAX_OPEN.min(limit.unwrap_or(u64::MAX) / SHARE_OPEN),
            roots: Vec::new(),
        };
        std::thread::Builder::new().name("opener".into()).spawn(move || worker.serve(&inbox))?;
        Ok(Self { requests, files })
    }

    /// Opens what maps as code.
    pub fn look_at_maps(&self, maps: &[MapRecord]) {
        for map in maps.iter().filter(|map| map.prot & EXEC != 0) {
            self.want(FileKey::of_map(map), map.pid, map.start, map.end);
        }
    }

    /// Likewise of a snapshot of a process.
    pub fn look_at_vmas(&self, pid: u32, vmas: &[Vma]) {
        for vma in vmas.iter().filter(|vma| vma.prot & EXEC != 0) {
            self.want(FileKey::of_vma(vma), pid, vma.start, vma.end);
        }
    }

    fn want(&self, key: FileKey, pid: u32, start: u64, end: u64) {
        if key.inode != 0 && key.path.starts_with(b"/") {
            // The thread takes requests until the sender is gone.
            let _ = self.requests.send(Request::File { key, pid, start, end });
        }
    }

    /// Opens the perf map of a process.
    pub fn want_perf_map(&self, pid: u32) {
        let _ = self.requests.send(Request::PerfMap(pid));
    }

    /// Tries those that are not open once more, by their path, and waits for all that was asked for.
    pub fn finish(&self, files: Vec<FileKey>, pids: Vec<u32>) {
        let (done, told) = channel();
        let _ = self.requests.send(Request::Rest { files, pids, done });
        // Without an answer, what is open has to do.
        let _ = told.recv_timeout(PATIENCE);
    }

    /// What became of a file; `None` if it was not tried.
    pub fn file(&self, key: &FileKey) -> Option<Opened> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).files.get(key).cloned()
    }

    /// The perf map of a process.
    pub fn perf_map(&self, pid: u32) -> Option<Arc<File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).perf_maps.get(&pid).cloned()
    }
}

/// What tells one view of the file tree from another: mount namespace, device and inode of the root.
type RootKey = (u64, u64, u64);

struct Worker {
    files: Arc<Mutex<Files>>,
    max_open: u64,
    /// Roots of processes that may be gone.
    roots: Vec<(RootKey, OwnedFd)>,
}

impl Worker {
    fn serve(&mut self, inbox: &Receiver<Request>) {
        for request in inbox {
            match request {
                Request::File { key, pid, start, end } => {
                    if self.is_wanted(&key) {
                        let opened = self.open_mapped(&key, pid, start, end);
                        self.keep(key, opened);
                    }
                }
                Request::PerfMap(pid) => self.open_perf_map(pid),
                Request::Rest { files, pids, done } => {
                    for key in files.into_iter().filter(|key| self.is_wanted(key)) {
                        let opened = self.open_by_path(&key);
                        self.keep(key, opened);
                    }
                    pids.into_iter().for_each(|pid| self.open_perf_map(pid));
                    let _ = done.send(());
                }
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Files) -> T) -> T {
        act(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a file is not open yet, and may be.
    fn is_wanted(&self, key: &FileKey) -> bool {
        self.with(|all| {
            let is_open = all.files.get(key).is_some_and(|opened| opened.file.is_some());
            !is_open && all.open < self.max_open
        })
    }

    fn keep(&self, key: FileKey, opened: Opened) {
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
            return Opened { file: Some(Arc::new(file)), state: ModuleState::Read };
        }
        checked(find_below(&folder.join("root"), path_of(key)), key)
    }

    /// Opens what lies at a path, below one of the roots that processes had.
    fn open_by_path(&self, key: &FileKey) -> Opened {
        let path = path_of(key);
        let mut best = checked(find(path), key);
        for (_, root) in &self.roots {
            if best.file.is_some() {
                break;
            }
            let opened = checked(find_in(root, path), key);
            if opened.file.is_some() || opened.state == ModuleState::Replaced {
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
        if self.with(|all| all.perf_maps.contains_key(&pid) || all.open >= self.max_open) {
            return;
        }
        let folder = PathBuf::from(format!("/proc/{pid}"));
        // It is named by the number that the process itself knows.
        let own_number = own_number(&folder).unwrap_or(pid);
        let path = PathBuf::from(format!("/tmp/perf-{own_number}.map"));
        let found = find_below(&folder.join("root"), &path).or_else(|_| find(&path));
        if let Ok(file) = found.and_then(|found| found.open()) {
            self.with(|all| {
                all.open += 1;
                all.perf_maps.insert(pid, Arc::new(file));
            });
        }
    }
}

/// A regular file that is not opened for reading yet: opening a device would do something.
struct Regular {
    fd: OwnedFd,
    dev: u64,
    ino: u64,
}

/// What lies at a path.
fn find(path: &Path) -> io::Result<Regular> {
    regular(open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// What lies at a path as a process with this root sees it, whatever symbolic links it has made.
fn find_in(root: &OwnedFd, path: &Path) -> io::Result<Regular> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    regular(openat2(root, path, flags, Mode::empty(), resolve)?)
}

/// The same by the name of that root.
fn find_below(root: &Path, path: &Path) -> io::Result<Regular> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    find_in(&open(root, flags, Mode::empty())?, path)
}

fn regular(fd: OwnedFd) -> io::Result<Regular> {
    let stat = rustix::fs::fstat(&fd)?;
    match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        rustix::fs::FileType::RegularFile => Ok(Regular { fd, dev: stat.st_dev, ino: stat.st_ino }),
        _ => Err(io::Error::other("not a regular file")),
    }
}

impl Regular {
    /// Whether it is the file of a mapping, as far as numbers tell.
    fn is(&self, key: &FileKey) -> bool {
        // The device of a mapping is another one than that of the file on some file systems.
        self.ino == key.inode
    }

    /// Whether it is certainly not.
    fn is_other(&self, key: &FileKey) -> bool {
        let layered = rustix::fs::fstatfs(&self.fd)
            .is_ok_and(|system| u64::try_from(system.f_type).is_ok_and(|kind| kind == OVERLAY));
        let device = rustix::fs::makedev(key.dev_major, key.dev_minor);
        // Where files lie in layers, maps may show device and inode of another layer.
        !self.is(key) && (self.dev == device || !layered)
    }

    fn open(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        Ok(open(path, flags, Mode::empty())?.into())
    }
}

/// What was found at the path of a file, if it is that file.
fn checked(found: io::Result<Regular>, key: &FileKey) -> Opened {
    let not_opened = Opened { file: None, state: ModuleState::NotOpened };
    match found {
        Ok(found) if found.is_other(key) => Opened { file: None, state: ModuleState::Replaced },
        Ok(found) => match found.open() {
            Ok(file) => Opened { file: Some(Arc::new(file)), state: ModuleState::Read },
            Err(_) => not_opened,
        },
        Err(_) => not_opened,
    }
}

fn path_of(key: &FileKey) -> &Path {
    Path::new(OsStr::from_bytes(&key.path))
}

/// The number of a process in its own pid namespace: the last of `NSpid`.
fn own_number(folder: &Path) -> Option<u32> {
    let status = std::fs::read_to_string(folder.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().next_back()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use pft::record::SnapshotReason;

    use super::*;
    use crate::snapshot;

    /// A file at a path, as a mapping of it would be recorded.
    fn key(path: &Path, inode_of: &Path) -> FileKey {
        let meta = inode_of.metadata().unwrap();
        FileKey {
            dev_major: rustix::fs::major(meta.dev()),
            dev_minor: rustix::fs::minor(meta.dev()),
            inode: meta.ino(),
            path: path.as_os_str().as_bytes().to_vec(),
        }
    }

    fn state(opener: &Opener, key: &FileKey) -> (bool, ModuleState) {
        let opened = opener.file(key).unwrap();
        (opened.file.is_some(), opened.state)
    }

    #[test]
    fn what_a_process_runs_is_open_when_it_was_mapped() {
        let opener = Opener::start().unwrap();
        let own = std::process::id();
        let snapshot = snapshot::take(Path::new("/proc"), own, SnapshotReason::Start).unwrap();
        opener.look_at_vmas(own, &snapshot.vmas);
        opener.finish(Vec::new(), Vec::new());
        let exe = std::env::current_exe().unwrap();
        let code = snapshot
            .vmas
            .iter()
            .find(|vma| vma.prot & EXEC != 0 && vma.path == exe.as_os_str().as_bytes());
        let opened = opener.file(&FileKey::of_vma(code.unwrap())).unwrap();
        assert_eq!(opened.file.unwrap().metadata().unwrap().ino(), exe.metadata().unwrap().ino());
        // What is mapped without being run is left alone.
        let data = |vma: &&Vma| {
            let key = FileKey::of_vma(vma);
            let runs = snapshot
                .vmas
                .iter()
                .any(|other| other.prot & EXEC != 0 && FileKey::of_vma(other) == key);
            !runs
        };
        for vma in snapshot.vmas.iter().filter(data) {
            assert!(opener.file(&FileKey::of_vma(vma)).is_none());
        }
    }

    #[test]
    fn a_path_is_believed_only_if_it_leads_to_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("file"), folder.path().join("other"));
        let (gone, pipe) = (folder.path().join("gone"), folder.path().join("pipe"));
        std::fs::write(&file, "file").unwrap();
        std::fs::write(&other, "other").unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR).unwrap();
        let keys = [
            key(&file, &file),
            key(&file, &other),
            key(&gone, &file),
            // Opening one would wait for a writer.
            key(&pipe, &pipe),
        ];
        let opener = Opener::start().unwrap();
        opener.finish(keys.to_vec(), Vec::new());
        let states = keys.map(|key| state(&opener, &key));
        let expected = [
            (true, ModuleState::Read),
            (false, ModuleState::Replaced),
            (false, ModuleState::NotOpened),
            (false, ModuleState::NotOpened),
        ];
        assert_eq!(states, expected);
    }

    #[test]
    fn a_perf_map_is_named_by_the_number_that_its_process_knows() {
        let folder = tempfile::tempdir().unwrap();
        let status = "Name:\ta\nNSpid:\t4711\t33\t7\nNSpgid:\t1\n";
        std::fs::write(folder.path().join("status"), status).unwrap();
        assert_eq!(own_number(folder.path()), Some(7));
        std::fs::write(folder.path().join("status"), "Name:\ta\n").unwrap();
        assert_eq!(own_number(folder.path()), None);
    }
}
