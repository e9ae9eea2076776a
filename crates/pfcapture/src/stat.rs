//! Counts faults without recording them: no samples, no rings, no file.
//!
//! The kernel's counters stand on the threads of the target, or on CPUs for the whole machine and for
//! control groups. A counter on a thread includes what was counted in all that inherited it.

mod attach;
mod counters;
mod looks;
mod running;

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use crate::Error;
use crate::config::{Config, Target};
use crate::event::{Follow, Start};
use crate::ring;
use crate::session::end::{End, Watch};
use crate::sys::{Bound, Manner};
use crate::system::permission;
use crate::system::privileges::{self, Work};
use crate::targets::launch::Launched;
use crate::targets::processes;
use crate::targets::whom::{self, distinct};
use counters::Counters;
use looks::Looks;
use running::CountingRun;

pub use counters::Faults;
pub use looks::{ProcessFaults, Processes};

/// How counting was set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counting {
    /// Whom.
    pub target: Target,
    /// Processes or threads, each once, in the order asked for; empty for [`Target::System`] and
    /// [`Target::Cgroup`].
    pub ids: Vec<u32>,
    /// Threads that carry counters of their own; 0 when the counters are on CPUs.
    pub threads: usize,
    /// CPUs, when the counters are on them.
    pub cpus: usize,
    /// Faults in kernel mode are counted.
    pub kernel_mode: bool,
    /// They could be counted: not doing so is a wish.
    pub kernel_mode_allowed: bool,
    /// Threads that appeared while each pass of attaching was under way, so that some may not be
    /// counted, nor what they create.
    pub unsure_threads: usize,
    /// Processes that a target creates are counted with it.
    pub follow: bool,
    /// Counting begins so long after the start of the command.
    pub delay: Duration,
}

/// Faults of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Its end, since counting began.
    pub end: Duration,
    /// Its length.
    pub length: Duration,
    /// The faults.
    pub faults: Faults,
}

/// What is told while counting goes on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// It has begun.
    Started(&'a Counting),
    /// An interval is over.
    Interval(Interval),
}

/// Faults of one of the processes or threads asked for, with what it created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFaults {
    /// Process or thread.
    pub id: u32,
    /// Its name when counting began.
    pub comm: String,
    /// The faults.
    pub faults: Faults,
}

/// The command after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// CPU time in user mode, of it and of the descendants that it waited for, from its start to its
    /// end.
    pub user: Duration,
    /// CPU time in the kernel, likewise.
    pub system: Duration,
    /// Minor and major faults by getrusage(2), likewise. It counts those too that the kernel makes on
    /// a process's behalf (exec, `mlock`, `MAP_POPULATE`). `None` where it counts others as well: when
    /// the command was ended by the recorder, after the last look at the counters, when counting began
    /// late, and when descendants are left out.
    pub rusage: Option<(u64, u64)>,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// How it was set up.
    pub counting: Counting,
    /// Why it ended.
    pub end: End,
    /// How long it took.
    pub duration: Duration,
    /// It ended before faults were to be counted.
    pub in_delay: bool,
    /// All faults.
    pub faults: Faults,
    /// The same by process or thread asked for.
    pub targets: Vec<TargetFaults>,
    /// What `/proc` tells of every process; for [`Target::System`].
    pub processes: Option<Processes>,
    /// The command, if there was one and it has ended.
    pub command: Option<Finished>,
}

