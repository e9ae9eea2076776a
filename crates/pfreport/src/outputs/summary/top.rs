//! Who faulted, and where.

use pfmodel::table::{Process, Thread};

use super::screen::Screen;
use super::{PLACE, PROCESS, THREAD};
use crate::figures::scope::Scope;
use crate::figures::stall::WallStall;
use crate::load::Loaded;
use crate::names::cgroup;
use crate::print::cell::Cell;
use crate::print::text::printable;
use crate::print::units::{count, counted, duration, percent};
use crate::rows::faults;
use crate::rows::group::{Group, rolled_up};

/// Rate of major faults per second at which the usual alert fires.
pub const ALERT_PER_SECOND: u64 = 500;

/// Shortest life over which a rate per second means something.
const RATE_LIFE_MIN_NS: u64 = 1_000_000_000;

/// A process and its faults.
#[derive(Debug)]
pub struct ProcessRow<'a> {
    /// Its number, as in [`pfmodel::table::Analysis::processes`].
    pub proc: usize,
    /// What is known of it.
    pub process: &'a Process,
    /// Its name, fit to print, if known.
    pub name: Option<String>,
    /// Its faults.
    pub group: Group,
    /// Its life while faults were recorded.
    pub life_ns: u64,
    /// How much of that at least one of its threads was stalled, if latencies are known.
    pub stalled_ns: Option<u64>,
}

impl ProcessRow<'_> {
    /// The life over which a rate means something: that of a moment would alarm without cause.
    pub fn rate_life_ns(&self) -> Option<u64> {
        Some(self.life_ns).filter(|&ns| ns >= RATE_LIFE_MIN_NS)
    }

    /// Whether the major faults of the process alone would fire the usual alert.
    pub fn exceeds_alert(&self) -> bool {
        self.rate_life_ns().is_some_and(|life_ns| {
            let seconds = life_ns as f64 / 1e9;
            self.group.major as f64 > ALERT_PER_SECOND as f64 * seconds
        })
    }
}

/// The processes that faulted, those with the most stall time first.
pub fn process_rows<'a>(
    loaded: &'a Loaded,
    cells: &[Group],
    stall: &WallStall,
) -> Vec<ProcessRow<'a>> {
    let analysis = &loaded.analysis;
    let row = |group: Group| {
        let proc: usize = group.key(0).parse().ok()?;
        let process = analysis.processes.get(proc)?;
        let stalled_ns = stall.processes.get(proc).map_or(0, |union| union.length_ns);
        Some(ProcessRow {
            proc,
            process,
            name: analysis.comms.get(process.comm as usize).map(|comm| printable(comm)),
            life_ns: life_ns(loaded, process),
            stalled_ns: group.stall_ns.map(|_| stalled_ns),
            group,
        })
    };
    rolled_up(cells, &PROCESS).into_iter().filter_map(row).collect()
}

/// The processes with the most stall time; one process alone in two lines.
pub fn processes(
    screen: &mut Screen,
    loaded: &Loaded,
    cells: &[Group],
    stall: &WallStall,
    top: usize,
) {
    let rows = process_rows(loaded, cells, stall);
    // Of processes that are all in one it tells nothing.
    let with_cgroup = cgroup::are_several(&loaded.analysis);
    let cgroup = |row: &ProcessRow<'_>| {
        let path = cgroup::path(&loaded.analysis, row.process);
        path.map_or(Cell::Unknown, |path| Cell::Name(cgroup::short(path)))
    };
    let lines = rows.iter().take(top).map(|row| {
        let names = [
            Cell::Id(u64::from(row.process.pid)),
            Cell::Name(row.name.clone().unwrap_or_else(|| "?".to_owned())),
        ];
        let cgroup = with_cgroup.then(|| cgroup(row));
        let figures = [
            Cell::Count(row.group.faults),
            Cell::Count(row.group.major),
            Cell::known(row.rate_life_ns(), |life_ns| Cell::Rate(row.group.major, life_ns)),
            Cell::known(row.group.stall_ns, Cell::Duration),
            Cell::known(row.stalled_ns, |ns| Cell::Share(ns, row.life_ns)),
            Cell::Duration(row.life_ns),
        ];
        names.into_iter().chain(cgroup).chain(figures).collect()
    });
    screen.heading(&match rows.len() {
        1 => "Process".to_owned(),
        all if all > top => format!("Processes: the costliest {top} of {}", count(all as u64)),
        _ => "Processes".to_owned(),
    });
    let names = if with_cgroup { &["pid", "name", "cgroup"][..] } else { &["pid", "name"] };
    let header = [names, &["faults", "major", "major/s", "stall", "stalled", "life"]].concat();
    screen.table(&header, names.len(), lines.collect());
    if let Some(rest) = rows.get(top..).filter(|rest| !rest.is_empty()) {
        screen.paragraph(&rest_of(rest.iter().map(|row| &row.group)));
    }
    let stalled = "stalled: share of the life with at least one thread stalled".to_owned();
    let alarming = rows.iter().filter(|row| row.exceeds_alert()).count();
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

