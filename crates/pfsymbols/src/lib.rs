//! ELF sections, build ids, symbols and unwinding, for the machine that records.
//!
//! Everything here reads files that the recorded programs chose: a file may be of any content and may
//! change while it is read. Such input costs an [`Error`] or an empty answer, never a panic of the
//! caller, and memory stays bounded by the constants that each module names.
//!
//! Three kinds of address occur, and the names tell them apart:
//! * a *file offset* is a position in the file;
//! * an *address* of a file is what its program headers and symbols state (`st_value`, `p_vaddr`);
//! * an address of a process is the file's address plus the [load bias](ElfFile::load_bias).
//!
//! ```no_run
//! # fn main() -> Result<(), pfsymbols::Error> {
//! # let file = std::fs::File::open("/bin/ls").unwrap();
//! let elf = pfsymbols::ElfFile::open(&file)?;
//! let debug = pfsymbols::DebugFile::find(&elf, None, pfsymbols::DEBUG_FOLDERS);
//! let mut functions = pfsymbols::Functions::new(&elf, debug.as_ref());
//! for batch in [0x4000_u64, 0x4010, 0x5000].chunks(64) {
//!     let found = functions.at(batch); // stop here when the time is used up
//! }
//! # Ok(())
//! # }
//! ```

mod compressed;
mod debug_file;
mod demangle;
mod elf;
mod error;
mod functions;
mod image;
mod kernel;
mod lines;
mod notes;
mod perf_map;
mod symbols;
mod unwind;
mod vdso;

pub use debug_file::{DEBUG_FOLDERS, DebugFile};
pub use demangle::demangle;
pub use elf::{ElfFile, Mapping, Section, Segment};
pub use error::Error;
pub use functions::{Function, Functions};
pub use kernel::{KernelFunction, KernelFunctions};
pub use perf_map::{PerfMap, PerfMapFunction};
pub use symbols::{Symbol, SymbolKind, symbols_at};
pub use unwind::{AddressSpace, CallChain, Registers, UnwindSource, Unwinder};
pub use vdso::own_vdso;
