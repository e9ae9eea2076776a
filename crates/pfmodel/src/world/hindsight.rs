//! What is known already when a record arrives that tells of an earlier moment.

use std::collections::VecDeque;

use super::World;
use crate::order::timeline::Event;
use crate::pages::page_history::PageKey;

/// Faults that are remembered: more than happen during most calls.
const RECENT_FAULTS: usize = 1 << 12;

/// A change of mappings that has been applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Applied {
    pub time_ns: u64,
    pub range: (u64, u64),
    /// Whether it showed a mapping there, rather than took one away.
    pub is_shown: bool,
}

impl World {
    /// The changes of a process's mappings behind `time_ns` that have been applied in their turn: a record
    /// of that moment must not undo them.
    pub(super) fn applied_behind(&self, pid: u32, time_ns: u64) -> Vec<Applied> {
        if !self.is_ahead_of(time_ns) {
            return Vec::new();
        }
        let (maps, calls) = (&self.records.maps, &self.records.calls);
        let applied = |(time_ns, event)| {
            let (range, is_shown) = match event {
                Event::Map(index) => (maps.get(index).map(|map| (map.start, map.end))?, true),
                Event::Return(index) => (self.moved(calls.get(index)?).1, true),
                Event::Call(index) => (self.taken_away(calls.get(index)?)?, false),
                _ => return None,
            };
            Some(Applied { time_ns, range, is_shown })
        };
        self.timeline.taken_behind(pid, time_ns).filter_map(applied).collect()
    }

    /// Ranges that calls under way at `time_ns` take away, if that is past.
    pub(super) fn vanished_behind(&self, pid: u32, time_ns: u64) -> Vec<(u64, u64)> {
        if !self.is_ahead_of(time_ns) {
            return Vec::new();
        }
        let taken = self.timeline.taken_behind(pid, 0);
        let before = taken.take_while(|&(begin_ns, _)| begin_ns <= time_ns);
        let under_way = before.filter_map(|(_, event)| match event {
            Event::Call(index) => {
                self.records.calls.get(index).filter(|call| call.end_ns >= time_ns)
            }
            _ => None,
        });
        under_way.filter_map(|call| self.taken_away(call)).collect()
    }

    /// Remembers the faults looked at last from now on, if calls may be about them.
    pub(crate) fn remember_faults(&mut self) {
        self.recent_faults = self.has_calls.then(RecentFaults::default);
    }

    /// A fault that began at `time_ns` completed at `over_ns`.
    pub(crate) fn note_fault(&mut self, mm: u32, page: PageKey, time_ns: u64, over_ns: u64) {
        if let Some(recent) = &mut self.recent_faults {
            recent.add(mm, page, time_ns, over_ns);
        }
    }
}

#[derive(Debug)]
struct RecentFault {
    mm: u32,
    page: PageKey,
    time_ns: u64,
    /// When it was over, or a fault before it.
    over_ns: u64,
}

/// The completed faults looked at last: those during a call are looked at before the call is known.
#[derive(Debug, Default)]
pub(crate) struct RecentFaults {
    faults: VecDeque<RecentFault>,
    /// No fault is forgotten that was over behind this time.
    forgotten_ns: Option<u64>,
}

impl RecentFaults {
    fn add(&mut self, mm: u32, page: PageKey, time_ns: u64, over_ns: u64) {
        if self.faults.len() >= RECENT_FAULTS
            && let Some(first) = self.faults.pop_front()
        {
            self.forgotten_ns = Some(first.over_ns);
        }
        let over_ns = self.faults.back().map_or(over_ns, |last| last.over_ns.max(over_ns));
        self.faults.push_back(RecentFault { mm, page, time_ns, over_ns });
    }

    /// Whether all faults that began at `time_ns` or later are remembered.
    pub(super) fn reach_back_to(&self, time_ns: u64) -> bool {
        self.forgotten_ns.is_none_or(|forgotten_ns| forgotten_ns < time_ns)
    }

    /// The pages of an address space inside `start..end`, where their history is kept, that faulted at
    /// `time_ns` or later.
    pub(super) fn of(
        &self,
        mm: u32,
        (start, end): (u64, u64),
        time_ns: u64,
    ) -> impl Iterator<Item = PageKey> + '_ {
        let late = self.faults.iter().rev().take_while(move |fault| fault.over_ns >= time_ns);
        let meets = move |fault: &&RecentFault| {
            let (first, last) = fault.page.bounds();
            fault.mm == mm && fault.time_ns >= time_ns && first < end && start <= last
        };
        late.filter(meets).map(|fault| fault.page)
    }
}
