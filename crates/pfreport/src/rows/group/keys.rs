//! Keys of groups as words, without a look at the names that they stand for.

use std::ops::Range;

use pfmodel::column::Values;
use pfmodel::names::{Access, Cause, Class, MapConfidence};
use pfmodel::table::Analysis;

use super::words::Words;
use crate::error::Error;
use crate::load::Loaded;
use crate::rows::faults::{Faults, Unnamed};
use crate::rows::field::Field;

/// The columns that faults are grouped by.
pub struct Keys<'a> {
    /// All of them, to name groups.
    pub faults: Faults<'a>,
    sources: Vec<Source<'a>>,
}

/// What the values of a key follow from.
enum Source<'a> {
    /// A column of the model, as it is: that spares a table with the names of each row, for half of the time.
    Model(Codes<'a>),
    /// The column itself.
    Column(Faults<'a>),
}

/// What is asked of a column of the model.
struct Codes<'a> {
    push: Push<'a>,
    are_same: AreSame<'a>,
}

/// Adds the codes of some rows.
type Push<'a> = Box<dyn Fn(Range<usize>, &mut Words) + Send + Sync + 'a>;

/// Whether some rows are known to have one code.
type AreSame<'a> = Box<dyn Fn(Range<usize>) -> bool + Send + Sync + 'a>;

impl<'a> Keys<'a> {
    /// Prepares columns, with a choice of what stands for unknown functions.
    ///
    /// # Errors
    /// As [`Faults::with`].
    pub fn new(loaded: &'a Loaded, keys: &[Field], unnamed: Unnamed) -> Result<Self, Error> {
        let mut sources = Vec::new();
        let mut seen = Vec::new();
        for &key in keys {
            let Some(columns) = model(key) else {
                sources.push(Source::Column(Faults::with(loaded, &[key], unnamed)?));
                continue;
            };
            // Several keys follow from one column: region and its kind, for example.
            for &column in columns.iter().filter(|column| !seen.contains(*column)) {
                sources.push(Source::Model(codes(column, &loaded.analysis)));
            }
            seen.extend(columns);
        }
        Ok(Self { faults: Faults::with(loaded, keys, unnamed)?, sources })
    }

    /// Whether some rows are known to have one key.
    pub fn are_same(&self, rows: &Range<usize>) -> bool {
        let mut sources = self.sources.iter();
        sources.all(|source| match source {
            Source::Model(codes) => (codes.are_same)(rows.clone()),
            Source::Column(_) => false,
        })
    }

    /// The words of some rows. Rows with equal words have equal keys; some with equal keys may have different words:
    /// the mappings of one file, for example.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn words(&self, rows: Range<usize>) -> Result<Words, Error> {
        let mut words = Words::new(rows.len());
        for source in &self.sources {
            match source {
                Source::Model(codes) => (codes.push)(rows.clone(), &mut words),
                Source::Column(column) => {
                    let frame = column.frame(rows.clone())?;
                    let push = |column| words.push_column(column);
                    frame.columns().iter().try_for_each(push).map_err(Error::from)?;
                }
            }
        }
        Ok(words)
    }
}

/// Columns of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Class,
    Cause,
    Slow,
    Access,
    KernelMode,
    Proc,
    Tid,
    Comm,
    Cpu,
    Addr,
    Nth,
    Attempts,
    Region,
    Mapping,
    MapConfidence,
    Code,
    IpMapping,
    Object,
    CallChain,
}

/// The columns of the model that a key follows from, where it does from few of them.
const fn model(key: Field) -> Option<&'static [Column]> {
    Some(match key {
        Field::Class => &[Column::Class],
        Field::Cause => &[Column::Cause],
        Field::Failure => &[Column::Class, Column::Mapping, Column::Access],
        Field::Slow => &[Column::Slow],
        Field::Access => &[Column::Access],
        Field::Mode => &[Column::KernelMode],
        Field::Proc | Field::Pid => &[Column::Proc],
        Field::Tid => &[Column::Tid],
        Field::Comm => &[Column::Comm],
        Field::Cpu => &[Column::Cpu],
        Field::Addr => &[Column::Addr],
        Field::Nth => &[Column::Nth],
        Field::Attempts => &[Column::Attempts],
        Field::Region | Field::RegionKind => &[Column::Region],
        Field::Path
        | Field::Perms
        | Field::Dev
        | Field::Inode
        | Field::BuildId
        | Field::Mapping => &[Column::Mapping],
        Field::MapConfidence => &[Column::MapConfidence],
        Field::Module => &[Column::Code, Column::KernelMode, Column::IpMapping],
        Field::Function | Field::Source => &[Column::Code],
        Field::Object => &[Column::Object],
        Field::Callchain => &[Column::CallChain],
        Field::Trace
        | Field::Phase
        | Field::TimeNs
        | Field::WallTime
        | Field::LatencyNs
        | Field::PageSizeBytes
        | Field::FileOffset
        | Field::Ip
        | Field::Node
        | Field::Cgroup => return None,
    })
}

