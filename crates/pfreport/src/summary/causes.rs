//! What the faults cost, by class and cause.

use pfmodel::names::{Cause, Class};

use super::screen::Screen;
use crate::cell::Cell;
use crate::error::Error;
use crate::field::Field;
use crate::group::{Group, Measures, grouped, rows};
use crate::load::Loaded;
use crate::scope::Scope;
use crate::stall::WallStall;
use crate::units::{counted, duration, percent};

/// The groups by class and cause, each with the wall time in which at least one thread was stalled so,
/// if latencies are known.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn causes(loaded: &Loaded, stall: &WallStall) -> Result<Vec<(Group, Option<u64>)>, Error> {
    let everything = Measures { pages: true, percentiles: true };
    let causes = rows(&grouped(loaded, &[Field::Class, Field::Cause], everything)?)?;
    let wall_ns = |group: &Group| {
        let class = Class::ALL.iter().find(|class| class.as_str() == group.key(0))?;
        let cause = Cause::ALL.iter().find(|cause| cause.as_str() == group.key(1))?;
        group.stall_ns.map(|_| stall.cause_ns(*class, *cause))
    };
    let with_wall = |group| {
        let wall_ns = wall_ns(&group);
        (group, wall_ns)
    };
    Ok(causes.into_iter().map(with_wall).collect())
}

pub fn write(screen: &mut Screen, loaded: &Loaded, stall: &WallStall) -> Result<(), Error> {
    let wall_ns = loaded.recorded_ns();
    let causes = causes(loaded, stall)?;
    let lines = causes.iter().map(|(group, cause_ns)| {
        vec![
            Cell::Name(group.key(0).to_owned()),
            Cell::Name(group.key(1).to_owned()),
            Cell::Count(group.faults),
            Cell::known(group.pages, Cell::Count),
            Cell::known(group.touched_bytes.filter(|&n| n > 0), Cell::Bytes),
            Cell::known(group.stall_ns, Cell::Duration),
            Cell::known(*cause_ns, |ns| Cell::Share(ns, wall_ns)),
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
            earlier(loaded),
            duration(wall_ns),
            percent(stall.total.length_ns, wall_ns)
        )
    } else {
        format!("{caveat}{touched}")
    });
    Ok(())
}

/// From when on faults that began before the trace count.
fn earlier(loaded: &Loaded) -> String {
    match loaded.analysis.faults.before_ns.len() as u64 {
        0 => String::new(),
        n => format!(" (since the start, for {} that began before it)", counted(n, "fault")),
    }
}
