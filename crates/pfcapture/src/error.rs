//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use pft::text::printable_path;

/// Errors of a recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel's level refuses even one's own processes.
    #[error(
        "perf_event_paranoid too strict (kernel.perf_event_paranoid = {level}, 2 or less is needed): \
         run as root, or: sudo sysctl kernel.perf_event_paranoid=2"
    )]
    Paranoid {
        /// Value of `/proc/sys/kernel/perf_event_paranoid`.
        level: i32,
    },
    /// The program's file is set-user-id or set-group-id.
    #[error(
        "pfrecord must not be set-user-id or set-group-id: take that away (chmod ug-s), and see SECURITY.md \
         for how to run it without root"
    )]
    SetUserId,
    /// The number is that of a thread.
    #[error("{tid} is a thread of process {pid}: record the process with -p {pid}")]
    NotAProcess {
        /// The number asked for.
        tid: u32,
        /// Its process.
        pid: u32,
    },
    /// perf events work, but not on this process.
    #[error(
        "cannot observe process {pid}: it belongs to another user or is protected (setuid, not \
         dumpable): run as its owner{}", behind("; to observe others, ", .remedy)
    )]
    NotObservable {
        /// The process.
        pid: u32,
        /// What gives the privileges, as `--check` has it, where they are missing.
        remedy: Option<String>,
    },
    /// Nothing to unwind stacks by.
    #[error(
        "stacks cannot be unwound here: this kernel gives no user registers, or they are not known to \
         pfrecord: use --call-graph fp"
    )]
    NoUserRegs,
    /// Physical addresses are for the privileged.
    #[error(
        "the NUMA nodes of pages are found by their physical addresses, which the kernel shows to the \
         privileged only: leave --phys out{}", behind(", or ", .remedy)
    )]
    PageNodes {
        /// What gives the privileges, as `--check` has it, where they are missing.
        remedy: Option<String>,
    },
    /// There is no such thread.
    #[error("no thread with number {tid}: see ps -eL")]
    NoSuchThread {
        /// The number asked for.
        tid: u32,
    },
    /// There is no such control group.
    #[error(
        "no control group {}: give the folder that holds its cgroup.procs, as below /sys/fs/cgroup",
        printable_path(.path)
    )]
    NoCgroup {
        /// As asked for.
        path: PathBuf,
    },
    /// Events cannot be bound to the control group, and it holds no process to attach to.
    #[error(
        "no process in control group {}: it cannot be watched as a whole, only processes that are in it \
         at the start; for that it must be of the perf_event hierarchy, and the user privileged{}",
        printable_path(.path),
        behind(": ", .remedy)
    )]
    EmptyCgroup {
        /// Its folder.
        path: PathBuf,
        /// What gives the privileges, as `--check` has it, where they are missing.
        remedy: Option<String>,
    },
    /// Events cannot be bound to the control group.
    #[error(
        "cannot watch control group {}: it must be a folder of the hierarchy that perf_event belongs \
         to (v1: /sys/fs/cgroup/perf_event, otherwise v2)",
        printable_path(.path)
    )]
    NotPerfCgroup {
        /// Its folder.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Not permitted to watch other users' tasks.
    #[error(
        "not permitted to record all tasks of a CPU (kernel.perf_event_paranoid = {level}){}",
        behind(": ", .remedy)
    )]
    SystemWide {
        /// Value of `/proc/sys/kernel/perf_event_paranoid`; -1 when unreadable.
        level: i32,
        /// What gives the privileges, as `--check` has it, where they are missing.
        remedy: Option<String>,
    },
    /// The kernel is too old to leave child processes out.
    #[error(
        "--no-follow needs Linux 5.13 or later: this kernel hands events to child processes too"
    )]
    NoFollow,
    /// There is no such process.
    #[error("no process with PID {pid}: see ps -e")]
    NoSuchProcess {
        /// The number asked for.
        pid: u32,
    },
    /// The system call itself is refused.
    #[error(
        "perf_event_open is blocked here (seccomp profile, container or kernel lockdown): in a \
         container, allow it with --cap-add=PERFMON or --security-opt seccomp=unconfined"
    )]
    Blocked {
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel was built without perf events.
    #[error("this kernel has no perf events (CONFIG_PERF_EVENTS)")]
    NoPerfEvents,
    /// More threads than the limit of descriptors allows.
    #[error(
        "{threads} threads need {descriptors} file descriptors, and the limit is {limit}: raise it \
         with ulimit -n, record fewer threads, or run as root"
    )]
    TooManyThreads {
        /// Threads of the targets.
        threads: usize,
        /// Descriptors for their events.
        descriptors: usize,
        /// `RLIMIT_NOFILE`.
        limit: u64,
    },
    /// Too many descriptors for the limit.
    #[error(
        "out of file descriptors: all {limit} that the limit allows are open: raise it with \
         ulimit -n, or record fewer threads"
    )]
    Descriptors {
        /// `RLIMIT_NOFILE`.
        limit: u64,
    },
    /// Not even the smallest ring buffer can be locked.
    #[error(
        "cannot lock {bytes} bytes of ring buffer for a CPU (kernel.perf_event_mlock_kb and ulimit -l \
         bound it): sudo sysctl kernel.perf_event_mlock_kb=16384"
    )]
    RingMemory {
        /// Size that failed.
        bytes: usize,
        /// The kernel's answer.
        source: io::Error,
    },
    /// An event could not be opened for another reason.
    #[error("cannot open the {event} event on thread {tid}")]
    Open {
        /// Name of the event.
        event: &'static str,
        /// Thread.
        tid: u32,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The command could not be started.
    #[error("cannot start {command}")]
    Exec {
        /// Program, as [`pft::text::printable`] has it.
        command: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The output exists and may not be overwritten.
    #[error("{} exists: choose another name with -o, or overwrite it with -f", printable_path(.path))]
    OutputExists {
        /// Path.
        path: PathBuf,
    },
    /// The output exists and is a device, a pipe or a folder.
    #[error("{} is no regular file: a trace goes to a file of its own", printable_path(.path))]
    OutputNotRegular {
        /// Path.
        path: PathBuf,
    },
    /// Standard output is a terminal.
    #[error(
        "a trace is no text for a terminal: pipe or redirect standard output, or name a file with -o"
    )]
    OutputIsTerminal,
    /// The output could not be created.
    #[error("cannot create {}", printable_path(.path))]
    Output {
        /// Path.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Not even the header of the trace could be written.
    #[error("cannot write {}: no trace is left there", printable_path(.path))]
    NotBegun {
        /// Path.
        path: PathBuf,
        /// Cause.
        source: pft::Error,
    },
    /// The trace could not be written on.
    #[error(
        "cannot write {}: it ends after {bytes} bytes and is valid up to there, with {faults} faults{}",
        printable_path(.path),
        if *closed { " and the number of those that are missing" } else { "" }
    )]
    Write {
        /// Path.
        path: PathBuf,
        /// Bytes of whole frames in the file.
        bytes: u64,
        /// Faults in the file.
        faults: u64,
        /// Whether it ends with the ledger all the same.
        closed: bool,
        /// Cause.
        source: pft::Error,
    },
    /// The trace was removed while it was written.
    #[error("{} was removed while it was written: no trace is left there", printable_path(.path))]
    Removed {
        /// Path.
        path: PathBuf,
    },
    /// The trace was written, but may not stay.
    #[error(
        "cannot make sure that {} is on its disk: its {bytes} bytes are a whole trace, but may be gone \
         when the machine starts again", printable_path(.path)
    )]
    NotSettled {
        /// Path.
        path: PathBuf,
        /// Bytes of the trace.
        bytes: u64,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A mark has a name that cannot be sent.
    #[error("a mark needs a name of 1 to {max} bytes without NUL")]
    MarkName {
        /// Bytes at most.
        max: usize,
    },
    /// No recording of this user runs.
    #[error(
        "no recording to mark: pfrecord must run as the same user, in the same network namespace"
    )]
    NoRecorder,
    /// The process that was named takes no marks.
    #[error(
        "process {pid} takes no marks: it is no recording of this user that runs (a pfrecord that only \
         counts takes none)"
    )]
    NotARecorder {
        /// The number asked for.
        pid: u32,
    },
    /// It is not clear whom the mark is for.
    #[error("several recordings run: choose one with --to PID ({recorders})")]
    SeveralRecorders {
        /// Pid and command line of each.
        recorders: String,
    },
    /// A recorder did not take the mark.
    #[error("recorder {pid} does not take the mark: {reason}")]
    MarkRefused {
        /// The recorder.
        pid: u32,
        /// Its reason.
        reason: String,
    },
    /// A recorder could not be asked.
    #[error("recorder {pid} does not answer")]
    NoAnswer {
        /// The recorder.
        pid: u32,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The trace could not be written on to standard output.
    #[error("cannot write to standard output: {}", match bytes {
        0 => "no trace is there".to_owned(),
        bytes => format!("the trace there is valid up to byte {bytes}"),
    })]
    Stream {
        /// Bytes of whole frames that went out.
        bytes: u64,
        /// Cause.
        source: pft::Error,
    },
    /// Nobody reads standard output any more.
    #[error("nobody reads standard output any more: {}", match bytes {
        0 => "no trace went there".to_owned(),
        bytes => format!("the {bytes} bytes of whole frames that went there are a valid trace"),
    })]
    ReaderGone {
        /// Bytes of whole frames that went out.
        bytes: u64,
    },
    /// A flight recorder without a place for its files.
    #[error("a flight recorder writes files, now and then: name the first one with -o")]
    FlightNeedsFile,
    /// What was captured could not be made into a trace.
    #[error("cannot encode what was captured")]
    Encode {
        /// Cause.
        source: pft::Error,
    },
    /// Anything else that the system refused.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// A remedy, if there is one, behind these words.
