//! What kinds of memory that are of no module are called.

use pfmodel::names::RegionKind::{self, Anon, Device, File, Heap, Shmem, Stack, ThreadStack, Vdso};
use pft::record::ModuleKind;

use crate::code::{special, spots};
use crate::trace::*;

const MAP_SHARED: u32 = 1;
const RWX: u32 = 7;

/// The region of a fault in a mapping of this name, protection and sharing.
fn region(path: &str, prot: u32, shared: bool) -> (String, RegionKind) {
    let mut mapping = map(10, 0x10_0000, 0x20_0000, prot, path);
    if shared {
        mapping.flags = MAP_SHARED;
    }
    let analysis = Trace::new()
        .module(special(1, ModuleKind::Vdso, 0, "[vdso]"))
        .map(mapping)
        .fault(fault(20, 0x10_0000, READ))
        .analyse();
    spots(&analysis).remove(0)
}

#[test]
fn names_tell_what_memory_is() {
    let cases = [
        ("[heap]", RW, false, "[heap]", Heap),
        ("[stack]", RW, false, "[stack]", Stack),
        ("[anon:dalvik-main space]", RW, false, "[anon:dalvik-main space]", Anon),
        ("[anon: glibc: pthread stack: 77]", RW, false, "thread stack", ThreadStack),
        ("[anon:stack_and_tls:77]", RW, false, "thread stack", ThreadStack),
        ("//anon", RW, false, "[anon]", Anon),
        ("//anon", RW, true, "[shmem]", Shmem),
        ("[anon_shmem:pool]", RW, true, "[anon_shmem:pool]", Shmem),
        ("/dev/zero (deleted)", RW, true, "[shmem]", Shmem),
        ("/dev/zero", RW, false, "[anon]", Anon),
        ("/anon_hugepage (deleted)", RW, false, "[anon]", Anon),
        ("/memfd:frames (deleted)", RW, true, "memfd:frames", Shmem),
        ("/SYSV0000002a (deleted)", RW, true, "SYSV0000002a (deleted)", Shmem),
        ("/dev/shm/pool", RW, true, "pool", Shmem),
        ("/data/model.gguf", R, true, "model.gguf", File),
        ("/data/model.gguf (deleted)", R, false, "model.gguf (deleted)", File),
        ("/dev/dri/card0", RW, true, "card0", Device),
        ("anon_inode:[perf_event]", RW, true, "anon_inode:[perf_event]", Device),
        ("[vdso]", RX, false, "[vdso]", Vdso),
        ("[vvar]", R, false, "[vvar]", Vdso),
        ("[vvar_vclock]", R, false, "[vvar_vclock]", Vdso),
        ("[vsyscall]", 4, false, "[vsyscall]", Vdso),
    ];
    for (path, prot, shared, label, kind) in cases {
        assert_eq!(region(path, prot, shared), (label.to_owned(), kind), "{path} {shared}");
    }
}

#[test]
fn memory_for_code_is_jit_where_the_process_describes_it() {
    let mut of_other = map(10, 0x10_0000, 0x11_0000, RWX, "//anon");
    (of_other.pid, of_other.tid) = (2, 2);
    let analysis = Trace::new()
        .module(special(1, ModuleKind::PerfMap, 1, "/tmp/perf-1.map"))
        .map(map(10, 0x10_0000, 0x11_0000, RWX, "//anon"))
        .map(map(10, 0x11_0000, 0x12_0000, RW, "//anon"))
        .map(map(10, 0x20_0000, 0x21_0000, RX, "[anon:code]"))
        .map(map(10, 0x30_0000, 0x31_0000, RX, "/memfd:doublemapper (deleted)"))
        .map(of_other)
        .fault(fault(20, 0x10_0000, WRITE))
        .fault(fault(21, 0x11_0000, WRITE))
        .fault(fault(22, 0x20_0000, READ))
        .fault(fault(23, 0x30_0000, READ))
        .fault(fault_of(2, 24, 0x10_0000, WRITE))
        .analyse();
    let expected = [
        ("[jit]", Anon),
        ("[anon]", Anon),
        ("[anon:code]", Anon),
        ("memfd:doublemapper", Shmem),
        ("[anon]", Anon),
    ];
    let expected = expected.map(|(label, kind)| (label.to_owned(), kind));
    assert_eq!(spots(&analysis), expected);
}

#[test]
fn a_fault_without_a_mapping_has_no_region() {
    let analysis = Trace::new().fault(fault(20, 0x10_0000, READ)).analyse();
    assert_eq!(analysis.faults.region, [pfmodel::table::NONE]);
    assert!(analysis.regions.is_empty());
}
