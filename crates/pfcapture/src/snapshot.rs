//! Snapshots of `/proc/PID/maps`, taken on a thread of their own: reading them waits for the target's
//! mmap lock, and the rings must not wait.

pub(crate) mod stack_pointers;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use pft::record::{CgroupRecord, Snapshot, SnapshotReason, StackPointerRecord, Vma};
use procfs::FromRead;
use procfs::process::{MMPermissions, MemoryMaps};

use crate::explain::Opener;
use crate::sys;
use crate::system::clock;
use crate::system::privileges::{self, Work};
use crate::targets::cgroups;
use crate::targets::processes;
use crate::targets::processes::threads_of;

/// Reads the maps of `pid` below a `/proc` root.
///
/// # Errors
/// When the process is gone, may not be read, or its maps are unlike what is known.
pub fn take(proc_root: &Path, pid: u32, reason: SnapshotReason) -> io::Result<Snapshot> {
    let start_ns = clock::monotonic_ns();
    let text = std::fs::read(proc_root.join(pid.to_string()).join("maps"))?;
    let end_ns = clock::monotonic_ns();
    Ok(Snapshot { pid, start_ns, end_ns, reason, vmas: parse_maps(&text)? })
}

/// The lines of a `/proc/PID/maps`.
///
/// # Errors
/// When one of them is unlike what is known.
pub fn parse_maps(text: &[u8]) -> io::Result<Vec<Vma>> {
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(parse_line).collect()
}

/// Asks the kernel for the mappings at some addresses of `pid`, without reading all of its maps.
///
/// # Errors
/// When the process is gone, may not be read, or the kernel does not know the question.
pub fn query(proc_root: &Path, pid: u32, addrs: &[u64]) -> io::Result<Snapshot> {
    let maps = File::open(proc_root.join(pid.to_string()).join("maps"))?;
    let start_ns = clock::monotonic_ns();
    let mut vmas: Vec<Vma> = Vec::new();
    for &addr in addrs {
        if !vmas.iter().any(|vma| (vma.start..vma.end).contains(&addr)) {
            vmas.extend(sys::mapping_at(maps.as_fd(), addr)?);
        }
    }
    vmas.sort_by_key(|vma| vma.start);
    // Between two questions a mapping may have changed.
    vmas.dedup_by_key(|vma| vma.start);
    let end_ns = clock::monotonic_ns();
    Ok(Snapshot { pid, start_ns, end_ns, reason: SnapshotReason::Query, vmas })
}

/// One line. Paths are any bytes, so only the five fields before the path go through `procfs`.
fn parse_line(line: &[u8]) -> io::Result<Vma> {
    let unlike =
        || io::Error::other(format!("unknown maps line {:?}", line.escape_ascii().to_string()));
    let (fields, path) = split_fields(line);
    // The kernel writes one space between them. `procfs` takes a second one for an empty field, and what
    // comes later for the path.
    if fields.trim_ascii_end().windows(2).any(|pair| pair == b"  ") {
        return Err(unlike());
    }
    let maps = MemoryMaps::from_read(fields).map_err(|_| unlike())?;
    let map = maps.0.into_iter().next().ok_or_else(unlike)?;
    let has = |bit, value| if map.perms.contains(bit) { value } else { 0 };
    Ok(Vma {
        start: map.address.0,
        end: map.address.1,
        prot: has(MMPermissions::READ, 1)
            | has(MMPermissions::WRITE, 2)
            | has(MMPermissions::EXECUTE, 4),
        shared: map.perms.contains(MMPermissions::SHARED),
        file_offset: map.offset,
        dev_major: u32::try_from(map.dev.0).unwrap_or(0),
        dev_minor: u32::try_from(map.dev.1).unwrap_or(0),
        inode: map.inode,
        path: path.to_vec(),
    })
}

/// Splits behind the fifth field, the inode.
fn split_fields(line: &[u8]) -> (&[u8], &[u8]) {
    let mut fields = 0;
    let mut inside = false;
    for (at, &byte) in line.iter().enumerate() {
        if byte != b' ' && !inside {
            if fields == 5 {
                return line.split_at(at);
            }
            fields += 1;
        }
        inside = byte != b' ';
    }
    (line, &[])
}

/// A snapshot that was asked for.
#[derive(Debug)]
pub struct Taken {
    /// Process.
    pub pid: u32,
    /// When reading ended.
    pub end_ns: u64,
    /// How long it took.
    pub took_ns: u64,
    /// The snapshot, or why there is none.
    pub result: io::Result<Snapshot>,
    /// Threads and their names, for the first snapshot of a process.
    pub names: Vec<(u32, Vec<u8>)>,
    /// Where the stacks of waiting threads are, for the first snapshot of a process and the last.
    pub stack_pointers: Vec<StackPointerRecord>,
    /// In which control group the process was just before, unless the kernel was asked for single addresses.
    pub cgroup: Option<CgroupRecord>,
    /// How long looking for both took.
    pub beside_ns: u64,
}

/// A process that was looked at for its control group alone.
#[derive(Debug)]
pub struct Seen {
    /// Its group; `None` if it is gone.
    pub cgroup: Option<CgroupRecord>,
    /// How long that took.
    pub took_ns: u64,
}

impl Seen {
    fn of(pid: u32) -> Self {
        let begin_ns = clock::monotonic_ns();
        let cgroup = cgroups::read(Path::new("/proc"), pid);
        Self { cgroup, took_ns: clock::monotonic_ns() - begin_ns }
    }
}

