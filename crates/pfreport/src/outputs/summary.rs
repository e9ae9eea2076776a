//! The one-screen summary: what was recorded, how exact it is, what the faults cost, where and why.

mod captured;
pub(crate) mod causes;
pub(crate) mod code;
pub(crate) mod counts;
pub(crate) mod diagnosis;
pub(crate) mod exactness;
pub(crate) mod figures;
mod heading;
pub(crate) mod kept;
pub(crate) mod limits;
mod losses;
pub(crate) mod majors;
pub(crate) mod next;
pub mod oom;
pub(crate) mod phases;
pub(crate) mod screen;
pub(crate) mod stretch;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod top;
mod traces;

use std::fmt;

use crate::error::Error;
use crate::figures::scope::Scope;
use crate::load::Loaded;
use crate::print::layout::Layout;
use crate::print::units::counted;
use crate::rows::field::Field;
use counts::Counts;
use diagnosis::{Diagnosis, Findings};
use figures::Figures;
use pfmodel::names::Class;
use screen::{Part, Screen};

/// How a summary looks.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Rows of each list of processes, regions, ….
    pub top: usize,
    /// What it is laid out for.
    pub layout: Layout,
}

/// What tells apart the groups that the lists of the summary add up.
const CELL: [Field; 7] = [
    Field::Proc,
    Field::Tid,
    Field::Region,
    Field::RegionKind,
    Field::Path,
    Field::Class,
    Field::Cause,
];
/// Positions in [`CELL`]: who.
const PROCESS: [usize; 1] = [0];
const THREAD: [usize; 2] = [0, 1];
/// Where.
const PLACE: [usize; 3] = [2, 3, 4];
/// Where, and why.
const PLACE_AND_CAUSE: [usize; 5] = [2, 3, 4, 5, 6];

/// The parts of a summary, each a page of its own.
#[derive(Debug)]
pub(crate) struct Sections {
    /// What was recorded, under the title.
    pub heading: Screen,
    /// Who was killed because memory ran out.
    pub oom: Screen,
    /// What is missing.
    pub exactness: Screen,
    /// By class and cause, phase, process, …: in the order of [`Sections::TABLES`].
    pub tables: Vec<Screen>,
    /// Why.
    pub diagnosis: Option<Diagnosis>,
    /// Why there is nothing of the above, if so.
    pub nothing: Option<String>,
}

impl Sections {
    /// What the tables are of. Those that say nothing are empty.
    pub const TABLES: [&str; 6] =
        ["causes", "phases", "processes", "majors", "regions", "functions"];

    /// Everything but the commands to run next, of a trace that need not have rows any more.
    pub fn with(
        loaded: &Loaded,
        figures: &Figures,
        diagnosis: Option<Diagnosis>,
        style: Style,
    ) -> Self {
        let page = |write: &dyn Fn(&mut Screen)| {
            let mut screen = Screen::new(style.layout);
            write(&mut screen);
            screen
        };
        let Figures { counts, stall, cells, phases, functions, .. } = figures;
        let top = style.top;
        let mut sections = Self {
            heading: page(&|screen| match loaded.are_several() {
                true => traces::write(screen, loaded, figures),
                false => heading::write(screen, loaded, counts.faults),
            }),
            oom: page(&|screen| oom::write(screen, loaded)),
            exactness: page(&|screen| {
                // That of several traces is beside each of them.
                if !loaded.are_several() {
                    exactness::write(screen, loaded, counts);
                }
            }),
            tables: Vec::new(),
            diagnosis,
            nothing: nothing(loaded, counts),
        };
        let majors = figures.majors.rows(&loaded.analysis);
        if sections.nothing.is_none() {
            // Who, where and why are sums of the cells.
            sections.tables = vec![
                page(&|screen| causes::write(screen, loaded, figures)),
                page(&|screen| phases::write(screen, loaded, phases, top)),
                page(&|screen| top::processes(screen, loaded, cells, stall, top)),
                page(&|screen| {
                    if let Some(majors) = &majors {
                        majors::write(screen, loaded, majors, top);
                    }
                }),
                page(&|screen| top::regions(screen, cells, top)),
                // One function has several lines of causes elsewhere: half a list leaves it one screen.
                page(&|screen| {
                    if let Some(functions) = functions {
                        code::functions(screen, functions, top.div_ceil(2));
                    }
                }),
            ];
        }
        sections
    }
}

/// What a summary of a trace in memory is made of; no findings where there are no faults.
pub(crate) fn figures_and_findings(
    loaded: &Loaded,
) -> (Result<Figures, Error>, Option<Findings<'_>>) {
    let findings = || (!loaded.analysis.faults.is_empty()).then(|| Findings::of(loaded));
    rayon::join(|| Figures::of(loaded), findings)
}

