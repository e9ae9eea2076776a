//! What each fault of a recording goes through, for counting its instructions (feature `internals`): on rings
//! as the kernel writes them for a recording with all abilities.

use std::ops::Range;

use pft::record::FaultColumns;
use rustc_hash::FxHashMap;

use crate::drain::Drain;
use crate::drain::known_ranges::KnownRanges;
use crate::event::EventKind;
use crate::internals::fuzzing::{event_ids, plan, scope};
use crate::parse::raw_records::{self as raw, Stamp};
use crate::parse::{self, SampleLayout};
use crate::ring;
use crate::store::columns;
use crate::targets::EventRef;

use perf_event_open_sys::bindings as b;

/// All that may be possible, and what a recording wants by default.
const DEFAULT: u32 = 0xff;
/// The same with chains of callers.
const WITH_CALLERS: u32 = DEFAULT | 1 << 13;

const PID: u32 = 10;
const ROOT_TID: u32 = 10;
const PAGE_BYTES: u64 = 4096;
const REGION_BYTES: u64 = 1 << 32;
const LATENCY_NS: u64 = 500;
const STEP_NS: u64 = 800;
/// Faults in a row of one thread of a ring that has several.
const TURN: usize = 100;
/// Of so many completions one tells the stack pointer.
const STACK_SHARE: usize = 32;

/// Rings full of faults, and the state of their recording.
#[derive(Debug)]
pub struct Recording {
    rings: Vec<Vec<u8>>,
    layout: SampleLayout,
    ids: FxHashMap<u64, EventRef>,
    drain: Drain,
}

impl Recording {
    /// So many first touches of anonymous memory by `threads` threads, divided among the rings. With
    /// `callers`, completions have as many of them, one and the same chain.
    #[must_use]
    pub fn new(faults: usize, threads: usize, rings: usize, callers: usize) -> Self {
        let plan = plan(if callers == 0 { DEFAULT } else { WITH_CALLERS });
        let layout = SampleLayout::new(&plan);
        let cpus: Vec<u32> = (0..).take(rings).collect();
        let mut drain = Drain::new(layout, plan.selection, scope(0), &cpus);
        // Batches are recycled.
        for pending in &mut drain.pending {
            pending.batch.rows.reserve(faults);
            pending.batch.callers.reserve(faults * callers);
        }
        let ids = event_ids();
        let kernel = Kernel { ids: &ids, callers };
        let mut bytes = vec![Vec::new(); rings];
        for thread in 0..threads {
            bytes[thread % rings].extend(kernel.map(thread));
        }
        for n in 0..faults {
            let ring = n % rings;
            let own_threads = (threads / rings).max(1);
            let thread = n / rings / TURN % own_threads * rings + ring;
            bytes[ring].extend(kernel.fault(n, thread));
        }
        Self { rings: bytes, layout, ids, drain }
    }

    /// Walks the rings in order of time and parses each sample; returns the sum of all addresses.
    #[must_use]
    pub fn parse(&self) -> u64 {
        let mut sum = 0_u64;
        ring::walk_rings(&self.rings, &self.layout, |_, _, record| {
            let event = parse::record_id(record).and_then(|id| self.ids.get(&id));
            let Some(event) = event else { return };
            if let Some(sample) = parse::parse_sample(record, event.kind, &self.layout) {
                sum = sum.wrapping_add(sample.addr);
            }
        });
        sum
    }

    /// From the bytes of the rings to rows of faults.
    pub fn drain(&mut self) {
        let Self { rings, layout, ids, drain } = self;
        ring::walk_rings(rings, layout, |ring, time_ns, record| {
            drain.record(ring, time_ns, record, ids, 1);
        });
    }

    /// From rows to the columns that are encoded, ring by ring.
    #[must_use]
    pub fn columns(&mut self) -> Vec<FaultColumns> {
        let batches = self.drain.pending.iter_mut().map(|pending| &mut pending.batch);
        let columns = batches.map(|batch| {
            batch.put_in_order();
            columns(batch)
        });
        columns.collect()
    }

