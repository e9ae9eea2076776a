//! What a comparison keeps of a run, so that only one trace at a time is in memory.

use std::collections::{BTreeMap, BTreeSet};

use pfmodel::names::{Cause, Class};
use pft::keys::fact;

use super::setting::{Trait, labels, traits};
use crate::error::Error;
use crate::figures::scope::Scope;
use crate::figures::unseen::unseen;
use crate::load::Loaded;
use crate::print::text::printable_path;
use crate::rows::faults::place;
use crate::rows::field::Field;
use crate::rows::group::{Group, Measures, grouped, rows};

/// Names that a part of the faults is known by in every run.
pub type Key = Vec<String>;

/// The parts of a run.
pub type Parts = BTreeMap<Key, Group>;

/// A way to part the faults of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// How the kernel served them.
    Class,
    /// And why they happened.
    Cause,
    /// What was hit: a file, with the section of a module, or a kind of memory.
    Region,
    /// Function of the instruction.
    Function,
    /// Name of the process.
    Process,
}

impl Section {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 5] =
        [Self::Class, Self::Cause, Self::Region, Self::Function, Self::Process];

    /// The name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "classes",
            Self::Cause => "causes",
            Self::Region => "regions",
            Self::Function => "functions",
            Self::Process => "processes",
        }
    }

    /// What the names of a part are called.
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Class => &["class"],
            Self::Cause => &["class", "cause"],
            Self::Region => &["region", "kind"],
            Self::Function => &["function", "module"],
            Self::Process => &["name"],
        }
    }

    const fn fields(self) -> &'static [Field] {
        match self {
            Self::Class => &[Field::Class],
            Self::Cause => &[Field::Class, Field::Cause],
            Self::Region => &[Field::Region, Field::RegionKind, Field::Path],
            Self::Function => &[Field::Function, Field::Module],
            Self::Process => &[Field::Comm],
        }
    }

    fn key(self, group: &Group) -> Key {
        let name = |index: usize| group.keys.get(index).and_then(Option::as_deref);
        match self {
            Self::Region => vec![place(name(2), group.key(0)), group.key(1).to_owned()],
            Self::Function => {
                vec![name(0).unwrap_or(UNKNOWN).to_owned(), name(1).unwrap_or(UNKNOWN).to_owned()]
            }
            Self::Process => {
                vec![name(0).filter(|name| !name.is_empty()).unwrap_or(UNKNOWN).to_owned()]
            }
            Self::Class | Self::Cause => {
                (0..group.keys.len()).map(|index| group.key(index).to_owned()).collect()
            }
        }
    }
}

/// What stands for a name that is not known.
const UNKNOWN: &str = "[unknown]";

/// Fewest digits of a process id that is looked for in a name: shorter ones are parts of versions.
const PID_DIGITS: usize = 3;

/// How often faults found a file in memory, and how often not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// Faults that read it from storage.
    pub reads: u64,
    /// How long they took together, nanoseconds.
    pub stall_ns: u64,
}

/// What a comparison keeps of a run.
#[derive(Debug, Clone, Default)]
pub struct Digest {
    /// Path as given, fit to print.
    pub name: String,
    /// Random id of the recording.
    pub id: [u8; 16],
    /// Machine, kernel, target, and what was recorded.
    pub traits: Vec<Trait>,
    /// What whoever recorded it called it.
    pub labels: Vec<Trait>,
    /// Why not everything that happened is in the table, a phrase each.
    pub flaws: Vec<&'static str>,
    /// What the table leaves out on request.
    pub caveat: Option<String>,
    /// How long faults were recorded, nanoseconds.
    pub length_ns: u64,
    /// Whether the recording ended because its target did.
    pub ran_to_its_end: bool,
    /// Whether latencies were recorded.
    pub has_latencies: bool,
    /// Whether error codes were, without which cow faults look minor.
    pub has_error_codes: bool,
    /// Faults that completed, and of these those of known latency.
    pub completed: [u64; 2],
    /// What measuring adds to each latency, nanoseconds, where it is known.
    pub bias_ns: Option<u64>,
    /// Beyond which latency minor faults count as slow, nanoseconds.
    pub slow_threshold_ns: u64,
    /// Faults by class, as in [`Class::ALL`]; none where the class was not recorded or cannot be told. Minor
    /// ones count cow as well where some run cannot tell them apart.
    pub classes: [Option<u64>; Class::ALL.len()],
    /// Faults that are in the accounting of the processes only, where that is known.
    pub unseen: Option<u64>,
    /// All faults; none if there are none.
    pub all: Option<Group>,
    /// The parts by [`Section::ALL`].
    pub sections: [Parts; 5],
    /// The parts by what was hit, class and cause, without pages and percentiles.
    pub cells: Parts,
    /// What was read of each file.
    pub files: BTreeMap<String, Reads>,
    /// Other names of parts, in which ids of processes of this run read `PID`.
    pub aliases: BTreeMap<Key, Key>,
}

