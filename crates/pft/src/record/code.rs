//! What the targets consist of: modules, their symbols, call chains, and where stacks are.

/// What a module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum ModuleKind {
    /// An ELF file that the targets map.
    Elf = 0,
    /// The kernel with its modules. Addresses are absolute.
    Kernel = 1,
    /// The ELF image that the kernel maps into every process (`[vdso]`).
    Vdso = 2,
    /// Code that a process made at run time and described in `/tmp/perf-PID.map`. Addresses are absolute.
    PerfMap = 3,
}

/// How much the recorder could find out about a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum ModuleState {
    /// It was read.
    Read = 0,
    /// It could not be opened: it was gone, or that was not permitted.
    NotOpened = 1,
    /// Another file lies at its path now.
    Replaced = 2,
    /// It is no ELF file, or a damaged one.
    Malformed = 3,
}

/// A loadable part of an ELF file (`PT_LOAD`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Where it begins in the file, bytes.
    pub file_offset: u64,
    /// How much of it lies in the file, bytes.
    pub file_bytes: u64,
    /// Its first address, before the file is moved to where it is mapped.
    pub address: u64,
    /// Its size in memory, bytes; what the file does not hold is zero.
    pub memory_bytes: u64,
    /// `PROT_READ` 1, `PROT_WRITE` 2, `PROT_EXEC` 4.
    pub prot: u32,
}

/// A section of an ELF file that takes part in memory (`SHF_ALLOC`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Section {
    /// `.text`, `.bss`, ….
    pub name: Vec<u8>,
    /// Its first address, before the file is moved to where it is mapped.
    pub address: u64,
    /// Its size in memory, bytes.
    pub bytes: u64,
    /// Whether the file holds nothing of it (`SHT_NOBITS`).
    pub no_bits: bool,
    /// Whether it is a template for each thread (`SHF_TLS`), which is no memory of its own.
    pub tls: bool,
}

/// Something that holds code, as the recorder found it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModuleRecord {
    /// Number within the trace, to which [`SymbolRecord::module`] refers.
    pub id: u32,
    /// What it is.
    pub kind: ModuleKind,
    /// How much is known of it.
    pub state: ModuleState,
    /// Process of a [`ModuleKind::PerfMap`]; 0 of others.
    pub pid: u32,
    /// Device of the file as map record or snapshot have it, major number.
    pub dev_major: u32,
    /// Minor number.
    pub dev_minor: u32,
    /// Inode of the file likewise; 0 if it is none.
    pub inode: u64,
    /// Path likewise; `[kernel]`, `[vdso]`, or the path of the perf map.
    pub path: Vec<u8>,
    /// Build id, at most [`MAX_BUILD_ID_BYTES`]; empty if it has none or it is not known.
    pub build_id: Vec<u8>,
    /// Loadable segments, as the file lists them.
    pub segments: Vec<Segment>,
    /// Sections; in order of address when read.
    pub sections: Vec<Section>,
}

/// What a symbol names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SymbolKind {
    /// The code at one address.
    Function = 0,
    /// Data.
    Object = 1,
}

/// A name for an address of a module.
///
/// The code at one address may have several: the innermost inlined function first, the function that
/// the compiler emitted last. They lie one behind the other; where an address occurs again, what came
/// first counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolRecord {
    /// [`ModuleRecord::id`].
    pub module: u32,
    /// What it names.
    pub kind: SymbolKind,
    /// Of a function, the address that it was looked up for; of an object, its first address. In the
    /// addresses of the module: those of its segments, or absolute ones.
    pub address: u64,
    /// Size of an object, bytes; 0 of functions.
    pub size_bytes: u64,
    /// Demangled name.
    pub name: Vec<u8>,
    /// Source file; empty if not known. Of an outer function, that of the call.
    pub file: Vec<u8>,
    /// Line in it, from 1; 0 if not known.
    pub line: u32,
}

/// A chain of callers, at least one address, that faults have ([`FaultColumns::call_chain`](super::FaultColumns)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallChainRecord {
    /// Number within the trace, from 1.
    pub id: u32,
    /// Whether it may go on behind its last caller: the kernel or the unwinder gave up there.
    pub cut: bool,
    /// Addresses in the kernel, the faulting instruction first, then return addresses; empty for faults
    /// in user mode.
    pub kernel: Vec<u64>,
    /// Addresses in user space: the faulting instruction first in user mode, then return addresses.
    pub user: Vec<u64>,
}

/// The stack pointer of a thread when it faulted in a part of memory where it was not before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackPointerRecord {
    /// Completion of the fault.
    pub time_ns: u64,
    /// Process.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// Its stack pointer in user space.
    pub stack_pointer: u64,
}

/// Longest build id that a trace holds, bytes.
pub const MAX_BUILD_ID_BYTES: usize = 64;

/// The rules of the format that a record has to keep wherever it comes from: encoder and decoder both
/// ask. The error says which one it breaks.
type Checked = Result<(), &'static str>;

const SEGMENT_TOO_LONG: &str = "a segment exceeds the address space";

fn check_range(first: u64, bytes: u64, what: &'static str) -> Checked {
    first.checked_add(bytes).map(|_| ()).ok_or(what)
}

impl ModuleRecord {
    /// Whether it keeps the rules of the format, which the headers of a damaged ELF file may break: no
    /// build id longer than [`MAX_BUILD_ID_BYTES`], no segment or section that reaches behind 2^64 − 1.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.build_id.len() > MAX_BUILD_ID_BYTES {
            return Err("a build id is too long");
        }
        for segment in &self.segments {
            check_range(segment.address, segment.memory_bytes, SEGMENT_TOO_LONG)?;
            check_range(segment.file_offset, segment.file_bytes, SEGMENT_TOO_LONG)?;
        }
        for section in &self.sections {
            check_range(section.address, section.bytes, "a section exceeds the address space")?;
        }
        Ok(())
    }
}

impl CallChainRecord {
    pub(crate) fn check(&self) -> Checked {
        if self.id == 0 {
            return Err("a call chain has the number 0");
        }
        if self.kernel.is_empty() && self.user.is_empty() {
            return Err("a call chain is empty");
        }
        Ok(())
    }
}