impl Taken {
    /// Takes a snapshot on this thread.
    #[must_use]
    pub fn now(pid: u32, reason: SnapshotReason) -> Self {
        Self::of(&Request { pid, reason, addrs: Vec::new() })
    }

    fn of(request: &Request) -> Self {
        let &Request { pid, reason, .. } = request;
        let proc_root = Path::new("/proc");
        let first_ns = clock::monotonic_ns();
        let cgroup = match reason {
            SnapshotReason::Query => None,
            _ => cgroups::read(proc_root, pid),
        };
        let begin_ns = clock::monotonic_ns();
        let asked = (reason == SnapshotReason::Query)
            .then(|| query(proc_root, pid, &request.addrs))
            .and_then(Result::ok);
        let result = match asked {
            Some(snapshot) => Ok(snapshot),
            // Before Linux 6.11.
            None if reason == SnapshotReason::Query => {
                take(proc_root, pid, SnapshotReason::UnknownAddress)
            }
            None => take(proc_root, pid, reason),
        };
        let end_ns = clock::monotonic_ns();
        let names = match reason {
            SnapshotReason::Start => names(pid),
            _ => Vec::new(),
        };
        let stacks_begin_ns = clock::monotonic_ns();
        let stack_pointers = match reason {
            SnapshotReason::Start | SnapshotReason::End => stack_pointers::read(proc_root, pid),
            _ => Vec::new(),
        };
        let stacks_ns = clock::monotonic_ns() - stacks_begin_ns;
        let (took_ns, beside_ns) = (end_ns - begin_ns, begin_ns - first_ns + stacks_ns);
        Self { pid, end_ns, took_ns, result, names, stack_pointers, cgroup, beside_ns }
    }
}

fn names(pid: u32) -> Vec<(u32, Vec<u8>)> {
    let threads = threads_of(pid).unwrap_or_default().into_iter();
    threads
        .map(|tid| (tid, processes::comm(pid, tid)))
        .filter(|(_, comm)| !comm.is_empty())
        .collect()
}

/// A snapshot to be taken.
#[derive(Debug)]
struct Request {
    pid: u32,
    reason: SnapshotReason,
    /// With [`SnapshotReason::Query`]: what is to be found.
    addrs: Vec<u64>,
}

/// What the thread is asked for.
#[derive(Debug)]
enum Task {
    Snapshot(Request),
    Cgroup(u32),
}

/// The thread that takes snapshots.
#[derive(Debug)]
pub struct Snapshotter {
    tasks: Sender<Task>,
    taken: Receiver<Taken>,
    seen: Receiver<Seen>,
    waiting: HashSet<u32>,
}

impl Snapshotter {
    /// Starts it. Files that a snapshot shows are opened by `opener` at once.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(opener: Option<Opener>) -> io::Result<Self> {
        let (tasks, inbox) = channel::<Task>();
        let (outbox, taken) = channel();
        let (seen_outbox, seen) = channel();
        std::thread::Builder::new().name("snapshots".into()).spawn(move || {
            privileges::begin(Work::Looking);
            for task in inbox {
                let request = match task {
                    Task::Snapshot(request) => request,
                    Task::Cgroup(pid) => {
                        // Who asked is gone: the next snapshot tells.
                        let _ = seen_outbox.send(Seen::of(pid));
                        continue;
                    }
                };
                let taken = Taken::of(&request);
                if let (Some(opener), Ok(snapshot)) = (&opener, &taken.result) {
                    opener.look_at_vmas(snapshot.pid, &snapshot.vmas);
                }
                if outbox.send(taken).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { tasks, taken, seen, waiting: HashSet::new() })
    }

    /// Asks for the control group of a process.
    pub fn look_at_cgroup(&self, pid: u32) {
        // The thread takes requests until the sender is gone.
        let _ = self.tasks.send(Task::Cgroup(pid));
    }

    /// The control groups that were looked at since the last call.
    pub fn collect_cgroups(&self) -> Vec<Seen> {
        self.seen.try_iter().collect()
    }

    /// Asks for the mappings at `addrs` only; otherwise as [`Snapshotter::request`].
    #[must_use]
    pub fn query(&mut self, pid: u32, addrs: Vec<u64>) -> bool {
        self.send(Request { pid, reason: SnapshotReason::Query, addrs })
    }

    /// Asks for a snapshot; `false` when one of that process is still under way, which may have been
    /// read before the reason for this one arose.
    #[must_use]
    pub fn request(&mut self, pid: u32, reason: SnapshotReason) -> bool {
        self.send(Request { pid, reason, addrs: Vec::new() })
    }

    fn send(&mut self, request: Request) -> bool {
        let pid = request.pid;
        if !self.waiting.insert(pid) {
            return false;
        }
        if self.tasks.send(Task::Snapshot(request)).is_err() {
            self.waiting.remove(&pid);
        }
        true
    }

    /// What has been taken since the last call.
    pub fn collect(&mut self) -> Vec<Taken> {
        let taken: Vec<Taken> = self.taken.try_iter().collect();
        for one in &taken {
            self.waiting.remove(&one.pid);
        }
        taken
    }

    /// Waits for all that is under way, but no longer than `patience` for each: a target that is stuck with
    /// its mmap lock held must not keep the recording from its end.
    pub fn wait_all(&mut self, patience: Duration) -> Vec<Taken> {
        let mut taken = Vec::new();
        while !self.waiting.is_empty() {
            let Ok(one) = self.taken.recv_timeout(patience) else { break };
            self.waiting.remove(&one.pid);
            taken.push(one);
        }
        taken
    }
}
