//! perf records, parsed where they lie: no copy, no panic on any bytes (perf_event_open(2), "mmap
//! layout"). Which fields a sample has depends on its event: [`SampleLayout`].

mod payload;
#[cfg(any(test, feature = "internals"))]
#[cfg_attr(not(test), expect(dead_code, reason = "most of it is for tests"))]
pub(crate) mod raw_records;
mod sample;

use perf_event_open_sys::bindings as b;
use pft::record::MapRecord;

pub use payload::{parse_call_entry, parse_call_exit, parse_oom, parse_thread_start};
pub use pfpairing::append_callers;
pub use sample::{Extras, Sample, parse_extras, parse_sample};

use crate::event::tracepoint::{
    CallTracepoints, OomTracepoint, PageFaultTracepoint, SignalTracepoint,
};
use crate::event::{Abilities, EventKind, Plan};

/// Fields common to the samples of a session.
#[derive(Debug, Clone, Copy)]
pub struct SampleLayout {
    /// Samples carry the instruction pointer.
    pub ip: bool,
    /// Completions carry the page size.
    pub page_size: bool,
    /// Fields of the tracepoints' payloads, user and kernel.
    pub tracepoints: Option<(PageFaultTracepoint, PageFaultTracepoint)>,
    /// Fields of the signal tracepoint's payload.
    pub signals: Option<SignalTracepoint>,
    /// Fields of the system calls' payloads.
    pub calls: Option<CallTracepoints>,
    /// Fields of the OOM tracepoint's payload.
    pub oom: Option<OomTracepoint>,
    /// Completions carry the physical address.
    pub physical: bool,
    /// What samples of [`EventKind::Minor`] carry besides.
    pub minor: Context,
    /// Those of [`EventKind::Major`].
    pub major: Context,
    /// Those of [`EventKind::Stack`].
    pub stack: Context,
}

/// What samples of an event carry of where the thread is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// A chain of callers.
    pub callers: bool,
    /// Mask of registers.
    pub user_regs: u64,
    /// A copy of the stack.
    pub stack: bool,
}

impl Context {
    /// Nothing.
    pub const NONE: Self = Self { callers: false, user_regs: 0, stack: false };

    /// As a plan has it.
    const fn of(plan: &Plan, kind: EventKind) -> Self {
        Self {
            callers: plan.callers(kind),
            user_regs: plan.user_regs(kind),
            stack: plan.stack_bytes(kind) > 0,
        }
    }
}

impl SampleLayout {
    /// Samples that carry only what all of them do.
    #[cfg(test)]
    pub const BARE: Self = Self {
        ip: false,
        page_size: false,
        tracepoints: None,
        signals: None,
        calls: None,
        oom: None,
        physical: false,
        minor: Context::NONE,
        major: Context::NONE,
        stack: Context::NONE,
    };

    /// The layout of what [`crate::event::target_attr`] asks for.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let Abilities { page_size, tracepoints, signals, calls, oom, .. } = plan.abilities;
        let tracepoints = tracepoints.filter(|_| plan.entry_tracepoints());
        Self {
            ip: plan.sample_ip(),
            page_size,
            tracepoints,
            signals,
            calls,
            oom,
            physical: plan.selection.page_nodes,
            minor: Context::of(plan, EventKind::Minor),
            major: Context::of(plan, EventKind::Major),
            stack: Context::of(plan, EventKind::Stack),
        }
    }

    /// Offset of the time in a sample.
    const fn time_offset(&self) -> usize {
        if self.ip { 32 } else { 24 }
    }
}

/// The record header, `struct perf_event_header`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `PERF_RECORD_…`.
    pub kind: u32,
    /// `PERF_RECORD_MISC_…`.
    pub misc: u16,
    /// Length of the whole record.
    pub len: usize,
}

/// Bytes of a [`Header`].
pub const HEADER_BYTES: usize = 8;

/// Parses a record header; `None` when there are too few bytes.
#[must_use]
pub fn parse_header(bytes: &[u8]) -> Option<Header> {
    Some(Header {
        kind: u32_at(bytes, 0)?,
        misc: u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?),
        len: u16::from_ne_bytes(bytes.get(6..8)?.try_into().ok()?).into(),
    })
}

/// Time of any record.
#[must_use]
pub fn record_time(record: &[u8], layout: &SampleLayout) -> Option<u64> {
    if parse_header(record)?.kind == b::PERF_RECORD_SAMPLE {
        u64_at(record, layout.time_offset())
    } else {
        u64_at(record, record.len().checked_sub(16)?)
    }
}

