//! The kernel and the vDSO of the machine that runs the tests.

use std::fs::File;
use std::sync::Arc;

use pfsymbols::{Error, KernelFunctions, SymbolKind, UnwindSource, own_vdso, symbols_at};

#[test]
fn the_kernel_knows_its_functions_or_hides_them() {
    let text = std::fs::read_to_string("/proc/kallsyms").unwrap();
    let line = text.lines().find(|line| line.ends_with(" T do_exit")).unwrap();
    let address = u64::from_str_radix(&line[..16], 16).unwrap();
    match KernelFunctions::of_this_machine() {
        Ok(functions) => {
            let found = functions.at(address + 1).unwrap();
            assert_eq!(
                (found.name.as_str(), found.module, found.address),
                ("do_exit", None, address)
            );
            assert_eq!(functions.at(0x1000), None);
        }
        Err(error) => {
            assert!(matches!(error, Error::HiddenAddresses), "{error}");
            assert_eq!(address, 0);
        }
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_vdso_has_a_build_id_sections_and_functions() {
    let elf = own_vdso(|start, bytes| {
        std::os::unix::fs::FileExt::read_exact_at(&File::open("/proc/self/mem")?, bytes, start)
    })
    .unwrap();
    assert_eq!(elf.build_id().unwrap().len(), 20);
    let text = elf.sections().find(|section| section.name == ".text").unwrap();
    let all: Vec<u64> = (text.address..text.address + text.bytes).collect();
    let found = symbols_at(&elf, SymbolKind::Function, &all).unwrap();
    let mut names: Vec<_> = found.iter().flatten().map(|symbol| symbol.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in ["clock_gettime", "gettimeofday"] {
        let known = [name.to_owned(), format!("__vdso_{name}")];
        assert!(names.iter().any(|name| known.iter().any(|known| known == name)), "{names:?}");
    }
    assert!(UnwindSource::new(Arc::new(elf)).load().unwrap());
}
