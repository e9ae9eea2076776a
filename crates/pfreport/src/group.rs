//! Faults grouped by columns: how many, how many pages, what they cost.

mod packed;
mod parts;
mod rows;

use std::collections::BTreeSet;

use pfmodel::names::Class;
use polars::prelude::{
    BooleanChunked, DataFrame, DataType, Expr, IntoColumn as _, IntoLazy as _, NULL,
    NewChunkedArray as _, QuantileMethod, SortMultipleOptions, UInt64Chunked, col, len, lit, when,
};

use crate::error::Error;
use crate::faults::{Faults, Unnamed, latencies};
use crate::field::Field;
use crate::load::Loaded;
use crate::pages;
use packed::packed;
pub use parts::Parts;
pub use rows::{Group, rolled_up, rows};

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

// Columns that only the aggregation sees. The point keeps them apart from keys of the same name.
const KEY: &str = ".key";
const LATENCY: &str = ".latency_ns";
const STALL: &str = ".stall_ns";
const MAJOR: &str = ".major";
const PAGE: &str = ".page";
const SIZE: &str = ".size_bytes";

/// One row per distinct combination of `keys`, the costliest first: by stall time, then by faults,
/// then by the keys.
///
/// Columns: the keys, then those of [`MEASURES`] that were asked for. `stall_ns` is the sum over all
/// threads, of the time inside the trace; measures of latency are null where no latency is known. Percentiles are by nearest rank:
/// the smallest latency that at least this share of the faults does not exceed. `touched_bytes` is
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
    let faults = &loaded.analysis.faults;
    let mut frame = Faults::with(loaded, keys, unnamed)?.frame(0..usize::MAX)?;
    let packed = packed(KEY, &frame)?;
    let is_major = faults.class.iter().map(|&class| Some(class == Class::Major));
    frame.with_column(latencies(LATENCY, &faults.latency_ns))?;
    // What was before the start stalled nobody in the trace.
    let stall = if faults.before_ns.is_empty() { LATENCY } else { STALL };
    if stall == STALL {
        let stalls = UInt64Chunked::from_iter_options(STALL.into(), faults.stalls_ns());
        frame.with_column(stalls.into_column())?;
    }
    frame.with_column(BooleanChunked::from_iter_options(MAJOR.into(), is_major).into_column())?;
    let mut aggregates = counts();
    if measures.pages {
        let page_keys = pages::keys(&loaded.analysis, loaded.header.page_size_bytes);
        frame.with_column(UInt64Chunked::from_vec(PAGE.into(), page_keys).into_column())?;
        let sizes = UInt64Chunked::from_slice(SIZE.into(), &faults.page_size_bytes);
        frame.with_column(sizes.into_column())?;
        aggregates.extend(distinct_pages(&faults.page_size_bytes));
    }
    aggregates.extend(latency(measures, stall));
    let key_columns: Vec<Expr> = keys.iter().map(|key| col(key.name())).collect();
    let groups = match packed {
        Some(packed) => {
            frame.with_column(packed.into_column())?;
            let first = key_columns.into_iter().map(Expr::first);
            let aggregates: Vec<Expr> = first.chain(aggregates).collect();
            frame.lazy().group_by([col(KEY)]).agg(aggregates).collect()?.drop(KEY)?
        }
        None => frame.lazy().group_by(key_columns).agg(aggregates).collect()?,
    };

    costliest_first(groups, keys)
}

/// Groups in their usual order, and unknown stall times as such.
fn costliest_first(groups: DataFrame, keys: &[Field]) -> Result<DataFrame, Error> {
    // The sum of no latencies is 0 in Polars: unknown must not look like nothing.
    let stall = when(col("max_ns").is_null()).then(lit(NULL)).otherwise(col("stall_ns"));
    let groups = groups.lazy().with_column(stall.alias("stall_ns")).collect()?;

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

fn counts() -> Vec<Expr> {
    // Sums of u32 wrap in Polars, hence u64 throughout.
    vec![
        len().cast(DataType::UInt64).alias("faults"),
        col(MAJOR).sum().cast(DataType::UInt64).alias("major"),
    ]
}

fn distinct_pages(sizes: &[u64]) -> [Expr; 2] {
    let pages = || col(PAGE).n_unique().cast(DataType::UInt64);
    let sizes: BTreeSet<u64> = sizes.iter().copied().collect();
    // One size throughout is the usual case, and counting distinct pages the dearest step.
    let uniform = sizes.len() == 1;
    let of_size = |size: u64| {
        let page = if uniform { col(PAGE) } else { col(PAGE).filter(col(SIZE).eq(lit(size))) };
        page.n_unique().cast(DataType::UInt64) * lit(size)
    };
    let touched = sizes.into_iter().filter(|&size| size != 0).map(of_size);
    let touched = touched.reduce(|sum, bytes| sum + bytes);
    [pages().alias("pages"), touched.unwrap_or_else(|| lit(0_u64)).alias("touched_bytes")]
}

fn latency(measures: Measures, stall: &str) -> Vec<Expr> {
    let mut expressions = vec![col(stall).sum().alias("stall_ns")];
    if measures.percentiles {
        for (share, name) in PERCENTILES {
            let rank = col(LATENCY).quantile(lit(share), QuantileMethod::Equiprobable);
            expressions.push(rank.cast(DataType::UInt64).alias(name));
        }
    }
    expressions.push(col(LATENCY).max().alias("max_ns"));
    expressions
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};
    use polars::prelude::{AnyValue, DataFrame};

    use super::{Measures, grouped, sorted};
    use crate::error::Error;
    use crate::field::Field;
    use crate::load::Loaded;
    use crate::sample::{self, HEAP, MODEL, Row};

    const ALL: Measures = Measures { pages: true, percentiles: true };

    fn reads_and_touches() -> Loaded {
        let mut loaded = sample::empty();
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
            sample::push(analysis, row);
        }
        for (latency, size, addr) in [
            (Some(500), 4_096, 0x100_0000),
            (None, 4_096, 0x100_1000),
            (Some(9_500), 2 << 20, 0x120_0000),
        ] {
            sample::push(analysis, Row { latency, size, addr, mapping: HEAP, ..Row::default() });
        }
        sample::push(
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
        let mut loaded = sample::empty();
        for time in 0..3 {
            let row = Row { time, latency: Some(4_000_000_000), ..Row::default() };
            sample::push(&mut loaded.analysis, row);
        }
        let groups = grouped(&loaded, &[Field::Class], ALL).unwrap();
        assert_eq!(column(&groups, "stall_ns"), [Some(12_000_000_000)]);
    }

    #[test]
    fn stall_is_what_is_inside_the_trace() {
        let mut loaded = sample::empty();
        for latency in [3_000, 50] {
            sample::push(&mut loaded.analysis, Row { latency: Some(latency), ..Row::default() });
        }
        loaded.analysis.faults.before_ns = vec![2_900];
        let groups = grouped(&loaded, &[Field::Class], ALL).unwrap();
        assert_eq!(column(&groups, "stall_ns"), [Some(150)]);
        assert_eq!(column(&groups, "max_ns"), [Some(3_000)]);
    }

    #[test]
    fn ties_are_broken_by_keys_and_sorting_keeps_them() {
        let mut loaded = sample::empty();
        for tid in [103, 101, 102, 102] {
            sample::push(&mut loaded.analysis, Row { tid, latency: None, ..Row::default() });
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
        let groups = grouped(&sample::empty(), &[Field::Class, Field::Addr], ALL).unwrap();
        assert_eq!(groups.height(), 0);
        assert_eq!(groups.width(), 11);
    }
}
