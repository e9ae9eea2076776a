//! Questions about the memory of a process.

use super::{World, is_foreign, thread_key};
use crate::collections::piece_tree::Piece;
use crate::judge::evidence::MapEvidence;
use crate::pages::drops::Dropped;
use crate::pages::page_history::{PageKey, Past};
use crate::space::stacks::{may_be_guard, may_hold_stack};
use crate::space::vma::is_stack_name;

/// Generations of forks that are asked about a page.
const MAX_ANCESTORS: usize = 64;

impl World {
    /// The piece of an address space that holds an address.
    pub(crate) fn piece_at(&mut self, mm: u32, addr: u64) -> Option<Piece> {
        self.mms.get_mut(mm as usize)?.space.at(addr, &mut self.rows)
    }

    /// How often the executable mappings of an address space have changed.
    pub(crate) fn code_generation(&self, mm: u32) -> u64 {
        self.mms.get(mm as usize).map_or(0, |mm| mm.space.code_generation())
    }

    /// A thread shows where its stack is: that is known if there is a guard below.
    pub(super) fn apply_stack_pointer(&mut self, index: u32) {
        let Some(record) = self.records.stack_pointers.get(index) else { return };
        let (pid, tid, addr) = (record.pid, record.tid, record.stack_pointer);
        if is_foreign(pid) {
            return;
        }
        let Some(mm) = self.live_processes.get(&pid).map(|&proc| self.mm_of(proc)) else { return };
        let Some(stack) = self.piece_at(mm, addr) else { return };
        if !self.rows.get(stack.row).is_some_and(|row| may_hold_stack(&row.vma)) {
            return;
        }
        let below = stack.start.checked_sub(1).and_then(|addr| self.piece_at(mm, addr));
        let below = below.and_then(|piece| self.rows.get(piece.row));
        if below.is_some_and(|row| may_be_guard(&row.vma)) {
            self.stacks.add(stack, self.live_threads.get(&thread_key(pid, tid)).copied());
        }
    }

    /// Whether a piece is the guard below a stack on which the thread was before.
    pub(crate) fn is_guard_of(&mut self, guard: Piece, mm: u32, thread: u32) -> bool {
        let is_guard = self.rows.get(guard.row).is_some_and(|row| may_be_guard(&row.vma));
        let above = self.piece_at(mm, guard.end);
        is_guard && above.is_some_and(|above| self.stacks.is_of(above, thread))
    }

    /// What a piece says about a fault in it.
    pub(crate) fn evidence_of(&self, piece: Piece) -> Option<MapEvidence> {
        let vma = self.rows.get(piece.row)?.vma;
        Some(MapEvidence {
            backing: vma.backing,
            shared: vma.shared,
            prot: vma.prot,
            seen_from_start: piece.seen_from_start,
            may_be_new: piece.may_be_new,
        })
    }

    /// Range of the stack that is the next mapping above `addr`.
    pub(crate) fn stack_above(&self, mm: u32, addr: u64) -> Option<(u64, u64)> {
        let piece = self.mms.get(mm as usize)?.space.next_above(addr)?;
        let row = self.rows.get(piece.row)?;
        is_stack_name(self.names.text(row.vma.name)).then_some((piece.start, row.vma.end))
    }

    /// Whether the mappings of an address space are all known: seen since `exec` or a snapshot, without
    /// a loss of records since.
    pub(crate) fn is_map_complete(&self, mm: u32) -> bool {
        let known_since_ns = self.mms.get(mm as usize).and_then(|mm| mm.known_since_ns);
        known_since_ns.is_some_and(|since_ns| since_ns >= self.lost_until_ns)
    }

    /// Whether records of mappings may be missing since the address space was last known whole.
    pub(crate) fn is_map_uncertain(&self, mm: u32) -> bool {
        self.lost_until_ns > 0 && !self.is_map_complete(mm)
    }

    /// Whether an address space was copied from no other.
    pub(crate) fn is_without_parent(&self, mm: u32) -> bool {
        self.mms.get(mm as usize).is_some_and(|mm| mm.parent.is_none())
    }

    /// What the processes that an address space was copied from knew of a page at the fork, with the last
    /// advice for it. `None` if there are too many generations to ask.
    pub(crate) fn inherited_past(
        &self,
        mm: u32,
        page: PageKey,
        born: u32,
        advice: Option<Dropped>,
    ) -> Option<Past> {
        let mut parent = self.mms.get(mm as usize).and_then(|mm| mm.parent);
        for _ in 0..MAX_ANCESTORS {
            let Some((mm, faults)) = parent else {
                return Some(Past::default());
            };
            let Some(mm) = self.mms.get(mm as usize) else {
                return Some(Past::default());
            };
            let past = mm.pages.past(page, born, faults, advice);
            if past.touched {
                return Some(past);
            }
            parent = mm.parent;
        }
        None
    }
}
