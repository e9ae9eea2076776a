//! The address space of one process between two `exec`s, as far as the trace shows it.
//!
//! A row (see [`MappingRows`]) is a mapping over time; a [`Piece`] is a part of its addresses with one
//! birth. The kernel reports whole VMAs after merging, so a row may consist of several pieces: the
//! part of a heap that was there before the recording, and what it grew by since.

use crate::births::merge_births;
use crate::mapping_rows::{MappingRow, MappingRows};
use crate::piece_tree::{Piece, PieceTree};
use crate::table::NONE;
use crate::vma::{Backing, Source, Vma};

/// Inherited pieces that one change may look at one by one, beside those the process made itself.
const MAX_INHERITED_VISITED: usize = 4096;

/// Pieces remembered, and the size of the address ranges (1 MiB) that take turns at a place.
const RECENT: usize = 32;
const RECENT_SHIFT: u32 = 20;
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A moment: time, and the number of faults seen before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub ns: u64,
    pub faults: u32,
}

/// Mappings by address, now.
#[derive(Debug, Clone)]
pub(crate) struct AddressSpace {
    mm: u32,
    proc: u32,
    /// Rows of other address spaces, shared since the fork, count from here on for this one.
    forked_ns: u64,
    pieces: PieceTree,
    /// Pieces inserted by this process.
    inserted: usize,
    /// Pieces found lately, each at a place that its addresses choose.
    recent: [Option<Piece>; RECENT],
    last_snapshot: Option<SnapshotWindow>,
}

#[derive(Debug, Clone, Copy)]
struct SnapshotWindow {
    start: Moment,
    end_ns: u64,
}

impl AddressSpace {
    /// An address space of which nothing is known.
    pub(crate) fn new(mm: u32, proc: u32) -> Self {
        Self {
            mm,
            proc,
            forked_ns: 0,
            pieces: PieceTree::default(),
            inserted: 0,
            recent: [None; RECENT],
            last_snapshot: None,
        }
    }

    /// A copy for a forked process.
    pub(crate) fn fork(&self, mm: u32, proc: u32, now_ns: u64) -> Self {
        let pieces = self.pieces.clone();
        Self { pieces, forked_ns: now_ns, ..Self::new(mm, proc) }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.forget_recent();
        self.pieces.clear();
    }

    /// The piece that holds `addr`. Its row is of this address space.
    pub(crate) fn at(&mut self, addr: u64, rows: &mut MappingRows) -> Option<Piece> {
        // Mappings are aligned to powers of two: the middle of the product depends on all bits.
        let place = ((addr >> RECENT_SHIFT).wrapping_mul(SPREAD) >> 32) as usize % RECENT;
        if let Some(piece) = self.recent[place].filter(|p| p.start <= addr && addr < p.end) {
            return Some(piece);
        }
        let piece = self.owned_at(addr, rows)?;
        self.recent[place] = Some(piece);
        Some(piece)
    }

    /// The first piece that starts behind `addr`. Its row may be a parent's.
    pub(crate) fn next_above(&self, addr: u64) -> Option<Piece> {
        self.pieces.ceiling(addr.saturating_add(1))
    }

    /// `/proc/PID/maps` was read from `now` to `end_ns` and shows `vmas`, in order of address.
    pub(crate) fn apply_snapshot(
        &mut self,
        vmas: &[Vma],
        now: Moment,
        end_ns: u64,
        rows: &mut MappingRows,
    ) {
        vmas.iter().for_each(|vma| self.apply(vma, now, rows));
        let mut gap_start = 0;
        for vma in vmas {
            self.remove(gap_start, vma.start, now, rows);
            gap_start = gap_start.max(vma.end);
        }
        self.remove(gap_start, u64::MAX, now, rows);
        self.last_snapshot = Some(SnapshotWindow { start: now, end_ns });
    }

