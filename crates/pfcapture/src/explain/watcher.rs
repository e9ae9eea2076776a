//! Follows what is stored, and has it named at the end.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pfpairing::Chains;
use pft::keys::ledger as keys;
use pft::record::{CallChainRecord, LedgerEntry, ModuleRecord, ModuleState};
use rustc_hash::{FxHashMap, FxHashSet};

use super::code_maps::CodeMaps;
use super::hits::Hits;
use super::modules::{FileKey, Module, ModuleKey, is_memfd};
use super::opener::Opener;
use super::unwinding::{Unwind, Unwinding};
use super::{Explain, Explained, Limits, Named, Place, Wanted, WantedModule};
use crate::drain::batch::FaultRows;
use crate::store::Item;

/// Naming may take this share of the recording's time, …
const SHARE: u32 = 10;
/// … at least so much, …
const LEAST: Duration = Duration::from_secs(2);
/// … and at most so much.
const MOST: Duration = Duration::from_secs(30);

/// Processes whose perf maps are opened.
const MAX_MAKERS: usize = 1 << 12;
/// Answers for call chains that are remembered.
const CHAIN_SLOTS: usize = 1 << 12;

/// Who names what was hit, and with which files.
#[derive(Clone)]
pub struct Naming {
    explain: Arc<Mutex<Box<dyn Explain>>>,
    /// Taken by the first who follows what is stored.
    unwind: Arc<Mutex<Option<Box<dyn Unwind>>>>,
    opener: Opener,
    /// Somebody cannot wait for the end of it.
    pub hurry: Arc<AtomicBool>,
}

impl std::fmt::Debug for Naming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Naming").field("opener", &self.opener).finish_non_exhaustive()
    }
}

impl Naming {
    /// Names by `explain` and unwinds by `unwind`, from files that `opener` opens.
    pub fn new(explain: Box<dyn Explain>, unwind: Option<Box<dyn Unwind>>, opener: Opener) -> Self {
        let unwind = Arc::new(Mutex::new(unwind));
        Self { explain: Arc::new(Mutex::new(explain)), unwind, opener, hurry: Arc::default() }
    }

    /// Names what was hit in a recording that took `recorded`.
    pub fn name(&self, mut wanted: Wanted, recorded: Duration) -> (Explained, Named) {
        let begun = Instant::now();
        let deadline = begun + (recorded / SHARE).clamp(LEAST, MOST);
        let (files, pids): (Vec<_>, Vec<_>) = wanted
            .modules
            .iter()
            .map(|wanted| &wanted.record)
            .fold((Vec::new(), Vec::new()), |(mut files, mut pids), record| {
                match record.pid {
                    0 => files.extend((record.inode != 0).then(|| file_of(record))),
                    pid => pids.push(pid),
                }
                (files, pids)
            });
        self.opener.finish(files, pids, &self.hurry);
        for WantedModule { record, file, .. } in &mut wanted.modules {
            if record.pid != 0 {
                if let Some(opened) = self.opener.perf_map(record.pid) {
                    (*file, record.state) = (opened.file, opened.state);
                }
            } else if let Some(opened) = self.opener.file(&file_of(record)) {
                (*file, record.state) = (opened.file, opened.state);
            }
        }
        let limits = Limits { deadline, hurry: &self.hurry };
        let mut explain = self.explain.lock().unwrap_or_else(PoisonError::into_inner);
        let explained = explain.explain(wanted, limits);
        let time_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let named = Named::of(&explained, time_ns);
        (explained, named)
    }
}

fn file_of(record: &ModuleRecord) -> FileKey {
    let &ModuleRecord { dev_major, dev_minor, inode, .. } = record;
    FileKey { dev_major, dev_minor, inode, path: record.path.clone() }
}

impl Wanted {
    /// Places in code that were hit.
    #[must_use]
    pub fn asked(&self) -> u64 {
        // Those of files in memory are in perf maps too.
        let modules = self.modules.iter().filter(|module| !is_memfd(&module.record));
        let known: usize = modules.map(|module| module.code.len()).sum();
        known as u64 + self.unknown + self.beyond
    }
}

impl Named {
    /// The figures as lines of the ledger.
    pub(crate) fn ledger(&self) -> Vec<LedgerEntry> {
        let entry = |key: &str, value| LedgerEntry { key: key.to_owned(), value };
        vec![
            entry(keys::SYMBOLS_ASKED, self.asked),
            entry(keys::SYMBOLS_FOUND, self.found),
            entry(keys::SYMBOLS_SKIPPED, self.skipped),
            entry(keys::SYMBOLS_TIME_NS, self.time_ns),
            entry(keys::MODULES_FOUND, self.modules),
            entry(keys::MODULES_MISSING, self.missing),
        ]
    }
}

