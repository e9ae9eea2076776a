//! Faults of all CPUs in one order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pft::record::{FaultBatch, FaultColumns, GapRecord, NODE_UNKNOWN};

use crate::order::fault::{Fault, RecordedFault};

/// The faults of a frame.
#[derive(Debug, Clone)]
pub enum Batch {
    /// All of them.
    Faults(FaultBatch),
    /// None: the frame is of no use.
    Lost(GapRecord),
}

impl From<FaultBatch> for Batch {
    fn from(batch: FaultBatch) -> Self {
        Self::Faults(batch)
    }
}

/// A batch that is being read.
#[derive(Debug)]
struct Open {
    batch: FaultBatch,
    row: usize,
    /// Its place in the order in which batches came.
    number: u32,
}

/// When the next fault of a batch began, on which CPU, and the number of the batch: faults of one time come in the
/// order of CPUs.
type Turn = (u64, u32, u32);

/// A batch that waits for its turn: its place among those that are open.
type Waiting = (Turn, usize);

/// Batches, each with a time before which none of its faults began, in the order of these times. It is a trait object
/// so that what goes through each fault is compiled here, with the optimisations of this crate.
pub(crate) type Batches<'a> = &'a mut dyn Iterator<Item = (u64, Batch)>;

/// Iterator over all faults by time. It takes batches when their time has come and frees them when they
/// have been read.
pub(crate) struct FaultOrder<'a> {
    batches: Batches<'a>,
    /// The next batch, and a time before which none of its faults began.
    coming: Option<(u64, Batch)>,
    /// What is lost of those that were taken, until somebody has looked at it.
    pub lost: Vec<GapRecord>,
    taken: u32,
    /// Batches that are not read to their end.
    open: Slots,
    /// The first of those of them that wait for their turn. It is kept apart because two CPUs take turns at nearly each
    /// fault, and what was just put into a heap is slow to read.
    next_waiting: Option<Waiting>,
    /// The others that wait.
    later: BinaryHeap<Reverse<Waiting>>,
    /// The one whose turn it was last.
    reading: usize,
    /// Faults of that one that begin before this time come next, whatever else there is.
    alone_until_ns: u64,
}

/// Open batches, at places that are used again.
#[derive(Debug, Default)]
struct Slots {
    batches: Vec<Open>,
    free: Vec<usize>,
}

/// Batches that come in any order, as [`FaultOrder::new`] takes them.
pub(crate) fn in_order(batches: Vec<FaultBatch>) -> impl Iterator<Item = (u64, Batch)> {
    let from_ns = |batch: &FaultBatch| batch.columns.time_ns.iter().min().copied().unwrap_or(0);
    let mut batches: Vec<_> = batches.into_iter().map(|batch| (from_ns(&batch), batch)).collect();
    batches.sort_by_key(|(from_ns, _)| *from_ns);
    batches.into_iter().map(|(from_ns, batch)| (from_ns, batch.into()))
}

impl<'a> FaultOrder<'a> {
    /// Rows that are out of order inside a batch are sorted.
    pub(crate) fn new(batches: Batches<'a>) -> Self {
        let coming = batches.next();
        Self {
            batches,
            coming,
            lost: Vec::new(),
            taken: 0,
            open: Slots::default(),
            next_waiting: None,
            later: BinaryHeap::new(),
            reading: usize::MAX,
            alone_until_ns: 0,
        }
    }

    /// Puts the next batch among those that wait.
    fn admit(&mut self, batch: Batch) {
        self.coming = self.batches.next();
        let mut batch = match batch {
            Batch::Faults(batch) => batch,
            Batch::Lost(gap) => return self.lost.push(gap),
        };
        put_in_order(&mut batch.columns);
        let open = Open { batch, row: 0, number: self.taken };
        self.taken = self.taken.saturating_add(1);
        if let Some(turn) = open.turn() {
            let new = (turn, self.open.add(open));
            let later = match &mut self.next_waiting {
                Some(first) if new < *first => Some(std::mem::replace(first, new)),
                Some(_) => Some(new),
                none @ None => {
                    *none = Some(new);
                    None
                }
            };
            self.later.extend(later.map(Reverse));
        }
    }

