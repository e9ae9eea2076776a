//! The engine of the analysis.

mod alike;
mod assemble;
mod code;
mod misses;
mod place;
mod walk;

use pft::record::{LATENCY_UNKNOWN, Outcome, flags};

use crate::judge::classify::{change, classify};
use crate::judge::evidence::{ErrorCode, Evidence, MapEvidence, access_of};
use crate::judge::incomplete::{Entry, StackAbove, Verdict, judge};
use crate::names::{Access, Cause, Class};
use crate::naming::chains::Caller;
use crate::order::fault::Fault;
use crate::order::records::Records;
use crate::pages::page_history::{Change, HUGE_SHIFT, PageKey};
use crate::recording::Recording;
use crate::space::address_space::Moment;
use crate::space::vma::Backing;
use crate::table::builder::Row;
use crate::table::{Exactness, NONE};
use crate::world::World;
use alike::{Alike, Judgement};
use code::Code;
use misses::Misses;
use place::{Place, RECENT, Recent};

pub use walk::{Wanted, analyse, analyse_in_order, analyse_in_parts};

/// The engine: replays records up to each fault and judges it.
#[derive(Debug)]
pub(crate) struct Analyser {
    page_shift: u32,
    stack_limit_bytes: Option<u64>,
    slow_threshold_ns: u64,
    /// Nothing has shown swap space so far.
    no_swap: bool,
    /// Faults were left out, so that a page may have been touched unseen.
    lacks_faults: bool,
    /// Completions were not recorded, so that entries of unknown end are rows.
    lacks_completions: bool,
    /// What came to be before may have been touched unseen.
    unseen_until_ns: Option<u64>,
    start_ns: u64,
    last_ns: u64,
    /// Faults seen so far.
    now: u32,
    /// Faults seen before some were missed, the last time that happened.
    missed_at: u32,
    /// When some are not in the file any more.
    misses: Misses,
    /// Where the last faults of threads happened, each at a place that the thread's id chooses.
    recent: [Option<Recent>; RECENT],
    /// What faults there have in common: beside them, since most places are left before that is worked out.
    alike: [Option<Alike>; RECENT],
    /// The last [`Row::kind`].
    last_kind: u32,
    pub world: World,
    pub exactness: Exactness,
}

impl Analyser {
    /// Nothing judged yet. The lists of `recording` are in `records`.
    pub(crate) fn new(recording: &Recording, records: Records, slow_threshold_ns: u64) -> Self {
        let unseen_until_ns = recording.begins_ns();
        let unseen = u32::from(unseen_until_ns.is_some());
        Self {
            page_shift: recording.header.page_size_bytes.max(1).ilog2(),
            stack_limit_bytes: recording.stack_limit_bytes(),
            slow_threshold_ns,
            no_swap: recording.has_no_swap(),
            lacks_faults: recording.lacks_faults(),
            lacks_completions: recording.lacks_completions(),
            unseen_until_ns,
            start_ns: recording.header.start_ns,
            last_ns: 0,
            now: unseen,
            missed_at: unseen,
            misses: Misses::new(&recording.gaps),
            recent: [const { None }; RECENT],
            alike: [const { None }; RECENT],
            last_kind: 0,
            world: World::new(recording, records),
            exactness: Exactness {
                error_code: recording.has_error_code(),
                kernel_mode: recording.has_kernel_mode(),
                complete: recording.checkpoint.as_ref().is_some_and(|last| last.end),
                ..Exactness::default()
            },
        }
    }

    /// Applies records that have waited for a fault behind them while many others came.
    pub(crate) fn keep_up(&mut self) {
        self.world.keep_up(self.now);
    }

    /// There were faults that are not judged: what was known of pages may be wrong now.
    pub(crate) fn miss(&mut self) {
        self.missed_at = self.now;
    }

    /// Fills the row of a fault, unless it was in flight or nothing can be said of it; tells whether it did. Clears a
    /// latency that means nothing in the fault itself: the walk had to wait for a copy of it.
    pub(crate) fn judge(&mut self, fault: &mut Fault, row: &mut Row) -> bool {
        if fault.flags & (flags::NO_ENTRY | flags::NEGATIVE_LATENCY) != 0 {
            fault.latency_ns = LATENCY_UNKNOWN;
        }
        let fault = &*fault;
        let latency_ns = if fault.latency_ns == LATENCY_UNKNOWN { 0 } else { fault.latency_ns };
        self.last_ns = self.last_ns.max(fault.time_ns.saturating_add(latency_ns));
        self.exactness.error_code |= fault.flags & flags::ERROR_CODE_VALID != 0;
        self.exactness.kernel_mode |= fault.flags & flags::KERNEL_MODE != 0;
        let outcome = Outcome::of(fault.flags);
        let completed = matches!(outcome, Some(Outcome::Minor | Outcome::Major));
        // What a fault found that began before the trace and went on in it, the trace shows at its start.
        let goes_on = completed && fault.time_ns.saturating_add(latency_ns) >= self.start_ns;
        let at_ns = fault.time_ns.max(if goes_on { self.start_ns } else { 0 });
        if let Some(until_ns) = self.unseen_until_ns.take() {
            self.world.advance(Moment { ns: until_ns.min(at_ns), faults: 0 });
        }
        self.pass_gaps(fault, at_ns);
        self.world.advance(Moment { ns: at_ns, faults: self.now });

        if self.like_the_last(fault, at_ns, row).is_some() {
            self.now = self.now.saturating_add(1);
            return true;
        }
        let place = self.place(fault, outcome, at_ns);
        let kernel_mode = fault.flags & flags::KERNEL_MODE != 0;
        let user_ip = (!kernel_mode && fault.knows_ip()).then_some(fault.ip);
        let access = access_of(
            ErrorCode::of(fault.flags),
            user_ip,
            fault.addr,
            (place.map.as_ref(), self.page_shift),
        );
        let is_judged = match outcome {
            Some(Outcome::Minor | Outcome::Major) => {
                self.completed(fault, place, access, outcome == Some(Outcome::Major), row);
                true
            }
            _ => self.incomplete(fault, outcome, place, access, row),
        };
        self.now = self.now.saturating_add(1);
        is_judged
    }

