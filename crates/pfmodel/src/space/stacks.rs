//! Which anonymous memory is the stack of a thread.
//!
//! The evidence is a guard, which is memory without access directly below, and a stack pointer inside while
//! both were there. Either alone says nothing: allocators have guards, and there are programs whose stacks
//! are in their heap.

use std::collections::HashSet;

use crate::collections::keyed_map::KeyedMap;
use crate::collections::piece_tree::Piece;
use crate::space::mapping_rows::MappingRows;
use crate::space::vma::{Backing, READ, Vma, WRITE};
use crate::table::NONE;

/// Stacks that are remembered of one row; those of many threads have a guard in between, and so are rows of
/// their own.
const MAX_OF_ROW: usize = 16;

/// The stacks of threads, as far as stack pointers have shown them.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    /// By row: ranges of addresses that do not overlap, in no order.
    by_row: KeyedMap<u32, Vec<(u64, u64)>>,
    /// Thread, and row and first address of a stack on which it was.
    used: HashSet<(u32, u32, u64)>,
}

/// Whether a mapping may hold the stack of a thread: private anonymous memory for data, which has no size of
/// its own as the heap and the first stack have.
pub(crate) fn may_hold_stack(vma: &Vma) -> bool {
    let data = READ | WRITE;
    vma.backing == Backing::Anon && !vma.shared && !vma.resizes && vma.prot & data == data
}

/// Whether a mapping can be a guard.
pub(crate) fn may_be_guard(vma: &Vma) -> bool {
    vma.backing == Backing::Anon && !vma.shared && vma.prot == 0
}

impl Stacks {
    /// There is the stack pointer of `thread`, if that is known, in `piece`, and a guard directly below it.
    /// Other memory that the kernel merged with the stack has another birth, and so is another piece.
    pub(crate) fn add(&mut self, piece: Piece, thread: Option<u32>) {
        self.used.extend(thread.map(|thread| (thread, piece.row, piece.start)));
        self.join(piece.row, (piece.start, piece.end));
    }

    fn join(&mut self, row: u32, mut range: (u64, u64)) {
        let known = self.by_row.entry(row).or_default();
        known.retain(|other| {
            let overlaps = other.0 < range.1 && range.0 < other.1;
            if overlaps {
                range = (range.0.min(other.0), range.1.max(other.1));
            }
            !overlaps
        });
        if known.len() < MAX_OF_ROW {
            known.push(range);
        }
    }

    /// Whether `piece` begins with a stack on which `thread` was.
    pub(crate) fn is_of(&self, piece: Piece, thread: u32) -> bool {
        self.used.contains(&(thread, piece.row, piece.start))
    }

    /// The stacks that a row holds, at its end.
    pub(crate) fn of_row(&self, row: u32) -> &[(u64, u64)] {
        self.by_row.get(&row).map_or(&[], |ranges| ranges)
    }

    /// Takes over what is known of a row to those that show the same memory earlier or later, with another
    /// size or protection.
    pub(crate) fn spread(&mut self, rows: &MappingRows) {
        if self.by_row.is_empty() {
            return;
        }
        let len = rows.as_slice().len() as u32;
        // A row comes behind the one that it is a part of.
        for row in (0..len).rev() {
            self.take_over(row, row, rows);
        }
        for row in 0..len {
            let origin = rows.get(row).map_or(NONE, |row| row.origin);
            self.take_over(origin, row, rows);
        }
    }

    /// What is a stack in `from`, which is `row` or its origin, is one in the other where both show it.
    fn take_over(&mut self, from: u32, row: u32, rows: &MappingRows) {
        let Some(known) = self.by_row.get(&from) else { return };
        let fitting = |row: u32| rows.get(row).filter(|row| may_hold_stack(&row.vma));
        let Some(part) = fitting(row) else { return };
        let Some(origin) = fitting(part.origin) else { return };
        let to = if from == row { part.origin } else { row };
        let (from, end) = (part.vma.start.max(origin.vma.start), part.vma.end.min(origin.vma.end));
        let common: Vec<(u64, u64)> = known
            .iter()
            .map(|range| (range.0.max(from), range.1.min(end)))
            .filter(|range| range.0 < range.1)
            .collect();
        for range in common {
            self.join(to, range);
        }
    }
}
