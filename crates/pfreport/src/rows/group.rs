//! Faults grouped by columns: how many, how many pages, what they cost.

mod distinct;
mod keys;
mod latencies;
mod numbers;
mod rows;
mod tally;
mod words;

use polars::prelude::{DataFrame, SortMultipleOptions};

use crate::error::Error;
use crate::load::Loaded;
use crate::rows::faults::Unnamed;
use crate::rows::field::Field;
pub use rows::{Group, rolled_up, rows};
pub use tally::Tally;

/// What to work out per group besides faults, major faults, stall time and the longest latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measures {
    /// Distinct pages, and the bytes they hold.
    pub pages: bool,
    /// Percentiles of the latency.
    pub percentiles: bool,
}

/// Names of the measures, in the order of their columns.
pub const MEASURES: [&str; 9] = [
    "faults",
    "major",
    "pages",
    "touched_bytes",
    "stall_ns",
    "p50_ns",
    "p90_ns",
    "p99_ns",
    "max_ns",
];

/// Percentiles of the latency and their columns.
const PERCENTILES: [(f64, &str); 3] = [(0.5, "p50_ns"), (0.9, "p90_ns"), (0.99, "p99_ns")];

/// One row per distinct combination of `keys`, the costliest first: by stall time, then by faults,
/// then by the keys.
///
/// Columns: the keys, then those of [`MEASURES`] that were asked for. `stall_ns` is the sum over all
/// threads, of the time inside the trace; measures of latency are null where no latency is known. Percentiles are
/// by nearest rank: the smallest latency that at least this share of the faults does not exceed. `touched_bytes` is
/// distinct pages times the size installed, a lower bound of what got mapped.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn grouped(loaded: &Loaded, keys: &[Field], measures: Measures) -> Result<DataFrame, Error> {
    grouped_with(loaded, keys, measures, Unnamed::Null)
}

/// The same with a choice of what stands for unknown functions.
///
/// # Errors
/// As [`grouped`].
pub fn grouped_with(
    loaded: &Loaded,
    keys: &[Field],
    measures: Measures,
    unnamed: Unnamed,
) -> Result<DataFrame, Error> {
    let mut tally = Tally::new(keys, measures, unnamed);
    tally.add(loaded)?;
    tally.finish()
}

/// Groups in their usual order.
fn costliest_first(groups: &DataFrame, keys: &[Field]) -> Result<DataFrame, Error> {
    let order = ["stall_ns", "faults"].into_iter().chain(keys.iter().map(|key| key.name()));
    let descending = [true, true].into_iter().chain(keys.iter().map(|_| false));
    Ok(groups.sort(order, sort_options(descending))?)
}

/// Sorts a result of [`grouped`] by one of its columns: measures from high to low, keys upwards.
/// Groups that are equal there keep their order.
///
/// # Errors
/// [`Error::UnknownColumn`] with the columns of `groups`.
pub fn sorted(groups: &DataFrame, by: &str) -> Result<DataFrame, Error> {
    let known = groups.get_column_names();
    if !known.iter().any(|name| *name == by) {
        let known = known.into_iter().map(ToString::to_string).collect();
        return Err(Error::UnknownColumn { name: by.to_owned(), known });
    }
    Ok(groups.sort([by], sort_options([MEASURES.contains(&by)]))?)
}

