//! Faults counted by group: all at once, or in parts where they are more than memory holds.

use std::iter::repeat_n;
use std::ops::Range;

use pfmodel::column::{Run, Values as _};
use pfmodel::names::Class;
use pft::record::LATENCY_UNKNOWN;
use polars::prelude::{
    DataFrame, IdxCa, IntoColumn as _, NewChunkedArray as _, PolarsResult, UInt64Chunked,
};
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use super::distinct::DistinctPages;
use super::keys::Keys;
use super::latencies::Latencies;
use super::numbers::Numbers;
use super::words::Words;
use super::{Measures, PERCENTILES, costliest_first};
use crate::error::Error;
use crate::figures::pages;
use crate::load::Loaded;
use crate::rows::faults::Unnamed;
use crate::rows::field::Field;

/// Rows of which the keys are built at once: they stay in the cache of a core.
const CHUNK_ROWS: usize = 1 << 12;

/// Fewest rows for which another core is worth its while.
const LEAST_ROWS: usize = 1 << 16;

/// New rows that are so near to each other are read as one stretch; those between them are left out again.
const NEAR_ROWS: u32 = 16;

/// Groups of the faults so far.
///
/// What is kept grows with the groups, with the distinct latencies of each, and with the stretches of memory that
/// each touched, but not with the faults.
#[derive(Debug)]
pub struct Tally {
    keys: Vec<Field>,
    measures: Measures,
    unnamed: Unnamed,
    groups: Numbers,
    /// Keys of the groups, in the order of their numbers.
    named: Option<DataFrame>,
    sums: Vec<Sums>,
    /// Where percentiles are asked for: by group.
    latencies: Vec<Latencies>,
    /// Where pages are.
    pages: DistinctPages,
}

/// What adds up.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    faults: u64,
    major: u64,
    stall_ns: u64,
    /// None where no latency is known.
    max_ns: Option<u64>,
}

impl Sums {
    fn merge(&mut self, other: &Self) {
        self.faults += other.faults;
        self.major += other.major;
        self.stall_ns = self.stall_ns.saturating_add(other.stall_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }
}

impl Tally {
    /// No faults yet, to be grouped by these columns, with a choice of what stands for unknown functions.
    #[must_use]
    pub fn new(keys: &[Field], measures: Measures, unnamed: Unnamed) -> Self {
        Self {
            keys: keys.to_vec(),
            measures,
            unnamed,
            groups: Numbers::default(),
            named: None,
            sums: Vec::new(),
            latencies: Vec::new(),
            pages: DistinctPages::default(),
        }
    }

    /// Adds the faults of a part, on all cores. What they refer to has to be the same for all parts.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn add(&mut self, part: &Loaded) -> Result<(), Error> {
        let keys = Keys::new(part, &self.keys, self.unnamed)?;
        // Names the columns even if there are no rows.
        self.name(keys.faults.frame(0..0)?)?;
        let all = keys.faults.len();
        let shares = all.div_ceil(LEAST_ROWS).clamp(1, 2 * rayon::current_num_threads());
        let share_rows = all.div_ceil(shares).next_multiple_of(CHUNK_ROWS).max(1);
        let of_share = |share| {
            let mut tally = Self::new(&self.keys, self.measures, self.unnamed);
            let rows = all.min(share * share_rows)..all.min((share + 1) * share_rows);
            tally.add_rows(part, &keys, rows).map(|()| tally)
        };
        let others: Vec<Result<Self, Error>> = match shares {
            // What there is need not be put together again.
            1 => return self.add_rows(part, &keys, 0..all),
            _ => (0..shares).into_par_iter().map(of_share).collect(),
        };
        others.into_iter().try_for_each(|other| {
            let other = other?;
            let (numbers, new) = self.groups.number_others(&other.groups);
            self.merge(other, &numbers, new)
        })
    }

    fn add_rows(
        &mut self,
        part: &Loaded,
        keys: &Keys<'_>,
        rows: Range<usize>,
    ) -> Result<(), Error> {
        for start in rows.clone().step_by(CHUNK_ROWS) {
            let rows = start..rows.end.min(start + CHUNK_ROWS);
            // Faults come in stretches of one group: one of them tells its number.
            let are_same = keys.are_same(&rows);
            let told = if are_same { start..start + 1 } else { rows.clone() };
            let (numbers, first) = self.groups.number(&keys.words(told.clone())?);
            self.name_new(keys, told.start, &first)?;
            let began_before = part.analysis.faults.before_ns.len() > rows.start;
            match *numbers {
                [number] if !began_before => self.count_stretch(part, rows, number),
                [number] => self.count(part, rows.clone(), &vec![number; rows.len()]),
                _ => self.count(part, rows, &numbers),
            }
        }
        if let Some(named) = &mut self.named {
            named.rechunk_mut();
        }
        Ok(())
    }

