//! Call chains from copies of stacks, by the unwind tables of the files that a process runs.

use std::collections::HashMap;
use std::sync::Arc;

use pfcapture::{CodeMapping, MappedCode, Unwind, UserRegs, read_own_memory};
use pfsymbols::{
    AddressSpace, ElfFile, Error, Mapping, Registers, UnwindSource, Unwinder, own_vdso,
};

/// Files whose tables are held.
const MAX_FILES: usize = 4096;
/// Memory for them: a file is as large as it claims to be, and need not take any room on disk.
const MAX_TABLE_BYTES: u64 = 1 << 30;

/// What is known of a file.
#[derive(Debug)]
enum File {
    /// It has tables, or may have.
    Elf { elf: Arc<ElfFile>, source: Arc<UnwindSource> },
    /// It was read, and is of a form that has none.
    Other,
    /// It could not be read, or there is no room for its tables.
    Unread,
}

impl File {
    /// `table_bytes` are those of all files before.
    fn of(opened: Result<ElfFile, Error>, table_bytes: &mut u64) -> Self {
        match opened {
            Ok(elf) => {
                let with_it = table_bytes.saturating_add(UnwindSource::table_bytes(&elf));
                if with_it > MAX_TABLE_BYTES {
                    return Self::Unread;
                }
                *table_bytes = with_it;
                let elf = Arc::new(elf);
                Self::Elf { source: UnwindSource::new(Arc::clone(&elf)), elf }
            }
            Err(Error::NotElf) => Self::Other,
            Err(_) => Self::Unread,
        }
    }
}

/// Unwinds with framehop.
#[derive(Debug, Default)]
pub struct StackUnwinder {
    unwinder: Unwinder,
    spaces: HashMap<u32, AddressSpace>,
    /// By module; the vdso has none.
    files: HashMap<Option<u32>, File>,
    table_bytes: u64,
}

impl StackUnwinder {
    fn file(&mut self, code: &MappedCode) -> &File {
        let (module, file) = match code {
            MappedCode::File { module, file } => (Some(*module), Some(file)),
            MappedCode::Vdso => (None, None),
            MappedCode::Made => return &File::Other,
            MappedCode::NotOpened => return &File::Unread,
        };
        if self.files.len() >= MAX_FILES && !self.files.contains_key(&module) {
            return &File::Unread;
        }
        let table_bytes = &mut self.table_bytes;
        self.files.entry(module).or_insert_with(|| {
            File::of(
                file.map_or_else(|| own_vdso(read_own_memory), |file| ElfFile::open(file)),
                table_bytes,
            )
        })
    }
}

impl Unwind for StackUnwinder {
    fn set_code(&mut self, pid: u32, mappings: &[CodeMapping]) {
        let mut space = AddressSpace::default();
        for mapping in mappings {
            let range = mapping.range.clone();
            let shown = Mapping {
                address: mapping.range.start,
                bytes: mapping.range.end - mapping.range.start,
                file_offset: mapping.file_offset,
                executable: true,
            };
            match self.file(&mapping.code) {
                File::Elf { elf, source } => match elf.load_bias(&shown) {
                    Some(bias) => space.add_module(range, bias, source),
                    None => space.add_unknown(range),
                },
                File::Other => space.add_code(range),
                File::Unread => space.add_unknown(range),
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
        let file = Arc::new(program);
        let first = MappedCode::File { module: 1, file: Arc::clone(&file) };
        let second = MappedCode::File { module: 2, file };
        let table_bytes = MAX_TABLE_BYTES - bytes;
        let mut unwinder = StackUnwinder { table_bytes, ..StackUnwinder::default() };
        assert!(matches!(unwinder.file(&first), File::Elf { .. }));
        assert!(matches!(unwinder.file(&second), File::Unread));
        assert!(matches!(unwinder.file(&first), File::Elf { .. }));
        assert_eq!(unwinder.table_bytes, MAX_TABLE_BYTES);
    }
}
