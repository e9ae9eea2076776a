//! What the faults cost, by cause, phase, process and region.

use pfmodel::names::Class;
use serde::Serialize;

use super::List;
use crate::figures::stall::WallStall;
use crate::load::Loaded;
use crate::names::cgroup;
use crate::outputs::summary::figures::Figures;
use crate::outputs::summary::majors::{self, MajorRow};
use crate::outputs::summary::{self, Captured, causes, phases, top};
use crate::print::text::printable;
use crate::rows::group::Group;

/// Sums over all faults that are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Rows of the table.
    pub faults: u64,
    /// Major faults that were captured, stored or not, or of those that are stored the selected ones; null
    /// if not known.
    pub major: Option<u64>,
    /// Minor ones; null if not known or not recorded. Where `cow` is null they are among these.
    pub minor: Option<u64>,
    /// Copy-on-write ones; null if not known or not recorded.
    pub cow: Option<u64>,
    /// Accesses that failed.
    pub failed: u64,
    /// Faults of which only the entry was recorded.
    pub unknown: u64,
    /// Sum over all threads of the time they were stalled; null if no latency is known.
    pub stall_ns: Option<u64>,
    /// Wall time with at least one thread stalled; null likewise.
    pub wall_ns: Option<u64>,
    /// Minor and cow faults above the threshold of their trace.
    pub slow: u64,
    /// The threshold; null for several traces, each of which has its own.
    pub slow_threshold_ns: Option<u64>,
    /// Faults that began before the trace.
    pub began_before: u64,
}

impl Totals {
    /// The sums.
    pub(super) fn of(loaded: &Loaded, figures: &Figures) -> Self {
        let counts = &figures.counts;
        let number = |captured| match captured {
            Captured::Number(number) => Some(number),
            Captured::Unrecorded | Captured::Unknown => None,
        };
        let [major, minor, cow] =
            summary::captured_by_class(loaded, |class| counts.class(class)).map(number);
        let stall_ns =
            figures.cells.iter().filter_map(|group| group.stall_ns).reduce(u64::saturating_add);
        Self {
            faults: counts.faults,
            major,
            minor,
            cow,
            failed: counts.class(Class::Failed),
            unknown: counts.class(Class::Unknown),
            stall_ns,
            wall_ns: stall_ns.map(|_| figures.stall.total.length_ns),
            slow: counts.slow,
            slow_threshold_ns: Some(loaded.analysis.slow_threshold_ns)
                .filter(|_| !loaded.are_several()),
            began_before: counts.began_before,
        }
    }
}

/// Faults of one class and cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// A word of column `class`.
    pub class: String,
    /// A word of column `cause`.
    pub cause: String,
    /// Faults.
    pub faults: u64,
    /// Distinct pages.
    pub pages: Option<u64>,
    /// Distinct pages times the size installed; null if that is not known, as of failed accesses.
    pub touched_bytes: Option<u64>,
    /// Sum over all threads.
    pub stall_ns: Option<u64>,
    /// Wall time with at least one thread stalled so.
    pub wall_ns: Option<u64>,
    /// Half of the latencies are no longer.
    pub p50_ns: Option<u64>,
    /// 90 % of them are no longer.
    pub p90_ns: Option<u64>,
    /// 99 % of them are no longer.
    pub p99_ns: Option<u64>,
    /// The longest.
    pub max_ns: Option<u64>,
}

/// All classes and causes.
pub fn causes(figures: &Figures) -> Vec<Cause> {
    let cause = |(group, wall_ns): (&Group, Option<u64>)| Cause {
        class: group.key(0).to_owned(),
        cause: group.key(1).to_owned(),
        faults: group.faults,
        pages: group.pages,
        touched_bytes: group.touched_bytes.filter(|&bytes| bytes > 0),
        stall_ns: group.stall_ns,
        wall_ns,
        p50_ns: group.p50_ns,
        p90_ns: group.p90_ns,
        p99_ns: group.p99_ns,
        max_ns: group.max_ns,
    };
    causes::causes(figures).map(cause).collect()
}

/// What happened under one name of a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// Its name; null for the time before the first mark.
    pub name: Option<String>,
    /// When it began first, since the start; null for several traces.
    pub from_ns: Option<u64>,
    /// How long it lasted in all while faults were recorded, of the time that is selected.
    pub length_ns: Option<u64>,
    /// Faults.
    pub faults: u64,
    /// Major ones among them.
    pub major: u64,
    /// Sum over all threads.
    pub stall_ns: Option<u64>,
    /// Half of the latencies are no longer.
    pub p50_ns: Option<u64>,
    /// 99 % of them are no longer.
    pub p99_ns: Option<u64>,
    /// The longest.
    pub max_ns: Option<u64>,
}

/// The phases that are listed.
pub fn phases(loaded: &Loaded, phases: phases::Phases) -> List<Phase> {
    let phase = |(span, group): (Option<phases::Span>, Group)| Phase {
        name: group.keys.first().cloned().flatten(),
        // The axis of several traces is no time that anybody knows.
        from_ns: span.map(|span| span.from_ns).filter(|_| !loaded.are_several()),
        length_ns: span.map(|span| span.length_ns),
        faults: group.faults,
        major: group.major,
        stall_ns: group.stall_ns,
        p50_ns: group.p50_ns,
        p99_ns: group.p99_ns,
        max_ns: group.max_ns,
    };
    List::of(phases.shown.into_iter().map(phase).collect(), &phases.more)
}