    /// The call chain of the fault that was judged last, by the mappings at its time.
    fn call_chain(&mut self, row: &Row, id: u32, code: &mut Code) -> u32 {
        let caller = Caller { mm: row.mm, kernel_mode: row.kernel_mode };
        let places = (&code.modules, &mut code.locations);
        let chain = code.chains.number(id, caller, &mut self.world, places);
        self.exactness.with_call_chain += 1;
        self.exactness.lost_call_chains += u64::from(chain == NONE);
        chain
    }

    fn completed(
        &mut self,
        fault: &Fault,
        place: Place,
        access: Access,
        major: bool,
        row: &mut Row,
    ) {
        let page_shift = page_shift_of(fault.flags);
        let page_size_bytes = match page_shift {
            0 => 0,
            shift => 1u64.checked_shl(shift).unwrap_or(0),
        };
        let huge = (HUGE_SHIFT..u64::BITS).contains(&page_shift);
        let (page, history_addr) = self.page(fault, place, page_shift);
        let advice = self.world.advice(place.mm, history_addr, place.at_ns);
        let drops_known = self.world.are_drops_known(place.mm);
        let slow_ns = Some(fault.latency_ns).filter(|&latency_ns| latency_ns != LATENCY_UNKNOWN);
        let over_threshold = slow_ns.is_some_and(|latency_ns| latency_ns > self.slow_threshold_ns);
        let waited = over_threshold || fault.attempts > 1;
        let mapped = place.piece.map_or(0, |piece| piece.born);
        // Faults on pages of an older mapping may have been missed.
        let born = self.born(mapped);
        let inherited = self.world.inherited_past(place.mm, page, born, advice);
        let map = place.map.map(|map| MapEvidence {
            seen_from_start: map.seen_from_start
                && !self.lacks_faults
                && inherited.is_some()
                && mapped >= self.missed_at
                // A counter that has reached its end does not tell before from after.
                && self.now < u32::MAX,
            ..map
        });
        let inherited = inherited.unwrap_or_default();
        let no_swap = self.no_swap;

        let error = ErrorCode::of(fault.flags);
        let mut found = (Class::Minor, Cause::Unknown, 0);
        let mut judged = None;
        if let Some(mm) = self.world.mms.get_mut(place.mm as usize) {
            mm.pages.visit(page, (mapped, born), self.now, advice, |own| {
                let past = own.or_inherited(inherited);
                let is_anon = map.is_none_or(|map| map.backing == Backing::Anon);
                let evidence = Evidence {
                    major,
                    error,
                    access,
                    map,
                    past: if is_anon { past } else { past.of_file() },
                    stack_grown: place.stack_grown,
                    huge,
                    drops_known,
                    no_swap,
                    waited,
                };
                let (class, cause) = classify(&evidence);
                found = (class, cause, past.faults.saturating_add(1));
                judged = place.again.then_some(Judgement { evidence, class, cause });
                change(&evidence, cause)
            });
        }
        let latency_ns = slow_ns.unwrap_or(0);
        let over_ns = fault.time_ns.saturating_add(latency_ns);
        self.world.note_fault(place.mm, page, fault.time_ns, over_ns);
        let (class, cause, nth) = found;
        // Without swap to begin with, only what must have been swapped out gets that cause.
        self.no_swap &= cause != Cause::SwapIn;
        let slow = over_threshold && class != Class::Major;
        *row = Row { class, cause, slow, page_size_bytes, nth, ..Row::BLANK };
        self.fill(fault, place, access, row);
        if let Some(judged) = judged {
            self.remember(fault, &place, judged, row);
        }
    }

    /// Since when faults on the pages of a mapping cannot have been missed.
    fn born(&self, mapped: u32) -> u32 {
        mapped.max(self.missed_at)
    }

