//! The parsers of what the kernel and the targets write, on bytes: for fuzzers (feature `internals`).

use std::io;

use pft::record::{CallKind, Vma};
use rustc_hash::FxHashMap;

use crate::config::{CallGraph, Selection};
use crate::drain::{Drain, Scope};
use crate::event::tracepoint::{
    self, CallTracepoint, CallTracepoints, OomTracepoint, PageFaultTracepoint, SignalTracepoint,
};
use crate::event::{Abilities, EventKind, Plan};
use crate::parse::{self, SampleLayout};
use crate::ring::walk_bytes;
use crate::snapshot;
use crate::targets::EventRef;

/// Parses the text of `/proc/PID/maps`.
///
/// # Errors
/// When one of its lines is unlike what is known.
pub fn parse_maps(text: &[u8]) -> io::Result<Vec<Vma>> {
    snapshot::parse_maps(text)
}

/// Parses the `format` file of a tracepoint as each of those that are known: its id, and all offsets of
/// fields that were found.
#[must_use]
pub fn parse_tracepoint(text: &str) -> (Option<u64>, Vec<usize>) {
    let mut offsets = Vec::new();
    if let Some(fault) = tracepoint::parse_format(text) {
        offsets.extend([fault.address, fault.ip, fault.error_code]);
    }
    if let Some(signal) = tracepoint::parse_signal(text) {
        offsets.extend([signal.signal, signal.code]);
    }
    if let Some(oom) = tracepoint::parse_oom(text) {
        offsets.push(oom.pid);
        offsets.extend([oom.comm, oom.uid, oom.oom_score_adj].into_iter().flatten());
        offsets.extend(oom.kib.into_iter().flatten());
    }
    (tracepoint::parse_id(text), offsets)
}

/// What a walk through a ring came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Length of each record.
    pub record_bytes: Vec<usize>,
    /// Time of each record.
    pub times_ns: Vec<u64>,
    /// Bytes that are no record.
    pub garbled_bytes: u64,
    /// Of each name, chain and stack: its length, and that of its record.
    pub parts: Vec<(usize, usize)>,
    /// Faults to store.
    pub faults: usize,
    /// Changes of tasks and maps to store.
    pub sideband: usize,
    /// Callers, and the largest place in them that a fault has.
    pub callers: (usize, usize),
    /// Bytes of stacks, and the largest place in them that a stack has.
    pub stacks: (usize, usize),
}

/// Walks the bytes of a ring, which its end splits in two, and takes its records in as a recording of the plan
/// that `choices` stands for: each bit is one of what is possible, wanted or recorded. Events have the
/// numbers that `event_ids` lists.
#[must_use]
pub fn walk(choices: u32, ring: (&[u8], &[u8])) -> Walked {
    let plan = plan(choices);
    let layout = SampleLayout::new(&plan);
    let roots = if choices & 1 << 17 == 0 { 1 } else { 2 };
    let ids = event_ids();
    let mut drain = Drain::new(layout, plan.selection, scope(choices >> 15 & 3), &[0]);
    drain.rings_were_paused = choices & 1 << 18 != 0;
    drain.settled = Some(Vec::new());
    let mut walked = Walked::default();
    let walk = walk_bytes(ring, &layout, |time_ns, record| {
        walked.record_bytes.push(record.len());
        walked.times_ns.push(time_ns);
        parts(record, &layout, &mut walked.parts);
        drain.record(0, time_ns, record, &ids, roots);
    });
    drain.finish();
    walked.garbled_bytes = walk.garbled_bytes;
    walked.sideband = drain.tasks.len() + drain.maps.len();
    for pending in &drain.pending {
        let batch = &pending.batch;
        walked.faults += batch.rows.len();
        let ends = batch.rows.iter().map(|row| row.chain).map(|chain| {
            chain.start as usize + usize::from(chain.kernel) + usize::from(chain.user)
        });
        walked.callers = (batch.callers.len(), ends.max().unwrap_or(0));
        let ends = batch.stacks.iter().map(|stack| stack.start as usize + stack.len as usize);
        walked.stacks = (batch.stack_bytes.len(), ends.max().unwrap_or(0));
    }
    walked
}

