//! Faults that the file does not hold any more: of the pages that they may have touched nothing is known.

use std::collections::VecDeque;

use pft::FrameKind;
use pft::record::GapRecord;

use super::Analyser;
use crate::order::fault::Fault;
use crate::space::address_space::Moment;

/// When faults are missing, or records without which faults of one page may be taken for those of another.
#[derive(Debug, Default)]
pub(super) struct Misses {
    /// Stretches of time to come, in order.
    coming: VecDeque<(u64, u64)>,
    /// They go on until then.
    until_ns: Option<u64>,
}

impl Misses {
    pub(super) fn new(gaps: &[GapRecord]) -> Self {
        let mut misses = Self::default();
        misses.extend(gaps);
        misses
    }

    pub(super) fn extend<'a>(&mut self, gaps: impl IntoIterator<Item = &'a GapRecord>) {
        let kinds = [FrameKind::Faults, FrameKind::Tasks, FrameKind::Maps, FrameKind::Calls];
        let concerns = |gap: &&GapRecord| kinds.iter().any(|&kind| gap.may_hold(kind));
        let spans = gaps.into_iter().filter(concerns);
        self.coming.extend(spans.map(|gap| (gap.faults_after_ns(), gap.before_ns)));
        self.coming.make_contiguous().sort_unstable();
    }

    /// Until when faults are missing for a fault that began at `time_ns`.
    fn at(&mut self, time_ns: u64) -> Option<u64> {
        while let Some((_, until_ns)) = self.coming.pop_front_if(|(from_ns, _)| *from_ns <= time_ns)
        {
            self.until_ns = self.until_ns.max(Some(until_ns));
        }
        let until_ns = self.until_ns?;
        if until_ns < time_ns {
            self.until_ns = None;
        }
        Some(until_ns)
    }
}

impl Analyser {
    /// Takes note of faults that are lost.
    pub(crate) fn lose(&mut self, gaps: &[GapRecord]) {
        self.misses.extend(gaps);
    }

    /// What is known of pages may be wrong for a fault looked at at `at_ns`, where faults before it are missing: of
    /// all mappings made so far.
    pub(super) fn pass_gaps(&mut self, fault: &Fault, at_ns: u64) {
        let Some(until_ns) = self.misses.at(fault.time_ns) else { return };
        self.world.advance(Moment { ns: until_ns.min(at_ns), faults: self.now });
        // What is mapped from here on is told from what was mapped before, though no fault is in between.
        self.now = self.now.saturating_add(1);
        self.missed_at = self.now;
    }
}
