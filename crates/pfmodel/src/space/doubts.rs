//! Where an address space may have changed in a way that the trace does not tell.

/// Ranges kept apart; beyond that neighbours become one.
const MAX_RANGES: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doubt {
    start: u64,
    end: u64,
    since_ns: u64,
}

/// Ranges whose mapping is uncertain since some moment, until evidence behind it shows one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doubts {
    ranges: Vec<Doubt>,
    /// Since then something may be mapped anywhere.
    anywhere_since_ns: Option<u64>,
}

impl Doubts {
    /// What is mapped in `start..end` at `since_ns` is uncertain.
    pub(crate) fn add(&mut self, (start, end): (u64, u64), since_ns: u64) {
        if start >= end {
            return;
        }
        let gap =
            |doubt: &Doubt| start.saturating_sub(doubt.end).max(doubt.start.saturating_sub(end));
        let is_full = self.ranges.len() >= MAX_RANGES;
        let nearest = self.ranges.iter_mut().min_by_key(|doubt| gap(doubt));
        match nearest {
            Some(doubt) if is_full || (doubt.start, doubt.end) == (start, end) => {
                (doubt.start, doubt.end) = (doubt.start.min(start), doubt.end.max(end));
                doubt.since_ns = doubt.since_ns.max(since_ns);
            }
            _ => self.ranges.push(Doubt { start, end, since_ns }),
        }
    }

    /// Something may be mapped anywhere since `since_ns`.
    pub(crate) fn add_anywhere(&mut self, since_ns: u64) {
        self.anywhere_since_ns = self.anywhere_since_ns.max(Some(since_ns));
    }

    /// All mappings were known at `now_ns`.
    pub(crate) fn settle(&mut self, now_ns: u64) {
        self.ranges.retain(|doubt| doubt.since_ns > now_ns);
        self.anywhere_since_ns = self.anywhere_since_ns.filter(|&since_ns| since_ns > now_ns);
    }

    /// Whether a mapping that was last shown in place at `confirmed_ns` may have lost `addr` since.
    pub(crate) fn concern(&self, addr: u64, confirmed_ns: u64) -> bool {
        let concerns = |d: &Doubt| d.start <= addr && addr < d.end && d.since_ns >= confirmed_ns;
        self.ranges.iter().any(concerns)
    }

    /// Whether nothing of `start..end` is in a range that is uncertain.
    pub(crate) fn are_none_in(&self, start: u64, end: u64) -> bool {
        !self.ranges.iter().any(|doubt| doubt.start < end && start < doubt.end)
    }

    /// Whether something unknown may be mapped at `addr`.
    pub(crate) fn may_hold(&self, addr: u64) -> bool {
        self.anywhere_since_ns.is_some() || self.concern(addr, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_lasts_until_later_evidence() {
        let mut doubts = Doubts::default();
        doubts.add((10, 20), 5);
        let of = |doubts: &Doubts, addr, confirmed_ns| doubts.concern(addr, confirmed_ns);
        assert!(of(&doubts, 10, 5) && of(&doubts, 19, 0));
        assert!(!of(&doubts, 10, 6) && !of(&doubts, 9, 0) && !of(&doubts, 20, 0));
        assert!(doubts.may_hold(15) && !doubts.may_hold(25));
        assert!(doubts.are_none_in(0, 10) && doubts.are_none_in(20, 30));
        assert!(
            !doubts.are_none_in(0, 11)
                && !doubts.are_none_in(12, 13)
                && !doubts.are_none_in(19, 30)
        );
        doubts.add_anywhere(6);
        assert!(doubts.may_hold(25) && !of(&doubts, 25, 0));
        doubts.settle(5);
        assert!(!of(&doubts, 10, 0) && doubts.may_hold(25));
        doubts.settle(6);
        assert!(!doubts.may_hold(25));
    }

    #[test]
    fn many_doubts_cover_more_rather_than_less() {
        let mut doubts = Doubts::default();
        (0..1000u64).for_each(|n| doubts.add((n * 10, n * 10 + 1), n));
        assert_eq!(doubts.ranges.len(), MAX_RANGES);
        assert!((0..1000u64).all(|n| doubts.concern(n * 10, n)));
        (0..1000u64).for_each(|_| doubts.add((5, 6), 7));
        assert_eq!(doubts.ranges.len(), MAX_RANGES);
    }
}