impl Digest {
    /// Everything that matters of a trace.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn of(mut loaded: Loaded) -> Result<Self, Error> {
        let everything = Measures { pages: true, percentiles: true };
        let all = rows(&grouped(&loaded, &[Field::Trace], everything)?)?.into_iter().next();
        let section = |loaded: &Loaded, section: Section| -> Result<Parts, Error> {
            let groups = rows(&grouped(loaded, section.fields(), everything)?)?;
            Ok(parts(groups.into_iter().map(|group| (section.key(&group), group))))
        };
        let [class, cause, region, function] =
            [Section::Class, Section::Cause, Section::Region, Section::Function]
                .map(|kind| section(&loaded, kind));
        let sums = Measures { pages: false, percentiles: false };
        let fields = [Field::Region, Field::RegionKind, Field::Path, Field::Class, Field::Cause];
        let cells = rows(&grouped(&loaded, &fields, sums)?)?;
        // A process goes by the name of its main thread, not by those of its threads.
        let analysis = &mut loaded.analysis;
        let processes = &analysis.processes;
        let threads = analysis.faults.comm.iter().zip(analysis.faults.proc.iter());
        let name = |(&comm, &proc): (&u32, &u32)| {
            processes.get(proc as usize).map_or(comm, |process| process.comm)
        };
        analysis.faults.comm = threads.map(name).collect::<Vec<u32>>().into();
        let process = section(&loaded, Section::Process);

        let scope = Scope::of(&loaded);
        let count = |class, known: bool| known.then(|| loaded.class_count(class));
        let exactness = &loaded.analysis.exactness;
        let number = |key| loaded.fact(key)?.trim().parse().ok();
        let faults = &loaded.analysis.faults;
        let completed = faults.class.iter().zip(faults.stalls_ns());
        let completed = completed.filter(|&(&class, _)| class != Class::Failed);
        let completed = completed
            .fold([0, 0], |[all, known], (_, stall)| [all + 1, known + u64::from(stall.is_some())]);
        let mut digest = Self {
            name: if loaded.is_stdin() {
                loaded.name.clone()
            } else {
                printable_path(&loaded.path)
            },
            id: loaded.header.uuid,
            traits: traits(&loaded),
            labels: labels(&loaded),
            flaws: loaded.flaws(),
            caveat: scope.caveat(loaded.skipped()),
            length_ns: loaded.recorded_ns(),
            ran_to_its_end: loaded.fact(fact::RECORDING_ENDED_BY) == Some("target"),
            has_latencies: scope.latency,
            has_error_codes: exactness.error_code,
            completed,
            bias_ns: number(fact::LATENCY_BIAS_NS),
            slow_threshold_ns: loaded.analysis.slow_threshold_ns,
            classes: [
                count(Class::Minor, scope.completions.minor && !scope.major_only),
                count(Class::Major, scope.completions.major),
                count(
                    Class::Cow,
                    scope.completions.minor && !scope.major_only && exactness.error_code,
                ),
                count(
                    Class::Failed,
                    !scope.major_only && scope.latency && scope.completions.are_all(),
                ),
                count(Class::Unknown, true),
            ],
            unseen: unseen(&loaded).map(|unseen| unseen.sum()),
            all,
            sections: [class?, cause?, region?, function?, process?],
            cells: parts(cells.iter().map(|group| (cell_key(group), group.clone()))),
            files: files(&cells),
            aliases: BTreeMap::new(),
        };
        digest.aliases = aliases(&digest, &loaded);
        Ok(digest)
    }

    /// The parts of a section.
    #[must_use]
    pub fn parts(&self, section: Section) -> &Parts {
        &self.sections[section as usize]
    }

    /// Faults whose function is known.
    #[must_use]
    pub fn with_function(&self) -> u64 {
        let known = |(key, _): &(&Key, &Group)| key.first().is_some_and(|name| name != UNKNOWN);
        self.parts(Section::Function).iter().filter(known).map(|(_, group)| group.faults).sum()
    }
}

