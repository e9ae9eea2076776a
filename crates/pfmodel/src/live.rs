//! Faults judged as they happen.

use pft::record::{
    CallRecord, Fact, LATENCY_UNKNOWN, LostRecord, MapRecord, Snapshot, TaskRecord, TraceHeader,
};

use crate::analyse::Analyser;
use crate::collections::intern::{Interner, Name};
use crate::names::{Access, Cause, Class};
use crate::naming::region::Regions;
use crate::order::records::Records;
use crate::recording::{Options, Recording};
use crate::table::NONE;
use crate::table::builder::Row;

use crate::order::fault::Fault;

/// What a world may grow by between two sweeps, beside its own size.
const SWEEP_AFTER: usize = 1 << 16;

/// The analysis of a recording that goes on: takes records as they arrive and judges one fault after
/// the other, at once.
///
/// It is the engine of [`crate::analyse`], with less to go by:
///
/// - Nothing later than the fault counts. So there is no `map_confidence`, which needs evidence after
///   the fault, and a region may get a better name in the report: the kernel does not name the heap when
///   it first grows, so its first faults are in `[anon]` until a snapshot or further growth names it.
/// - Modules, symbols, call chains and stack pointers are not among what it takes: a region is that of the
///   whole mapping, without sections, and only its name makes memory the stack of a thread.
/// - Faults come when they are over, not when they began. A fault that took long is judged by the
///   mappings and pages as they were when the last fault before it in the stream began, if that was
///   later.
/// - What a snapshot shows is known from its arrival on. A snapshot that arrives after more changes than
///   are remembered, or after the process replaced its address space, says nothing.
/// - A call is known from its end on, when it arrives; it counts from its entry, but undoes nothing that
///   was recorded since then. So a fault during the call is judged as if there were none, but what
///   advice left of its page counts as unknown afterwards. A process forked during the call
///   keeps what the call took away until a snapshot shows its mappings. What a call made that arrives
///   after later changes of it, or after more changes than are remembered, is in doubt.
/// - No threshold can be derived: without one in [`Options`] no fault counts as slow, and a minor fault
///   of a file counts as `file-wait` only if a signal interrupted its wait.
///
/// Memory grows with the processes, threads and mappings that exist, and with the pages that have
/// faulted in them and the ranges that advice was for; not with the faults nor with the records that
/// are past. A page counts again where another is mapped in its place after `mremap` moved it away.
#[derive(Debug)]
pub struct Live {
    analyser: Analyser,
    regions: Regions,
    /// By row.
    labels: Vec<Option<Label>>,
    sweep_at: usize,
}

/// The printed name of a mapping, and what it was made from.
#[derive(Debug)]
struct Label {
    text: Vec<u8>,
    made_from: (u64, Name, bool),
}

/// What the model says of one fault. `None` is: cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged<'a> {
    /// Class.
    pub class: Class,
    /// Cause.
    pub cause: Cause,
    /// Minor fault slower than the threshold.
    pub slow: bool,
    /// What the instruction did.
    pub access: Access,
    /// Access made in kernel mode.
    pub kernel_mode: bool,
    /// Entry to completion, nanoseconds.
    pub latency_ns: Option<u64>,
    /// Name of the thread; empty if it was never recorded. Bytes as recorded.
    pub comm: &'a [u8],
    /// Name of the process; likewise.
    pub process: &'a [u8],
    /// Mapping of the address.
    pub place: Option<Place<'a>>,
    /// Mapping of the instruction; `None` in kernel mode too.
    pub ip_place: Option<Place<'a>>,
}

/// An address in its mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// What tables print: `libc.so.6`, `[heap]`, `[anon]`, …. Bytes as recorded.
    pub region: &'a [u8],
    /// Path of the file, if it is one. Bytes as recorded.
    pub path: Option<&'a [u8]>,
    /// Offset of the address in that file.
    pub file_offset: Option<u64>,
    /// Offset of the address in the mapping.
    pub offset: u64,
}

/// Faults that are not in the stream, and how far classes can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unjudged {
    /// Entries whose thread was still waiting when it exited or the recording ended.
    pub in_flight: u64,
    /// Entries without completion of which nothing can be said.
    pub unresolved: u64,
    /// Whether error codes were recorded: without them cow cannot be told from minor.
    pub error_code: bool,
}

impl Live {
    /// An analysis that has seen nothing. Of the facts it needs those about what is recorded and the
    /// limit on stacks.
    #[must_use]
    pub fn new(header: &TraceHeader, facts: &[Fact], options: &Options) -> Self {
        let recording = Recording { facts: facts.to_vec(), ..Recording::new(header.clone()) };
        let slow_threshold_ns = options.slow_threshold_ns.unwrap_or(u64::MAX);
        let mut analyser = Analyser::new(&recording, Records::default(), slow_threshold_ns);
        analyser.world.remember_faults();
        Self { analyser, regions: Regions::default(), labels: Vec::new(), sweep_at: SWEEP_AFTER }
    }

    /// Takes a task record. Records of all kinds are to be pushed before the faults that were over
    /// after them.
    pub fn push_task(&mut self, record: TaskRecord) {
        self.analyser.world.add_task(record);
        self.analyser.keep_up();
    }

