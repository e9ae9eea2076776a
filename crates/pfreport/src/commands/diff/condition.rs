//! Conditions under which a comparison fails.

use std::fmt;
use std::str::FromStr;

use super::change::Change;
use super::comparison::Comparison;
use super::metric::{Metric, Unit};
use crate::error::Error;

/// On which side of the limit a value fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// Symbols, those first that begin with another.
const ORDERS: [(&str, Order); 4] =
    [(">=", Order::AtLeast), ("<=", Order::AtMost), (">", Order::Above), ("<", Order::Below)];

impl Order {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
        }
    }
}

/// What is compared with the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Limit {
    /// The change in percent of the base.
    Percent(f64),
    /// The change, in the unit of the metric.
    Change(f64),
    /// The value after the change, in the unit of the metric.
    Value(f64),
}

/// Something that must not be, such as `stall > +10%`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
    metric: Metric,
    order: Order,
    limit: Limit,
}

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It lacks a part.
    #[error("a condition is METRIC > LIMIT or METRIC < LIMIT, such as 'stall > +10%'")]
    Form,
    /// The metric does not exist.
    #[error("no metric `{0}`; the metrics are {known}", known = names())]
    Metric(String),
    /// The limit is no number.
    #[error("`{0}` is no number")]
    Number(String),
    /// The unit does not fit the metric.
    #[error("`{0}` is no limit of {1}; {remedy}", remedy = remedy(*_1))]
    Unit(String, Metric),
    /// A percentage of nothing.
    #[error("a percentage is of the base and has a sign: +{0} or -{0}")]
    Percent(String),
}

fn names() -> String {
    Metric::ALL.iter().map(|metric| metric.name()).collect::<Vec<_>>().join(", ")
}

const fn remedy(metric: Metric) -> &'static str {
    match metric.unit() {
        Unit::Time => "give a time, such as 5ms: ns, us, ms, s, min or h",
        Unit::Bytes => "give a size, such as 4MiB: B, KiB, MiB, GiB or TiB",
        Unit::Count | Unit::Rate => "give a plain number",
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Condition {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let at = text.find(['<', '>']).ok_or(ParseError::Form)?;
        let (name, rest) = text.split_at(at);
        let (name, rest) = (name.trim(), rest.trim());
        let symbol = ORDERS.iter().find(|(symbol, _)| rest.starts_with(symbol));
        let &(symbol, order) = symbol.ok_or(ParseError::Form)?;
        let limit = rest.get(symbol.len()..).unwrap_or_default().trim();
        if name.is_empty() || limit.is_empty() {
            return Err(ParseError::Form);
        }
        let metric = Metric::parse(name).ok_or_else(|| ParseError::Metric(name.to_owned()))?;
        let limit = parse_limit(metric, limit)?;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Self { text, metric, order, limit })
    }
}

fn parse_limit(metric: Metric, text: &str) -> Result<Limit, ParseError> {
    let (sign, size) = match text.split_at_checked(1) {
        Some(("+", size)) => (Some(1.0), size),
        Some(("-", size)) => (Some(-1.0), size),
        _ => (None, text),
    };
    let size = size.trim();
    let end = size.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(size.len());
    let (digits, unit) = size.split_at(end);
    let number: f64 = digits.parse().map_err(|_| ParseError::Number(text.to_owned()))?;
    let unit = unit.trim();
    if unit == "%" {
        let sign = sign.ok_or_else(|| ParseError::Percent(size.to_owned()))?;
        return Ok(Limit::Percent(sign * number));
    }
    let scale = match (metric.unit(), unit) {
        (Unit::Time, "ns") | (Unit::Bytes, "B") | (Unit::Count, "") => 1.0,
        // Nothing needs no unit.
        (_, "") if number == 0.0 => 1.0,
        // Rates count in thousandths.
        (Unit::Rate, "") | (Unit::Time, "us" | "µs") => 1e3,
        (Unit::Time, "ms") => 1e6,
        (Unit::Time, "s") => 1e9,
        (Unit::Time, "min") => 60e9,
        (Unit::Time, "h") => 3_600e9,
        (Unit::Bytes, "KiB") => 1_024.0,
        (Unit::Bytes, "MiB") => 1_048_576.0,
        (Unit::Bytes, "GiB") => 1_073_741_824.0,
        (Unit::Bytes, "TiB") => 1_099_511_627_776.0,
        _ => return Err(ParseError::Unit(text.to_owned(), metric)),
    };
    Ok(match sign {
        Some(sign) => Limit::Change(sign * number * scale),
        None => Limit::Value(number * scale),
    })
}

/// A condition and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// As given.
    pub condition: String,
    /// What it is about.
    pub metric: Metric,
    /// Its values.
    pub change: Change,
    /// Whether it holds, so that the comparison fails.
    pub holds: bool,
}

impl Verdict {
    /// One line with the numbers.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { condition, metric, change, holds } = self;
        let value = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |v| metric.format(v));
        let word = if *holds { "FAILED" } else { "passed" };
        let [base, new] = [&change.base, &change.new].map(|side| value(side.median()));
        let difference = change.difference().map_or_else(String::new, |difference| {
            format!(" ({}, {})", metric.format_change(difference), change.percent_text())
        });
        format!("{word}: {condition}: {metric} {base} → {new}{difference}")
    }
}

impl Condition {
    /// Judges the medians of both sides.
    ///
    /// # Errors
    /// [`Error::NotJudged`] if a run that matters does not know the metric: what is not known must not pass.
    pub fn judge(&self, comparison: &Comparison) -> Result<Verdict, Error> {
        let ignores_base = matches!(self.limit, Limit::Value(_));
        let runs = comparison.runs().skip(if ignores_base { comparison.base.len() } else { 0 });
        if let Some(run) = runs.into_iter().find(|run| self.metric.of_run(run).is_none()) {
            return Err(Error::NotJudged {
                condition: self.text.clone(),
                metric: self.metric.name(),
                trace: run.name.clone(),
            });
        }
        let change = comparison.total(self.metric);
        let holds = self.holds(&change);
        Ok(Verdict { condition: self.text.clone(), metric: self.metric, change, holds })
    }

    fn holds(&self, change: &Change) -> bool {
        let difference = change.difference().map(|difference| difference as f64);
        let (value, limit) = match self.limit {
            Limit::Value(limit) => (change.new.median().map(|new| new as f64), limit),
            Limit::Change(limit) => (difference, limit),
            // Anything is infinitely more than nothing.
            Limit::Percent(limit) => {
                let of_nothing =
                    |difference: f64| if difference > 0.0 { f64::INFINITY } else { 0.0 };
                (change.percent().or(difference.map(of_nothing)), limit)
            }
        };
        value.is_some_and(|value| self.order.holds(value, limit))
    }
}

#[cfg(test)]
mod tests;
