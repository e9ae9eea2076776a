//! What a ledger says, apart from the rows of faults.

use std::collections::BTreeMap;

use pft::keys::ledger;

use crate::figures::scope::Scope;

/// Completions of one kind, as the recorder accounts for them and as the kernel counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// `minor` or `major`.
    pub name: &'static str,
    /// Captured, left out, received twice or lost.
    pub ours: u64,
    /// Counted by the kernel.
    pub kernel: u64,
}

impl Balance {
    /// Whether they agree. Counts that reach the end of their range are none, whatever they are compared with.
    #[must_use]
    pub const fn is_even(&self) -> bool {
        self.ours == self.kernel && self.ours < u64::MAX
    }
}

/// Keys of the parts that make up a balance: captured (stored or skipped), twice, of others, own,
/// without a record, lost.
struct Parts {
    name: &'static str,
    captured: &'static str,
    others: [&'static str; 5],
    kernel: &'static str,
    skipped: &'static str,
}

const MINOR: Parts = Parts {
    name: "minor",
    captured: ledger::CAPTURED_MINOR,
    others: [
        ledger::CAPTURED_DUPLICATES_MINOR,
        ledger::CAPTURED_FILTERED_MINOR,
        ledger::CAPTURED_OWN_MINOR,
        ledger::COUNTED_UNRECORDED_MINOR,
        ledger::MINOR_FAULTS_LOST,
    ],
    kernel: ledger::MINOR_FAULTS_COUNT,
    skipped: ledger::SKIPPED_FAST_MINOR,
};
const MAJOR: Parts = Parts {
    name: "major",
    captured: ledger::CAPTURED_MAJOR,
    others: [
        ledger::CAPTURED_DUPLICATES_MAJOR,
        ledger::CAPTURED_FILTERED_MAJOR,
        ledger::CAPTURED_OWN_MAJOR,
        ledger::COUNTED_UNRECORDED_MAJOR,
        ledger::MAJOR_FAULTS_LOST,
    ],
    kernel: ledger::MAJOR_FAULTS_COUNT,
    skipped: ledger::SKIPPED_FAST_MAJOR,
};

/// The last ledger of a trace, and what of its recording matters to it.
#[derive(Debug, Clone, Copy)]
pub struct Books<'a> {
    ledger: &'a BTreeMap<String, u64>,
    is_window: bool,
    min_latency_ns: u64,
}

impl<'a> Books<'a> {
    /// The ledger of a recording of this scope.
    #[must_use]
    pub const fn new(ledger: &'a BTreeMap<String, u64>, scope: &Scope) -> Self {
        let Scope { window_ns, min_latency_ns, .. } = *scope;
        Self { ledger, is_window: window_ns.is_some(), min_latency_ns }
    }

    /// A count, if recorded.
    #[must_use]
    pub fn counted(&self, key: &str) -> Option<u64> {
        self.ledger.get(key).copied()
    }

    /// The sum of some counts; those that were not recorded add nothing.
    #[must_use]
    pub fn sum(&self, keys: &[&str]) -> u64 {
        let counts = keys.iter().map(|key| self.counted(key).unwrap_or(0));
        counts.fold(0, u64::saturating_add)
    }

    /// Minor and major faults that were captured but not stored because they were served faster than
    /// asked for. None where the number is not known: in an unfinished trace, and in the window of a
    /// flight recorder, which keeps no count of them.
    #[must_use]
    pub fn skipped(&self) -> Option<[u64; 2]> {
        let known =
            self.min_latency_ns == 0 || !self.is_window && self.counted(MAJOR.skipped).is_some();
        known.then(|| [MINOR, MAJOR].map(|parts| self.sum(&[parts.skipped])))
    }

    /// What was captured, left out and lost against what the kernel counted. The kernel's counters are not
    /// about the window of a flight recorder, so there it is empty.
    #[must_use]
    pub fn balances(&self) -> Vec<Balance> {
        if self.is_window {
            return Vec::new();
        }
        let balance = |parts: Parts| {
            let kernel = self.counted(parts.kernel)?;
            let ours = self.sum(&[parts.captured]).saturating_add(self.sum(&parts.others));
            Some(Balance { name: parts.name, ours, kernel })
        };
        [MINOR, MAJOR].into_iter().filter_map(balance).collect()
    }

    /// How many completions of each kind should be stored, as far as the ledger tells: `minor` and `major`.
    #[must_use]
    pub fn expected(&self) -> Vec<(&'static str, u64)> {
        // The ledger of a window counts what it holds.
        let skipped = if self.is_window { Some([0; 2]) } else { self.skipped() };
        let kinds = [MINOR, MAJOR].into_iter().zip(skipped.into_iter().flatten());
        let expected = kinds.filter_map(|(parts, skipped)| {
            Some((parts.name, self.counted(parts.captured)?.saturating_sub(skipped)))
        });
        expected.collect()
    }
}
