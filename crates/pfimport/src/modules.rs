//! Build ids that perf found, as modules of which nothing else is known.

use pft::record::{ModuleKind, ModuleRecord, ModuleState};
use rustc_hash::FxHashMap;

use crate::perf::record::{BuildId, Map};

/// As many files, and as many build ids, are kept.
const MOST: usize = 1 << 16;

/// A file as a map record names it: device, and inode.
type File = ((u32, u32), u64);

/// Files that are mapped, and build ids of files.
#[derive(Debug, Default)]
pub struct Modules {
    files: FxHashMap<Vec<u8>, File>,
    build_ids: Vec<(bool, Vec<u8>, Vec<u8>)>,
}

impl Modules {
    /// A mapping: of which file its path is.
    pub fn map(&mut self, map: &Map<'_>) {
        const EXEC: u32 = 4;
        let is_file = map.path.starts_with(b"/") && map.prot & EXEC != 0;
        if is_file && self.files.len() < MOST && !self.files.contains_key(map.path) {
            self.files.insert(map.path.to_vec(), (map.device, map.inode));
        }
    }

    /// A build id.
    pub fn build_id(&mut self, found: BuildId<'_>) {
        if self.build_ids.len() < MOST && !found.id.is_empty() && !found.path.is_empty() {
            self.build_ids.push((found.is_kernel, found.path.to_vec(), found.id.to_vec()));
        }
    }

    /// The modules. Modules of the kernel are part of it, and have no record of their own.
    pub fn records(&self) -> Vec<ModuleRecord> {
        let mut records = Vec::new();
        for (is_kernel, path, build_id) in &self.build_ids {
            let is_vdso = path == b"[vdso]";
            if *is_kernel && !path.starts_with(b"[kernel.kallsyms]") {
                continue;
            }
            let kind = match () {
                () if *is_kernel => ModuleKind::Kernel,
                () if is_vdso => ModuleKind::Vdso,
                () => ModuleKind::Elf,
            };
            let (device, inode) = self.files.get(path).copied().unwrap_or_default();
            records.push(ModuleRecord {
                id: u32::try_from(records.len()).unwrap_or(u32::MAX),
                kind,
                state: ModuleState::NotOpened,
                pid: 0,
                dev_major: device.0,
                dev_minor: device.1,
                inode,
                path: if *is_kernel { b"[kernel]".to_vec() } else { path.clone() },
                build_id: build_id.clone(),
                segments: Vec::new(),
                sections: Vec::new(),
            });
        }
        records
    }
}
