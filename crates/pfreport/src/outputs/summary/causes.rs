//! What the faults cost, by class and cause.

use pfmodel::names::{Cause, Class};

use super::counts::Counts;
use super::figures::Figures;
use super::screen::Screen;
use crate::figures::scope::Scope;
use crate::load::Loaded;
use crate::print::cell::Cell;
use crate::print::units::{counted, duration, percent};
use crate::rows::group::Group;

/// The groups by class and cause, each with the wall time in which at least one thread was stalled so,
/// if latencies are known.
pub fn causes(figures: &Figures) -> impl Iterator<Item = (&Group, Option<u64>)> {
    let wall_ns = move |group: &Group| {
        let class = Class::ALL.iter().find(|class| class.as_str() == group.key(0))?;
        let cause = Cause::ALL.iter().find(|cause| cause.as_str() == group.key(1))?;
        group.stall_ns.map(|_| figures.stall.cause_ns(*class, *cause))
    };
    figures.causes.iter().map(move |group| (group, wall_ns(group)))
}

pub fn write(screen: &mut Screen, loaded: &Loaded, figures: &Figures) {
    let wall_ns = loaded.recorded_ns();
    let lines = causes(figures).map(|(group, cause_ns)| {
        vec![
            Cell::Name(group.key(0).to_owned()),
            Cell::Name(group.key(1).to_owned()),
            Cell::Count(group.faults),
            Cell::known(group.pages, Cell::Count),
            Cell::known(group.touched_bytes.filter(|&n| n > 0), Cell::Bytes),
            Cell::known(group.stall_ns, Cell::Duration),
            Cell::known(cause_ns, |ns| Cell::Share(ns, wall_ns)),
            Cell::known(group.p50_ns, Cell::Duration),
            Cell::known(group.p90_ns, Cell::Duration),
            Cell::known(group.p99_ns, Cell::Duration),
            Cell::known(group.max_ns, Cell::Duration),
        ]
    });
    screen.heading("Faults by class and cause");
    let header = [
        "class", "cause", "faults", "pages", "touched", "stall", "wall", "p50", "p90", "p99", "max",
    ];
    screen.table(&header, 2, lines.collect());
    let scope = Scope::of(loaded);
    let caveat = scope
        .caveat(loaded.skipped())
        .map_or_else(String::new, |caveat| format!("all figures here and below: {caveat}; "));
    let touched = "touched: distinct pages × size installed";
    screen.paragraph(&if scope.latency {
        format!(
            "{caveat}stall: sum over all threads{}; wall: share of the {} in which at least one thread was \
             stalled so ({} by any fault); {touched}",
            earlier(&figures.counts),
            duration(wall_ns),
            percent(figures.stall.total.length_ns, wall_ns)
        )
    } else {
        format!("{caveat}{touched}")
    });
}

/// From when on faults that began before the trace count.
fn earlier(counts: &Counts) -> String {
    match counts.began_before {
        0 => String::new(),
        n => format!(" (since the start, for {} that began before it)", counted(n, "fault")),
    }
}
