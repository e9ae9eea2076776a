//! The ledger of a trace: what was captured, left out and lost against what the kernel counted.

mod books;

use std::ops::Range;

use pfmodel::names::Class;
use pft::keys::{fact, ledger};

use crate::figures::scope::Scope;
use crate::load::{Loaded, Member};
use crate::print::units::duration;
pub use books::{Balance, Books};

/// Why not everything is there: [`Loaded::flaws`].
pub const DAMAGED: &str = "the file is damaged";
/// Likewise.
pub const NOT_ENDED: &str = "the recording did not end in order";

/// Completions of one kind that were captured and should be stored, against those in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// `minor` or `major`.
    pub name: &'static str,
    /// Captured and not skipped, by the ledger.
    pub expected: u64,
    /// Rows of the table.
    pub rows: u64,
}

/// Completed faults that damage took from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// So many, by the closing ledger.
    Exactly(u64),
    /// So many and perhaps more; the ledger does not tell.
    AtLeast(u64),
}

/// Records that were lost, by what they told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LostRecords {
    /// Completions of faults, each of another fault.
    pub completions: u64,
    /// Entries of faults.
    pub entries: u64,
    /// Error codes of faults in kernel mode, which have a record of their own.
    pub error_codes: u64,
    /// Whole faults that were read, then dropped by the recorder.
    pub dropped: u64,
    /// Mappings and tasks.
    pub sideband: u64,
    /// System calls that change mappings.
    pub calls: u64,
    /// Signals of failed accesses.
    pub signals: u64,
    /// Victims of the OOM killer.
    pub oom: u64,
}

/// The end of a stall that begins in one of some windows, and no later than that window.
#[must_use]
pub fn stalled_until_ns(windows: &[Range<u64>], from_ns: u64, stall_ns: u64) -> u64 {
    let behind = windows.partition_point(|window| window.end <= from_ns);
    let end_ns = windows.get(behind).map_or(u64::MAX, |window| window.end);
    from_ns.saturating_add(stall_ns).min(end_ns)
}

impl Loaded {
    /// A count of the ledger, if recorded.
    #[must_use]
    pub fn counted(&self, key: &str) -> Option<u64> {
        self.ledger.get(key).copied()
    }

    /// When faults began to be recorded, nanoseconds since the start of the trace: when the delay was over.
    /// It began with the recording: of how much of it is left in a later window of a flight recorder the
    /// file says nothing, so there it is 0.
    #[must_use]
    pub fn recorded_since_ns(&self) -> u64 {
        let scope = Scope::of(self);
        let begins_later =
            scope.window_ns.is_some() && self.fact(fact::FLIGHT_LIMITED_BY) != Some("start");
        if begins_later { 0 } else { scope.delay_ns.min(self.analysis.duration_ns) }
    }

    /// How long faults were recorded, of the time that is selected, nanoseconds: what rates and shares of
    /// time refer to.
    #[must_use]
    pub fn recorded_ns(&self) -> u64 {
        self.recorded_between_ns(0, self.analysis.duration_ns)
    }

    /// How much of a stretch of time faults were recorded in and is selected, nanoseconds.
    #[must_use]
    pub fn recorded_between_ns(&self, from_ns: u64, to_ns: u64) -> u64 {
        let windows = self.windows();
        let inside = self.stretches().into_iter().flat_map(|(span, since_ns)| {
            let (from_ns, to_ns) = (from_ns.max(span.start).max(since_ns), to_ns.min(span.end));
            let in_window = move |window: &Range<u64>| {
                to_ns.min(window.end).saturating_sub(from_ns.max(window.start))
            };
            let all = windows.is_empty().then(|| to_ns.saturating_sub(from_ns));
            all.into_iter().chain(windows.iter().map(in_window))
        });
        inside.fold(0, u64::saturating_add)
    }

    /// The span of each trace on the axis of time, and since when faults were recorded in it.
    #[must_use]
    pub fn stretches(&self) -> Vec<(Range<u64>, u64)> {
        if self.are_several() {
            let of = |member: &Member| (member.span_ns(), member.recorded_ns.start);
            return self.members.iter().map(of).collect();
        }
        vec![(0..self.analysis.duration_ns, self.recorded_since_ns())]
    }

