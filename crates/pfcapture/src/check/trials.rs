//! What a recording would do, tried on this process. Every event is opened disabled and closed at
//! once: nothing is counted or recorded.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use perf_event_open_sys::bindings as b;
use perf_event_open_sys::bindings::perf_event_attr;

use super::machine::{Machine, Tracefs, owner};
use crate::event::Plan;
use crate::event::tracepoint;
use crate::ring::{self, Rings};
use crate::session;
use crate::sys;
use crate::sys::Bound;
use crate::system::permission;

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// The kernel does it.
    Works,
    /// It refuses, with this errno.
    Refused(i32),
    /// There was nothing to try it with.
    Untried,
}

impl Trial {
    /// Whether it worked.
    #[must_use]
    pub fn works(self) -> bool {
        self == Self::Works
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("yes"),
            Self::Refused(errno) => write!(f, "no ({})", errno_words(*errno)),
            Self::Untried => f.write_str("not tried"),
        }
    }
}

/// What an errno means, without its number.
pub(super) fn errno_words(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}

impl<T> From<io::Result<T>> for Trial {
    fn from(result: io::Result<T>) -> Self {
        match result {
            Ok(_) => Self::Works,
            Err(error) => Self::Refused(error.raw_os_error().unwrap_or(0)),
        }
    }
}

/// A tracepoint: whether it is described, and whether it may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TracepointTrial {
    /// Group and name, as `signal/signal_generate`.
    pub name: &'static str,
    /// Reading its `format` file.
    pub readable: Trial,
    /// Opening it, with its payload.
    pub opens: Trial,
}

/// Another user's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// The process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Opening an event on it.
    pub events: Trial,
    /// Reading its mappings.
    pub maps: Trial,
}

/// Ring buffers on all CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    /// Wanted by default, for each CPU.
    pub wanted_bytes: usize,
    /// What can be had; 0 when not even the smallest.
    pub possible_bytes: usize,
}

/// The results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trials {
    /// A software fault event on this process, user mode only.
    pub own: Trial,
    /// The same with kernel mode.
    pub kernel_mode: Trial,
    /// `PERF_FORMAT_LOST` (Linux 6.0).
    pub lost_counts: Trial,
    /// `PERF_SAMPLE_DATA_PAGE_SIZE` (Linux 5.11).
    pub page_size: Trial,
    /// Events that follow threads but not processes (Linux 5.13).
    pub inherit_thread: Trial,
    /// All processes of a CPU, user mode only.
    pub system_user_mode: Trial,
    /// All processes of a CPU, kernel mode included.
    pub system: Trial,
    /// The own control group.
    pub cgroup: Trial,
    /// `PROCMAP_QUERY` (Linux 6.11).
    pub procmap_query: Trial,
    /// The tracepoints that recordings use.
    pub tracepoints: Vec<TracepointTrial>,
    /// Another user's process, when one runs that can be seen.
    pub foreign: Option<Foreign>,
    /// Ring buffers; `None` when no event opens at all.
    pub ring: Option<Ring>,
    /// CPUs that are online.
    pub cpus: Option<usize>,
    /// Events on each thread and CPU.
    pub events_per_thread: Option<usize>,
}

/// The tracepoints that recordings use.
pub const TRACEPOINTS: [&str; 10] = [
    "exceptions/page_fault_user",
    "exceptions/page_fault_kernel",
    "signal/signal_generate",
    "oom/mark_victim",
    "syscalls/sys_enter_munmap",
    "syscalls/sys_exit_munmap",
    "syscalls/sys_enter_mremap",
    "syscalls/sys_exit_mremap",
    "syscalls/sys_enter_madvise",
    "syscalls/sys_exit_madvise",
];

impl Trials {
    /// Tries everything; `root` is where `machine` was read.
    #[must_use]
    pub fn run(machine: &Machine, root: &Path) -> Self {
        let cpus = ring::online_cpus().ok();
        let cpu = cpus.as_ref().and_then(|cpus| cpus.first()).copied().unwrap_or(0);
        let faults = || software(b::PERF_COUNT_SW_PAGE_FAULTS);
        let on_self = |change: &dyn Fn(&mut perf_event_attr)| {
            let mut attr = faults();
            attr.set_exclude_kernel(1);
            change(&mut attr);
            Trial::from(sys::perf_event_open(&attr, Bound::Thread(0), None, None))
        };
        let on_cpu = |exclude_kernel| {
            let mut attr = faults();
            attr.set_exclude_kernel(exclude_kernel);
            Trial::from(sys::perf_event_open(&attr, Bound::Everything, Some(cpu), None))
        };
        let own = on_self(&|_| {});
        Self {
            own,
            kernel_mode: on_self(&|attr| attr.set_exclude_kernel(0)),
            lost_counts: on_self(&|attr| attr.read_format = b::PERF_FORMAT_LOST.into()),
            page_size: on_self(&|attr| {
                attr.sample_type |= u64::from(b::PERF_SAMPLE_ADDR | b::PERF_SAMPLE_DATA_PAGE_SIZE);
            }),
            inherit_thread: on_self(&|attr| {
                attr.set_inherit(1);
                attr.set_inherit_thread(1);
            }),
            system_user_mode: on_cpu(1),
            system: on_cpu(0),
            cgroup: machine.cgroup.as_ref().map_or(Trial::Untried, |cgroup| {
                let folder = match File::open(&cgroup.path) {
                    Ok(folder) => folder,
                    Err(error) => return Trial::from(Err::<(), _>(error)),
                };
                let bound = Bound::Cgroup(folder.as_fd());
                Trial::from(sys::perf_event_open(&faults(), bound, Some(cpu), None))
            }),
            procmap_query: File::open(root.join("proc/self/maps"))
                .map_or(Trial::Untried, |maps| Trial::from(sys::mapping_at(maps.as_fd(), 0))),
            tracepoints: tracepoints(machine, root, cpu),
            foreign: foreign(machine, root),
            ring: own.works().then(|| cpus.as_deref().map(ring_trial)).flatten(),
            events_per_thread: permission::probe()
                .ok()
                .map(|(can, _)| Plan::of(can).events().count()),
            cpus: cpus.map(|cpus| cpus.len()),
        }
    }