    /// Adds the keys of new groups, of which these rows behind `start` are the first.
    fn name_new(&mut self, keys: &Keys<'_>, start: usize, first: &[u32]) -> Result<(), Error> {
        // Where threads take turns, a few rows in each chunk are the first of their group: to name only what is near
        // them saves a tenth of the time of a summary of 2,000 threads.
        for near in first.chunk_by(|row, next| next - row <= NEAR_ROWS) {
            let (Some(&from), Some(&to)) = (near.first(), near.last()) else { continue };
            let names = keys.faults.frame(start + from as usize..start + to as usize + 1)?;
            let is_each = names.height() == near.len();
            self.name(match is_each {
                true => names,
                false => chosen(&names, near.iter().map(|row| row - from).collect())?,
            })?;
        }
        Ok(())
    }

    /// Adds the keys of new groups.
    fn name(&mut self, keys: DataFrame) -> PolarsResult<()> {
        match &mut self.named {
            Some(named) => {
                named.vstack_mut(&keys)?;
            }
            None => self.named = Some(keys),
        }
        self.sums.resize(self.groups.len(), Sums::default());
        if self.measures.percentiles {
            self.latencies.resize_with(self.groups.len(), Latencies::default);
        }
        Ok(())
    }

    /// Counts rows of one group, which all began in the trace: a third of the time of a row after the other.
    fn count_stretch(&mut self, part: &Loaded, rows: Range<usize>, number: u32) {
        let faults = &part.analysis.faults;
        let sums = &mut self.sums[number as usize];
        sums.faults += rows.len() as u64;
        for run in faults.class.runs(rows.clone()) {
            run.tally(|&class, rows| sums.major += if class == Class::Major { rows } else { 0 });
        }
        let latencies_ns = &faults.latency_ns[rows.clone()];
        let known = latencies_ns.iter().copied().filter(|&ns| ns != LATENCY_UNKNOWN);
        // Of so few rows, the sum of all that fit into half a word fits into one.
        if latencies_ns.iter().fold(0, |all, &ns| all | ns) >> u32::BITS == 0 {
            sums.max_ns = sums.max_ns.max(latencies_ns.iter().copied().max());
            sums.stall_ns = sums.stall_ns.saturating_add(latencies_ns.iter().sum());
        } else {
            for ns in known.clone() {
                sums.max_ns = sums.max_ns.max(Some(ns));
                sums.stall_ns = sums.stall_ns.saturating_add(ns);
            }
        }
        if self.measures.percentiles {
            let latencies = &mut self.latencies[number as usize];
            known.for_each(|ns| latencies.add(ns));
        }
        self.touch_pages(part, rows.clone(), repeat_n(number, rows.len()));
    }

    /// Counts rows that belong to the groups with these numbers.
    fn count(&mut self, part: &Loaded, rows: Range<usize>, numbers: &[u32]) {
        let faults = &part.analysis.faults;
        for ((row, &number), &latency_ns) in
            rows.clone().zip(numbers).zip(&faults.latency_ns[rows.clone()])
        {
            let sums = &mut self.sums[number as usize];
            sums.faults += 1;
            if latency_ns != LATENCY_UNKNOWN {
                sums.max_ns = sums.max_ns.max(Some(latency_ns));
                // What was before the start stalled nobody in the trace.
                let stall_ns = latency_ns.saturating_sub(faults.before_ns(row));
                sums.stall_ns = sums.stall_ns.saturating_add(stall_ns);
                if self.measures.percentiles {
                    self.latencies[number as usize].add(latency_ns);
                }
            }
        }
        let mut behind = numbers;
        for run in faults.class.runs(rows.clone()) {
            let (numbers, later) = behind.split_at(run.len());
            behind = later;
            if matches!(run, Run::Same(class, _) if *class != Class::Major) {
                continue;
            }
            let major = numbers.iter().zip(run.iter()).filter(|(_, class)| **class == Class::Major);
            major.for_each(|(&number, _)| self.sums[number as usize].major += 1);
        }
        self.touch_pages(part, rows, numbers.iter().copied());
    }

