//! Reads modules and looks places up in them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use super::recent_map::RecentMap;
use pfcapture::{Place, Wanted, WantedModule, read_own_memory};
use pfsymbols::{
    DEBUG_FOLDERS, DebugFile, ElfFile, Error, Functions, KernelFunctions, own_vdso, symbols_at,
};
use pft::record::{
    MAX_BUILD_ID_BYTES, ModuleKind, ModuleRecord, ModuleState, Section, Segment, SymbolKind,
    SymbolRecord,
};

/// Addresses that are looked up at a time.
const CHUNK: usize = 64;

/// Of a perf map so much is read, at its end.
const MAX_PERF_MAP_BYTES: u64 = 64 << 20;

/// Something that was found.
#[derive(Debug)]
pub enum Found {
    /// A module.
    Module(ModuleRecord),
    /// So many places in code were looked up.
    LookedUp(u64),
    /// The functions at one address, the innermost one first.
    Code(Vec<SymbolRecord>),
    /// Variables.
    Data(Vec<SymbolRecord>),
}

/// The work of the thread.
pub struct Reading {
    /// Where to tell what is found.
    pub findings: Sender<Found>,
    /// Whether places are to be named.
    pub names: bool,
    /// Nobody waits any more.
    pub given_up: Arc<AtomicBool>,
    /// When that will be at the latest.
    pub deadline: Instant,
}

/// An ELF file with what is to be looked up in it, by address.
struct Elf {
    module: u32,
    elf: ElfFile,
    debug: Option<DebugFile>,
    code: Vec<u64>,
    data: Vec<u64>,
}

