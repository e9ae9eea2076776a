//! What nothing refers to any more is given back, so that a world that lives for days stays small.

use std::collections::HashSet;

use super::World;
use super::calls::CallState;
use crate::collections::intern::Interner;
use crate::collections::piece_tree::{Piece, SeenNodes};
use crate::collections::slab::Marks;
use crate::naming::region::Regions;
use crate::pages::page_history::PageHistory;
use crate::space::address_space::AddressSpace;
use crate::table::NONE;

impl World {
    /// How much there is that a sweep might give back.
    pub(crate) fn swept_len(&self) -> usize {
        let lists = [self.rows.in_use(), self.threads.in_use(), self.processes.in_use()];
        lists.iter().sum::<usize>() + self.mms.in_use() + self.names.len() + self.comms.len()
    }

    /// Gives back processes and threads that have ended, mappings that are gone, the pages of address
    /// spaces that have no descendants, and names. `regions` has learnt all rows. Returns the rows that
    /// stay.
    pub(crate) fn sweep(&mut self, regions: &mut Regions) -> Marks {
        self.changes += 1;
        let rows = self.mark_rows();
        let mms = self.mark_mms(&rows);
        self.mms.keep(&mms, |mm| {
            mm.space = AddressSpace::new(NONE, NONE);
            mm.pages = PageHistory::default();
            mm.calls = CallState::default();
        });

        let mut threads = Marks::none_of(&self.threads);
        let mut processes = Marks::none_of(&self.processes);
        let mut comms = HashSet::new();
        for &thread in self.live_threads.values() {
            threads.mark(thread);
            comms.extend(self.threads.get(thread as usize).map(|thread| thread.comm));
        }
        for &process in self.live_processes.values() {
            processes.mark(process);
            comms.extend(self.processes.get(process as usize).map(|process| process.comm));
        }
        self.threads.keep(&threads, |_| {});
        self.processes.keep(&processes, |process| process.live = HashSet::new());
        self.comms.keep(&comms);

        self.rows.keep(&rows);
        regions.keep(&rows, &self.rows);
        let mut names = HashSet::from([Interner::EMPTY]);
        for index in rows.iter() {
            names.extend(self.rows.get(index).map(|row| row.vma.name));
            names.extend(self.rows.get(index).map(|row| row.vma.plain_name));
            names.insert(regions.name_of(index));
        }
        self.names.keep(&names);
        rows
    }

    /// The rows of mappings of live processes, and those that theirs are parts of where a fork shares them.
    fn mark_rows(&self) -> Marks {
        let mut rows = Marks::none_of(self.rows.as_slice());
        let mut seen = SeenNodes::default();
        for &proc in self.live_processes.values() {
            if let Some(mm) = self.mms.get(self.mm_of(proc) as usize) {
                let mut mark = |piece: &Piece| {
                    rows.mark(piece.row);
                };
                mm.space.visit_unseen(&mut seen, &mut mark);
                mm.calls.visit_pieces(&mut mark);
            }
        }
        rows
    }

    /// The address spaces of live processes, those they are copies of, whose pages they inherited, and
    /// those whose rows they share.
    fn mark_mms(&self, rows: &Marks) -> Marks {
        let mut mms = Marks::none_of(&self.mms);
        for &proc in self.live_processes.values() {
            let mut next = Some(self.mm_of(proc));
            while let Some(mm) = next.filter(|&mm| mms.mark(mm)) {
                next = self.mms.get(mm as usize).and_then(|mm| mm.parent).map(|(mm, _)| mm);
            }
        }
        for row in rows.iter() {
            if let Some(row) = self.rows.get(row) {
                mms.mark(row.mm);
            }
        }
        mms
    }
}
