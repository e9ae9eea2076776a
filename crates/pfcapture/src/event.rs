//! The perf events of a recording and their attributes.

use perf_event_open_sys::bindings as b;
use perf_event_open_sys::bindings::perf_event_attr;

use pft::record::CallKind;

use crate::config::Selection;
use crate::tracepoint::{CallTracepoints, OomTracepoint, PageFaultTracepoint, SignalTracepoint};

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// `PERF_COUNT_SW_PAGE_FAULTS_MIN`: a fault completed, counted as minor.
    Minor,
    /// `PERF_COUNT_SW_PAGE_FAULTS_MAJ`: a fault completed, counted as major.
    Major,
    /// `exceptions:page_fault_user`: entry of a user-mode fault, with error code.
    EntryUser,
    /// `exceptions:page_fault_kernel`: a kernel-mode exception, with error code. It becomes the entry
    /// of a fault only when [`EventKind::Entry`] follows: it fires under `pagefault_disable` too.
    EntryKernel,
    /// `PERF_COUNT_SW_PAGE_FAULTS`: entry of a fault. With the tracepoints, kernel mode only.
    Entry,
    /// `signal:signal_generate`: tells a failed access from a wait that was given up.
    Signal,
    /// `syscalls:sys_enter_…` of a call that changes the address space without a map record.
    CallEntry(CallKind),
    /// Its `syscalls:sys_exit_…`.
    CallExit(CallKind),
    /// Dummy: maps, names, tasks. On its own so that its losses do not count as a fault event's.
    Sideband,
    /// `oom:mark_victim`, on CPUs: it fires in the task that ran out of memory, not in the victim.
    Oom,
}

impl EventKind {
    /// The kinds that follow a target, in the order in which they are opened: completions first, so
    /// that a fault which is under way never looks as if it did not complete; the sideband last, so
    /// that an announced thread carries all events.
    pub const FOLLOWING: [Self; 13] = [
        Self::Minor,
        Self::Major,
        Self::EntryUser,
        Self::EntryKernel,
        Self::Entry,
        Self::Signal,
        Self::CallExit(CallKind::Munmap),
        Self::CallExit(CallKind::Mremap),
        Self::CallExit(CallKind::Madvise),
        Self::CallEntry(CallKind::Munmap),
        Self::CallEntry(CallKind::Mremap),
        Self::CallEntry(CallKind::Madvise),
        Self::Sideband,
    ];

    /// Name in messages and in the ledger.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minor => "minor-faults",
            Self::Major => "major-faults",
            Self::EntryUser => "tracepoint-user",
            Self::EntryKernel => "tracepoint-kernel",
            Self::Entry => "page-faults",
            Self::Signal => "signal",
            Self::CallEntry(_) | Self::CallExit(_) => "calls",
            Self::Sideband => "sideband",
            Self::Oom => "oom",
        }
    }

    /// A number of its own.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Minor => 0,
            Self::Major => 1,
            Self::EntryUser => 2,
            Self::EntryKernel => 3,
            Self::Entry => 4,
            Self::Signal => 5,
            Self::Sideband => 6,
            Self::Oom => 7,
            Self::CallEntry(call) => 8 + call as u32,
            Self::CallExit(call) => 16 + call as u32,
        }
    }

    /// Whether it tells of the entry of a fault.
    #[must_use]
    pub const fn is_entry(self) -> bool {
        matches!(self, Self::EntryUser | Self::EntryKernel | Self::Entry)
    }

    /// Whether it tells of faults, as against what is needed to understand them.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        !matches!(self, Self::CallEntry(_) | Self::CallExit(_) | Self::Sideband | Self::Oom)
    }
}

/// What kernel and privileges allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Kernel-mode faults can be seen.
    pub kernel_mode: bool,
    /// The page-fault tracepoints serve as entry events.
    pub tracepoints: Option<(PageFaultTracepoint, PageFaultTracepoint)>,
    /// The signal tracepoint tells which accesses failed.
    pub signals: Option<SignalTracepoint>,
    /// The system calls that change address spaces without a map record can be seen.
    pub calls: Option<CallTracepoints>,
    /// Victims of the OOM killer can be seen.
    pub oom: Option<OomTracepoint>,
    /// `PERF_FORMAT_LOST` (Linux 6.0).
    pub lost_counts: bool,
    /// `PERF_SAMPLE_DATA_PAGE_SIZE` (Linux 5.11).
    pub page_size: bool,
    /// `attr.inherit_thread` (Linux 5.13).
    pub inherit_thread: bool,
}

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
            EventKind::Major | EventKind::Sideband => true,
            EventKind::EntryUser => self.entry_tracepoints(),
            EventKind::EntryKernel => self.entry_tracepoints() && self.kernel_mode(),
            // With the tracepoints it only proves entries in kernel mode.
            EventKind::Entry => latency && (!self.entry_tracepoints() || self.kernel_mode()),
            EventKind::Signal => latency && self.abilities.signals.is_some(),
            EventKind::CallEntry(_) | EventKind::CallExit(_) => self.abilities.calls.is_some(),
            EventKind::Oom => self.abilities.oom.is_some(),
        }
    }

    /// The events to open on a target.
    pub fn events(self) -> impl Iterator<Item = EventKind> {
        EventKind::FOLLOWING.into_iter().filter(move |&kind| self.wants(kind))
    }
}

/// When an event begins to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At once (attach).
    Now,
    /// At the next exec (launch).
    OnExec,
}

