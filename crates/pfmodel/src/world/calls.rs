//! System calls that change the memory of a process without a map record.
//!
//! A call takes its time, and the trace tells when it began and ended, not when in between the kernel
//! changed the address space. What goes away is gone from the entry on: nothing else can be mapped there
//! before that. What `mremap` maps is there from the exit on: only the caller gets to know the address.

use std::ops::Range;

use pft::record::{CallKind, CallRecord};

use super::hindsight::Applied;
use super::{World, is_foreign};
use crate::collections::piece_tree::Piece;
use crate::collections::ranges::Ranges;
use crate::pages::drops::{Advice, Dropped, Drops};
use crate::space::address_space::Moment;
use crate::space::doubts::Doubts;

/// Calls of one address space that are kept in mind at a time.
const MAX_UNDER_WAY: usize = 32;

const MREMAP_DONTUNMAP: u32 = 4;

const MADV_DONTNEED: u32 = 4;
const MADV_FREE: u32 = 8;
const MADV_REMOVE: u32 = 9;
const MADV_DONTNEED_LOCKED: u32 = 24;

const ENOMEM: i64 = 12;

/// What calls leave behind in an address space, beside its mappings.
#[derive(Debug, Default)]
pub(crate) struct CallState {
    drops: Drops,
    doubts: Doubts,
    under_way: Vec<UnderWay>,
}

/// A call that takes mappings away, and may not have done so yet.
#[derive(Debug)]
struct UnderWay {
    call: u32,
    start: u64,
    end: u64,
    from_ns: u64,
    until_ns: u64,
    /// What was mapped there before.
    pieces: Vec<Piece>,
}

impl UnderWay {
    fn is_at(&self, time_ns: u64) -> bool {
        self.from_ns <= time_ns && time_ns <= self.until_ns
    }
}

impl CallState {
    /// The state of a copy that was forked at `now_ns`: what calls take away at that time may be in it.
    pub(super) fn fork(&self, now_ns: u64) -> Self {
        let (drops, mut doubts) = (self.drops.clone(), self.doubts.clone());
        self.vanishing(now_ns).for_each(|range| doubts.add(range, now_ns));
        Self { drops, doubts, under_way: Vec::new() }
    }

    /// All mappings are known at `now_ns`.
    pub(super) fn settle(&mut self, now_ns: u64) {
        self.doubts.settle(now_ns);
    }

    /// Ranges that calls under way at `time_ns` take away.
    pub(super) fn vanishing(&self, time_ns: u64) -> impl Iterator<Item = (u64, u64)> {
        let under_way = self.under_way.iter().filter(move |call| call.is_at(time_ns));
        under_way.map(|call| (call.start, call.end))
    }

    fn begin(&mut self, call: UnderWay, now_ns: u64) {
        if self.under_way.len() >= MAX_UNDER_WAY {
            // One that is over may still concern a fault that began during it and is looked at later.
            let over = self.under_way.iter().position(|call| call.until_ns < now_ns);
            let oldest = self.under_way.remove(over.unwrap_or(0));
            if over.is_none() {
                self.doubts.add((oldest.start, oldest.end), now_ns);
            }
        }
        self.under_way.push(call);
    }

    /// Visits the pieces that are remembered of calls.
    pub(super) fn visit_pieces(&self, visit: &mut impl FnMut(&Piece)) {
        self.under_way.iter().flat_map(|call| &call.pieces).for_each(visit);
    }
}

/// Whether the call is known to have failed.
fn has_failed(call: &CallRecord) -> bool {
    has_ended(call) && call.result < 0
}

fn has_ended(call: &CallRecord) -> bool {
    call.end_ns != u64::MAX
}

impl World {
    /// The addresses `addr..addr + len_bytes`, rounded out to pages.
    fn pages(&self, addr: u64, len_bytes: u64) -> (u64, u64) {
        let mask = (1 << self.page_shift) - 1;
        let round_up = |addr: u64| addr.saturating_add(mask) & !mask;
        (addr & !mask, round_up(addr.saturating_add(len_bytes)))
    }

