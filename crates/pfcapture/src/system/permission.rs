//! What this kernel and user can capture, and why something cannot be.

use std::io;
use std::os::fd::OwnedFd;

use crate::Error;
use crate::check::remedy;
use pft::record::CallKind;

use crate::config::CallGraph;
use crate::event::tracepoint::{
    call_tracepoints, oom_tracepoint, page_fault_tracepoints, signal_tracepoint,
    thread_start_tracepoint, tracefs_root,
};
use crate::event::user_regs;
use crate::event::{Abilities, EventKind, Follow, Plan, Start, target_attr};
use crate::sys::{self, Bound};

/// Events on tracepoints that were opened to see whether they can be, never enabled. It takes the kernel some 40 ms
/// to close the last event on a tracepoint, so those that a recording has too stay open while it does.
#[derive(Debug, Default)]
pub struct OpenTrials(Vec<(EventKind, OwnedFd)>);

impl OpenTrials {
    /// Opens one more.
    fn opens(&mut self, kind: EventKind, abilities: &Abilities) -> bool {
        let plan = Plan { follow: Follow::None, ..Plan::of(*abilities) };
        // The recorder executes no program: it stays disabled.
        let attr = target_attr(kind, &plan, Start::OnExec, 4096);
        let event = sys::perf_event_open(&attr, Bound::Thread(0), None, None);
        event.map(|event| self.0.push((kind, event))).is_ok()
    }

    /// Closes those that a recording has not.
    pub fn keep(&mut self, plan: &Plan) {
        self.0.retain(|(kind, _)| plan.wants(*kind));
    }
}

/// Finds the abilities by opening each event on the recorder itself.
///
/// # Errors
/// Why nothing can be captured: [`Error::Paranoid`], [`Error::Blocked`], [`Error::NoPerfEvents`].
pub fn probe() -> Result<(Abilities, OpenTrials), Error> {
    let mut trials = OpenTrials::default();
    let opens_following = |kind, abilities: &Abilities, follow| {
        let plan = Plan { follow, ..Plan::of(*abilities) };
        let attr = target_attr(kind, &plan, Start::Now, 4096);
        sys::perf_event_open(&attr, Bound::Thread(0), None, None)
    };
    let opens = |kind, abilities: &Abilities| opens_following(kind, abilities, Follow::All);
    let mut abilities = Abilities {
        kernel_mode: true,
        tracepoints: None,
        signals: None,
        calls: None,
        thread_starts: None,
        oom: None,
        lost_counts: true,
        page_size: true,
        inherit_thread: true,
        user_regs: user_regs::STACK_POINTER != 0,
    };
    if let Err(error) = opens(EventKind::Entry, &Abilities { lost_counts: false, ..abilities }) {
        if !refused(&error) {
            return Err(explain(error, EventKind::Entry.name(), 0));
        }
        abilities.kernel_mode = false;
    }
    abilities.lost_counts = opens(EventKind::Entry, &abilities).is_ok();
    if let Err(error) = opens(EventKind::Minor, &abilities) {
        if error.raw_os_error() != Some(libc::EINVAL) {
            return Err(explain(error, EventKind::Minor.name(), 0));
        }
        abilities.page_size = false;
    }
    opens(EventKind::Minor, &abilities)
        .map_err(|error| explain(error, EventKind::Minor.name(), 0))?;
    abilities.user_regs &= opens(EventKind::Stack, &abilities).is_ok();
    abilities.inherit_thread =
        opens_following(EventKind::Entry, &abilities, Follow::Threads).is_ok();
    if abilities.kernel_mode {
        abilities.tracepoints = page_fault_tracepoints(tracefs_root());
        if !trials.opens(EventKind::EntryUser, &abilities)
            || !trials.opens(EventKind::EntryKernel, &abilities)
        {
            abilities.tracepoints = None;
        }
        abilities.signals = signal_tracepoint(tracefs_root());
        if !trials.opens(EventKind::Signal, &abilities) {
            abilities.signals = None;
        }
        abilities.calls = call_tracepoints(tracefs_root());
        let calls = [CallKind::Munmap, CallKind::Mremap, CallKind::Madvise];
        if calls.into_iter().any(|call| {
            !trials.opens(EventKind::CallEntry(call), &abilities)
                || !trials.opens(EventKind::CallExit(call), &abilities)
        }) {
            abilities.calls = None;
        }
        abilities.thread_starts = thread_start_tracepoint(tracefs_root());
        if !trials.opens(EventKind::ThreadStart, &abilities) {
            abilities.thread_starts = None;
        }
        abilities.oom = oom_tracepoint(tracefs_root());
        if !trials.opens(EventKind::Oom, &abilities) {
            abilities.oom = None;
        }
    }
    Ok((abilities, trials))
}

