//! How many faults there were, shown or not.

use pfcapture::Settled;
use pfmodel::Unjudged;
use pfmodel::names::Class;
use pft::record::{Outcome, flags};

/// Faults that nobody judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missed {
    major: u64,
    /// Those that are minor even if they wrote to a page of a private mapping.
    minor: u64,
    /// Those that are `cow` if the mapping was private.
    minor_or_cow: u64,
    /// Those that did not complete.
    incomplete: u64,
}

impl Missed {
    /// Takes the faults away for which there is no room.
    pub fn beyond(faults: &mut Vec<Settled>, room: usize) -> Self {
        let mut missed = Self::default();
        for fault in faults.get(room..).unwrap_or_default() {
            missed.add(fault.row.flags);
        }
        faults.truncate(room);
        missed
    }

    fn add(&mut self, fault_flags: u32) {
        const WRITE_TO_PRESENT: u32 =
            flags::ERROR_CODE_VALID | flags::ERROR_PRESENT | flags::ERROR_WRITE;
        let outcome = fault_flags & flags::OUTCOME_MASK;
        let count = if outcome == Outcome::Major as u32 {
            &mut self.major
        } else if outcome != Outcome::Minor as u32 {
            &mut self.incomplete
        } else if fault_flags & WRITE_TO_PRESENT == WRITE_TO_PRESENT {
            &mut self.minor_or_cow
        } else {
            &mut self.minor
        };
        *count += 1;
    }

    /// How many.
    pub const fn faults(&self) -> u64 {
        self.major + self.minor + self.minor_or_cow + self.incomplete
    }
}

/// Totals of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    judged: [u64; Class::ALL.len()],
    missed: Missed,
}

impl Tally {
    /// Counts a fault that was judged.
    pub fn add(&mut self, class: Class) {
        if let Some(count) = self.judged.get_mut(class as usize) {
            *count += 1;
        }
    }

    /// Counts faults that were not.
    pub const fn miss(&mut self, missed: Missed) {
        self.missed.major += missed.major;
        self.missed.minor += missed.minor;
        self.missed.minor_or_cow += missed.minor_or_cow;
        self.missed.incomplete += missed.incomplete;
    }

    fn judged(&self, class: Class) -> u64 {
        self.judged.get(class as usize).copied().unwrap_or(0)
    }

    /// Major faults.
    pub fn major(&self) -> u64 {
        self.judged(Class::Major) + self.missed.major
    }

    /// Minor faults, and with them those of class `cow` where [`Tally::cow`] is unknown.
    pub fn minor(&self, unjudged: &Unjudged) -> u64 {
        let cow = if self.cow(unjudged).is_none() { self.judged(Class::Cow) } else { 0 };
        self.judged(Class::Minor) + cow + self.missed.minor + self.missed.minor_or_cow
    }

    /// Writes to present pages of private mappings, unless some could not be told from minor faults.
    pub fn cow(&self, unjudged: &Unjudged) -> Option<u64> {
        let told = unjudged.error_code && self.missed.minor_or_cow == 0;
        told.then(|| self.judged(Class::Cow))
    }

    /// Failed faults, unless some were not judged.
    pub fn failed(&self) -> Option<u64> {
        (self.missed.incomplete == 0).then(|| self.judged(Class::Failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfcapture::FaultRow;

    fn fault(fault_flags: u32) -> Settled {
        let row = FaultRow {
            time_ns: 1,
            latency_ns: 1,
            addr: 1,
            ip: 1,
            pid: 1,
            tid: 1,
            flags: fault_flags,
            attempts: 1,
        };
        Settled { cpu: 0, settled_ns: 2, row }
    }

    #[test]
    fn what_is_missed_is_counted_as_far_as_its_class_is_known() {
        let written = flags::ERROR_CODE_VALID | flags::ERROR_PRESENT | flags::ERROR_WRITE;
        let read = flags::ERROR_CODE_VALID | flags::ERROR_PRESENT;
        let (minor, major) = (Outcome::Minor as u32, Outcome::Major as u32);
        let mut faults: Vec<Settled> =
            [major, minor, minor | read, major | written].into_iter().map(fault).collect();
        assert_eq!(Missed::beyond(&mut faults, 9), Missed::default());
        let missed = Missed::beyond(&mut faults, 1);
        assert_eq!((faults.len(), missed.faults()), (1, 3));

        let known = Unjudged { in_flight: 0, unresolved: 0, error_code: true };
        let mut tally = Tally::default();
        for class in [Class::Major, Class::Minor, Class::Cow, Class::Cow] {
            tally.add(class);
        }
        tally.miss(missed);
        assert_eq!((tally.major(), tally.minor(&known), tally.cow(&known)), (2, 3, Some(2)));
        assert_eq!(tally.failed(), Some(0));
        assert_eq!(tally.cow(&Unjudged { error_code: false, ..known }), None);

        let mut faults = vec![fault(minor | written), fault(Outcome::Signalled as u32)];
        tally.miss(Missed::beyond(&mut faults, 0));
        assert_eq!((tally.minor(&known), tally.cow(&known), tally.failed()), (6, None, None));
    }
}