/// A chain of a process whose callers are known to be hit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ChainSlot {
    pid: u32,
    id: u32,
    epoch: u32,
}

/// Follows what is stored.
pub struct Explainer {
    /// None if nothing is to be named.
    naming: Option<Naming>,
    maps: CodeMaps,
    hits: Hits,
    chains: Chains,
    chain_slots: Box<[ChainSlot]>,
    /// Faults that were stored with a chain.
    chained: u64,
    unwinding: Option<Unwinding>,
    /// Stacks that nobody could unwind.
    left_alone: u64,
    makers: FxHashSet<u32>,
}

impl Explainer {
    /// Follows nothing but call chains without `naming`.
    pub fn new(naming: Option<Naming>) -> Self {
        let unwind = naming
            .as_ref()
            .and_then(|naming| naming.unwind.lock().unwrap_or_else(PoisonError::into_inner).take());
        Self {
            unwinding: unwind.map(Unwinding::new),
            left_alone: 0,
            chained: 0,
            naming,
            maps: CodeMaps::default(),
            hits: Hits::default(),
            chains: Chains::default(),
            chain_slots: vec![ChainSlot::default(); CHAIN_SLOTS].into(),
            makers: FxHashSet::default(),
        }
    }

    /// Takes in an item before it is stored. Returns the call chains to be stored before it.
    pub fn take(&mut self, item: &mut Item) -> Vec<CallChainRecord> {
        match item {
            Item::Faults(_, batch) => {
                self.faults(batch);
                return self.chains.new_records();
            }
            Item::Segment(_) => self.chains.forget(),
            Item::Checkpoint(checkpoint) => self.account(&mut checkpoint.ledger),
            _ if self.naming.is_none() => {}
            Item::Tasks(tasks) => self.maps.tasks(tasks),
            Item::Maps(maps) => self.maps.maps(maps),
            Item::Calls(calls) => self.maps.calls(calls),
            Item::Snapshot(snapshot) => self.maps.snapshot(snapshot),
            _ => {}
        }
        Vec::new()
    }

    /// Adds what is known of call chains so far.
    fn account(&self, ledger: &mut Vec<LedgerEntry>) {
        let dropped = self.stacks_dropped();
        let drops = ledger.iter_mut().filter(|line| line.key == keys::STACKS_DROPPED);
        drops.for_each(|line| line.value += dropped);
        let mut lines = Vec::new();
        if self.chains.distinct + self.chains.beyond > 0 {
            lines.push((keys::CAPTURED_CALL_CHAINS, self.chained));
            lines.push((keys::CALLCHAINS_DISTINCT, self.chains.distinct));
            lines.push((keys::CALLCHAINS_CUT, self.chains.cut));
            lines.push((keys::CALLCHAINS_DROPPED, self.chains.beyond));
        }
        let unwinding = self.unwinding.as_ref();
        if let Some(unwinding) = unwinding.filter(|done| done.unwound + done.failed > 0) {
            lines.push((keys::STACKS_UNWOUND, unwinding.unwound));
            lines.push((keys::STACKS_FAILED, unwinding.failed));
        }
        let line = |(key, value): (&str, u64)| LedgerEntry { key: key.to_owned(), value };
        ledger.extend(lines.into_iter().map(line));
    }

    /// Copies of stacks that were not unwound.
    pub fn stacks_dropped(&self) -> u64 {
        self.left_alone + self.unwinding.as_ref().map_or(0, |unwinding| unwinding.dropped)
    }

    /// Faults whose call chain found no room.
    pub const fn chains_dropped(&self) -> u64 {
        self.chains.beyond
    }

    /// Makes call chains of the copies of stacks.
    fn unwind(&mut self, batch: &mut FaultRows) {
        match (&mut self.unwinding, &self.naming) {
            (Some(unwinding), Some(naming)) => {
                self.maps.settle();
                unwinding.batch(batch, &self.maps, &naming.opener);
            }
            _ => {
                let dropped = batch.stacks.len() as u64;
                self.left_alone += dropped;
                batch.stack_counts.dropped += dropped;
            }
        }
    }

