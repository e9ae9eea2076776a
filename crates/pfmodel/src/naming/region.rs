//! Kind and label of each mapping, from all that are known by then.

use std::collections::{HashMap, HashSet};

use pft::record::{ModuleKind, ModuleRecord};

use crate::collections::intern::{Interner, Name};
use crate::collections::slab::Marks;
use crate::names::RegionKind;
use crate::naming::modules::Modules;
use crate::space::mapping_rows::{MappingRow, MappingRows};
use crate::space::vma::{Backing, DELETED, EXEC, Vma, WRITE, is_thread_stack_name};
use crate::table::{Mapping, NONE, Region};

/// What tables print for anonymous memory without a name.
pub(crate) const ANON_LABEL: &[u8] = b"[anon]";
/// What they print for code that a process made at run time and described.
pub(crate) const JIT_LABEL: &[u8] = b"[jit]";
/// What they print for the stack of a thread other than the first.
const THREAD_STACK_LABEL: &[u8] = b"thread stack";

/// A file inside one address space: by path, or by device and inode.
#[derive(Debug, PartialEq, Eq, Hash)]
enum FileOf {
    Path(u32, Name),
    Inode(u32, (u32, u32), u64),
}

impl FileOf {
    fn both(row: &MappingRow) -> [Self; 2] {
        let vma = &row.vma;
        [Self::Path(row.mm, vma.plain_name), Self::Inode(row.mm, vma.dev, vma.inode)]
    }
}

/// The writable data of a module that ends at some address, over all the time it did.
#[derive(Debug)]
struct DataEnd {
    name: Name,
    from_ns: u64,
    /// Until when, by the rows before the last one.
    to_ns: u64,
    last_row: u32,
}

/// What is known of a row beside the row itself.
#[derive(Debug, Clone, Copy)]
struct Known {
    in_module: bool,
    kind: RegionKind,
    /// The module whose data it follows, if it is `bss`.
    module: Name,
}

impl Known {
    const NOTHING: Self =
        Self { in_module: false, kind: RegionKind::Unknown, module: Interner::EMPTY };
}

/// Names mappings.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    /// Files that are mapped executable somewhere in the address space: modules.
    modules: HashSet<FileOf>,
    /// By address space and address.
    data_ends: HashMap<(u32, u64), DataEnd>,
    /// By row.
    known: Vec<Known>,
}

impl Regions {
    /// Takes in the rows that were added since the last time, and works out what they are.
    pub(crate) fn learn(&mut self, rows: &mut MappingRows, names: &Interner) {
        let added = rows.take_added();
        self.known.resize(rows.as_slice().len(), Known::NOTHING);
        self.learn_modules(&added, rows);
        for &index in &added {
            let Some(row) = rows.get(index) else { continue };
            let by_file = FileOf::both(row).iter().any(|file| self.modules.contains(file));
            let origin = self.known.get(row.origin as usize).is_some_and(|origin| origin.in_module);
            let in_module = row.vma.backing == Backing::File && (by_file || origin);
            if let Some(known) = self.known.get_mut(index as usize) {
                *known = Known { in_module, ..Known::NOTHING };
            }
        }
        self.learn_data_ends(&added, rows);
        for &index in &added {
            self.learn_kind(index, rows, names);
        }
    }

    fn learn_modules(&mut self, added: &[u32], rows: &MappingRows) {
        let executable =
            |row: &&MappingRow| row.vma.backing == Backing::File && row.vma.prot & EXEC != 0;
        let rows = added.iter().filter_map(|&row| rows.get(row));
        self.modules.extend(rows.filter(executable).flat_map(FileOf::both));
    }

