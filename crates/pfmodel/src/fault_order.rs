//! Faults of all CPUs in one order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pft::record::{FaultBatch, FaultColumns, NODE_UNKNOWN, flags};

/// One fault as recorded: a row of [`FaultColumns`], and the CPU of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Entry time of the first attempt.
    pub time_ns: u64,
    /// First entry to completion, or [`pft::record::LATENCY_UNKNOWN`].
    pub latency_ns: u64,
    /// Faulting address.
    pub addr: u64,
    /// Instruction pointer; see [`Fault::knows_ip`].
    pub ip: u64,
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// See [`pft::record::flags`].
    pub flags: u32,
    /// Entries that it took.
    pub attempts: u32,
    /// CPU.
    pub cpu: u32,
}

impl Fault {
    /// Whether `ip` is an instruction: a fault whose entry was not recorded may have none, which is 0.
    #[must_use]
    pub const fn knows_ip(&self) -> bool {
        self.ip != 0 || self.flags & flags::NO_ENTRY == 0
    }
}

/// A fault, and what was recorded beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordedFault {
    pub fault: Fault,
    /// [`pft::record::CallChainRecord::id`], 0 for none.
    pub call_chain: u32,
    /// NUMA node of the page, or [`NODE_UNKNOWN`].
    pub node: u8,
}

/// Batches that follow each other without overlap, read from the front.
#[derive(Debug)]
struct Run {
    /// In reverse: the next one is last.
    batches: Vec<FaultBatch>,
    row: usize,
}

/// Iterator over all faults by time; what is read is freed batch by batch.
#[derive(Debug)]
pub(crate) struct FaultOrder {
    runs: Vec<Run>,
    /// Next time of each run but the one being read.
    waiting: BinaryHeap<Reverse<(u64, usize)>>,
    reading: Option<usize>,
}

impl FaultOrder {
    /// Takes the batches in any order. Batches of one CPU normally follow each other, so few runs
    /// come out; rows that are out of order inside a batch are sorted.
    pub(crate) fn new(mut batches: Vec<FaultBatch>) -> Self {
        batches.iter_mut().for_each(|batch| put_in_order(&mut batch.columns));
        batches.retain(|batch| !batch.columns.is_empty());
        batches.sort_by_key(|batch| (batch.cpu, batch.columns.time_ns.first().copied()));
        let mut runs: Vec<Run> = Vec::new();
        let mut previous_end = None;
        for batch in batches {
            let first = batch.columns.time_ns.first().copied();
            let end = batch.columns.time_ns.last().map(|&last| (batch.cpu, last));
            let follows = previous_end.is_some_and(|(cpu, last)| {
                cpu == batch.cpu && first.is_some_and(|first| first >= last)
            });
            match runs.last_mut() {
                Some(run) if follows => run.batches.push(batch),
                _ => runs.push(Run { batches: vec![batch], row: 0 }),
            }
            previous_end = end;
        }
        runs.iter_mut().for_each(|run| run.batches.reverse());
        let waiting =
            runs.iter().enumerate().filter_map(|(n, run)| Some(Reverse((run.next_ns()?, n))));
        Self { waiting: waiting.collect(), runs, reading: None }
    }
}

impl Iterator for FaultOrder {
    type Item = RecordedFault;

    fn next(&mut self) -> Option<RecordedFault> {
        if let Some(index) = self.reading {
            let next = self.runs.get(index).and_then(Run::next_ns).map(|time_ns| (time_ns, index));
            let first_waiting = self.waiting.peek().map(|&Reverse(key)| key);
            match (next, first_waiting) {
                (Some(next), Some(waiting)) if waiting < next => {
                    self.waiting.push(Reverse(next));
                    self.reading = None;
                }
                (Some(_), _) => {}
                (None, _) => self.reading = None,
            }
        }
        if self.reading.is_none() {
            self.reading = self.waiting.pop().map(|Reverse((_, index))| index);
        }
        self.runs.get_mut(self.reading?)?.take()
    }
}

impl Run {
    fn next_ns(&self) -> Option<u64> {
        self.batches.last()?.columns.time_ns.get(self.row).copied()
    }

    fn take(&mut self) -> Option<RecordedFault> {
        let batch = self.batches.last()?;
        let (columns, row) = (&batch.columns, self.row);
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
        if self.row >= columns.time_ns.len() {
            self.batches.pop();
            self.row = 0;
        }
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
        FaultOrder::new(batches).map(|row| (row.fault.time_ns, row.fault.cpu)).collect()
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
        let faults: Vec<RecordedFault> = FaultOrder::new(vec![batch]).collect();
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
}
