//! The one-screen summary: what was recorded, how exact it is, what the faults cost, where and why.

mod captured;
mod causes;
mod code;
mod diagnosis;
mod exactness;
mod heading;
mod limits;
mod losses;
mod next;
pub mod oom;
mod phases;
pub(crate) mod screen;
#[cfg(test)]
pub(crate) mod tests;
mod top;

use crate::error::Error;
use crate::field::Field;
use crate::group::{Measures, grouped, rows};
use crate::layout::Layout;
use crate::load::Loaded;
use crate::scope::Scope;
use crate::stall::WallStall;
use pfmodel::names::Class;
use screen::Screen;

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

/// The summary as text. Its last line is `Summary: major=… minor=… cow=…`, for scripts.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn render(loaded: &Loaded, style: Style) -> Result<String, Error> {
    let stall = WallStall::of(&loaded.analysis);
    let mut screen = Screen::new(style.layout);
    heading::write(&mut screen, loaded);
    oom::write(&mut screen, loaded);
    exactness::write(&mut screen, loaded);
    if !loaded.analysis.faults.is_empty() {
        causes::write(&mut screen, loaded, &stall)?;
        phases::write(&mut screen, loaded, style.top)?;
        // One pass over the table; who, where and why are sums of its groups.
        let cells = rows(&grouped(loaded, &CELL, Measures { pages: false, percentiles: false })?)?;
        top::processes(&mut screen, loaded, &cells, &stall, style.top);
        top::regions(&mut screen, &cells, style.top);
        // One function has several lines of causes elsewhere: half a list leaves it one screen.
        code::functions(&mut screen, loaded, style.top.div_ceil(2))?;
        diagnosis::write(&mut screen, loaded, &cells);
    }
    next::write(&mut screen, loaded);
    let mut text = screen.into_text();
    text.push('\n');
    text.push_str(&last_line(loaded));
    text.push('\n');
    Ok(text)
}

/// `Summary: major=12 minor=542 cow=3`: the faults that were captured, stored or not. `unrecorded` is
/// what was left out on request, `unknown` what cannot be told: without error codes cow faults hide
/// among the minor ones, and so they do among those that were too fast to be stored.
#[must_use]
pub fn last_line(loaded: &Loaded) -> String {
    let count = |class| loaded.class_count(class);
    let unknown = || "unknown".to_owned();
    let skipped = loaded.skipped();
    let major = skipped.map(|[_, major]| (count(Class::Major).saturating_add(major)).to_string());
    let [minor, cow] = match skipped {
        _ if Scope::of(loaded).major_only => [(); 2].map(|()| Some("unrecorded".to_owned())),
        None => [None, None],
        Some([0, _]) if loaded.analysis.exactness.error_code => {
            [Class::Minor, Class::Cow].map(|class| Some(count(class).to_string()))
        }
        Some([minor, _]) => {
            let stored = count(Class::Minor).saturating_add(count(Class::Cow));
            [Some(stored.saturating_add(minor).to_string()), None]
        }
    };
    let [major, minor, cow] = [major, minor, cow].map(|value| value.unwrap_or_else(unknown));
    format!("Summary: major={major} minor={minor} cow={cow}")
}