    fn learn_data_ends(&mut self, added: &[u32], rows: &MappingRows) {
        for &index in added {
            let in_module = self.known.get(index as usize).is_some_and(|known| known.in_module);
            let row = rows.get(index);
            let data = |row: &&MappingRow| !row.vma.shared && row.vma.prot & WRITE != 0;
            let Some(row) = row.filter(|_| in_module).filter(data) else { continue };
            let new = DataEnd {
                name: row.vma.plain_name,
                from_ns: row.valid_from_ns,
                to_ns: 0,
                last_row: index,
            };
            let before = self.data_ends.entry((row.mm, row.vma.end));
            before
                .and_modify(|end| {
                    end.from_ns = end.from_ns.min(row.valid_from_ns);
                    end.to_ns = end.to_ns(rows);
                    end.last_row = index;
                })
                .or_insert(new);
        }
    }

    /// Works out the kind of a row, again if it has changed.
    pub(crate) fn learn_kind(&mut self, index: u32, rows: &MappingRows, names: &Interner) {
        let Some(row) = rows.get(index) else { return };
        let Some(&known) = self.known.get(index as usize) else { return };
        let (kind, module) = match row.vma.backing {
            Backing::Anon => self.anon_kind(row, rows, names),
            _ => (mapped_kind(&row.vma, known.in_module, names), Interner::EMPTY),
        };
        if let Some(place) = self.known.get_mut(index as usize) {
            *place = Known { kind, module, ..known };
        }
    }

    /// Forgets what was learnt from rows that are not marked.
    pub(crate) fn keep(&mut self, marked: &Marks, rows: &MappingRows) {
        let kept: Vec<u32> = marked.iter().collect();
        (self.modules, self.data_ends) = (HashSet::new(), HashMap::new());
        self.learn_modules(&kept, rows);
        self.learn_data_ends(&kept, rows);
    }

    /// The name that the kind of a row refers to.
    pub(crate) fn name_of(&self, row: u32) -> Name {
        self.known.get(row as usize).map_or(Interner::EMPTY, |known| known.module)
    }

    /// A row of the table of mappings; times count from `start_ns`, and `end_ns` closes what is open.
    pub(crate) fn mapping(
        &self,
        index: u32,
        rows: &MappingRows,
        names: &Interner,
        (start_ns, end_ns): (u64, u64),
    ) -> Option<Mapping> {
        let (row, known) = (rows.get(index)?, self.known.get(index as usize)?);
        let vma = row.vma;
        Some(Mapping {
            proc: row.proc,
            start: vma.start,
            end: vma.end,
            prot: vma.prot,
            shared: vma.shared,
            file_offset: vma.file_offset,
            dev: vma.dev,
            inode: vma.inode,
            path: names.text(vma.name).to_vec(),
            kind: known.kind,
            region: label(row, known, names),
            valid_from_ns: row.valid_from_ns.saturating_sub(start_ns),
            valid_to_ns: row.valid_to_ns.min(end_ns).saturating_sub(start_ns),
            confirmed_ns: row.confirmed_ns.saturating_sub(start_ns),
            seen_from_start: row.seen_from_start,
            module: NONE,
        })
    }

    /// What tables print for a row.
    pub(crate) fn label(&self, index: u32, rows: &MappingRows, names: &Interner) -> Vec<u8> {
        match (rows.get(index), self.known.get(index as usize)) {
            (Some(row), Some(known)) => label(row, known, names),
            _ => Vec::new(),
        }
    }

    /// What a row is, as a region.
    pub(crate) fn region(&self, index: u32, rows: &MappingRows, names: &Interner) -> Region {
        let kind = self.known.get(index as usize).map_or(RegionKind::Unknown, |known| known.kind);
        Region { kind, label: self.label(index, rows, names) }
    }

    /// Whether a row shows a file that its address space also maps executable.
    pub(crate) fn is_in_module(&self, row: u32) -> bool {
        self.known.get(row as usize).is_some_and(|known| known.in_module)
    }

    /// The last row of data that ended where a row begins.
    pub(crate) fn data_row_below(&self, row: &MappingRow) -> Option<u32> {
        self.data_ends.get(&(row.mm, row.vma.start)).map(|data| data.last_row)
    }

