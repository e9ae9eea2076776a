//! Call chains from copies of stacks, by the unwind tables of the files that a process runs.

use std::collections::HashMap;
use std::sync::Arc;

use pfcapture::{CodeMapping, Unwind, UserRegs};
use pfsymbols::{AddressSpace, ElfFile, Mapping, Registers, UnwindSource, Unwinder, own_vdso};

/// Files whose tables are held.
const MAX_FILES: usize = 4096;
/// Memory for them: a file is as large as it claims to be, and need not take any room on disk.
const MAX_TABLE_BYTES: u64 = 1 << 30;

/// A file and its tables.
#[derive(Debug)]
struct File {
    elf: Arc<ElfFile>,
    source: Arc<UnwindSource>,
}

/// Unwinds with framehop.
#[derive(Debug, Default)]
pub struct StackUnwinder {
    unwinder: Unwinder,
    spaces: HashMap<u32, AddressSpace>,
    /// By module; `None` for those that are no ELF files, or for whose tables there is no room.
    files: HashMap<u32, Option<File>>,
    table_bytes: u64,
}

impl StackUnwinder {
    fn file(&mut self, mapping: &CodeMapping) -> Option<&File> {
        if self.files.len() >= MAX_FILES && !self.files.contains_key(&mapping.module) {
            return None;
        }
        let table_bytes = &mut self.table_bytes;
        let file = self.files.entry(mapping.module).or_insert_with(|| {
            let elf = match &mapping.file {
                Some(file) => ElfFile::open(file),
                None => own_vdso(),
            };
            let elf = elf.ok()?;
            let with_it = table_bytes.checked_add(UnwindSource::table_bytes(&elf))?;
            if with_it > MAX_TABLE_BYTES {
                return None;
            }
            *table_bytes = with_it;
            let elf = Arc::new(elf);
            Some(File { source: UnwindSource::new(Arc::clone(&elf)), elf })
        });
        file.as_ref()
    }
}

impl Unwind for StackUnwinder {
    fn set_code(&mut self, pid: u32, mappings: &[CodeMapping]) {
        let mut space = AddressSpace::default();
        for mapping in mappings {
            let Some(file) = self.file(mapping) else { continue };
            let shown = Mapping {
                address: mapping.range.start,
                bytes: mapping.range.end - mapping.range.start,
                file_offset: mapping.file_offset,
                executable: true,
            };
            if let Some(bias) = file.elf.load_bias(&shown) {
                space.add_module(mapping.range.clone(), bias, &file.source);
            }
        }
        self.spaces.insert(pid, space);
    }

    fn forget(&mut self) {
        self.spaces.clear();
    }

    fn unwind(
        &mut self,
        pid: u32,
        regs: &UserRegs,
        stack: &[u8],
        most: usize,
        callers: &mut Vec<u64>,
    ) -> bool {
        let &UserRegs { ip, sp, fp, lr } = regs;
        let space = self.spaces.entry(pid).or_default();
        let registers = Registers { ip, sp, fp, lr };
        let chain = self.unwinder.unwind(space, &registers, stack, most);
        callers.extend_from_slice(&chain.addresses);
        chain.cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_beyond_the_memory_for_them_are_not_read() {
        let program = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        let bytes = UnwindSource::table_bytes(&ElfFile::open(&program).unwrap());
        assert!(bytes > 0);
        let (range, file) = (0x1000..0x2000, Some(Arc::new(program)));
        let first = CodeMapping { range, file_offset: 0, module: 1, file };
        let second = CodeMapping { module: 2, ..first.clone() };
        let table_bytes = MAX_TABLE_BYTES - bytes;
        let mut unwinder = StackUnwinder { table_bytes, ..StackUnwinder::default() };
        assert!(unwinder.file(&first).is_some());
        assert!(unwinder.file(&second).is_none());
        assert!(unwinder.file(&first).is_some());
        assert_eq!(unwinder.table_bytes, MAX_TABLE_BYTES);
    }
}
