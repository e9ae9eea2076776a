//! What the rules look at, and what faults cost.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::OnceLock;

use pfmodel::column::{Values as _, piece_at};
use pfmodel::names::{Cause, Class};
use pfmodel::table::{Analysis, NONE};

use crate::figures::pages::base_bytes;
use crate::figures::scope::Scope;
use crate::figures::stall::Union;
use crate::findings::pattern::Steps;
use crate::findings::place::{Place, Places};
use crate::load::Loaded;
use crate::names::code::function_or_place;
use crate::print::text::{LONGEST, printable, shorten};
use crate::print::units::{counted_as, duration, percent};
use crate::rows::row_set::{RowSet, SHORT};

/// Least stall time that is worth advice: of what takes less nobody notices whether it is there. It keeps
/// the advice silent on programs that run for moments, where faults are most of what happens.
pub const STALL_MIN_NS: u64 = 5_000_000;

/// Least share of the life of the processes that is worth advice, percent: what could be gained is no
/// more than that.
pub const LIFE_MIN_PERCENT: u64 = 1;

/// Where no latencies were recorded: fewest faults that are worth advice. A minor fault takes half a
/// microsecond or more, so that these are as long as [`STALL_MIN_NS`].
pub const FAULTS_MIN: u64 = 10_000;

/// The same for faults that read from a disk, of which a fast one takes some 50 µs.
pub const READS_MIN: u64 = 100;

/// What some faults cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many.
    pub faults: u64,
    /// Major ones among them.
    pub major: u64,
    /// Sum of their latencies inside the trace, nanoseconds; none if none is known.
    pub stall_ns: Option<u64>,
    /// Mean of their whole latencies, of those that are known.
    pub each_ns: u64,
    /// Wall time with at least one thread stalled by one of them.
    pub wall_ns: u64,
    /// How long the processes lived, together, while faults were recorded.
    pub lives_ns: u64,
}

impl Cost {
    /// Whether there is enough to gain for advice.
    #[must_use]
    pub const fn is_worth(&self) -> bool {
        match self.stall_ns {
            Some(ns) => ns >= STALL_MIN_NS && ns >= self.lives_ns / 100 * LIFE_MIN_PERCENT,
            None => self.faults >= FAULTS_MIN || self.major >= READS_MIN,
        }
    }
}

/// The function that causes most of some faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// Its name, fit to print.
    pub name: String,
    /// Its share of the stall time, or of the faults where no latency is known, as text.
    pub share: String,
    /// Whether that is half or more.
    pub most: bool,
}

/// Least share of a function that is named, percent.
const CULPRIT_MIN_PERCENT: u64 = 20;

/// An innermost function, and what it is inlined in, if it is; the number of the place if none is known.
type FunctionNames<'a> = (&'a [u8], Option<&'a [u8]>, u32);

/// A trace, made ready for the rules.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The trace.
    pub loaded: &'a Loaded,
    /// What its faults are in.
    pub places: Places,
    /// Base page, bytes, a power of two.
    pub page_bytes: u64,
    /// Stall time of all faults, nanoseconds; none if no latency is known.
    pub stall_ns: Option<u64>,
    /// Causes that each place has faults of, a bit each.
    causes: Vec<u32>,
    /// Worked out when first asked for.
    files_read: OnceLock<Vec<FileRead>>,
}

/// The major faults that read a file, over all processes that map it.
#[derive(Debug, Clone)]
pub struct FileRead {
    /// Number of the file.
    pub file: u32,
    /// The faults, in order of time.
    pub rows: RowSet,
    /// Steps of each thread between them.
    pub steps: Steps,
}

const _: () = assert!(Cause::ALL.len() <= u32::BITS as usize);

