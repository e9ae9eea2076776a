//! What the summary tells of the rows of a trace, counted from one part of them after the other. A trace in memory is
//! a single part.

use super::CELL;
use super::code::{self, Functions};
use super::counts::{Counts, has_names};
use super::majors::Majors;
use crate::error::Error;
use crate::figures::stall::WallStall;
use crate::load::Loaded;
use crate::rows::faults::Unnamed;
use crate::rows::field::Field;
use crate::rows::group::{Group, Measures, Tally, grouped, rows};

/// Everything that the summary draws from rows, but the diagnosis.
#[derive(Debug)]
pub struct Figures {
    /// Sums.
    pub counts: Counts,
    /// Wall time with stalled threads.
    pub stall: WallStall,
    /// The groups that the lists of who, where and why add up.
    pub cells: Vec<Group>,
    /// By class and cause.
    pub causes: Vec<Group>,
    /// By phase; none without marks.
    pub phases: Vec<Group>,
    /// Where functions are known.
    pub functions: Option<Functions>,
    /// By trace; none of a single one.
    pub traces: Vec<Group>,
    /// What major faults wait for.
    pub majors: Majors,
}

impl Figures {
    /// Those of a trace in memory.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn of(loaded: &Loaded) -> Result<Self, Error> {
        let mut counting = Counting::default();
        counting.add(loaded)?;
        counting.finish()
    }
}

/// The same while rows come.
#[derive(Debug, Default)]
pub struct Counting {
    counts: Counts,
    stall: WallStall,
    cells: Option<Tally>,
    causes: Option<Tally>,
    phases: Option<Tally>,
    functions: Option<Tally>,
    traces: Option<Tally>,
    majors: Majors,
}

/// The groups that a diagnosis starts from, of a trace in memory.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn cells(loaded: &Loaded) -> Result<Vec<Group>, Error> {
    rows(&grouped(loaded, &CELL, SUMS)?)
}

const SUMS: Measures = Measures { pages: false, percentiles: false };

impl Counting {
    /// Adds the rows of a part. Parts come in order of time, and what their rows refer to is the same for all.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn add(&mut self, part: &Loaded) -> Result<(), Error> {
        let Self { counts, stall, majors, .. } = self;
        let everything = Measures { pages: true, percentiles: true };
        let latencies = Measures { pages: false, percentiles: true };
        let lists = [
            (&mut self.cells, &CELL[..], SUMS, true),
            (&mut self.causes, &[Field::Class, Field::Cause], everything, true),
            (&mut self.phases, &[Field::Phase], latencies, !part.marks.is_empty()),
            (&mut self.functions, &code::CELL, SUMS, has_names(&part.analysis)),
            (&mut self.traces, &[Field::Trace], SUMS, part.are_several()),
        ];
        let mut results = [const { Ok(()) }; 5];
        // Each of these goes through all rows.
        rayon::scope(|scope| {
            for ((tally, keys, measures, _), result) in
                lists.into_iter().zip(&mut results).filter(|((.., is_wanted), _)| *is_wanted)
            {
                let tally = tally.get_or_insert_with(|| Tally::new(keys, measures, Unnamed::Null));
                scope.spawn(|_| *result = tally.add(part));
            }
            scope.spawn(|_| stall.add(&part.analysis, part.windows()));
            scope.spawn(|_| counts.add(part));
            scope.spawn(|_| majors.add(part));
        });
        results.into_iter().collect()
    }

    /// The figures of all rows.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn finish(self) -> Result<Figures, Error> {
        let groups = |tally: Option<Tally>| match tally {
            Some(tally) => rows(&tally.finish()?),
            None => Ok(Vec::new()),
        };
        let functions = groups(self.functions)?;
        Ok(Figures {
            stall: self.stall,
            cells: groups(self.cells)?,
            causes: groups(self.causes)?,
            phases: groups(self.phases)?,
            functions: (self.counts.named > 0).then(|| Functions::of(functions)),
            traces: groups(self.traces)?,
            counts: self.counts,
            majors: self.majors,
        })
    }
}
