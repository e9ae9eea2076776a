//! A line of text a fault: see [`pfmodel::lines`].

use std::fmt::Write as _;

use pfmodel::lines::{self, Line, push_count};

use super::lines::FaultLine;
use super::tally::Totals;

/// Appends the line of a fault.
pub fn push_fault(out: &mut String, line: &FaultLine<'_>) {
    let line = Line {
        time_ns: line.over_ns,
        class: line.judged.class,
        addr: line.addr,
        region: line.judged.place.map(|place| place.region),
        offset: line.offset(),
        latency_ns: line.latency_ns,
    };
    lines::push_fault(out, &line);
}

/// Appends the line that says that others are missing.
pub fn push_dropped(out: &mut String, lines: u64) {
    out.push_str("... ");
    push_count(out, lines);
    out.push_str(if lines == 1 { " line dropped\n" } else { " lines dropped\n" });
}

/// Appends the last line: `Summary: major=12 minor=542 cow=3`, as that of a report.
pub fn push_summary(out: &mut String, totals: &Totals) {
    let Totals { major, minor, cow, .. } = totals;
    // Writing to a String cannot fail.
    let _ = writeln!(out, "Summary: major={major} minor={minor} cow={cow}");
}
