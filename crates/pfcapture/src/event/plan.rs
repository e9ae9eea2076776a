//! What a recording opens: what is possible, as far as it is wanted.

use super::{Abilities, EventKind};
use crate::config::{CallGraph, Selection};
use crate::event::user_regs;

/// Which of its creations a thread hands its events to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Threads and processes.
    All,
    /// Threads.
    Threads,
    /// None, where faults are concerned; maps and tasks of its process are followed all the same.
    None,
}

/// What a recording opens: what is possible, as far as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// What is possible.
    pub abilities: Abilities,
    /// What is wanted.
    pub selection: Selection,
    /// Who inherits the events.
    pub follow: Follow,
    /// Fault events wait for [`crate::targets::Targets::enable`].
    pub delayed: bool,
}

impl Plan {
    /// All that is possible.
    #[must_use]
    pub fn of(abilities: Abilities) -> Self {
        Self { abilities, selection: Selection::default(), follow: Follow::All, delayed: false }
    }

    /// Faults are seen in kernel mode too.
    #[must_use]
    pub const fn kernel_mode(&self) -> bool {
        self.abilities.kernel_mode && !self.selection.user_only
    }

    /// The page-fault tracepoints are the entries of faults.
    #[must_use]
    pub const fn entry_tracepoints(&self) -> bool {
        self.abilities.tracepoints.is_some() && self.selection.latency
    }

    /// Whether samples carry the instruction pointer: with the tracepoints, the payload has it.
    #[must_use]
    pub const fn sample_ip(&self) -> bool {
        !self.entry_tracepoints()
    }

    /// Whether a kind of event is opened.
    #[must_use]
    pub const fn wants(&self, kind: EventKind) -> bool {
        let Selection { major_only, latency, .. } = self.selection;
        match kind {
            EventKind::Minor => !major_only,
            EventKind::Stack => !major_only && self.abilities.user_regs,
            EventKind::Major | EventKind::Sideband => true,
            EventKind::EntryUser => self.entry_tracepoints(),
            EventKind::EntryKernel => self.entry_tracepoints() && self.kernel_mode(),
            // With the tracepoints it only proves entries in kernel mode.
            EventKind::Entry => latency && (!self.entry_tracepoints() || self.kernel_mode()),
            EventKind::Signal => latency && self.abilities.signals.is_some(),
            EventKind::CallEntry(_) | EventKind::CallExit(_) => self.abilities.calls.is_some(),
            EventKind::ThreadStart => {
                self.abilities.thread_starts.is_some() && self.abilities.user_regs
            }
            EventKind::Oom => self.abilities.oom.is_some(),
        }
    }

    /// The registers that samples of a kind carry, as a mask.
    #[must_use]
    pub const fn user_regs(&self, kind: EventKind) -> u64 {
        match (kind, self.selection.call_graph) {
            _ if !self.abilities.user_regs => 0,
            (EventKind::Major | EventKind::Stack, Some(CallGraph::Stacks { .. })) => {
                user_regs::UNWINDING
            }
            (EventKind::Major | EventKind::Stack | EventKind::ThreadStart, _) => {
                user_regs::STACK_POINTER
            }
            _ => 0,
        }
    }

    /// How much of the stack samples of a kind carry, bytes.
    #[must_use]
    pub const fn stack_bytes(&self, kind: EventKind) -> u32 {
        match (kind, self.selection.call_graph) {
            (EventKind::Major, Some(CallGraph::Stacks { bytes, .. })) => bytes,
            (EventKind::Stack, Some(CallGraph::Stacks { bytes, share })) if share > 0 => bytes,
            _ => 0,
        }
    }

    /// Whether samples of a kind carry a chain of callers: with copies of stacks, the part in the kernel.
    #[must_use]
    pub const fn callers(&self, kind: EventKind) -> bool {
        match (kind, self.selection.call_graph) {
            // The last of them because it must not ask for less than the first: see `FOLLOWING`.
            (
                EventKind::Minor | EventKind::Major | EventKind::Stack,
                Some(CallGraph::FramePointers),
            ) => true,
            (_, Some(CallGraph::Stacks { .. })) => self.kernel_mode() && self.stack_bytes(kind) > 0,
            _ => false,
        }
    }

    /// How many occurrences of an event there are to each of its samples.
    #[must_use]
    pub const fn period(&self, kind: EventKind) -> u32 {
        match (kind, self.selection.call_graph) {
            (EventKind::Stack, Some(CallGraph::Stacks { share, .. })) if share > 0 => share,
            (EventKind::Stack, _) => STACK_POINTER_PERIOD,
            _ => 1,
        }
    }

    /// The events to open on a target.
    pub fn events(self) -> impl Iterator<Item = EventKind> {
        EventKind::FOLLOWING.into_iter().filter(move |&kind| self.wants(kind))
    }
}

/// Minor faults of a thread on a CPU of which one tells where its stack is. The register costs some
/// 4 % of a recorded fault where all have it, and 2 % in this way.
const STACK_POINTER_PERIOD: u32 = 32;
