//! Rows of a trace that comes in parts, kept for the diagnosis, which looks at all of them at once.

use std::ops::Range;

use pfmodel::names::Class;
use pfmodel::table::FaultTable;

/// All rows as long as they are few enough; then those of the costliest stretch of time.
#[derive(Debug)]
pub struct Kept {
    /// In order of time.
    stretches: Vec<Stretch>,
    /// Most rows of a stretch.
    stretch_rows: usize,
    /// Most rows of all that are kept.
    most_rows: usize,
    /// Not all rows are there.
    is_dropped: bool,
    /// Time of the last row that came.
    last_ns: Option<u64>,
}

/// What is left in the end.
#[derive(Debug)]
pub enum Rows {
    /// All.
    All(FaultTable),
    /// Those of a stretch of time, and some of the same moments as its first and its last: the stretch begins and ends
    /// where one moment is told from the next. It is empty if all of its rows are of one moment, and more than these are.
    Stretch(FaultTable, Range<u64>),
}

/// Some rows that follow each other.
#[derive(Debug)]
struct Stretch {
    rows: FaultTable,
    /// Time of the row before it.
    after_ns: Option<u64>,
    /// Time of the row behind it; none as long as rows may join.
    before_ns: Option<u64>,
}

impl Stretch {
    /// Stall time, major faults, faults: what makes it worth a diagnosis, in this order.
    fn cost(&self) -> (u64, u64, usize) {
        let stall_ns = self.rows.stalls_ns().flatten().fold(0, u64::saturating_add);
        let major = self.rows.class.iter().filter(|&&class| class == Class::Major).count() as u64;
        (stall_ns, major, self.rows.len())
    }

    /// The time in which there are faults of this stretch only.
    fn window_ns(&self) -> Range<u64> {
        let first_ns = self.rows.time_ns.first().copied().unwrap_or(0);
        let last_ns = self.rows.time_ns.last().copied().unwrap_or(0);
        let behind_last_ns = last_ns.saturating_add(1);
        first_ns.max(self.after_ns.map_or(0, |ns| ns.saturating_add(1)))
            ..behind_last_ns.min(self.before_ns.unwrap_or(behind_last_ns))
    }
}

impl Kept {
    /// Nothing yet: of at most `most_rows` rows all are kept, of more those of a stretch of at most `stretch_rows`.
    #[must_use]
    pub const fn new(stretch_rows: usize, most_rows: usize) -> Self {
        Self { stretches: Vec::new(), stretch_rows, most_rows, is_dropped: false, last_ns: None }
    }

    /// Adds rows that follow those that were added before.
    pub fn add(&mut self, rows: FaultTable) {
        let (Some(&first_ns), Some(&last_ns)) = (rows.time_ns.first(), rows.time_ns.last()) else {
            return;
        };
        let rows = compact(rows);
        let newest = self.stretches.iter_mut().find(|stretch| stretch.before_ns.is_none());
        match newest {
            Some(stretch) if stretch.rows.len() + rows.len() <= self.stretch_rows => {
                stretch.rows.append(rows);
            }
            newest => {
                if let Some(newest) = newest {
                    newest.before_ns = Some(first_ns);
                }
                let after_ns = self.last_ns;
                self.stretches.push(Stretch { rows, after_ns, before_ns: None });
            }
        }
        self.last_ns = Some(last_ns);
        if self.is_too_much()
            && self.stretches.len() > 2
            && let Some(newest) = self.stretches.pop()
        {
            // More rows may join the newest.
            self.is_dropped = true;
            let costliest = self.take_costliest();
            self.stretches.extend(costliest.into_iter().chain([newest]));
        }
    }

    fn is_too_much(&self) -> bool {
        let rows: usize = self.stretches.iter().map(|stretch| stretch.rows.len()).sum();
        self.is_dropped || rows > self.most_rows
    }

    /// The first of those that cost most; the others are gone.
    fn take_costliest(&mut self) -> Option<Stretch> {
        self.stretches.drain(..).rev().max_by_key(Stretch::cost)
    }

