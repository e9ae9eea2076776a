//! What the recorder found out about files and other things that hold code, and which mapping is of which.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use pft::record::{ModuleKind, ModuleRecord, Section, Segment, SymbolKind, SymbolRecord};

use crate::collections::intern::{Interner, Name};
use crate::collections::keyed_map::KeyedMap;
use crate::naming::objects::Objects;
use crate::recording::Recording;
use crate::space::vma::{Backing, DELETED, Vma};
use crate::table::{Function, Module, NONE, Object};

/// Segments of a module that are looked at; real files have about ten. Without a bound each mapping of a
/// made-up module would cost as much as its longest list.
const MAX_SEGMENTS: usize = 64;

/// A file as mappings and records name it: device, inode and path.
type File = ((u32, u32), u64, Name);

/// The one file that has a path, or `None` if there are several.
type Only<T> = HashMap<Name, Option<T>>;

fn see<T: PartialEq>(seen: &mut Only<T>, path: Name, file: T) {
    match seen.entry(path) {
        Entry::Vacant(place) => {
            place.insert(Some(file));
        }
        Entry::Occupied(mut known) => {
            if known.get().as_ref().is_some_and(|known| *known != file) {
                known.insert(None);
            }
        }
    }
}

/// Modules by number, with their symbols.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    records: Vec<ModuleRecord>,
    files: HashMap<File, u32>,
    /// Modules of which the path is enough.
    by_path: HashMap<Name, u32>,
    paths: Interner,
    vdso: Option<u32>,
    kernel: Option<u32>,
    perf_maps: KeyedMap<u32, u32>,
    /// Ordered by module (its number) and address; those of one address as recorded.
    functions: Vec<SymbolRecord>,
    objects: Objects,
}

impl Modules {
    /// Takes modules and symbols out of a recording that still has its map records and snapshots. Of two modules with one id, or for one file, the first
    /// counts; symbols of modules that do not exist are dropped.
    pub(crate) fn take_from(recording: &mut Recording) -> Self {
        let mut modules = Self::default();
        let mut numbers = KeyedMap::default();
        for record in std::mem::take(&mut recording.modules) {
            let number = modules.records.len() as u32;
            if numbers.contains_key(&record.id) {
                continue;
            }
            numbers.insert(record.id, number);
            modules.add(number, record);
        }
        for number in 0..modules.records.len() as u32 {
            modules.add_without_mark(number);
        }
        modules.learn_paths(recording);
        let (mut functions, mut objects) = (Vec::new(), Vec::new());
        for symbol in std::mem::take(&mut recording.symbols) {
            let Some(&module) = numbers.get(&symbol.module) else { continue };
            let symbol = SymbolRecord { module, ..symbol };
            match symbol.kind {
                SymbolKind::Function => functions.push(symbol),
                SymbolKind::Object => objects.push(symbol),
            }
        }
        functions.sort_by_key(|symbol| (symbol.module, symbol.address));
        modules.functions = functions;
        modules.objects = Objects::new(objects);
        modules
    }

    fn add(&mut self, number: u32, mut record: ModuleRecord) {
        match record.kind {
            ModuleKind::Elf => {
                let path = self.paths.intern(&record.path);
                let file = ((record.dev_major, record.dev_minor), record.inode, path);
                self.files.entry(file).or_insert(number);
            }
            ModuleKind::Kernel => self.kernel = self.kernel.or(Some(number)),
            ModuleKind::Vdso => self.vdso = self.vdso.or(Some(number)),
            ModuleKind::PerfMap => {
                self.perf_maps.entry(record.pid).or_insert(number);
            }
            _ => {}
        }
        record.segments.truncate(MAX_SEGMENTS);
        // `.tbss` has addresses that belong to others.
        record.sections.retain(|section| {
            section.bytes > 0 && !section.name.is_empty() && !(section.tls && section.no_bits)
        });
        record.sections.sort_by_key(|section| section.address);
        self.records.push(record);
    }

    /// A file may be deleted while it is mapped: where the mark of that is the only difference, it is the
    /// same file.
    fn add_without_mark(&mut self, number: u32) {
        let Some(record) = self.records.get(number as usize) else { return };
        if record.kind == ModuleKind::Elf {
            let plain = record.path.strip_suffix(DELETED).unwrap_or(&record.path);
            let file =
                ((record.dev_major, record.dev_minor), record.inode, self.paths.intern(plain));
            self.files.entry(file).or_insert(number);
        }
    }