    /// A record or a line of a snapshot shows `vma` in place.
    pub(crate) fn apply(&mut self, vma: &Vma, now: Moment, rows: &mut MappingRows) {
        if vma.start >= vma.end {
            return;
        }
        let limit = self.visit_limit();
        let mut parts: Vec<Piece> =
            self.pieces.overlapping(vma.start, vma.end).take(limit + 1).collect();
        if parts.len() > limit {
            parts.clear();
        }
        let reborn = self.is_reborn(vma, &parts, now, rows);
        let larger = |row: &MappingRow| {
            vma.source == Source::Record
                && !vma.resizes
                && row.vma.prot == vma.prot
                && (vma.start < row.vma.start || row.vma.end < vma.end)
        };
        let kept: Vec<Piece> = parts
            .iter()
            .filter_map(|part| {
                let row = rows.get(part.row).filter(|row| !reborn && row.vma.continues(vma))?;
                Some(Piece { may_be_new: part.may_be_new || larger(row), ..*part })
            })
            .collect();

        let row = self.row_for(vma, &kept, now, rows);
        let pieces = merge_births(vma, row, now.faults, &kept);
        if pieces != parts {
            self.forget_recent();
            self.cut_rows(vma, &parts, row, reborn, now, rows);
            self.pieces.remove(vma.start, vma.end);
            pieces.into_iter().for_each(|piece| self.insert(piece));
        }
    }