/// A command is not waited for longer than this.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Counts until the target ends, the duration is over, or SIGINT or SIGTERM comes. With `interval`,
/// `on` gets the faults of each, the last one cut short: they add up to the total. Of the
/// configuration, the target, the command, `follow`, `user_only`, duration and delay matter. Must be
/// called from the only thread of the process.
///
/// # Errors
/// Why nothing was counted.
pub fn stat(
    config: &Config,
    interval: Option<Duration>,
    mut on: impl FnMut(Progress<'_>),
) -> Result<Tally, Error> {
    permission::raise_descriptor_limit();
    let kernel_mode_allowed = counters::sees_kernel_mode()?;
    let kernel_mode = kernel_mode_allowed && !config.selection.user_only;
    let follow = match (&config.target, config.follow) {
        (Target::Threads(_), _) => Follow::None,
        (_, true) => Follow::All,
        (_, false) => Follow::Threads,
    };
    if follow == Follow::Threads && !counters::follow_threads_alone() {
        return Err(Error::NoFollow);
    }
    // Before anything else: a child inherits what is open and caught.
    let mut child = Child::fork(config)?;
    let ids = match &config.target {
        Target::Command => child.iter().map(|child| child.launched.pid).collect(),
        Target::Processes(pids) => distinct(pids)?,
        Target::Threads(tids) => looks::distinct_threads(tids)?,
        Target::System | Target::Cgroup(_) => Vec::new(),
    };
    let mut watch = match (&child, &config.target) {
        (Some(child), _) => Watch::new(&[child.launched.pid])?,
        (None, Target::Processes(_)) => Watch::new(&ids)?,
        (None, _) => Watch::new(&[])?,
    };
    let mut counters = Counters::new(ids.len(), follow, kernel_mode);
    let mut unsure_threads = 0;
    for (row, &id) in ids.iter().enumerate() {
        match config.target {
            Target::Command => {
                counters.open_thread(row, id, Start::OnExec)?;
            }
            Target::Threads(_) => {
                if !counters.open_thread(row, id, Start::Now)? {
                    return Err(Error::NoSuchThread { tid: id });
                }
            }
            _ => unsure_threads += attach::attach(row, id, &mut counters)?,
        }
    }
    let cpus = open_on_cpus(&config.target, &mut counters)?;
    let counting = Counting {
        target: config.target.clone(),
        threads: if cpus == 0 { counters.len() } else { 0 },
        cpus,
        kernel_mode,
        kernel_mode_allowed,
        unsure_threads,
        ids,
        follow: config.follow,
        delay: config.delay,
    };
    if let Some(duration) = config.duration {
        watch.end_after(config.delay.saturating_add(duration));
    }
    privileges::settle()?;
    privileges::keep_for(Work::Recording).map_err(Error::system("give up privileges"))?;
    let mut session = CountingRun::new(&counting, counters, watch, interval)?;
    on(Progress::Started(&counting));
    if let Some(child) = &mut child {
        child.launched.release()?;
    }
    let comms: Vec<String> = counting.ids.iter().map(|&id| looks::comm(id)).collect();
    let early = session.pass(config.delay)?;
    let end = match early {
        Some(end) => end,
        None => session.run(&mut on)?,
    };
    let (duration, rows) = session.close(&mut on)?;
    let targets = counting.ids.iter().zip(comms).zip(&rows);
    Ok(Tally {
        end,
        duration,
        in_delay: early.is_some(),
        faults: rows.iter().fold(Faults::default(), |sum, &row| sum + row),
        targets: targets.map(|((&id, comm), &faults)| TargetFaults { id, comm, faults }).collect(),
        processes: session.looks.map(Looks::into_processes),
        command: child.and_then(|child| child.finish(end, &counting)),
        counting,
    })
}

/// Opens the counters of targets that are not threads; how many CPUs carry them.
fn open_on_cpus(target: &Target, counters: &mut Counters) -> Result<usize, Error> {
    let folder = match target {
        Target::System => None,
        Target::Cgroup(name) => Some(whom::cgroup_folder(name)?),
        _ => return Ok(0),
    };
    let open = folder.as_ref().map(File::open).transpose();
    let open = open.map_err(Error::system("open the control group"))?;
    let cpus = ring::online_cpus().map_err(Error::system("list the CPUs"))?;
    for &cpu in &cpus {
        let bound = open.as_ref().map_or(Bound::Everything, |open| Bound::Cgroup(open.as_fd()));
        counters.open(0, (bound, Some(cpu)), Start::Now).map_err(|source| {
            match (source.raw_os_error(), &folder) {
                (Some(libc::EBADF | libc::EINVAL), Some(path)) => {
                    Error::NotPerfCgroup { path: path.clone(), source }
                }
                _ => permission::explain_cpu(source, "minor-faults"),
            }
        })?;
    }
    if *target == Target::System {
        counters.leave_out_own().map_err(Error::system("count the recorder's own faults"))?;
    }
    Ok(cpus.len())
}

/// The command and what it had faulted before its exec.
struct Child {
    launched: Launched,
    before: Option<(u64, u64)>,
}

impl Child {
    fn fork(config: &Config) -> Result<Option<Self>, Error> {
        if config.command.is_empty() {
            return Ok(None);
        }
        let manner = Manner { no_aslr: config.no_aslr, ..Manner::default() };
        let launched = Launched::fork(&config.command, manner)?;
        let before = processes::fault_totals(Path::new("/proc"), launched.pid);
        Ok(Some(Self { launched, before }))
    }

    /// Ends the command, if the end of counting was not its own, and tells how it ended.
    fn finish(mut self, end: End, counting: &Counting) -> Option<Finished> {
        if end != End::TargetExited {
            self.launched.terminate();
        }
        let reaped = self.launched.reap_within(END_PATIENCE)?;
        let comparable = end == End::TargetExited && counting.follow && counting.delay.is_zero();
        let before = self.before.filter(|_| comparable);
        Some(Finished {
            status: ExitStatus::from_raw(reaped.status),
            user: reaped.user,
            system: reaped.system,
            rusage: before.map(|(minor, major)| {
                let since = |now: u64, then: u64| now.saturating_sub(then);
                (since(reaped.minor_faults, minor), since(reaped.major_faults, major))
            }),
        })
    }
}
