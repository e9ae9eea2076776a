//! Where faults happened: thread, address space and mapping.

use pft::record::{LATENCY_UNKNOWN, Outcome};

use super::Analyser;
use crate::collections::intern::Interner;
use crate::collections::piece_tree::Piece;
use crate::judge::evidence::MapEvidence;
use crate::order::fault::Fault;
use crate::space::address_space::Moment;
use crate::space::vma::{Backing, is_stack_name};
use crate::table::NONE;
use crate::world::World;

/// How long after an entry a growth of the stack still belongs to it, if its completion is unknown.
const GROWTH_WITHIN_NS: u64 = 1_000_000_000;

/// Where a fault happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// When that was looked at.
    pub at_ns: u64,
    pub proc: u32,
    pub thread: u32,
    pub mm: u32,
    pub comm: u32,
    pub piece: Option<Piece>,
    pub map: Option<MapEvidence>,
    pub stack_grown: bool,
    /// The last fault of the thread was in the same mapping and of the same kind, and nothing changed since.
    pub again: bool,
}

/// Where a thread faulted last.
#[derive(Debug, Clone)]
pub(super) struct Recent {
    pid: u32,
    tid: u32,
    /// The mapping there.
    piece: Piece,
    /// How often the world had changed: as long as it has not again, all of that mapping is what it was.
    changes: u64,
    place: Place,
    /// [`Fault::flags`] of the last fault.
    pub(super) flags: u32,
}

impl Recent {
    /// Whether a fault that is looked at at `at_ns` is of the same thread, in the same mapping, and nothing changed since.
    pub(super) fn holds_for(&self, fault: &Fault, at_ns: u64, world: &World) -> bool {
        (self.pid, self.tid, self.changes) == (fault.pid, fault.tid, world.changes)
            && self.piece.start <= fault.addr
            && fault.addr < self.piece.end
            && at_ns == fault.time_ns
            && !world.is_ahead_of(at_ns)
    }
}

/// Threads of which that is remembered.
pub(super) const RECENT: usize = 16;

impl Analyser {
    /// Where a fault happened: where the last one of its thread did, if that was in the same mapping and nothing changed
    /// since then, as it is for most faults (one in sixteen of the time of the analysis).
    pub(super) fn place(&mut self, fault: &Fault, outcome: Option<Outcome>, at_ns: u64) -> Place {
        let &Fault { pid, tid, addr, time_ns, flags, .. } = fault;
        let slot = tid as usize % RECENT;
        if let Some(recent) = &mut self.recent[slot]
            && recent.holds_for(fault, at_ns, &self.world)
        {
            let again = std::mem::replace(&mut recent.flags, flags) == flags;
            return Place { at_ns, again, ..recent.place };
        }
        let may_last = at_ns == time_ns && !self.world.is_ahead_of(at_ns);
        let place = self.find_place(fault, outcome, at_ns);
        // What a call takes away at the moment is there only while it does.
        let is_there = |piece: &Piece| self.world.piece_at(place.mm, addr) == Some(*piece);
        let piece = place.piece.filter(is_there).filter(|_| may_last && !place.stack_grown);
        let changes = self.world.changes;
        self.recent[slot] = piece.map(|piece| Recent { pid, tid, piece, changes, place, flags });
        self.alike[slot] = None;
        place
    }

    /// Whether where the fault happened is remembered for the next one.
    pub(super) fn has_recent(&self, fault: &Fault) -> bool {
        let recent = self.recent.get(fault.tid as usize % RECENT).and_then(Option::as_ref);
        recent.is_some_and(|recent| recent.holds_for(fault, fault.time_ns, &self.world))
    }

    /// Finds thread and mapping. The mapping is the one at `at_ns`, which is the entry or after it; if
    /// there is none, one that came to be before the completion: the kernel extends a stack during the
    /// fault.
    fn find_place(&mut self, fault: &Fault, outcome: Option<Outcome>, at_ns: u64) -> Place {
        let world = &mut self.world;
        let thread = world.thread(fault.pid, fault.tid, at_ns);
        let (proc, comm) = world
            .threads
            .get(thread as usize)
            .map_or((NONE, 0), |thread| (thread.proc, thread.comm));
        let mm = world.mm_of(proc);
        if at_ns > fault.time_ns && world.is_made_after(mm, fault.time_ns) {
            // It was another address space at entry, and the thread had another name.
            let (mm, comm) = (NONE, Interner::EMPTY);
            let (piece, map, stack_grown) = (None, None, false);
            let again = false;
            return Place { at_ns, proc, thread, mm, comm, piece, map, stack_grown, again };
        }
        let mut piece = world.piece_at(mm, fault.addr);
        let mut stack_grown = false;
        if piece.is_none() && outcome != Some(Outcome::Signalled) {
            piece = world.piece_under_way(mm, fault.addr, at_ns);
        }
        // A record that is applied already may be about this fault as well.
        if piece.is_none() || world.is_ahead_of(at_ns) {
            let completed = matches!(outcome, Some(Outcome::Minor | Outcome::Major));
            let until_ns = match fault.latency_ns {
                LATENCY_UNKNOWN if completed => fault.time_ns,
                LATENCY_UNKNOWN => fault.time_ns.saturating_add(GROWTH_WITHIN_NS),
                latency_ns => fault.time_ns.saturating_add(latency_ns),
            };
            let window = (Moment { ns: at_ns, faults: self.now }, until_ns);
            // Inside its own fault a thread maps nothing, so its record tells of a stack growing.
            // Without a completion only the name can tell that from a later mmap.
            let ahead = world.apply_map_ahead(fault.pid, fault.addr, window, |map| {
                completed || map.tid == fault.tid && is_stack_name(&map.path)
            });
            if let Some(tid) = ahead {
                piece = world.piece_at(mm, fault.addr);
                stack_grown = completed && tid == fault.tid;
            }
        }
        let map = piece.and_then(|piece| world.evidence_of(piece));
        let stack_grown =
            stack_grown && map.is_some_and(|map| map.backing == Backing::Anon && map.writable());
        Place { at_ns, proc, thread, mm, comm, piece, map, stack_grown, again: false }
    }
}
