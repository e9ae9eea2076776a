//! Kind and label of each mapping, once all of them are known.

use std::collections::{HashMap, HashSet};

use crate::intern::{Interner, Name};
use crate::mapping_rows::MappingRow;
use crate::names::RegionKind;
use crate::table::{Mapping, NONE};
use crate::vma::{Backing, DELETED, EXEC, Vma, WRITE, is_thread_stack_name};

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
    to_ns: u64,
}

/// Names all mappings.
#[derive(Debug)]
pub(crate) struct Regions<'a> {
    rows: &'a [MappingRow],
    names: &'a Interner,
    /// Files that are mapped executable somewhere in the address space: modules.
    modules: HashSet<FileOf>,
    /// By address space and address.
    data_ends: HashMap<(u32, u64), DataEnd>,
    kinds: Vec<RegionKind>,
}

impl<'a> Regions<'a> {
    /// Works out the kinds of all rows.
    pub(crate) fn new(rows: &'a [MappingRow], names: &'a Interner) -> Self {
        let executable =
            |row: &&MappingRow| row.vma.backing == Backing::File && row.vma.prot & EXEC != 0;
        let modules = rows.iter().filter(executable).flat_map(FileOf::both).collect();
        let mut regions =
            Self { rows, names, modules, data_ends: HashMap::new(), kinds: Vec::new() };
        let mut in_module = Vec::with_capacity(rows.len());
        for row in rows {
            let known = FileOf::both(row).iter().any(|file| regions.modules.contains(file));
            let origin = in_module.get(row.origin as usize).copied().unwrap_or(false);
            in_module.push(row.vma.backing == Backing::File && (known || origin));
        }
        for (row, &module) in rows.iter().zip(&in_module) {
            if module && !row.vma.shared && row.vma.prot & WRITE != 0 {
                regions.note_data_end(row);
            }
        }
        for (row, &module) in rows.iter().zip(&in_module) {
            let kind = regions.kind(row, module);
            regions.kinds.push(kind);
        }
        regions
    }

    /// A row of the table of mappings; times count from `start_ns`, and `end_ns` closes what is open.
    pub(crate) fn mapping(&self, index: usize, start_ns: u64, end_ns: u64) -> Option<Mapping> {
        let (row, &kind) = (self.rows.get(index)?, self.kinds.get(index)?);
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
            path: self.names.text(vma.name).to_vec(),
            kind,
            region: self.label(row, kind),
            valid_from_ns: row.valid_from_ns.saturating_sub(start_ns),
            valid_to_ns: row.valid_to_ns.min(end_ns).saturating_sub(start_ns),
            confirmed_ns: row.confirmed_ns.saturating_sub(start_ns),
            seen_from_start: row.seen_from_start,
        })
    }

    fn note_data_end(&mut self, row: &MappingRow) {
        let (from_ns, to_ns) = (row.valid_from_ns, row.valid_to_ns);
        let new = DataEnd { name: row.vma.plain_name, from_ns, to_ns };
        let end = self.data_ends.entry((row.mm, row.vma.end)).or_insert(new);
        end.from_ns = end.from_ns.min(from_ns);
        end.to_ns = end.to_ns.max(to_ns);
    }

    /// The module whose data an anonymous mapping follows directly. Where other memory was merged with
    /// it, most of it may be something else.
    fn data_before(&self, row: &MappingRow) -> Option<&DataEnd> {
        let plain = row.vma.name == Interner::EMPTY;
        let data = self.data_ends.get(&(row.mm, row.vma.start))?;
        // Memory that is older than the data was there before the module was loaded below it.
        let together = data.from_ns <= row.valid_from_ns && row.valid_from_ns <= data.to_ns;
        (plain && !row.grown && row.vma.prot & WRITE != 0 && together).then_some(data)
    }

    fn kind(&self, row: &MappingRow, in_module: bool) -> RegionKind {
        let vma = &row.vma;
        match vma.backing {
            Backing::Anon => self.anon_kind(row),
            Backing::Shmem => RegionKind::Shmem,
            Backing::Device => RegionKind::Device,
            Backing::Kernel => {
                let name = self.names.text(vma.name);
                let known = name.starts_with(b"[v") || name.starts_with(b"[sigpage");
                if known { RegionKind::Vdso } else { RegionKind::Unknown }
            }
            Backing::File if vma.prot & EXEC != 0 => RegionKind::Text,
            Backing::File if !in_module || vma.shared => RegionKind::File,
            Backing::File if vma.prot & WRITE != 0 => RegionKind::Data,
            Backing::File => RegionKind::Rodata,
        }
    }

    fn anon_kind(&self, row: &MappingRow) -> RegionKind {
        match self.names.text(row.vma.name) {
            b"[stack]" => RegionKind::Stack,
            b"[heap]" => RegionKind::Heap,
            name if is_thread_stack_name(name) => RegionKind::ThreadStack,
            _ if self.data_before(row).is_some() => RegionKind::Bss,
            _ => match self.kinds.get(row.origin as usize) {
                // A copy for a forked process, whose own data may have no row.
                Some(RegionKind::Bss) if self.origin_start(row) == Some(row.vma.start) => {
                    RegionKind::Bss
                }
                _ => RegionKind::Anon,
            },
        }
    }

    fn origin_start(&self, row: &MappingRow) -> Option<u64> {
        self.rows.get(row.origin as usize).map(|origin| origin.vma.start)
    }

    fn label(&self, row: &MappingRow, kind: RegionKind) -> Vec<u8> {
        let name = self.names.text(row.vma.name);
        match kind {
            RegionKind::Bss => self.bss_label(row),
            RegionKind::ThreadStack => b"thread stack".to_vec(),
            RegionKind::Shmem if is_unnamed_shmem(&row.vma, name) => b"[shmem]".to_vec(),
            RegionKind::Anon if !name.starts_with(b"[") => b"[anon]".to_vec(),
            RegionKind::Shmem if name.starts_with(b"/memfd:") => {
                let name = name.strip_suffix(DELETED).unwrap_or(name);
                name.strip_prefix(b"/").unwrap_or(name).to_vec()
            }
            _ if name.is_empty() => b"[file]".to_vec(),
            _ => base_name(name),
        }
    }

    /// `libfoo.so bss`, named after the module of the nearest origin that follows one.
    fn bss_label(&self, row: &MappingRow) -> Vec<u8> {
        let mut at = Some(row);
        while let Some(row) = at {
            if let Some(data) = self.data_before(row) {
                let mut label = base_name(self.names.text(data.name));
                label.extend_from_slice(b" bss");
                return label;
            }
            at = self.rows.get(row.origin as usize).filter(|_| row.origin != NONE);
        }
        b"bss".to_vec()
    }
}

/// Whether a piece of shared memory has no name worth showing.
fn is_unnamed_shmem(vma: &Vma, name: &[u8]) -> bool {
    vma.name == Interner::EMPTY
        || name.starts_with(b"/dev/zero")
        || name.starts_with(b"/anon_hugepage")
}

/// The last part of a path; of a deleted file with the mark. Names in brackets stay as they are.
fn base_name(path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"[") {
        return path.to_vec();
    }
    let (plain, mark) = match path.strip_suffix(DELETED) {
        Some(plain) => (plain, DELETED),
        None => (path, &[][..]),
    };
    let base = plain.rsplit(|&byte| byte == b'/').next().unwrap_or(plain);
    if base.is_empty() { path.to_vec() } else { [base, mark].concat() }
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
        ];
        for &(path, label) in cases {
            assert_eq!(base_name(path), label, "{}", path.escape_ascii());
        }
    }
}