    /// Until when a fault of the table stalled its thread for `stall_ns`, in the time that is selected: a
    /// fault that began in a window may end behind it.
    #[must_use]
    pub fn stalled_until_ns(&self, row: usize, stall_ns: u64) -> u64 {
        let from_ns = self.analysis.faults.time_ns.get(row).copied().unwrap_or(0);
        stalled_until_ns(self.windows(), from_ns, stall_ns)
    }

    /// The stretches of time that are selected, in order; empty if that is all of it.
    #[must_use]
    pub fn windows(&self) -> &[Range<u64>] {
        self.selection.as_ref().map_or(&[], |selection| &selection.windows)
    }

    /// How long that was of the whole trace, with the delay: `100 ms after a delay of 1.8 s`.
    #[must_use]
    pub fn recorded_length(&self) -> String {
        let delay_ns = Scope::of(self).delay_ns;
        let whole_ns = self.analysis.duration_ns - self.recorded_since_ns();
        match (self.recorded_since_ns(), whole_ns) {
            (0, ns) => duration(ns),
            (since_ns, 0) => {
                format!("{}, less than the delay of {}", duration(since_ns), duration(delay_ns))
            }
            (since_ns, ns) => format!("{} after a delay of {}", duration(ns), duration(since_ns)),
        }
    }

    /// The sum of some counts of the ledger; those that were not recorded add nothing.
    #[must_use]
    pub fn sum(&self, keys: &[&str]) -> u64 {
        self.books().sum(keys)
    }

    /// Faults of a class in the table, which are the selected ones.
    #[must_use]
    pub fn class_count(&self, class: Class) -> u64 {
        match self.selection {
            // All rows that were read are in the table.
            None => self.class_total(class),
            Some(_) => self.analysis.faults.class.iter().filter(|&&c| c == class).count() as u64,
        }
    }