    /// Faults that were paired, and callers that came with them.
    #[must_use]
    pub fn found(&self) -> (usize, usize) {
        let batches = self.drain.pending.iter().map(|pending| &pending.batch);
        batches.fold((0, 0), |(rows, callers), batch| {
            let paired = batch.rows.iter().filter(|row| row.latency_ns == LATENCY_NS).count();
            (rows + paired, callers + batch.callers.len())
        })
    }
}

/// Writes records.
struct Kernel<'a> {
    ids: &'a FxHashMap<u64, EventRef>,
    callers: usize,
}

impl Kernel<'_> {
    fn stamp(&self, kind: EventKind, thread: usize, time_ns: u64) -> Stamp {
        let wanted = EventRef { root_tid: ROOT_TID, kind };
        let id = self.ids.iter().find(|(_, event)| **event == wanted).map_or(0, |(id, _)| *id);
        Stamp { id, pid: PID, tid: PID + thread as u32, time_ns }
    }

    fn map(&self, thread: usize) -> Vec<u8> {
        raw::mmap2(self.stamp(EventKind::Sideband, thread, 1), &region(thread))
    }

    /// Entry, completion and perhaps the stack pointer of a fault.
    fn fault(&self, n: usize, thread: usize) -> Vec<u8> {
        let entry_ns = (n as u64 + 1) * STEP_NS;
        let addr = region(thread).start + n as u64 * PAGE_BYTES;
        let ip = 0x40_1000 + n as u64 % 500 * 16;
        let misc = b::PERF_RECORD_MISC_USER as u16;
        let sample = |kind, time_ns, body: &[u8]| {
            raw::sample(self.stamp(kind, thread, time_ns), misc, None, body)
        };

        // The payload begins with fields that all tracepoints have, and is padded to words.
        let mut body = 36_u32.to_ne_bytes().to_vec();
        body.extend([0; 8]);
        body.extend(raw::words(&[addr, ip, 6]));
        body.extend([0; 4]);
        let mut records = sample(EventKind::EntryUser, entry_ns, &body);

        let mut begin = vec![addr];
        if self.callers > 0 {
            begin.extend([self.callers as u64 + 1, b::PERF_CONTEXT_USER]);
            begin.extend((0..self.callers as u64).map(|n| 0x40_2000 + n * 64));
        }
        let completion = [&begin[..], &[PAGE_BYTES]].concat();
        let done_ns = entry_ns + LATENCY_NS;
        records.extend(sample(EventKind::Minor, done_ns, &raw::words(&completion)));
        if n.is_multiple_of(STACK_SHARE) {
            let stack_pointer = 0x7ff0_0000_0000 + thread as u64 * REGION_BYTES;
            let regs = [u64::from(b::PERF_SAMPLE_REGS_ABI_64), stack_pointer];
            let unknown_source = [u64::from(b::PERF_MEM_OP_NA)];
            let body = raw::words(&[&begin[..], &regs, &unknown_source].concat());
            records.extend(sample(EventKind::Stack, done_ns, &body));
        }
        records
    }
}

fn region(thread: usize) -> Range<u64> {
    let start = 0x7f00_0000_0000 + 2 * thread as u64 * REGION_BYTES;
    start..start + REGION_BYTES
}

/// Ranges that records have described.
#[derive(Debug)]
pub struct Known(KnownRanges);

impl Known {
    /// So many, none of them neighbours, each of 16 pages, from address 0 on.
    #[must_use]
    pub fn new(count: u64) -> Self {
        let mut known = KnownRanges::default();
        (0..count).for_each(|n| known.insert(n * 32 * PAGE_BYTES..(n * 32 + 16) * PAGE_BYTES));
        Self(known)
    }

    /// How many of these addresses are known.
    #[must_use]
    pub fn find(&self, addrs: &[u64]) -> usize {
        addrs.iter().filter(|&&addr| self.0.find(addr).is_some()).count()
    }
}
