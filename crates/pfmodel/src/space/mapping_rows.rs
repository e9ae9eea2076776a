//! The rows of the table of mappings while they are being worked out.

use crate::collections::intern::Interner;
use crate::collections::slab::{Marks, Slab};
use crate::space::vma::Vma;
use crate::table::NONE;

/// Time of what has not ended.
pub(crate) const OPEN_NS: u64 = u64::MAX;

/// How many successors of a row are followed to find a later confirmation.
const MAX_HEIRS_FOLLOWED: usize = 32;

/// A mapping between two moments.
#[derive(Debug, Clone)]
pub(crate) struct MappingRow {
    /// Address space it belongs to.
    pub mm: u32,
    /// Process it belongs to.
    pub proc: u32,
    /// What it was; the range is the largest it had.
    pub vma: Vma,
    /// Known since.
    pub valid_from_ns: u64,
    /// Known until.
    pub valid_to_ns: u64,
    /// Last moment at which evidence showed all of it in place.
    pub confirmed_ns: u64,
    /// Whether the trace saw it being made.
    pub seen_from_start: bool,
    /// Whether it became larger: it grew, or the kernel merged a neighbour with it.
    pub grown: bool,
    /// When it last became larger downwards: its beginning is not older than that.
    pub grown_down_ns: Option<u64>,
    /// The row it was copied or cut from: a parent's at fork, or an earlier state of the mapping.
    pub origin: u32,
    /// Rows that go on with a part of it, or [`NONE`]: later evidence for them is evidence for that
    /// part of this one.
    heirs: [u32; 3],
}

impl MappingRow {
    /// Whether the mapping is still there.
    pub(crate) fn is_open(&self) -> bool {
        self.valid_to_ns == OPEN_NS
    }

    /// Since when there is memory at its beginning: the rest may be older.
    pub(crate) fn begins_ns(&self) -> u64 {
        self.grown_down_ns.unwrap_or(self.valid_from_ns)
    }
}

/// All rows, in order of discovery.
#[derive(Debug, Default)]
pub(crate) struct MappingRows {
    rows: Slab<MappingRow>,
    /// Rows added since these were last taken.
    added: Vec<u32>,
}

impl MappingRows {
    /// Adds a row that begins at `now_ns` and is confirmed by what made it known.
    pub(crate) fn add(&mut self, mm: u32, proc: u32, vma: Vma, now_ns: u64, seen: bool) -> u32 {
        let row = MappingRow {
            mm,
            proc,
            vma,
            valid_from_ns: now_ns,
            valid_to_ns: OPEN_NS,
            confirmed_ns: now_ns,
            seen_from_start: seen,
            grown: false,
            grown_down_ns: None,
            origin: NONE,
            heirs: [NONE; 3],
        };
        self.push(row)
    }

    /// Adds a row for a part of the mapping of another row, from `now_ns` on. It is no evidence for
    /// that mapping.
    pub(crate) fn add_part(
        &mut self,
        origin: u32,
        owner: (u32, u32),
        vma: Vma,
        now_ns: u64,
    ) -> u32 {
        let (seen_from_start, grown, confirmed_ns) =
            self.get(origin).map_or((false, false, 0), |row| {
                (row.seen_from_start, row.grown, row.confirmed_ns.min(now_ns))
            });
        self.push(MappingRow {
            mm: owner.0,
            proc: owner.1,
            vma,
            valid_from_ns: now_ns,
            valid_to_ns: OPEN_NS,
            confirmed_ns,
            seen_from_start,
            grown,
            grown_down_ns: None,
            origin,
            heirs: [NONE; 3],
        })
    }

    fn push(&mut self, row: MappingRow) -> u32 {
        let index = self.rows.insert(row);
        self.added.push(index);
        index
    }

    /// The rows added since this was last asked, in order.
    pub(crate) fn take_added(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.added)
    }

    /// The same, without taking them.
    pub(crate) fn added(&self) -> &[u32] {
        &self.added
    }

    /// Forgets the rows that are not marked: their numbers are given out anew.
    pub(crate) fn keep(&mut self, marked: &Marks) {
        self.rows.keep(marked, |_| {});
        for row in self.rows.iter_mut().filter(|row| !marked.has(row.origin)) {
            row.origin = NONE;
        }
    }

    /// All rows, forgotten ones included.
    pub(crate) fn as_slice(&self) -> &[MappingRow] {
        &self.rows
    }

    /// How many rows are not forgotten.
    pub(crate) fn in_use(&self) -> usize {
        self.rows.in_use()
    }

    /// A row by its index.
    pub(crate) fn get(&self, row: u32) -> Option<&MappingRow> {
        self.rows.get(row as usize)
    }

    /// A row by its index, to change.
    pub(crate) fn get_mut(&mut self, row: u32) -> Option<&mut MappingRow> {
        self.rows.get_mut(row as usize)
    }

    /// All rows, to change.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [MappingRow] {
        &mut self.rows
    }

    /// The mapping covers exactly `vma` at `now_ns`, which confirms it if that `is_sure`. A name replaces
    /// no name.
    pub(crate) fn extend(&mut self, row: u32, vma: &Vma, now_ns: u64, is_sure: bool) {
        let Some(row) = self.get_mut(row) else { return };
        if is_sure {
            row.confirmed_ns = row.confirmed_ns.max(now_ns);
        }
        if vma.start < row.vma.start {
            row.grown_down_ns = Some(now_ns);
        }
        row.grown |= vma.start < row.vma.start || vma.end > row.vma.end;
        (row.vma.start, row.vma.end, row.vma.file_offset) = (vma.start, vma.end, vma.file_offset);
        if row.vma.name == Interner::EMPTY {
            (row.vma.name, row.vma.plain_name) = (vma.name, vma.plain_name);
        }
    }

    /// The mapping ends at `now_ns`; `heirs` go on with parts of it. One that a record made known ahead of
    /// its time has no duration then.
    pub(crate) fn close(&mut self, row: u32, now_ns: u64, heirs: [u32; 3]) {
        let Some(row) = self.get_mut(row) else { return };
        row.valid_to_ns = now_ns.max(row.valid_from_ns);
        row.heirs = heirs;
    }

    /// Whether evidence at `time_ns` or later shows that the mapping held `addr` at `time_ns`.
    pub(crate) fn is_confirmed(&self, row: u32, addr: u64, time_ns: u64) -> bool {
        let mut index = row;
        for _ in 0..MAX_HEIRS_FOLLOWED {
            let Some(row) = self.get(index) else {
                return false;
            };
            if row.confirmed_ns >= time_ns {
                return true;
            }
            let holds = |heir: &&u32| {
                self.get(**heir).is_some_and(|r| r.vma.start <= addr && addr < r.vma.end)
            };
            match row.heirs.iter().find(holds) {
                Some(&heir) => index = heir,
                None => return false,
            }
        }
        false
    }
}