/// What adds a column to words.
fn codes(column: Column, analysis: &Analysis) -> Codes<'_> {
    let faults = &analysis.faults;
    match column {
        Column::Class => values(&faults.class, Class::ALL.len(), |&class| class as u64),
        Column::Cause => values(&faults.cause, Cause::ALL.len(), |&cause| cause as u64),
        Column::Slow => values(&faults.slow, 2, |&slow| u64::from(slow)),
        Column::Access => values(&faults.access, Access::ALL.len(), |&access| access as u64),
        Column::KernelMode => values(&faults.kernel_mode, 2, |&kernel| u64::from(kernel)),
        Column::Proc => refers(&faults.proc, analysis.processes.len()),
        Column::Tid => numbers(&faults.tid),
        Column::Comm => refers(&faults.comm, analysis.comms.len()),
        Column::Cpu => numbers(&faults.cpu),
        Column::Addr => numbers(&faults.addr),
        Column::Nth => numbers(&faults.nth),
        Column::Attempts => numbers(&faults.attempts),
        Column::Region => refers(&faults.region, analysis.regions.len()),
        Column::Mapping => refers(&faults.mapping, analysis.mappings.len()),
        Column::MapConfidence => {
            let all = MapConfidence::ALL.len();
            values(&faults.map_confidence, all, |&confidence| confidence as u64)
        }
        Column::Code => refers(&faults.code, analysis.locations.len()),
        Column::IpMapping => refers(&faults.ip_mapping, analysis.mappings.len()),
        Column::Object => refers(&faults.object, analysis.objects.len()),
        Column::CallChain => refers(&faults.call_chain, analysis.call_chains.len()),
    }
}

/// A column of one of so many values.
fn values<'a, T: PartialEq + Sync + 'static>(
    column: &'a (impl Values<T> + Sync),
    number: usize,
    code: impl Fn(&T) -> u64 + Send + Sync + 'a,
) -> Codes<'a> {
    let bits = u64::BITS - (number.saturating_sub(1) as u64).leading_zeros();
    coded(column, bits, code)
}

/// A column of numbers of any size.
fn numbers<T: Copy + PartialEq + Into<u64> + Sync + 'static>(
    column: &(impl Values<T> + Sync),
) -> Codes<'_> {
    coded(column, u8::BITS * size_of::<T>() as u32, |&number| number.into())
}

fn coded<'a, T: PartialEq + Sync + 'static>(
    column: &'a (impl Values<T> + Sync),
    bits: u32,
    code: impl Fn(&T) -> u64 + Send + Sync + 'a,
) -> Codes<'a> {
    Codes {
        push: Box::new(move |rows, words| words.push(bits, column.range(rows).map(&code))),
        are_same: Box::new(|rows| column.only_in(rows).is_some()),
    }
}

/// A column that refers to a table of so many rows, or to nothing.
fn refers(column: &(impl Values<u32> + Sync), rows: usize) -> Codes<'_> {
    let none = rows as u64;
    values(column, rows.saturating_add(1), move |&row| u64::from(row).min(none))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use pfmodel::Options;

    use super::Keys;
    use crate::load::Loaded;
    use crate::rows::faults::Unnamed;
    use crate::rows::field::Field;
    use crate::rows::group::words::Words;

    #[test]
    fn equal_words_are_equal_keys() {
        let traces = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
        let mut rows = 0;
        for entry in std::fs::read_dir(traces).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "pft") {
                continue;
            }
            let loaded = Loaded::open(&path, &Options::default()).unwrap();
            rows += loaded.analysis.faults.len();
            for &field in Field::ALL {
                let keys = Keys::new(&loaded, &[field], Unnamed::Place).unwrap();
                let words = keys.words(0..keys.faults.len()).unwrap();
                let names = Words::of(&keys.faults.frame(0..usize::MAX).unwrap()).unwrap();
                let of = |words: &Words, row: usize| -> Vec<u64> {
                    words.columns.iter().map(|word| word[row]).collect()
                };
                let mut name_of = HashMap::new();
                for row in 0..keys.faults.len() {
                    let name = of(&names, row);
                    let known = name_of.entry(of(&words, row)).or_insert_with(|| name.clone());
                    assert_eq!(*known, name, "{field:?} in row {row} of {path:?}");
                }
            }
        }
        assert!(rows > 0);
    }
}
