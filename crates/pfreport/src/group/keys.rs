//! Keys of groups as words, without a look at the names that they stand for.

use std::ops::Range;

use pfmodel::names::{Access, Cause, Class, MapConfidence};
use pfmodel::table::Analysis;

use super::words::Words;
use crate::error::Error;
use crate::faults::{Faults, Unnamed};
use crate::field::Field;
use crate::load::Loaded;

/// The columns that faults are grouped by.
pub struct Keys<'a> {
    /// All of them, to name groups.
    pub faults: Faults<'a>,
    sources: Vec<Source<'a>>,
}

/// What the values of a key follow from.
enum Source<'a> {
    /// Columns of the model, as they are: that spares a table with the names of each row, for half of the time.
    Model(Vec<Codes<'a>>),
    /// The column itself.
    Column(Faults<'a>),
}

/// Adds the codes of some rows.
type Codes<'a> = Box<dyn Fn(Range<usize>, &mut Words) + Send + Sync + 'a>;

impl<'a> Keys<'a> {
    /// Prepares columns, with a choice of what stands for unknown functions.
    ///
    /// # Errors
    /// As [`Faults::with`].
    pub fn new(loaded: &'a Loaded, keys: &[Field], unnamed: Unnamed) -> Result<Self, Error> {
        let source = |&key: &Field| match model(key, &loaded.analysis) {
            Some(columns) => Ok(Source::Model(columns)),
            None => Faults::with(loaded, &[key], unnamed).map(Source::Column),
        };
        Ok(Self {
            faults: Faults::with(loaded, keys, unnamed)?,
            sources: keys.iter().map(source).collect::<Result<_, _>>()?,
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
                Source::Model(columns) => {
                    columns.iter().for_each(|column| column(rows.clone(), &mut words));
                }
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

/// The columns of the model that a key follows from, where it does from few of them.
fn model(key: Field, analysis: &Analysis) -> Option<Vec<Codes<'_>>> {
    let faults = &analysis.faults;
    let class = || values(&faults.class, Class::ALL.len(), |&class| class as u64);
    let access = || values(&faults.access, Access::ALL.len(), |&access| access as u64);
    let kernel_mode = || values(&faults.kernel_mode, 2, |&kernel| u64::from(kernel));
    let mapping = || refers(&faults.mapping, analysis.mappings.len());
    let code = || refers(&faults.code, analysis.locations.len());
    Some(match key {
        Field::Class => vec![class()],
        Field::Cause => vec![values(&faults.cause, Cause::ALL.len(), |&cause| cause as u64)],
        Field::Failure => vec![class(), mapping(), access()],
        Field::Slow => vec![values(&faults.slow, 2, |&slow| u64::from(slow))],
        Field::Access => vec![access()],
        Field::Mode => vec![kernel_mode()],
        Field::Proc | Field::Pid => vec![refers(&faults.proc, analysis.processes.len())],
        Field::Tid => vec![numbers(&faults.tid)],
        Field::Comm => vec![refers(&faults.comm, analysis.comms.len())],
        Field::Cpu => vec![numbers(&faults.cpu)],
        Field::Addr => vec![numbers(&faults.addr)],
        Field::Nth => vec![numbers(&faults.nth)],
        Field::Attempts => vec![numbers(&faults.attempts)],
        Field::Region | Field::RegionKind => {
            vec![refers(&faults.region, analysis.regions.len())]
        }
        Field::Path
        | Field::Perms
        | Field::Dev
        | Field::Inode
        | Field::BuildId
        | Field::Mapping => vec![mapping()],
        Field::MapConfidence => {
            let all = MapConfidence::ALL.len();
            vec![values(&faults.map_confidence, all, |&confidence| confidence as u64)]
        }
        Field::Module => {
            vec![code(), kernel_mode(), refers(&faults.ip_mapping, analysis.mappings.len())]
        }
        Field::Function | Field::Source => vec![code()],
        Field::Object => vec![refers(&faults.object, analysis.objects.len())],
        Field::Callchain => vec![refers(&faults.call_chain, analysis.call_chains.len())],
        Field::Trace
        | Field::Phase
        | Field::TimeNs
        | Field::WallTime
        | Field::LatencyNs
        | Field::PageSizeBytes
        | Field::FileOffset
        | Field::Ip
        | Field::Node => return None,
    })
}

/// A column of one of so many values.
fn values<'a, T: Sync>(
    column: &'a [T],
    number: usize,
    code: impl Fn(&T) -> u64 + Send + Sync + 'a,
) -> Codes<'a> {
    let bits = u64::BITS - (number.saturating_sub(1) as u64).leading_zeros();
    Box::new(move |rows, words| words.push(bits, column[rows].iter().map(&code)))
}

/// A column of numbers of any size.
fn numbers<T: Copy + Into<u64> + Sync>(column: &[T]) -> Codes<'_> {
    let bits = u8::BITS * size_of::<T>() as u32;
    Box::new(move |rows, words| words.push(bits, column[rows].iter().map(|&number| number.into())))
}

/// A column that refers to a table of so many rows, or to nothing.
fn refers(column: &[u32], rows: usize) -> Codes<'_> {
    let none = rows as u64;
    values(column, rows.saturating_add(1), move |&row| u64::from(row).min(none))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use pfmodel::Options;

    use super::Keys;
    use crate::faults::Unnamed;
    use crate::field::Field;
    use crate::group::words::Words;
    use crate::load::Loaded;

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
