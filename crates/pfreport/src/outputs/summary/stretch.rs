//! The diagnosis of a trace that came in parts.

use std::ops::Range;
use std::time::Duration;

use super::diagnosis::{Diagnosis, Findings};
use super::figures::{Figures, cells};
use super::kept::Rows;
use super::screen::Screen;
use super::top::total_stall_ns;
use crate::error::Error;
use crate::load::Loaded;
use crate::print::text::shell_word;
use crate::print::units::{count, counted, duration, percent};
use crate::rows::group::Group;
use crate::select::{Moment, Selection};

/// What a diagnosis is of, where that is not all faults of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    heading: String,
    command: String,
}

impl Stretch {
    /// What is above the diagnosis.
    pub fn write(&self, screen: &mut Screen) {
        screen.heading(&self.heading);
        screen.paragraph(
            "All faults at once would take more memory than is allowed: the rules looked at those of this stretch of \
             time. The same by itself, and with --advice all evidence:",
        );
        screen.verbatim(&format!("    {}\n", self.command));
    }
}

/// Which faults were asked for, and what counts as slow: what a command needs to choose some of them.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// Which faults.
    pub selection: &'a Selection,
    /// The threshold, if it was given.
    pub slow_threshold: Option<Duration>,
}

/// The diagnosis of `rows` of a trace, which is without rows before and behind it.
///
/// # Errors
/// Those of [`Selection::apply`].
pub fn diagnosis(
    loaded: &mut Loaded,
    figures: &Figures,
    rows: Rows,
    choice: Choice<'_>,
) -> Result<Option<Diagnosis>, Error> {
    let before = (loaded.selection.clone(), loaded.members.clone());
    let diagnosis = match rows {
        Rows::All(rows) => {
            loaded.put(rows);
            Diagnosis::of(Findings::of(loaded), &figures.cells)
        }
        Rows::Stretch(rows, window_ns) => {
            loaded.put(rows);
            Some(of_stretch(loaded, figures, window_ns, choice)?)
        }
    };
    loaded.put(Default::default());
    (loaded.selection, loaded.members) = before;
    Ok(diagnosis)
}

/// The same as of the faults that a command would choose.
fn of_stretch(
    loaded: &mut Loaded,
    figures: &Figures,
    window_ns: Range<u64>,
    choice: Choice<'_>,
) -> Result<Diagnosis, Error> {
    let of_all = loaded.row_name();
    let selection = choice.selection.during(&window_ns);
    for member in &mut loaded.members {
        member.window_ns = Some(window_ns.clone());
    }
    selection.apply(loaded)?;
    let cells = cells(loaded)?;
    let Some(mut diagnosis) = Diagnosis::of(Findings::of(loaded), &cells) else {
        return Ok(Diagnosis::none(
            "All faults at once would take more memory than is allowed, and so would those of a single moment: there \
             is no stretch of time to look at.",
        ));
    };
    let faults = count(loaded.analysis.faults.len() as u64);
    let of_all = counted(figures.counts.faults, of_all);
    let [from, to] = [window_ns.start, window_ns.end].map(duration);
    let share = share(&cells, &figures.cells);
    let threshold = choice.slow_threshold.map(|threshold| {
        let ns = u64::try_from(threshold.as_nanos()).unwrap_or(u64::MAX);
        format!("--slow-threshold {}", Moment::Ns(ns).option())
    });
    let mut words = vec!["pfreport".to_owned(), shell_word(&loaded.path)];
    words.extend(selection.options());
    words.extend(threshold);
    diagnosis.stretch = Some(Stretch {
        heading: format!(
            "Diagnosis of the costliest stretch, {from} to {to}: {faults} of {of_all}{share}"
        ),
        command: words.join(" "),
    });
    Ok(diagnosis)
}

/// What some groups make up of all: of the stall time, or where no latency is known of the major faults.
fn share(groups: &[Group], all: &[Group]) -> String {
    let major = |groups: &[Group]| groups.iter().map(|group| group.major).sum();
    match (total_stall_ns(all), major(all)) {
        (0, 0) => String::new(),
        (0, all_major) => format!(", {} of the major faults", percent(major(groups), all_major)),
        (all_ns, _) => format!(", {} of the stall", percent(total_stall_ns(groups), all_ns)),
    }
}