    fn incomplete(
        &mut self,
        fault: &Fault,
        outcome: Option<Outcome>,
        place: Place,
        access: Access,
        row: &mut Row,
    ) -> bool {
        let stack_above =
            self.world.stack_above(place.mm, fault.addr).map(|(start, end)| StackAbove {
                start,
                end,
                limit_bytes: self.stack_limit_bytes,
                page_size_bytes: 1 << self.page_shift,
            });
        let in_guard =
            place.piece.is_some_and(|piece| self.world.is_guard_of(piece, place.mm, place.thread));
        let verdict = judge(&Entry {
            outcome,
            kernel_mode: fault.flags & flags::KERNEL_MODE != 0,
            addr: fault.addr,
            access,
            map: place.map,
            map_is_complete: self.world.is_absence_known(place.mm, fault.addr),
            stack_above,
            in_guard,
        });
        match verdict {
            Verdict::InFlight => {
                self.exactness.in_flight += 1;
                false
            }
            Verdict::Unresolved if self.lacks_completions && outcome == Some(Outcome::Unknown) => {
                let nth = self.touch(fault, place);
                *row = Row { class: Class::Unknown, cause: Cause::Unknown, nth, ..Row::BLANK };
                self.fill(fault, place, access, row);
                true
            }
            Verdict::Unresolved => {
                self.exactness.unresolved += 1;
                false
            }
            Verdict::Failed(cause) => {
                let (page, _) = self.page(fault, place, 0);
                let born = place.piece.map_or(0, |piece| piece.born);
                let mm = self.world.mms.get(place.mm as usize);
                let nth = mm.map_or(0, |mm| mm.pages.past(page, born, self.now, None).faults);
                *row = Row { class: Class::Failed, cause, nth, ..Row::BLANK };
                self.fill(fault, place, access, row);
                true
            }
        }
    }

    /// Notes a fault of which it is not known what it did to its page; how often that has faulted.
    fn touch(&mut self, fault: &Fault, place: Place) -> u32 {
        let (page, history_addr) = self.page(fault, place, 0);
        let advice = self.world.advice(place.mm, history_addr, place.at_ns);
        let mapped = place.piece.map_or(0, |piece| piece.born);
        let born = self.born(mapped);
        let mut nth = 1;
        if let Some(mm) = self.world.mms.get_mut(place.mm as usize) {
            mm.pages.visit(page, (mapped, born), self.now, advice, |past| {
                nth = past.faults.saturating_add(1);
                Change::Forget
            });
        }
        self.world.note_fault(place.mm, page, fault.time_ns, fault.time_ns);
        nth
    }

    /// The page of a fault, and the address under which its history is kept.
    fn page(&self, fault: &Fault, place: Place, page_shift: u32) -> (PageKey, u64) {
        let offset = place.piece.map_or(0, |piece| piece.history_offset);
        let addr = fault.addr.wrapping_add(offset);
        (PageKey::new(addr, self.page_shift, page_shift), addr)
    }

    /// Fills in what is the same for faults of all kinds.
    fn fill(&mut self, fault: &Fault, place: Place, access: Access, row: &mut Row) {
        let kernel_mode = fault.flags & flags::KERNEL_MODE != 0;
        let knows_ip = fault.knows_ip();
        let in_user = knows_ip && !kernel_mode;
        let code = if in_user { self.world.piece_at(place.mm, fault.ip) } else { None };
        // A completed access that the mapping forbids shows that it was another mapping.
        let contradicted = !matches!(row.class, Class::Failed | Class::Unknown)
            && !place.map.is_some_and(|map| map.allows(access));
        let at_entry = place.at_ns == fault.time_ns;
        let exactness = &mut self.exactness;
        exactness.faults += 1;
        if let Some(count) = exactness.classes.get_mut(row.class as usize) {
            *count += 1;
        }
        exactness.without_entry += u64::from(fault.flags & flags::NO_ENTRY != 0);
        exactness.negative_latency += u64::from(fault.flags & flags::NEGATIVE_LATENCY != 0);
        exactness.interrupted += u64::from(fault.attempts > 1);
        *row = Row {
            time_ns: fault.time_ns,
            latency_ns: fault.latency_ns,
            access,
            kernel_mode,
            proc: place.proc,
            mm: place.mm,
            tid: fault.tid,
            comm: place.comm,
            cpu: u16::try_from(fault.cpu).unwrap_or(u16::MAX),
            addr: fault.addr,
            ip: fault.ip,
            knows_ip,
            attempts: fault.attempts,
            mapping: place.piece.map_or(NONE, |piece| piece.row),
            ip_mapping: code.map_or(NONE, |piece| piece.row),
            is_known: place
                .piece
                .is_some_and(|piece| self.world.is_known(place.mm, piece, fault.addr)),
            may_be_exact: at_entry && !contradicted && !self.world.is_map_uncertain(place.mm),
            ..*row
        };
    }
}

/// The base-2 logarithm of the page size in the flags of a fault; 0 if it is not known.
const fn page_shift_of(fault_flags: u32) -> u32 {
    fault_flags >> flags::PAGE_SHIFT_SHIFT & flags::PAGE_SHIFT_MASK
}