    /// What is left.
    #[must_use]
    pub fn finish(mut self) -> Rows {
        if self.is_too_much()
            && self.stretches.len() > 1
            && let Some(costliest) = self.take_costliest()
        {
            let window_ns = costliest.window_ns();
            return Rows::Stretch(costliest.rows, window_ns);
        }
        let mut all = FaultTable::default();
        for stretch in self.stretches {
            match all.is_empty() {
                true => all = stretch.rows,
                false => all.append(stretch.rows),
            }
        }
        Rows::All(all)
    }
}

/// The same without the memory of rows that were dropped.
fn compact(rows: FaultTable) -> FaultTable {
    if rows.time_ns.capacity() / 2 < rows.len() {
        return rows;
    }
    let mut compact = FaultTable::default();
    compact.append(rows);
    compact
}

#[cfg(test)]
mod tests {
    use pfmodel::names::Class;
    use pfmodel::table::FaultTable;

    use super::{Kept, Rows};
    use crate::made_up::{self, Row};

    /// Rows at these times, of these latencies.
    fn part(rows: &[(u64, Option<u64>)]) -> FaultTable {
        let mut loaded = made_up::empty();
        for &(time, latency) in rows {
            made_up::push(&mut loaded.analysis, Row { time, latency, ..Row::default() });
        }
        loaded.analysis.faults
    }

    fn kept(parts: Vec<FaultTable>, most_rows: usize) -> Rows {
        let mut kept = Kept::new(2, most_rows);
        parts.into_iter().for_each(|part| kept.add(part));
        kept.finish()
    }

    fn stretch(parts: Vec<FaultTable>, most_rows: usize) -> (Vec<u64>, std::ops::Range<u64>) {
        match kept(parts, most_rows) {
            Rows::Stretch(rows, window_ns) => (rows.time_ns, window_ns),
            Rows::All(rows) => panic!("{rows:?}"),
        }
    }

    #[test]
    fn few_rows_are_all_kept() {
        let parts = || vec![part(&[(1, None)]), part(&[]), part(&[(2, None), (3, None)])];
        for most_rows in [3, 4] {
            let Rows::All(rows) = kept(parts(), most_rows) else { panic!("dropped") };
            assert_eq!(rows.time_ns, [1, 2, 3]);
        }
        assert_eq!(stretch(parts(), 2), (vec![2, 3], 2..4));
        assert!(matches!(kept(Vec::new(), 2), Rows::All(rows) if rows.is_empty()));
        // There is nothing to choose from.
        let Rows::All(rows) = kept(vec![part(&[(1, None), (2, None)])], 1) else {
            panic!("dropped")
        };
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn the_costliest_stretch_is_left() {
        let cheap = || part(&[(1, Some(5)), (2, Some(5))]);
        let dear = || part(&[(3, Some(1)), (4, Some(10))]);
        let last = || part(&[(5, Some(11))]);
        assert_eq!(stretch(vec![cheap(), dear(), last()], 2).1, 3..5);
        assert_eq!(stretch(vec![cheap(), last(), part(&[(9, Some(10))])], 2), (vec![5, 9], 5..10));
        // Of equals the first.
        assert_eq!(stretch(vec![dear(), part(&[(7, None), (8, Some(11))])], 2).1, 3..5);
        // Without latencies major faults count, then faults.
        let mut major = part(&[(3, None)]);
        major.class = vec![Class::Major].into();
        assert_eq!(stretch(vec![part(&[(1, None), (2, None)]), major], 2).1, 3..4);
        assert_eq!(stretch(vec![part(&[(1, None)]), part(&[(3, None), (4, None)])], 2).1, 3..5);
    }

    #[test]
    fn a_stretch_has_all_faults_of_its_time() {
        let dear = || part(&[(3, Some(90)), (4, Some(10))]);
        let with = |first: u64, last: u64| {
            stretch(vec![part(&[(1, None), (first, None)]), dear(), part(&[(last, None)])], 2).1
        };
        assert_eq!(with(2, 5), 3..5);
        assert_eq!(with(3, 5), 4..5);
        assert_eq!(with(2, 4), 3..4);
        assert!(with(3, 4).is_empty());
    }
}