impl<'a> Evidence<'a> {
    /// Looks through the fault table.
    #[must_use]
    pub fn of(loaded: &'a Loaded) -> Self {
        let analysis = &loaded.analysis;
        let places = Places::of(analysis);
        let mut causes = vec![0; places.all.len()];
        let cause = &analysis.faults.cause;
        places.each_run(analysis, |place, rows| {
            let of_place: &mut u32 = &mut causes[place];
            if rows.len() < SHORT {
                rows.for_each(|row| *of_place |= 1 << cause[row] as u32);
                return;
            }
            for run in cause.runs(rows) {
                run.tally(|&cause, _| *of_place |= 1 << cause as u32);
            }
        });
        let sum = |sum: Option<u64>, ns| Some(sum.unwrap_or(0).saturating_add(ns));
        let stall_ns = analysis.faults.stalls_ns().flatten().fold(None, sum);
        let page_bytes = base_bytes(loaded.header.page_size_bytes);
        Self { loaded, places, page_bytes, stall_ns, causes, files_read: OnceLock::new() }
    }

    /// Bytes of the pages that the machine makes huge pages of.
    #[must_use]
    pub fn huge_bytes(&self) -> u64 {
        self.loaded.header.huge_page_bytes()
    }

    /// The analysis of the trace.
    #[must_use]
    pub fn analysis(&self) -> &'a Analysis {
        &self.loaded.analysis
    }

    /// The rows with one of these causes, grouped by what `key` makes of their places, each group in order
    /// of time. Places without a key are left out.
    pub fn rows<K: Ord>(
        &self,
        causes: &[Cause],
        key: impl Fn(usize, &Place) -> Option<K>,
    ) -> BTreeMap<K, RowSet> {
        let wanted = causes.iter().fold(0, |all, &cause| all | 1 << cause as u32);
        let cause = &self.analysis().faults.cause;
        let mut groups: BTreeMap<K, Vec<RowSet>> = BTreeMap::new();
        let places = self.places.all.iter().enumerate().zip(&self.causes);
        for ((number, place), _) in places.filter(|(_, has)| *has & wanted != 0) {
            if let Some(key) = key(number, place) {
                let rows = self.places.rows(number);
                let rows = rows.with(cause, |&cause| 1_u32 << cause as u32 & wanted != 0);
                groups.entry(key).or_default().push(rows);
            }
        }
        groups.into_iter().map(|(key, rows)| (key, RowSet::joined(&rows))).collect()
    }

    /// The reads of each file from disk.
    #[must_use]
    pub fn files_read(&self) -> &[FileRead] {
        self.files_read.get_or_init(|| {
            let class = &self.analysis().faults.class;
            // The first write of a private page may read it.
            let causes = [Cause::FileRead, Cause::FilePrivateWrite];
            let files = self.rows(&causes, |_, place| place.file).into_iter();
            let files = files.map(|(file, rows)| {
                let rows = rows.with(class, |&class| class == Class::Major);
                let steps = self.steps(&rows);
                FileRead { file, rows, steps }
            });
            files.filter(|read| !read.rows.is_empty()).collect()
        })
    }

    /// What rows, in order of time, cost.
    #[must_use]
    pub fn cost(&self, rows: &RowSet) -> Cost {
        let analysis = self.analysis();
        let faults = &analysis.faults;
        let mut cost = Cost { faults: rows.len() as u64, ..Cost::default() };
        let mut wall = Union::default();
        let mut processes = BTreeSet::new();
        let (mut last, mut known, mut latencies_ns) = (None, 0, 0_u64);
        for stretch in stretches(
            rows,
            |row| (faults.class[row], faults.proc[row]),
            |all| faults.class.only_in(all.clone()).is_some() && faults.proc.only_in(all).is_some(),
        ) {
            let first = stretch.start;
            if faults.class[first] == Class::Major {
                cost.major += stretch.len() as u64;
            }
            let proc = faults.proc[first];
            if last.replace(proc) != Some(proc) {
                processes.insert(proc);
            }
            for row in stretch {
                if let Some(ns) = faults.stall_ns(row) {
                    cost.stall_ns = Some(cost.stall_ns.unwrap_or(0).saturating_add(ns));
                    known += 1;
                    latencies_ns = latencies_ns.saturating_add(faults.latency_ns[row]);
                    wall.add(faults.time_ns[row], self.loaded.stalled_until_ns(row, ns));
                }
            }
        }
        let life_ns = |&proc: &u32| {
            let process = analysis.processes.get(proc as usize)?;
            let to_ns = process.exit_ns.unwrap_or(analysis.duration_ns);
            Some(self.loaded.recorded_between_ns(process.first_seen_ns, to_ns))
        };
        cost.lives_ns = processes.iter().filter_map(life_ns).fold(0, u64::saturating_add);
        cost.wall_ns = wall.length_ns;
        cost.each_ns = latencies_ns / known.max(1);
        cost
    }

    /// The steps of each thread between rows.
    #[must_use]
    pub fn steps(&self, rows: &RowSet) -> Steps {
        Steps::of(self.analysis(), &self.places, self.page_bytes, rows.iter())
    }

    /// The cost in words, with what the faults are called: `200 major faults of 190 µs on average,
    /// 38 ms of stall (97 % of all, 0.4 % of the wall time)`.
    #[must_use]
    pub fn cost_text(&self, cost: &Cost, faults: (&str, &str)) -> String {
        let faults = counted_as(cost.faults, faults.0, faults.1);
        let Some((stall_ns, all_ns)) = cost.stall_ns.zip(self.stall_ns) else {
            return format!("{faults}; what they cost is not known, for want of latencies");
        };
        let each = match cost.faults {
            1 => String::new(),
            _ => format!(" of {} on average", duration(cost.each_ns)),
        };
        format!(
            "{faults}{each}, {} of stall ({} of all, {} of the wall time)",
            duration(stall_ns),
            percent(stall_ns, all_ns),
            percent(cost.wall_ns, self.loaded.recorded_ns())
        )
    }

    /// The function that causes most of the rows: the innermost one that is known, in user space where the
    /// callers of kernel code are known. Where none is known, the place in the module. None below a fifth:
    /// what many functions cause is of none.
    #[must_use]
    pub fn culprit(&self, rows: &RowSet) -> Option<Culprit> {
        let analysis = self.analysis();
        let faults = &analysis.faults;
        let mut weights: HashMap<u32, (u64, u64)> = HashMap::new();
        let mut all = (0_u64, 0_u64);
        let instruction =
            |row: usize| (faults.code[row], faults.kernel_mode[row], faults.call_chain[row]);
        let is_one = |all: Range<usize>| {
            faults.code.only_in(all.clone()).is_some()
                && faults.kernel_mode.only_in(all.clone()).is_some()
                && faults.call_chain.only_in(all).is_some()
        };
        // Neighbours are often of one instruction: they have one location.
        for alike in stretches(rows, instruction, is_one) {
            let (first, number) = (alike.start, alike.len() as u64);
            let stalls_ns = alike.filter_map(|row| faults.stall_ns(row));
            let stall_ns = stalls_ns.fold(0, u64::saturating_add);
            all = (all.0.saturating_add(stall_ns), all.1 + number);
            if let Some(location) = location(analysis, first) {
                let weight = weights.entry(location).or_default();
                *weight = (weight.0.saturating_add(stall_ns), weight.1 + number);
            }
        }
        // Several places in code are one function. What was inlined tells little without what it is part of.
        let mut functions: BTreeMap<FunctionNames<'_>, (u64, u64)> = BTreeMap::new();
        for (number, weight) in weights {
            let location = analysis.locations.get(number as usize)?;
            let names = match location.functions.as_slice() {
                [innermost, .., outermost] => (&*innermost.name, Some(&*outermost.name), NONE),
                [function] => (&*function.name, None, NONE),
                [] => (&[][..], None, number),
            };
            let sum = functions.entry(names).or_default();
            *sum = (sum.0.saturating_add(weight.0), sum.1 + weight.1);
        }
        // Of equals the first by name.
        let ((name, part_of, place), weight) =
            functions.into_iter().rev().max_by_key(|&(_, weight)| weight)?;
        let name = match (part_of, analysis.locations.get(place as usize)) {
            (_, Some(location)) => function_or_place(location),
            (Some(part_of), None) => {
                format!("{}, inlined in {}", printable(name), printable(part_of))
            }
            (None, None) => printable(name),
        };
        let (part, all) = if all.0 > 0 { (weight.0, all.0) } else { (weight.1, all.1) };
        let is_real = part.saturating_mul(100) >= all.saturating_mul(CULPRIT_MIN_PERCENT);
        let most = part.saturating_mul(2) >= all;
        let name = shorten(&name, LONGEST);
        is_real.then(|| Culprit { name, share: percent(part, all), most })
    }

    /// The place with the most of these rows.
    #[must_use]
    pub fn main_place(&self, rows: &RowSet) -> Option<&Place> {
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        let places = rows.iter().filter_map(|row| self.places.place_of(self.analysis(), row));
        places.for_each(|place| *counts.entry(place).or_default() += 1);
        let (&place, _) = counts.iter().rev().max_by_key(|&(_, count)| *count)?;
        self.places.all.get(place as usize)
    }

    /// Process as text: `server (pid 4242)`.
    #[must_use]
    pub fn process(&self, proc: u32) -> String {
        let analysis = self.analysis();
        let Some(process) = analysis.processes.get(proc as usize) else {
            return "an unknown process".to_owned();
        };
        let comm = analysis.comms.get(process.comm as usize).filter(|comm| !comm.is_empty());
        let comm = comm.map_or_else(|| "?".to_owned(), |comm| shorten(&printable(comm), LONGEST));
        format!("{comm} (pid {})", process.pid)
    }

    /// A place of anonymous memory as text: `[heap] of server (pid 4242)`.
    #[must_use]
    pub fn place_of_process(&self, place: &Place) -> String {
        format!("{} of {}", place.name(), self.process(place.proc))
    }

    /// Whether numbers may be too small: records were lost, or faults left out on request.
    #[must_use]
    pub fn are_lower_bounds(&self) -> bool {
        let scope = Scope::of(self.loaded);
        !self.loaded.is_whole() || scope.min_latency_ns > 0 || scope.window_ns.is_some()
    }
}