/// The owner of a CPU's ring: a dummy on the recorder itself, which outlives every target.
#[must_use]
pub fn ring_owner_attr(watermark_bytes: u32) -> perf_event_attr {
    let mut attr = base(b::PERF_TYPE_SOFTWARE, b::PERF_COUNT_SW_DUMMY.into());
    attr.set_exclude_kernel(1);
    wake_at(&mut attr, watermark_bytes);
    attr
}

/// Attributes of `kind` on a target.
#[must_use]
pub fn target_attr(
    kind: EventKind,
    plan: &Plan,
    start: Start,
    watermark_bytes: u32,
) -> perf_event_attr {
    let abilities = &plan.abilities;
    let software = |config: b::perf_sw_ids| (b::PERF_TYPE_SOFTWARE, u64::from(config));
    let tracepoint = |id: Option<u64>| (b::PERF_TYPE_TRACEPOINT, id.unwrap_or(0));
    let calls = abilities.calls.as_ref();
    let (event_type, config) = match kind {
        EventKind::Minor => software(b::PERF_COUNT_SW_PAGE_FAULTS_MIN),
        EventKind::Major => software(b::PERF_COUNT_SW_PAGE_FAULTS_MAJ),
        EventKind::Entry => software(b::PERF_COUNT_SW_PAGE_FAULTS),
        EventKind::EntryUser => tracepoint(abilities.tracepoints.map(|(user, _)| user.id)),
        EventKind::EntryKernel => tracepoint(abilities.tracepoints.map(|(_, kernel)| kernel.id)),
        EventKind::Signal => tracepoint(abilities.signals.map(|signal| signal.id)),
        EventKind::CallEntry(call) => tracepoint(calls.map(|calls| calls.of(call).entry_id)),
        EventKind::CallExit(call) => tracepoint(calls.map(|calls| calls.of(call).exit_id)),
        EventKind::Sideband => software(b::PERF_COUNT_SW_DUMMY),
        EventKind::Oom => tracepoint(abilities.oom.map(|oom| oom.id)),
    };
    let mut attr = base(event_type, config);
    wake_at(&mut attr, watermark_bytes);
    if kind != EventKind::Oom && (plan.follow != Follow::None || !kind.is_fault()) {
        attr.set_inherit(1);
        attr.set_inherit_thread(u64::from(plan.follow != Follow::All && abilities.inherit_thread));
    }
    // Tracepoints always fire in kernel mode.
    let is_tracepoint = event_type == b::PERF_TYPE_TRACEPOINT;
    let user_only = if is_tracepoint { !abilities.kernel_mode } else { !plan.kernel_mode() };
    attr.set_exclude_kernel(u64::from(user_only));
    if plan.delayed && kind.is_fault() {
        attr.set_disabled(1);
    } else if start == Start::OnExec {
        attr.set_disabled(1);
        attr.set_enable_on_exec(1);
    }
    if abilities.lost_counts {
        attr.read_format = u64::from(b::PERF_FORMAT_LOST);
    }
    if kind != EventKind::Sideband {
        attr.__bindgen_anon_1.sample_period = 1;
        if plan.sample_ip() {
            attr.sample_type |= u64::from(b::PERF_SAMPLE_IP);
        }
    }
    match kind {
        EventKind::Minor | EventKind::Major => {
            attr.sample_type |= u64::from(b::PERF_SAMPLE_ADDR);
            if abilities.page_size {
                attr.sample_type |= u64::from(b::PERF_SAMPLE_DATA_PAGE_SIZE);
            }
            // Not for the CPU: it makes these samples longer than the minor ones. See `kind_of_len`.
            if kind == EventKind::Major {
                attr.sample_type |= u64::from(b::PERF_SAMPLE_CPU);
            }
        }
        EventKind::Entry => {
            attr.sample_type |= u64::from(b::PERF_SAMPLE_ADDR);
            // The tracepoint covers user mode; this event then only proves kernel-mode entries.
            attr.set_exclude_user(u64::from(plan.entry_tracepoints()));
        }
        EventKind::Sideband => {
            attr.set_mmap(1);
            attr.set_mmap2(1);
            attr.set_mmap_data(1);
            attr.set_comm(1);
            attr.set_comm_exec(1);
            attr.set_task(1);
        }
        _ => attr.sample_type |= u64::from(b::PERF_SAMPLE_RAW),
    }
    attr
}

/// An event that records nothing and tells only for how long it was enabled, behind its count.
#[must_use]
pub fn probe_attr() -> perf_event_attr {
    let mut attr = base(b::PERF_TYPE_SOFTWARE, u64::from(b::PERF_COUNT_SW_DUMMY));
    attr.read_format = u64::from(b::PERF_FORMAT_TOTAL_TIME_ENABLED);
    attr
}

fn base(event_type: b::perf_type_id, config: u64) -> perf_event_attr {
    let mut attr = perf_event_attr {
        type_: event_type,
        size: u32::try_from(size_of::<perf_event_attr>()).unwrap_or(0),
        config,
        sample_type: u64::from(
            b::PERF_SAMPLE_IDENTIFIER | b::PERF_SAMPLE_TID | b::PERF_SAMPLE_TIME,
        ),
        clockid: libc::CLOCK_MONOTONIC,
        ..perf_event_attr::default()
    };
    attr.set_use_clockid(1);
    attr.set_sample_id_all(1);
    attr.set_exclude_hv(1);
    attr
}

fn wake_at(attr: &mut perf_event_attr, watermark_bytes: u32) {
    attr.set_watermark(1);
    attr.__bindgen_anon_2.wakeup_watermark = watermark_bytes;
}