/// Whether what a plan asks for besides faults can be had.
///
/// # Errors
/// [`Error::NoUserRegs`]; [`Error::PageNodes`]; whatever else the kernel refuses.
pub fn try_extras(plan: &Plan) -> Result<(), Error> {
    let stacks = matches!(plan.selection.call_graph, Some(CallGraph::Stacks { .. }));
    if stacks && !plan.abilities.user_regs {
        return Err(Error::NoUserRegs);
    }
    for kind in [EventKind::Stack, EventKind::Minor, EventKind::Major] {
        let attr = target_attr(kind, plan, Start::Now, 4096);
        match sys::perf_event_open(&attr, Bound::Thread(0), None, None) {
            Err(error) if plan.selection.page_nodes && refused(&error) => {
                return Err(Error::PageNodes { remedy: remedy::privileges() });
            }
            Err(error) if plan.wants(kind) => return Err(explain(error, kind.name(), 0)),
            _ => {}
        }
    }
    Ok(())
}

fn refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM))
}

/// Turns the errno of perf_event_open into the reason. `tid` 0 stands for the recorder itself: what
/// it may not do to itself, no target allows.
#[must_use]
pub fn explain(error: io::Error, event: &'static str, tid: u32) -> Error {
    reason(error, event, tid, paranoid_level())
}

/// Likewise for events that are bound to a CPU.
#[must_use]
pub fn explain_cpu(error: io::Error, event: &'static str) -> Error {
    if refused(&error) {
        let level = paranoid_level().unwrap_or(-1);
        return Error::SystemWide { level, remedy: remedy::privileges() };
    }
    explain(error, event, 0)
}

fn reason(error: io::Error, event: &'static str, tid: u32, paranoid: Option<i32>) -> Error {
    match (error.raw_os_error(), tid) {
        (Some(libc::ENOSYS), _) => Error::NoPerfEvents,
        (Some(libc::EMFILE), _) => Error::descriptors(),
        (Some(libc::EACCES | libc::EPERM), 0) => match paranoid {
            Some(level) if level > 2 => Error::Paranoid { level },
            _ => Error::Blocked { source: error },
        },
        (Some(libc::EACCES | libc::EPERM), pid) => {
            Error::NotObservable { pid, remedy: remedy::privileges() }
        }
        _ => Error::Open { event, tid, source: error },
    }
}

/// `kernel.perf_event_paranoid`.
#[must_use]
pub fn paranoid_level() -> Option<i32> {
    std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok()?.trim().parse().ok()
}

/// Raises the soft limit of descriptors to the hard one.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A refusal changes nothing; running out of descriptors is reported where it happens.
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_errno_has_its_reason() {
        let why = |errno, tid, level| {
            reason(io::Error::from_raw_os_error(errno), "page-faults", tid, Some(level))
        };
        assert!(matches!(why(libc::EACCES, 7, 2), Error::NotObservable { pid: 7, .. }));
        assert!(matches!(why(libc::ENOSYS, 0, 2), Error::NoPerfEvents));
        assert!(matches!(why(libc::EMFILE, 7, 2), Error::Descriptors { .. }));
        assert!(matches!(why(libc::EINVAL, 7, 2), Error::Open { tid: 7, .. }));
        assert!(matches!(why(libc::EACCES, 0, 2), Error::Blocked { .. }));
        let strict = why(libc::EACCES, 0, 3).to_string();
        assert!(strict.starts_with("perf_event_paranoid too strict"), "{strict}");
        assert!(strict.ends_with("sudo sysctl kernel.perf_event_paranoid=2"), "{strict}");
    }
}
