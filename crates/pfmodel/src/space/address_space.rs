//! The address space of one process between two `exec`s, as far as the trace shows it.
//!
//! A row (see [`MappingRows`]) is a mapping over time; a [`Piece`] is a part of its addresses with one
//! birth. The kernel reports whole VMAs after merging, so a row may consist of several pieces: the
//! part of a heap that was there before the recording, and what it grew by since.

mod moves;

use crate::collections::piece_tree::{Piece, PieceTree, SeenNodes};
use crate::collections::ranges::Ranges;
use crate::pages::history_places::HistoryPlaces;
use crate::space::births::{changes, merge_births};
use crate::space::mapping_rows::{MappingRow, MappingRows};
use crate::space::vma::{Backing, EXEC, Source, Vma};
use crate::table::NONE;

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
    places: HistoryPlaces,
    last_snapshot: Option<SnapshotWindow>,
    /// How often executable mappings changed.
    code_generation: u64,
}

/// When a snapshot was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SnapshotWindow {
    pub start: Moment,
    pub end_ns: u64,
    /// Whether it shows all mappings, so that one it does not show is gone.
    pub whole: bool,
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
            places: HistoryPlaces::default(),
            last_snapshot: None,
            code_generation: 0,
        }
    }

    /// A copy for a forked process.
    pub(crate) fn fork(&self, mm: u32, proc: u32, now_ns: u64) -> Self {
        let (pieces, places) = (self.pieces.clone(), self.places.clone());
        Self { pieces, places, forked_ns: now_ns, ..Self::new(mm, proc) }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.forget_recent();
        self.pieces.clear();
        self.code_generation += 1;
    }

    /// A number that changes whenever an executable mapping does.
    pub(crate) fn code_generation(&self) -> u64 {
        self.code_generation
    }

    /// Takes note that `pieces` go and `new` rows come. Where there are so many pieces that not all were
    /// looked at, executable ones may be among the others.
    fn note_change(&mut self, pieces: &[Piece], new: &[u32], rows: &MappingRows) {
        let executable = |row: u32| rows.get(row).is_some_and(|row| row.vma.prot & EXEC != 0);
        let changed = pieces.iter().any(|piece| executable(piece.row))
            || new.iter().any(|&row| executable(row))
            || pieces.len() >= MAX_INHERITED_VISITED;
        self.code_generation += u64::from(changed);
    }

    /// The piece that holds `addr`. Its row is of this address space.
    pub(crate) fn at(&mut self, addr: u64, rows: &mut MappingRows) -> Option<Piece> {
        if let Some(piece) = self.recent_at(addr) {
            return Some(piece);
        }
        let piece = self.owned_at(addr, rows)?;
        self.recent[recent_place(addr)] = Some(piece);
        Some(piece)
    }

    /// The piece that holds `addr`, if it was found lately.
    fn recent_at(&self, addr: u64) -> Option<Piece> {
        self.recent[recent_place(addr)].filter(|piece| piece.start <= addr && addr < piece.end)
    }

    /// The piece that holds `addr`. Its row may be a parent's.
    fn shared_at(&mut self, addr: u64, rows: &MappingRows) -> Option<Piece> {
        if let Some(piece) = self.recent_at(addr) {
            return Some(piece);
        }
        let piece = self.pieces.at(addr)?;
        if rows.get(piece.row).is_some_and(|row| row.mm == self.mm) {
            self.recent[recent_place(addr)] = Some(piece);
        }
        Some(piece)
    }

    /// Visits all pieces, but those shared with an address space visited before.
    pub(crate) fn visit_unseen(&self, seen: &mut SeenNodes, visit: &mut impl FnMut(&Piece)) {
        self.pieces.visit_unseen(seen, visit);
    }

    /// The first piece that starts behind `addr`. Its row may be a parent's.
    pub(crate) fn next_above(&self, addr: u64) -> Option<Piece> {
        self.pieces.ceiling(addr.saturating_add(1))
    }

    /// `/proc/PID/maps` was read during `window` and shows `vmas`, in order of address. Records made
    /// meanwhile, behind the start of the window, tell of the ranges `told`. What is known of the ranges
    /// `kept` has its reason behind that start: they are not unmapped because the snapshot lacks them.
    pub(crate) fn apply_snapshot(
        &mut self,
        vmas: &[Vma],
        window: SnapshotWindow,
        (told, kept): (&Ranges, &Ranges),
        rows: &mut MappingRows,
    ) {
        let now = window.start;
        for vma in vmas {
            if told.overlap(vma.start, vma.end).next().is_none() {
                self.apply(vma, now, rows);
                continue;
            }
            for part in self.without_news(vma, told, rows) {
                self.apply(&part, now, rows);
            }
        }
        self.last_snapshot = Some(window);
        if !window.whole {
            return;
        }
        let mut gap_start = 0;
        for (gap_end, next_gap) in
            vmas.iter().map(|vma| (vma.start, vma.end)).chain([(u64::MAX, 0)])
        {
            for (start, end) in kept.overlap(gap_start, gap_end) {
                self.remove(gap_start, start, now, rows);
                gap_start = end;
            }
            self.remove(gap_start, gap_end, now, rows);
            gap_start = gap_start.max(next_gap);
        }
    }

    /// The parts of a line of a snapshot that were so when its reading began: the line shows the same
    /// as what is known, or no record made since then explains the difference. What such a record
    /// tells of is not anticipated, or faults before it would be judged by what they caused.
    fn without_news(&self, vma: &Vma, told: &Ranges, rows: &MappingRows) -> Vec<Vma> {
        let mut news = Vec::new();
        let mut done = vma.start;
        let pieces = self.pieces.overlapping(vma.start, vma.end).take(self.visit_limit());
        for piece in pieces {
            let row = rows.get(piece.row);
            if row.is_some_and(|row| row.vma.continues(vma) && row.vma.prot == vma.prot) {
                news.extend(told.overlap(done, piece.start));
                done = piece.end;
            }
        }
        news.extend(told.overlap(done, vma.end));
        let mut parts = Vec::new();
        let mut start = vma.start;
        for (from, to) in news.into_iter().chain([(vma.end, vma.end)]) {
            if start < from {
                parts.push(vma.part(start, from));
            }
            start = to;
        }
        parts
    }

    /// A record or a line of a snapshot shows `vma` in place.
    pub(crate) fn apply(&mut self, vma: &Vma, now: Moment, rows: &mut MappingRows) {
        if vma.start >= vma.end {
            return;
        }
        let limit = self.visit_limit();
        let mut parts: Vec<Piece> =
            self.pieces.overlapping(vma.start, vma.end).take(limit + 1).collect();
        let too_many = parts.len() > limit;
        if too_many {
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
        let places = &mut self.places;
        let place = |start, end| places.offset_for(start, end);
        let pieces = merge_births(vma, row, now.faults, &kept, place);
        if pieces != parts {
            self.forget_recent();
            self.note_change(&parts, &[row], rows);
            self.code_generation += u64::from(too_many);
            // A record of another protection is an mprotect of the same memory; a snapshot that
            // shows another protection contradicts what was known.
            let same_prot = |old: &Vma| old.prot == vma.prot || vma.source == Source::Record;
            let stays = |old: &Vma| !reborn && old.continues(vma) && same_prot(old);
            self.cut_rows((vma.start, vma.end), &parts, row, stays, now, rows);
            let (changed, news) = changes(vma, &parts, &pieces);
            self.pieces.remove(changed.start, changed.end);
            news.iter().for_each(|&piece| self.insert(piece));
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
            rows.extend(row, vma, now.ns, sure);
            return row;
        }
        let seen = kept.first().map_or(vma.source == Source::Record, |part| part.seen_from_start);
        let row = rows.add(self.mm, self.proc, *vma, now.ns, seen);
        if let (Some(origin), Some(row)) = (kept.first(), rows.get_mut(row)) {
            row.origin = origin.row;
            row.grown |= vma.start < origin.start;
            row.grown_down_ns = row.grown.then_some(now.ns);
        }
        row
    }

    /// Ends the rows of `parts`, which `start..end` overlaps, except `into`, as which they go on there if
    /// they do; what sticks out gets rows of its own.
    fn cut_rows(
        &mut self,
        (start, end): (u64, u64),
        parts: &[Piece],
        into: u32,
        stays: impl Fn(&Vma) -> bool,
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
            let left = self.cut(index, old, (old.start, start), now, rows);
            let right = self.cut(index, old, (end, old.end), now, rows);
            rows.close(index, now.ns, [left, right, if stays(&old) { into } else { NONE }]);
        }
        self.split_at(start);
        self.split_at(end);
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
        let limit = self.visit_limit();
        let gone: Vec<Piece> = self.pieces.overlapping(start, end).take(limit).collect();
        self.note_change(&gone, &[], rows);
        for piece in gone {
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

/// Where the piece that holds an address is remembered.
fn recent_place(addr: u64) -> usize {
    // Mappings are aligned to powers of two: the middle of the product depends on all bits.
    ((addr >> RECENT_SHIFT).wrapping_mul(SPREAD) >> 32) as usize % RECENT
}