    /// Counts the pages that rows touched, if that is wanted.
    fn touch_pages(
        &mut self,
        part: &Loaded,
        rows: Range<usize>,
        numbers: impl Iterator<Item = u32>,
    ) {
        if !self.measures.pages {
            return;
        }
        let faults = &part.analysis.faults;
        let page_size_bytes = part.header.page_size_bytes;
        let shift = pages::base_bytes(page_size_bytes).trailing_zeros();
        let addresses = pages::addresses(&part.analysis, page_size_bytes, rows.clone());
        let sizes = faults.page_size_bytes.range(rows.clone()).zip(faults.proc.range(rows));
        for ((number, (&size_bytes, &proc)), address) in numbers.zip(sizes).zip(addresses) {
            self.pages.touch(number, size_bytes, proc, address >> shift);
        }
    }

    /// Adds the faults of another one for the same columns, whose groups have these numbers here, some of them `new`.
    fn merge(&mut self, other: Self, numbers: &[u32], new: Vec<u32>) -> Result<(), Error> {
        if let Some(named) = other.named {
            self.name(chosen(&named, new)?)?;
        }
        for (sums, &number) in other.sums.iter().zip(numbers) {
            self.sums[number as usize].merge(sums);
        }
        for (latencies, &number) in other.latencies.into_iter().zip(numbers) {
            self.latencies[number as usize].merge(latencies);
        }
        self.pages.merge(other.pages, numbers);
        Ok(())
    }

    /// The same with groups of one name brought together: those of several mappings of one file, for example.
    fn by_name(self) -> Result<Self, Error> {
        let Some(named) = &self.named else { return Ok(self) };
        let mut tally = Self::new(&self.keys, self.measures, self.unnamed);
        let (numbers, first) = tally.groups.number(&Words::of(named)?);
        if first.len() == self.groups.len() {
            return Ok(self);
        }
        tally.merge(self, &numbers, first)?;
        Ok(tally)
    }

    /// The groups: see [`super::grouped`].
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn finish(self) -> Result<DataFrame, Error> {
        let tally = self.by_name()?;
        let mut frame = tally.named.unwrap_or_default();
        let mut add = |name: &str, values: Vec<u64>| {
            let column = UInt64Chunked::from_vec(name.into(), values).into_column();
            frame.with_column(column).map(|_| ())
        };
        add("faults", tally.sums.iter().map(|sums| sums.faults).collect())?;
        add("major", tally.sums.iter().map(|sums| sums.major).collect())?;
        if tally.measures.pages {
            let (pages, bytes) = tally.pages.counts(tally.sums.len()).into_iter().unzip();
            add("pages", pages)?;
            add("touched_bytes", bytes)?;
        }
        let mut add_known = |name: &str, values: Vec<Option<u64>>| {
            let column = UInt64Chunked::from_iter_options(name.into(), values.into_iter());
            frame.with_column(column.into_column()).map(|_| ())
        };
        // Unknown must not look like nothing.
        let stalls_ns = tally.sums.iter().map(|sums| sums.max_ns.map(|_| sums.stall_ns));
        add_known("stall_ns", stalls_ns.collect())?;
        if tally.measures.percentiles {
            let shares = PERCENTILES.map(|(share, _)| share);
            let groups = tally.latencies.into_par_iter();
            let ranks: Vec<_> = groups.map(|group| group.percentiles(shares)).collect();
            for (index, (_, name)) in PERCENTILES.into_iter().enumerate() {
                add_known(name, ranks.iter().map(|ranks| ranks[index]).collect())?;
            }
        }
        add_known("max_ns", tally.sums.iter().map(|sums| sums.max_ns).collect())?;
        costliest_first(&frame, &tally.keys)
    }
}

