//! Runs of two sides, part by part.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::blind;
use super::change::{Change, Values};
use super::digest::{Digest, Key, Parts, Section};
use super::doubts::{Difference, doubts, labels};
use super::metric::{Metric, OF_PARTS};
use crate::rows::group::Group;

/// The runs of two sides.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Before the change.
    pub base: Vec<Digest>,
    /// After it.
    pub new: Vec<Digest>,
    /// What makes the comparison doubtful.
    pub doubts: Vec<Difference>,
    /// Labels that differ.
    pub labels: Vec<Difference>,
}

/// A part of the faults, in the runs of both sides.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is called.
    pub key: Key,
    /// Whether any run before the change has it.
    pub in_base: bool,
    /// Whether any run after it has.
    pub in_new: bool,
    /// By [`OF_PARTS`].
    changes: Vec<Change>,
}

impl Part {
    /// What became of a metric; of one that parts do not have nothing is known.
    #[must_use]
    pub fn change(&self, metric: Metric) -> Change {
        let index = OF_PARTS.iter().position(|&of| of == metric);
        index.and_then(|index| self.changes.get(index)).cloned().unwrap_or_default()
    }

    /// By how much, whatever the sign.
    fn effect(&self, metric: Metric) -> u128 {
        let index = OF_PARTS.iter().position(|&of| of == metric);
        index.and_then(|index| self.changes.get(index)).map_or(0, Change::size)
    }
}

impl Comparison {
    /// Of these runs. What some of them cannot tell apart is one in all.
    #[must_use]
    pub fn of(mut base: Vec<Digest>, mut new: Vec<Digest>) -> Self {
        blind::fold_if_mixed(&mut base, &mut new);
        let (doubts, labels) = (doubts(&base, &new), labels(&base, &new));
        Self { base, new, doubts, labels }
    }

    /// All runs, those of the base first.
    pub fn runs(&self) -> impl Iterator<Item = &Digest> {
        self.base.iter().chain(&self.new)
    }

    /// What became of a metric of the whole runs.
    #[must_use]
    pub fn total(&self, metric: Metric) -> Change {
        let values = |runs: &[Digest]| Values::of(runs.iter().map(|run| metric.of_run(run)));
        Change { base: values(&self.base), new: values(&self.new) }
    }

    /// Whether both sides know a metric.
    #[must_use]
    pub fn knows(&self, metric: Metric) -> bool {
        self.total(metric).difference().is_some()
    }

    /// The metric that effects are told by: stall time, or faults where that is not known.
    #[must_use]
    pub fn effect(&self) -> Metric {
        if self.knows(Metric::Stall) { Metric::Stall } else { Metric::Faults }
    }

    /// The parts of a section, those first of which `by` changed most.
    #[must_use]
    pub fn section(&self, section: Section, by: Metric) -> Vec<Part> {
        self.matched(by, |run| run.parts(section))
    }

    /// The parts by what was hit, its kind, class and cause, likewise.
    #[must_use]
    pub fn cells(&self, by: Metric) -> Vec<Part> {
        self.matched(by, |run| &run.cells)
    }

    fn matched(&self, by: Metric, parts: impl Fn(&Digest) -> &Parts) -> Vec<Part> {
        let in_all: BTreeSet<&Key> = match self.runs().next() {
            Some(first) => {
                let others = || self.runs().skip(1);
                let is_common = |key: &&Key| others().all(|run| parts(run).contains_key(*key));
                parts(first).keys().filter(is_common).collect()
            }
            None => BTreeSet::new(),
        };
        let named = |run| by_common_names(run, parts(run), &in_all);
        let base: Vec<_> = self.base.iter().map(|run| (run, named(run))).collect();
        let new: Vec<_> = self.new.iter().map(|run| (run, named(run))).collect();
        let names: BTreeSet<&Key> =
            base.iter().chain(&new).flat_map(|(_, parts)| parts.keys().copied()).collect();
        let of_names = names.into_iter().map(|key| {
            let change = |&metric: &Metric| {
                let values = |side: &[(&Digest, BTreeMap<&Key, &Group>)]| {
                    let of_run = |(run, parts): &(&Digest, BTreeMap<&Key, &Group>)| {
                        metric.of_part(parts.get(key).copied(), run)
                    };
                    Values::of(side.iter().map(of_run))
                };
                Change { base: values(&base), new: values(&new) }
            };
            Part {
                key: key.clone(),
                in_base: base.iter().any(|(_, parts)| parts.contains_key(key)),
                in_new: new.iter().any(|(_, parts)| parts.contains_key(key)),
                changes: OF_PARTS.iter().map(change).collect(),
            }
        });
        let mut all: Vec<Part> = of_names.collect();
        // Names come in order, and parts of one effect keep it.
        all.sort_by_key(|part| Reverse((part.effect(by), part.effect(Metric::Faults))));
        all
    }
}

/// The parts of a run by names that other runs may have as well: one that not every run has goes by its
/// alias, unless another part of the run has that.
fn by_common_names<'a>(
    run: &'a Digest,
    parts: &'a Parts,
    in_all: &BTreeSet<&Key>,
) -> BTreeMap<&'a Key, &'a Group> {
    let mut named: BTreeMap<&Key, &Group> = BTreeMap::new();
    for (key, group) in parts {
        let alias = run.aliases.get(key).filter(|_| !in_all.contains(key));
        let is_free = |alias: &&Key| !named.contains_key(*alias) && !parts.contains_key(*alias);
        named.insert(alias.filter(is_free).unwrap_or(key), group);
    }
    named
}

#[cfg(test)]
pub(super) mod tests;
