//! What the rules of `--advice` found.

use serde::Serialize;

use crate::findings::advice::{self, Advice, Evidence};
use crate::load::Loaded;

/// What one rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule, in a word that stays the same.
    pub id: &'static str,
    /// What is found; the same for every finding of a rule.
    pub title: &'static str,
    /// Where: a file, or memory of a process.
    pub place: String,
    /// The finding in a paragraph, as on the screen.
    pub text: String,
    /// Function behind most of it, if known.
    pub function: Option<Culprit>,
    /// Faults that it is about.
    pub faults: u64,
    /// Major ones among them.
    pub major: u64,
    /// Their stall time.
    pub stall_ns: Option<u64>,
    /// Mean of their latencies; null if none is known.
    pub mean_ns: Option<u64>,
    /// Wall time with at least one thread stalled by one of them; null if none is known.
    pub wall_ns: Option<u64>,
    /// How long the processes lived, together, while faults were recorded.
    pub lives_ns: u64,
    /// The numbers that made the rule speak, a sentence each, the most telling first.
    pub evidence: Vec<String>,
    /// What to try.
    pub worth_trying: String,
    /// What the trace does not tell.
    pub not_known: &'static str,
    /// It is about the whole recording and says nothing of why.
    pub general: bool,
    /// Not every fault is in the table, so these numbers are lower bounds.
    pub lower_bounds: bool,
}

/// The function behind most of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Culprit {
    /// Its name.
    pub name: String,
    /// Its share of the stall time, or of the faults where no latency is known, as text.
    pub share: String,
}

/// All findings.
pub fn findings(loaded: &Loaded) -> Vec<Finding> {
    if loaded.analysis.faults.is_empty() {
        return Vec::new();
    }
    let evidence = Evidence::of(loaded);
    let lower_bounds = evidence.are_lower_bounds();
    let found = advice::advice(&evidence).into_iter();
    found.map(|advice| finding(advice, lower_bounds)).collect()
}

fn finding(advice: Advice, lower_bounds: bool) -> Finding {
    let cost = advice.cost;
    Finding {
        text: advice::brief(&advice),
        id: advice.id,
        title: advice.title,
        place: advice.place,
        function: advice
            .culprit
            .map(|culprit| Culprit { name: culprit.name, share: culprit.share }),
        faults: cost.faults,
        major: cost.major,
        stall_ns: cost.stall_ns,
        mean_ns: cost.stall_ns.map(|_| cost.each_ns),
        wall_ns: cost.stall_ns.map(|_| cost.wall_ns),
        lives_ns: cost.lives_ns,
        evidence: advice.evidence,
        worth_trying: advice.worth_trying,
        not_known: advice.unknown,
        general: advice.is_general,
        lower_bounds,
    }
}
