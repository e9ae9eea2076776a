//! Faults frames.

use super::Expected;
use crate::archive::{ArchivedColumnRow, ArchivedFaultsV1};
use crate::columns::{Beside, ColumnId, RawColumn};
use crate::frame::MAX_FAULT_ROWS;
use crate::record::{FaultBatch, FaultColumns};

type Result<T> = std::result::Result<T, &'static str>;

/// The columns of a frame by id. A writer may add columns that this reader does not know.
struct Columns<'a>(Vec<(u8, RawColumn<'a>)>);

impl<'a> Columns<'a> {
    fn of(rows: &[ArchivedColumnRow], mut data: &'a [u8]) -> Result<Self> {
        let mut columns: Vec<(u8, RawColumn<'a>)> = Vec::new();
        for row in rows {
            let (planes, rest) = data
                .split_at_checked(row.bytes.to_native() as usize)
                .ok_or("the columns are longer than their data")?;
            data = rest;
            if columns.iter().any(|(id, _)| *id == row.id) {
                return Err("a column occurs twice");
            }
            let column = RawColumn {
                base: row.base.to_native(),
                encoding: row.encoding,
                width: row.width,
                planes,
            };
            columns.push((row.id, column));
        }
        if data.is_empty() {
            Ok(Self(columns))
        } else {
            Err("the columns are shorter than their data")
        }
    }

    fn find(&self, id: ColumnId) -> Result<RawColumn<'a>> {
        self.optional(id).ok_or("a column is missing")
    }

    fn optional(&self, id: ColumnId) -> Option<RawColumn<'a>> {
        self.0.iter().find(|(found, _)| *found == id as u8).map(|(_, column)| *column)
    }

    /// Values of an optional column; none if all of them would be 0.
    fn decode_optional(&self, id: ColumnId, rows: usize, values: &mut Vec<u64>) -> Result<()> {
        values.clear();
        if let Some(column) = self.optional(id) {
            column.decode(rows, Beside::Nothing, values)?;
        }
        if values.iter().all(|&value| value == 0) {
            values.clear();
        }
        Ok(())
    }
}

pub(super) fn faults(
    archive: &ArchivedFaultsV1,
    expected: Expected,
    page_shift: u32,
) -> Result<FaultBatch> {
    let rows = archive.rows.to_native() as usize;
    expected.check_rows(rows)?;
    if rows > MAX_FAULT_ROWS {
        return Err("the frame has too many rows");
    }
    let columns = Columns::of(&archive.columns, &archive.data)?;
    let mut values = Vec::new();

    columns.find(ColumnId::Thread)?.decode(rows, Beside::Nothing, &mut values)?;
    let threads = narrow(&values)?;
    let mut pid = Vec::with_capacity(rows);
    let mut tid = Vec::with_capacity(rows);
    for threads in threads.chunk_by(|a, b| a == b) {
        let thread = threads.first().and_then(|&thread| archive.threads.get(thread as usize));
        let thread = thread.ok_or("a row refers to no thread")?;
        pid.resize(pid.len() + threads.len(), thread.pid.to_native());
        tid.resize(tid.len() + threads.len(), thread.tid.to_native());
    }

    columns.find(ColumnId::Ip)?.decode(rows, Beside::Nothing, &mut values)?;
    let mut ip = Vec::with_capacity(rows);
    for ips in values.chunk_by(|a, b| a == b) {
        let number = ips.first().and_then(|&number| usize::try_from(number).ok());
        let of_all = number.and_then(|number| archive.ips.get(number));
        let of_all = of_all.ok_or("a row refers to no instruction pointer")?;
        ip.resize(ip.len() + ips.len(), of_all.to_native());
    }

    let mut latency_ns = Vec::new();
    columns.find(ColumnId::Latency)?.decode(rows, Beside::Nothing, &mut latency_ns)?;
    for latency_ns in &mut latency_ns {
        *latency_ns = latency_ns.wrapping_sub(1);
    }

    let mut time_ns = Vec::new();
    let latencies_ns = Beside::LatenciesNs(&latency_ns);
    columns.find(ColumnId::Time)?.decode(rows, latencies_ns, &mut time_ns)?;
    let first_ns = time_ns.iter().copied().min().unwrap_or(expected.first_ns);
    let last_ns = time_ns.iter().copied().max().unwrap_or(expected.last_ns);
    expected.check_time(first_ns)?;
    expected.check_time(last_ns)?;

    let mut addr = Vec::new();
    let mut last_pages: Vec<u64> =
        archive.threads.iter().map(|thread| thread.first_page.to_native()).collect();
    columns.find(ColumnId::Page)?.decode(
        rows,
        Beside::Threads(&threads, &mut last_pages),
        &mut addr,
    )?;
    columns.find(ColumnId::Offset)?.decode(rows, Beside::Nothing, &mut values)?;
    join_addresses(&mut addr, &values, page_shift)?;

    columns.find(ColumnId::Flags)?.decode(rows, Beside::Nothing, &mut values)?;
    let flags = narrow(&values)?;
    columns.find(ColumnId::Attempts)?.decode(rows, Beside::Nothing, &mut values)?;
    let attempts = narrow(&values)?;
    columns.decode_optional(ColumnId::CallChain, rows, &mut values)?;
    let call_chain = narrow(&values)?;
    columns.decode_optional(ColumnId::Node, rows, &mut values)?;
    let node = nodes(&values)?;

    Ok(FaultBatch {
        cpu: archive.cpu.to_native(),
        columns: FaultColumns {
            time_ns,
            latency_ns,
            addr,
            ip,
            pid,
            tid,
            flags,
            attempts,
            call_chain,
            node,
        },
    })
}

fn narrow(values: &[u64]) -> Result<Vec<u32>> {
    let all = values.iter().fold(0, |all, value| all | value);
    if all > u32::MAX.into() {
        return Err("a value exceeds 32 bits");
    }
    Ok(values.iter().map(|&value| value as u32).collect())
}

/// Nodes of a column that holds them plus 1.
fn nodes(values: &[u64]) -> Result<Vec<u8>> {
    let node = |&value: &u64| u8::try_from(value).map(|value| value.wrapping_sub(1));
    values.iter().map(node).collect::<std::result::Result<_, _>>().map_err(|_| "a node exceeds 254")
}

/// Turns page numbers into addresses.
fn join_addresses(pages: &mut [u64], offsets: &[u64], page_shift: u32) -> Result<()> {
    let all_pages = pages.iter().fold(0, |all, page| all | page);
    let all_offsets = offsets.iter().fold(0, |all, offset| all | offset);
    if all_pages > u64::MAX >> page_shift {
        return Err("a page number exceeds the address space");
    }
    if all_offsets >> page_shift != 0 {
        return Err("an address lies outside its page");
    }
    for (page, offset) in pages.iter_mut().zip(offsets) {
        *page = *page << page_shift | offset;
    }
    Ok(())
}