    /// The batch that has the next fault.
    fn next_batch(&mut self) -> Option<&mut Open> {
        let turn = self.open.get(self.reading).and_then(Open::turn);
        if turn.is_none() && self.reading != usize::MAX {
            self.open.release(std::mem::replace(&mut self.reading, usize::MAX));
        }
        // Of batches that begin at the next time as well, one may have to come first.
        while let Some((_, batch)) = self.coming.take_if(|(from_ns, _)| {
            let first = [turn, self.next_waiting.map(|(turn, _)| turn)];
            first.into_iter().flatten().min().is_none_or(|(time_ns, ..)| *from_ns <= time_ns)
        }) {
            self.admit(batch);
        }
        match (turn, self.next_waiting) {
            (None, first) => {
                self.reading = first?.1;
                self.next_waiting = self.later.pop().map(|Reverse(next)| next);
            }
            (Some(own), Some((first, place))) if first < own => {
                let own = (own, std::mem::replace(&mut self.reading, place));
                let before = self.later.peek_mut().filter(|next| next.0 < own);
                self.next_waiting = Some(match before {
                    Some(mut next) => std::mem::replace(&mut *next, Reverse(own)).0,
                    None => own,
                });
            }
            _ => {}
        }
        let coming_ns = self.coming.as_ref().map_or(u64::MAX, |(from_ns, _)| *from_ns);
        let waiting_ns = self.next_waiting.map_or(u64::MAX, |((time_ns, ..), _)| time_ns);
        self.alone_until_ns = coming_ns.min(waiting_ns);
        self.open.get_mut(self.reading)
    }
}

impl Slots {
    fn add(&mut self, open: Open) -> usize {
        let Some(place) = self.free.pop() else {
            self.batches.push(open);
            return self.batches.len() - 1;
        };
        if let Some(free) = self.batches.get_mut(place) {
            *free = open;
        }
        place
    }

    fn release(&mut self, place: usize) {
        if let Some(open) = self.batches.get_mut(place) {
            open.batch.columns = FaultColumns::default();
            self.free.push(place);
        }
    }

    fn get(&self, place: usize) -> Option<&Open> {
        self.batches.get(place)
    }

    fn get_mut(&mut self, place: usize) -> Option<&mut Open> {
        self.batches.get_mut(place)
    }
}

impl Iterator for FaultOrder<'_> {
    type Item = RecordedFault;

    #[inline]
    fn next(&mut self) -> Option<RecordedFault> {
        // Faults before those of all other batches need no comparison: most, in the trace of one thread.
        if let Some(reading) = self.open.get_mut(self.reading)
            && reading.next_ns().is_some_and(|next_ns| next_ns < self.alone_until_ns)
        {
            return reading.take();
        }
        self.next_batch()?.take()
    }
}

impl Open {
    fn next_ns(&self) -> Option<u64> {
        self.batch.columns.time_ns.get(self.row).copied()
    }

    fn turn(&self) -> Option<Turn> {
        Some((self.next_ns()?, self.batch.cpu, self.number))
    }

    fn take(&mut self) -> Option<RecordedFault> {
        let (batch, row) = (&self.batch, self.row);
        let columns = &batch.columns;
        let fault = Fault {
            time_ns: *columns.time_ns.get(row)?,
            latency_ns: *columns.latency_ns.get(row)?,
            addr: *columns.addr.get(row)?,
            ip: *columns.ip.get(row)?,
            pid: *columns.pid.get(row)?,
            tid: *columns.tid.get(row)?,
            flags: *columns.flags.get(row)?,
            attempts: *columns.attempts.get(row)?,
            cpu: batch.cpu,
        };
        let call_chain = columns.call_chain.get(row).copied().unwrap_or(0);
        let node = columns.node.get(row).copied().unwrap_or(NODE_UNKNOWN);
        self.row += 1;
        Some(RecordedFault { fault, call_chain, node })
    }
}

/// Cuts columns to one length and sorts the rows by time; faults of one time stay as they were. Columns that
/// may be left out are filled where they are not.
fn put_in_order(columns: &mut FaultColumns) {
    let FaultColumns { time_ns, latency_ns, addr, ip, pid, tid, flags, attempts, call_chain, node } =
        columns;
    let longs = [&mut *time_ns, latency_ns, addr, ip];
    let words = [pid, tid, flags, attempts];
    let shortest_long = longs.iter().map(|column| column.len()).min().unwrap_or(0);
    let len = words.iter().map(|column| column.len()).min().unwrap_or(0).min(shortest_long);
    let times = &*longs[0];
    let order: Option<Vec<usize>> = (!times.iter().take(len).is_sorted()).then(|| {
        let mut order: Vec<usize> = (0..len).collect();
        order.sort_by_key(|&row| times.get(row));
        order
    });
    longs.into_iter().for_each(|column| rearrange(column, len, order.as_deref()));
    words.into_iter().for_each(|column| rearrange(column, len, order.as_deref()));
    if !call_chain.is_empty() {
        call_chain.resize(len, 0);
        rearrange(call_chain, len, order.as_deref());
    }
    if !node.is_empty() {
        node.resize(len, NODE_UNKNOWN);
        rearrange(node, len, order.as_deref());
    }
}