    /// The module whose data an anonymous mapping follows directly. Where other memory was merged with
    /// it, most of it may be something else.
    fn data_before(&self, row: &MappingRow, rows: &MappingRows) -> Option<Name> {
        let plain = row.vma.name == Interner::EMPTY;
        let data = self.data_ends.get(&(row.mm, row.vma.start))?;
        // Memory that is older than the data was there before the module was loaded below it.
        let together = data.from_ns <= row.valid_from_ns && row.valid_from_ns <= data.to_ns(rows);
        (plain && !row.grown && row.vma.prot & WRITE != 0 && together).then_some(data.name)
    }

    fn anon_kind(
        &self,
        row: &MappingRow,
        rows: &MappingRows,
        names: &Interner,
    ) -> (RegionKind, Name) {
        let plain = |kind| (kind, Interner::EMPTY);
        match names.text(row.vma.name) {
            b"[stack]" => plain(RegionKind::Stack),
            b"[heap]" => plain(RegionKind::Heap),
            name if is_thread_stack_name(name) => plain(RegionKind::ThreadStack),
            _ => match (self.data_before(row, rows), self.known.get(row.origin as usize)) {
                (Some(module), _) => (RegionKind::Bss, module),
                // A copy for a forked process, whose own data may have no row.
                (None, Some(&Known { kind: RegionKind::Bss, module, .. }))
                    if rows.get(row.origin).is_some_and(|o| o.vma.start == row.vma.start) =>
                {
                    (RegionKind::Bss, module)
                }
                _ => plain(RegionKind::Anon),
            },
        }
    }
}

impl DataEnd {
    /// Until when some data ended here.
    fn to_ns(&self, rows: &MappingRows) -> u64 {
        rows.get(self.last_row).map_or(self.to_ns, |last| last.valid_to_ns.max(self.to_ns))
    }
}

/// The kind of anything but anonymous memory.
fn mapped_kind(vma: &Vma, in_module: bool, names: &Interner) -> RegionKind {
    match vma.backing {
        Backing::Anon => RegionKind::Anon,
        Backing::Shmem => RegionKind::Shmem,
        Backing::Device => RegionKind::Device,
        Backing::Kernel => {
            let name = names.text(vma.name);
            let known = name.starts_with(b"[v") || name.starts_with(b"[sigpage");
            if known { RegionKind::Vdso } else { RegionKind::Unknown }
        }
        Backing::File if vma.prot & EXEC != 0 => RegionKind::Text,
        Backing::File if !in_module || vma.shared => RegionKind::File,
        Backing::File if vma.prot & WRITE != 0 => RegionKind::Data,
        Backing::File => RegionKind::Rodata,
    }
}

fn label(row: &MappingRow, known: &Known, names: &Interner) -> Vec<u8> {
    match known.kind {
        // `libfoo.so bss`
        RegionKind::Bss => [&base_name(names.text(known.module)), &b" bss"[..]].concat(),
        RegionKind::ThreadStack => THREAD_STACK_LABEL.to_vec(),
        _ => plain_label(&row.vma, names),
    }
}

/// What tables print for a mapping of which nothing else is known.
pub(crate) fn plain_label(vma: &Vma, names: &Interner) -> Vec<u8> {
    let name = names.text(vma.name);
    match vma.backing {
        Backing::Shmem if is_unnamed_shmem(vma, name) => b"[shmem]".to_vec(),
        Backing::Anon if !name.starts_with(b"[") => ANON_LABEL.to_vec(),
        Backing::Shmem if name.starts_with(b"/memfd:") => {
            let name = name.strip_suffix(DELETED).unwrap_or(name);
            name.strip_prefix(b"/").unwrap_or(name).to_vec()
        }
        _ if name.is_empty() => b"[file]".to_vec(),
        _ => base_name(name),
    }
}