/// Groups by their names; those that read the same are one.
fn parts(groups: impl Iterator<Item = (Key, Group)>) -> Parts {
    let mut parts = Parts::new();
    for (key, group) in groups {
        match parts.remove(&key) {
            Some(other) => parts.insert(key, merged(&other, &group)),
            None => parts.insert(key, group),
        };
    }
    parts
}

/// Two groups as one, of which percentiles are not known.
pub(super) fn merged(a: &Group, b: &Group) -> Group {
    let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    Group {
        keys: a.keys.clone(),
        faults: a.faults + b.faults,
        major: a.major + b.major,
        pages: sum(a.pages, b.pages),
        touched_bytes: sum(a.touched_bytes, b.touched_bytes),
        stall_ns: sum(a.stall_ns, b.stall_ns),
        max_ns: a.max_ns.max(b.max_ns),
        ..Group::default()
    }
}

/// Class, cause and what was hit.
fn cell_key(group: &Group) -> Key {
    let [region, kind] = <[String; 2]>::try_from(Section::Region.key(group)).unwrap_or_default();
    vec![region, kind, group.key(3).to_owned(), group.key(4).to_owned()]
}

/// What the page cache did for each file that was hit.
fn files(cells: &[Group]) -> BTreeMap<String, Reads> {
    let from_storage = [Cause::FileRead.as_str(), Cause::FileOrSwap.as_str()];
    let mut files: BTreeMap<String, Reads> = BTreeMap::new();
    for cell in cells {
        let Some(path) = cell.keys.get(2).and_then(Option::as_ref) else { continue };
        let file = files.entry(path.clone()).or_default();
        if from_storage.contains(&cell.key(4)) {
            file.reads += cell.faults;
            file.stall_ns = file.stall_ns.saturating_add(cell.stall_ns.unwrap_or(0));
        }
    }
    files
}

/// The names of parts that hold the id of a process of the run, such as `/tmp/perf-1234.map`.
fn aliases(digest: &Digest, loaded: &Loaded) -> BTreeMap<Key, Key> {
    let pids: BTreeSet<String> =
        loaded.analysis.processes.iter().map(|process| process.pid.to_string()).collect();
    let keys = digest.parts(Section::Region).keys().chain(digest.cells.keys());
    let with_alias = keys.filter_map(|key| {
        let name = key.first()?;
        let alias = without_pids(name, &pids);
        (alias != *name).then(|| {
            let mut other = key.clone();
            other[0] = alias;
            (key.clone(), other)
        })
    });
    with_alias.collect()
}

/// A name in which numbers that are among `pids` read `PID`.
fn without_pids(name: &str, pids: &BTreeSet<String>) -> String {
    let mut out = String::with_capacity(name.len());
    let mut digits = String::new();
    // The end is no digit, so that it ends a number.
    for c in name.chars().map(Some).chain([None]) {
        match c {
            Some(c) if c.is_ascii_digit() => digits.push(c),
            _ => {
                let is_pid = digits.len() >= PID_DIGITS && pids.contains(&digits);
                out.push_str(if is_pid { "PID" } else { &digits });
                digits.clear();
                out.extend(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
