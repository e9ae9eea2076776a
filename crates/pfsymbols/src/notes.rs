//! The build id among the notes.

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::NoteIterator;

/// Longer ids than any linker makes are taken for damage.
const MAX_BUILD_ID_BYTES: usize = 64;

/// The build id in the bytes of a note segment or section, if it has one.
pub fn build_id(is_64: bool, endian: Endianness, align: u64, notes: &[u8]) -> Option<Vec<u8>> {
    let id = if is_64 {
        let notes = NoteIterator::<FileHeader64<Endianness>>::new(endian, align, notes).ok()?;
        notes.map_while(Result::ok).find_map(|note| {
            let found = note.n_type(endian) == elf::NT_GNU_BUILD_ID && is_gnu(note.name());
            found.then(|| note.desc().to_vec())
        })
    } else {
        let align = u32::try_from(align).ok()?;
        let notes = NoteIterator::<FileHeader32<Endianness>>::new(endian, align, notes).ok()?;
        notes.map_while(Result::ok).find_map(|note| {
            let found = note.n_type(endian) == elf::NT_GNU_BUILD_ID && is_gnu(note.name());
            found.then(|| note.desc().to_vec())
        })
    };
    id.filter(|id| !id.is_empty() && id.len() <= MAX_BUILD_ID_BYTES)
}

fn is_gnu(name: &[u8]) -> bool {
    name == b"GNU"
}
