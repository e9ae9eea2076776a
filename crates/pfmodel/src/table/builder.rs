//! Columns of the fault table, filled row by row.

use pft::record::{LATENCY_UNKNOWN, NODE_UNKNOWN};

use crate::column::{Column, Run, Values as _};
use crate::names::{Access, Cause, Class, MapConfidence};
use crate::space::mapping_rows::MappingRows;
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
    /// Rows of one kind, unless it is 0, differ in time, latency, class, cause, slowness, CPU, address, instruction,
    /// number of the fault of its page, call chain and node only.
    pub kind: u32,
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
        kind: 0,
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
    pub awaiting: Column<bool>,
    /// Rows of which the instruction is not known, in order.
    pub unknown: Vec<usize>,
}

impl Rows {
    /// None yet, and room for so many if there is memory for them: columns that grow are moved again and again.
    pub(crate) fn with_room_for(rows: usize) -> Self {
        let mut new = Self::default();
        // A file may say more than it holds: without room, columns grow as rows come.
        if new.table.reserve(rows).is_ok() { new } else { Self::default() }
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
        table.time_ns.extend(rows.iter().map(|row| row.time_ns));
        table.latency_ns.extend(rows.iter().map(|row| row.latency_ns));
        table.class.extend(rows, |row| row.class);
        table.cause.extend(rows, |row| row.cause);
        table.slow.extend(rows, |row| row.slow);
        table.cpu.extend(rows, |row| row.cpu);
        table.addr.extend(rows.iter().map(|row| row.addr));
        table.ip.extend(rows, |row| row.ip);
        table.nth.extend(rows.iter().map(|row| row.nth));
        table.call_chain.extend(rows, |row| row.call_chain);
        // What rows of one kind have in common is looked at once: half of the time of this.
        let number = rows.len();
        let of_kind = match rows {
            [first, others @ ..]
                if first.kind != 0 && others.iter().all(|row| row.kind == first.kind) =>
            {
                std::slice::from_ref(first)
            }
            _ => rows,
        };
        if of_kind.iter().any(|row| !row.knows_ip) {
            let unknown_ips = (before..).zip(rows).filter(|(_, row)| !row.knows_ip);
            unknown.extend(unknown_ips.map(|(number, _)| number));
        }
        awaiting.extend_to(of_kind, number, |row| row.may_be_exact && !row.is_known);
        table.access.extend_to(of_kind, number, |row| row.access);
        table.kernel_mode.extend_to(of_kind, number, |row| row.kernel_mode);
        table.proc.extend_to(of_kind, number, |row| row.proc);
        table.tid.extend_to(of_kind, number, |row| row.tid);
        table.comm.extend_to(of_kind, number, |row| row.comm);
        table.page_size_bytes.extend_to(of_kind, number, |row| row.page_size_bytes);
        table.attempts.extend_to(of_kind, number, |row| row.attempts);
        table.mapping.extend_to(of_kind, number, |row| row.mapping);
        table.ip_mapping.extend_to(of_kind, number, |row| row.ip_mapping);
        table.map_confidence.extend_to(of_kind, number, Row::map_confidence);
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
    awaiting: &Column<bool>,
    rows: &MappingRows,
    start_ns: u64,
) -> [u64; 3] {
    // They come in order of time.
    let before = table.time_ns.iter().map(|&time_ns| start_ns.saturating_sub(time_ns));
    table.before_ns = before.take_while(|&before_ns| before_ns > 0).collect();
    let mut first = 0;
    for run in awaiting.runs(0..awaiting.len()) {
        let number = run.len();
        if run != Run::Same(&false, number) {
            let awaiting = (first..).zip(run.iter()).filter(|(_, awaiting)| **awaiting);
            for (row, _) in awaiting {
                let (mapping, addr, time_ns) =
                    (table.mapping[row], table.addr[row], table.time_ns[row]);
                if table.map_confidence[row] == MapConfidence::Exact
                    && !rows.is_confirmed(mapping, addr, time_ns)
                {
                    table.map_confidence[row] = MapConfidence::Inferred;
                }
            }
        }
        first += number;
    }
    for time_ns in &mut table.time_ns {
        *time_ns = time_ns.saturating_sub(start_ns);
    }
    let mut counts = [0; 3];
    for run in table.map_confidence.runs(0..table.map_confidence.len()) {
        let [exact, inferred, unknown] = &mut counts;
        run.tally(|confidence, rows| {
            *match confidence {
                MapConfidence::Exact => &mut *exact,
                MapConfidence::Inferred => &mut *inferred,
                MapConfidence::Unknown => &mut *unknown,
            } += rows;
        });
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    /// A row: `kind` tells what rows of a kind have in common, `own` the rest.
    fn row(kind: u32, own: u64) -> Row {
        let bit = |place: u32| kind >> place & 1 == 1;
        Row {
            time_ns: own,
            latency_ns: own * 3,
            class: if own.is_multiple_of(5) { Class::Major } else { Class::Minor },
            cause: if own.is_multiple_of(7) { Cause::ZeroPage } else { Cause::Unknown },
            slow: own.is_multiple_of(3),
            access: if bit(0) { Access::Read } else { Access::Write },
            kernel_mode: bit(1),
            proc: kind * 2,
            mm: kind,
            tid: kind * 3,
            comm: kind * 5,
            cpu: (own % 4) as u16,
            addr: own << 12,
            ip: own % 2,
            knows_ip: bit(0),
            page_size_bytes: u64::from(kind) << 12,
            nth: own as u32,
            attempts: kind + 1,
            mapping: if bit(1) { kind } else { NONE },
            ip_mapping: kind * 7,
            call_chain: own as u32 % 3,
            node: (own % 2) as u8,
            may_be_exact: bit(0),
            is_known: bit(1),
            kind,
        }
    }

    proptest! {
        #[test]
        fn rows_of_one_kind_are_added_like_any(
            runs in vec((0..5_u32, 1..400_usize), 0..12), chunk in 1..700_usize,
        ) {
            let kinds = runs.into_iter().flat_map(|(kind, rows)| std::iter::repeat_n(kind, rows));
            let rows: Vec<Row> = (0..).zip(kinds).map(|(own, kind)| row(kind, own)).collect();
            let any: Vec<Row> = rows.iter().map(|row| Row { kind: 0, ..*row }).collect();
            let add = |rows: &[Row]| {
                let mut all = Rows::default();
                rows.chunks(chunk).for_each(|rows| all.extend(rows));
                format!("{all:?}")
            };
            prop_assert_eq!(add(&rows), add(&any));
        }
    }
}
