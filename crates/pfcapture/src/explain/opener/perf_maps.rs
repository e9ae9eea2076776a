//! Perf maps: anybody can write such a file for any process, since they lie where everybody may write.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::regular::{find_itself, folder_in, open_root};
use crate::system::clock::{boottime_ns, realtime_ns};
use crate::targets::processes::status_line;

/// Processes that are remembered.
const MAX_OWNERS: usize = 1 << 14;
/// The start of a process and the time of a write are known so well only: one tick of the kernel's clock
/// for user space each.
const SLACK_NS: u64 = 20_000_000;
/// Unit of the start of a process in `/proc/PID/stat`, in Linux on all machines.
const TICK_NS: u64 = 10_000_000;

/// Who runs a process, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Effective user.
    pub uid: u32,
    /// Start, nanoseconds since the epoch.
    pub start_ns: u64,
}

/// What is remembered of processes that may be gone.
#[derive(Debug)]
pub struct Owners {
    known: FxHashMap<u32, Owner>,
    last: u32,
    /// What is taken for those that were gone when they were first heard of: they are the recorder's own
    /// user's, and since when is not known.
    default: Owner,
}

impl Owners {
    /// None is known.
    pub fn new() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let default = Owner { uid, start_ns: 0 };
        Self { known: FxHashMap::default(), last: 0, default }
    }

    /// Remembers a process.
    pub fn meet(&mut self, pid: u32) {
        if pid == self.last {
            return;
        }
        self.last = pid;
        if let Some(owner) = owner(&PathBuf::from(format!("/proc/{pid}"))) {
            if self.known.len() >= MAX_OWNERS {
                self.known.clear();
            }
            self.known.insert(pid, owner);
        }
    }

    /// What is known of a process.
    pub fn of(&self, pid: u32) -> Owner {
        let now = owner(&PathBuf::from(format!("/proc/{pid}")));
        now.or_else(|| self.known.get(&pid).copied()).unwrap_or(self.default)
    }
}

/// Who runs a process, by its folder.
fn owner(folder: &Path) -> Option<Owner> {
    // A name may be of any bytes.
    let text = |name| std::fs::read(folder.join(name)).ok();
    let (status, stat) = (text("status")?, text("stat")?);
    let (status, stat) = (String::from_utf8_lossy(&status), String::from_utf8_lossy(&stat));
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let uid = uids.split_whitespace().nth(1)?.parse().ok()?;
    // The name in front may hold anything. The start is field 22, state behind the name field 3.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let age_ns = boottime_ns().saturating_sub(ticks.saturating_mul(TICK_NS));
    Some(Owner { uid, start_ns: realtime_ns().saturating_sub(age_ns) })
}

/// Opens the perf map of a process; `None` if there is one that is not to be believed.
///
/// # Errors
/// There is none; what the system refuses.
pub fn open(pid: u32, owner: Owner) -> io::Result<Option<File>> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    // It is named by the number that the process itself knows.
    let name = format!("perf-{}.map", own_number(&folder).unwrap_or(pid));
    match open_root(&folder.join("root")).and_then(|root| open_in(&root, &name, owner)) {
        Err(_) => open_in(&open_root(Path::new("/"))?, &name, owner),
        opened => opened,
    }
}

fn open_in(root: &OwnedFd, name: &str, owner: Owner) -> io::Result<Option<File>> {
    let folder = folder_in(root, Path::new("tmp"))?;
    // That there is something else is a reason not to believe in it.
    let found = match find_itself(&folder, name) {
        Err(error) if error.kind() == io::ErrorKind::Other => return Ok(None),
        found => found?,
    };
    let file = found.open()?;
    Ok(is_of(&file, owner)?.then_some(file))
}

/// Whether a file was written by the process, as far as owner and time tell.
fn is_of(file: &File, owner: Owner) -> io::Result<bool> {
    let meta = file.metadata()?;
    let written_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    let is_new = written_ns + i128::from(SLACK_NS) >= i128::from(owner.start_ns);
    // With more names it may be any file of that user, put there by another one.
    Ok(is_new && meta.nlink() <= 1 && (meta.uid() == owner.uid || meta.uid() == 0))
}

/// The number of a process in its own pid namespace: the last of `NSpid`.
fn own_number(folder: &Path) -> Option<u32> {
    let status = String::from_utf8_lossy(&std::fs::read(folder.join("status")).ok()?).into_owned();
    status_line(&status, "NSpid:")?.split_whitespace().next_back()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_perf_map_is_named_by_the_number_that_its_process_knows() {
        let folder = tempfile::tempdir().unwrap();
        let status = "Name:\ta\nNSpid:\t4711\t33\t7\nNSpgid:\t1\n";
        std::fs::write(folder.path().join("status"), status).unwrap();
        assert_eq!(own_number(folder.path()), Some(7));
        std::fs::write(folder.path().join("status"), "Name:\ta\n").unwrap();
        assert_eq!(own_number(folder.path()), None);
    }

    #[test]
    fn who_runs_a_process_is_told_by_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write("status", "Name:\ta\nUid:\t1\t77\t3\t4\n").unwrap();
        // It was started at the start of the machine.
        let zeros = "0 ".repeat(18);
        write("stat", &format!("1 (a) 9) R {zeros}0 7 7")).unwrap();
        let before_ns = realtime_ns() - boottime_ns();
        let found = owner(folder.path()).unwrap();
        assert_eq!(found.uid, 77);
        assert!(found.start_ns.abs_diff(before_ns) < 60_000_000_000);
        write("stat", "1 (a) R 1").unwrap();
        assert_eq!(owner(folder.path()), None);
    }

    #[test]
    fn a_perf_map_is_believed_only_if_the_process_may_have_written_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("tmp")).unwrap();
        let path = root.path().join("tmp/perf-1.map");
        std::fs::write(&path, "1000 10 name\n").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1000)).unwrap();
        let uid = file.metadata().unwrap().uid();
        let fd = open_root(root.path()).unwrap();
        let second = 1_000_000_000;
        let believed = |name: &str, uid, start_ns| {
            open_in(&fd, name, Owner { uid, start_ns }).map(|file| file.is_some()).ok()
        };
        assert_eq!(believed("perf-1.map", uid, 999 * second), Some(true));
        assert_eq!(believed("perf-1.map", uid, 1001 * second), Some(false));
        // That of root is believed, that of another user not.
        assert_eq!(believed("perf-1.map", uid + 1, 999 * second), Some(uid == 0));
        if uid == 0 {
            std::os::unix::fs::chown(&path, Some(5), None).unwrap();
            assert_eq!(believed("perf-1.map", 6, 999 * second), Some(false));
            assert_eq!(believed("perf-1.map", 5, 999 * second), Some(true));
        }
        std::os::unix::fs::symlink("perf-1.map", root.path().join("tmp/perf-2.map")).unwrap();
        assert_eq!(believed("perf-2.map", uid, 0), Some(false));
        assert_eq!(believed("perf-3.map", uid, 0), None);
        std::fs::hard_link(&path, root.path().join("tmp/perf-4.map")).unwrap();
        let owner = file.metadata().unwrap().uid();
        assert_eq!(believed("perf-4.map", owner, 999 * second), Some(false));
    }
}