    /// On stacked file systems map records and snapshots give one file different devices. Where each of them
    /// shows one file at a path, and a module is one of the two, both are the module.
    fn learn_paths(&mut self, recording: &Recording) {
        if self.files.is_empty() {
            return;
        }
        let (mut in_records, mut in_snapshots, mut numbers) =
            (Only::new(), Only::new(), Only::new());
        for map in recording.maps.iter().filter(|map| map.inode != 0) {
            if let Some(path) = self.paths.find(&map.path) {
                see(&mut in_records, path, ((map.dev_major, map.dev_minor), map.inode));
            }
        }
        let lines = recording.snapshots.iter().flat_map(|snapshot| &snapshot.vmas);
        for line in lines.filter(|line| line.inode != 0) {
            if let Some(path) = self.paths.find(&line.path) {
                see(&mut in_snapshots, path, ((line.dev_major, line.dev_minor), line.inode));
            }
        }
        for (&(_, _, path), &number) in &self.files {
            see(&mut numbers, path, number);
        }
        for (path, number) in numbers {
            let Some(number) = number else { continue };
            let Some(Some(in_records)) = in_records.get(&path) else { continue };
            let Some(Some(in_snapshots)) = in_snapshots.get(&path) else { continue };
            let file = |&(dev, inode): &((u32, u32), u64)| self.files.get(&(dev, inode, path));
            if file(in_records).or(file(in_snapshots)) == Some(&number) {
                self.by_path.insert(path, number);
            }
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The module that a mapping shows a part of.
    pub(crate) fn of_mapping(&self, vma: &Vma, names: &Interner) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        match vma.backing {
            Backing::File => {
                let path = |name| self.paths.find(names.text(name));
                let by_file = |&name: &Name| {
                    let number = self.files.get(&(vma.dev, vma.inode, path(name)?));
                    number.copied()
                };
                let by_path = || self.by_path.get(&path(vma.name)?).copied();
                [vma.name, vma.plain_name].iter().find_map(by_file).or_else(by_path)
            }
            Backing::Kernel if names.text(vma.name) == b"[vdso]" => self.vdso,
            _ => None,
        }
    }

    /// The kernel.
    pub(crate) fn kernel(&self) -> Option<u32> {
        self.kernel
    }

    /// The code that a process made at run time.
    pub(crate) fn perf_map(&self, pid: u32) -> Option<u32> {
        self.perf_maps.get(&pid).copied()
    }

    /// What is recorded of a module.
    pub(crate) fn get(&self, module: u32) -> Option<&ModuleRecord> {
        self.records.get(module as usize)
    }

    /// The loadable parts of a module.
    pub(crate) fn segments(&self, module: u32) -> &[Segment] {
        self.get(module).map_or(&[], |record| &record.segments)
    }

    /// The section that holds an address of a module, with its number: where several do, the one that
    /// begins last.
    pub(crate) fn section_at(&self, module: u32, address: u64) -> Option<(usize, &Section)> {
        let sections = &self.get(module)?.sections;
        let index =
            sections.partition_point(|section| section.address <= address).checked_sub(1)?;
        let section = sections.get(index)?;
        (address - section.address < section.bytes).then_some((index, section))
    }

    /// Protection of the segment that holds an address of a module; 0 if none does.
    pub(crate) fn prot_at(&self, module: u32, address: u64) -> u32 {
        let holds = |segment: &&Segment| {
            address.checked_sub(segment.address).is_some_and(|offset| offset < segment.memory_bytes)
        };
        self.segments(module).iter().find(holds).map_or(0, |segment| segment.prot)
    }

    /// The functions at an address of a module, the innermost first.
    pub(crate) fn functions_at(&self, module: u32, address: u64) -> Vec<Function> {
        let key = |symbol: &SymbolRecord| (symbol.module, symbol.address);
        let from = self.functions.partition_point(|symbol| key(symbol) < (module, address));
        let behind = self.functions.get(from..).unwrap_or_default();
        let here = behind.iter().take_while(|symbol| key(symbol) == (module, address));
        here.map(|symbol| Function {
            name: symbol.name.clone(),
            file: symbol.file.clone(),
            line: symbol.line,
        })
        .collect()
    }

    /// The data object that holds an address of a module, as a number in the table of objects.
    pub(crate) fn object_at(&self, module: u32, address: u64) -> Option<u32> {
        self.objects.at(module, address)
    }

    /// The tables of modules and of objects.
    pub(crate) fn tables(&self) -> (Vec<Module>, Vec<Object>) {
        let modules = self.records.iter().map(|record| Module {
            kind: record.kind,
            state: record.state,
            path: record.path.clone(),
            build_id: record.build_id.clone(),
        });
        (modules.collect(), self.objects.table().to_vec())
    }
}

/// A module's number as the tables have it.
pub(crate) fn index_of(module: Option<u32>) -> u32 {
    module.unwrap_or(NONE)
}