fn behind(words: &str, remedy: &Option<String>) -> String {
    remedy.as_ref().map_or_else(String::new, |remedy| format!("{words}{remedy}"))
}

impl Error {
    /// What helps where the system refused something, if that is known and not said already.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        let source = match self {
            Self::Write { source, .. } | Self::NotBegun { source, .. } => match source {
                pft::Error::Write { source, .. } => source,
                _ => return None,
            },
            Self::NotSettled { source, .. } | Self::Output { source, .. } => source,
            // Threads are what is refused in this way.
            Self::System { source, .. } if source.raw_os_error() == Some(libc::EAGAIN) => {
                return Some("raise the limits of memory and processes (ulimit -v, ulimit -u)");
            }
            _ => return None,
        };
        match source.raw_os_error()? {
            libc::ENOSPC => Some("free room there, or record to another disk with -o"),
            libc::EDQUOT => Some("the quota of its owner is used up: record elsewhere with -o"),
            libc::EFBIG => Some("raise the limit on files (ulimit -f), or record less"),
            libc::EIO => Some("its disk fails, see dmesg: record to another one with -o"),
            libc::EROFS => Some("it is mounted read-only: record elsewhere with -o"),
            libc::EACCES => Some("record to a folder of your own with -o"),
            _ => None,
        }
    }

    /// The system refused `action`: the error of whatever that is.
    pub(crate) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.raw_os_error() {
            Some(libc::EMFILE) => Self::descriptors(),
            _ => Self::System { action, source },
        }
    }

    /// The output could not be created.
    pub(crate) fn output(path: &Path, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EMFILE) => Self::descriptors(),
            _ => Self::Output { path: path.to_owned(), source },
        }
    }

    /// There are no more descriptors (`EMFILE`).
    pub(crate) fn descriptors() -> Self {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Self::Descriptors { limit: limit.unwrap_or(u64::MAX) }
    }
}
