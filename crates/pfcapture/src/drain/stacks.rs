//! What comes with the completion of a fault: its callers, its thread's stack, where that is, and the
//! node of the page.

use pft::record::StackPointerRecord;

use super::{Completed, Drain, KERNEL_HALF, is_foreign};
use crate::drain::batch::{FaultRow, UserStack};
use crate::event::EventKind;
use crate::parse::{self, Extras, Sample};

/// Memory for the stacks of one batch. Those that find no room are dropped, with a count.
const MAX_STACK_BYTES: usize = 16 << 20;

/// Stack pointers of a thread that are no farther from each other than this need one record, bytes.
const NEAR_BYTES: u64 = 1 << 20;

/// Stack pointers of a thread that are put on record.
const MAX_STACK_POINTERS: usize = 16;

impl Drain {
    /// A fault that completed, and its record.
    pub(super) fn complete(
        &mut self,
        ring: usize,
        record: &[u8],
        kind: EventKind,
        sample: &Sample,
        mut row: FaultRow,
    ) {
        if !self.layout.has_extras(kind) {
            let kept = self.fault(ring, row);
            self.completed(ring, sample, kept);
            return;
        }
        let extras = parse::parse_extras(record, kind, &self.layout).unwrap_or_default();
        if let Some(nodes) = &self.page_nodes {
            row.node = nodes.node_of(extras.physical);
        }
        let kept = self.fault(ring, row);
        self.completed(ring, sample, kept);
        self.attach(ring, sample, &extras);
    }

    fn completed(&mut self, ring: usize, sample: &Sample, kept: bool) {
        if let Some(pending) = self.pending.get_mut(ring) {
            pending.completed = Some(Completed { tid: sample.tid, addr: sample.addr, kept });
        }
    }

    /// The sample of an event that only some faults have. It lies in the ring right behind the
    /// completion of its fault.
    pub(super) fn stack(&mut self, ring: usize, record: &[u8], sample: &Sample) {
        let extras = parse::parse_extras(record, EventKind::Stack, &self.layout);
        self.attach(ring, sample, &extras.unwrap_or_default());
    }

    /// Keeps what came with the last fault that completed in a ring.
    fn attach(&mut self, ring: usize, sample: &Sample, extras: &Extras<'_>) {
        if let Some(regs) = extras.regs {
            let &Sample { time_ns, pid, tid, .. } = sample;
            let stack_pointer = regs.sp;
            self.note_stack_pointer(StackPointerRecord { time_ns, pid, tid, stack_pointer });
        }
        let Some(pending) = self.pending.get_mut(ring) else { return };
        let of_it = |c: &Completed| (c.tid, c.addr) == (sample.tid, sample.addr);
        // Where its fault was captured before the event of completions was open, or was lost, there is
        // nothing to which this could belong; and where the fault is not stored, nothing is missed.
        if !pending.completed.filter(of_it).is_some_and(|completed| completed.kept) {
            return;
        }
        let batch = &mut pending.batch;
        let position = batch.rows.len().saturating_sub(1);
        let row = batch.rows.last_mut().filter(|row| row.tid == sample.tid);
        let Some((row, position)) = row.zip(u32::try_from(position).ok()) else {
            // The batch with its fault is on its way.
            let copies = u64::from(extras.stack.is_some());
            self.counts.stacks_copied += copies;
            self.counts.stacks_dropped += copies;
            batch.stack_counts.copied += copies;
            batch.stack_counts.dropped += copies;
            return;
        };
        // Two events on a thread may bring it twice.
        if row.chain.is_empty() {
            let most = self.most_callers;
            row.chain = parse::append_callers(extras.chain, most, &mut batch.callers);
        }
        let Some(copy) = extras.stack else { return };
        if batch.stacks.last().is_some_and(|stack| stack.row == position) {
            return;
        }
        self.counts.stacks_copied += 1;
        batch.stack_counts.copied += 1;
        // Until it is unwound.
        row.chain.cut = true;
        let start = batch.stack_bytes.len();
        if start + copy.len() > MAX_STACK_BYTES {
            self.counts.stacks_dropped += 1;
            batch.stack_counts.dropped += 1;
            return;
        }
        batch.stack_bytes.extend_from_slice(copy);
        // Both are far below what the numbers hold.
        batch.stacks.push(UserStack {
            row: position,
            regs: extras.regs.unwrap_or_default(),
            start: start as u32,
            len: copy.len() as u32,
        });
    }

    /// A thread has started on its own stack.
    pub(super) fn thread_start(&mut self, ring: usize, record: &[u8]) {
        let Some(shown) = parse::parse_thread_start(record, &self.layout) else {
            self.counts.unparsed += 1;
            return;
        };
        if is_foreign(shown.pid, shown.tid) {
            self.counts.foreign_namespace += 1;
            return;
        }
        self.thread(ring, shown.pid, shown.tid);
        self.note_stack_pointer(shown);
    }

    /// Puts on record where a thread's stack is, unless that is known, or the thread is not.
    pub fn note_stack_pointer(&mut self, shown: StackPointerRecord) {
        let thread = self.threads.get_mut(&shown.tid).filter(|thread| thread.pid == shown.pid);
        let Some(thread) = thread else { return };
        let noted = &mut thread.stack_pointers;
        let stack_pointer = shown.stack_pointer;
        let is_known = noted.iter().any(|known| known.abs_diff(stack_pointer) <= NEAR_BYTES);
        let is_one = (1..KERNEL_HALF).contains(&stack_pointer);
        if is_known || !is_one || noted.len() >= MAX_STACK_POINTERS {
            return;
        }
        noted.push(stack_pointer);
        self.stack_pointers.push(shown);
    }

    /// Has the stack pointers of all threads put on record again: what was stored so far is given up one
    /// day.
    pub fn forget_stack_pointers(&mut self) {
        self.threads.values_mut().for_each(|thread| thread.stack_pointers.clear());
    }
}
