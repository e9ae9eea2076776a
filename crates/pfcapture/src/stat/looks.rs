//! What `/proc` tells of processes: counters on CPUs do not tell them apart.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use procfs::FromRead;
use procfs::process::Stat;

use super::counters::Faults;
use crate::Error;

/// Faults of one process between the first and the last look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessFaults {
    /// Process.
    pub pid: u32,
    /// Its name at the last look.
    pub comm: String,
    /// Minor faults, those included that perf does not see (`mlock`, `MAP_POPULATE`).
    pub minor: u64,
    /// Major faults, likewise.
    pub major: u64,
    /// It was gone at the end: what it did after the last look at it is not in here.
    pub gone: bool,
}

impl ProcessFaults {
    /// All faults.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.minor + self.major
    }
}

/// Faults by process, as `/proc` has them. The recorder is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Processes {
    /// Processes that faulted, those with most faults first.
    pub rows: Vec<ProcessFaults>,
    /// Processes that are gone and had few faults: how many.
    pub folded: u64,
    /// Their minor faults.
    pub folded_minor: u64,
    /// Their major faults.
    pub folded_major: u64,
}

impl Processes {
    /// What the counters have beyond the processes: minor and major faults. Those of processes that
    /// were not there when `/proc` was looked at add to it; those that only `/proc` counts take from
    /// it.
    #[must_use]
    pub fn remainder(&self, counted: Faults) -> (i64, i64) {
        let sum = |of: fn(&ProcessFaults) -> u64| self.rows.iter().map(of).sum::<u64>();
        let less = |counted: u64, known: u64| counted.wrapping_sub(known).cast_signed();
        (
            less(counted.minor, sum(|row| row.minor) + self.folded_minor),
            less(counted.major, sum(|row| row.major) + self.folded_major),
        )
    }
}

/// Processes that are gone: beyond this many, those with few faults lose their names.
const GONE_MAX: usize = 10_000;
/// So many keep them.
const GONE_KEPT: usize = 1000;

/// A process at the last look. A pid alone may be used again.
#[derive(Debug)]
struct Seen {
    started: u64,
    comm: String,
    /// At the first look; zero for those that came later.
    base: (u64, u64),
    latest: (u64, u64),
    look: u64,
}

impl Seen {
    fn faults(&self, pid: u32, gone: bool) -> ProcessFaults {
        ProcessFaults {
            pid,
            comm: self.comm.clone(),
            minor: self.latest.0.saturating_sub(self.base.0),
            major: self.latest.1.saturating_sub(self.base.1),
            gone,
        }
    }
}

/// Looks at every process of the machine.
#[derive(Debug)]
pub struct Looks {
    proc_root: PathBuf,
    own_pid: u32,
    looks: u64,
    alive: HashMap<u32, Seen>,
    gone: Processes,
}

impl Looks {
    /// The first look: only what processes fault from now on counts.
    #[must_use]
    pub fn first() -> Self {
        Self::at("/proc".into(), std::process::id())
    }

    fn at(proc_root: PathBuf, own_pid: u32) -> Self {
        let (alive, gone) = (HashMap::new(), Processes::default());
        let mut first = Self { proc_root, own_pid, looks: 0, alive, gone };
        first.look();
        first
    }

    /// Looks again.
    pub fn look(&mut self) {
        self.looks += 1;
        let entries = std::fs::read_dir(&self.proc_root).into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        for pid in pids.filter(|&pid| pid != self.own_pid) {
            // Gone since it was listed.
            let Some(stat) = stat_of(&self.proc_root, pid) else { continue };
            let latest = (stat.minflt, stat.majflt);
            let base = if self.looks == 1 { latest } else { (0, 0) };
            let fresh =
                Seen { started: stat.starttime, comm: stat.comm, base, latest, look: self.looks };
            match self.alive.get_mut(&pid) {
                Some(seen) if seen.started == fresh.started => {
                    *seen = Seen { base: seen.base, ..fresh };
                }
                _ => {
                    if let Some(other) = self.alive.insert(pid, fresh) {
                        self.gone.rows.push(other.faults(pid, true));
                    }
                }
            }
        }
        let look = self.looks;
        let gone = self.alive.extract_if(|_, seen| seen.look < look);
        self.gone.rows.extend(gone.map(|(pid, seen)| seen.faults(pid, true)));
        self.gone.rows.retain(|row| row.total() > 0);
        if self.gone.rows.len() > GONE_MAX {
            self.gone.fold(GONE_KEPT);
        }
    }

    /// The faults between the first look and the last.
    #[must_use]
    pub fn into_processes(self) -> Processes {
        let mut processes = self.gone;
        let alive = self.alive.iter().map(|(&pid, seen)| seen.faults(pid, false));
        processes.rows.extend(alive.filter(|row| row.total() > 0));
        processes.sort();
        processes
    }
}

