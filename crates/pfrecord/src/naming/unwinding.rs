//! Call chains from copies of stacks, by the unwind tables of the files that a process runs.

use std::collections::HashMap;
use std::sync::Arc;

use pfcapture::{CodeMapping, MappedCode, Unwind, UserRegs};
use pfsymbols::{
    AddressSpace, ElfFile, Error, Mapping, Registers, UnwindSource, Unwinder, own_vdso,
};

/// Files whose tables are held.
const MAX_FILES: usize = 4096;

/// What is known of a file.
#[derive(Debug)]
enum File {
    /// It has tables, or may have.
    Elf { elf: Arc<ElfFile>, source: Arc<UnwindSource> },
    /// It was read, and is of a form that has none.
    Other,
    /// It could not be read.
    Unread,
}

impl File {
    fn of(opened: Result<ElfFile, Error>) -> Self {
        match opened {
            Ok(elf) => {
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
        self.files
            .entry(module)
            .or_insert_with(|| File::of(file.map_or_else(own_vdso, |file| ElfFile::open(file))))
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