    fn faults(&mut self, batch: &mut FaultRows) {
        if !batch.stacks.is_empty() {
            self.unwind(batch);
        }
        batch.put_in_order();
        if self.naming.is_some() {
            self.maps.settle();
            self.hits.take(&batch.rows, &mut self.maps);
            for pid in std::mem::take(&mut self.hits.new_makers) {
                if self.makers.len() < MAX_MAKERS
                    && self.makers.insert(pid)
                    && let Some(naming) = &self.naming
                {
                    naming.opener.want_perf_map(pid);
                }
            }
        }
        if !batch.callers.is_empty() {
            self.number_chains(batch);
        }
    }

    fn number_chains(&mut self, batch: &mut FaultRows) {
        let mut ids = std::mem::take(&mut batch.chain_ids);
        for row in &batch.rows {
            let (kernel, user) = batch.callers_of(row.chain);
            let id = self.chains.intern(kernel, user, row.chain.cut);
            ids.push(id);
            self.chained += u64::from(id != 0);
            if id == 0 || self.naming.is_none() {
                continue;
            }
            let slot = ChainSlot { pid: row.pid, id, epoch: self.maps.epoch() };
            // Numbers and processes both grow by one.
            let at = (id ^ row.pid << 6) as usize % CHAIN_SLOTS;
            match self.chain_slots.get_mut(at) {
                Some(known) if *known != slot => *known = slot,
                _ => continue,
            }
            // The first is the instruction that faulted. The others are where calls return to: the call
            // is in front of that.
            for &caller in kernel.iter().chain(user).skip(1) {
                self.hits.caller(row.pid, caller.wrapping_sub(1), row.time_ns, &mut self.maps);
            }
        }
        batch.chain_ids = ids;
    }

    /// All that was hit so far; files are not in it yet.
    pub fn wanted(&mut self) -> Wanted {
        self.maps.settle();
        self.hits.retry(&mut self.maps);
        self.maps.want_all();
        let mut by_module = FxHashMap::<u32, (u64, Vec<_>, Vec<_>)>::default();
        for hit in self.hits.list() {
            let (total, code, data) = by_module.entry(hit.module).or_default();
            *total += u64::from(hit.hits);
            if hit.is_data { data } else { code }.push(hit);
        }
        let places = |mut hits: Vec<&super::hits::Hit>| {
            hits.sort_by_key(|hit| std::cmp::Reverse(hit.hits));
            let place = |hit: &super::hits::Hit| {
                let &super::hits::Hit { offset, anchor, anchor_bytes, .. } = hit;
                Place { offset, anchor, anchor_bytes }
            };
            hits.into_iter().map(place).collect::<Vec<_>>()
        };
        let mut modules = Vec::new();
        for (number, module) in self.maps.modules.iter() {
            let hits = by_module.remove(&number);
            let is_file = matches!(module.key, ModuleKey::File(_));
            if hits.is_none() && !(is_file && module.has_code && module.is_wanted) {
                continue;
            }
            let (total, code, data) = hits.unwrap_or_default();
            let (code, data) = (places(code), places(data));
            let record = record(number, module);
            modules.push((total, WantedModule { record, file: None, code, data }));
        }
        modules.sort_by_key(|(total, _)| std::cmp::Reverse(*total));
        Wanted {
            modules: modules.into_iter().map(|(_, module)| module).collect(),
            unknown: self.hits.unknown(),
            beyond: self.hits.beyond,
        }
    }

    /// Names what was hit, if anybody can, in a recording that took `recorded`.
    pub fn name(&mut self, recorded: Duration) -> Option<(Explained, Named)> {
        let naming = self.naming.clone()?;
        Some(naming.name(self.wanted(), recorded))
    }
}

/// All that is known of a module without its file.
fn record(number: u32, module: &Module) -> ModuleRecord {
    let mut record = ModuleRecord {
        id: number,
        kind: module.kind(),
        state: ModuleState::NotOpened,
        pid: 0,
        dev_major: 0,
        dev_minor: 0,
        inode: 0,
        path: Vec::new(),
        build_id: Vec::new(),
        segments: Vec::new(),
        sections: Vec::new(),
    };
    match &module.key {
        ModuleKey::File(file) => {
            record.path.clone_from(&file.path);
            (record.dev_major, record.dev_minor) = (file.dev_major, file.dev_minor);
            record.inode = file.inode;
        }
        ModuleKey::Kernel => record.path = b"[kernel]".to_vec(),
        ModuleKey::Vdso => record.path = b"[vdso]".to_vec(),
        ModuleKey::PerfMap(pid) => {
            record.pid = *pid;
            record.path = format!("/tmp/perf-{pid}.map").into_bytes();
        }
    }
    record
}
