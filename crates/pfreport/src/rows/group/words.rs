//! Rows as words: equal words are equal rows, whichever part of a table they come from.

use polars::prelude::{Column, DataFrame, DataType, PolarsResult, polars_bail};

/// Codes of the columns of some rows, packed into as few words as they take.
#[derive(Debug)]
pub struct Words {
    rows: usize,
    /// The words, each as a column.
    pub columns: Vec<Vec<u64>>,
    /// Bits that are used of the last one.
    used: u32,
}

impl Words {
    /// Of so many rows, which nothing tells apart yet.
    pub fn new(rows: usize) -> Self {
        Self { rows, columns: vec![vec![0; rows]], used: 0 }
    }

    /// Of a table of names, numbers and times.
    ///
    /// # Errors
    /// There is something else in it.
    pub fn of(table: &DataFrame) -> PolarsResult<Self> {
        let mut words = Self::new(table.height());
        table.columns().iter().try_for_each(|column| words.push_column(column))?;
        Ok(words)
    }

    /// Adds a code of so many bits to each row.
    #[inline]
    pub fn push(&mut self, bits: u32, codes: impl Iterator<Item = u64>) {
        self.used += bits;
        if self.used > u64::BITS {
            self.columns.push(vec![0; self.rows]);
            self.used = bits;
        }
        let Some(words) = self.columns.last_mut() else { return };
        // A code that takes the whole of a word finds an empty one.
        let shift = bits % u64::BITS;
        let mut words = words.iter_mut();
        // Run by run inside, which takes a third of the time of asking for one code after the other.
        codes.for_each(|code| {
            debug_assert_eq!(code.checked_shr(bits).unwrap_or(0), 0);
            if let Some(word) = words.next() {
                *word = *word << shift | code;
            }
        });
    }

    /// Adds a column of names, numbers or times.
    ///
    /// # Errors
    /// It is something else.
    pub fn push_column(&mut self, column: &Column) -> PolarsResult<()> {
        let codes = column.to_physical_repr();
        match codes.dtype() {
            DataType::Boolean => self.push_known(1, codes.bool()?.iter()),
            DataType::UInt8 => self.push_known(u8::BITS, codes.u8()?.iter()),
            DataType::UInt16 => self.push_known(u16::BITS, codes.u16()?.iter()),
            DataType::UInt32 => self.push_known(u32::BITS, codes.u32()?.iter()),
            DataType::UInt64 => self.push_known(u64::BITS, codes.u64()?.iter()),
            DataType::Int64 => {
                let times = codes.i64()?.iter().map(|time| time.map(i64::cast_unsigned));
                self.push_known(u64::BITS, times);
            }
            other => {
                polars_bail!(ComputeError: "column {} of type {other} is no key", column.name())
            }
        }
        Ok(())
    }

    fn push_known<T: Into<u64>>(&mut self, bits: u32, codes: impl Iterator<Item = Option<T>>) {
        let codes: Vec<Option<u64>> = codes.map(|code| code.map(Into::into)).collect();
        self.push(1, codes.iter().map(|code| u64::from(code.is_none())));
        self.push(bits, codes.iter().map(|code| code.unwrap_or(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::Words;
    use crate::made_up::{self, Row};
    use crate::rows::faults::Faults;
    use crate::rows::field::Field;

    #[test]
    fn codes_that_do_not_fit_begin_a_word() {
        let mut words = Words::new(2);
        words.push(60, [1, 2].into_iter());
        words.push(4, [15, 0].into_iter());
        words.push(1, [1, 0].into_iter());
        words.push(64, [u64::MAX, 7].into_iter());
        assert_eq!(words.columns, [vec![31, 32], vec![1, 0], vec![u64::MAX, 7]]);
    }

    #[test]
    fn columns_of_each_type_tell_rows_apart() {
        let mut loaded = made_up::empty();
        for latency in [None, Some(0), Some(u64::MAX - 1), None] {
            made_up::push(&mut loaded.analysis, Row { latency, ..Row::default() });
        }
        for &field in Field::ALL {
            let fields = [&[field][..], &[Field::LatencyNs]].concat();
            let fields = if field == Field::LatencyNs { &fields[1..] } else { &fields };
            let faults = Faults::new(&loaded, fields).unwrap();
            let words = Words::of(&faults.frame(0..usize::MAX).unwrap()).unwrap();
            let row = |row: usize| words.columns.iter().map(move |word| word[row]);
            assert!(row(0).eq(row(3)), "{field:?}");
            assert!(row(0).ne(row(1)) && row(1).ne(row(2)), "{field:?}");
        }
    }
}
