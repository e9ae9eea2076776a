//! Several traces: which they are, and how complete each is.

use std::ops::Range;

use super::figures::Figures;
use super::screen::Screen;
use super::{heading, limits};
use crate::load::Loaded;
use crate::print::cell::Cell;
use crate::print::units::{count, utc};

/// Longest description of a target that is shown whole.
const TARGET_CHARACTERS: usize = 40;

/// One line a trace, and what is true of all.
pub fn write(screen: &mut Screen, loaded: &Loaded, figures: &Figures) {
    let traces = count(loaded.members.len() as u64);
    screen.heading(&format!("{}: page faults of {traces} recordings", loaded.name));
    heading::damage_and_notes(screen, loaded);
    heading::selected(screen, loaded, figures.counts.faults);
    let lines = loaded.members.iter().map(|member| {
        let group = figures.traces.iter().find(|group| group.key(0) == member.name);
        let flaws = member.flaws.join(", ");
        let Range { start, end } = member.span_ns();
        vec![
            Cell::Name(member.name.clone()),
            Cell::LongName(member.target.clone(), TARGET_CHARACTERS),
            Cell::Name(if flaws.is_empty() { "whole".to_owned() } else { flaws }),
            Cell::Name(member.wall_start_ns().map_or_else(|| "unknown".to_owned(), utc)),
            Cell::Duration(loaded.recorded_between_ns(start, end)),
            Cell::Count(group.map_or(0, |group| group.faults)),
            Cell::Count(group.map_or(0, |group| group.major)),
            Cell::known(group.and_then(|group| group.stall_ns), Cell::Duration),
        ]
    });
    let header = ["trace", "target", "state", "recorded", "length", "faults", "major", "stall"];
    screen.table(&header, 4, lines.collect());
    limits::write(screen, loaded);
    screen.paragraph(
        "details of each trace: pfreport TRACE; below the faults of all, times and shares of the sum of their lengths",
    );
}
