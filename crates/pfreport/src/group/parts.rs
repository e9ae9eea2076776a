//! Groups of faults that come in parts, for traces that are larger than memory.
//!
//! What is kept grows with the groups, with the distinct latencies of each, and with the pages that each touched, but
//! not with the faults. The result is the same as that of all faults at once, percentiles included.

use pfmodel::names::Class;
use polars::prelude::{
    BooleanChunked, DataFrame, DataType, Expr, IntoColumn as _, IntoLazy as _, JoinType,
    NewChunkedArray as _, SortMultipleOptions, UInt32Chunked, UInt64Chunked, col, len, lit,
};

use super::{LATENCY, MAJOR, MEASURES, PAGE, PERCENTILES, SIZE, STALL, costliest_first};
use crate::error::Error;
use crate::faults::{Faults, Unnamed, latencies};
use crate::field::Field;
use crate::load::Loaded;
use crate::pages;

const COUNT: &str = ".count";
const PROC: &str = ".proc";

/// Rows of partial results that are brought together at a time.
const ROWS: usize = 1 << 19;

/// Groups of the parts so far.
#[derive(Debug)]
pub struct Parts {
    keys: Vec<Field>,
    counts: Partial,
    latencies: Partial,
    pages: Partial,
}

/// Partial results with the columns that tell their rows apart, and how the others are brought together.
#[derive(Debug)]
struct Partial {
    frame: Option<DataFrame>,
    by: Vec<Expr>,
    merged: Vec<Expr>,
    /// Rows when they were last brought together.
    rows: usize,
}

impl Partial {
    fn new(by: Vec<Expr>, merged: Vec<Expr>) -> Self {
        Self { frame: None, by, merged, rows: 0 }
    }

    fn add(&mut self, more: &DataFrame) -> Result<(), Error> {
        match &mut self.frame {
            Some(frame) => {
                frame.vstack_mut(more)?;
            }
            None => self.frame = Some(more.clone()),
        }
        let rows = self.frame.as_ref().map_or(0, DataFrame::height);
        if rows > self.rows.saturating_mul(2).max(ROWS) {
            self.merge()?;
        }
        Ok(())
    }

    /// Brings rows together that are told apart by nothing any more.
    fn merge(&mut self) -> Result<DataFrame, Error> {
        let frame = self.frame.take().unwrap_or_default();
        if frame.width() == 0 {
            return Ok(frame);
        }
        let merged = frame.lazy().group_by(&self.by).agg(&self.merged).collect()?;
        self.rows = merged.height();
        self.frame = Some(merged.clone());
        Ok(merged)
    }
}

impl Parts {
    /// No part yet, to be grouped by these columns.
    #[must_use]
    pub fn new(keys: &[Field]) -> Self {
        let by = |more: &[&str]| {
            let keys = keys.iter().map(|key| col(key.name()));
            keys.chain(more.iter().map(|&name| col(name))).collect::<Vec<_>>()
        };
        let sum = |name: &str| col(name).sum();
        let counts = vec![sum("faults"), sum("major"), sum("stall_ns"), col("max_ns").max()];
        Self {
            keys: keys.to_vec(),
            counts: Partial::new(by(&[]), counts),
            latencies: Partial::new(by(&[LATENCY]), vec![sum(COUNT)]),
            pages: Partial::new(by(&[PROC, PAGE, SIZE]), vec![sum(COUNT)]),
        }
    }

