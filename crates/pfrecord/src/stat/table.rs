//! Tables of `--stat`: a process or thread a line.

use std::time::Duration;

use pfcapture::{Faults, Processes};
use pft::text::printable;

use crate::summary::{plural, thousands};

/// Processes in the table of the whole machine.
const PROCESSES: usize = 20;

/// The processes with most faults, and what the counters have beyond `/proc` or it beyond them.
pub fn process_table(processes: &Processes, counted: Faults, duration: Duration) -> Vec<String> {
    let mut lines = vec![header("pid", "process")];
    let (named, more) = processes.rows.split_at(processes.rows.len().min(PROCESSES));
    for process in named {
        let gone = if process.gone { " (ended)" } else { "" };
        let name = format!("{}{gone}", printable(process.comm.as_bytes()));
        let faults = (process.minor, process.major);
        lines.push(row(&process.pid.to_string(), faults, duration, &name));
    }
    let others = more.len() as u64 + processes.folded;
    if others > 0 {
        let faults = more
            .iter()
            .fold((processes.folded_minor, processes.folded_major), |(minor, major), process| {
                (minor + process.minor, major + process.major)
            });
        let name = plural(others, "more process", "more processes");
        lines.push(row("", faults, duration, &name));
    }
    let (minor, major) = processes.remainder(counted);
    let beyond = |number: i64| u64::try_from(number).unwrap_or(0);
    if minor > 0 || major > 0 {
        let name = "processes that came or went between looks at /proc";
        lines.push(row("", (beyond(minor), beyond(major)), duration, name));
    }
    if minor < 0 || major < 0 {
        let less = |number: i64| match number {
            ..0 => format!("-{}", thousands(number.unsigned_abs())),
            _ => "0".to_owned(),
        };
        lines.push(columns([
            "",
            &less(minor),
            &less(major),
            "",
            "counted in /proc but not by perf (mlock, MAP_POPULATE)",
        ]));
    }
    if minor != 0 || major != 0 {
        lines.push(String::new());
        lines.push(
            "The table is what /proc tells; its last lines are the difference to the counters, in \
             which the two kinds cancel out."
                .to_owned(),
        );
    }
    lines
}

/// The header of a table of these.
pub fn header(id: &str, what: &str) -> String {
    columns([id, "minor", "major", "per second", what])
}

/// The faults of one of them.
pub fn row(id: &str, (minor, major): (u64, u64), duration: Duration, name: &str) -> String {
    columns([id, &thousands(minor), &thousands(major), &rate(minor + major, duration), name])
}

fn columns([id, minor, major, rate, name]: [&str; 5]) -> String {
    format!("{id:>10} {minor:>15} {major:>15} {rate:>14}  {name}")
}

/// Faults a second.
pub fn rate(count: u64, duration: Duration) -> String {
    if duration.is_zero() {
        return "-".to_owned();
    }
    let tenths = (count as f64 * 10.0 / duration.as_secs_f64()).round() as u64;
    format!("{}.{}", thousands(tenths / 10), tenths % 10)
}

#[cfg(test)]
mod tests {
    use pfcapture::ProcessFaults;

    use super::*;

    #[test]
    fn names_of_processes_stay_in_their_line() {
        let row = |comm: &str| ProcessFaults {
            pid: 7,
            comm: comm.to_owned(),
            minor: 5,
            major: 0,
            gone: false,
        };
        let name = |comm: &str| {
            let processes = Processes { rows: vec![row(comm)], ..Processes::default() };
            let counted = Faults { minor: 5, major: 0, entries: 5 };
            let lines = process_table(&processes, counted, Duration::from_secs(1));
            assert_eq!(lines.len(), 2);
            let name = lines[1]
                .strip_prefix("         7               5               0            5.0  ");
            name.unwrap().to_owned()
        };
        assert_eq!(name("\u{1b}[2J\n8  9"), "\\x1b[2J\\x0a8 \\x209");
        assert_eq!(name(" a\\\u{202e}"), "\\x20a\\\\\\u{202e}");
    }

    #[test]
    fn the_machine_is_accounted_for_to_the_last_fault() {
        let row = |pid: u32, minor| ProcessFaults {
            pid,
            comm: format!("p{pid}"),
            minor,
            major: u64::from(pid == 1),
            gone: pid == 2,
        };
        let mut rows = vec![row(1, 9000), row(2, 3000)];
        rows.extend((3..=22).map(|pid| row(pid, 10)));
        let processes = Processes { rows, folded: 5, folded_minor: 50, folded_major: 0 };
        let counted = Faults { minor: 12_345, major: 0, entries: 12_345 };
        let lines = process_table(&processes, counted, Duration::from_secs(1));
        assert_eq!(lines.len(), 1 + PROCESSES + 1 + 2 + 2);
        assert_eq!(
            lines[1..3],
            [
                "         1           9,000               1        9,001.0  p1",
                "         2           3,000               0        3,000.0  p2 (ended)",
            ]
        );
        assert_eq!(
            lines[21..24],
            [
                "                        70               0           70.0  7 more processes",
                "                        95               0           95.0  processes that came or went between looks at /proc",
                "                         0              -1                 counted in /proc but not by perf (mlock, MAP_POPULATE)",
            ]
        );
    }
}
