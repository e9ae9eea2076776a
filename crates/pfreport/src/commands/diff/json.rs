//! A comparison as a document for programs: `schemas/diff.schema.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::change::{Change, Noise, chance_percent};
use super::comparison::{Comparison, Part};
use super::condition::Verdict;
use super::digest::{Digest, Section};
use super::doubts;
use super::metric::{Metric, OF_PARTS, Unit};
use crate::GENERATOR;

/// Name and version of the document: it changes when a reader of the old one would go wrong.
const SCHEMA: &str = "pft-diff/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    generator: &'static str,
    base: Vec<Run<'a>>,
    new: Vec<Run<'a>>,
    labels: Vec<Difference<'a>>,
    doubts: Vec<Difference<'a>>,
    noise: NoiseRule,
    totals: BTreeMap<&'static str, Values>,
    sections: BTreeMap<&'static str, Vec<Row<'a>>>,
    conditions: Vec<Condition<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    path: &'a str,
    recorded_ns: u64,
    whole: bool,
    flaws: &'a [&'static str],
}

#[derive(Serialize)]
struct Difference<'a> {
    what: &'a str,
    base: &'a [String],
    new: &'a [String],
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct NoiseRule {
    known: bool,
    chance_percent: Option<f64>,
}

#[derive(Serialize)]
struct Values {
    base: Option<Number>,
    new: Option<Number>,
    change: Option<Number>,
    percent: Option<f64>,
    base_range: Option<[Number; 2]>,
    new_range: Option<[Number; 2]>,
    within_noise: Option<bool>,
}

#[derive(Serialize)]
struct Row<'a> {
    key: BTreeMap<&'static str, &'a str>,
    in_base: bool,
    in_new: bool,
    metrics: BTreeMap<&'static str, Values>,
}

#[derive(Serialize)]
struct Condition<'a> {
    condition: &'a str,
    metric: &'static str,
    holds: bool,
    values: Values,
}

/// The whole comparison, of each section the first `top` parts or all.
///
/// # Errors
/// Should serde_json refuse a number.
pub fn render(
    comparison: &Comparison,
    verdicts: &[Verdict],
    top: Option<usize>,
) -> serde_json::Result<String> {
    let by = comparison.effect();
    let several = comparison.base.len() + comparison.new.len() > 2;
    let sections = Section::ALL.map(|section| (section, comparison.section(section, by)));
    let document = Document {
        schema: SCHEMA,
        generator: GENERATOR,
        base: comparison.base.iter().map(run).collect(),
        new: comparison.new.iter().map(run).collect(),
        labels: comparison.labels.iter().map(difference).collect(),
        doubts: comparison.doubts.iter().map(difference).collect(),
        noise: NoiseRule {
            known: several,
            chance_percent: several
                .then(|| chance_percent(comparison.base.len(), comparison.new.len())),
        },
        totals: Metric::ALL
            .iter()
            .map(|&metric| (metric.key(), values(metric, &comparison.total(metric))))
            .collect(),
        sections: sections
            .iter()
            .map(|(section, parts)| {
                let shown = parts.iter().take(top.unwrap_or(usize::MAX));
                (section.name(), shown.map(|part| row(*section, part)).collect())
            })
            .collect(),
        conditions: verdicts
            .iter()
            .map(|verdict| Condition {
                condition: &verdict.condition,
                metric: verdict.metric.key(),
                holds: verdict.holds,
                values: values(verdict.metric, &verdict.change),
            })
            .collect(),
    };
    serde_json::to_string_pretty(&document)
}

fn difference(of: &doubts::Difference) -> Difference<'_> {
    Difference { what: &of.what, base: &of.base, new: &of.new, note: of.note }
}

fn run(run: &Digest) -> Run<'_> {
    Run {
        path: &run.name,
        recorded_ns: run.length_ns,
        whole: run.flaws.is_empty(),
        flaws: &run.flaws,
    }
}

fn row(section: Section, part: &Part) -> Row<'_> {
    Row {
        key: section.columns().iter().copied().zip(part.key.iter().map(String::as_str)).collect(),
        in_base: part.in_base,
        in_new: part.in_new,
        metrics: OF_PARTS
            .iter()
            .map(|&metric| (metric.key(), values(metric, &part.change(metric))))
            .collect(),
    }
}

/// A number of the document: whole where the metric counts pieces, bytes or nanoseconds.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Whole(i128),
    Rate(f64),
}

/// Numbers in the units of the names.
fn values(metric: Metric, change: &Change) -> Values {
    let number = |value: i128| match metric.unit() {
        Unit::Rate => Number::Rate(value as f64 / 1e3),
        Unit::Time | Unit::Bytes | Unit::Count => Number::Whole(value),
    };
    let value = |value: u64| number(value.into());
    let range = |range: Option<(u64, u64)>| range.map(|(low, high)| [value(low), value(high)]);
    Values {
        base: change.base.median().map(value),
        new: change.new.median().map(value),
        change: change.difference().map(number),
        percent: change.percent(),
        base_range: range(change.base.range()),
        new_range: range(change.new.range()),
        within_noise: match change.noise() {
            Noise::Unknown => None,
            Noise::Within => Some(true),
            Noise::Beyond => Some(false),
        },
    }
}