/// The events of two threads, 10 and 20, and the machine's one, with their numbers.
#[must_use]
pub(crate) fn event_ids() -> FxHashMap<u64, EventRef> {
    let of = |root_tid| EventKind::FOLLOWING.map(|kind| EventRef { root_tid, kind });
    let oom = EventRef { root_tid: 0, kind: EventKind::Oom };
    (0..).zip([of(10), of(20)].concat().into_iter().chain([oom])).collect()
}

pub(crate) fn scope(choice: u32) -> Scope {
    let own_pid = 1;
    let pids = [2, 3, 10, 20].into_iter().collect();
    match choice {
        0 => Scope::Followed { children: true },
        1 => Scope::Others { own_pid },
        2 => Scope::Group { own_pid, members: pids },
        _ => Scope::Members { own_pid, pids, follow: true },
    }
}

pub(crate) fn plan(choices: u32) -> Plan {
    let has = |bit: u32| choices & 1 << bit != 0;
    let fault = |id| PageFaultTracepoint { id, address: 8, ip: 16, error_code: 24 };
    let call = CallTracepoint {
        entry_id: 4,
        exit_id: 5,
        addr: 16,
        len: 24,
        new_len: Some(32),
        argument: Some(40),
        result: 16,
    };
    // As Linux 6.18 has it.
    let oom = OomTracepoint {
        id: 6,
        pid: 8,
        comm: Some(12),
        kib: [Some(16), Some(24), Some(32), Some(40), Some(56)],
        uid: Some(48),
        oom_score_adj: Some(64),
    };
    let abilities = Abilities {
        kernel_mode: has(0),
        tracepoints: has(1).then(|| (fault(1), fault(2))),
        signals: has(2).then_some(SignalTracepoint { id: 3, signal: 8, code: 16 }),
        calls: has(3).then_some(CallTracepoints { munmap: call, mremap: call, madvise: call }),
        thread_starts: has(4).then_some(7),
        oom: has(5).then_some(oom),
        lost_counts: true,
        page_size: has(6),
        inherit_thread: true,
        user_regs: has(7),
    };
    let selection = Selection {
        major_only: has(8),
        user_only: has(9),
        latency: !has(10),
        min_latency_ns: if has(11) { 1000 } else { 0 },
        page_nodes: has(12),
        call_graph: match choices >> 13 & 3 {
            0 => None,
            1 => Some(CallGraph::FramePointers),
            2 => Some(CallGraph::Stacks { bytes: 64, share: 0 }),
            _ => Some(CallGraph::Stacks { bytes: CallGraph::MAX_STACK_BYTES, share: 128 }),
        },
    };
    Plan { selection, ..Plan::of(abilities) }
}

/// Parses a record as everything that it could be, whatever its event.
fn parts(record: &[u8], layout: &SampleLayout, parts: &mut Vec<(usize, usize)>) {
    let mut part = |bytes: &[u8]| parts.push((bytes.len(), record.len()));
    for kind in EventKind::FOLLOWING {
        let _ = parse::parse_sample(record, kind, layout);
        if let Some(extras) = parse::parse_extras(record, kind, layout) {
            part(extras.chain);
            part(extras.stack.unwrap_or_default());
        }
    }
    for kind in [CallKind::Munmap, CallKind::Mremap, CallKind::Madvise] {
        let _ = parse::parse_call_entry(record, kind, layout);
        let _ = parse::parse_call_exit(record, kind, layout);
    }
    if let Some(victim) = parse::parse_oom(record, layout) {
        part(&victim.comm);
    }
    if let Some(map) = parse::parse_mmap2(record) {
        part(&map.path);
    }
    if let Some(comm) = parse::parse_comm(record) {
        part(comm.name);
    }
    let _ = parse::parse_thread_start(record, layout);
    let _ = (parse::parse_task(record), parse::record_pids(record, layout));
}