impl Processes {
    fn sort(&mut self) {
        self.rows.sort_by_key(|row| (std::cmp::Reverse(row.total()), row.pid));
    }

    fn fold(&mut self, keep: usize) {
        self.sort();
        for row in self.rows.drain(keep..) {
            self.folded += 1;
            self.folded_minor += row.minor;
            self.folded_major += row.major;
        }
    }
}

fn stat_of(proc_root: &Path, pid: u32) -> Option<Stat> {
    Stat::from_file(proc_root.join(pid.to_string()).join("stat")).ok()
}

/// The name of a process or thread; empty when it is gone.
#[must_use]
pub fn comm(id: u32) -> String {
    stat_of(Path::new("/proc"), id).map_or_else(String::new, |stat| stat.comm)
}

/// The threads asked for, each once.
///
/// # Errors
/// [`Error::NoSuchThread`].
pub fn distinct_threads(tids: &[u32]) -> Result<Vec<u32>, Error> {
    let mut distinct: Vec<u32> = Vec::new();
    for &tid in tids {
        if started(tid).is_none() {
            return Err(Error::NoSuchThread { tid });
        }
        if !distinct.contains(&tid) {
            distinct.push(tid);
        }
    }
    Ok(distinct)
}

/// When a thread was started, in the kernel's ticks; `None` when it has ended.
fn started(tid: u32) -> Option<u64> {
    // A thread has a folder there too, though none is listed.
    let stat = stat_of(Path::new("/proc"), tid)?;
    // Of a process as a whole, the first thread alone may have ended.
    (!matches!(stat.state, 'Z' | 'X')).then_some(stat.starttime)
}

/// Threads that may end.
#[derive(Debug)]
pub struct ThreadWatch {
    running: Vec<(u32, Option<u64>)>,
}

impl ThreadWatch {
    /// Watches threads.
    #[must_use]
    pub fn new(tids: &[u32]) -> Self {
        Self { running: tids.iter().map(|&tid| (tid, started(tid))).collect() }
    }

    /// Whether all have ended.
    pub fn all_gone(&mut self) -> bool {
        self.running.retain(|&(tid, start)| start.is_some() && started(tid) == start);
        self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `/proc` of made-up processes: pid, name, ticks of start, minor and major faults.
    fn write(root: &Path, processes: &[(u32, &str, u64, u64, u64)]) {
        for entry in std::fs::read_dir(root).unwrap() {
            std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
        }
        for (pid, comm, start, minor, major) in processes {
            let folder = root.join(pid.to_string());
            std::fs::create_dir(&folder).unwrap();
            let zeros = "0 ".repeat(30);
            let stat = format!(
                "{pid} ({comm}) S 1 1 1 0 -1 0 {minor} 9 {major} 9 0 0 0 0 20 0 1 0 {start} {zeros}"
            );
            std::fs::write(folder.join("stat"), stat).unwrap();
        }
    }

    #[test]
    fn processes_that_come_go_and_share_a_pid_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(
            root,
            &[
                (10, "stays", 1, 100, 5),
                (11, "goes", 2, 50, 0),
                (12, "idle", 2, 7, 7),
                (1, "me", 0, 9, 9),
            ],
        );
        let mut looks = Looks::at(root.into(), 1);
        write(
            root,
            &[
                (10, "stays", 1, 110, 6),
                (11, "goes", 2, 53, 0),
                (12, "idle", 2, 7, 7),
                (1, "me", 0, 99, 9),
            ],
        );
        looks.look();
        write(
            root,
            &[(10, "renamed", 1, 140, 6), (11, "came) (x", 3, 20, 1), (12, "idle", 2, 7, 7)],
        );
        looks.look();
        let processes = looks.into_processes();
        let row = |pid, comm: &str, minor, major, gone| ProcessFaults {
            pid,
            comm: comm.to_owned(),
            minor,
            major,
            gone,
        };
        let expected = [
            row(10, "renamed", 40, 1, false),
            row(11, "came) (x", 20, 1, false),
            row(11, "goes", 3, 0, true),
        ];
        assert_eq!(processes.rows, expected);
        let counted = Faults { minor: 70, major: 1, entries: 75 };
        assert_eq!(processes.remainder(counted), (7, -1));
    }

    #[test]
    fn small_processes_that_are_gone_are_folded_and_not_lost() {
        let row = |pid: u32| ProcessFaults {
            pid,
            comm: String::new(),
            minor: u64::from(pid),
            major: 1,
            gone: true,
        };
        let mut processes = Processes { rows: (1..=10).map(row).collect(), ..Processes::default() };
        processes.fold(2);
        assert_eq!(processes.rows, [row(10), row(9)]);
        assert_eq!((processes.folded, processes.folded_minor, processes.folded_major), (8, 36, 8));
        let counted = Faults { minor: 55, major: 10, entries: 65 };
        assert_eq!(processes.remainder(counted), (0, 0));
    }
}