/// Why there are no faults to report on; none if there are.
fn nothing(loaded: &Loaded, counts: &Counts) -> Option<String> {
    if counts.faults > 0 {
        return None;
    }
    let read = loaded.analysis.exactness.faults;
    let whose = if loaded.are_several() { "the traces" } else { "the trace" };
    let left = if loaded.damage.is_empty() { "" } else { "what is left of " };
    Some(match &loaded.selection {
        Some(selection) if read > 0 || !loaded.read.is_whole => {
            // Where not all was read, nobody knows how many there are.
            let all = match loaded.read.is_whole {
                true => format!("the {} of {whose}", counted(read, "fault")),
                false => format!("the faults of {whose}"),
            };
            format!("None of {all} is selected: {}.", selection.what)
        }
        _ => format!("There are no faults in {left}{whose}."),
    })
}

/// The summary as text. Its last line is `Summary: major=… minor=… cow=…`, for scripts.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn render(loaded: &Loaded, style: Style) -> Result<String, Error> {
    let (figures, findings) = figures_and_findings(loaded);
    let figures = figures?;
    let diagnosis = findings.and_then(|findings| Diagnosis::of(findings, &figures.cells));
    Ok(text(loaded, &figures, diagnosis, style))
}

/// The same of a trace that need not have rows any more.
pub(crate) fn text(
    loaded: &Loaded,
    figures: &Figures,
    diagnosis: Option<Diagnosis>,
    style: Style,
) -> String {
    let sections = Sections::with(loaded, figures, diagnosis, style);
    let mut screen = sections.heading;
    screen.append(sections.oom);
    screen.append(sections.exactness);
    let has_majors = figures.majors.are_all();
    for (table, section) in Sections::TABLES.into_iter().zip(sections.tables) {
        // What major faults wait for says it of each process, and all should be one screen.
        if !(has_majors && matches!(table, "regions" | "functions")) {
            screen.append(section);
        }
    }
    if let Some(diagnosis) = sections.diagnosis {
        diagnosis.write(&mut screen);
    }
    if let Some(why) = sections.nothing {
        screen.heading("Nothing to show");
        screen.paragraph(&why);
    }
    next::write(&mut screen, loaded, &figures.counts);
    let mut text = screen.into_text();
    text.push('\n');
    text.push_str(&last_line(loaded, |class| figures.counts.class(class)));
    text.push('\n');
    text
}

/// How many faults of a class were captured, stored or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Captured {
    /// So many.
    Number(u64),
    /// Left out on request.
    Unrecorded,
    /// Cannot be told: without error codes cow faults hide among the minor ones, and so they do among
    /// those that were too fast to be stored.
    Unknown,
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Unrecorded => f.write_str("unrecorded"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// How complete the recording is, as the summary says it: what each line is of, and its text.
#[must_use]
pub fn exactness_lines(loaded: &Loaded) -> Vec<(String, String)> {
    let mut screen = Screen::new(Layout::PIPED);
    exactness::write(&mut screen, loaded, &Counts::of(loaded));
    let lines = screen.into_parts().into_iter().filter_map(|part| match part {
        Part::Labelled(label, text) => Some((label, text)),
        _ => None,
    });
    lines.collect()
}

/// Major, minor and cow faults that were captured, or those of them that are selected, which are stored. `count`
/// tells the rows of a class.
pub(crate) fn captured_by_class(loaded: &Loaded, count: impl Fn(Class) -> u64) -> [Captured; 3] {
    let skipped = if loaded.selection.is_some() { Some([0; 2]) } else { loaded.skipped() };
    let scope = Scope::of(loaded);
    // A fault of which only the entry is known may be of any class that was not recorded.
    let other = match count(Class::Unknown) {
        0 => Captured::Unrecorded,
        _ => Captured::Unknown,
    };
    let major = match skipped {
        _ if !scope.completions.major => other,
        None => Captured::Unknown,
        Some([_, major]) => Captured::Number(count(Class::Major).saturating_add(major)),
    };
    let [minor, cow] = match skipped {
        _ if scope.major_only => [Captured::Unrecorded; 2],
        _ if !scope.completions.minor => [other; 2],
        None => [Captured::Unknown; 2],
        Some([0, _]) if loaded.analysis.exactness.error_code => {
            [Class::Minor, Class::Cow].map(|class| Captured::Number(count(class)))
        }
        Some([minor, _]) => {
            let stored = count(Class::Minor).saturating_add(count(Class::Cow));
            [Captured::Number(stored.saturating_add(minor)), Captured::Unknown]
        }
    };
    [major, minor, cow]
}

/// `Summary: major=12 minor=542 cow=3`.
pub(crate) fn last_line(loaded: &Loaded, count: impl Fn(Class) -> u64) -> String {
    let [major, minor, cow] = captured_by_class(loaded, &count);
    let unknown = match count(Class::Unknown) {
        0 => String::new(),
        unknown => format!(" unknown={unknown}"),
    };
    format!("Summary: major={major} minor={minor} cow={cow}{unknown}")
}