    /// The tracepoint of that name.
    #[must_use]
    pub fn tracepoint(&self, name: &str) -> Option<&TracepointTrial> {
        self.tracepoints.iter().find(|tracepoint| tracepoint.name == name)
    }

    /// Threads that can be recorded one by one before the descriptors are used up.
    #[must_use]
    pub fn threads(&self, machine: &Machine) -> Option<u64> {
        let per_thread = u64::try_from(self.events_per_thread? * self.cpus?).ok()?;
        machine.descriptors?.checked_div(per_thread)
    }
}

fn attr(event_type: b::perf_type_id, config: u64) -> perf_event_attr {
    let mut attr = perf_event_attr {
        type_: event_type,
        size: u32::try_from(size_of::<perf_event_attr>()).unwrap_or(0),
        config,
        sample_type: u64::from(b::PERF_SAMPLE_TID | b::PERF_SAMPLE_TIME),
        ..perf_event_attr::default()
    };
    attr.__bindgen_anon_1.sample_period = 1;
    attr.set_disabled(1);
    attr.set_exclude_hv(1);
    attr
}

fn software(config: b::perf_sw_ids) -> perf_event_attr {
    attr(b::PERF_TYPE_SOFTWARE, config.into())
}

fn tracepoints(machine: &Machine, root: &Path, cpu: u32) -> Vec<TracepointTrial> {
    let tracefs = match &machine.tracefs {
        Tracefs::Mounted(path) => path.as_path(),
        _ => tracepoint::tracefs_root(),
    };
    let tracefs = root.join(tracefs.strip_prefix("/").unwrap_or(tracefs));
    let trial = |name: &'static str| {
        let text = std::fs::read_to_string(tracefs.join("events").join(name).join("format"));
        let id = text.as_deref().ok().and_then(tracepoint::parse_id);
        let opens = id.map_or(Trial::Untried, |id| {
            let mut attr = attr(b::PERF_TYPE_TRACEPOINT, id);
            attr.sample_type |= u64::from(b::PERF_SAMPLE_RAW);
            // The OOM killer runs in whichever task asks for memory.
            let (bound, cpu) = if name.starts_with("oom/") {
                (Bound::Everything, Some(cpu))
            } else {
                (Bound::Thread(0), None)
            };
            Trial::from(sys::perf_event_open(&attr, bound, cpu, None))
        });
        TracepointTrial { name, readable: text.into(), opens }
    };
    TRACEPOINTS.into_iter().map(trial).collect()
}

/// Other users' processes that are tried at most: some are protected, from root too.
const FOREIGN: usize = 16;

/// The process of another user that can be observed best.
fn foreign(machine: &Machine, root: &Path) -> Option<Foreign> {
    let own = machine.uid?;
    let names = std::fs::read_dir(root.join("proc")).ok()?.flatten();
    let mut pids: Vec<u32> = names.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let mut attr = software(b::PERF_COUNT_SW_PAGE_FAULTS);
    attr.set_exclude_kernel(1);
    let others = pids.into_iter().filter_map(|pid| {
        let uid = owner(root, pid).ok()?.filter(|&uid| uid != own)?;
        let events = sys::perf_event_open(&attr, Bound::Thread(pid), None, None).into();
        let maps = File::open(root.join(format!("proc/{pid}/maps"))).into();
        Some(Foreign { pid, uid, events, maps })
    });
    others.take(FOREIGN).max_by_key(|other| (other.events.works(), other.maps.works()))
}

fn ring_trial(cpus: &[u32]) -> Ring {
    let wanted_bytes = session::default_ring_bytes(cpus.len());
    let rings = Rings::open(cpus, wanted_bytes, rustix::param::page_size());
    Ring { wanted_bytes, possible_bytes: rings.map_or(0, |rings| rings.bytes_per_cpu) }
}
