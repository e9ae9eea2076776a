//! Functions, with what was inlined into them, source file and line.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolized, Symbolizer};
use object::elf::SHT_NOBITS;

use crate::symbols::{SymbolKind, symbols_at};
use crate::{DebugFile, ElfFile, Error, compressed, demangle};

/// One function of the list that an address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, demangled.
    pub name: String,
    /// The source file, as the compiler recorded it; `None` without debug information.
    pub file: Option<String>,
    /// The line in that file: where the address lies, or, for all but the first function of the list,
    /// the line of the call that was inlined.
    pub line: Option<u32>,
}

/// Looks up functions in one file.
///
/// Debug information (of the file itself, else of its debug file) is read through blazesym, from the
/// open descriptor, so a deleted file or one of another mount namespace serves as well. What it does
/// not know comes from the symbol tables of the file, then of the debug file.
/// `.gnu_debugdata` (MiniDebugInfo, LZMA) and split DWARF are not read, nor that of a file which names further files,
/// unless it lies in one of [`DEBUG_FOLDERS`](crate::DEBUG_FOLDERS).
///
/// Debug information is mapped: a file that shrinks while it is looked at kills the process by SIGBUS.
/// Its memory is freed with this value; keep one at a time.
#[derive(Debug)]
pub struct Functions<'a> {
    elf: &'a ElfFile,
    debug: Option<&'a DebugFile>,
    dwarf: Option<Dwarf>,
    problem: Option<String>,
}

#[derive(Debug)]
struct Dwarf {
    /// Keeps the descriptor open that the path of `source` names.
    _file: File,
    source: Source<'static>,
    symbolizer: Symbolizer,
}

impl<'a> Functions<'a> {
    /// Prepares the lookup; nothing is read before [`Functions::at`].
    pub fn new(elf: &'a ElfFile, debug: Option<&'a DebugFile>) -> Self {
        let own = Some(elf).filter(|elf| !leads_elsewhere(elf));
        let installed = |debug: &&DebugFile| {
            !leads_elsewhere(&debug.elf)
                || crate::DEBUG_FOLDERS.iter().any(|folder| debug.path.starts_with(folder))
        };
        let with_dwarf =
            [own, debug.filter(installed).map(|debug| &debug.elf)].into_iter().flatten();
        let mut functions = Self { elf, debug, dwarf: None, problem: None };
        match with_dwarf.filter(|elf| has_dwarf(elf)).find_map(|elf| Dwarf::open(elf).transpose()) {
            Some(Ok(dwarf)) => functions.dwarf = Some(dwarf),
            Some(Err(error)) => functions.problem = Some(describe(&error)),
            None => {}
        }
        functions
    }

    /// The functions of each address (an address of the file), the innermost inlined one first, the one
    /// that has a symbol last. An address without a symbol gives an empty list.
    ///
    /// The address is looked up as it is: for a return address pass the address before it, which lies
    /// in the call. Call this with some hundred addresses at a time and stop between two calls when a
    /// time is used up; the first call takes the time to open the file.
    pub fn at(&mut self, addresses: &[u64]) -> Vec<Vec<Function>> {
        let mut found = self.dwarf_at(addresses);
        for elf in [Some(self.elf), self.debug.map(|debug| &debug.elf)].into_iter().flatten() {
            let missing: Vec<u64> = addresses
                .iter()
                .zip(&found)
                .filter(|(_, functions)| functions.is_empty())
                .map(|(&address, _)| address)
                .collect();
            if missing.is_empty() {
                break;
            }
            match symbols_at(elf, SymbolKind::Function, &missing) {
                Ok(symbols) => {
                    let empty = found.iter_mut().filter(|functions| functions.is_empty());
                    for (slot, symbol) in empty.zip(symbols) {
                        slot.extend(symbol.map(|symbol| Function {
                            name: symbol.name,
                            file: None,
                            line: None,
                        }));
                    }
                }
                Err(error) => self.problem = Some(describe(&error)),
            }
        }
        found
    }

