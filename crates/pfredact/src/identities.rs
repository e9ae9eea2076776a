//! Numbers that identify: what was seen of them, and what stands for them.

use std::collections::{BTreeMap, BTreeSet};

use pft::record::TraceHeader;
use rustc_hash::FxHashMap;

use crate::addresses::{Islands, Seen};
use crate::level::Level;
use crate::numbers::{File, Numbers};

/// Process ids and user ids of people begin here.
const FIRST_ID: u32 = 1000;
/// The earliest time of a redacted trace: 0 means something else.
const FIRST_NS: u64 = 1_000_000_000;

/// Which modules have addresses of the process.
type Absolute = FxHashMap<u32, bool>;

/// Takes in the numbers of a trace.
#[derive(Debug)]
pub(crate) struct Collected {
    addresses: Seen,
    earliest_ns: u64,
    tasks: BTreeSet<u32>,
    last_task: Option<u32>,
    users: BTreeSet<u32>,
    inodes: BTreeSet<u64>,
    generations: BTreeSet<u64>,
    devices: BTreeSet<(u32, u32)>,
    /// Largest page that a fault installed, or that the machine makes huge pages of, bytes.
    pub page_bytes: u64,
    pub absolute: Absolute,
}

impl Collected {
    pub(crate) fn new(header: &TraceHeader) -> Self {
        Self {
            addresses: Seen::default(),
            earliest_ns: header.start_ns,
            tasks: BTreeSet::new(),
            last_task: None,
            users: BTreeSet::new(),
            inodes: BTreeSet::new(),
            generations: BTreeSet::new(),
            devices: BTreeSet::new(),
            page_bytes: header.huge_page_bytes(),
            absolute: Absolute::default(),
        }
    }

    /// What stands for what, at a level.
    pub(crate) fn replace(self, level: Level) -> Replaced {
        let files = level >= Level::Paths;
        let ranks = |numbers: BTreeSet<u64>| numbers.into_iter().zip(1..).collect();
        let mut minors: BTreeMap<u32, u32> = BTreeMap::new();
        let devices = self.devices.into_iter().map(|(major, minor)| {
            let next = minors.entry(major).or_insert(0);
            let rank = *next;
            *next += 1;
            ((major, minor), rank)
        });
        let users = self.users.into_iter().zip(FIRST_ID..).collect();
        let tasks = self.tasks.into_iter().zip(FIRST_ID..);
        Replaced {
            islands: self.addresses.islands(self.page_bytes),
            earlier_ns: self.earliest_ns.saturating_sub(FIRST_NS),
            tasks: if level == Level::All { tasks.collect() } else { FxHashMap::default() },
            last_task: (0, 0),
            users,
            files: files.then(|| Files {
                inodes: ranks(self.inodes),
                generations: ranks(self.generations),
                devices: devices.collect(),
            }),
            absolute: self.absolute,
            is_lost: false,
        }
    }

    /// A number in a list of processes or threads.
    pub(crate) fn listed(&mut self, id: u32) {
        self.task(&mut { id });
    }
}

impl Numbers for Collected {
    fn time(&mut self, ns: &mut u64) {
        if *ns > 0 {
            self.earliest_ns = self.earliest_ns.min(*ns);
        }
    }

    fn address(&mut self, address: &mut u64) {
        self.addresses.address(*address);
    }

    fn range(&mut self, start: &mut u64, end: &mut u64) {
        self.addresses.range(*start, *end);
    }

    fn block(&mut self, start: &mut u64, bytes: &mut u64) {
        self.addresses.block(*start, *bytes);
    }

    fn task(&mut self, id: &mut u32) {
        if is_task(*id) && self.last_task != Some(*id) {
            self.tasks.insert(*id);
            self.last_task = Some(*id);
        }
    }

    fn file(&mut self, file: File<'_>) {
        self.inodes.extend(Some(*file.inode).filter(|&inode| inode > 0));
        self.generations.extend(file.generation.map(|g| *g).filter(|&generation| generation > 0));
        self.devices.extend(Some((file.major, *file.minor)).filter(|&(major, _)| major > 0));
    }

    fn user(&mut self, id: &mut u32) {
        self.users.extend(Some(*id).filter(|&id| id > 0));
    }

    fn is_absolute(&self, module: u32) -> bool {
        self.absolute.get(&module).copied().unwrap_or(false)
    }
}

/// 0 is no process, and the largest number stands for one outside of the recorder's namespace.
const fn is_task(id: u32) -> bool {
    id != 0 && id != u32::MAX
}

/// Numbers of files.
#[derive(Debug)]
struct Files {
    inodes: FxHashMap<u64, u64>,
    generations: FxHashMap<u64, u64>,
    devices: FxHashMap<(u32, u32), u32>,
}

/// Replaces the numbers of a trace.
#[derive(Debug)]
pub(crate) struct Replaced {
    pub islands: Islands,
    /// How much earlier everything is.
    pub earlier_ns: u64,
    tasks: FxHashMap<u32, u32>,
    last_task: (u32, u32),
    users: FxHashMap<u32, u32>,
    files: Option<Files>,
    absolute: Absolute,
    /// A number came that was not there when they were collected.
    pub is_lost: bool,
}

impl Replaced {
    fn moved(&mut self, address: u64) -> u64 {
        self.islands.at(address).unwrap_or_else(|| {
            self.is_lost = true;
            0
        })
    }
}

impl Numbers for Replaced {
    fn time(&mut self, ns: &mut u64) {
        if *ns > 0 {
            self.is_lost |= *ns < self.earlier_ns;
            *ns = ns.saturating_sub(self.earlier_ns);
        }
    }

    fn address(&mut self, address: &mut u64) {
        *address = self.moved(*address);
    }

    fn range(&mut self, start: &mut u64, end: &mut u64) {
        *start = self.moved(*start);
        *end = self.moved(*end);
    }

    fn block(&mut self, start: &mut u64, bytes: &mut u64) {
        let end = start.saturating_add(*bytes);
        let is_cut = start.checked_add(*bytes).is_none();
        *start = self.moved(*start);
        let end = self.moved(end);
        if !is_cut {
            *bytes = end.saturating_sub(*start);
        }
    }

    fn task(&mut self, id: &mut u32) {
        if self.tasks.is_empty() || !is_task(*id) {
            return;
        }
        if self.last_task.0 != *id {
            match self.tasks.get(id) {
                Some(&new) => self.last_task = (*id, new),
                None => {
                    self.is_lost = true;
                    return;
                }
            }
        }
        *id = self.last_task.1;
    }

    fn file(&mut self, file: File<'_>) {
        let Some(files) = &self.files else { return };
        if let Some(&inode) = files.inodes.get(file.inode) {
            *file.inode = inode;
        }
        if let Some(generation) = file.generation
            && let Some(&new) = files.generations.get(generation)
        {
            *generation = new;
        }
        if let Some(&minor) = files.devices.get(&(file.major, *file.minor)) {
            *file.minor = minor;
        }
    }

    fn user(&mut self, id: &mut u32) {
        if let Some(&new) = self.users.get(id) {
            *id = new;
        }
    }

    fn is_absolute(&self, module: u32) -> bool {
        self.absolute.get(&module).copied().unwrap_or(false)
    }
}