    /// The addresses that an `mremap` moved from, and those that it made of them.
    pub(super) fn moved(&self, call: &CallRecord) -> ((u64, u64), (u64, u64)) {
        let new = self.pages(call.result.cast_unsigned(), call.new_len_bytes);
        (self.pages(call.addr, call.len_bytes), new)
    }

    /// What a call takes away, if it does not fail: a range of addresses.
    pub(super) fn taken_away(&self, call: &CallRecord) -> Option<(u64, u64)> {
        let (old, new) = match call.kind {
            _ if has_failed(call) => return None,
            CallKind::Munmap => return Some(self.pages(call.addr, call.len_bytes)),
            CallKind::Mremap if has_ended(call) => self.moved(call),
            _ => return None,
        };
        if new.0 == old.0 {
            return (new.1 < old.1).then_some((new.1, old.1));
        }
        let stays = old.0 == old.1 || call.argument & MREMAP_DONTUNMAP != 0;
        (!stays).then_some(old)
    }

    /// A call begins.
    pub(super) fn apply_call(&mut self, index: u32, now: Moment) {
        let Some((call, mm)) = self.call_and_mm(index, now.ns) else {
            return;
        };
        match call.kind {
            CallKind::Madvise => self.drop_pages(&call, mm, now),
            CallKind::Mremap if !has_ended(&call) => {
                let old = self.pages(call.addr, call.len_bytes);
                self.doubt_in_parent(mm, old, now.ns);
                if let Some(mm) = self.mms.get_mut(mm as usize) {
                    mm.calls.doubts.add(old, now.ns);
                    mm.calls.doubts.add_anywhere(now.ns);
                }
            }
            CallKind::Munmap | CallKind::Mremap => {
                if let Some(range) = self.taken_away(&call) {
                    self.take_away((index, &call), mm, range, now);
                }
            }
            _ => {}
        }
    }

    fn take_away(
        &mut self,
        (index, call): (u32, &CallRecord),
        mm_index: u32,
        range: (u64, u64),
        now: Moment,
    ) {
        self.doubt_in_parent(mm_index, range, now.ns);
        let mut stays = self.applied_early_ranges(call.pid, now.ns);
        let behind = self.applied_behind(call.pid, now.ns);
        let forgotten = self.timeline.forgotten_ns() > now.ns;
        let reached_ns = self.timeline.reached_ns();
        let Some(mm) = self.mms.get_mut(mm_index as usize) else {
            return;
        };
        let (mut start, end) = range;
        if forgotten {
            // Anything may have been mapped there since then.
            stays = Ranges::new([range].into_iter());
            mm.calls.doubts.add(range, reached_ns);
        } else if !behind.is_empty() {
            // As `note_record` does for those that come in their turn.
            for made in behind.iter().filter(|made| made.is_shown && made.time_ns <= call.end_ns) {
                let both = (start.max(made.range.0), end.min(made.range.1));
                mm.calls.doubts.add(both, made.time_ns);
            }
            let shown = behind.iter().filter(|made| made.is_shown).map(|made| made.range);
            stays = Ranges::new(stays.overlap(0, u64::MAX).chain(shown));
        }
        let mut pieces = Vec::new();
        for (from, to) in stays.overlap(start, end).chain([(end, end)]) {
            pieces.extend(mm.space.unmap((start, from), now, &mut self.rows));
            start = to;
        }
        let until_ns = call.end_ns.max(now.ns);
        let (start, from_ns) = (range.0, now.ns);
        mm.calls.begin(UnderWay { call: index, start, end, from_ns, until_ns, pieces }, now.ns);
    }

