//! What major faults wait for: which file or swap, which bytes of it, on whose behalf, and who asked.

mod extent;

use std::cmp::Reverse;
use std::ops::Range;

use foldhash::{HashMap, HashMapExt as _};
use pfmodel::column::{Values as _, pieces};
use pfmodel::names::{Cause, Class};
use pfmodel::table::{Analysis, NONE};

use super::screen::Screen;
use super::top::Rest;
use crate::findings::place::{page_size, page_start};
use crate::load::Loaded;
use crate::names::chains::Texts;
use crate::names::code::function_or_place;
use crate::print::cell::Cell;
use crate::print::text::printable;
use crate::print::units::bytes;
use crate::rows::faults::{UNKNOWN_REGION, file_path};
use extent::Extent;

/// Characters of a call chain on a screen.
const CALLER_WIDTH: usize = 60;

/// The major faults so far, and whether there are others.
#[derive(Debug, Default)]
pub struct Majors {
    reads: HashMap<Key, Reads>,
    has_others: bool,
}

/// What is counted apart: process, mapping, why.
type Key = (u32, u32, Cause);

/// Some major faults.
#[derive(Debug, Clone, Default)]
struct Reads {
    faults: u64,
    stall_ns: Option<u64>,
    max_ns: Option<u64>,
    extent: Extent,
    /// Stall and faults by call chain, or by instruction where there is none.
    callers: HashMap<(u32, u32), (u64, u64)>,
}

/// Where major faults of a process read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MajorRow {
    /// Number of the process, as in [`Analysis::processes`].
    pub proc: u32,
    /// Word of column `cause`.
    pub cause: Cause,
    /// The file, or what the memory is called, fit to print.
    pub place: String,
    /// Whether that is a file, so that `ranges` are offsets in it, rather than addresses.
    pub is_file: bool,
    /// The bytes that were read, in order: where a quarter of them all or more lies between two faults, they are two
    /// ranges.
    pub ranges: Vec<Range<u64>>,
    /// Faults.
    pub faults: u64,
    /// Sum over all threads, if latencies are known.
    pub stall_ns: Option<u64>,
    /// The longest latency.
    pub max_ns: Option<u64>,
    /// The call chain that waited most, folded, the outermost caller first; where none was recorded, the function.
    pub caller: Option<String>,
}

impl Majors {
    /// Adds the rows of a part.
    pub fn add(&mut self, part: &Loaded) {
        let analysis = &part.analysis;
        let faults = &analysis.faults;
        let page_bytes = u64::from(part.header.page_size_bytes);
        for rows in pieces(faults.len()) {
            if faults.class.only_in(rows.clone()).is_some_and(|&class| class != Class::Major) {
                self.has_others = true;
                continue;
            }
            let proc = faults.proc.range(rows.clone());
            let mapping = faults.mapping.range(rows.clone());
            let cause = faults.cause.range(rows.clone());
            let code = faults.code.range(rows.clone()).zip(faults.call_chain.range(rows.clone()));
            let class = faults.class.range(rows.clone());
            let columns = proc.zip(mapping).zip(cause).zip(code).zip(class).zip(rows);
            for (((((proc, mapping), cause), (code, chain)), class), row) in columns {
                if *class != Class::Major {
                    self.has_others = true;
                    continue;
                }
                let reads = self.reads.entry((*proc, *mapping, *cause)).or_default();
                reads.faults += 1;
                let stall_ns = faults.stall_ns(row);
                if let Some(stall_ns) = stall_ns {
                    reads.stall_ns = Some(reads.stall_ns.unwrap_or(0).saturating_add(stall_ns));
                    reads.max_ns = reads.max_ns.max(Some(faults.latency_ns[row]));
                }
                let start = page_start(analysis, row, page_bytes).unwrap_or(faults.addr[row]);
                reads.extent.add(start, page_size(analysis, row, page_bytes));
                let caller = if *chain == NONE { (NONE, *code) } else { (*chain, NONE) };
                let spent = reads.callers.entry(caller).or_default();
                spent.0 = spent.0.saturating_add(stall_ns.unwrap_or(0));
                spent.1 += 1;
            }
        }
    }

    /// Whether there are faults, all of them major.
    pub fn are_all(&self) -> bool {
        !self.has_others && !self.reads.is_empty()
    }