    /// Takes a map record.
    pub fn push_map(&mut self, record: MapRecord) {
        self.analyser.world.add_map(record);
        self.analyser.keep_up();
    }

    /// Takes a snapshot.
    pub fn push_snapshot(&mut self, snapshot: Snapshot) {
        self.analyser.world.add_snapshot(snapshot);
        self.analyser.keep_up();
    }

    /// Takes a call, when it has ended; one whose exit was not seen when that is known.
    pub fn push_call(&mut self, record: CallRecord) {
        self.analyser.world.add_call(record);
        self.analyser.keep_up();
    }

    /// Takes a loss.
    pub fn push_lost(&mut self, record: LostRecord) {
        self.analyser.world.add_lost(record);
        self.analyser.keep_up();
    }

    /// Judges a fault; `None` for one that was in flight or of which nothing can be said. Faults are
    /// to come in the order in which they were over.
    pub fn judge(&mut self, fault: &Fault) -> Option<Judged<'_>> {
        if self.analyser.world.swept_len() >= self.sweep_at {
            self.sweep();
        }
        let mut fault = *fault;
        let mut row = Row::BLANK;
        let is_judged = self.analyser.judge(&mut fault, &mut row);
        self.analyser.world.forget_applied();
        if !is_judged {
            return None;
        }
        self.label(row.mapping);
        self.label(row.ip_mapping);
        Some(self.judged(&row))
    }

    /// Says that faults at this place of the stream will not be handed in. What was known of pages
    /// is unknown from here on.
    pub fn miss(&mut self) {
        self.analyser.miss();
    }

    /// What became of the faults that were not handed out.
    #[must_use]
    pub fn unjudged(&self) -> Unjudged {
        let exactness = &self.analyser.exactness;
        Unjudged {
            in_flight: exactness.in_flight,
            unresolved: exactness.unresolved,
            error_code: exactness.error_code,
        }
    }

    /// Sees to it that the label of a row is there and up to date.
    fn label(&mut self, index: u32) {
        let world = &mut self.analyser.world;
        if !world.rows.added().is_empty() {
            // Their numbers may have been those of others.
            for &row in world.rows.added() {
                if let Some(label) = self.labels.get_mut(row as usize) {
                    *label = None;
                }
            }
            self.regions.learn(&mut world.rows, &world.names);
            self.labels.resize_with(world.rows.as_slice().len(), || None);
        }
        let Some(row) = world.rows.get(index) else { return };
        let made_from = (row.vma.start, row.vma.name, row.grown);
        let Some(place) = self.labels.get_mut(index as usize) else { return };
        if place.as_ref().is_none_or(|label| label.made_from != made_from) {
            self.regions.learn_kind(index, &world.rows, &world.names);
            let text = self.regions.label(index, &world.rows, &world.names);
            *place = Some(Label { text, made_from });
        }
    }

    fn sweep(&mut self) {
        self.label(NONE);
        let world = &mut self.analyser.world;
        let kept = world.sweep(&mut self.regions);
        for (row, label) in (0..).zip(&mut self.labels) {
            if !kept.has(row) {
                *label = None;
            }
        }
        self.sweep_at = world.swept_len() * 2 + SWEEP_AFTER;
    }

    fn judged(&self, row: &Row) -> Judged<'_> {
        let world = &self.analyser.world;
        let process = world.processes.get(row.proc as usize);
        Judged {
            class: row.class,
            cause: row.cause,
            slow: row.slow,
            access: row.access,
            kernel_mode: row.kernel_mode,
            latency_ns: Some(row.latency_ns).filter(|&ns| ns != LATENCY_UNKNOWN),
            comm: world.comms.text(row.comm),
            process: world.comms.text(process.map_or(Interner::EMPTY, |process| process.comm)),
            place: self.place(row.mapping, row.addr),
            ip_place: self.place(row.ip_mapping, row.ip),
        }
    }

    fn place(&self, index: u32, addr: u64) -> Option<Place<'_>> {
        let world = &self.analyser.world;
        let vma = &world.rows.get(index)?.vma;
        let label = self.labels.get(index as usize)?.as_ref()?;
        let is_file = vma.inode != 0;
        Some(Place {
            region: &label.text,
            path: is_file.then(|| world.names.text(vma.name)).filter(|path| !path.is_empty()),
            file_offset: is_file.then(|| vma.offset_of(addr)),
            offset: addr.wrapping_sub(vma.start),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pft::record::{CallKind, Outcome, TaskKind};

    fn task(time_ns: u64, kind: TaskKind, pid: u32, comm: String) -> TaskRecord {
        let comm = comm.into_bytes();
        TaskRecord { time_ns, kind, pid, tid: pid, parent_pid: 1, parent_tid: 1, comm }
    }

    fn map(time_ns: u64, pid: u32, start: u64, prot: u32, path: &str) -> MapRecord {
        MapRecord {
            time_ns,
            pid,
            tid: pid,
            start,
            end: start + 0x2000,
            file_offset: 0,
            dev_major: 8,
            dev_minor: 1,
            inode: path.starts_with("/l").into(),
            inode_generation: 0,
            prot,
            flags: 2,
            path: path.as_bytes().to_vec(),
        }
    }

    fn fault(time_ns: u64, pid: u32, addr: u64) -> Fault {
        let flags = Outcome::Minor as u32;
        Fault { time_ns, latency_ns: 1, addr, ip: 0, pid, tid: pid, flags, attempts: 1, cpu: 0 }
    }

    fn call(time_ns: u64, kind: CallKind, pid: u32, (addr, len_bytes): (u64, u64)) -> CallRecord {
        CallRecord {
            time_ns,
            end_ns: time_ns + 5,
            pid,
            tid: pid,
            kind,
            addr,
            len_bytes,
            new_len_bytes: len_bytes,
            argument: if kind == CallKind::Mremap { 1 } else { 4 },
            result: if kind == CallKind::Mremap { 0x60000 } else { 0 },
        }
    }

    fn region(live: &mut Live, fault: &Fault) -> String {
        let place = live.judge(fault).and_then(|judged| judged.place);
        String::from_utf8_lossy(place.map_or(b"none", |place| place.region)).into_owned()
    }

    fn started(facts: &[Fact]) -> Live {
        let header = TraceHeader {
            uuid: [0; 16],
            page_size_bytes: 4096,
            clock_id: 1,
            start_ns: 0,
            start_realtime_ns: 0,
        };
        Live::new(&header, facts, &Options::default())
    }

    #[test]
    fn what_a_call_took_away_is_not_forgotten_with_its_mapping() {
        let mut live = started(&[]);
        live.push_task(task(0, TaskKind::Exec, 1, "main".into()));
        live.push_map(map(1, 1, 0x10000, 3, "/tmp/a"));
        let range = (0x10000, 0x2000);
        live.push_call(call(10, CallKind::Munmap, 1, range));
        assert_eq!(region(&mut live, &fault(60, 1, 0x10000)), "none");
        live.sweep();
        live.push_map(map(61, 1, 0x20000, 3, "/tmp/b"));
        assert_eq!(region(&mut live, &fault(70, 1, 0x20000)), "b");
        // It began during the call.
        assert_eq!(region(&mut live, &fault(12, 1, 0x10000)), "a");
    }

    #[test]
    fn what_is_past_is_forgotten() {
        let mut live = started(&[]);
        live.push_task(task(0, TaskKind::Exec, 1, "parent".into()));
        live.push_map(map(1, 1, 0x10000, 5, "/lib/libx.so"));
        live.push_map(map(2, 1, 0x12000, 3, "/lib/libx.so"));
        live.push_map(map(3, 1, 0x14000, 3, "//anon"));
        assert_eq!(region(&mut live, &fault(4, 1, 0x15000)), "libx.so bss");
        // Children that use what they inherited, map what has a name of its own, and go.
        for n in 0..60_000 {
            let (pid, time_ns) = (2 + n as u32 % 30_000, 10 + n * 10);
            live.push_task(task(time_ns, TaskKind::Fork, pid, String::new()));
            live.push_task(task(time_ns + 1, TaskKind::Comm, pid, format!("child {n}")));
            live.push_map(map(time_ns + 2, pid, 0x20000, 3, &format!("/tmp/{n}")));
            assert_eq!(region(&mut live, &fault(time_ns + 3, pid, 0x20000)), n.to_string());
            assert_eq!(region(&mut live, &fault(time_ns + 4, pid, 0x14000)), "libx.so bss");
            // The child drops, unmaps and moves; the move is over when the child is no more.
            live.push_call(call(time_ns, CallKind::Madvise, pid, (0x20000, 0x1000)));
            live.push_call(call(time_ns, CallKind::Munmap, pid, (0x20000, 0x1000)));
            live.push_call(call(time_ns + 4, CallKind::Mremap, pid, (0x21000, 0x1000)));
            live.push_task(task(time_ns + 5, TaskKind::Exit, pid, String::new()));
            // The parent changes a mapping back and forth.
            let prot = 1 + 2 * (n as u32 % 2);
            live.push_map(map(time_ns + 6, 1, 0x30000, prot, "//anon"));
        }
        assert_eq!(region(&mut live, &fault(700_000, 1, 0x15000)), "libx.so bss");
        assert_eq!(region(&mut live, &fault(700_001, 1, 0x12000)), "libx.so");
        let judged = live.judge(&fault(700_002, 1, 0x10000)).unwrap();
        assert_eq!(judged.comm, b"parent");

        live.sweep();
        let world = &live.analyser.world;
        assert_eq!(
            (world.processes.in_use(), world.threads.in_use(), world.mms.in_use()),
            (1, 1, 1)
        );
        assert_eq!(world.rows.in_use(), 4, "the parent's mappings");
        assert_eq!((world.comms.len(), world.names.len()), (2, 2), "one each, and the empty one");
        let room = [world.processes.len(), world.rows.as_slice().len(), live.labels.len()];
        assert!(room.into_iter().all(|room| room < 40_000), "{room:?}");
    }
}
