//! Faults: dictionaries for thread and instruction pointer, transformed columns for the rest.

use std::mem;
use std::ops::Range;

use rustc_hash::FxHashMap;

use super::{EncodedFrame, Encoder, Shape};
use crate::archive::{ColumnRow, FaultsV1, ThreadRow};
use crate::columns::{ColumnId, encode_direct, encode_thread_delta, encode_times};
use crate::error::{Error, Result};
use crate::frame::{FrameKind, MAX_FAULT_ROWS};
use crate::record::{FaultBatch, FaultColumns, NODE_UNKNOWN};

/// Buffers that outlive a frame.
#[derive(Default)]
pub(super) struct Scratch {
    archive: FaultsV1,
    threads: Dictionary<(u32, u32)>,
    ips: Dictionary<u64>,
    last_pages: Vec<u64>,
    values: Vec<u64>,
}

/// Numbers distinct keys in order of first sight.
struct Dictionary<K> {
    numbers: FxHashMap<K, u32>,
    latest: Option<(K, u32)>,
    rows: Vec<u32>,
}

impl<K> Default for Dictionary<K> {
    fn default() -> Self {
        Self { numbers: FxHashMap::default(), latest: None, rows: Vec::new() }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Dictionary<K> {
    fn clear(&mut self) {
        self.numbers.clear();
        self.latest = None;
        self.rows.clear();
    }

    /// Notes the next row; `define` is called for a key not seen before.
    fn push(&mut self, key: K, define: impl FnOnce(K)) {
        // Runs of one key are common and need no hashing.
        if let Some((latest, number)) = self.latest
            && latest == key
        {
            self.rows.push(number);
            return;
        }
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(key).or_insert_with(|| {
            define(key);
            next
        });
        self.latest = Some((key, number));
        self.rows.push(number);
    }
}

impl Encoder {
    /// Encodes a batch, as several frames if it has more than [`MAX_FAULT_ROWS`] rows; as none if it
    /// is empty.
    ///
    /// # Errors
    /// [`Error::ColumnLengths`]; [`Error::Compress`] and [`Error::Archive`] if memory is short.
    pub fn encode_faults(&mut self, batch: &FaultBatch) -> Result<Vec<EncodedFrame>> {
        check_lengths(&batch.columns)?;
        let mut scratch = mem::take(&mut self.faults);
        let mut frames = Vec::new();
        let mut outcome = Ok(());
        for start in (0..batch.columns.len()).step_by(MAX_FAULT_ROWS) {
            let rows = start..batch.columns.len().min(start + MAX_FAULT_ROWS);
            let Some(slices) = Slices::of(&batch.columns, rows) else {
                break;
            };
            scratch.fill(batch.cpu, &slices, self.page_shift);
            let shape = Shape::of(FrameKind::Faults, slices.time_ns.iter().copied());
            match self.seal(shape, &scratch.archive) {
                Ok(frame) => frames.push(frame),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        self.faults = scratch;
        outcome.map(|()| frames)
    }
}

fn check_lengths(columns: &FaultColumns) -> Result<()> {
    let expected = columns.time_ns.len();
    for (column, found) in [
        ("latency_ns", columns.latency_ns.len()),
        ("addr", columns.addr.len()),
        ("ip", columns.ip.len()),
        ("pid", columns.pid.len()),
        ("tid", columns.tid.len()),
        ("flags", columns.flags.len()),
        ("attempts", columns.attempts.len()),
    ] {
        if found != expected {
            return Err(Error::ColumnLengths { column, expected, found });
        }
    }
    for (column, found) in [("call_chain", columns.call_chain.len()), ("node", columns.node.len())]
    {
        if found != 0 && found != expected {
            return Err(Error::ColumnLengths { column, expected, found });
        }
    }
    Ok(())
}

/// The rows of one frame.
struct Slices<'a> {
    time_ns: &'a [u64],
    latency_ns: &'a [u64],
    addr: &'a [u64],
    ip: &'a [u64],
    pid: &'a [u32],
    tid: &'a [u32],
    flags: &'a [u32],
    attempts: &'a [u32],
    /// Empty, or as long as the others.
    call_chain: &'a [u32],
    /// Likewise.
    node: &'a [u8],
}

impl<'a> Slices<'a> {
    fn of(columns: &'a FaultColumns, rows: Range<usize>) -> Option<Self> {
        Some(Self {
            time_ns: columns.time_ns.get(rows.clone())?,
            latency_ns: columns.latency_ns.get(rows.clone())?,
            addr: columns.addr.get(rows.clone())?,
            ip: columns.ip.get(rows.clone())?,
            pid: columns.pid.get(rows.clone())?,
            tid: columns.tid.get(rows.clone())?,
            flags: columns.flags.get(rows.clone())?,
            attempts: columns.attempts.get(rows.clone())?,
            call_chain: columns.call_chain.get(rows.clone()).unwrap_or_default(),
            node: columns.node.get(rows).unwrap_or_default(),
        })
    }
}

impl Scratch {
    fn fill(&mut self, cpu: u32, rows: &Slices<'_>, page_shift: u32) {
        let archive = &mut self.archive;
        archive.cpu = cpu;
        archive.rows = rows.time_ns.len() as u32;
        archive.ips.clear();
        archive.threads.clear();
        archive.columns.clear();
        archive.data.clear();

        self.threads.clear();
        self.last_pages.clear();
        for ((&pid, &tid), &addr) in rows.pid.iter().zip(rows.tid).zip(rows.addr) {
            let first_page = addr >> page_shift;
            self.threads.push((pid, tid), |(pid, tid)| {
                archive.threads.push(ThreadRow { first_page, pid, tid });
                self.last_pages.push(first_page);
            });
        }
        self.ips.clear();
        for &ip in rows.ip {
            self.ips.push(ip, |ip| archive.ips.push(ip));
        }

        let mut columns = ColumnSink {
            values: &mut self.values,
            rows: &mut archive.columns,
            data: &mut archive.data,
        };
        let offset_mask = (1 << page_shift) - 1;
        let (threads, ips) = (&self.threads.rows, &self.ips.rows);
        columns.direct(ColumnId::Thread, threads.iter().map(|&n| n.into()));
        columns.direct(ColumnId::Ip, ips.iter().map(|&n| n.into()));
        columns.times(ColumnId::Time, rows.time_ns, rows.latency_ns);
        let latencies = rows.latency_ns.iter().map(|ns| ns.wrapping_add(1));
        columns.direct(ColumnId::Latency, latencies);
        let pages = rows.addr.iter().map(|addr| addr >> page_shift);
        columns.thread_delta(ColumnId::Page, pages, threads, &mut self.last_pages);
        let offsets = rows.addr.iter().map(|addr| addr & offset_mask);
        columns.direct(ColumnId::Offset, offsets);
        columns.direct(ColumnId::Flags, rows.flags.iter().map(|&n| n.into()));
        columns.direct(ColumnId::Attempts, rows.attempts.iter().map(|&n| n.into()));
        if rows.call_chain.iter().any(|&id| id != 0) {
            columns.direct(ColumnId::CallChain, rows.call_chain.iter().map(|&id| id.into()));
        }
        if rows.node.iter().any(|&node| node != NODE_UNKNOWN) {
            let nodes = rows.node.iter().map(|node| node.wrapping_add(1).into());
            columns.direct(ColumnId::Node, nodes);
        }
    }
}

/// Takes the columns of one frame in turn.
struct ColumnSink<'a> {
    values: &'a mut Vec<u64>,
    rows: &'a mut Vec<ColumnRow>,
    data: &'a mut Vec<u8>,
}

impl ColumnSink<'_> {
    fn collect(&mut self, values: impl Iterator<Item = u64>) {
        self.values.clear();
        self.values.extend(values);
    }

    fn direct(&mut self, id: ColumnId, values: impl Iterator<Item = u64>) {
        self.collect(values);
        self.rows.push(encode_direct(id, self.values, self.data));
    }

    fn times(&mut self, id: ColumnId, values: &[u64], latency_ns: &[u64]) {
        self.collect(values.iter().copied());
        self.rows.push(encode_times(id, self.values, latency_ns, self.data));
    }

    fn thread_delta(
        &mut self,
        id: ColumnId,
        values: impl Iterator<Item = u64>,
        threads: &[u32],
        last: &mut [u64],
    ) {
        self.collect(values);
        let row = encode_thread_delta(id, self.values, threads, last, self.data);
        self.rows.push(row);
    }
}
