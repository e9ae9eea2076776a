//! Call chains from copies of stacks, by the unwind tables of the files that a process runs.

use std::collections::HashMap;
use std::sync::Arc;

use pfcapture::{CodeMapping, Unwind, UserRegs};
use pfsymbols::{AddressSpace, ElfFile, Mapping, Registers, UnwindSource, Unwinder, own_vdso};

/// Files whose tables are held.
const MAX_FILES: usize = 4096;

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
    /// By module; `None` for those that are no ELF files.
    files: HashMap<u32, Option<File>>,
}

impl StackUnwinder {
    fn file(&mut self, mapping: &CodeMapping) -> Option<&File> {
        if self.files.len() >= MAX_FILES && !self.files.contains_key(&mapping.module) {
            return None;
        }
        let file = self.files.entry(mapping.module).or_insert_with(|| {
            let elf = match &mapping.file {
                Some(file) => ElfFile::open(file),
                None => own_vdso(),
            };
            let elf = Arc::new(elf.ok()?);
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
