//! Groups as plain values, for tables in text.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use polars::prelude::{AnyValue, Column, DataFrame};

use super::MEASURES;
use crate::error::Error;
use crate::outputs::export::with_literals;

/// One group. Measures that were not asked for, or are not known, are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Values of the keys as text; none for null.
    pub keys: Vec<Option<String>>,
    /// Faults.
    pub faults: u64,
    /// Major faults among them.
    pub major: u64,
    /// Distinct pages.
    pub pages: Option<u64>,
    /// Distinct pages times the size installed.
    pub touched_bytes: Option<u64>,
    /// Sum of the latencies, as far as they are inside the trace.
    pub stall_ns: Option<u64>,
    /// Half of the latencies are no longer.
    pub p50_ns: Option<u64>,
    /// 90 % of them are no longer.
    pub p90_ns: Option<u64>,
    /// 99 % of them are no longer.
    pub p99_ns: Option<u64>,
    /// The longest latency.
    pub max_ns: Option<u64>,
}

impl Group {
    /// A key as text; `-` for null.
    #[must_use]
    pub fn key(&self, index: usize) -> &str {
        self.keys.get(index).and_then(Option::as_deref).unwrap_or("-")
    }
}

/// Groups by fewer keys: those at the positions `keys`, in the order of [`super::grouped`]. Pages and
/// percentiles do not add up and are absent.
#[must_use]
pub fn rolled_up(groups: &[Group], keys: &[usize]) -> Vec<Group> {
    let mut sums: BTreeMap<Vec<Option<&str>>, Group> = BTreeMap::new();
    for group in groups {
        let key: Vec<Option<&str>> =
            keys.iter().map(|&i| group.keys.get(i).and_then(Option::as_deref)).collect();
        let empty = || Group {
            keys: key.iter().map(|key| key.map(str::to_owned)).collect(),
            ..Group::default()
        };
        let sum = sums.entry(key.clone()).or_insert_with(empty);
        sum.faults += group.faults;
        sum.major += group.major;
        sum.stall_ns = match (sum.stall_ns, group.stall_ns) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        sum.max_ns = sum.max_ns.max(group.max_ns);
    }
    let mut groups: Vec<Group> = sums.into_values().collect();
    groups.sort_by_key(|group| Reverse((group.stall_ns, group.faults)));
    groups
}

/// The rows of a result of [`super::grouped`].
///
/// # Errors
/// [`Error::Table`] should Polars refuse a column.
pub fn rows(groups: &DataFrame) -> Result<Vec<Group>, Error> {
    let frame = with_literals(groups.clone())?;
    let is_key = |column: &&Column| !MEASURES.contains(&column.name().as_str());
    let keys: Vec<&Column> = frame.columns().iter().filter(is_key).collect();
    (0..frame.height())
        .map(|row| {
            let measure =
                |name| -> Option<u64> { frame.column(name).ok()?.get(row).ok()?.extract::<u64>() };
            Ok(Group {
                keys: keys
                    .iter()
                    .map(|key| Ok(text(&key.get(row)?)))
                    .collect::<Result<_, Error>>()?,
                faults: measure("faults").unwrap_or(0),
                major: measure("major").unwrap_or(0),
                pages: measure("pages"),
                touched_bytes: measure("touched_bytes"),
                stall_ns: measure("stall_ns"),
                p50_ns: measure("p50_ns"),
                p90_ns: measure("p90_ns"),
                p99_ns: measure("p99_ns"),
                max_ns: measure("max_ns"),
            })
        })
        .collect()
}

fn text(value: &AnyValue) -> Option<String> {
    match value {
        AnyValue::Null => None,
        AnyValue::Boolean(value) => Some(value.to_string()),
        value => value
            .get_str()
            .map(str::to_owned)
            .or_else(|| value.extract::<u64>().map(|number| number.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, rolled_up};

    #[test]
    fn sums_and_maxima_roll_up() {
        let group = |keys: [Option<&str>; 2], faults, stall_ns| Group {
            keys: keys.iter().map(|key| key.map(str::to_owned)).collect(),
            faults,
            major: 1,
            stall_ns,
            max_ns: stall_ns,
            ..Group::default()
        };
        let groups = [
            group([Some("a"), Some("x")], 2, Some(10)),
            group([Some("b"), Some("x")], 9, None),
            group([None, Some("y")], 3, None),
            group([Some("a"), Some("y")], 4, Some(7)),
        ];
        let by_first: Vec<_> = rolled_up(&groups, &[0])
            .into_iter()
            .map(|g| (g.key(0).to_owned(), g.faults, g.major, g.stall_ns, g.max_ns))
            .collect();
        assert_eq!(
            by_first,
            [
                ("a".to_owned(), 6, 2, Some(17), Some(10)),
                ("b".to_owned(), 9, 1, None, None),
                ("-".to_owned(), 3, 1, None, None)
            ]
        );
    }
}
