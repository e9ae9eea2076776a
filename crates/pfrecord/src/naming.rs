//! Names what was hit: functions with what was inlined into them, variables, sections, build ids.
//!
//! Files are of any content and any size, and reading debug information cannot be broken off. So it is
//! done on a thread of its own (`reading`), which is left to itself when the time is over: what it
//! has found by then is what there is.

mod reading;
mod recent_map;
mod unwinding;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use pfcapture::privileges::{self, Work};
use pfcapture::{Explain, Explained, Limits, Wanted};
use pft::record::{ModuleRecord, SymbolRecord};

use reading::{Found, Reading};

pub use unwinding::StackUnwinder;

/// How often is looked whether the time is over.
const PATIENCE: Duration = Duration::from_millis(20);

/// Names what was hit.
#[derive(Debug, Clone, Copy)]
pub struct Namer {
    /// Without names, modules are only identified: build id, segments and sections.
    pub names: bool,
}

impl Explain for Namer {
    fn explain(&mut self, wanted: Wanted, limits: Limits<'_>) -> Explained {
        let mut result = Collected::default();
        let asked = if self.names { wanted.asked() } else { 0 };
        let (unknown, beyond) = (wanted.unknown, wanted.beyond);
        let given_up = Arc::new(AtomicBool::new(false));
        let (findings, found) = channel();
        let (names, deadline) = (self.names, limits.deadline);
        let reading = Reading { findings, names, given_up: Arc::clone(&given_up), deadline };
        let thread = std::thread::Builder::new().name("names".into()).spawn(move || {
            // Of a flight recorder, that which asks may create files.
            privileges::begin(Work::Storing);
            reading.read(wanted);
        });
        // Without a thread nothing is found.
        drop(thread);
        while !limits.are_reached() {
            match found.recv_timeout(PATIENCE) {
                Ok(found) => result.take(found),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        given_up.store(true, Ordering::Relaxed);
        found.try_iter().for_each(|found| result.take(found));
        let looked_up = result.looked_up + unknown;
        Explained {
            modules: result.modules.into_values().collect(),
            named: result.code.len() as u64,
            symbols: result.code.into_values().chain([result.data]).flatten().collect(),
            asked,
            skipped: if self.names { asked.saturating_sub(looked_up).max(beyond) } else { 0 },
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Collected {
    modules: BTreeMap<u32, ModuleRecord>,
    /// Functions by module and address.
    code: BTreeMap<(u32, u64), Vec<SymbolRecord>>,
    data: Vec<SymbolRecord>,
    looked_up: u64,
}

impl Collected {
    fn take(&mut self, found: Found) {
        match found {
            Found::Module(module) => {
                self.modules.insert(module.id, module);
            }
            Found::LookedUp(places) => self.looked_up += places,
            Found::Code(mut functions) => {
                let first = functions.first();
                let Some(place) = first.map(|first| (first.module, first.address)) else { return };
                let known = self.code.entry(place).or_default();
                if let (Some(known), Some(outermost)) = (known.last_mut(), functions.last_mut())
                    && is_in_full(&known.name, &outermost.name)
                {
                    outermost.name = std::mem::take(&mut known.name);
                }
                // What is found later has files and lines.
                *known = functions;
            }
            Found::Data(objects) => self.data.extend(objects),
        }
    }
}

/// Whether a name is another one with its namespace in front: line tables alone lack that.
fn is_in_full(full: &[u8], name: &[u8]) -> bool {
    let mut rest = full;
    while let Some(at) = rest.windows(2).position(|two| two == b"::") {
        rest = rest.get(at + 2..).unwrap_or_default();
        if let Some(behind) = rest.strip_prefix(name)
            && matches!(behind.first(), None | Some(b'(' | b'<'))
        {
            return !name.is_empty();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Instant;

    use pfcapture::{Place, WantedModule};
    use pft::record::{ModuleKind, ModuleState};

    use super::*;

    fn module(id: u32, kind: ModuleKind, path: &str) -> WantedModule {
        let record = ModuleRecord {
            id,
            kind,
            state: ModuleState::NotOpened,
            pid: 0,
            dev_major: 0,
            dev_minor: 0,
            inode: 1,
            path: path.into(),
            build_id: Vec::new(),
            segments: Vec::new(),
            sections: Vec::new(),
        };
        WantedModule { record, file: None, code: Vec::new(), data: Vec::new() }
    }

    /// This program, hit at `named` and at a variable, and things that cannot be read.
    fn wanted() -> Wanted {
        let exe = std::env::current_exe().unwrap();
        let file = Arc::new(File::open(&exe).unwrap());
        let elf = pfsymbols::ElfFile::open(&file).unwrap();
        let function = named as *const () as u64;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        // First address, last address, offset of the mapping that holds the function.
        let (start, end, offset) = maps
            .lines()
            .find_map(|line| {
                let mut fields = line.split_whitespace();
                let (start, end) = fields.next()?.split_once('-')?;
                let number = |text| u64::from_str_radix(text, 16).ok();
                let (start, end) = (number(start)?, number(end)?);
                let offset = number(fields.nth(1)?)?;
                (start..end).contains(&function).then_some((start, end, offset))
            })
            .unwrap();
        let place = |address: u64| Place {
            offset: address.wrapping_sub(start).wrapping_add(offset),
            anchor: offset,
            anchor_bytes: end - start,
        };
        assert!(elf.segments().len() > 1);
        let own = WantedModule {
            file: Some(file),
            code: vec![place(function)],
            data: vec![place(&raw const VARIABLE as u64 + 8)],
            ..module(3, ModuleKind::Elf, exe.to_str().unwrap())
        };
        let text = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        let nowhere = Place { offset: 5, anchor: 0, anchor_bytes: 4096 };
        let text = WantedModule {
            file: Some(Arc::new(text)),
            code: vec![nowhere],
            ..module(4, ModuleKind::Elf, "/text")
        };
        let gone = WantedModule { code: vec![nowhere; 2], ..module(5, ModuleKind::Elf, "/gone") };
        Wanted { modules: vec![own, text, gone], unknown: 10, beyond: 100 }
    }

    static VARIABLE: [std::sync::atomic::AtomicU64; 4] =
        [const { std::sync::atomic::AtomicU64::new(7) }; 4];

    #[inline(never)]
    fn named() -> u64 {
        VARIABLE[0].load(Ordering::Relaxed)
    }

    fn explain(names: bool, hurry: bool) -> Explained {
        let hurry = AtomicBool::new(hurry);
        let deadline = Instant::now() + Duration::from_secs(600);
        Namer { names }.explain(wanted(), Limits { deadline, hurry: &hurry })
    }

    #[test]
    fn functions_and_variables_are_named_and_the_rest_is_accounted_for() {
        assert_eq!(named(), 7);
        let explained = explain(true, false);
        let states: Vec<_> = explained.modules.iter().map(|one| (one.id, one.state)).collect();
        let expected =
            [(3, ModuleState::Read), (4, ModuleState::Malformed), (5, ModuleState::NotOpened)];
        assert_eq!(states, expected);
        let own = &explained.modules[0];
        assert!(own.sections.iter().any(|section| section.name == b".text"));
        assert!(own.sections.is_sorted_by_key(|section| section.address));
        assert!(own.segments.iter().any(|segment| segment.prot == 5));
        let symbols: Vec<_> = explained.symbols.iter().map(|one| (one.kind, one.module)).collect();
        use pft::record::SymbolKind::{Function, Object};
        assert_eq!(symbols.last(), Some(&(Object, 3)));
        assert_eq!(symbols.first(), Some(&(Function, 3)));
        let function = explained.symbols.iter().find(|one| one.name.ends_with(b"::named")).unwrap();
        assert!(function.file.ends_with(b"naming.rs") && function.line > 0);
        let object = explained.symbols.last().unwrap();
        assert!(object.name.ends_with(b"::VARIABLE"), "{:?}", object.name.escape_ascii());
        assert_eq!(object.size_bytes, 32);
        // Of the places, one has a name; one module is no ELF file, another is gone.
        assert_eq!((explained.asked, explained.named, explained.skipped), (114, 1, 100));
    }

    #[test]
    fn a_name_in_full_has_its_namespace() {
        for (full, name, expected) in [
            ("a::b::named", "named", true),
            ("a::b::named<T>(int)", "named", true),
            ("<a::B as c::D>::named", "named", true),
            ("a::unnamed", "named", false),
            ("a::named_too", "named", false),
            ("named", "named", false),
            ("__GI_named", "named", false),
            ("a::b", "", false),
        ] {
            assert_eq!(is_in_full(full.as_bytes(), name.as_bytes()), expected, "{full}");
        }
    }

    #[test]
    fn without_names_modules_are_identified_all_the_same() {
        let explained = explain(false, false);
        assert_eq!(explained.modules.len(), 3);
        assert!(!explained.modules[0].sections.is_empty());
        assert_eq!((explained.symbols.len(), explained.asked, explained.skipped), (0, 0, 0));
    }

    #[test]
    fn who_is_in_a_hurry_is_told_how_much_was_skipped() {
        let explained = explain(true, true);
        assert_eq!((explained.asked, explained.named + explained.skipped >= 100), (114, true));
    }
}