/// Id of the event that wrote the record.
#[must_use]
pub fn record_id(record: &[u8]) -> Option<u64> {
    if parse_header(record)?.kind == b::PERF_RECORD_SAMPLE {
        u64_at(record, HEADER_BYTES)
    } else {
        u64_at(record, record.len().checked_sub(8)?)
    }
}

/// Process of a record, and that of its parent when the record announces a task; `None` for records
/// that tell of no process.
#[must_use]
pub fn record_pids(record: &[u8], layout: &SampleLayout) -> Option<(u32, Option<u32>)> {
    match parse_header(record)?.kind {
        b::PERF_RECORD_SAMPLE => Some((u32_at(record, layout.time_offset() - 8)?, None)),
        b::PERF_RECORD_FORK => parse_task(record).map(|task| (task.pid, Some(task.parent_pid))),
        b::PERF_RECORD_MMAP2 | b::PERF_RECORD_COMM | b::PERF_RECORD_EXIT => {
            Some((u32_at(record, HEADER_BYTES)?, None))
        }
        _ => None,
    }
}

/// Parses `PERF_RECORD_MMAP2`; `None` too when it carries a build id in place of the inode.
#[must_use]
pub fn parse_mmap2(record: &[u8]) -> Option<MapRecord> {
    let header = parse_header(record)?;
    if u32::from(header.misc) & b::PERF_RECORD_MISC_MMAP_BUILD_ID != 0 {
        return None;
    }
    let start = u64_at(record, 16)?;
    let name = record.get(72..record.len().checked_sub(SAMPLE_ID_BYTES)?)?;
    Some(MapRecord {
        time_ns: u64_at(record, record.len().checked_sub(16)?)?,
        pid: u32_at(record, 8)?,
        tid: u32_at(record, 12)?,
        start,
        end: start.saturating_add(u64_at(record, 24)?),
        file_offset: u64_at(record, 32)?,
        dev_major: u32_at(record, 40)?,
        dev_minor: u32_at(record, 44)?,
        inode: u64_at(record, 48)?,
        inode_generation: u64_at(record, 56)?,
        prot: u32_at(record, 64)?,
        flags: u32_at(record, 68)?,
        path: until_nul(name).to_vec(),
    })
}

/// `PERF_RECORD_COMM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comm<'a> {
    /// Process.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// By exec.
    pub exec: bool,
    /// Name.
    pub name: &'a [u8],
}

/// Parses `PERF_RECORD_COMM`.
#[must_use]
pub fn parse_comm(record: &[u8]) -> Option<Comm<'_>> {
    let header = parse_header(record)?;
    Some(Comm {
        pid: u32_at(record, 8)?,
        tid: u32_at(record, 12)?,
        exec: u32::from(header.misc) & b::PERF_RECORD_MISC_COMM_EXEC != 0,
        name: until_nul(record.get(16..record.len().checked_sub(SAMPLE_ID_BYTES)?)?),
    })
}

/// `PERF_RECORD_FORK` or `PERF_RECORD_EXIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Process.
    pub pid: u32,
    /// Its parent.
    pub parent_pid: u32,
    /// Thread.
    pub tid: u32,
    /// The thread that created it.
    pub parent_tid: u32,
}

/// Parses `PERF_RECORD_FORK` and `PERF_RECORD_EXIT`.
#[must_use]
pub fn parse_task(record: &[u8]) -> Option<Task> {
    Some(Task {
        pid: u32_at(record, 8)?,
        parent_pid: u32_at(record, 12)?,
        tid: u32_at(record, 16)?,
        parent_tid: u32_at(record, 20)?,
    })
}

/// Number of records that a `PERF_RECORD_LOST` reports.
#[must_use]
pub fn parse_lost(record: &[u8]) -> Option<u64> {
    u64_at(record, 16)
}

/// Number of samples that a `PERF_RECORD_LOST_SAMPLES` reports.
#[must_use]
pub fn parse_lost_samples(record: &[u8]) -> Option<u64> {
    u64_at(record, 8)
}

