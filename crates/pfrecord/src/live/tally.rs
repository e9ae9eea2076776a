//! How many faults there were, shown or not.

use std::fmt;

use pfcapture::{Settled, Skipped};
use pfmodel::Unjudged;
use pfmodel::names::Class;
use pft::keys::fact;
use pft::record::{Fact, Outcome, flags};

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
        let writes_to_present = fault_flags & WRITE_TO_PRESENT == WRITE_TO_PRESENT;
        *match Outcome::of(fault_flags) {
            Some(Outcome::Major) => &mut self.major,
            Some(Outcome::Minor) if writes_to_present => &mut self.minor_or_cow,
            Some(Outcome::Minor) => &mut self.minor,
            _ => &mut self.incomplete,
        } += 1;
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

    /// What can be said of all faults, by the rules of the summary line of a report.
    pub fn totals(&self, scope: Scope, skipped: Skipped, unjudged: &Unjudged) -> Totals {
        let Self { missed, .. } = self;
        let hidden = missed.minor_or_cow > 0 || skipped.minor > 0;
        let minor = self.judged(Class::Minor) + missed.minor + missed.minor_or_cow + skipped.minor;
        let cow = self.judged(Class::Cow);
        let (minor, cow) = match scope {
            Scope { major_only: true, .. } => (Total::Unrecorded, Total::Unrecorded),
            _ if unjudged.error_code && !hidden => (Total::Known(minor), Total::Known(cow)),
            _ => (Total::Known(minor + cow), Total::Unknown),
        };
        let all_entries = scope.entries && !scope.major_only;
        let failed = all_entries && missed.incomplete == 0;
        Totals {
            major: self.judged(Class::Major) + missed.major + skipped.major,
            minor,
            cow,
            failed: failed.then(|| self.judged(Class::Failed)),
            in_flight: all_entries.then_some(unjudged.in_flight),
            unresolved: all_entries.then_some(unjudged.unresolved),
        }
    }
}

/// What a recording was asked for that its totals depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Minor faults are not recorded, and of the others that do not complete only those with a signal.
    major_only: bool,
    /// Entries are recorded, without which there are no faults but completed ones.
    entries: bool,
}

impl Scope {
    /// By the facts of the recording.
    pub fn of(facts: &[Fact]) -> Self {
        let is = |key, value| facts.iter().any(|fact| fact.key == key && fact.value == value);
        Self {
            major_only: is(fact::CAPTURE_MAJOR_ONLY, "yes"),
            entries: !is(fact::CAPTURE_LATENCY, "no"),
        }
    }
}

/// A number of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// So many.
    Known(u64),
    /// They cannot be told from others.
    Unknown,
    /// They were left out on request.
    Unrecorded,
}

impl Total {
    /// The number, if there is one.
    pub const fn known(self) -> Option<u64> {
        match self {
            Self::Known(number) => Some(number),
            Self::Unknown | Self::Unrecorded => None,
        }
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(number) => number.fmt(f),
            Self::Unknown => f.write_str("unknown"),
            Self::Unrecorded => f.write_str("unrecorded"),
        }
    }
}

/// Faults, shown or not. `None` is what cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Major faults.
    pub major: u64,
    /// Minor faults, and with them those of class `cow` where that is unknown.
    pub minor: Total,
    /// Writes to present pages of private mappings.
    pub cow: Total,
    /// Accesses that failed.
    pub failed: Option<u64>,
    /// Entries whose thread still waited.
    pub in_flight: Option<u64>,
    /// Entries of which nothing can be said.
    pub unresolved: Option<u64>,
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
            ..FaultRow::default()
        };
        Settled { cpu: 0, settled_ns: 2, row }
    }

    #[test]
    fn what_is_missed_is_counted_as_far_as_its_class_is_known() {
        let written = flags::ERROR_CODE_VALID | flags::ERROR_PRESENT | flags::ERROR_WRITE;
        let read = flags::ERROR_CODE_VALID | flags::ERROR_PRESENT;
        const MINOR: u32 = Outcome::Minor as u32;
        const MAJOR: u32 = Outcome::Major as u32;
        let mut faults: Vec<Settled> =
            [MAJOR, MINOR, MINOR | read, MAJOR | written].into_iter().map(fault).collect();
        assert_eq!(Missed::beyond(&mut faults, 9), Missed::default());
        let missed = Missed::beyond(&mut faults, 1);
        assert_eq!((faults.len(), missed.faults()), (1, 3));

        let known = Unjudged { in_flight: 4, unresolved: 5, error_code: true };
        let everything = Scope { major_only: false, entries: true };
        let mut tally = Tally::default();
        for class in [Class::Major, Class::Minor, Class::Cow, Class::Cow] {
            tally.add(class);
        }
        tally.miss(missed);
        let totals = |tally: &Tally| tally.totals(everything, Skipped::default(), &known);
        let expected = Totals {
            major: 2,
            minor: Total::Known(3),
            cow: Total::Known(2),
            failed: Some(0),
            in_flight: Some(4),
            unresolved: Some(5),
        };
        assert_eq!(totals(&tally), expected);
        let blind = Unjudged { error_code: false, ..known };
        let unknown = Totals { minor: Total::Known(5), cow: Total::Unknown, ..expected };
        assert_eq!(tally.totals(everything, Skipped::default(), &blind), unknown);

        // Of those that were too fast, major ones are known; `cow` hides among the minor ones.
        let major = Skipped { minor: 0, major: 7 };
        assert_eq!(tally.totals(everything, major, &known), Totals { major: 9, ..expected });
        let minor = Skipped { minor: 10, major: 0 };
        let hidden = Totals { minor: Total::Known(15), ..unknown };
        assert_eq!(tally.totals(everything, minor, &known), hidden);

        // What is left out on request is not claimed to be none.
        let nothing = Totals { failed: None, in_flight: None, unresolved: None, ..expected };
        let completions = Scope { entries: false, ..everything };
        assert_eq!(tally.totals(completions, Skipped::default(), &known), nothing);
        let (minor, cow) = (Total::Unrecorded, Total::Unrecorded);
        let major_only = Scope { major_only: true, ..everything };
        let totals_of_major = tally.totals(major_only, Skipped::default(), &blind);
        assert_eq!(totals_of_major, Totals { minor, cow, ..nothing });

        let mut faults = vec![fault(MINOR | written), fault(Outcome::Signalled as u32)];
        tally.miss(Missed::beyond(&mut faults, 0));
        let missing = Totals { failed: None, minor: Total::Known(6), ..unknown };
        assert_eq!(totals(&tally), missing);
    }
}
