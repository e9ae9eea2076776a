//! Which faults a report is about: of a class, of a process, of a time, or by any condition.
//!
//! A selection drops the other rows of the fault table once, after loading, so that no output has to know
//! of it. What is said about completeness stays about the whole trace, and [`Selected`] tells what the rows
//! were selected by.

mod condition;
mod moment;

use std::ops::Range;
use std::path::Path;

use pfmodel::names::Class;

use crate::cli::Query;
use crate::error::Error;
use crate::load::{Loaded, Member};
use crate::print::text::{harmless, shell_word, shorten};
use crate::rows::field::Field;
pub use condition::Condition;
pub use moment::Moment;

/// Longest condition that the summary repeats whole.
const CONDITION_CHARACTERS: usize = 120;

/// Processes that are named when one is asked for that is not there.
const PROCESSES_NAMED: usize = 20;

/// Which faults are asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    classes: Vec<Class>,
    pids: Vec<u32>,
    from: Option<Moment>,
    to: Option<Moment>,
    condition: Option<Condition>,
}

/// What a report is about, where that is not the whole trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// In words: `class major, from 2 s to 4 s`.
    pub what: String,
    /// The stretches of time on the axis of the report, one per trace and in order; empty if time was not
    /// asked for.
    pub windows: Vec<Range<u64>>,
}

