//! Faults that are like the last one of their thread.
//!
//! Most faults differ from the one before them in time and page only. What is then the same need not be worked out
//! again: that saves nearly a fifth of the CPU time of a summary.

#[cfg(test)]
mod tests;

use std::ops::Range;

use pft::record::{LATENCY_UNKNOWN, flags};

use super::place::{Place, RECENT};
use super::{Analyser, page_shift_of};
use crate::judge::classify::{change, classify};
use crate::judge::evidence::{Evidence, access_of};
use crate::names::{Cause, Class};
use crate::order::fault::Fault;
use crate::pages::drops::Advice;
use crate::pages::page_history::{PageKey, Past};
use crate::space::vma::Backing;
use crate::table::builder::Row;

/// Class and cause of a completed fault, and what they were told by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judgement {
    pub evidence: Evidence,
    pub class: Class,
    pub cause: Cause,
}

/// What holds for all faults of a thread in a mapping that are like its last one there, as long as nothing changes in the
/// world.
#[derive(Debug, Clone)]
pub(super) struct Alike {
    flags: u32,
    /// Instructions in one mapping; any in kernel mode.
    ips: Range<u64>,
    /// From addresses of the mapping to those under which the history of pages is kept.
    history_offset: u64,
    /// Of these: where the last advice is the same.
    advised: Range<u64>,
    advice: Option<Advice>,
    /// When the mapping was made, in numbers of faults.
    mapped: u32,
    missed_at: u32,
    /// The last fault.
    judged: Judgement,
    row: Row,
}

impl Analyser {
    /// Fills the row of a completed fault that is like the last one of its thread; none if it is not.
    #[inline]
    pub(super) fn like_the_last(&mut self, fault: &Fault, at_ns: u64, row: &mut Row) -> Option<()> {
        let slot = fault.tid as usize % RECENT;
        let alike = self.alike[slot].as_mut()?;
        let recent = self.recent[slot].as_mut()?;
        if !recent.holds_for(fault, at_ns, &self.world) {
            return None;
        }
        let history_addr = fault.addr.wrapping_add(alike.history_offset);
        let is_like = alike.flags == fault.flags
            && fault.attempts == 1
            && alike.ips.contains(&fault.ip)
            && alike.advised.contains(&history_addr)
            && alike.missed_at == self.missed_at
            // A counter that has reached its end does not tell before from after.
            && self.now < u32::MAX;
        if !is_like {
            return None;
        }
        recent.flags = fault.flags;
        let last = &alike.judged.evidence;
        let kernel_mode = fault.flags & flags::KERNEL_MODE != 0;
        let user_ip = (!kernel_mode).then_some(fault.ip);
        if access_of(last.error, user_ip, fault.addr, (last.map.as_ref(), self.page_shift))
            != last.access
        {
            return None;
        }
        let mm = self.world.mms.get_mut(alike.row.mm as usize)?;
        #[cfg(test)]
        if !tests::may_be_like_the_last() {
            return None;
        }

        let known_ns = if fault.latency_ns == LATENCY_UNKNOWN { 0 } else { fault.latency_ns };
        let over_threshold = known_ns > self.slow_threshold_ns;
        // Of one size, since flags are the same.
        let page = PageKey::new(history_addr, self.page_shift, page_shift_of(fault.flags));
        let advice = alike.advice.map(|advice| advice.seen_at(fault.time_ns));
        let born = (alike.mapped, alike.mapped.max(self.missed_at));
        let judged = &mut alike.judged;
        let (mut nth, no_swap) = (0, self.no_swap);
        mm.pages.visit(page, born, self.now, advice, |own| {
            let past = own.or_inherited(Past::default());
            nth = past.faults.saturating_add(1);
            let is_anon = judged.evidence.map.is_none_or(|map| map.backing == Backing::Anon);
            let past = if is_anon { past } else { past.of_file() };
            let last = judged.evidence;
            let same = last.past.is_same_for_causes(&past)
                && (last.waited, last.no_swap) == (over_threshold, no_swap);
            judged.evidence = Evidence { past, waited: over_threshold, no_swap, ..last };
            if !same {
                (judged.class, judged.cause) = classify(&judged.evidence);
            }
            change(&judged.evidence, judged.cause)
        });
        let (class, cause) = (judged.class, judged.cause);
        let over_ns = fault.time_ns.saturating_add(known_ns);
        self.world.note_fault(alike.row.mm, page, fault.time_ns, over_ns);
        self.no_swap &= cause != Cause::SwapIn;
        self.exactness.faults += 1;
        if let Some(count) = self.exactness.classes.get_mut(class as usize) {
            *count += 1;
        }
        *row = Row {
            time_ns: fault.time_ns,
            latency_ns: fault.latency_ns,
            class,
            cause,
            slow: over_threshold && class != Class::Major,
            cpu: u16::try_from(fault.cpu).unwrap_or(u16::MAX),
            addr: fault.addr,
            ip: fault.ip,
            nth,
            ..alike.row
        };
        Some(())
    }

    /// A number for rows that were not judged yet. None are left when all have been used.
    fn next_kind(&mut self) -> u32 {
        let kind = self.last_kind.checked_add(1).unwrap_or(0);
        self.last_kind = if kind == 0 { u32::MAX } else { kind };
        kind
    }

    /// Remembers what faults like this one, which was judged so, will have in common with it, if there can be any.
    ///
    /// Only asked for where the last fault of the thread was such a one as well: where faults are all over memory, or one of
    /// this kind and one of that, few are like the last, and remembering each would cost 7 %.
    pub(super) fn remember(&mut self, fault: &Fault, place: &Place, judged: Judgement, row: &Row) {
        let Some(piece) = place.piece else { return };
        let unlike = flags::NO_ENTRY | flags::NEGATIVE_LATENCY;
        let is_plain = fault.flags & unlike == 0
            && place.at_ns == fault.time_ns
            && self.world.is_without_parent(place.mm)
            && self.world.is_beyond_doubt(place.mm, piece);
        if !is_plain || !self.has_recent(fault) {
            return;
        }
        let history_addr = fault.addr.wrapping_add(piece.history_offset);
        let advised = self.world.advice_around(place.mm, history_addr);
        let ips = if row.kernel_mode {
            Some(0..u64::MAX)
        } else {
            let code = self.world.piece_at(place.mm, fault.ip);
            code.filter(|_| fault.knows_ip()).map(|code| code.start..code.end)
        };
        let (Some((advised, advice)), Some(ips)) = (advised, ips) else { return };
        let alike = Alike {
            flags: fault.flags,
            ips,
            history_offset: piece.history_offset,
            advised,
            advice,
            mapped: piece.born,
            missed_at: self.missed_at,
            judged,
            row: Row { attempts: 1, kind: self.next_kind(), ..*row },
        };
        self.alike[fault.tid as usize % RECENT] = Some(alike);
    }
}