    /// An `mremap` that succeeded ends: what it made is there.
    pub(super) fn apply_return(&mut self, index: u32, now: Moment) {
        let Some((call, mm_index)) = self.call_and_mm(index, now.ns) else {
            return;
        };
        let (old, new) = self.moved(&call);
        self.doubt_in_parent(mm_index, new, now.ns);
        let meets = |made: &Applied| {
            [old, new].iter().any(|range| made.range.0 < range.1 && range.0 < made.range.1)
        };
        let is_past = self.timeline.forgotten_ns() > now.ns
            || self.applied_behind(call.pid, now.ns).iter().any(meets);
        let reached_ns = self.timeline.reached_ns();
        let Some(mm) = self.mms.get_mut(mm_index as usize) else {
            return;
        };
        if is_past {
            // What it made has changed again.
            [old, new].into_iter().for_each(|range| mm.calls.doubts.add(range, reached_ns));
            return;
        }
        let (space, rows) = (&mut mm.space, &mut self.rows);
        let behind_old = old.1.saturating_sub(old.0).saturating_add(new.0);
        let mut news = new;
        if old.0 == old.1 {
            space.duplicate(old.0, new, now, rows);
        } else if new.0 != old.0 {
            let stays = call.argument & MREMAP_DONTUNMAP != 0;
            let place = mm.calls.under_way.iter().position(|under_way| under_way.call == index);
            let mut pieces = match place {
                _ if stays => space.unmap(old, now, rows),
                Some(at) => mm.calls.under_way.remove(at).pieces,
                None => Vec::new(),
            };
            // Behind the shorter of the two lengths nothing moves.
            let limit = new.1.saturating_sub(new.0).saturating_add(old.0);
            pieces.retain(|piece| piece.start < limit);
            pieces.iter_mut().for_each(|piece| piece.end = piece.end.min(limit));
            space.unmap(new, now, rows);
            space.place(&pieces, new.0.wrapping_sub(old.0), now, rows);
            if stays {
                let emptied = space.emptied(&pieces, now);
                space.unmap(old, now, rows);
                space.place(&emptied, 0, now, rows);
                let gaps = space.gaps(old.0, old.1);
                gaps.into_iter().for_each(|gap| mm.calls.doubts.add(gap, now.ns));
            }
        } else {
            news.0 = behind_old;
        }
        if old.0 != old.1 && behind_old < new.1 {
            space.grow((behind_old, new.1), now, rows);
        }
        // What was moved without being known is there, whatever it is.
        space.gaps(news.0, news.1).into_iter().for_each(|gap| mm.calls.doubts.add(gap, now.ns));
    }

    fn drop_pages(&mut self, call: &CallRecord, mm_index: u32, now: Moment) {
        let drops =
            matches!(call.argument, MADV_DONTNEED | MADV_FREE | MADV_REMOVE | MADV_DONTNEED_LOCKED);
        let range = self.pages(call.addr, call.len_bytes);
        let Some(mm) = self.mms.get_mut(mm_index as usize).filter(|_| drops) else {
            return;
        };
        // With a hole in the range the kernel takes the advice for the rest and says ENOMEM; after any
        // other error it may have taken it for a part.
        let sure = !has_failed(call) || call.result == -ENOMEM;
        let recent = self.recent_faults.as_ref();
        let sure = sure && recent.is_none_or(|recent| recent.reach_back_to(call.time_ns));
        let until_ns = if sure { call.end_ns } else { u64::MAX };
        let (parts, until_ns) = match mm.space.history_ranges(range, &self.rows) {
            Some(parts) => (parts, until_ns),
            // Too many parts to look at: what is left of their pages is unknown from now on.
            None => (vec![(0, u64::MAX)], u64::MAX),
        };
        for part in parts {
            mm.calls.drops.add(part, now.faults, until_ns);
            for page in recent.iter().flat_map(|recent| recent.of(mm_index, part, call.time_ns)) {
                mm.pages.doubt(page, now.faults);
            }
        }
    }

    /// A map record of an address space tells of `range` at `now_ns`.
    pub(super) fn note_record(&mut self, mm_index: u32, range: (u64, u64), now_ns: u64) {
        self.doubt_in_parent(mm_index, range, now_ns);
        let Some(mm) = self.mms.get_mut(mm_index as usize) else {
            return;
        };
        let CallState { doubts, under_way, .. } = &mut mm.calls;
        for call in under_way.iter().filter(|call| call.is_at(now_ns)) {
            // Before the call took that range away, or after: the record does not tell.
            doubts.add((call.start.max(range.0), call.end.min(range.1)), now_ns);
        }
    }