    /// What a row of the fault table is called where other figures are of the whole trace.
    #[must_use]
    pub const fn row_name(&self) -> &'static str {
        if self.selection.is_some() { "selected fault" } else { "fault" }
    }

    /// Faults of a class in all that was read, whatever is selected.
    #[must_use]
    pub fn class_total(&self, class: Class) -> u64 {
        self.analysis.exactness.classes.get(class as usize).copied().unwrap_or(0)
    }

    /// Minor and major faults that were captured but not stored because they were served faster than
    /// asked for. None where the number is not known: in an unfinished trace, and in the window of a
    /// flight recorder, which keeps no count of them.
    #[must_use]
    pub fn skipped(&self) -> Option<[u64; 2]> {
        self.books().skipped()
    }

    /// Records lost, by the last ledger. Losses at the very end of a recording appear nowhere else.
    #[must_use]
    pub fn lost_records(&self) -> LostRecords {
        LostRecords {
            completions: self.sum(&[ledger::MINOR_FAULTS_LOST, ledger::MAJOR_FAULTS_LOST]),
            entries: self.sum(&[ledger::PAGE_FAULTS_LOST, ledger::TRACEPOINT_USER_LOST]),
            error_codes: self.sum(&[ledger::TRACEPOINT_KERNEL_LOST]),
            dropped: self.sum(&[ledger::DROPPED_RECORDER]),
            sideband: self.sum(&[ledger::SIDEBAND_LOST]),
            calls: self.sum(&[ledger::CALLS_LOST]),
            signals: self.sum(&[ledger::SIGNAL_LOST]),
            oom: self.sum(&[ledger::OOM_LOST]),
        }
    }

    /// What was captured, left out and lost against what the kernel counted, by the last ledger. The
    /// kernel's counters are not about the window of a flight recorder, so there it is empty.
    #[must_use]
    pub fn balances(&self) -> Vec<Balance> {
        self.books().balances()
    }

    /// Kinds of which the table does not hold as many as were captured and not skipped. Only a sound
    /// trace that ended in order can tell.
    #[must_use]
    pub fn missing_rows(&self) -> Vec<Stored> {
        let may_differ = !self.damage.is_empty()
            || !self.analysis.exactness.complete
            || self.sum(&[ledger::DROPPED_RECORDER]) > 0;
        let stored = if may_differ { Vec::new() } else { self.stored() };
        stored.into_iter().filter(|stored| stored.expected != stored.rows).collect()
    }

    /// How many completed faults that were captured and stored the damage of the file took. None for a
    /// file without damage.
    #[must_use]
    pub fn taken_by_damage(&self) -> Option<Taken> {
        if self.damage.is_empty() {
            return None;
        }
        let stored = self.stored();
        let missing = stored.iter().map(|kind| kind.expected.saturating_sub(kind.rows));
        let missing = missing.fold(0, u64::saturating_add);
        let dropped = self.sum(&[ledger::DROPPED_RECORDER]);
        let told = self.analysis.exactness.complete && dropped == 0 && stored.len() == 2;
        // Of what kind the dropped faults were is not known, and an earlier ledger knows of less.
        Some(if told {
            Taken::Exactly(missing)
        } else {
            Taken::AtLeast(missing.saturating_sub(dropped))
        })
    }

    /// Each kind of which the ledger tells how many should be in the table.
    fn stored(&self) -> Vec<Stored> {
        if !self.read.is_whole {
            return Vec::new();
        }
        let rows = |name| match name {
            "major" => self.class_total(Class::Major),
            _ => self.class_total(Class::Minor).saturating_add(self.class_total(Class::Cow)),
        };
        let expected = self.books().expected().into_iter();
        expected.map(|(name, expected)| Stored { name, expected, rows: rows(name) }).collect()
    }

    /// The ledger, apart from the rows.
    fn books(&self) -> Books<'_> {
        Books::new(&self.ledger, &Scope::of(self))
    }

    /// Records of completions that came twice and were counted once.
    #[must_use]
    pub fn received_twice(&self) -> u64 {
        self.sum(&[ledger::CAPTURED_DUPLICATES_MINOR, ledger::CAPTURED_DUPLICATES_MAJOR])
    }

    /// Whether the closing ledger accounts for every fault that the kernel counted, and the table holds
    /// what the ledger says was stored. Ledgers before the end are read while faults go on and say
    /// nothing.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        !self.analysis.exactness.complete
            || self.balances().iter().all(Balance::is_even) && self.missing_rows().is_empty()
    }

    /// Records that the recorder could not parse, by the last ledger.
    #[must_use]
    pub fn unparsed(&self) -> u64 {
        self.sum(&[ledger::CAPTURED_UNPARSED])
    }

    /// Victims of the OOM killer that were recorded and are not in the file.
    #[must_use]
    pub fn missing_victims(&self) -> u64 {
        self.sum(&[ledger::CAPTURED_OOM]).saturating_sub(self.oom.len() as u64)
    }

    /// CPUs whose faults are missing since they came online.
    #[must_use]
    pub fn unwatched_cpus(&self) -> u64 {
        self.sum(&[ledger::CPUS_UNWATCHED])
    }

    /// Whether everything that happened and was asked for is in the table: the file is sound, the
    /// recording ended in order, nothing was lost, and the counts agree with the kernel's.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.flaws().is_empty()
    }

    /// Why not everything that happened and was asked for is in the table, in a few words each. Of several
    /// traces all their reasons.
    #[must_use]
    pub fn flaws(&self) -> Vec<&'static str> {
        if self.are_several() {
            let mut flaws: Vec<&str> = Vec::new();
            for flaw in self.members.iter().flat_map(|member| &member.flaws) {
                if !flaws.contains(flaw) {
                    flaws.push(flaw);
                }
            }
            return flaws;
        }
        let exactness = &self.analysis.exactness;
        let lost = !exactness.losses.is_empty() || self.lost_records() != LostRecords::default();
        let found = [
            (!self.damage.is_empty(), DAMAGED),
            (!exactness.complete, NOT_ENDED),
            (lost, "records were lost while recording"),
            (self.unparsed() > 0, "records could not be parsed"),
            (self.unwatched_cpus() > 0, "a CPU was not watched"),
            (self.missing_victims() > 0, "victims of the OOM killer are missing"),
            (!self.is_balanced(), "the counts differ from the kernel's"),
        ];
        found.into_iter().filter_map(|(holds, flaw)| holds.then_some(flaw)).collect()
    }
}

#[cfg(test)]
mod tests;
