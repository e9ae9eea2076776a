//! Which places in modules were hit: each once, whatever the number of faults.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::code_maps::CodeMaps;
use super::modules::ModuleKey;
use crate::drain::batch::FaultRow;

/// Places in code that are told apart; more are counted.
const MAX_CODE: usize = 1 << 20;
/// Places in data likewise.
const MAX_DATA: usize = 1 << 18;
/// Of one module: memory that only happens to lie behind it must not use up those of all.
const MAX_DATA_OF_MODULE: u32 = 1 << 16;
/// Instructions whose module is not known yet.
const MAX_UNKNOWN: usize = 1 << 16;

const CODE_SLOTS: usize = 1 << 11;
const DATA_SLOTS: usize = 1 << 9;

/// Addresses of the kernel have the highest bit set.
const KERNEL: u64 = 1 << 63;

/// A place in a module that was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Number of the module.
    pub module: u32,
    /// File offset; the absolute address in the kernel and in code that a process made.
    pub offset: u64,
    /// Where in the file the mapping begins that says where the module lies.
    pub anchor: u64,
    /// Size of that mapping, bytes.
    pub anchor_bytes: u64,
    /// Whether it is a variable, rather than an instruction.
    pub is_data: bool,
    /// How often, about.
    pub hits: u32,
}

/// The answer for one instruction of a process, for as long as it holds.
#[derive(Debug, Clone, Default)]
struct CodeSlot {
    ip: u64,
    times_ns: Range<u64>,
    pid: u32,
    epoch: u32,
    hit: u32,
}

/// Addresses of a process where no module has data.
#[derive(Debug, Clone, Default)]
struct DataSlot {
    range: Range<u64>,
    times_ns: Range<u64>,
    pid: u32,
    epoch: u32,
}

/// An instruction whose module is not known yet.
#[derive(Debug, Clone, Copy)]
struct Unknown {
    time_ns: u64,
    hits: u32,
    /// It is at most a caller, and those of code without frame pointers can be anything.
    is_caller: bool,
}

/// What was hit so far.
#[derive(Debug)]
pub struct Hits {
    /// In order of first sight.
    list: Vec<Hit>,
    /// By module, offset, and whether it is data.
    known: FxHashMap<(u32, u64, bool), u32>,
    data: usize,
    data_of_module: FxHashMap<u32, u32>,
    code_slots: Box<[CodeSlot]>,
    data_slots: Box<[DataSlot]>,
    unknown: FxHashMap<(u32, u64), Unknown>,
    /// Processes that ran code of their own making, since the last time that somebody asked.
    pub new_makers: Vec<u32>,
    /// Places in code that found no room.
    pub beyond: u64,
}

impl Default for Hits {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            known: FxHashMap::default(),
            data: 0,
            data_of_module: FxHashMap::default(),
            code_slots: vec![CodeSlot::default(); CODE_SLOTS].into(),
            data_slots: vec![DataSlot::default(); DATA_SLOTS].into(),
            unknown: FxHashMap::default(),
            new_makers: Vec::new(),
            beyond: 0,
        }
    }
}