/// Rows cut into stretches that are alike in some columns: `value` tells these of a row, and `are_one` whether a whole
/// range is known to have one value, which spares a look at each of its rows.
fn stretches<T: PartialEq>(
    rows: &RowSet,
    value: impl Fn(usize) -> T,
    are_one: impl Fn(Range<usize>) -> bool,
) -> impl Iterator<Item = Range<usize>> {
    let mut runs = rows.runs();
    let (mut piece, mut behind) = (0..0, 0..0);
    std::iter::from_fn(move || {
        if piece.is_empty() {
            if behind.is_empty() {
                behind = runs.next()?;
            }
            piece = behind.start..behind.end.min(piece_at(behind.start).end);
            behind.start = piece.end;
            if are_one(piece.clone()) {
                return Some(std::mem::replace(&mut piece, 0..0));
            }
        }
        let of_first = value(piece.start);
        let alike = piece.clone().take_while(|&row| value(row) == of_first).count();
        let stretch = piece.start..piece.start + alike;
        piece.start = stretch.end;
        Some(stretch)
    })
}

/// Where the program was: the place of the instruction, or, in kernel mode, of the innermost known caller.
fn location(analysis: &Analysis, row: usize) -> Option<u32> {
    let faults = &analysis.faults;
    let is_known = |&location: &u32| {
        let location = analysis.locations.get(location as usize);
        location.is_some_and(|location| !location.functions.is_empty())
    };
    let code = Some(*faults.code.get(row)?).filter(is_known);
    if code.is_some() && !faults.kernel_mode[row] {
        return code;
    }
    let chain = analysis.call_chains.get(*faults.call_chain.get(row)? as usize);
    let caller = chain.and_then(|chain| chain.user.iter().copied().find(|caller| is_known(caller)));
    let place = || Some(faults.code[row]).filter(|&place| is_in_module(analysis, place));
    caller.or(code).or_else(place)
}

/// Whether a place without a known function is in a known module, so that others can look it up.
fn is_in_module(analysis: &Analysis, place: u32) -> bool {
    let location = analysis.locations.get(place as usize);
    location.is_some_and(|location| !location.module_label.is_empty())
}