fn sort_options(descending: impl IntoIterator<Item = bool>) -> SortMultipleOptions {
    SortMultipleOptions::default()
        .with_order_descending_multi(descending)
        .with_nulls_last(true)
        .with_maintain_order(true)
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};
    use polars::prelude::{AnyValue, DataFrame};

    use super::{Measures, grouped, sorted};
    use crate::error::Error;
    use crate::load::Loaded;
    use crate::made_up::{self, HEAP, MODEL, Row};
    use crate::rows::field::Field;

    const ALL: Measures = Measures { pages: true, percentiles: true };

    fn reads_and_touches() -> Loaded {
        let mut loaded = made_up::empty();
        let analysis = &mut loaded.analysis;
        for i in 0..100 {
            let row = Row {
                time: i * 10_000,
                latency: Some((i + 1) * 1_000),
                class: Class::Major,
                cause: Cause::FileRead,
                addr: 0x7f00_0000_0000 + i % 50 * 4_096 + i,
                mapping: MODEL,
                ..Row::default()
            };
            made_up::push(analysis, row);
        }
        for (latency, size, addr) in [
            (Some(500), 4_096, 0x100_0000),
            (None, 4_096, 0x100_1000),
            (Some(9_500), 2 << 20, 0x120_0000),
        ] {
            made_up::push(analysis, Row { latency, size, addr, mapping: HEAP, ..Row::default() });
        }
        made_up::push(
            analysis,
            Row {
                latency: None,
                class: Class::Failed,
                cause: Cause::Invalid,
                size: 0,
                ..Row::default()
            },
        );
        loaded
    }

    fn column(frame: &DataFrame, name: &str) -> Vec<Option<u64>> {
        let value = |value: AnyValue| value.extract::<u64>();
        frame.column(name).unwrap().as_materialized_series().iter().map(value).collect()
    }

    fn text(frame: &DataFrame, name: &str) -> Vec<Option<String>> {
        let value = |value: AnyValue| value.get_str().map(str::to_owned);
        frame.column(name).unwrap().as_materialized_series().iter().map(value).collect()
    }

    #[test]
    fn measures_are_exact() {
        let groups = grouped(&reads_and_touches(), &[Field::Region], ALL).unwrap();
        let names = ["model.gguf", "[heap]", "[unknown]"].map(|name| Some(name.to_owned()));
        assert_eq!(text(&groups, "region"), names);
        assert_eq!(column(&groups, "faults"), [Some(100), Some(3), Some(1)]);
        assert_eq!(column(&groups, "major"), [Some(100), Some(0), Some(0)]);
        assert_eq!(column(&groups, "pages"), [Some(50), Some(3), Some(1)]);
        let touched = [Some(50 * 4_096), Some(2 * 4_096 + (2 << 20)), Some(0)];
        assert_eq!(column(&groups, "touched_bytes"), touched);
        assert_eq!(column(&groups, "stall_ns"), [Some(5_050_000), Some(10_000), None]);
        assert_eq!(column(&groups, "p50_ns"), [Some(50_000), Some(500), None]);
        assert_eq!(column(&groups, "p90_ns"), [Some(90_000), Some(9_500), None]);
        assert_eq!(column(&groups, "p99_ns"), [Some(99_000), Some(9_500), None]);
        assert_eq!(column(&groups, "max_ns"), [Some(100_000), Some(9_500), None]);
    }

    #[test]
    fn sums_beyond_32_bits_do_not_wrap() {
        let mut loaded = made_up::empty();
        for time in 0..3 {
            let row = Row { time, latency: Some(4_000_000_000), ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        let groups = grouped(&loaded, &[Field::Class], ALL).unwrap();
        assert_eq!(column(&groups, "stall_ns"), [Some(12_000_000_000)]);
    }

    #[test]
    fn stall_is_what_is_inside_the_trace() {
        let mut loaded = made_up::empty();
        for latency in [3_000, 50] {
            made_up::push(&mut loaded.analysis, Row { latency: Some(latency), ..Row::default() });
        }
        loaded.analysis.faults.before_ns = vec![2_900];
        let groups = grouped(&loaded, &[Field::Class], ALL).unwrap();
        assert_eq!(column(&groups, "stall_ns"), [Some(150)]);
        assert_eq!(column(&groups, "max_ns"), [Some(3_000)]);
    }

    #[test]
    fn ties_are_broken_by_keys_and_sorting_keeps_them() {
        let mut loaded = made_up::empty();
        for tid in [103, 101, 102, 102] {
            made_up::push(&mut loaded.analysis, Row { tid, latency: None, ..Row::default() });
        }
        let groups = grouped(&loaded, &[Field::Tid], ALL).unwrap();
        assert_eq!(column(&groups, "tid"), [Some(102), Some(101), Some(103)]);
        let by_key = sorted(&groups, "tid").unwrap();
        assert_eq!(column(&by_key, "tid"), [Some(101), Some(102), Some(103)]);
        let by_major = sorted(&groups, "major").unwrap();
        assert_eq!(column(&by_major, "tid"), [Some(102), Some(101), Some(103)]);
        assert!(matches!(sorted(&groups, "addr"), Err(Error::UnknownColumn { .. })));
    }

    #[test]
    fn no_faults_make_no_groups() {
        let groups = grouped(&made_up::empty(), &[Field::Class, Field::Addr], ALL).unwrap();
        assert_eq!(groups.height(), 0);
        assert_eq!(groups.width(), 11);
    }
}
