//! From what was asked for to processes, threads and how to reach them.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use rustix::fs::{Mode, OFlags};

use crate::Error;
use crate::check::remedy;
use crate::config::{Config, Target};
use crate::drain::Scope;
use crate::event::{EventKind, Follow, Plan, Start, target_attr};
use crate::sys::{self, Bound};
use crate::targets::Targets;
use crate::targets::processes;
use crate::targets::processes::threads_of;

/// What the events are bound to.
#[derive(Debug)]
pub enum Reach {
    /// Threads, and whatever inherits from them.
    Threads,
    /// CPUs; whose faults count is decided afterwards.
    Cpus,
    /// CPUs, for the tasks of a control group: its folder.
    Cgroup(OwnedFd),
}

impl Reach {
    /// As the trace has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Threads => "thread",
            Self::Cpus => "cpu",
            Self::Cgroup(_) => "cgroup",
        }
    }
}

/// Whom to record, found on this machine.
#[derive(Debug)]
pub struct Whom {
    /// Processes that run, each once.
    pub pids: Vec<u32>,
    /// Where only single threads are wanted: these.
    pub tids: Vec<u32>,
    /// Folder of the control group.
    pub cgroup: Option<PathBuf>,
    /// How to reach them.
    pub reach: Reach,
    /// Whose records count.
    pub scope: Scope,
}

/// More descriptors than these are not opened for the sake of threads: opening them takes long, and
/// every thread that is created copies its share.
const MAX_DESCRIPTORS: usize = 16 << 10;
/// Descriptors that are needed for other things.
const SPARE_DESCRIPTORS: usize = 64;

/// Finds the targets. A command is not started yet.
///
/// # Errors
/// [`Error::NoSuchProcess`], [`Error::NotAProcess`], [`Error::NoCgroup`], [`Error::EmptyCgroup`],
/// [`Error::TooManyThreads`].
pub fn find(config: &Config, plan: &Plan, cpus: &[u32]) -> Result<Whom, Error> {
    let own_pid = std::process::id();
    let mut whom = Whom {
        pids: Vec::new(),
        tids: Vec::new(),
        cgroup: None,
        reach: Reach::Threads,
        scope: Scope::Followed { children: plan.follow == Follow::All },
    };
    match &config.target {
        Target::Command => {}
        Target::Processes(pids) => whom.pids = distinct(pids)?,
        Target::Threads(tids) => {
            for &tid in tids {
                let pid = processes::process_of(Path::new("/proc"), tid);
                let pid = pid.ok_or(Error::NoSuchThread { tid })?;
                push_new(&mut whom.pids, pid);
                push_new(&mut whom.tids, tid);
            }
        }
        Target::System => {
            whom.reach = Reach::Cpus;
            whom.scope = Scope::Others { own_pid };
        }
        Target::Cgroup(name) => {
            let folder = cgroup_folder(name)?;
            if let Some(open) = perf_cgroup(&folder, plan, cpus) {
                whom.reach = Reach::Cgroup(open);
                let mut members = Vec::new();
                collect_members(&folder, &mut members);
                whom.scope = Scope::Group { own_pid, members: members.into_iter().collect() };
            } else {
                collect_members(&folder, &mut whom.pids);
                whom.pids.retain(|&pid| pid != own_pid);
                if whom.pids.is_empty() {
                    return Err(Error::EmptyCgroup { path: folder, remedy: remedy::privileges() });
                }
            }
            whom.cgroup = Some(folder);
        }
    }
    // Single threads cannot be told apart once all of a process is seen.
    if plan.follow != Follow::None {
        let crowd = Crowd::of(&whom.pids, plan, cpus.len());
        if crowd.is_too_large() && may_watch_cpus(plan, cpus) {
            whom.reach = Reach::Cpus;
            let pids: FxHashSet<u32> = whom.pids.iter().copied().collect();
            whom.scope = Scope::Members { own_pid, pids, follow: plan.follow == Follow::All };
        } else if crowd.is_impossible() {
            let Crowd { threads, descriptors, limit } = crowd;
            return Err(Error::TooManyThreads { threads, descriptors, limit });
        }
    }
    Ok(whom)
}