/// What tables print for a module.
pub(crate) fn module_label(module: &ModuleRecord) -> Vec<u8> {
    match module.kind {
        ModuleKind::PerfMap => JIT_LABEL.to_vec(),
        _ => base_name(&module.path),
    }
}

/// A section of a module as a region: `libfoo.so .text`.
pub(crate) fn section_region(modules: &Modules, module: u32, section: usize) -> Option<Region> {
    let record = modules.get(module)?;
    let section = record.sections.get(section)?;
    let prot = modules.prot_at(module, section.address);
    let kind = if section.no_bits {
        RegionKind::Bss
    } else if prot & EXEC != 0 {
        RegionKind::Text
    } else if prot & WRITE != 0 {
        RegionKind::Data
    } else {
        RegionKind::Rodata
    };
    Some(Region { kind, label: [&module_label(record), &b" "[..], &section.name].concat() })
}

/// The stack of a thread other than the first, as a region.
pub(crate) fn thread_stack_region() -> Region {
    Region { kind: RegionKind::ThreadStack, label: THREAD_STACK_LABEL.to_vec() }
}

/// Memory of a module that begins as zeros, as a region.
pub(crate) fn zero_region(modules: &Modules, module: u32) -> Region {
    let label = modules.get(module).map(module_label).unwrap_or_default();
    Region { kind: RegionKind::Bss, label: [&label, &b" .bss"[..]].concat() }
}

/// Whether a piece of shared memory has no name worth showing.
fn is_unnamed_shmem(vma: &Vma, name: &[u8]) -> bool {
    vma.name == Interner::EMPTY
        || name.starts_with(b"/dev/zero")
        || name.starts_with(b"/anon_hugepage")
}

/// The last part of a path; of a deleted file with the mark. Names in brackets stay as they are, and so does the path
/// of a file that is called like something else: `/tmp/[heap]` is not the heap.
fn base_name(path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"[") {
        return path.to_vec();
    }
    let (plain, mark) = match path.strip_suffix(DELETED) {
        Some(plain) => (plain, DELETED),
        None => (path, &[][..]),
    };
    let base = plain.rsplit(|&byte| byte == b'/').next().unwrap_or(plain);
    if base.is_empty() || imitates(base) { path.to_vec() } else { [base, mark].concat() }
}

/// Whether the name of a file reads as what tables call other memory: `[heap]`, a memfd, the stack of a thread, a
/// section of a module.
fn imitates(base: &[u8]) -> bool {
    let (_, last) =
        base.iter().rposition(|&byte| byte == b' ').map_or((base, &[][..]), |at| base.split_at(at));
    base.starts_with(b"[")
        || base.starts_with(b"memfd:")
        || base == THREAD_STACK_LABEL
        || last.starts_with(b" .")
        || last == b" bss"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_base_names_as_bytes() {
        let cases: &[(&[u8], &[u8])] = &[
            (b"/usr/lib/libc.so.6", b"libc.so.6"),
            (b"/tmp/a b (deleted)", b"a b (deleted)"),
            (b"relative", b"relative"),
            (b"/odd/", b"/odd/"),
            (b"/caf\xe9/\xff", b"\xff"),
            (b"[anon:pool/7]", b"[anon:pool/7]"),
            (b"/tmp/[heap]", b"/tmp/[heap]"),
            (b"/tmp/[stack] (deleted)", b"/tmp/[stack] (deleted)"),
            (b"/tmp/memfd:x", b"/tmp/memfd:x"),
            (b"/tmp/thread stack", b"/tmp/thread stack"),
            (b"/tmp/libc.so.6 .text", b"/tmp/libc.so.6 .text"),
            (b"/tmp/libc.so.6 bss", b"/tmp/libc.so.6 bss"),
            (b"/tmp/v1. final .x y", b"v1. final .x y"),
        ];
        for &(path, label) in cases {
            assert_eq!(base_name(path), label, "{}", path.escape_ascii());
        }
    }
}