/// Mixes a process and a number; the best bits are the highest.
const fn mix(pid: u32, number: u64) -> u64 {
    (number ^ (pid as u64).rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A slot of a table whose size is a power of two.
const fn slot(mixed: u64, slots: usize) -> usize {
    (mixed >> (64 - slots.trailing_zeros())) as usize
}

impl Hits {
    /// Takes in faults.
    pub fn take(&mut self, rows: &[FaultRow], maps: &mut CodeMaps) {
        for row in rows {
            let new = Unknown { time_ns: row.time_ns, hits: 1, is_caller: false };
            self.code(row.pid, row.ip, new, maps);
            if row.addr & KERNEL == 0 {
                self.data(row, maps);
            }
        }
    }

    /// An instruction of a process is the caller of one that faulted.
    pub fn caller(&mut self, pid: u32, ip: u64, time_ns: u64, maps: &mut CodeMaps) {
        self.code(pid, ip, Unknown { time_ns, hits: 1, is_caller: true }, maps);
    }

    /// An instruction of a process was run.
    fn code(&mut self, pid: u32, ip: u64, new: Unknown, maps: &mut CodeMaps) {
        let Unknown { time_ns, hits, .. } = new;
        // The kernel is the same in all of them.
        let pid = if ip & KERNEL == 0 { pid } else { 0 };
        let epoch = maps.epoch();
        let at = slot(mix(pid, ip), CODE_SLOTS);
        let known = self.code_slots.get(at).filter(|slot| {
            (slot.ip, slot.pid, slot.epoch) == (ip, pid, epoch) && slot.times_ns.contains(&time_ns)
        });
        if let Some(hit) = known.and_then(|slot| self.list.get_mut(slot.hit as usize)) {
            hit.hits = hit.hits.saturating_add(hits);
            return;
        }
        if let Some((hit, times_ns)) = self.find_code(pid, ip, new, maps)
            && let Some(slot) = self.code_slots.get_mut(at)
        {
            // Looking may have changed it.
            *slot = CodeSlot { ip, times_ns, pid, epoch: maps.epoch(), hit };
        }
    }

    #[cold]
    fn find_code(
        &mut self,
        pid: u32,
        ip: u64,
        new: Unknown,
        maps: &mut CodeMaps,
    ) -> Option<(u32, Range<u64>)> {
        let Unknown { time_ns, hits, .. } = new;
        let absolute = |module, offset| Hit {
            module,
            offset,
            anchor: 0,
            anchor_bytes: 0,
            is_data: false,
            hits,
        };
        if ip & KERNEL != 0 {
            let module = maps.modules.intern(ModuleKey::Kernel, true)?;
            return self.add(absolute(module, ip)).map(|hit| (hit, 0..u64::MAX));
        }
        let found = maps.find(pid, ip, time_ns);
        let content = found.as_ref().and_then(|found| found.content);
        let (Some(found), Some(content)) = (found, content.filter(|content| content.is_code))
        else {
            self.not_known(pid, ip, new);
            return None;
        };
        let made = content.module.is_none_or(|module| maps.modules.is_memfd(module));
        let own = made.then(|| maps.modules.intern(ModuleKey::PerfMap(pid), true)).flatten();
        let own = own.and_then(|module| {
            if !self.known.contains_key(&(module, ip, false)) {
                self.new_makers.push(pid);
            }
            self.add(absolute(module, ip))
        });
        let Some(module) = content.module else {
            return own.map(|hit| (hit, found.times_ns));
        };
        let hit = self.add(Hit {
            module,
            offset: content.offset,
            anchor: content.offset.wrapping_sub(ip - found.range.start),
            anchor_bytes: found.range.end - found.range.start,
            is_data: false,
            hits,
        });
        hit.map(|hit| (hit, found.times_ns))
    }

    fn not_known(&mut self, pid: u32, ip: u64, new: Unknown) {
        let full = self.unknown.len() >= MAX_UNKNOWN;
        match self.unknown.get_mut(&(pid, ip)) {
            Some(unknown) => {
                unknown.hits = unknown.hits.saturating_add(new.hits);
                unknown.is_caller &= new.is_caller;
            }
            None if full => self.beyond += u64::from(!new.is_caller),
            None => {
                self.unknown.insert((pid, ip), new);
            }
        }
    }

    fn data(&mut self, row: &FaultRow, maps: &mut CodeMaps) {
        let at = slot(mix(row.pid, row.addr >> 28), DATA_SLOTS);
        let known = self.data_slots.get(at).is_some_and(|slot| {
            (slot.pid, slot.epoch) == (row.pid, maps.epoch())
                && slot.range.contains(&row.addr)
                && slot.times_ns.contains(&row.time_ns)
        });
        if !known {
            self.find_data(at, row, maps);
        }
    }

    #[cold]
    fn find_data(&mut self, at: usize, row: &FaultRow, maps: &mut CodeMaps) {
        let Some(found) = maps.find(row.pid, row.addr, row.time_ns) else { return };
        let data = found.content.filter(|content| !content.is_code);
        let module = data.and_then(|data| data.module).filter(|&number| {
            let taken = self.data_of_module.get(&number).copied().unwrap_or(0);
            maps.modules.has_code(number) && taken < MAX_DATA_OF_MODULE
        });
        let Some(module) = module else {
            if let Some(slot) = self.data_slots.get_mut(at) {
                let (range, times_ns) = (found.range, found.times_ns);
                *slot = DataSlot { range, times_ns, pid: row.pid, epoch: maps.epoch() };
            }
            return;
        };
        let near = maps.code_near(row.pid, row.addr, module, row.time_ns);
        let Some((start, code)) = near else { return };
        let anchor = code.content.offset;
        self.add(Hit {
            module,
            offset: anchor.wrapping_add(row.addr.wrapping_sub(start)),
            anchor,
            anchor_bytes: code.end - start,
            is_data: true,
            hits: 1,
        });
    }

    /// Counts a hit; the place of it in the list.
    fn add(&mut self, hit: Hit) -> Option<u32> {
        let key = (hit.module, hit.offset, hit.is_data);
        if let Some(&at) = self.known.get(&key) {
            let known = self.list.get_mut(at as usize)?;
            known.hits = known.hits.saturating_add(hit.hits);
            return Some(at);
        }
        let code = self.list.len() - self.data;
        if hit.is_data {
            if self.data >= MAX_DATA {
                return None;
            }
            self.data += 1;
            *self.data_of_module.entry(hit.module).or_default() += 1;
        } else if code >= MAX_CODE {
            self.beyond += 1;
            return None;
        }
        let at = u32::try_from(self.list.len()).ok()?;
        self.known.insert(key, at);
        self.list.push(hit);
        Some(at)
    }

    /// Tries once more those whose module was not known when they were hit.
    pub fn retry(&mut self, maps: &mut CodeMaps) {
        for ((pid, ip), unknown) in std::mem::take(&mut self.unknown) {
            self.code(pid, ip, unknown, maps);
        }
    }

    /// Instructions that faulted and whose module is not known.
    pub fn unknown(&self) -> u64 {
        self.unknown.values().filter(|unknown| !unknown.is_caller).count() as u64
    }

    /// All of them.
    pub fn list(&self) -> &[Hit] {
        &self.list
    }
}
