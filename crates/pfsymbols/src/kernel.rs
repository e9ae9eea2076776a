//! The functions of the running kernel and its modules.

use std::fs::File;
use std::io::{BufReader, Read};

use crate::lines::for_each_line;
use crate::{Error, demangle};

const MAX_LINE_BYTES: usize = 1024;
const MAX_BYTES: u64 = 256 << 20;
/// What `perf` takes as well: after the last function of a module at most the next page belongs to it.
const PAGE_BYTES: u64 = 4096;

/// The text symbols of `/proc/kallsyms`, modules and BPF programs included: some 8 MB of memory.
#[derive(Debug)]
pub struct KernelFunctions {
    /// Sorted by address.
    entries: Vec<Entry>,
    names: String,
    modules: Vec<String>,
}

/// A function of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelFunction<'a> {
    /// Its name, demangled.
    pub name: String,
    /// The module that it belongs to, without brackets; `bpf` for BPF programs, `None` for the kernel.
    pub module: Option<&'a str>,
    /// Its first address.
    pub address: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: u64,
    /// Where the name lies in `names`; empty for data, which only ends the text before it.
    name: (u32, u16),
    /// 0 for the kernel, else one more than the index of the module.
    module: u16,
    /// Of several names at one address the least one is taken: global, strong, few underscores.
    rank: u8,
}

impl KernelFunctions {
    /// Reads `/proc/kallsyms` of this machine.
    ///
    /// # Errors
    /// [`Error::HiddenAddresses`] if `kernel.kptr_restrict` shows them as zeros, [`Error::Read`].
    pub fn of_this_machine() -> Result<Self, Error> {
        let read = |source| Error::Read { what: "/proc/kallsyms", source };
        Self::read(File::open("/proc/kallsyms").map_err(read)?)
    }

    /// Reads a text in the form of `/proc/kallsyms`; lines of another form are passed over.
    ///
    /// # Errors
    /// [`Error::HiddenAddresses`] if it has functions, but all at address 0; [`Error::Read`].
    pub fn read(text: impl Read) -> Result<Self, Error> {
        let mut functions = Self { entries: Vec::new(), names: String::new(), modules: Vec::new() };
        let mut hidden = false;
        let reader = BufReader::with_capacity(64 << 10, text);
        for_each_line(reader, MAX_LINE_BYTES, MAX_BYTES, |line| {
            let line = line.and_then(|line| std::str::from_utf8(line).ok());
            hidden |= line.and_then(|line| functions.line(line)) == Some(0);
        })
        .map_err(|source| Error::Read { what: "/proc/kallsyms", source })?;
        let is_text = |entry: &Entry| entry.name.1 > 0;
        if hidden && !functions.entries.iter().any(is_text) {
            return Err(Error::HiddenAddresses);
        }
        // Text first: data at the same address ends nothing.
        functions.entries.sort_by_key(|entry| (entry.address, !is_text(entry), entry.rank));
        functions.entries.dedup_by(|later, first| {
            later.address == first.address || !is_text(later) && !is_text(first)
        });
        functions.entries.shrink_to_fit();
        Ok(functions)
    }

    /// Takes one line in; returns the address of a function.
    fn line(&mut self, line: &str) -> Option<u64> {
        let mut words = line.split_ascii_whitespace();
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        let kind = words.next()?;
        let name = words.next()?;
        let module = words.next().map(|module| module.trim_matches(['[', ']']));
        let is_text = matches!(kind, "t" | "T" | "w" | "W");
        if address != 0 {
            let start = u32::try_from(self.names.len()).ok()?;
            let mut entry = Entry { address, name: (start, 0), module: 0, rank: 0 };
            if is_text {
                entry.name.1 = u16::try_from(name.len()).ok()?;
                entry.module = self.module(module)?;
                entry.rank = rank(kind, name);
                self.names.push_str(name);
            }
            self.entries.push(entry);
        }
        is_text.then_some(address)
    }