/// Some rows of a table, one column after the other: a thread that waits for others to take some of them may take up
/// another share of the faults meanwhile, and whoever waits for this one waits for that as well.
fn chosen(table: &DataFrame, rows: Vec<u32>) -> PolarsResult<DataFrame> {
    let height = rows.len();
    let rows = IdxCa::from_vec("rows".into(), rows);
    let columns = table.columns().iter().map(|column| column.take(&rows));
    DataFrame::new(height, columns.collect::<PolarsResult<_>>()?)
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};
    use pfmodel::table::FaultTable;
    use proptest::prelude::{ProptestConfig, any, prop};
    use proptest::proptest;

    use polars::prelude::{
        Column, DataFrame, DataType, Expr, IntoLazy as _, NULL, QuantileMethod, as_struct, col,
        len, lit, when,
    };

    use super::{Tally, costliest_first};
    use crate::load::Loaded;
    use crate::made_up::{self, HEAP, MODEL, Row};
    use crate::rows::faults::{Faults, Unnamed};
    use crate::rows::field::Field;
    use crate::rows::group::{Measures, grouped_with};

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
        let mut loaded = made_up::empty();
        rows.iter().for_each(|&seed| made_up::push(&mut loaded.analysis, row(seed)));
        loaded
    }

    /// The same groups by other means.
    fn by_polars(loaded: &Loaded, keys: &[Field]) -> DataFrame {
        let faults = &loaded.analysis.faults;
        let fields = [Field::LatencyNs, Field::Class, Field::Proc, Field::PageSizeBytes];
        let more = Faults::with(loaded, &fields, Unnamed::Place).unwrap().frame(0..usize::MAX);
        let mut frame = Faults::with(loaded, keys, Unnamed::Place).unwrap().frame(0..usize::MAX);
        let frame = frame.as_mut().unwrap();
        for (name, column) in
            ["ns", "class_", "proc_", "size"].into_iter().zip(more.unwrap().columns())
        {
            frame.with_column(column.clone().with_name(name.into())).unwrap();
        }
        let page = |row: usize| faults.addr[row] & !(faults.page_size_bytes[row].max(4_096) - 1);
        let pages: Vec<u64> = (0..faults.len()).map(page).collect();
        frame.with_column(Column::new("page".into(), pages)).unwrap();
        let pages_of = |size: u64| {
            let of_size = col("size").eq(lit(size));
            as_struct(vec![col("proc_"), col("page")]).filter(of_size).n_unique() * lit(size)
        };
        let rank = |share: f64| col("ns").quantile(lit(share), QuantileMethod::Equiprobable);
        let number = |expression: Expr, name| expression.cast(DataType::UInt64).alias(name);
        let keys_of = || keys.iter().map(|key| col(key.name())).collect::<Vec<Expr>>();
        let is_major = col("class_").cast(DataType::String).eq(lit("major"));
        let groups = frame.clone().lazy().group_by(keys_of()).agg([
            number(len(), "faults"),
            number(is_major.sum(), "major"),
            number(as_struct(vec![col("proc_"), col("page")]).n_unique(), "pages"),
            number(pages_of(4_096) + pages_of(2 << 20), "touched_bytes"),
            when(col("ns").count().eq(lit(0)))
                .then(lit(NULL))
                .otherwise(col("ns").sum())
                .alias("stall_ns"),
            number(rank(0.5), "p50_ns"),
            number(rank(0.9), "p90_ns"),
            number(rank(0.99), "p99_ns"),
            col("ns").max().alias("max_ns"),
        ]);
        costliest_first(&groups.collect().unwrap(), keys).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn parts_give_what_the_whole_gives(
            rows in prop::collection::vec((0..40_u64, 0..30_u64, any::<u64>(), 0..5_u32, any::<bool>()), 1..200),
            cut in 0..200_usize,
        ) {
            let all = Measures { pages: true, percentiles: true };
            for keys in [&[Field::Path][..], &[Field::Tid, Field::Cause], &[Field::Addr]] {
                let whole = grouped_with(&of(&rows), keys, all, Unnamed::Place).unwrap();
                let mut parts = Tally::new(keys, all, Unnamed::Place);
                let (first, second) = rows.split_at(cut.min(rows.len()));
                for part in [first, second] {
                    parts.add(&of(part)).unwrap();
                }
                let parts = parts.finish().unwrap();
                assert!(whole.equals_missing(&parts), "{whole:?}\n{parts:?}");
                // Put together as the shares of cores are.
                let [mut shares, other] = [first, second].map(|share| {
                    let mut tally = Tally::new(keys, all, Unnamed::Place);
                    tally.add(&of(share)).map(|()| tally).unwrap()
                });
                let (numbers, new) = shares.groups.number_others(&other.groups);
                shares.merge(other, &numbers, new).unwrap();
                let shares = shares.finish().unwrap();
                assert!(whole.equals_missing(&shares), "{whole:?}\n{shares:?}");
                let others = by_polars(&of(&rows), keys);
                assert!(whole.equals_missing(&others), "{whole:?}\n{others:?}");
            }
        }
    }

    #[test]
    fn no_faults_make_no_groups() {
        let mut loaded = made_up::empty();
        loaded.analysis.faults = FaultTable::default();
        let all = Measures { pages: true, percentiles: true };
        let mut parts = Tally::new(&[Field::Class], all, Unnamed::Null);
        parts.add(&loaded).unwrap();
        let groups = parts.finish().unwrap();
        assert_eq!((groups.height(), groups.width()), (0, 10));
    }
}
