//! Several traces: which they are, and how complete each is.

use std::ops::Range;

use super::screen::Screen;
use super::{heading, limits};
use crate::error::Error;
use crate::field::Field;
use crate::group::{Measures, grouped, rows};
use crate::load::Loaded;
use crate::table::known;
use crate::text::shorten;
use crate::units::{count, duration, utc};

/// Longest description of a target that is shown whole.
const TARGET_CHARACTERS: usize = 40;

/// One line a trace, and what is true of all.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn write(screen: &mut Screen, loaded: &Loaded) -> Result<(), Error> {
    let traces = count(loaded.members.len() as u64);
    screen.heading(&format!("{}: page faults of {traces} recordings", loaded.name));
    heading::damage_and_notes(screen, loaded);
    heading::selected(screen, loaded);
    let groups =
        rows(&grouped(loaded, &[Field::Trace], Measures { pages: false, percentiles: false })?)?;
    let lines = loaded.members.iter().map(|member| {
        let group = groups.iter().find(|group| group.key(0) == member.name);
        let flaws = member.flaws.join(", ");
        let Range { start, end } = member.span_ns();
        vec![
            member.name.clone(),
            shorten(&member.target, TARGET_CHARACTERS),
            if flaws.is_empty() { "whole".to_owned() } else { flaws },
            utc(member.start_realtime_ns),
            duration(loaded.recorded_between_ns(start, end)),
            count(group.map_or(0, |group| group.faults)),
            count(group.map_or(0, |group| group.major)),
            known(group.and_then(|group| group.stall_ns), duration),
        ]
    });
    let header = ["trace", "target", "state", "recorded", "length", "faults", "major", "stall"];
    screen.table(&header, 4, lines.collect());
    limits::write(screen, loaded);
    screen.paragraph(
        "details of each trace: pfreport TRACE; below the faults of all, times and shares of the sum of their lengths",
    );
    Ok(())
}