    /// The number of a module. Those of one module follow each other in the file.
    fn module(&mut self, name: Option<&str>) -> Option<u16> {
        let Some(name) = name else { return Some(0) };
        if self.modules.last().is_none_or(|last| last != name) {
            self.modules.push(name.to_owned());
        }
        u16::try_from(self.modules.len()).ok()
    }

    /// The function that holds an address: the last one that begins at or before it, unless data begins
    /// between the two, or the module ends.
    pub fn at(&self, address: u64) -> Option<KernelFunction<'_>> {
        let after = self.entries.partition_point(|entry| entry.address <= address);
        let entry = self.entries.get(after.checked_sub(1)?)?;
        let (start, length) = (entry.name.0 as usize, usize::from(entry.name.1));
        let name = self.names.get(start..start + length).filter(|name| !name.is_empty())?;
        let next = self.entries.get(after);
        if next.is_none_or(|next| next.name.1 > 0 && next.module != entry.module) {
            let end = (entry.address | (PAGE_BYTES - 1)).saturating_add(1 + PAGE_BYTES);
            if address >= end {
                return None;
            }
        }
        let module = usize::from(entry.module).checked_sub(1);
        let module = module.and_then(|index| self.modules.get(index)).map(String::as_str);
        Some(KernelFunction { name: demangle(name), module, address: entry.address })
    }
}

fn rank(kind: &str, name: &str) -> u8 {
    let underscores = name.bytes().take_while(|&byte| byte == b'_').take(15).count() as u8;
    let weak = matches!(kind, "w" | "W");
    let local = kind == "t";
    u8::from(weak) << 5 | u8::from(local) << 4 | underscores
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _text
ffffffff81000000 T _stext
ffffffff81000100 t __do_local
ffffffff81000100 W weak_alias
ffffffff81000100 T do_global
ffffffff81000200 T _RNvCs1234_6kernel3foo
not a line
ffffffff81001000 D some_data
ffffffff81001100 d more_data
ffffffffa0000000 t mod_first\t[mod_a]
ffffffffa0000010 t mod_last\t[mod_a]
ffffffffb0000000 t bpf_prog_1\t[bpf]
";

    fn at(functions: &KernelFunctions, address: u64) -> Option<(String, Option<&str>, u64)> {
        functions.at(address).map(|found| (found.name, found.module, found.address))
    }

    #[test]
    fn addresses_fall_into_functions() {
        let functions = KernelFunctions::read(TEXT.as_bytes()).unwrap();
        let found = |address| at(&functions, address);
        assert_eq!(found(0xffff_ffff_80ff_ffff), None);
        let global = Some(("do_global".to_owned(), None, 0xffff_ffff_8100_0100));
        assert_eq!(found(0xffff_ffff_8100_0100), global);
        assert_eq!(found(0xffff_ffff_8100_01ff), global);
        let rust = Some(("kernel::foo".to_owned(), None, 0xffff_ffff_8100_0200));
        assert_eq!(found(0xffff_ffff_8100_0fff), rust);
        assert_eq!(found(0xffff_ffff_8100_1000), None);
        assert_eq!(found(0xffff_ffff_8100_1200), None);
        let first = Some(("mod_first".to_owned(), Some("mod_a"), 0xffff_ffff_a000_0000));
        assert_eq!(found(0xffff_ffff_a000_000f), first);
        let last = Some(("mod_last".to_owned(), Some("mod_a"), 0xffff_ffff_a000_0010));
        assert_eq!(found(0xffff_ffff_a000_1fff), last);
        assert_eq!(found(0xffff_ffff_a000_2000), None);
        let bpf = Some(("bpf_prog_1".to_owned(), Some("bpf"), 0xffff_ffff_b000_0000));
        assert_eq!(found(0xffff_ffff_b000_0001), bpf);
        assert_eq!(found(u64::MAX), None);
    }

    #[test]
    fn hidden_addresses_are_an_error() {
        let text = "0000000000000000 T _text\n0000000000000000 t foo [mod]\n";
        let hidden = KernelFunctions::read(text.as_bytes());
        assert!(matches!(hidden, Err(Error::HiddenAddresses)));
        assert!(KernelFunctions::read(&b""[..]).unwrap().at(1).is_none());
    }
}