/// A process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Process {
    /// Number within the report, as in column `proc`.
    pub proc: u64,
    /// Process id.
    pub pid: u32,
    /// Name, if known.
    pub name: Option<String>,
    /// Path of its last control group, if known.
    pub cgroup: Option<String>,
    /// The same in short, as the screen has it: runtime and id of a container, or the last component.
    pub container: Option<String>,
    /// Faults.
    pub faults: u64,
    /// Major ones among them.
    pub major: u64,
    /// Major faults a second of its life; null for a life under a second.
    pub major_per_second: Option<f64>,
    /// Whether that exceeds the usual alert.
    pub exceeds_alert: bool,
    /// Sum over its threads.
    pub stall_ns: Option<u64>,
    /// Wall time with at least one of its threads stalled.
    pub stalled_ns: Option<u64>,
    /// Its life while faults were recorded.
    pub life_ns: u64,
}

/// The costliest processes.
pub fn processes(
    loaded: &Loaded,
    cells: &[Group],
    stall: &WallStall,
    at_most: usize,
) -> List<Process> {
    let rows = top::process_rows(loaded, cells, stall);
    let path = |row: &top::ProcessRow<'_>| cgroup::path(&loaded.analysis, row.process);
    let process = |row: &top::ProcessRow<'_>| Process {
        proc: row.proc as u64,
        pid: row.process.pid,
        name: row.name.clone(),
        cgroup: path(row).map(printable),
        container: path(row).map(cgroup::short),
        faults: row.group.faults,
        major: row.group.major,
        major_per_second: row.rate_life_ns().map(|ns| row.group.major as f64 * 1e9 / ns as f64),
        exceeds_alert: row.exceeds_alert(),
        stall_ns: row.group.stall_ns,
        stalled_ns: row.stalled_ns,
        life_ns: row.life_ns,
    };
    let others = rows.iter().skip(at_most).map(|row| &row.group);
    List::of(rows.iter().take(at_most).map(process).collect(), others)
}

/// What the major faults of a process wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MajorReads {
    /// Number of the process within the report, as in column `proc`.
    pub proc: u64,
    /// Process id, if known.
    pub pid: Option<u32>,
    /// A word of column `cause`.
    pub cause: &'static str,
    /// Path of the file, or what the memory is called.
    pub place: String,
    /// Whether that is a file.
    pub is_file: bool,
    /// The bytes that were read: offsets in the file, addresses of other memory.
    pub ranges: Vec<ByteRange>,
    /// Faults.
    pub faults: u64,
    /// Sum over all threads.
    pub stall_ns: Option<u64>,
    /// The longest latency.
    pub max_ns: Option<u64>,
    /// The call chain that waits longest, folded, the outermost caller first; the function where no chains were
    /// recorded.
    pub callchain: Option<String>,
}

/// Some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ByteRange {
    /// The first.
    pub start: u64,
    /// Behind the last.
    pub end: u64,
}

/// What major faults wait for, if all faults are major.
pub fn major_reads(loaded: &Loaded, figures: &Figures, at_most: usize) -> Option<List<MajorReads>> {
    let rows = figures.majors.rows(&loaded.analysis)?;
    let reads = |row: &MajorRow| MajorReads {
        proc: u64::from(row.proc),
        pid: loaded.analysis.processes.get(row.proc as usize).map(|process| process.pid),
        cause: row.cause.as_str(),
        place: row.place.clone(),
        is_file: row.is_file,
        ranges: row.ranges.iter().map(|r| ByteRange { start: r.start, end: r.end }).collect(),
        faults: row.faults,
        stall_ns: row.stall_ns,
        max_ns: row.max_ns,
        callchain: row.caller.clone(),
    };
    let others = majors::rest_of(rows.get(at_most..).unwrap_or_default());
    Some(List::with_rest(rows.iter().take(at_most).map(reads).collect(), others))
}

/// The thread that was stalled longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LongestThread {
    /// Number of its process within the report.
    pub proc: u64,
    /// Thread id.
    pub tid: u32,
    /// Its stall time.
    pub stall_ns: u64,
    /// Its life while faults were recorded.
    pub life_ns: u64,
}

/// The thread that was stalled longest, if there are several.
pub fn longest_thread(loaded: &Loaded, cells: &[Group]) -> Option<LongestThread> {
    let thread = top::longest_thread(loaded, cells)?;
    Some(LongestThread {
        proc: thread.proc as u64,
        tid: thread.tid,
        stall_ns: thread.stall_ns,
        life_ns: thread.life_ns,
    })
}

/// A region or file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Region {
    /// As in column `region`.
    pub region: String,
    /// A word of column `region_kind`.
    pub kind: String,
    /// File of the mapping.
    pub path: Option<String>,
    /// Faults.
    pub faults: u64,
    /// Major ones among them.
    pub major: u64,
    /// Sum over all threads.
    pub stall_ns: Option<u64>,
    /// The longest latency.
    pub max_ns: Option<u64>,
}

/// The costliest regions.
pub fn regions(cells: &[Group], at_most: usize) -> List<Region> {
    let groups = top::region_rows(cells);
    let region = |group: &Group| Region {
        region: group.key(0).to_owned(),
        kind: group.key(1).to_owned(),
        path: group.keys.get(2).cloned().flatten(),
        faults: group.faults,
        major: group.major,
        stall_ns: group.stall_ns,
        max_ns: group.max_ns,
    };
    let rows = groups.iter().take(at_most).map(region).collect();
    List::of(rows, groups.iter().skip(at_most))
}
