//! Faults that are in the accounting of processes and not in perf's events.

use pfmodel::table::NONE;
use pft::keys::ledger;

use crate::figures::scope::{Kind, Scope};
use crate::load::Loaded;

/// Faults that the processes' own accounting has and perf's events have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen {
    /// Minor ones, if counted.
    pub minor: Option<u64>,
    /// Major ones, if counted.
    pub major: Option<u64>,
    /// There may be more: children that nobody waited for are recorded, but in no usage.
    pub at_least: bool,
}

impl Unseen {
    /// Whether there are any.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.sum() > 0
    }

    /// Of both kinds.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.minor.unwrap_or(0).saturating_add(self.major.unwrap_or(0))
    }
}

/// Known only where both count the same faults.
#[must_use]
pub fn unseen(loaded: &Loaded) -> Option<Unseen> {
    let scope = Scope::of(loaded);
    let had_children = loaded.analysis.processes.iter().any(|process| process.parent != NONE);
    let same_processes = match scope.kind {
        // Usage of a command includes that of the children it waited for.
        Kind::Command => scope.follow,
        // That of a running process does not.
        Kind::Processes => !scope.follow || !had_children,
        _ => false,
    };
    let lost = loaded.lost_records().completions;
    let untold = ["minor", "major"].map(|name| short_of_counted(loaded, name));
    let whose_lost = scope.by_cpu && (lost > 0 || untold != [0, 0]);
    let same_time = scope.delay_ns == 0 && scope.window_ns.is_none();
    if !same_processes || !same_time || whose_lost {
        return None;
    }
    let missing = |usage, captured, lost, name| {
        let captured = loaded.counted(captured)?;
        // What the kernel counted and what is not there was lost, where it does not tell what that was.
        let lost = loaded.counted(lost).unwrap_or_else(|| short_of_counted(loaded, name));
        Some(loaded.counted(usage)?.saturating_sub(captured.saturating_add(lost)))
    };
    let minor = missing(
        ledger::RUSAGE_MINOR_FAULTS,
        ledger::CAPTURED_MINOR,
        ledger::MINOR_FAULTS_LOST,
        "minor",
    );
    let minor = minor.filter(|_| !scope.major_only);
    let major = missing(
        ledger::RUSAGE_MAJOR_FAULTS,
        ledger::CAPTURED_MAJOR,
        ledger::MAJOR_FAULTS_LOST,
        "major",
    );
    (minor.is_some() || major.is_some()).then_some(Unseen { minor, major, at_least: had_children })
}

/// Completions of a kind that the kernel counted and that are not accounted for.
fn short_of_counted(loaded: &Loaded, name: &str) -> u64 {
    let balances = loaded.balances().into_iter().filter(|balance| balance.name == name);
    balances.map(|balance| balance.kernel.saturating_sub(balance.ours)).sum()
}