fn rearrange<T: Copy>(column: &mut Vec<T>, len: usize, order: Option<&[usize]>) {
    column.truncate(len);
    if let Some(order) = order {
        *column = order.iter().filter_map(|&row| column.get(row).copied()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    use proptest::collection::vec;
    use proptest::proptest;

    fn batch(cpu: u32, times: &[u64]) -> FaultBatch {
        let len = times.len();
        let columns = FaultColumns {
            time_ns: times.to_vec(),
            latency_ns: vec![1; len],
            addr: times.iter().map(|time| time * 10).collect(),
            ip: vec![0; len],
            pid: vec![1; len],
            tid: vec![1; len],
            flags: vec![0; len],
            attempts: vec![1; len],
            ..FaultColumns::default()
        };
        FaultBatch { cpu, columns }
    }

    fn order(batches: Vec<FaultBatch>) -> Vec<(u64, u32)> {
        FaultOrder::new(&mut in_order(batches))
            .map(|row| (row.fault.time_ns, row.fault.cpu))
            .collect()
    }

    #[test]
    fn cpus_interleave_by_time() {
        let batches = vec![batch(1, &[20, 50]), batch(0, &[30, 40]), batch(0, &[10, 25])];
        assert_eq!(order(batches), [(10, 0), (20, 1), (25, 0), (30, 0), (40, 0), (50, 1)]);
    }

    #[test]
    fn rows_out_of_order_move_with_all_their_columns() {
        let mut batch = batch(0, &[30, 10, 20]);
        (batch.columns.call_chain, batch.columns.node) = (vec![3, 1], vec![0, 1, 2]);
        let faults: Vec<RecordedFault> = FaultOrder::new(&mut in_order(vec![batch])).collect();
        let columns: Vec<(u64, u64, u32, u8)> = faults
            .iter()
            .map(|row| (row.fault.time_ns, row.fault.addr, row.call_chain, row.node))
            .collect();
        assert_eq!(columns, [(10, 100, 1, 1), (20, 200, 0, 2), (30, 300, 3, 0)]);
    }

    #[test]
    fn overlapping_batches_of_one_cpu_and_empty_ones_are_fine() {
        let batches = vec![batch(0, &[10, 40]), batch(0, &[20, 30]), batch(0, &[])];
        assert_eq!(order(batches), [(10, 0), (20, 0), (30, 0), (40, 0)]);
    }

    #[test]
    fn columns_of_different_length_are_cut_to_the_shortest() {
        let mut short = batch(0, &[1, 2, 3]);
        short.columns.ip.truncate(2);
        assert_eq!(order(vec![short]), [(1, 0), (2, 0)]);
    }

    /// Batches, of which it is counted how many were taken.
    fn counted<'a>(
        batches: Vec<(u64, FaultBatch)>,
        taken: &'a Cell<usize>,
    ) -> impl Iterator<Item = (u64, Batch)> + 'a {
        let batches = batches.into_iter().map(|(from_ns, batch)| (from_ns, batch.into()));
        batches.inspect(|_| taken.set(taken.get() + 1))
    }

    #[test]
    fn batches_are_taken_when_their_time_has_come() {
        let taken = Cell::new(0);
        let batches = [(10, 0, [10, 40]), (20, 1, [25, 50]), (45, 0, [60, 61]), (70, 0, [70, 71])];
        let batches = batches.map(|(from_ns, cpu, times)| (from_ns, batch(cpu, &times)));
        let mut batches = counted(batches.to_vec(), &taken);
        let mut faults = FaultOrder::new(&mut batches);
        let mut next = || faults.next().map(|row| (row.fault.time_ns, taken.get()));
        let times: Vec<(u64, usize)> = std::iter::from_fn(&mut next).collect();
        // One is always at hand, since its time has to be known.
        let expected = [(10, 2), (25, 3), (40, 3), (50, 4), (60, 4), (61, 4), (70, 4), (71, 4)];
        assert_eq!(times, expected);
    }

    #[test]
    fn a_batch_may_begin_later_than_it_says() {
        let batches = [(0, batch(0, &[50])), (1, batch(0, &[100])), (2, batch(1, &[10]))];
        let mut batches = batches.map(|(from_ns, batch)| (from_ns, batch.into())).into_iter();
        let times: Vec<u64> = FaultOrder::new(&mut batches).map(|row| row.fault.time_ns).collect();
        assert_eq!(times, [10, 50, 100]);
    }

    proptest! {
        #[test]
        fn any_batches_come_in_the_order_of_time_and_cpu(
            batches in vec((0..4_u32, vec(0..40_u64, 0..12)), 0..12),
        ) {
            let mut expected: Vec<(u64, u32)> =
                batches.iter().flat_map(|(cpu, times)| times.iter().map(|&time| (time, *cpu))).collect();
            expected.sort_unstable();
            let batches = batches.iter().map(|(cpu, times)| batch(*cpu, times)).collect();
            assert_eq!(order(batches), expected);
        }
    }
}