impl Reading {
    /// Reads all that is wanted: first what every module is, then its symbol tables, then what processes
    /// tell of their own code, and last what takes longest, debug information.
    pub fn read(&self, wanted: Wanted) {
        let (mut files, mut perf_maps) = (Vec::new(), Vec::new());
        for module in wanted.modules {
            if self.is_over() {
                return;
            }
            match module.record.kind {
                ModuleKind::Elf | ModuleKind::Vdso => files.extend(self.identify(module)),
                ModuleKind::Kernel => self.kernel(module),
                ModuleKind::PerfMap => perf_maps.push(module),
                _ => {}
            }
        }
        for file in &mut files {
            if self.is_over() {
                return;
            }
            self.look_up(file);
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let until = Instant::now() + left / 2;
        for module in perf_maps {
            if self.is_over() {
                return;
            }
            self.perf_map(module, until);
        }
        // Its memory can be large: one file at a time.
        for file in files {
            self.look_up_lines(&file);
        }
    }

    fn is_over(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    fn tell(&self, found: Found) {
        // Whoever listens may have given up.
        let _ = self.findings.send(found);
    }

    /// Tells what a file is; the file, if anything is to be looked up in it.
    fn identify(&self, wanted: WantedModule) -> Option<Elf> {
        let WantedModule { mut record, file, code, data } = wanted;
        let opened = match (&file, record.kind) {
            (_, ModuleKind::Vdso) => own_vdso(read_own_memory),
            (Some(file), _) => ElfFile::open(file),
            (None, _) => {
                self.not_read(record, code.len());
                return None;
            }
        };
        let elf = match opened {
            Ok(elf) => elf,
            Err(error) => {
                record.state = match error {
                    Error::Read { .. } | Error::NoVdso => ModuleState::NotOpened,
                    _ => ModuleState::Malformed,
                };
                self.not_read(record, code.len());
                return None;
            }
        };
        describe(&mut record, &elf);
        let module = record.id;
        let is_vdso = record.kind == ModuleKind::Vdso;
        let path = (!is_vdso).then(|| record.path.clone());
        self.tell(Found::Module(record));
        if !self.names || (code.is_empty() && data.is_empty()) {
            return None;
        }
        let address = |place: &Place| match is_vdso {
            true => Some(place.offset),
            false => address_of(&elf, place),
        };
        let addresses =
            |places: &[Place]| -> Vec<u64> { places.iter().filter_map(address).collect() };
        let (found, data) = (addresses(&code), addresses(&data));
        // What lies in no part that is loaded has no name either.
        self.tell(Found::LookedUp((code.len() - found.len()) as u64));
        let path = path.as_deref().map(|path| Path::new(OsStr::from_bytes(path)));
        let debug = DebugFile::find(&elf, path, DEBUG_FOLDERS);
        Some(Elf { module, elf, debug, code: found, data })
    }

    fn not_read(&self, record: ModuleRecord, places: usize) {
        self.tell(Found::Module(record));
        self.tell(Found::LookedUp(places as u64));
    }

    /// Looks up names in symbol tables.
    fn look_up(&self, file: &Elf) {
        let (kind, code) = (pfsymbols::SymbolKind::Function, &file.code);
        for (&address, symbol) in code.iter().zip(self.symbols(file, kind, code)) {
            if let Some(symbol) = symbol {
                self.tell(Found::Code(vec![function(file.module, address, symbol.name)]));
            }
        }
        self.tell(Found::LookedUp(code.len() as u64));
        let (kind, data) = (pfsymbols::SymbolKind::Object, &file.data);
        // Many places may lie in one.
        let objects: BTreeMap<u64, SymbolRecord> = self
            .symbols(file, kind, data)
            .into_iter()
            .flatten()
            .map(|symbol| {
                let record = SymbolRecord {
                    kind: SymbolKind::Object,
                    size_bytes: symbol.bytes,
                    ..function(file.module, symbol.address, symbol.name)
                };
                (record.address, record)
            })
            .collect();
        self.tell(Found::Data(objects.into_values().collect()));
    }

    /// The symbols of the file, and of its debug file where that knows more.
    fn symbols(
        &self,
        file: &Elf,
        kind: pfsymbols::SymbolKind,
        addresses: &[u64],
    ) -> Vec<Option<pfsymbols::Symbol>> {
        if addresses.is_empty() {
            return Vec::new();
        }
        // Of a damaged table nothing is known.
        let nothing = || vec![None; addresses.len()];
        let own = symbols_at(&file.elf, kind, addresses).unwrap_or_else(|_| nothing());
        let Some(debug) = file.debug.as_ref().filter(|_| own.contains(&None)) else { return own };
        let more = symbols_at(&debug.elf, kind, addresses).unwrap_or_else(|_| nothing());
        // The debug file has local functions, which may be nearer.
        own.into_iter().zip(more).map(|(own, more)| more.or(own)).collect()
    }

    /// Looks up what debug information knows: inlined functions, files and lines.
    fn look_up_lines(&self, file: &Elf) {
        let mut functions = Functions::new(&file.elf, file.debug.as_ref());
        if !functions.has_lines() {
            return;
        }
        for addresses in file.code.chunks(CHUNK) {
            if self.is_over() {
                return;
            }
            for (&address, chain) in addresses.iter().zip(functions.at(addresses)) {
                let record = |found: pfsymbols::Function| SymbolRecord {
                    file: found.file.unwrap_or_default().into_bytes(),
                    line: found.line.unwrap_or(0),
                    ..function(file.module, address, found.name)
                };
                self.tell(Found::Code(chain.into_iter().map(record).collect()));
            }
        }
    }

    fn kernel(&self, WantedModule { mut record, code, .. }: WantedModule) {
        let functions = self.names.then(KernelFunctions::of_this_machine).and_then(Result::ok);
        if functions.is_some() {
            record.state = ModuleState::Read;
        }
        let module = record.id;
        if self.names {
            self.tell(Found::Module(record));
        }
        for place in &code {
            let found = functions.as_ref().and_then(|functions| functions.at(place.offset));
            if let Some(found) = found {
                let name = match found.module {
                    Some(module) => format!("{} [{module}]", found.name),
                    None => found.name,
                };
                self.tell(Found::Code(vec![function(module, place.offset, name)]));
            }
        }
        self.tell(Found::LookedUp(code.len() as u64));
    }

    fn perf_map(&self, wanted: WantedModule, until: Instant) {
        let WantedModule { mut record, file, code, .. } = wanted;
        if file.is_none() && record.state == ModuleState::Replaced {
            self.not_read(record, code.len());
            return;
        }
        // Most code that is made at run time is described nowhere: such a module says nothing.
        let file = file.filter(|_| self.names);
        let map = file.map(|file| {
            RecentMap::read(&file, MAX_PERF_MAP_BYTES, || self.is_over() || Instant::now() >= until)
        });
        let mut skipped = 0;
        if let Some(Ok(RecentMap { map, is_whole, is_broken_off })) = map {
            // What would have come later counts more: nothing is certain.
            if is_broken_off {
                return;
            }
            let module = record.id;
            record.state = ModuleState::Read;
            self.tell(Found::Module(record));
            for place in &code {
                match map.at(place.offset) {
                    Some(found) => {
                        self.tell(Found::Code(vec![function(module, place.offset, found.name)]));
                    }
                    // It may be in front of what was read.
                    None => skipped += usize::from(!is_whole),
                }
            }
        }
        self.tell(Found::LookedUp((code.len() - skipped) as u64));
    }
}

/// The address of a place, as the segments of its file count.
fn address_of(elf: &ElfFile, place: &Place) -> Option<u64> {
    let &Place { offset, anchor, anchor_bytes } = place;
    let anchor = pfsymbols::Mapping {
        address: anchor,
        bytes: anchor_bytes,
        file_offset: anchor,
        executable: true,
    };
    Some(offset.wrapping_sub(elf.load_bias(&anchor)?))
}

fn function(module: u32, address: u64, name: String) -> SymbolRecord {
    SymbolRecord {
        module,
        kind: SymbolKind::Function,
        address,
        size_bytes: 0,
        name: name.into_bytes(),
        file: Vec::new(),
        line: 0,
    }
}

/// Puts in what a file states about itself, as far as a trace may hold it.
fn describe(record: &mut ModuleRecord, elf: &ElfFile) {
    record.state = ModuleState::Read;
    record.build_id = elf.build_id().unwrap_or_default().to_vec();
    if record.build_id.len() > MAX_BUILD_ID_BYTES {
        record.build_id.clear();
    }
    let prot = |segment: &pfsymbols::Segment| {
        u32::from(segment.readable)
            | u32::from(segment.writable) << 1
            | u32::from(segment.executable) << 2
    };
    let fits = |first: u64, bytes: u64| first.checked_add(bytes).is_some();
    let segments = elf.segments().iter().map(|segment| Segment {
        file_offset: segment.file_offset,
        file_bytes: segment.file_bytes,
        address: segment.address,
        memory_bytes: segment.memory_bytes,
        prot: prot(segment),
    });
    record.segments = segments
        .filter(|segment| {
            fits(segment.address, segment.memory_bytes)
                && fits(segment.file_offset, segment.file_bytes)
        })
        .collect();
    let sections = elf.sections().map(|section| Section {
        name: section.name.as_bytes().to_vec(),
        address: section.address,
        bytes: section.bytes,
        no_bits: section.no_bits,
        tls: section.tls,
    });
    record.sections = sections.filter(|section| fits(section.address, section.bytes)).collect();
    record.sections.sort_by_key(|section| section.address);
}
