//! What each phase of a marked recording cost.

use std::collections::BTreeMap;
use std::ops::Range;

use super::screen::Screen;
use crate::load::{Loaded, Mark};
use crate::print::cell::Cell;
use crate::print::units::count;
use crate::rows::group::Group;

/// What tables call the time before the first mark.
pub const BEFORE: &str = "(before the first mark)";

/// When a phase began first, and how long it lasted in all while faults were recorded: a name may be
/// marked several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Beginning of the first, since the start of the trace.
    pub from_ns: u64,
    /// All lengths together.
    pub length_ns: u64,
}

/// Phases of a recording.
#[derive(Debug)]
pub struct Phases {
    /// The costliest ones, in order of time, with their groups by column `phase`.
    pub shown: Vec<(Option<Span>, Group)>,
    /// The groups of the others.
    pub more: Vec<Group>,
    /// Phases without faults.
    pub idle: usize,
}

/// The costliest `top` of the groups by phase; none without marks.
pub fn phases(loaded: &Loaded, mut groups: Vec<Group>, top: usize) -> Option<Phases> {
    if loaded.marks.is_empty() {
        return None;
    }
    let spans = spans(loaded);
    let idle = spans.len().saturating_sub(groups.len());
    let more = groups.split_off(top.min(groups.len()));
    let span = |group: &Group| {
        let name = group.keys.first().and_then(Option::as_deref);
        spans.get(&name).copied()
    };
    let mut shown: Vec<_> = groups.into_iter().map(|group| (span(&group), group)).collect();
    shown.sort_by_key(|(span, _)| span.map(|span| span.from_ns));
    Some(Phases { shown, more, idle })
}

/// The costliest phases, in order of time; nothing without marks.
pub fn write(screen: &mut Screen, loaded: &Loaded, groups: &[Group], top: usize) {
    let Some(Phases { shown, more, idle }) = phases(loaded, groups.to_vec(), top) else {
        return;
    };
    let lines = shown.into_iter().map(|(span, group)| {
        vec![
            Cell::Name(group.keys.first().cloned().flatten().unwrap_or_else(|| BEFORE.to_owned())),
            // Each trace has a beginning of its own.
            Cell::known(span.map(|s| s.from_ns).filter(|_| !loaded.are_several()), Cell::Moment),
            Cell::known(span.map(|span| span.length_ns), Cell::Duration),
            Cell::Count(group.faults),
            Cell::Count(group.major),
            Cell::known(group.stall_ns, Cell::Duration),
            Cell::known(group.p50_ns, Cell::Duration),
            Cell::known(group.p99_ns, Cell::Duration),
            Cell::known(group.max_ns, Cell::Duration),
        ]
    });
    screen.heading("Phases");
    let header = ["phase", "begins", "length", "faults", "major", "stall", "p50", "p99", "max"];
    screen.table(&header, 1, lines.collect());
    if !loaded.windows().is_empty() {
        screen.paragraph("length: of the time that is selected");
    } else if loaded.recorded_since_ns() > 0 {
        screen.paragraph("length: of the time after the delay");
    }
    for (number, what) in [(more.len(), "more"), (idle, "without faults")] {
        if number > 0 {
            screen.paragraph(&format!("and {} {what}", count(number as u64)));
        }
    }
}

/// All phases; none stands for the time before the first mark, if there is any.
fn spans(loaded: &Loaded) -> BTreeMap<Option<&str>, Span> {
    let mut spans = BTreeMap::new();
    let mut add = |name, from_ns: u64, to_ns: u64, since_ns: u64| {
        // What was over before, or is not selected, is no phase without faults.
        let length_ns = loaded.recorded_between_ns(from_ns, to_ns);
        if length_ns == 0 && (from_ns < since_ns || !loaded.windows().is_empty()) {
            return;
        }
        let span = spans.entry(name).or_insert(Span { from_ns, length_ns: 0 });
        span.length_ns += length_ns;
    };
    for (Range { start: begin_ns, end: end_ns }, since_ns) in loaded.stretches() {
        let inside = |mark: &&Mark| (begin_ns..=end_ns).contains(&mark.time_ns);
        let marks: Vec<&Mark> = loaded.marks.iter().filter(inside).collect();
        let first_ns = marks.first().map_or(end_ns, |mark| mark.time_ns);
        if first_ns > begin_ns {
            add(None, begin_ns, first_ns, since_ns);
        }
        for (i, mark) in marks.iter().enumerate() {
            let to_ns = marks.get(i + 1).map_or(end_ns, |next| next.time_ns);
            add(Some(mark.name.as_str()), mark.time_ns, to_ns, since_ns);
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use pft::keys::fact;

    use super::{BTreeMap, Span, spans};
    use crate::made_up;

    #[test]
    fn a_name_that_comes_back_is_one_phase() {
        let mut loaded = made_up::empty();
        let second = 1_000_000_000;
        for (time, name) in [(1, "load"), (3, "serve"), (6, "load"), (7, "serve")] {
            made_up::mark(&mut loaded, time * second, name);
        }
        let span = |from, length| Span { from_ns: from * second, length_ns: length * second };
        let expected =
            [(None, span(0, 1)), (Some("load"), span(1, 3)), (Some("serve"), span(3, 6))];
        assert_eq!(spans(&loaded), BTreeMap::from(expected));
        let delay = fact::CAPTURE_DELAY_NS.to_owned();
        loaded.facts.insert(delay.clone(), (4 * second).to_string());
        let expected = [(Some("load"), span(6, 1)), (Some("serve"), span(3, 5))];
        assert_eq!(spans(&loaded), BTreeMap::from(expected));
        loaded.facts.remove(&delay);
        loaded.marks[0].time_ns = 0;
        assert!(!spans(&loaded).contains_key(&None));
    }
}
