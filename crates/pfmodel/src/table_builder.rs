//! Columns of the fault table, filled row by row.

use pft::record::{LATENCY_UNKNOWN, NODE_UNKNOWN};

use crate::mapping_rows::MappingRows;
use crate::names::{Access, Cause, Class, MapConfidence};
use crate::table::{FaultTable, NONE};

/// Rows that fit into the nearest cache of a core.
const CACHED_ROWS: usize = 128;

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
    /// NUMA node of the page, as recorded.
    pub node: u8,
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
        node: NODE_UNKNOWN,
        may_be_exact: false,
        is_known: false,
    };

    /// How sure the mapping is, if later evidence confirms what awaits it.
    fn map_confidence(&self) -> MapConfidence {
        match (self.mapping, self.may_be_exact) {
            (NONE, _) => MapConfidence::Unknown,
            (_, false) => MapConfidence::Inferred,
            (_, true) => MapConfidence::Exact,
        }
    }
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
    /// None yet, and room for so many if there is memory for them: columns that grow are moved again and again.
    pub(crate) fn with_room_for(rows: usize) -> Self {
        let mut new = Self::default();
        let room = new.awaiting.try_reserve_exact(rows).and_then(|()| new.table.reserve(rows));
        // A file may say more than it holds: without room, columns grow as rows come.
        if room.is_ok() { new } else { Self::default() }
    }

    /// Adds rows. Region, code and object are left for the end, when all mappings are known.
    pub(crate) fn extend(&mut self, rows: &[Row]) {
        // One column after the other takes half the time of one row after the other, as long as the rows are in the
        // nearest cache.
        rows.chunks(CACHED_ROWS).for_each(|rows| self.extend_by_columns(rows));
    }

    fn extend_by_columns(&mut self, rows: &[Row]) {
        let Self { table, awaiting, unknown } = self;
        let before = table.len();
        let unknown_ips = (before..).zip(rows).filter(|(_, row)| !row.knows_ip);
        unknown.extend(unknown_ips.map(|(number, _)| number));
        awaiting.extend(rows.iter().map(|row| row.may_be_exact && !row.is_known));
        table.time_ns.extend(rows.iter().map(|row| row.time_ns));
        table.latency_ns.extend(rows.iter().map(|row| row.latency_ns));
        table.class.extend(rows.iter().map(|row| row.class));
        table.cause.extend(rows.iter().map(|row| row.cause));
        table.slow.extend(rows.iter().map(|row| row.slow));
        table.access.extend(rows.iter().map(|row| row.access));
        table.kernel_mode.extend(rows.iter().map(|row| row.kernel_mode));
        table.proc.extend(rows.iter().map(|row| row.proc));
        table.tid.extend(rows.iter().map(|row| row.tid));
        table.comm.extend(rows, |row| row.comm);
        table.cpu.extend(rows.iter().map(|row| row.cpu));
        table.addr.extend(rows.iter().map(|row| row.addr));
        table.ip.extend(rows.iter().map(|row| row.ip));
        table.page_size_bytes.extend(rows, |row| row.page_size_bytes);
        table.nth.extend(rows.iter().map(|row| row.nth));
        table.attempts.extend(rows, |row| row.attempts);
        table.mapping.extend(rows.iter().map(|row| row.mapping));
        table.ip_mapping.extend(rows.iter().map(|row| row.ip_mapping));
        table.map_confidence.extend(rows.iter().map(Row::map_confidence));
        table.call_chain.extend(rows, |row| row.call_chain);
        // The column is left out as long as no node is known.
        if !table.node.is_empty() || rows.iter().any(|row| row.node != NODE_UNKNOWN) {
            table.node.resize(before, NODE_UNKNOWN);
            table.node.extend(rows.iter().map(|row| row.node));
        }
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