impl Selection {
    /// What a command line asks for.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`], [`Error::UnknownWord`] or [`Error::Condition`] for a condition that is none;
    /// [`Error::EmptyWindow`] where the end is certainly not after the beginning.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let condition = query.condition.as_deref().map(Condition::parse).transpose()?;
        if let (Some(from), Some(to)) = (query.from, query.to)
            && from.is_surely_not_before(to)
        {
            return Err(Error::EmptyWindow { from: from.to_string(), to: to.to_string() });
        }
        Ok(Self {
            classes: query.class.clone(),
            pids: query.pid.clone(),
            from: query.from,
            to: query.to,
            condition,
        })
    }

    /// Whether all faults are asked for.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.classes.is_empty()
            && self.pids.is_empty()
            && self.from.is_none()
            && self.to.is_none()
            && self.condition.is_none()
    }

    /// Whether faults are chosen by more than their time, so that only reading them tells how many there are.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        !self.classes.is_empty() || !self.pids.is_empty() || self.condition.is_some()
    }

    /// The time that is asked for, of a trace of this length: nanoseconds since its start. None if any
    /// time will do.
    #[must_use]
    pub fn window_ns(&self, duration_ns: u64) -> Option<Range<u64>> {
        (self.from.is_some() || self.to.is_some()).then(|| {
            let ns = |moment: Moment| moment.ns(duration_ns);
            self.from.map_or(0, ns)..self.to.map_or(u64::MAX, ns)
        })
    }

    /// The same faults of a stretch of time only, nanoseconds since the start of a trace.
    #[must_use]
    pub fn during(&self, window_ns: &Range<u64>) -> Self {
        let (from, to) = (Moment::Ns(window_ns.start), Moment::Ns(window_ns.end));
        Self { from: Some(from), to: Some(to), ..self.clone() }
    }

    /// The options that ask for these faults, as a shell takes them.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let list = |words: Vec<String>| Some(words.join(",")).filter(|words| !words.is_empty());
        // What looks like an option would be one.
        let condition = |condition: &Condition| match condition.text() {
            text if text.starts_with('-') => shell_word(Path::new(&format!("({text})"))),
            text => shell_word(Path::new(text)),
        };
        let options = [
            ("class", list(self.classes.iter().map(|class| class.as_str().to_owned()).collect())),
            ("pid", list(self.pids.iter().map(u32::to_string).collect())),
            ("where", self.condition.as_ref().map(condition)),
            ("from", self.from.map(Moment::option)),
            ("to", self.to.map(Moment::option)),
        ];
        let options = options.into_iter().filter_map(|(name, value)| Some((name, value?)));
        options.map(|(name, value)| format!("--{name} {value}")).collect()
    }

    /// The columns of the fault table that the condition looks at.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        self.condition.as_ref().map_or(&[], Condition::fields)
    }

    /// Drops the faults that are not asked for.
    ///
    /// # Errors
    /// [`Error::UnknownPid`] for a process that is not in the trace; [`Error::Condition`] or
    /// [`Error::Table`] should the condition fail on some row.
    pub fn apply(&self, loaded: &mut Loaded) -> Result<(), Error> {
        if self.is_everything() {
            return Ok(());
        }
        let mut mask = vec![true; loaded.analysis.faults.len()];
        let windows = self.mask_time(loaded, &mut mask);
        self.mask_classes_and_processes(loaded, &mut mask)?;
        if let Some(condition) = &self.condition {
            condition.mask(loaded, &mut mask)?;
        }
        loaded.selection = Some(Selected { what: self.in_words(), windows });
        let mut kept = 0;
        for member in &mut loaded.members {
            let rows = rows(member, mask.len());
            let first = kept;
            kept += mask.get(rows).unwrap_or_default().iter().filter(|&&kept| kept).count();
            member.rows = first..kept;
        }
        loaded.analysis.faults.retain(&mask);
        Ok(())
    }

    /// Leaves what is inside the time of each trace; returns these times on the axis of the report.
    fn mask_time(&self, loaded: &Loaded, mask: &mut [bool]) -> Vec<Range<u64>> {
        let times = &loaded.analysis.faults.time_ns;
        let mut windows = Vec::new();
        for member in &loaded.members {
            let window = self.window_ns(member.duration_ns);
            // As it was read: the same rows, whatever the faults say about the length.
            let Some(window) = window.map(|window| member.window_ns.clone().unwrap_or(window))
            else {
                break;
            };
            let (from_ns, to_ns) = (on_axis(member, window.start), on_axis(member, window.end));
            let rows = rows(member, mask.len());
            let faults = times.get(rows.clone()).unwrap_or_default();
            for (kept, time_ns) in mask.get_mut(rows).unwrap_or_default().iter_mut().zip(faults) {
                *kept &= (from_ns..to_ns).contains(time_ns);
            }
            let end_ns = on_axis(member, member.duration_ns);
            windows.push(from_ns.min(end_ns)..to_ns.min(end_ns));
        }
        windows
    }

    fn mask_classes_and_processes(&self, loaded: &Loaded, mask: &mut [bool]) -> Result<(), Error> {
        let (faults, processes) = (&loaded.analysis.faults, &loaded.analysis.processes);
        if !self.classes.is_empty() {
            for (kept, class) in mask.iter_mut().zip(faults.class.iter()) {
                *kept &= self.classes.contains(class);
            }
        }
        if self.pids.is_empty() {
            return Ok(());
        }
        let is_known = |pid: &&u32| processes.iter().any(|process| process.pid == **pid);
        if let Some(&pid) = self.pids.iter().find(|pid| !is_known(pid)) {
            let mut known: Vec<u32> = processes.iter().map(|process| process.pid).collect();
            known.sort_unstable();
            known.dedup();
            let more = known.len().saturating_sub(PROCESSES_NAMED);
            known.truncate(PROCESSES_NAMED);
            return Err(Error::UnknownPid { pid, known, more });
        }
        let wanted: Vec<bool> =
            processes.iter().map(|process| self.pids.contains(&process.pid)).collect();
        for (kept, &proc) in mask.iter_mut().zip(faults.proc.iter()) {
            *kept &= wanted.get(proc as usize).copied().unwrap_or(false);
        }
        Ok(())
    }

    /// `class major, pid 7, from 2 s to 4 s, where …`.
    fn in_words(&self) -> String {
        let mut parts = Vec::new();
        if !self.classes.is_empty() {
            let classes: Vec<&str> = self.classes.iter().map(|class| class.as_str()).collect();
            parts.push(format!("class {}", classes.join(" or ")));
        }
        if !self.pids.is_empty() {
            let pids: Vec<String> = self.pids.iter().map(u32::to_string).collect();
            parts.push(format!("pid {}", pids.join(" or ")));
        }
        match (self.from, self.to) {
            (Some(from), Some(to)) => parts.push(format!("from {from} to {to}")),
            (Some(from), None) => parts.push(format!("from {from}")),
            (None, Some(to)) => parts.push(format!("to {to}")),
            (None, None) => {}
        }
        if let Some(condition) = &self.condition {
            let text = harmless(condition.text());
            parts.push(format!("where {}", shorten(&text, CONDITION_CHARACTERS)));
        }
        parts.join(", ")
    }
}

/// A time of one trace on the axis of all of them.
fn on_axis(member: &Member, ns: u64) -> u64 {
    member.offset_ns.saturating_add(ns)
}

/// The rows of a trace, as far as the table goes.
fn rows(member: &Member, length: usize) -> Range<usize> {
    member.rows.start.min(length)..member.rows.end.min(length)
}

/// The class of this name.
///
/// # Errors
/// The names there are.
pub fn class(name: &str) -> Result<Class, String> {
    Class::ALL.iter().copied().find(|class| class.as_str() == name).ok_or_else(|| {
        let known: Vec<&str> = Class::ALL.iter().map(|class| class.as_str()).collect();
        format!("the classes are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests;
