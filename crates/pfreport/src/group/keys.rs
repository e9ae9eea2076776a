//! Numbers of groups: rows with the same keys get the same.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use polars::prelude::{Column, DataFrame, DataType, PolarsResult, polars_bail};

/// Hashes that a trace cannot make collide.
pub type Hashed<K, V> = HashMap<K, V, RandomState>;

/// Groups by number, in the order in which they were first seen.
#[derive(Debug, Default)]
pub struct Groups {
    /// By what tells them apart: a level for each word of packed keys, in which the number of the words before comes
    /// first. The numbers of the last level are those of groups.
    levels: Vec<Level>,
    /// The words of each group.
    words: Vec<u128>,
}

#[derive(Debug, Default)]
struct Level {
    numbers: Hashed<(u32, u128), u32>,
    /// What was looked up last, and its number: neighbours are often alike.
    last: Option<((u32, u128), u32)>,
}

impl Level {
    fn number(&mut self, key: (u32, u128)) -> u32 {
        if let Some((_, number)) = self.last.filter(|last| last.0 == key) {
            return number;
        }
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        self.last = Some((key, number));
        number
    }
}

impl Groups {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.levels.last().map_or(0, |level| level.numbers.len())
    }

    /// The numbers of the groups of rows, and the rows that are the first of a new one.
    ///
    /// # Errors
    /// Should Polars refuse a column.
    pub fn number(&mut self, keys: &DataFrame) -> PolarsResult<(Vec<u32>, Vec<u32>)> {
        let words = packed(keys)?;
        let mut first = Vec::new();
        let mut row_words = vec![0; words.len()];
        let numbers = (0..keys.height()).map(|row| {
            for (word, column) in row_words.iter_mut().zip(&words) {
                *word = column[row];
            }
            let (number, is_new) = self.number_of(&row_words);
            if is_new {
                first.push(row as u32);
            }
            number
        });
        Ok((numbers.collect(), first))
    }

    /// The number of a group in these numbers, and whether it is new.
    fn number_of(&mut self, words: &[u128]) -> (u32, bool) {
        self.levels.resize_with(words.len(), Level::default);
        let before = self.len();
        let mut number = 0;
        for (level, &word) in self.levels.iter_mut().zip(words) {
            number = level.number((number, word));
        }
        let is_new = self.len() > before;
        if is_new {
            self.words.extend_from_slice(words);
        }
        (number, is_new)
    }

    /// The numbers that the groups of others get, and those of the others that are new.
    pub fn number_others(&mut self, others: &Self) -> (Vec<u32>, Vec<u32>) {
        let mut new = Vec::new();
        let words = others.words.chunks(others.levels.len().max(1));
        let numbers = (0..).zip(words).map(|(other, words)| {
            let (number, is_new) = self.number_of(words);
            if is_new {
                new.push(other);
            }
            number
        });
        (numbers.collect(), new)
    }
}

/// The keys of each row in as few words as their types take, each word as a column. Equal words are equal keys,
/// whichever part of a table they come from.
fn packed(keys: &DataFrame) -> PolarsResult<Vec<Vec<u128>>> {
    let mut words = vec![vec![0; keys.height()]];
    let mut used = 0;
    for key in keys.columns() {
        let bits = bits(key.dtype());
        used += bits;
        if used > u128::BITS {
            words.push(vec![0; keys.height()]);
            used = bits;
        }
        if let Some(word) = words.last_mut() {
            push(word, bits, key)?;
        }
    }
    Ok(words)
}

/// Moves words so far up and puts the codes of a key below them.
fn push(words: &mut [u128], bits: u32, key: &Column) -> PolarsResult<()> {
    let codes = key.to_physical_repr();
    match codes.dtype() {
        DataType::UInt8 => push_codes(words, bits, codes.u8()?.iter()),
        DataType::UInt16 => push_codes(words, bits, codes.u16()?.iter()),
        DataType::UInt32 => push_codes(words, bits, codes.u32()?.iter()),
        DataType::UInt64 => push_codes(words, bits, codes.u64()?.iter()),
        DataType::Int64 => {
            let times = codes.i64()?.iter();
            push_codes(words, bits, times.map(|time| time.map(i64::cast_unsigned)));
        }
        DataType::Boolean => push_codes(words, bits, codes.bool()?.iter()),
        other => polars_bail!(ComputeError: "column {} of type {other} is no key", key.name()),
    }
    Ok(())
}

/// Null is the highest code, which no value has.
fn push_codes<T: Into<u128>>(
    words: &mut [u128],
    bits: u32,
    codes: impl Iterator<Item = Option<T>>,
) {
    let null = (1 << bits) - 1;
    for (word, code) in words.iter_mut().zip(codes) {
        *word = (*word << bits) | code.map_or(null, Into::into);
    }
}

/// Bits that hold every value of a type and one code more.
fn bits(key: &DataType) -> u32 {
    match key {
        DataType::Boolean => 2,
        DataType::Enum(categories, _) => {
            u64::BITS - (categories.categories().len() as u64).leading_zeros()
        }
        DataType::UInt32 => u32::BITS + 1,
        _ => u64::BITS + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::Groups;
    use crate::faults::Faults;
    use crate::field::Field;
    use crate::sample::{self, MODEL, Row};

    const ROWS: [(u32, u64, u32); 5] = [
        (1, 0x1000, MODEL),
        (1, 0x1000, pfmodel::table::NONE),
        (2, 0x1000, MODEL),
        (1, 0x1000, MODEL),
        (1, 0x2000, MODEL),
    ];

    fn frame(rows: &[(u32, u64, u32)], fields: &[Field]) -> polars::prelude::DataFrame {
        let mut loaded = sample::empty();
        for &(tid, addr, mapping) in rows {
            let row = Row { tid, addr, mapping, ..Row::default() };
            sample::push(&mut loaded.analysis, row);
        }
        Faults::new(&loaded, fields).unwrap().frame(0..usize::MAX).unwrap()
    }

    #[test]
    fn equal_keys_get_equal_numbers() {
        let cases: [(&[Field], [u32; 5]); 4] = [
            (&[Field::Tid, Field::Path, Field::Slow], [0, 1, 2, 0, 0]),
            (&[Field::Addr], [0, 0, 0, 0, 1]),
            // More than fits into one word.
            (&[Field::WallTime, Field::Addr, Field::Path, Field::Tid], [0, 1, 2, 0, 3]),
            (&[], [0; 5]),
        ];
        for (fields, expected) in cases {
            let mut groups = Groups::default();
            let (numbers, first) = groups.number(&frame(&ROWS, fields)).unwrap();
            assert_eq!(numbers, expected, "{fields:?}");
            let first = first.into_iter().map(|row| numbers[row as usize]);
            assert!(first.eq(0..groups.len() as u32), "{fields:?}");
        }
    }

    #[test]
    fn groups_of_others_keep_what_tells_them_apart() {
        let fields = [Field::WallTime, Field::Addr, Field::Path, Field::Tid];
        let [mut groups, mut others] = [Groups::default(), Groups::default()];
        groups.number(&frame(&ROWS[..2], &fields)).unwrap();
        others.number(&frame(&ROWS[1..], &fields)).unwrap();
        assert_eq!(groups.number_others(&others), (vec![1, 2, 0, 3], vec![1, 3]));
        assert_eq!(groups.len(), 4);
    }
}
