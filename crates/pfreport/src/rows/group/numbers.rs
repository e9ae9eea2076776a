//! Numbers of groups: equal rows get the same.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::words::Words;

/// A map whose hashes are seeded at random, so that no file can be made to collide in it.
pub type Hashed<K, V> = HashMap<K, V, RandomState>;

/// Groups by number, in the order in which they were first seen.
#[derive(Debug, Default)]
pub struct Numbers {
    /// By what tells them apart: a level for each word, in which the number of the words before comes
    /// first. The numbers of the last level are those of groups.
    levels: Vec<Level>,
    /// The words of each group.
    words: Vec<u64>,
}

#[derive(Debug, Default)]
struct Level {
    numbers: Hashed<(u32, u64), u32>,
    /// What was looked up last, and its number: neighbours are often alike.
    last: Option<((u32, u64), u32)>,
}

impl Level {
    #[inline]
    fn number(&mut self, key: (u32, u64)) -> u32 {
        match self.last {
            Some((last, number)) if last == key => number,
            _ => self.look_up(key),
        }
    }

    fn look_up(&mut self, key: (u32, u64)) -> u32 {
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        self.last = Some((key, number));
        number
    }
}

impl Numbers {
    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.levels.last().map_or(0, |level| level.numbers.len())
    }

    /// The number of the group of each row, and the rows that are the first of a new one. All rows have to have the
    /// same number of words.
    pub fn number(&mut self, rows: &Words) -> (Vec<u32>, Vec<u32>) {
        debug_assert!(self.levels.is_empty() || self.levels.len() == rows.columns.len());
        self.levels.resize_with(rows.columns.len(), Level::default);
        let height = rows.columns.first().map_or(0, Vec::len);
        let mut numbers = vec![0; height];
        let mut known = 0;
        for (level, words) in self.levels.iter_mut().zip(&rows.columns) {
            known = level.numbers.len() as u32;
            for (number, &word) in numbers.iter_mut().zip(words) {
                *number = level.number((*number, word));
            }
        }
        let mut first = Vec::new();
        for (row, &number) in (0..).zip(&numbers) {
            // New numbers go up.
            if number == known {
                known += 1;
                first.push(row);
                self.words.extend(rows.columns.iter().map(|words| words[row as usize]));
            }
        }
        (numbers, first)
    }

    /// The numbers that the groups of others get, and those of the others that are new.
    pub fn number_others(&mut self, others: &Self) -> (Vec<u32>, Vec<u32>) {
        if others.len() == 0 {
            return (Vec::new(), Vec::new());
        }
        let words = others.levels.len().max(1);
        let column = |word| others.words.iter().skip(word).step_by(words).copied().collect();
        let mut rows = Words::new(0);
        rows.columns = (0..others.levels.len()).map(column).collect();
        self.number(&rows)
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;
    use crate::rows::group::words::Words;

    const ROWS: [(u64, u64); 5] = [(1, 7), (2, 7), (1, 7), (1, 8), (2, 7)];

    fn words(rows: &[(u64, u64)]) -> Words {
        let mut words = Words::new(rows.len());
        words.push(64, rows.iter().map(|row| row.0));
        words.push(64, rows.iter().map(|row| row.1));
        words
    }

    #[test]
    fn equal_rows_get_equal_numbers() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.number(&words(&ROWS[..2])), (vec![0, 1], vec![0, 1]));
        assert_eq!(numbers.number(&words(&ROWS)), (vec![0, 1, 0, 2, 1], vec![3]));
        assert_eq!(numbers.number(&words(&ROWS)), (vec![0, 1, 0, 2, 1], vec![]));
        assert_eq!(numbers.len(), 3);
    }

    #[test]
    fn groups_of_others_keep_what_tells_them_apart() {
        let [mut numbers, mut others] = [Numbers::default(), Numbers::default()];
        assert_eq!(numbers.number_others(&others), (vec![], vec![]));
        numbers.number(&words(&ROWS[..1]));
        others.number(&words(&[(3, 7), (1, 7), (3, 8)]));
        assert_eq!(numbers.number_others(&others), (vec![1, 0, 2], vec![0, 2]));
        assert_eq!(numbers.len(), 3);
    }
}