/// What some groups add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rest {
    /// How many.
    pub groups: u64,
    /// Their faults.
    pub faults: u64,
    /// Major ones among them.
    pub major: u64,
    /// Their stall time; none if no latency is known.
    pub stall_ns: Option<u64>,
}

impl Rest {
    /// The sums.
    pub fn of<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Self {
        groups.into_iter().fold(Self::default(), |rest, group| Self {
            groups: rest.groups + 1,
            faults: rest.faults.saturating_add(group.faults),
            major: rest.major.saturating_add(group.major),
            stall_ns: match (rest.stall_ns, group.stall_ns) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (a, b) => a.or(b),
            },
        })
    }
}

impl Rest {
    /// In words.
    pub fn text(&self) -> String {
        let stall = match self.stall_ns.unwrap_or(0) {
            0 => String::new(),
            ns => format!(", {} of stall", duration(ns)),
        };
        format!(
            "and {} more: {}, {} major{stall}",
            count(self.groups),
            counted(self.faults, "fault"),
            count(self.major)
        )
    }
}

/// What the groups that are not listed add up to.
pub fn rest_of<'a>(groups: impl IntoIterator<Item = &'a Group>) -> String {
    Rest::of(groups).text()
}

/// A thread and what it waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadRow {
    /// Number of its process, as in [`pfmodel::table::Analysis::processes`].
    pub proc: usize,
    /// Its id.
    pub tid: u32,
    /// Its stall time.
    pub stall_ns: u64,
    /// Its life while faults were recorded.
    pub life_ns: u64,
}

/// The thread that waited longest, if there are several and latencies are known.
pub fn longest_thread(loaded: &Loaded, cells: &[Group]) -> Option<ThreadRow> {
    let groups = rolled_up(cells, &THREAD);
    let group = groups.first().filter(|_| groups.len() > 1)?;
    let is_it = |thread: &&Thread| {
        thread.proc.to_string() == group.key(0) && thread.tid.to_string() == group.key(1)
    };
    let threads = loaded.analysis.threads.iter().filter(is_it);
    let lives = threads.map(|thread| loaded.recorded_between_ns(thread.from_ns, thread.to_ns));
    Some(ThreadRow {
        proc: group.key(0).parse().ok()?,
        tid: group.key(1).parse().ok()?,
        stall_ns: group.stall_ns?,
        life_ns: lives.sum(),
    })
}

fn thread(loaded: &Loaded, cells: &[Group]) -> Option<String> {
    let ThreadRow { tid, stall_ns, life_ns, .. } = longest_thread(loaded, cells)?;
    let share = if life_ns > 0 {
        format!(", {} of its {}", percent(stall_ns, life_ns), duration(life_ns))
    } else {
        String::new()
    };
    Some(format!("longest stalled thread: {tid} ({}{share})", duration(stall_ns)))
}

/// Groups by region, kind and path, those with the most stall time first.
pub fn region_rows(cells: &[Group]) -> Vec<Group> {
    rolled_up(cells, &PLACE)
}

/// The regions with the most stall time.
pub fn regions(screen: &mut Screen, cells: &[Group], top: usize) {
    let groups = region_rows(cells);
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

/// Life of a process while faults were recorded, in the time that is selected.
fn life_ns(loaded: &Loaded, process: &Process) -> u64 {
    let to_ns = process.exit_ns.unwrap_or(loaded.analysis.duration_ns);
    loaded.recorded_between_ns(process.first_seen_ns, to_ns)
}