    /// A process that has not called `exec` since its fork may share the memory of its parent, which then
    /// changes as well.
    fn doubt_in_parent(&mut self, mm: u32, range: (u64, u64), now_ns: u64) {
        let parent = self.mms.get(mm as usize).and_then(|mm| mm.parent);
        let parent = parent.and_then(|(parent, _)| self.mms.get_mut(parent as usize));
        if let Some(parent) = parent.filter(|_| self.has_calls) {
            parent.calls.doubts.add(range, now_ns);
        }
    }

    /// A call, and the address space that it changes at `now_ns`, unless another one has taken its place.
    fn call_and_mm(&self, index: u32, now_ns: u64) -> Option<(CallRecord, u32)> {
        let call = self.records.calls.get(index).filter(|call| !is_foreign(call.pid))?;
        let &proc = self.live_processes.get(&call.pid)?;
        let mm = self.mm_of(proc);
        let is_made = self.mms.get(mm as usize).is_some_and(|mm| mm.made_ns <= now_ns);
        is_made.then(|| (call.clone(), mm))
    }

    /// Ranges of map records of a process that were applied ahead of their time.
    pub(super) fn applied_early_ranges(&self, pid: u32, now_ns: u64) -> Ranges {
        if self.applied_early.is_empty() {
            return Ranges::default();
        }
        // Whatever is applied ahead of its time is ahead of now by no more than that.
        let now_ns = now_ns.max(self.timeline.reached_ns());
        let ahead = self.timeline.maps_ahead(pid, now_ns, u64::MAX).into_iter();
        let early = ahead.filter(|index| self.applied_early.contains(index));
        let maps = early.filter_map(|index| self.records.maps.get(index));
        Ranges::new(maps.map(|map| (map.start, map.end)))
    }

    /// What held an address before a call that may take it away at `time_ns`.
    pub(crate) fn piece_under_way(&mut self, mm: u32, addr: u64, time_ns: u64) -> Option<Piece> {
        let mm = self.mms.get_mut(mm as usize)?;
        let holds = |piece: &&mut Piece| piece.start <= addr && addr < piece.end;
        let mut calls = mm.calls.under_way.iter_mut().rev().filter(|call| call.is_at(time_ns));
        let (from_ns, piece) =
            calls.find_map(|call| Some((call.from_ns, call.pieces.iter_mut().find(holds)?)))?;
        mm.space.own_gone(piece, from_ns, &mut self.rows);
        Some(*piece)
    }

    /// The last advice to drop the page whose history is kept at `addr`.
    pub(crate) fn advice(&self, mm: u32, addr: u64, time_ns: u64) -> Option<Dropped> {
        self.mms.get(mm as usize)?.calls.drops.at(addr, time_ns)
    }

    /// The last advice for an address, and the addresses for which it is the same.
    pub(crate) fn advice_around(&self, mm: u32, addr: u64) -> Option<(Range<u64>, Option<Advice>)> {
        Some(self.mms.get(mm as usize)?.calls.drops.around(addr))
    }

    /// Whether no part of a mapping is in doubt.
    pub(crate) fn is_beyond_doubt(&self, mm: u32, piece: Piece) -> bool {
        let mm = self.mms.get(mm as usize);
        mm.is_some_and(|mm| mm.calls.doubts.are_none_in(piece.start, piece.end))
    }

    /// Whether all calls that drop pages are known.
    pub(crate) fn are_drops_known(&self, mm: u32) -> bool {
        self.has_calls && self.is_map_complete(mm)
    }

    /// Whether a mapping needs no later evidence to be exact now: all changes are known, and none leaves a
    /// doubt about this address.
    pub(crate) fn is_known(&self, mm: u32, piece: Piece, addr: u64) -> bool {
        let (Some(row), Some(state)) = (self.rows.get(piece.row), self.mms.get(mm as usize)) else {
            return false;
        };
        self.are_drops_known(mm)
            && row.is_open()
            && !state.calls.doubts.concern(addr, row.confirmed_ns)
    }

    /// Whether nothing is mapped where no mapping is known.
    pub(crate) fn is_absence_known(&self, mm: u32, addr: u64) -> bool {
        let state = self.mms.get(mm as usize);
        self.is_map_complete(mm) && state.is_some_and(|mm| !mm.calls.doubts.may_hold(addr))
    }
}
