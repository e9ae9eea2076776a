//! What system calls do to an address space without a record: they unmap parts of it and move them.

use super::{AddressSpace, Moment};
use crate::collections::piece_tree::Piece;
use crate::space::births::MAX_PIECES;
use crate::space::mapping_rows::MappingRows;
use crate::space::vma::{Source, Vma};
use crate::table::NONE;

/// Mappings that one call moves. Each takes a row, and the kernel moves several at a time only on request.
const MAX_MOVED: usize = 16;

impl AddressSpace {
    /// Nothing is mapped in `start..end` any more. Returns what was there, cut to that range and in order;
    /// of very many pieces the first.
    pub(crate) fn unmap(
        &mut self,
        (start, end): (u64, u64),
        now: Moment,
        rows: &mut MappingRows,
    ) -> Vec<Piece> {
        let limit = self.visit_limit();
        let mut parts: Vec<Piece> = self.pieces.overlapping(start, end).take(limit).collect();
        if start >= end || parts.is_empty() {
            return Vec::new();
        }
        self.forget_recent();
        self.note_change(&parts, &[], rows);
        self.cut_rows((start, end), &parts, NONE, |_| false, now, rows);
        self.pieces.remove(start, end);
        parts.truncate(MAX_PIECES);
        for part in &mut parts {
            (part.start, part.end) = (part.start.max(start), part.end.min(end));
        }
        parts
    }

    /// What `pieces` were is mapped `delta` further up from now on, where nothing is mapped; of very many
    /// mappings the first. What is known of their pages goes along: it stays where it is kept, under the
    /// old addresses.
    pub(crate) fn place(
        &mut self,
        pieces: &[Piece],
        delta: u64,
        now: Moment,
        rows: &mut MappingRows,
    ) {
        let mappings = pieces.chunk_by(|a, b| a.row == b.row && a.end == b.start);
        for run in mappings.take(MAX_MOVED) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else {
                continue;
            };
            let (start, end) = (first.start.wrapping_add(delta), last.end.wrapping_add(delta));
            let Some(origin) = rows.get(first.row).filter(|_| start < end) else {
                continue;
            };
            let vma = Vma { start, end, ..origin.vma.part(first.start, last.end) };
            let grown = origin.grown;
            let row = rows.add(self.mm, self.proc, vma, now.ns, first.seen_from_start);
            if let Some(row) = rows.get_mut(row) {
                (row.origin, row.grown) = (first.row, grown);
            }
            self.note_change(&[], &[row], rows);
            for piece in run {
                let history_offset = piece.history_offset.wrapping_sub(delta);
                if history_offset != 0 {
                    let kept_at = |addr: u64| addr.wrapping_add(piece.history_offset);
                    self.places.take(kept_at(piece.start), kept_at(piece.end));
                }
                let (start, end) = (piece.start.wrapping_add(delta), piece.end.wrapping_add(delta));
                self.insert(Piece { start, end, row, history_offset, ..*piece });
            }
        }
        self.forget_recent();
    }

    /// The mapping that ends at `old_end`, if one is known, ends at `new_end` from now on, with untouched
    /// memory behind `old_end`.
    pub(crate) fn grow(
        &mut self,
        (old_end, new_end): (u64, u64),
        now: Moment,
        rows: &mut MappingRows,
    ) {
        self.unmap((old_end, new_end), now, rows);
        let last = old_end.checked_sub(1).and_then(|addr| self.owned_at(addr, rows));
        let Some(row) = last.and_then(|piece| rows.get(piece.row)) else {
            return;
        };
        // Like a record of a heap: its parts are known to be the same as before.
        let vma = Vma { end: new_end, source: Source::Record, resizes: true, ..row.vma };
        self.apply(&vma, now, rows);
    }

    /// `start..end` shows what the shared mapping that holds `addr`, if one is known, shows from there on.
    pub(crate) fn duplicate(
        &mut self,
        addr: u64,
        (start, end): (u64, u64),
        now: Moment,
        rows: &mut MappingRows,
    ) {
        let source = self.pieces.at(addr);
        self.unmap((start, end), now, rows);
        let Some(source) = source.filter(|_| start < end) else {
            return;
        };
        let delta = start.wrapping_sub(addr);
        let history_offset = self.places.offset_for(start, end).wrapping_add(delta);
        let source_end = addr.saturating_add(end - start);
        let piece = Piece { start: addr, end: source_end, history_offset, ..source };
        let new = Piece { born: now.faults, seen_from_start: true, may_be_new: false, ..piece };
        self.place(&[new], delta, now, rows);
    }

    /// Describes a piece that is gone since `gone_ns` by a row of this address space.
    pub(crate) fn own_gone(&self, piece: &mut Piece, gone_ns: u64, rows: &mut MappingRows) {
        let Some(row) = rows.get(piece.row).filter(|row| row.mm != self.mm) else {
            return;
        };
        let vma = row.vma.part(piece.start, piece.end);
        let owner = (self.mm, self.proc);
        piece.row = rows.add_part(piece.row, owner, vma, self.forked_ns.min(gone_ns));
        rows.close(piece.row, gone_ns, [NONE; 3]);
    }

    /// `pieces` as they are once their pages are gone, but not they themselves.
    pub(crate) fn emptied(&mut self, pieces: &[Piece], now: Moment) -> Vec<Piece> {
        let places = &mut self.places;
        let empty = |piece: &Piece| Piece {
            born: now.faults,
            seen_from_start: true,
            may_be_new: false,
            history_offset: places.offset_for(piece.start, piece.end),
            ..*piece
        };
        pieces.iter().map(empty).collect()
    }

    /// The pieces that overlap `start..end`, cut to it; of very many the first.
    fn pieces_in(&self, start: u64, end: u64) -> Vec<Piece> {
        let cut = |p: Piece| Piece { start: p.start.max(start), end: p.end.min(end), ..p };
        self.pieces.overlapping(start, end).take(MAX_PIECES).map(cut).collect()
    }

    /// The parts of `start..end` where no mapping is known; behind very many pieces none.
    pub(crate) fn gaps(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let pieces = self.pieces_in(start, end);
        let last = if pieces.len() < MAX_PIECES { end } else { start };
        let starts = pieces.iter().map(|piece| piece.start).chain([last]);
        let ends = [start].into_iter().chain(pieces.iter().map(|piece| piece.end));
        ends.zip(starts).filter(|(from, to)| from < to).collect()
    }

    /// Where what is known of the pages of `start..end` is kept, as ranges. `None` if these are too many.
    pub(crate) fn history_ranges(
        &mut self,
        (start, end): (u64, u64),
        rows: &MappingRows,
    ) -> Option<Vec<(u64, u64)>> {
        if self.places.is_empty() {
            return Some(vec![(start, end)]);
        }
        let kept_at = |p: &Piece, addr: u64| addr.wrapping_add(p.history_offset);
        // Mostly it is a part of one piece, which is remembered for the fault that follows.
        if let Some(piece) = self.shared_at(start, rows).filter(|piece| end <= piece.end) {
            return Some(vec![(kept_at(&piece, start), kept_at(&piece, end))]);
        }
        let pieces = self.pieces_in(start, end);
        (pieces.len() < MAX_PIECES)
            .then(|| pieces.iter().map(|p| (kept_at(p, p.start), kept_at(p, p.end))).collect())
    }
}
