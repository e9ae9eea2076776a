//! What samples of tracepoints tell, other than of faults.

use perf_event_open_sys::bindings as b;
use pft::record::{CallKind, CallRecord, OomRecord, StackPointerRecord};

use super::{SampleLayout, u16_at, u32_at, u64_at, until_nul};

/// Process, thread and time of a sample, and the payload of its tracepoint.
fn parts<'a>(record: &'a [u8], layout: &SampleLayout) -> Option<(u32, u32, u64, &'a [u8])> {
    let time = layout.time_offset();
    let payload = record.get(time + 8 + 4..)?;
    Some((u32_at(record, time - 8)?, u32_at(record, time - 4)?, u64_at(record, time)?, payload))
}

/// Parses the entry of a system call; its exit is not known yet.
#[must_use]
pub fn parse_call_entry(
    record: &[u8],
    kind: CallKind,
    layout: &SampleLayout,
) -> Option<CallRecord> {
    let fields = layout.calls?.of(kind)?;
    let (pid, tid, time_ns, payload) = parts(record, layout)?;
    let word = |offset: Option<usize>| match offset {
        Some(offset) => u64_at(payload, offset),
        None => Some(0),
    };
    Some(CallRecord {
        time_ns,
        end_ns: u64::MAX,
        pid,
        tid,
        kind,
        addr: u64_at(payload, fields.addr)?,
        len_bytes: u64_at(payload, fields.len)?,
        new_len_bytes: word(fields.new_len)?,
        // The kernel reads an int, whatever the upper half of the register holds.
        argument: word(fields.argument)? as u32,
        result: 0,
    })
}

/// The exit of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallExit {
    /// Process.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// When.
    pub time_ns: u64,
    /// What it returned.
    pub result: i64,
}

/// Parses the exit of a system call.
#[must_use]
pub fn parse_call_exit(record: &[u8], kind: CallKind, layout: &SampleLayout) -> Option<CallExit> {
    let fields = layout.calls?.of(kind)?;
    let (pid, tid, time_ns, payload) = parts(record, layout)?;
    let result = u64_at(payload, fields.result)?.cast_signed();
    Some(CallExit { pid, tid, time_ns, result })
}

/// Parses a sample of [`EventKind::ThreadStart`]; without registers of a program the stack pointer is 0.
#[must_use]
pub fn parse_thread_start(record: &[u8], layout: &SampleLayout) -> Option<StackPointerRecord> {
    let at = layout.time_offset() - 8;
    let abi = u64_at(record, at + 16)?;
    let registers = record.get(at + 24..)?;
    let stack_pointer =
        if abi == u64::from(b::PERF_SAMPLE_REGS_ABI_NONE) { 0 } else { u64_at(registers, 0)? };
    Some(StackPointerRecord {
        time_ns: u64_at(record, at + 8)?,
        pid: u32_at(record, at)?,
        tid: u32_at(record, at + 4)?,
        stack_pointer,
    })
}

/// Parses `oom:mark_victim`.
#[must_use]
pub fn parse_oom(record: &[u8], layout: &SampleLayout) -> Option<OomRecord> {
    let fields = layout.oom?;
    let (by_pid, by_tid, time_ns, payload) = parts(record, layout)?;
    let comm = fields.comm.and_then(|at| {
        let place = u32_at(payload, at)?;
        let (start, len) = ((place & 0xffff) as usize, (place >> 16) as usize);
        payload.get(start..start + len).map(until_nul)
    });
    let kib = fields.kib.map(|at| u64_at(payload, at?));
    let [total_vm_kib, anon_rss_kib, file_rss_kib, shmem_rss_kib, pgtables_kib] = kib;
    let score = fields.oom_score_adj.and_then(|at| u16_at(payload, at));
    Some(OomRecord {
        time_ns,
        pid: u32_at(payload, fields.pid)?,
        comm: comm.unwrap_or_default().to_vec(),
        by_pid,
        by_tid,
        total_vm_kib,
        anon_rss_kib,
        file_rss_kib,
        shmem_rss_kib,
        pgtables_kib,
        uid: fields.uid.and_then(|at| u32_at(payload, at)),
        oom_score_adj: score.map(|score| score.cast_signed().into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tracepoint::OomTracepoint;
    use crate::parse::raw_records::{self as raw, Stamp};
    use proptest::prelude::*;

    const STAMP: Stamp = Stamp { id: 77, pid: 5, tid: 6, time_ns: 1000 };

    fn layout(oom: OomTracepoint) -> SampleLayout {
        SampleLayout { page_size: true, oom: Some(oom), ..SampleLayout::BARE }
    }

    /// As Linux 6.18 has it.
    const OOM: OomTracepoint = OomTracepoint {
        id: 609,
        pid: 8,
        comm: Some(12),
        kib: [Some(16), Some(24), Some(32), Some(40), Some(56)],
        uid: Some(48),
        oom_score_adj: Some(64),
    };

    fn victim() -> Vec<u8> {
        let mut payload = vec![0; 8];
        payload.extend(4321u32.to_ne_bytes());
        payload.extend((72u32 | 5 << 16).to_ne_bytes());
        for kib in [100u64, 90, 8, 2] {
            payload.extend(kib.to_ne_bytes());
        }
        payload.extend([1000u32.to_ne_bytes(), [0; 4]].concat());
        payload.extend(3u64.to_ne_bytes());
        payload.extend([(-500i16).to_ne_bytes().as_slice(), &[0; 6], b"hog\0\0"].concat());
        let mut body = u32::try_from(payload.len()).unwrap().to_ne_bytes().to_vec();
        body.extend(payload);
        raw::sample(STAMP, 1, None, &body)
    }

    #[test]
    fn a_victim_with_all_that_the_kernel_tells() {
        let known = parse_oom(&victim(), &layout(OOM)).unwrap();
        assert_eq!((known.time_ns, known.pid, known.by_pid, known.by_tid), (1000, 4321, 5, 6));
        assert_eq!(known.comm, b"hog");
        assert_eq!((known.total_vm_kib, known.anon_rss_kib), (Some(100), Some(90)));
        assert_eq!((known.file_rss_kib, known.shmem_rss_kib), (Some(8), Some(2)));
        assert_eq!((known.pgtables_kib, known.uid), (Some(3), Some(1000)));
        assert_eq!(known.oom_score_adj, Some(-500));
    }

    #[test]
    fn a_victim_of_an_older_kernel() {
        let old =
            OomTracepoint { comm: None, kib: [None; 5], uid: None, oom_score_adj: None, ..OOM };
        let known = parse_oom(&victim(), &layout(old)).unwrap();
        assert_eq!((known.pid, known.comm.as_slice(), known.anon_rss_kib), (4321, &[][..], None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
            let _ = parse_oom(&bytes, &layout(OOM));
        }
    }
}
