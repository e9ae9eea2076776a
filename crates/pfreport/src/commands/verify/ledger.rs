//! The closing ledger of a file against its frames, and against the kernel's counters.

use std::collections::BTreeMap;

use pft::keys::{fact, ledger as keys};
use pft::record::Outcome;
use pft::verify::{Counts, Finding, Report, Rule};

use crate::figures::accounts::{Balance, Books};
use crate::figures::scope::Scope;

/// How the ledger compares with the frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// All figures that can be compared are equal; so many.
    Agrees(u64),
    /// Some are not.
    Differs,
    /// They cannot be compared.
    Untold(&'static str),
}

/// Compares, and adds what differs to the findings and what cannot be told to the notes.
pub fn check(report: &mut Report) -> Agreement {
    if !report.is_whole {
        return Agreement::Untold("not all frames are there");
    }
    let Some(checkpoint) = &report.counts.checkpoint else {
        return Agreement::Untold("there is none");
    };
    if !checkpoint.end {
        return Agreement::Untold("the recording did not end in order");
    }
    let lines = checkpoint.ledger.iter().map(|line| (line.key.clone(), line.value));
    let ledger: BTreeMap<String, u64> = lines.collect();
    let counts = &report.counts;
    let scope = Scope::by_facts(|key| counts.fact(key));
    let mut comparison = Comparison { ledger: &ledger, figures: 0, findings: Vec::new() };
    let mut notes = Vec::new();
    comparison.completions(counts, &scope, &mut notes);
    comparison.others(counts, &scope, &mut notes);
    let tells_losses = counts.fact(fact::CAPTURE_LOSS_COUNTS) != Some("no");
    comparison.kernel(&scope, tells_losses, &mut notes);
    let Comparison { figures, findings, .. } = comparison;
    if figures == 0 {
        return Agreement::Untold("it has none of the figures that frames tell");
    }
    report.notes.extend(notes);
    if !findings.is_empty() && report.unknown_frames > 0 {
        return Agreement::Untold("frames of a newer version may hold what is missing");
    }
    if !findings.is_empty() {
        findings.into_iter().for_each(|finding| report.findings.push(finding));
        return Agreement::Differs;
    }
    Agreement::Agrees(figures)
}

struct Comparison<'a> {
    ledger: &'a BTreeMap<String, u64>,
    /// Figures that were compared.
    figures: u64,
    findings: Vec<Finding>,
}

impl Comparison<'_> {
    /// Holds a figure of the ledger, if it is there, against rows.
    fn equal(&mut self, key: &str, rows: u64) {
        if let Some(&said) = self.ledger.get(key) {
            self.rows(key, said, rows);
        }
    }

    fn rows(&mut self, key: &str, expected: u64, rows: u64) {
        self.figures += 1;
        if expected != rows {
            let what =
                format!("by {key} of the ledger there should be {expected}, and there are {rows}");
            self.findings.push(Finding::of_file(Rule::LedgerRows, what));
        }
    }

    /// Completed faults that were captured and not skipped.
    fn completions(&mut self, counts: &Counts, scope: &Scope, notes: &mut Vec<String>) {
        if self.has(keys::DROPPED_RECORDER) {
            notes.push(
                "not checked: the ledger does not tell of what kind the faults were that the recorder \
                 dropped, so rows cannot be held against it"
                    .to_owned(),
            );
            return;
        }
        let expected = Books::new(self.ledger, scope).expected();
        if expected.is_empty() {
            notes.push(
                "not checked: the ledger does not tell how many completed faults should be there"
                    .to_owned(),
            );
        }
        for (name, expected) in expected {
            let (key, outcome) = match name {
                "major" => (keys::CAPTURED_MAJOR, Outcome::Major),
                _ => (keys::CAPTURED_MINOR, Outcome::Minor),
            };
            self.rows(key, expected, counts.outcome(outcome));
        }
        self.kinds_of_faults(counts, scope);
    }

    /// What else became of faults, where all that were captured are stored.
    fn kinds_of_faults(&mut self, counts: &Counts, scope: &Scope) {
        let is_narrow = scope.major_only || scope.min_latency_ns > 0;
        if is_narrow {
            return;
        }
        let of = |outcomes: &[Outcome]| -> u64 {
            outcomes.iter().map(|&outcome| counts.outcome(outcome)).sum()
        };
        self.equal(keys::CAPTURED_SIGNALLED, of(&[Outcome::Signalled]));
        self.equal(keys::CAPTURED_ABANDONED, of(&[Outcome::Abandoned, Outcome::Unknown]));
        self.equal(keys::CAPTURED_IN_FLIGHT, of(&[Outcome::InFlight, Outcome::ThreadExited]));
        self.equal(keys::CAPTURED_INTERRUPTED, counts.interrupted);
        self.equal(keys::CAPTURED_NEGATIVE_LATENCY, counts.negative_latency);
        if scope.latency {
            self.equal(keys::CAPTURED_WITHOUT_ENTRY, counts.without_entry);
        }
        self.equal(keys::CAPTURED_CALL_CHAINS, counts.with_chain);
    }

    /// Frames that hold no faults. When writing had failed they were left out, and only faults were counted.
    fn others(&mut self, counts: &Counts, scope: &Scope, notes: &mut Vec<String>) {
        let mut others = vec![
            (keys::CAPTURED_CALLS, counts.calls),
            (keys::CAPTURED_OOM, counts.oom),
            (keys::SNAPSHOTS_TAKEN, counts.snapshots),
            (keys::SNAPSHOTS_QUERIES, counts.queries),
        ];
        if let Some(chains) = counts.chains {
            others.push((keys::CALLCHAINS_DISTINCT, chains));
            others.push((keys::CALLCHAINS_CUT, counts.cut_chains));
        }
        if counts.fact(fact::RECORDING_ENDED_BY) == Some("failure") {
            // More than were captured cannot be there.
            others.retain(|(key, rows)| self.ledger.get(*key).is_some_and(|said| said < rows));
            notes.push(
                "not checked: frames other than those of faults may be missing since writing failed"
                    .to_owned(),
            );
        }
        for (key, rows) in others {
            self.equal(key, rows);
        }
        self.equal(keys::DROPPED_RECORDER, counts.lost_by_recorder);
        if scope.window_ns.is_some() {
            self.equal(keys::FLIGHT_LOST_IN_RINGS, counts.lost_by_kernel);
        }
    }

    /// Captured, left out and lost against what the kernel counted.
    fn kernel(&mut self, scope: &Scope, tells_losses: bool, notes: &mut Vec<String>) {
        let balances = Books::new(self.ledger, scope).balances();
        if balances.is_empty() {
            let why = match scope.window_ns {
                Some(_) => "the kernel's counters are not about the window of a flight recorder",
                None => "the ledger has no counter of the kernel",
            };
            notes.push(format!("not checked: {why}"));
        }
        for balance in balances {
            self.figures += 1;
            if balance.ours < balance.kernel && !tells_losses {
                let Balance { name, ours, kernel } = balance;
                notes.push(format!(
                    "{} {name} faults that the kernel counted are missing: it did not tell what it lost",
                    kernel - ours
                ));
            } else if balance.ours != balance.kernel {
                let what = format!(
                    "captured, left out and lost {} faults are {}, and the kernel counted {}",
                    balance.name, balance.ours, balance.kernel
                );
                self.findings.push(Finding::of_file(Rule::LedgerKernel, what));
            }
        }
    }

    fn has(&self, key: &str) -> bool {
        self.ledger.get(key).is_some_and(|&value| value > 0)
    }
}

#[cfg(test)]
mod tests;
