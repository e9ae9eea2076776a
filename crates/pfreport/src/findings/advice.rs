//! What to change, and why: rules that look for a costly habit of faulting, each in a file of its own.
//!
//! A rule states its thresholds as constants with their reasons, gives the numbers that made it speak, and
//! says what the trace does not tell. All of them want a cost that is worth it: [`Cost::is_worth`].

mod after_fork;
mod backward;
mod cached_start;
mod evidence;
mod first_use;
mod give_back;
mod huge_pages;
mod major_rate;
mod no_readahead;
mod on_demand;
mod oom;
mod random_reads;
mod readahead;
mod slow_minor;
mod stack_growth;
mod swap;
#[cfg(test)]
mod tests;
mod thrashing;
mod touched_again;
mod view;

pub use evidence::{Cost, Culprit, Evidence, FileRead};
pub use give_back::ID as GIVE_BACK;
pub use slow_minor::ID as SLOW_MINOR;
pub use thrashing::ID as THRASHING;
pub use touched_again::HEAP_ID as HEAP_GIVEN_BACK;
pub use view::{LOWER_BOUNDS, SELECTED, brief, render};

use std::cmp::Reverse;

use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::rows::row_set::RowSet;

/// One finding of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The rule, in a word that stays the same: `schemas/patterns.md` lists them.
    pub id: &'static str,
    /// What is found, in a few words; the same for every finding of a rule.
    pub title: &'static str,
    /// Where: a file, or memory of a process.
    pub place: String,
    /// Function behind most of it, if known.
    pub culprit: Option<Culprit>,
    /// What it costs.
    pub cost: Cost,
    /// The same in words.
    pub cost_text: String,
    /// The numbers that made the rule speak, the most telling sentence first. Without a full stop.
    pub evidence: Vec<String>,
    /// What to try. Without a full stop.
    pub worth_trying: String,
    /// What the trace does not tell. Without a full stop.
    pub unknown: &'static str,
    /// It is about the whole recording and says nothing of why, so that it comes last.
    pub is_general: bool,
}

/// Looks for one habit; the costliest place that shows it.
type Rule = fn(&Evidence<'_>) -> Option<Advice>;

const RULES: &[Rule] = &[
    oom::look,
    random_reads::look,
    no_readahead::look,
    backward::look,
    on_demand::look,
    thrashing::look,
    swap::look,
    after_fork::look,
    huge_pages::look,
    first_use::shared,
    first_use::read_first,
    cached_start::look,
    stack_growth::look,
    give_back::look,
    touched_again::heap,
    touched_again::mapped_anew,
    slow_minor::look,
    major_rate::look,
];

/// What all rules have to say: who was killed, then the costliest first; what is about the whole recording last.
#[must_use]
pub fn advice(evidence: &Evidence<'_>) -> Vec<Advice> {
    let mut advice: Vec<Advice> = RULES.par_iter().filter_map(|look| look(evidence)).collect();
    advice.sort_by_key(|advice| {
        let cost = (advice.cost.stall_ns, advice.cost.faults);
        let is_rest = advice.id != oom::ID;
        (advice.is_general, is_rest, Reverse(cost), advice.title)
    });
    advice
}

/// The costliest of what is worth advice, each with its rows, and a sentence about the others.
fn costliest<T>(
    evidence: &Evidence<'_>,
    candidates: impl IntoIterator<Item = (RowSet, T)>,
    others: (&str, &str),
) -> Option<(RowSet, T, Cost, Option<String>)> {
    let costs = candidates.into_iter().map(|(rows, found)| {
        let cost = evidence.cost(&rows);
        (rows, found, cost)
    });
    let mut worth: Vec<_> = costs.filter(|(.., cost)| cost.is_worth()).collect();
    worth.sort_by_key(|(.., cost)| Reverse((cost.stall_ns, cost.faults)));
    let more = worth.len().saturating_sub(1) as u64;
    let more = (more > 0).then(|| {
        let stall_ns = worth.iter().skip(1).filter_map(|(.., cost)| cost.stall_ns);
        let stall_ns = stall_ns.fold(0, u64::saturating_add);
        let number = crate::print::units::counted_as(more, others.0, others.1);
        format!(
            "the same holds for {number} ({} of stall)",
            crate::print::units::duration(stall_ns)
        )
    });
    let (rows, found, cost) = worth.into_iter().next()?;
    Some((rows, found, cost, more))
}
