//! The files and other things that hold code, each with a number of its own.

use pft::record::{MapRecord, ModuleKind, ModuleRecord, Vma};
use rustc_hash::FxHashMap;

/// Modules that are told apart; of what is mapped beyond them nothing is named.
const MAX_MODULES: usize = 1 << 16;
/// Of these, the ones that may be files without code.
const MAX_DATA_FILES: usize = 1 << 15;

/// What a module is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ModuleKey {
    /// A file.
    File(FileKey),
    /// The kernel.
    Kernel,
    /// The image that the kernel maps into every process.
    Vdso,
    /// Code that this process made.
    PerfMap(u32),
}

/// A file as map records and snapshots have it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey {
    /// Device, major number.
    pub dev_major: u32,
    /// Device, minor number.
    pub dev_minor: u32,
    /// Inode.
    pub inode: u64,
    /// Path, without the mark of a deleted file: that may come while it is mapped.
    pub path: Vec<u8>,
}

/// What the kernel appends to the path of a file that is gone.
const DELETED: &[u8] = b" (deleted)";

/// The path without that.
pub fn plain(path: &[u8]) -> &[u8] {
    path.strip_suffix(DELETED).unwrap_or(path)
}

impl FileKey {
    /// The file of a map record.
    pub fn of_map(map: &MapRecord) -> Self {
        let &MapRecord { dev_major, dev_minor, inode, .. } = map;
        Self { dev_major, dev_minor, inode, path: plain(&map.path).to_vec() }
    }

    /// The file of a line of a snapshot.
    pub fn of_vma(vma: &Vma) -> Self {
        let &Vma { dev_major, dev_minor, inode, .. } = vma;
        Self { dev_major, dev_minor, inode, path: plain(&vma.path).to_vec() }
    }

    /// Whether it lies in memory only, as code that was just compiled may.
    pub fn is_memfd(&self) -> bool {
        self.path.starts_with(MEMFD)
    }
}

/// How the path of a file begins that lies in memory only.
const MEMFD: &[u8] = b"/memfd:";

/// Whether a module is a file in memory only.
pub fn is_memfd(module: &ModuleRecord) -> bool {
    module.kind == ModuleKind::Elf && module.path.starts_with(MEMFD)
}

/// A module.
#[derive(Debug)]
pub struct Module {
    /// What it is known by.
    pub key: ModuleKey,
    /// It holds code: some process has mapped it executable.
    pub has_code: bool,
    /// A process that faulted has mapped it.
    pub is_wanted: bool,
}

impl Module {
    /// Its kind.
    pub const fn kind(&self) -> ModuleKind {
        match self.key {
            ModuleKey::File(_) => ModuleKind::Elf,
            ModuleKey::Kernel => ModuleKind::Kernel,
            ModuleKey::Vdso => ModuleKind::Vdso,
            ModuleKey::PerfMap(_) => ModuleKind::PerfMap,
        }
    }
}

/// All modules; their numbers count from 0.
#[derive(Debug, Default)]
pub struct Modules {
    list: Vec<Module>,
    numbers: FxHashMap<ModuleKey, u32>,
    data_files: usize,
    /// Files of which it turned out later that they hold code.
    pub late: u32,
}

impl Modules {
    /// The number of a module; `None` for one too many.
    pub fn intern(&mut self, key: ModuleKey, has_code: bool) -> Option<u32> {
        if let Some(&number) = self.numbers.get(&key) {
            let module = self.list.get_mut(number as usize)?;
            if has_code && !module.has_code {
                module.has_code = true;
                self.data_files -= 1;
                self.late = self.late.wrapping_add(1);
            }
            return Some(number);
        }
        if self.list.len() >= MAX_MODULES || (!has_code && self.data_files >= MAX_DATA_FILES) {
            return None;
        }
        let number = u32::try_from(self.list.len()).ok()?;
        self.data_files += usize::from(!has_code);
        self.numbers.insert(key.clone(), number);
        self.list.push(Module { key, has_code, is_wanted: false });
        Some(number)
    }

    /// A module by its number.
    pub fn of(&self, number: u32) -> Option<&Module> {
        self.list.get(number as usize)
    }

    /// Whether a module holds code.
    pub fn has_code(&self, number: u32) -> bool {
        self.of(number).is_some_and(|module| module.has_code)
    }

    /// Whether a module is a file in memory only.
    pub fn is_memfd(&self, number: u32) -> bool {
        self.of(number)
            .is_some_and(|module| matches!(&module.key, ModuleKey::File(file) if file.is_memfd()))
    }

    /// A process that faulted has mapped it.
    pub fn want(&mut self, number: u32) {
        if let Some(module) = self.list.get_mut(number as usize) {
            module.is_wanted = true;
        }
    }

    /// All with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Module)> {
        (0..).zip(&self.list)
    }
}