    /// Whether debug information is used: file and line are known.
    pub fn has_lines(&self) -> bool {
        self.dwarf.is_some()
    }

    /// What could not be read so far, in words; the answers then lack what it would have given.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn dwarf_at(&mut self, addresses: &[u64]) -> Vec<Vec<Function>> {
        let mut found = vec![Vec::new(); addresses.len()];
        let Some(dwarf) = &self.dwarf else { return found };
        // Addresses outside of the file are unknown, and the extreme ones overflow in the parser.
        let loaded: Vec<u64> =
            addresses.iter().copied().filter(|&address| self.elf.is_loaded(address)).collect();
        // The parsers behind this are made for files that compilers wrote. One that makes them panic
        // loses its own debug information and nothing else.
        let answers = catch_unwind(AssertUnwindSafe(|| {
            let symbols = dwarf.symbolizer.symbolize(&dwarf.source, Input::VirtOffset(&loaded))?;
            Ok::<_, blazesym::Error>(symbols.into_iter().map(functions_of).collect::<Vec<_>>())
        }));
        let problem = match answers {
            Ok(Ok(answers)) if answers.len() == loaded.len() => {
                let slots = found.iter_mut().zip(addresses);
                let slots = slots.filter(|(_, address)| self.elf.is_loaded(**address));
                for ((slot, _), answer) in slots.zip(answers) {
                    *slot = answer;
                }
                return found;
            }
            Ok(Ok(_)) => "debug information: answers are missing".to_owned(),
            Ok(Err(error)) => format!("debug information: {error:#}"),
            Err(_) => "debug information: the parser failed".to_owned(),
        };
        self.problem = Some(problem);
        self.dwarf = None;
        found
    }
}

impl Dwarf {
    /// `None` if the file lies in memory only.
    fn open(elf: &ElfFile) -> Result<Option<Self>, Error> {
        let Some(file) = elf.image.file() else { return Ok(None) };
        compressed::check(elf)?;
        let read = |source| Error::Read { what: "debug information", source };
        let file = file.try_clone().map_err(read)?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let symbolizer = Symbolizer::builder()
            // Names are demangled here, within bounds.
            .enable_demangling(false)
            .enable_auto_reload(false)
            .set_debug_dirs(Some(crate::DEBUG_FOLDERS))
            .build();
        Ok(Some(Self { _file: file, source: Source::from(Elf::new(path)), symbolizer }))
    }
}

fn has_dwarf(elf: &ElfFile) -> bool {
    let section = elf.raw_section(".debug_info").or_else(|| elf.raw_section(".zdebug_info"));
    section.is_some_and(|section| section.kind != SHT_NOBITS && section.bytes > 0)
}

/// Whether a file names others that hold parts of its debug information. The library opens whatever lies there, be
/// it a device, so only the files that the system has installed may do this.
fn leads_elsewhere(elf: &ElfFile) -> bool {
    let links = [".gnu_debuglink", ".gnu_debugaltlink", ".debug_sup"];
    links.into_iter().any(|name| elf.raw_section(name).is_some())
}

fn functions_of(symbolized: Symbolized<'_>) -> Vec<Function> {
    let Symbolized::Sym(symbol) = symbolized else { return Vec::new() };
    // A symbol without a size, found by lying somewhere below the address, is judged by `symbols_at`.
    if symbol.size.is_none() && symbol.code_info.is_none() {
        return Vec::new();
    }
    let Sym { name, code_info, inlined, .. } = symbol;
    let inlined = inlined.iter().rev();
    let mut functions: Vec<Function> =
        inlined.map(|inlined| function(&inlined.name, inlined.code_info.as_ref())).collect();
    functions.push(function(&name, code_info.as_deref()));
    functions
}

fn function(name: &str, code: Option<&CodeInfo<'_>>) -> Function {
    Function {
        name: demangle(name),
        file: code.map(|code| code.to_path().to_string_lossy().into_owned()),
        line: code.and_then(|code| code.line).filter(|&line| line > 0),
    }
}

fn describe(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
