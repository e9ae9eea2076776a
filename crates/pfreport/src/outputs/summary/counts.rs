//! What the summary counts in rows one by one.

use pfmodel::names::{Class, MapConfidence};
use pfmodel::table::{Analysis, CallChain, Location};

use crate::load::Loaded;
use crate::names::failure::{self, REASONS};

/// Sums over the rows so far, which may come one part after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows.
    pub faults: u64,
    /// By class, in the order of [`Class::ALL`].
    classes: [u64; Class::ALL.len()],
    /// Mapping exact, inferred and unknown. Counted where faults are selected: of all of them the model knows.
    pub map_confidence: [u64; 3],
    /// Faults that began before the trace.
    pub began_before: u64,
    /// Minor and cow faults above the threshold.
    pub slow: u64,
    /// Faults of which the function is known.
    pub named: u64,
    /// Faults that have a call chain.
    pub chained: u64,
    /// Those of them whose chain may go on behind its last caller.
    pub cut: u64,
    /// Those of the others whose chain has no caller in it.
    pub alone: u64,
    /// Why accesses failed. Counted where all faults are there.
    failures: [u64; REASONS.len()],
}

impl Counts {
    /// Those of a trace in memory.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Self {
        let mut counts = Self::default();
        counts.add(loaded);
        counts
    }

    /// Adds the rows of a part.
    pub fn add(&mut self, part: &Loaded) {
        let analysis = &part.analysis;
        let faults = &analysis.faults;
        self.faults += faults.len() as u64;
        for (count, class) in self.classes.iter_mut().zip(Class::ALL) {
            *count += faults.class.iter().filter(|&&of| of == *class).count() as u64;
        }
        self.began_before += faults.before_ns.len() as u64;
        self.slow += faults.slow.iter().filter(|&&slow| slow).count() as u64;
        self.add_code(analysis);
        if part.selection.is_some() {
            for confidence in faults.map_confidence.iter() {
                self.map_confidence[match confidence {
                    MapConfidence::Exact => 0,
                    MapConfidence::Inferred => 1,
                    MapConfidence::Unknown => 2,
                }] += 1;
            }
        } else if part.class_total(Class::Failed) > 0 {
            failure::count(analysis, &mut self.failures);
        }
    }

    fn add_code(&mut self, analysis: &Analysis) {
        let faults = &analysis.faults;
        let named: Vec<bool> = analysis.locations.iter().map(is_named).collect();
        if named.contains(&true) {
            let is_known = |&&place: &&u32| named.get(place as usize).copied().unwrap_or(false);
            self.named += faults.code.iter().filter(is_known).count() as u64;
        }
        let chains = &analysis.call_chains;
        if chains.is_empty() {
            return;
        }
        for chain in faults.call_chain.iter().filter_map(|&chain| chains.get(chain as usize)) {
            self.chained += 1;
            self.cut += u64::from(chain.cut);
            self.alone += u64::from(is_alone(chain));
        }
    }

    /// Faults of a class.
    #[must_use]
    pub fn class(&self, class: Class) -> u64 {
        self.classes.get(class as usize).copied().unwrap_or(0)
    }

    /// How many accesses failed for each reason, the commonest first: `3 not writable`.
    #[must_use]
    pub fn failures(&self) -> Vec<(u64, &'static str)> {
        failure::commonest_first(self.failures)
    }
}

/// Whether the function of any place is known.
pub fn has_names(analysis: &Analysis) -> bool {
    analysis.locations.iter().any(is_named)
}

fn is_named(place: &Location) -> bool {
    place.functions.first().is_some_and(|function| !function.name.is_empty())
}

fn is_alone(chain: &CallChain) -> bool {
    !chain.cut && chain.kernel.len() + chain.user.len() == 1
}