/// `sample_id` behind every record that is no sample: pid, tid, time, id.
const SAMPLE_ID_BYTES: usize = 24;

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::raw_records::{self as raw, Stamp, words};
    use proptest::prelude::*;

    const LAYOUT: SampleLayout = SampleLayout {
        page_size: true,
        tracepoints: Some((
            PageFaultTracepoint { id: 1, address: 8, ip: 16, error_code: 24 },
            PageFaultTracepoint { id: 2, address: 8, ip: 16, error_code: 24 },
        )),
        signals: Some(SignalTracepoint { id: 3, signal: 8, code: 16 }),
        ..SampleLayout::BARE
    };

    const STAMP: Stamp = Stamp { id: 77, pid: 5, tid: 6, time_ns: 1000 };

    #[test]
    fn completion_with_page_size() {
        let bytes = raw::sample(STAMP, 2, None, &words(&[0x7000, 4096]));
        let sample = parse_sample(&bytes, EventKind::Minor, &LAYOUT).unwrap();
        assert_eq!((sample.pid, sample.tid, sample.time_ns), (5, 6, 1000));
        assert_eq!(
            (sample.addr, sample.page_size_bytes, sample.kernel_mode),
            (0x7000, 4096, false)
        );
        assert_eq!((record_id(&bytes), record_time(&bytes, &LAYOUT)), (Some(77), Some(1000)));
    }

    #[test]
    fn tracepoint_payload() {
        let mut body = 36u32.to_ne_bytes().to_vec();
        body.extend(words(&[0, 0x7123, 0x401000, 7]));
        body.extend([0; 4]);
        let bytes = raw::sample(STAMP, 1, None, &body);
        let sample = parse_sample(&bytes, EventKind::EntryUser, &LAYOUT).unwrap();
        assert_eq!((sample.addr, sample.ip, sample.error_code), (0x7123, 0x401000, Some(7)));
    }

    #[test]
    fn only_signals_of_failed_accesses_count() {
        let signal = |signal: i32, code: i32| {
            let mut body = 44u32.to_ne_bytes().to_vec();
            body.extend(words(&[0]));
            body.extend([signal.to_ne_bytes(), [0; 4], code.to_ne_bytes()].concat());
            body.extend([0; 20]);
            let bytes = raw::sample(STAMP, 1, None, &body);
            parse_sample(&bytes, EventKind::Signal, &LAYOUT).unwrap().fault_signal
        };
        assert_eq!(signal(libc::SIGSEGV, 1), 11);
        assert_eq!(signal(libc::SIGBUS, 2), 7);
        assert_eq!(signal(libc::SIGSEGV, 0), 0, "kill(2)");
        assert_eq!(signal(libc::SIGSEGV, -6), 0, "tgkill(2)");
        assert_eq!(signal(libc::SIGALRM, 128), 0);
    }

    #[test]
    fn mapping_with_name() {
        let mut body =
            words(&[5 | 6 << 32, 0x1000, 0x2000, 0x3000, 8 | 1 << 32, 99, 3, 5 | 2 << 32]);
        body.extend(b"/lib/x.so\0\0\0\0\0\0\0");
        let map = parse_mmap2(&raw::sideband(STAMP, b::PERF_RECORD_MMAP2, 0, &body)).unwrap();
        assert_eq!((map.pid, map.tid, map.time_ns), (5, 6, 1000));
        assert_eq!((map.start, map.end, map.file_offset), (0x1000, 0x3000, 0x3000));
        assert_eq!((map.dev_major, map.dev_minor, map.inode, map.inode_generation), (8, 1, 99, 3));
        assert_eq!((map.prot, map.flags, map.path.as_slice()), (5, 2, b"/lib/x.so".as_slice()));
    }

    #[test]
    fn names_and_tasks() {
        let bytes = raw::comm(STAMP, true);
        assert_eq!(parse_comm(&bytes), Some(Comm { pid: 5, tid: 6, exec: true, name: b"worker" }));
        let bytes = raw::fork(STAMP, (7, 8));
        assert_eq!(parse_task(&bytes), Some(Task { pid: 7, parent_pid: 5, tid: 8, parent_tid: 6 }));
        assert_eq!((record_id(&bytes), record_time(&bytes, &LAYOUT)), (Some(77), Some(1000)));
        let bytes = raw::lost(STAMP, 42);
        assert_eq!((parse_lost(&bytes), record_time(&bytes, &LAYOUT)), (Some(42), Some(1000)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
            for kind in EventKind::FOLLOWING {
                let _ = parse_sample(&bytes, kind, &LAYOUT);
            }
            let _ = (record_id(&bytes), record_time(&bytes, &LAYOUT), parse_lost(&bytes));
            let _ = (parse_mmap2(&bytes), parse_comm(&bytes), parse_task(&bytes));
        }
    }
}
