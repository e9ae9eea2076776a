//! Columns of the fault table, filled row by row.

use pft::record::{LATENCY_UNKNOWN, NODE_UNKNOWN};

use crate::mapping_rows::MappingRows;
use crate::names::{Access, Cause, Class, MapConfidence};
use crate::table::{FaultTable, NONE};

/// One row. Times are on the trace's clock until the table is finished.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub time_ns: u64,
    pub latency_ns: u64,
    pub class: Class,
    pub cause: Cause,
    pub slow: bool,
    pub access: Access,
    pub kernel_mode: bool,
    pub proc: u32,
    /// Address space, [`NONE`] if it was another one at entry.
    pub mm: u32,
    pub tid: u32,
    pub comm: u32,
    pub cpu: u16,
    pub addr: u64,
    pub ip: u64,
    /// Whether that was measured.
    pub knows_ip: bool,
    pub page_size_bytes: u64,
    pub nth: u32,
    pub attempts: u32,
    pub mapping: u32,
    pub ip_mapping: u32,
    pub call_chain: u32,
    /// Nothing contradicts the mapping, so later evidence may make it exact.
    pub may_be_exact: bool,
    /// It is exact if it may be, without later evidence.
    pub is_known: bool,
}

impl Row {
    /// A row in which nothing is known.
    pub(crate) const BLANK: Self = Self {
        time_ns: 0,
        latency_ns: LATENCY_UNKNOWN,
        class: Class::Minor,
        cause: Cause::Unknown,
        slow: false,
        access: Access::Unknown,
        kernel_mode: false,
        proc: NONE,
        mm: NONE,
        tid: 0,
        comm: 0,
        cpu: 0,
        addr: 0,
        ip: 0,
        knows_ip: false,
        page_size_bytes: 0,
        nth: 0,
        attempts: 0,
        mapping: NONE,
        ip_mapping: NONE,
        call_chain: NONE,
        may_be_exact: false,
        is_known: false,
    };
}

/// Rows that are not finished.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub table: FaultTable,
    /// Which rows need later evidence to be exact.
    pub awaiting: Vec<bool>,
    /// Rows of which the instruction is not known, in order.
    pub unknown: Vec<usize>,
}

impl Rows {
    /// Adds a row whose page is on a node, as recorded.
    pub(crate) fn push(&mut self, row: &Row, node: u8) {
        if !row.knows_ip {
            self.unknown.push(self.table.len());
        }
        push(&mut self.table, &mut self.awaiting, row);
        note_node(&mut self.table, node);
    }
}

/// Adds a row, and to `awaiting` whether [`finish`] has to settle its confidence. Region, code and object are left
/// for the end, when all mappings are known.
fn push(table: &mut FaultTable, awaiting: &mut Vec<bool>, row: &Row) {
    awaiting.push(row.may_be_exact && !row.is_known);
    table.time_ns.push(row.time_ns);
    table.latency_ns.push(row.latency_ns);
    table.class.push(row.class);
    table.cause.push(row.cause);
    table.slow.push(row.slow);
    table.access.push(row.access);
    table.kernel_mode.push(row.kernel_mode);
    table.proc.push(row.proc);
    table.tid.push(row.tid);
    table.comm.push(row.comm);
    table.cpu.push(row.cpu);
    table.addr.push(row.addr);
    table.ip.push(row.ip);
    table.page_size_bytes.push(row.page_size_bytes);
    table.nth.push(row.nth);
    table.attempts.push(row.attempts);
    table.mapping.push(row.mapping);
    table.ip_mapping.push(row.ip_mapping);
    table.map_confidence.push(match (row.mapping, row.may_be_exact) {
        (NONE, _) => MapConfidence::Unknown,
        (_, false) => MapConfidence::Inferred,
        (_, true) => MapConfidence::Exact,
    });
    table.call_chain.push(row.call_chain);
}

/// Says on which node the page of the last row is. The column is left out as long as none is known.
fn note_node(table: &mut FaultTable, node: u8) {
    if node != NODE_UNKNOWN || !table.node.is_empty() {
        table.node.resize(table.len().saturating_sub(1), NODE_UNKNOWN);
        table.node.push(node);
    }
}

/// Lowers the confidence of rows that await it and whose mapping nothing confirmed, counts them as exact, inferred and
/// unknown, and makes times relative to `start_ns`.
pub(crate) fn finish(
    table: &mut FaultTable,
    awaiting: &[bool],
    rows: &MappingRows,
    start_ns: u64,
) -> [u64; 3] {
    let mut counts = [0; 3];
    // They come in order of time.
    let before = table.time_ns.iter().map(|&time_ns| start_ns.saturating_sub(time_ns));
    table.before_ns = before.take_while(|&before_ns| before_ns > 0).collect();
    let columns = table.time_ns.iter_mut().zip(&table.addr).zip(&table.mapping).zip(awaiting);
    for ((((time_ns, &addr), &mapping), &awaiting), confidence) in
        columns.zip(&mut table.map_confidence)
    {
        if awaiting
            && *confidence == MapConfidence::Exact
            && !rows.is_confirmed(mapping, addr, *time_ns)
        {
            *confidence = MapConfidence::Inferred;
        }
        *time_ns = time_ns.saturating_sub(start_ns);
        let [exact, inferred, unknown] = &mut counts;
        *match confidence {
            MapConfidence::Exact => exact,
            MapConfidence::Inferred => inferred,
            MapConfidence::Unknown => unknown,
        } += 1;
    }
    counts
}