    /// Adds the faults of a part.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn add(&mut self, part: &Loaded) -> Result<(), Error> {
        let faults = &part.analysis.faults;
        let mut frame = Faults::with(part, &self.keys, Unnamed::Place)?.frame(0..usize::MAX)?;
        let is_major = faults.class.iter().map(|&class| Some(class == Class::Major));
        let addresses = pages::addresses(&part.analysis, part.header.page_size_bytes);
        for column in [
            latencies(LATENCY, &faults.latency_ns),
            UInt64Chunked::from_iter_options(STALL.into(), faults.stalls_ns()).into_column(),
            BooleanChunked::from_iter_options(MAJOR.into(), is_major).into_column(),
            UInt32Chunked::from_slice(PROC.into(), &faults.proc).into_column(),
            UInt64Chunked::from_vec(PAGE.into(), addresses.collect()).into_column(),
            UInt64Chunked::from_slice(SIZE.into(), &faults.page_size_bytes).into_column(),
        ] {
            frame.with_column(column)?;
        }
        let count = || len().cast(DataType::UInt64);
        let frame = frame.lazy();
        let counts = frame.clone().group_by(&self.counts.by).agg([
            count().alias("faults"),
            col(MAJOR).sum().cast(DataType::UInt64).alias("major"),
            col(STALL).sum().alias("stall_ns"),
            col(LATENCY).max().alias("max_ns"),
        ]);
        self.counts.add(&counts.collect()?)?;
        let known = frame.clone().filter(col(LATENCY).is_not_null());
        let latencies = known.group_by(&self.latencies.by).agg([count().alias(COUNT)]);
        self.latencies.add(&latencies.collect()?)?;
        let pages = frame.group_by(&self.pages.by).agg([count().alias(COUNT)]);
        self.pages.add(&pages.collect()?)
    }

    /// The groups of all parts, as [`super::grouped_with`] has them with all measures. There has to be a part.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn finish(mut self) -> Result<DataFrame, Error> {
        let keys: Vec<Expr> = self.keys.iter().map(|key| col(key.name())).collect();
        let groups = self.counts.merge()?;
        let ordered = self.latencies.merge()?.sort([LATENCY], SortMultipleOptions::default())?;
        let ranks = PERCENTILES.map(|(share, name)| {
            // By nearest rank.
            let rank = (col(COUNT).sum().cast(DataType::Float64) * lit(share)).ceil();
            let reached = col(COUNT).cum_sum(false).cast(DataType::Float64).gt_eq(rank);
            col(LATENCY).filter(reached).first().alias(name)
        });
        let ranks = ordered.lazy().group_by_stable(&keys).agg(ranks);
        let sizes = self.pages.merge()?.lazy();
        let distinct = [&keys[..], &[col(PROC), col(PAGE)]].concat();
        let pages = sizes.clone().group_by(distinct).agg([len().alias(COUNT)]);
        let pages = pages.group_by(&keys).agg([len().cast(DataType::UInt64).alias("pages")]);
        let touched = sizes.group_by(&keys).agg([col(SIZE).sum().alias("touched_bytes")]);
        let mut groups = groups.lazy();
        for more in [pages, touched, ranks] {
            groups = groups
                .join_builder()
                .with(more)
                .left_on(&keys)
                .right_on(&keys)
                .how(JoinType::Left)
                .join_nulls(true)
                .finish();
        }
        let columns: Vec<Expr> = keys.into_iter().chain(MEASURES.map(col)).collect();
        costliest_first(groups.select(columns).collect()?, &self.keys)
    }
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};
    use pfmodel::table::FaultTable;
    use proptest::prelude::{ProptestConfig, any, prop};
    use proptest::proptest;

    use super::Parts;
    use crate::faults::Unnamed;
    use crate::field::Field;
    use crate::group::{Measures, grouped_with};
    use crate::load::Loaded;
    use crate::sample::{self, HEAP, MODEL, Row};

    type Seed = (u64, u64, u64, u32, bool);

    fn row((latency, page, size, tid, is_major): Seed) -> Row {
        Row {
            latency: (latency > 3).then_some(latency),
            class: if is_major { Class::Major } else { Class::Minor },
            cause: if is_major { Cause::FileRead } else { Cause::AnonFirstTouch },
            addr: if is_major { 0x7f00_0000_0000 } else { 0x100_0000 } + page * 4_096,
            mapping: if tid % 3 == 0 {
                pfmodel::table::NONE
            } else if is_major {
                MODEL
            } else {
                HEAP
            },
            size: [0, 4_096, 2 << 20][(size % 3) as usize],
            tid,
            ..Row::default()
        }
    }

    fn of(rows: &[Seed]) -> Loaded {
        let mut loaded = sample::empty();
        rows.iter().for_each(|&seed| sample::push(&mut loaded.analysis, row(seed)));
        loaded
    }

    proptest! {
        // Polars is slow where it is not optimised.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn parts_give_what_the_whole_gives(
            rows in prop::collection::vec((0..40_u64, 0..30_u64, any::<u64>(), 0..5_u32, any::<bool>()), 1..200),
            cut in 0..200_usize,
        ) {
            let all = Measures { pages: true, percentiles: true };
            for keys in [&[Field::Path][..], &[Field::Tid, Field::Cause], &[Field::Addr]] {
                let whole = grouped_with(&of(&rows), keys, all, Unnamed::Place).unwrap();
                let mut parts = Parts::new(keys);
                let (first, second) = rows.split_at(cut.min(rows.len()));
                for part in [first, second] {
                    parts.add(&of(part)).unwrap();
                }
                let parts = parts.finish().unwrap();
                assert!(whole.equals_missing(&parts), "{whole:?}\n{parts:?}");
            }
        }
    }

    #[test]
    fn no_faults_make_no_groups() {
        let mut loaded = sample::empty();
        loaded.analysis.faults = FaultTable::default();
        let mut parts = Parts::new(&[Field::Class]);
        parts.add(&loaded).unwrap();
        let groups = parts.finish().unwrap();
        assert_eq!((groups.height(), groups.width()), (0, 10));
    }
}