    /// By process and what they read, the costliest first. None where there are no major faults, or faults of other
    /// classes too.
    pub fn rows(&self, analysis: &Analysis) -> Option<Vec<MajorRow>> {
        if !self.are_all() {
            return None;
        }
        let mut merged: HashMap<(u32, Cause, String, bool), Reads> = HashMap::new();
        for (&(proc, mapping, cause), reads) in &self.reads {
            let mapping = analysis.mappings.get(mapping as usize);
            let path = mapping.and_then(file_path);
            let is_file = path.is_some();
            let region = || mapping.map(|mapping| printable(&mapping.region));
            let place = path.or_else(region).unwrap_or_else(|| UNKNOWN_REGION.to_owned());
            merged.entry((proc, cause, place, is_file)).or_default().merge(reads);
        }
        let texts = Texts::of(analysis);
        let row = |((proc, cause, place, is_file), reads): (_, Reads)| MajorRow {
            proc,
            cause,
            place,
            is_file,
            ranges: reads.extent.ranges(),
            faults: reads.faults,
            stall_ns: reads.stall_ns,
            max_ns: reads.max_ns,
            caller: reads.caller(analysis, &texts),
        };
        let mut rows: Vec<MajorRow> = merged.into_iter().map(row).collect();
        rows.sort_by(|a, b| a.order().cmp(&b.order()));
        Some(rows)
    }
}

impl Reads {
    fn merge(&mut self, other: &Self) {
        self.faults += other.faults;
        self.stall_ns = match (self.stall_ns, other.stall_ns) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        self.max_ns = self.max_ns.max(other.max_ns);
        self.extent.merge(&other.extent);
        for (&caller, &(stall_ns, faults)) in &other.callers {
            let spent = self.callers.entry(caller).or_default();
            *spent = (spent.0.saturating_add(stall_ns), spent.1 + faults);
        }
    }

    /// The caller with the most stall time, then with the most faults.
    fn caller(&self, analysis: &Analysis, texts: &Texts) -> Option<String> {
        let name = |&(chain, code): &(u32, u32)| match texts.number(chain) {
            Some(number) => texts.text(number),
            None => analysis.locations.get(code as usize).map(function_or_place),
        };
        let mut named: HashMap<String, (u64, u64)> = HashMap::new();
        for (caller, &(stall_ns, faults)) in &self.callers {
            // An instruction that is not known has no name.
            let Some(name) = name(caller) else { continue };
            let spent = named.entry(name).or_default();
            *spent = (spent.0.saturating_add(stall_ns), spent.1 + faults);
        }
        // Of equal ones the first by name.
        named
            .into_iter()
            .max_by_key(|(name, spent)| (*spent, Reverse(name.clone())))
            .map(|(name, _)| name)
    }
}

impl MajorRow {
    fn order(&self) -> impl Ord + '_ {
        (Reverse(self.stall_ns), Reverse(self.faults), self.proc, &self.place, self.cause as u32)
    }

    /// What they wait for, in words.
    fn source(&self) -> String {
        match self.cause {
            Cause::SwapIn => format!("swap: {}", self.place),
            Cause::FileOrSwap => format!("file or swap: {}", self.place),
            _ => self.place.clone(),
        }
    }

    /// The bytes, in words.
    fn bytes(&self) -> String {
        let words = self.ranges.iter().map(|range| {
            let length = bytes(range.end - range.start);
            let words = match self.is_file {
                true => format!("{}+{length}", bytes(range.start)),
                false => format!("{:#x}+{length}", range.start),
            };
            words.replace(' ', "")
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

/// Who waits for what, if all faults are major.
pub fn write(screen: &mut Screen, loaded: &Loaded, rows: &[MajorRow], top: usize) {
    let total_ns = rows.iter().filter_map(|row| row.stall_ns).fold(0, u64::saturating_add);
    let has_chains = !loaded.analysis.call_chains.is_empty();
    let lines = rows.iter().take(top).map(|row| {
        let pid = loaded.analysis.processes.get(row.proc as usize).map(|it| u64::from(it.pid));
        vec![
            Cell::known(pid, Cell::Id),
            Cell::Name(row.source()),
            Cell::Name(row.bytes()),
            row.caller.clone().map_or(Cell::Unknown, |name| Cell::LongName(name, CALLER_WIDTH)),
            Cell::Count(row.faults),
            Cell::known(row.stall_ns, Cell::Duration),
            row.stall_ns.map_or(Cell::Unknown, |ns| Cell::Share(ns, total_ns)),
            Cell::known(row.max_ns, Cell::Duration),
        ]
    });
    screen.heading("What major faults wait for");
    let caller = if has_chains { "callchain" } else { "function" };
    let header = ["pid", "path", "bytes", caller, "faults", "stall", "of all", "max"];
    screen.table(&header, 4, lines.collect());
    if let Some(rest) = rows.get(top..).filter(|rest| !rest.is_empty()) {
        screen.paragraph(&rest_of(rest).text());
    }
    let caller = match has_chains {
        true => "callchain: the one that waits longest, the outermost caller first",
        false => "function: the one that waits longest (its callers: pfrecord -g)",
    };
    screen.paragraph(&format!(
        "bytes: where in the file, or at which address, and how much from the first to the last page read; {caller}"
    ));
}

/// What rows add up to.
pub fn rest_of(rows: &[MajorRow]) -> Rest {
    rows.iter().fold(Rest::default(), |rest, row| Rest {
        groups: rest.groups + 1,
        faults: rest.faults + row.faults,
        major: rest.major + row.faults,
        stall_ns: match (rest.stall_ns, row.stall_ns) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        },
    })
}