    /// Whether an in-band record tells of a new mapping in the place of one that looked the same.
    ///
    /// The kernel reports mappings that are made, grow, or change protection. A record that changes
    /// nothing inside one known mapping can only mean that the old one had gone unseen.
    fn is_reborn(&self, vma: &Vma, parts: &[Piece], now: Moment, rows: &MappingRows) -> bool {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
            return false;
        };
        let Some(row) = rows.get(first.row) else {
            return false;
        };
        // The heap shrinks without a record, so the same end again says nothing about all of it.
        if vma.source == Source::Snapshot || vma.resizes || vma.backing == Backing::Kernel {
            return false;
        }
        let one_row = parts.iter().all(|part| part.row == first.row);
        let inside = one_row && first.start <= vma.start && last.end >= vma.end;
        let same = row.vma.continues(vma) && row.vma.prot == vma.prot;
        // A snapshot may have shown already what this record reports.
        let window = self.last_snapshot.filter(|window| now.ns <= window.end_ns);
        let older = |window: SnapshotWindow| parts.iter().any(|p| p.born < window.start.faults);
        inside && same && row.confirmed_ns < now.ns && !window.is_some_and(older)
    }

    /// The row that describes `vma` from now on: one that grew into it, or a new one.
    fn row_for(&self, vma: &Vma, kept: &[Piece], now: Moment, rows: &mut MappingRows) -> u32 {
        let grew = kept.iter().map(|part| part.row).find(|&row| {
            rows.get(row).is_some_and(|row| {
                let inside = vma.start <= row.vma.start && row.vma.end <= vma.end;
                row.mm == self.mm && row.vma.prot == vma.prot && inside
            })
        });
        if let Some(row) = grew {
            // Only the heap and stacks are known to grow; elsewhere the old mapping may be gone.
            let sure = vma.resizes || vma.source == Source::Snapshot;
            rows.extend(row, vma, sure.then_some(now.ns));
            return row;
        }
        let seen = kept.first().map_or(vma.source == Source::Record, |part| part.seen_from_start);
        let row = rows.add(self.mm, self.proc, *vma, now.ns, seen);
        if let (Some(origin), Some(row)) = (kept.first(), rows.get_mut(row)) {
            row.origin = origin.row;
        }
        row
    }

    /// Ends the rows that `vma` overlaps, except `into`; what sticks out of it gets rows of its own.
    fn cut_rows(
        &mut self,
        vma: &Vma,
        parts: &[Piece],
        into: u32,
        reborn: bool,
        now: Moment,
        rows: &mut MappingRows,
    ) {
        let mut done = NONE;
        for index in parts.iter().map(|part| part.row) {
            let own = rows.get(index).filter(|row| row.mm == self.mm);
            let Some(old) = own.map(|row| row.vma).filter(|_| index != into && index != done)
            else {
                continue;
            };
            done = index;
            // A record of another protection is an mprotect of the same memory; a snapshot that
            // shows another protection contradicts what was known.
            let same_prot = old.prot == vma.prot || vma.source == Source::Record;
            let stays = !reborn && old.continues(vma) && same_prot;
            let left = self.cut(index, old, (old.start, vma.start), now, rows);
            let right = self.cut(index, old, (vma.end, old.end), now, rows);
            rows.close(index, now.ns, [left, right, if stays { into } else { NONE }]);
        }
        self.split_at(vma.start);
        self.split_at(vma.end);
    }

    /// Gives `range` of a mapping, if it is not empty, a row of its own.
    fn cut(
        &mut self,
        row: u32,
        old: Vma,
        (start, end): (u64, u64),
        now: Moment,
        rows: &mut MappingRows,
    ) -> u32 {
        if start >= end {
            return NONE;
        }
        let part = rows.add_part(row, (self.mm, self.proc), old.part(start, end), now.ns);
        self.assign(start, end, row, part);
        part
    }

    /// Makes `addr` a boundary between pieces.
    fn split_at(&mut self, addr: u64) {
        if let Some(piece) = self.pieces.at(addr).filter(|piece| piece.start < addr) {
            self.insert(Piece { end: addr, ..piece });
            self.insert(Piece { start: addr, ..piece });
        }
    }

    /// Gives the addresses `start..end` of row `from` to row `to`.
    fn assign(&mut self, start: u64, end: u64, from: u32, to: u32) {
        self.split_at(start);
        self.split_at(end);
        let pieces: Vec<Piece> =
            self.pieces.overlapping(start, end).filter(|piece| piece.row == from).collect();
        pieces.into_iter().for_each(|piece| self.insert(Piece { row: to, ..piece }));
    }

    /// The mappings inside `start..end` are gone.
    fn remove(&mut self, start: u64, end: u64, now: Moment, rows: &mut MappingRows) {
        if start >= end || self.pieces.overlapping(start, end).next().is_none() {
            return;
        }
        self.forget_recent();
        for piece in self.pieces.overlapping(start, end).take(self.visit_limit()) {
            if rows.get(piece.row).is_some_and(|row| row.mm == self.mm) {
                rows.close(piece.row, now.ns, [NONE; 3]);
            }
        }
        self.pieces.remove(start, end);
    }

    /// The piece that holds `addr`, with a row of this address space: what a fork left shared is
    /// described apart once it matters.
    fn owned_at(&mut self, addr: u64, rows: &mut MappingRows) -> Option<Piece> {
        let piece = self.pieces.at(addr)?;
        let row = rows.get(piece.row)?;
        if row.mm == self.mm {
            return Some(piece);
        }
        let (mut start, mut end) = (piece.start, piece.end);
        let belongs = |neighbour: &Piece| neighbour.row == piece.row;
        while let Some(before) = start.checked_sub(1).and_then(|addr| self.pieces.at(addr)) {
            if !belongs(&before) {
                break;
            }
            start = before.start;
        }
        while let Some(behind) = self.pieces.at(end).filter(belongs) {
            end = behind.end;
        }
        let owner = (self.mm, self.proc);
        let own = rows.add_part(piece.row, owner, row.vma.part(start, end), self.forked_ns);
        self.forget_recent();
        self.assign(start, end, piece.row, own);
        self.pieces.at(addr)
    }

    fn insert(&mut self, piece: Piece) {
        self.inserted += 1;
        self.pieces.insert(piece);
    }

    fn visit_limit(&self) -> usize {
        self.inserted.saturating_add(MAX_INHERITED_VISITED)
    }

    fn forget_recent(&mut self) {
        self.recent = [None; RECENT];
    }
}
