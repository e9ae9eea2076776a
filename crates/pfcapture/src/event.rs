//! The perf events of a recording and their attributes.

use perf_event_open_sys::bindings as b;
use perf_event_open_sys::bindings::perf_event_attr;

use crate::tracepoint::{PageFaultTracepoint, SignalTracepoint};

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// Dummy: maps, names, tasks. On its own so that its losses do not count as a fault event's.
    Sideband,
}

impl EventKind {
    /// All kinds, in the order in which they are opened: completions first, so that a fault which is
    /// under way never looks as if it did not complete; the sideband last, so that an announced
    /// thread carries all events.
    pub const ALL: [Self; 7] = [
        Self::Minor,
        Self::Major,
        Self::EntryUser,
        Self::EntryKernel,
        Self::Entry,
        Self::Signal,
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
            Self::Sideband => "sideband",
        }
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
    /// `PERF_FORMAT_LOST` (Linux 6.0).
    pub lost_counts: bool,
    /// `PERF_SAMPLE_DATA_PAGE_SIZE` (Linux 5.11).
    pub page_size: bool,
}

impl Abilities {
    /// Whether samples carry the instruction pointer: with the tracepoints, the payload has it.
    #[must_use]
    pub const fn sample_ip(&self) -> bool {
        self.tracepoints.is_none()
    }

    /// The events to open.
    pub fn events(self) -> impl Iterator<Item = EventKind> {
        EventKind::ALL.into_iter().filter(move |kind| match kind {
            EventKind::EntryUser | EventKind::EntryKernel => self.tracepoints.is_some(),
            EventKind::Signal => self.signals.is_some(),
            _ => true,
        })
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

/// Attributes of `kind` on a target thread.
#[must_use]
pub fn target_attr(
    kind: EventKind,
    abilities: &Abilities,
    start: Start,
    watermark_bytes: u32,
) -> perf_event_attr {
    let software = |config: b::perf_sw_ids| (b::PERF_TYPE_SOFTWARE, u64::from(config));
    let tracepoint = |id: Option<u64>| (b::PERF_TYPE_TRACEPOINT, id.unwrap_or(0));
    let (event_type, config) = match kind {
        EventKind::Minor => software(b::PERF_COUNT_SW_PAGE_FAULTS_MIN),
        EventKind::Major => software(b::PERF_COUNT_SW_PAGE_FAULTS_MAJ),
        EventKind::Entry => software(b::PERF_COUNT_SW_PAGE_FAULTS),
        EventKind::EntryUser => tracepoint(abilities.tracepoints.map(|(user, _)| user.id)),
        EventKind::EntryKernel => tracepoint(abilities.tracepoints.map(|(_, kernel)| kernel.id)),
        EventKind::Signal => tracepoint(abilities.signals.map(|signal| signal.id)),
        EventKind::Sideband => software(b::PERF_COUNT_SW_DUMMY),
    };
    let mut attr = base(event_type, config);
    wake_at(&mut attr, watermark_bytes);
    attr.set_inherit(1);
    attr.set_exclude_kernel(u64::from(!abilities.kernel_mode));
    if start == Start::OnExec {
        attr.set_disabled(1);
        attr.set_enable_on_exec(1);
    }
    if abilities.lost_counts {
        attr.read_format = u64::from(b::PERF_FORMAT_LOST);
    }
    if kind != EventKind::Sideband {
        attr.__bindgen_anon_1.sample_period = 1;
        if abilities.sample_ip() {
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
            attr.set_exclude_user(u64::from(abilities.tracepoints.is_some()));
        }
        EventKind::EntryUser | EventKind::EntryKernel | EventKind::Signal => {
            attr.sample_type |= u64::from(b::PERF_SAMPLE_RAW);
        }
        EventKind::Sideband => {
            attr.set_mmap(1);
            attr.set_mmap2(1);
            attr.set_mmap_data(1);
            attr.set_comm(1);
            attr.set_comm_exec(1);
            attr.set_task(1);
        }
    }
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
