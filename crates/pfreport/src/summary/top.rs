//! Who faulted, and where.

use pfmodel::table::{Analysis, Process, Thread};

use super::screen::Screen;
use super::{PLACE, PROCESS, THREAD};
use crate::cell::Cell;
use crate::faults;
use crate::group::{Group, rolled_up};
use crate::load::Loaded;
use crate::scope::Scope;
use crate::stall::WallStall;
use crate::text::printable;
use crate::units::{count, counted, duration, percent};

/// Rate of major faults per second at which the usual alert fires.
pub const ALERT_PER_SECOND: u64 = 500;

/// Shortest life over which a rate per second means something.
const RATE_LIFE_MIN_NS: u64 = 1_000_000_000;

/// The processes with the most stall time; one process alone in two lines.
pub fn processes(
    screen: &mut Screen,
    loaded: &Loaded,
    cells: &[Group],
    stall: &WallStall,
    top: usize,
) {
    let groups = rolled_up(cells, &PROCESS);
    let analysis = &loaded.analysis;
    let lines = groups.iter().take(top).filter_map(|group| {
        let (number, process) = process(analysis, group)?;
        let life_ns = life_ns(loaded, process);
        let stalled = stall.processes.get(number).map_or(0, |union| union.length_ns);
        Some(vec![
            Cell::Id(u64::from(process.pid)),
            Cell::Name(comm(analysis, process.comm)),
            Cell::Count(group.faults),
            Cell::Count(group.major),
            // The rate of a moment would alarm without cause.
            if life_ns < RATE_LIFE_MIN_NS {
                Cell::Unknown
            } else {
                Cell::Rate(group.major, life_ns)
            },
            Cell::known(group.stall_ns, Cell::Duration),
            group.stall_ns.map_or(Cell::Unknown, |_| Cell::Share(stalled, life_ns)),
            Cell::Duration(life_ns),
        ])
    });
    screen.heading(&match groups.len() {
        1 => "Process".to_owned(),
        all if all > top => format!("Processes: the costliest {top} of {}", count(all as u64)),
        _ => "Processes".to_owned(),
    });
    let header = ["pid", "name", "faults", "major", "major/s", "stall", "stalled", "life"];
    screen.table(&header, 2, lines.collect());
    if let Some(rest) = groups.get(top..).filter(|rest| !rest.is_empty()) {
        screen.paragraph(&rest_of(rest));
    }
    let stalled = "stalled: share of the life with at least one thread stalled".to_owned();
    let alarming = groups.iter().filter(|group| exceeds_alert(loaded, group)).count();
    let alarming = match alarming {
        0 => String::new(),
        1 => " (exceeded by 1 process)".to_owned(),
        many => format!(" (exceeded by {} processes)", count(many as u64)),
    };
    let alert = format!("the usual alert is {ALERT_PER_SECOND} major faults/s{alarming}");
    let stalled = Some(stalled).filter(|_| Scope::of(loaded).latency);
    let notes: Vec<String> =
        [stalled, Some(alert), thread(loaded, cells)].into_iter().flatten().collect();
    screen.paragraph(&notes.join("; "));
}

/// What the groups that are not listed add up to.
pub fn rest_of(groups: &[Group]) -> String {
    let sum = |of: fn(&Group) -> u64| groups.iter().map(of).fold(0, u64::saturating_add);
    let stall = match total_stall_ns(groups) {
        0 => String::new(),
        ns => format!(", {} of stall", duration(ns)),
    };
    format!(
        "and {} more: {}, {} major{stall}",
        count(groups.len() as u64),
        counted(sum(|group| group.faults), "fault"),
        count(sum(|group| group.major))
    )
}

/// Whether the major faults of a process alone would fire the usual alert.
fn exceeds_alert(loaded: &Loaded, group: &Group) -> bool {
    process(&loaded.analysis, group).is_some_and(|(_, process)| {
        let life_ns = life_ns(loaded, process);
        let seconds = life_ns as f64 / 1e9;
        life_ns >= RATE_LIFE_MIN_NS && group.major as f64 > ALERT_PER_SECOND as f64 * seconds
    })
}

/// The thread that waited longest, if there are several.
fn thread(loaded: &Loaded, cells: &[Group]) -> Option<String> {
    let groups = rolled_up(cells, &THREAD);
    let group = groups.first().filter(|_| groups.len() > 1)?;
    let is_it = |thread: &&Thread| {
        thread.proc.to_string() == group.key(0) && thread.tid.to_string() == group.key(1)
    };
    let since_ns = loaded.recorded_since_ns();
    let threads = loaded.analysis.threads.iter().filter(is_it);
    let lives = threads.map(|thread| thread.to_ns.saturating_sub(thread.from_ns.max(since_ns)));
    let life_ns: u64 = lives.sum();
    group.stall_ns.map(|ns| {
        let share = if life_ns > 0 {
            format!(", {} of its {}", percent(ns, life_ns), duration(life_ns))
        } else {
            String::new()
        };
        format!("longest stalled thread: {} ({}{share})", group.key(1), duration(ns))
    })
}

/// The regions with the most stall time.
pub fn regions(screen: &mut Screen, cells: &[Group], top: usize) {
    let groups = rolled_up(cells, &PLACE);
    let stall_ns = total_stall_ns(&groups);
    let faults: u64 = groups.iter().map(|group| group.faults).sum();
    let lines = groups.iter().take(top).map(|group| {
        vec![
            Cell::Name(faults::place(group.keys.get(2).and_then(Option::as_deref), group.key(0))),
            Cell::Name(group.key(1).to_owned()),
            Cell::Count(group.faults),
            Cell::Share(group.faults, faults),
            Cell::Count(group.major),
            Cell::known(group.stall_ns, Cell::Duration),
            group.stall_ns.map_or(Cell::Unknown, |ns| Cell::Share(ns, stall_ns)),
            Cell::known(group.max_ns, Cell::Duration),
        ]
    });
    screen.heading("Regions and files");
    let header = ["region", "kind", "faults", "of all", "major", "stall", "of all", "max"];
    screen.table(&header, 2, lines.collect());
    if let Some(rest) = groups.get(top..).filter(|rest| !rest.is_empty()) {
        screen.paragraph(&rest_of(rest));
    }
}

/// Path of the file of a group by region, kind and path; the region's name where there is no file.
pub fn place(group: &Group) -> &str {
    match group.key(2) {
        "-" => group.key(0),
        path => path,
    }
}

/// Stall time of all groups together.
pub fn total_stall_ns(groups: &[Group]) -> u64 {
    groups.iter().filter_map(|group| group.stall_ns).fold(0, u64::saturating_add)
}

fn process<'a>(analysis: &'a Analysis, group: &Group) -> Option<(usize, &'a Process)> {
    let number = group.key(0).parse().ok()?;
    Some((number, analysis.processes.get(number)?))
}

fn comm(analysis: &Analysis, comm: u32) -> String {
    analysis.comms.get(comm as usize).map_or_else(|| "?".to_owned(), |comm| printable(comm))
}

/// Life of a process while faults were recorded.
fn life_ns(loaded: &Loaded, process: &Process) -> u64 {
    let from_ns = process.first_seen_ns.max(loaded.recorded_since_ns());
    process.exit_ns.unwrap_or(loaded.analysis.duration_ns).saturating_sub(from_ns)
}