/// The processes to attach to, each once.
///
/// # Errors
/// [`Error::NoSuchProcess`], [`Error::NotAProcess`].
pub fn distinct(pids: &[u32]) -> Result<Vec<u32>, Error> {
    let mut distinct: Vec<u32> = Vec::new();
    for &pid in pids {
        match processes::process_of(Path::new("/proc"), pid).ok_or(Error::NoSuchProcess { pid })? {
            process if process != pid => return Err(Error::NotAProcess { tid: pid, pid: process }),
            _ => push_new(&mut distinct, pid),
        }
    }
    Ok(distinct)
}

fn push_new(list: &mut Vec<u32>, number: u32) {
    if !list.contains(&number) {
        list.push(number);
    }
}

/// The threads of the targets, and what events on each of them take.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    threads: usize,
    descriptors: usize,
    limit: u64,
}

impl Crowd {
    fn of(pids: &[u32], plan: &Plan, cpus: usize) -> Self {
        let threads = pids.iter().filter_map(|&pid| threads_of(pid)).map(|t| t.len()).sum();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let descriptors = Targets::descriptors(plan, threads, cpus);
        Self { threads, descriptors, limit: limit.unwrap_or(u64::MAX) }
    }

    /// More descriptors than are good or allowed.
    fn is_too_large(self) -> bool {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        self.descriptors > MAX_DESCRIPTORS.min(limit.saturating_sub(SPARE_DESCRIPTORS))
    }

    /// More descriptors than there can be.
    fn is_impossible(self) -> bool {
        usize::try_from(self.limit).is_ok_and(|limit| self.descriptors > limit)
    }
}

fn may_watch_cpus(plan: &Plan, cpus: &[u32]) -> bool {
    let attr = target_attr(EventKind::Sideband, plan, Start::Now, 4096);
    sys::perf_event_open(&attr, Bound::Everything, cpus.first().copied(), None).is_ok()
}

/// The folder of a control group: as given, or below the places where control groups are mounted.
///
/// # Errors
/// [`Error::NoCgroup`].
pub fn cgroup_folder(name: &Path) -> Result<PathBuf, Error> {
    folder_below(name, Path::new("/sys/fs/cgroup"))
        .ok_or_else(|| Error::NoCgroup { path: name.to_owned() })
}

fn folder_below(name: &Path, mounts: &Path) -> Option<PathBuf> {
    let is_cgroup = |folder: &PathBuf| folder.join("cgroup.procs").exists();
    let relative = name.strip_prefix("/").unwrap_or(name);
    let below =
        ["perf_event", "unified", "", "memory"].map(|mount| mounts.join(mount).join(relative));
    std::iter::once(name.to_owned()).chain(below).find(is_cgroup)
}

/// The folder opened, if perf events can be bound to it: the hierarchy of the perf_event controller,
/// or version 2 where that controller is not in use elsewhere.
fn perf_cgroup(folder: &Path, plan: &Plan, cpus: &[u32]) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = rustix::fs::open(folder, flags, Mode::empty()).ok()?;
    let attr = target_attr(EventKind::Sideband, plan, Start::Now, 4096);
    let bound = Bound::Cgroup(open.as_fd());
    sys::perf_event_open(&attr, bound, cpus.first().copied(), None).ok()?;
    Some(open)
}

/// Processes of a control group and of those below it.
fn collect_members(folder: &Path, pids: &mut Vec<u32>) {
    let members = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    for pid in members.lines().filter_map(|line| line.trim().parse().ok()) {
        push_new(pids, pid);
    }
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        collect_members(&entry.path(), pids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_groups_below_belong_to_a_group() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("unified/web/cgroup.procs", "12\n13\n");
        put("unified/web/worker/cgroup.procs", "14\n12\n");
        let folder = folder_below(Path::new("/web"), root.path()).unwrap();
        assert_eq!(folder, root.path().join("unified/web"));
        assert_eq!(folder_below(Path::new("web"), root.path()), Some(folder.clone()));
        assert_eq!(folder_below(&folder, root.path()), Some(folder.clone()));
        assert_eq!(folder_below(Path::new("db"), root.path()), None);
        let mut pids = Vec::new();
        collect_members(&folder, &mut pids);
        assert_eq!(pids, [12, 13, 14]);
    }

    #[test]
    fn each_process_once_and_no_threads() {
        let own = std::process::id();
        assert_eq!(distinct(&[own, own]).unwrap(), [own]);
        assert!(matches!(distinct(&[own, u32::MAX]), Err(Error::NoSuchProcess { pid: u32::MAX })));
    }
}
