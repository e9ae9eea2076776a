use pfmodel::table::{Analysis, NONE};
use pft::record::{CallChainRecord, MapRecord, ModuleKind, TaskKind};

use crate::code::*;
use crate::trace::*;

const KERNEL: u64 = 0xffff_ffff_8100_0000;

/// The chain of each row: kernel, then `|`, then user, innermost first.
fn chains(analysis: &Analysis) -> Vec<String> {
    let of_row = |&chain: &u32| {
        let Some(chain) = analysis.call_chains.get(chain as usize) else {
            return "none".to_owned();
        };
        let part = |part: &[u32]| {
            let places: Vec<String> = part.iter().map(|&at| place(analysis, at)).collect();
            places.join(", ")
        };
        format!("{}|{}", part(&chain.kernel), part(&chain.user))
    };
    analysis.faults.call_chain.iter().map(of_row).collect()
}

fn code_map(time: u64, path: &str) -> MapRecord {
    MapRecord { file_offset: 0x1000, ..map(time, BASE + 0x1000, BASE + 0x3000, RX, path) }
}

/// A process with two libraries that may be loaded at one place.
fn two_libraries() -> Trace {
    Trace::new()
        .with_calls()
        .module(library(1, LIB))
        .module(library(2, "/lib/liby.so"))
        .function(1, 0x1100, "x")
        .function(1, 0x11ff, "caller of x")
        .function(2, 0x1100, "y")
        .function(2, 0x11ff, "caller of y")
        .map(map(1, 0x7000, 0x9000, RW, "//anon"))
        .call_chain(5, &[], &[BASE + 0x1100, BASE + 0x1200])
}

const OF_X: &str = "|libx.so+0x1100 x, libx.so+0x11ff caller of x";
const OF_Y: &str = "|liby.so+0x1100 y, liby.so+0x11ff caller of y";

#[test]
fn callers_are_looked_up_at_their_call() {
    let analysis = two_libraries()
        .map(code_map(10, LIB))
        .fault(fault(20, 0x7000, WRITE).chain(5))
        .fault(fault(21, 0x8000, WRITE).chain(5))
        .fault(fault(22, 0x8000, WRITE))
        .analyse();
    assert_eq!(chains(&analysis), [OF_X, OF_X, "none"]);
    assert_eq!(analysis.call_chains.len(), 1);
    assert!(!analysis.call_chains[0].cut);
    let exactness = &analysis.exactness;
    assert_eq!((exactness.with_call_chain, exactness.lost_call_chains), (2, 0));
}

#[test]
fn a_fault_of_the_kernel_has_callers_in_both() {
    let analysis = two_libraries()
        .module(special(9, ModuleKind::Kernel, 0, "[kernel]"))
        .function(9, KERNEL + 0x10, "copy_from_user")
        .function(9, KERNEL + 0x1ff, "read")
        .call_chain(6, &[KERNEL + 0x10, KERNEL + 0x200], &[BASE + 0x1200])
        .map(code_map(10, LIB))
        .fault(fault(20, 0x7000, WRITE).kernel().at(KERNEL + 0x10).chain(6))
        .analyse();
    let expected = "[kernel]+0xffffffff81000010 copy_from_user, \
                    [kernel]+0xffffffff810001ff read|libx.so+0x11ff caller of x";
    assert_eq!(chains(&analysis), [expected]);
    assert_eq!(analysis.faults.code[0], analysis.call_chains[0].kernel[0]);
}

#[test]
fn one_chain_in_both_modes_is_two() {
    let analysis = two_libraries()
        .map(code_map(10, LIB))
        .fault(fault(20, 0x7000, WRITE).chain(5))
        .fault(fault(21, 0x7000, WRITE).kernel().chain(5))
        .fault(fault(22, 0x7000, WRITE).chain(5))
        .analyse();
    let in_kernel = "|libx.so+0x10ff, libx.so+0x11ff caller of x";
    assert_eq!(chains(&analysis), [OF_X, in_kernel, OF_X]);
    assert_eq!(analysis.call_chains.len(), 2);
}

#[test]
fn what_is_loaded_at_the_time_of_the_fault_counts() {
    let chained = |time| fault(time, 0x7000, WRITE).chain(5);
    let analysis = two_libraries()
        .map(code_map(10, LIB))
        .fault(chained(20))
        .call(munmap(30, BASE, 0x9000))
        .fault(chained(40))
        .map(code_map(50, "/lib/liby.so"))
        .fault(chained(60))
        .map(code_map(70, LIB))
        .fault(chained(80))
        .analyse();
    let unloaded = format!("|+{:#x}, +{:#x}", BASE + 0x1100, BASE + 0x11ff);
    assert_eq!(chains(&analysis), [OF_X, &unloaded, OF_Y, OF_X]);
    assert_eq!(analysis.call_chains.len(), 3, "the first and the last are the same");
    // By snapshots alone.
    let snapshot = |path: &str| {
        vec![pft::record::Vma {
            file_offset: 0x1000,
            ..line(BASE + 0x1000, BASE + 0x3000, RX, path)
        }]
    };
    let analysis = two_libraries()
        .snapshot(10, snapshot(LIB))
        .fault(chained(30))
        .snapshot(40, snapshot("/lib/liby.so"))
        .fault(chained(60))
        .analyse();
    assert_eq!(chains(&analysis), [OF_X, OF_Y]);
    let analysis = two_libraries()
        .snapshot(10, snapshot(LIB))
        .fault(chained(30))
        .snapshot(40, vec![line(0x7000, 0x9000, RW, "")])
        .fault(chained(60))
        .analyse();
    assert_eq!(chains(&analysis), [OF_X, &unloaded]);
    // What has its place need not be code.
    let analysis = two_libraries()
        .map(code_map(10, LIB))
        .fault(chained(20))
        .map(map(30, BASE, BASE + 0x9000, RW, "//anon"))
        .fault(chained(40))
        .analyse();
    assert_eq!(chains(&analysis), [OF_X, &unloaded.replace('+', "[anon]+")]);
    // A library that moves.
    let to = BASE + 0x10_1000;
    let analysis = two_libraries()
        .call_chain(6, &[], &[to + 0x100])
        .map(code_map(10, LIB))
        .fault(fault(20, 0x7000, WRITE).chain(6))
        .call(mremap(30, (BASE + 0x1000, 0x2000), (to, 0x2000), 1))
        .fault(fault(40, 0x7000, WRITE).chain(6))
        .fault(chained(41))
        .analyse();
    assert_eq!(chains(&analysis)[1..], ["|libx.so+0x1100 x", &unloaded]);
    // One that is in two places afterwards.
    let analysis = two_libraries()
        .call_chain(6, &[], &[to + 0x100])
        .map(MapRecord { flags: 1, ..code_map(10, LIB) })
        .fault(fault(20, 0x7000, WRITE).chain(6))
        .call(mremap(30, (BASE + 0x1000, 0), (to, 0x2000), 1))
        .fault(fault(40, 0x7000, WRITE).chain(6))
        .fault(chained(41))
        .analyse();
    assert_eq!(chains(&analysis)[1..], ["|libx.so+0x1100 x", OF_X]);
}

#[test]
fn each_process_has_its_own_modules() {
    let mut of_child = code_map(40, "/lib/liby.so");
    (of_child.pid, of_child.tid) = (2, 2);
    let chained = |pid, time| fault_of(pid, time, 0x7000, WRITE).chain(5);
    let analysis = two_libraries()
        .map(code_map(10, LIB))
        .fork(20, 1, 2)
        .fault(chained(1, 30))
        .fault(chained(2, 31))
        .map(of_child)
        .fault(chained(1, 50))
        .fault(chained(2, 51))
        .task(60, TaskKind::Exec, 2, 2, "next")
        .fault(chained(2, 70))
        .analyse();
    let gone = format!("|+{:#x}, +{:#x}", BASE + 0x1100, BASE + 0x11ff);
    assert_eq!(chains(&analysis), [OF_X, OF_X, OF_X, OF_Y, &gone]);
    assert_eq!([0, 1].map(|row| analysis.faults.call_chain[row]), [0, 0]);
}

#[test]
fn other_mappings_change_no_chain() {
    let mut trace = two_libraries().map(code_map(10, LIB));
    for time in 20..40 {
        trace = trace
            .map(map(time, 0x10_0000, 0x10_0000 + time * 0x1000, RW, "//anon"))
            .fault(fault(time, 0x7000, WRITE).chain(5));
    }
    let analysis = trace.analyse();
    assert_eq!(chains(&analysis), [OF_X; 20]);
}

#[test]
fn chains_that_are_not_there_are_counted() {
    let analysis = two_libraries()
        .call_chain(0, &[], &[1])
        .call_chain(5, &[], &[BASE])
        .map(code_map(10, LIB))
        .fault(fault(20, 0x7000, WRITE).chain(5))
        .fault(fault(21, 0x7000, WRITE).chain(77))
        .fault(fault(22, 0x7000, WRITE).chain(0))
        .analyse();
    assert_eq!(chains(&analysis), [OF_X, "none", "none"], "the first of one id counts");
    assert_eq!(analysis.faults.call_chain[1], NONE);
    let exactness = &analysis.exactness;
    assert_eq!((exactness.with_call_chain, exactness.lost_call_chains), (2, 1));
}

#[test]
fn chains_that_go_on_say_so() {
    let cut = CallChainRecord { id: 6, cut: true, kernel: Vec::new(), user: vec![BASE + 0x1100] };
    let mut trace = two_libraries().call_chain(7, &[KERNEL; 1100], &[BASE + 0x1101; 1024]);
    trace.recording.call_chains.push(cut);
    let analysis = trace
        .map(code_map(10, LIB))
        .fault(fault(20, 0x7000, WRITE).chain(6))
        .fault(fault(21, 0x7000, WRITE).kernel().chain(7))
        .analyse();
    let chain = |row: usize| &analysis.call_chains[analysis.faults.call_chain[row] as usize];
    assert_eq!((chain(0).cut, chain(0).user.len()), (true, 1));
    assert_eq!((chain(1).cut, chain(1).kernel.len(), chain(1).user.len()), (true, 1024, 1024));
}

/// What a child has from its parent is numbered as it is asked for, which the callers of its faults do as well.
#[test]
fn callers_number_the_mappings_of_a_child_in_parts_as_in_the_whole() {
    let names = ["/lib/a.so", "/lib/b.so", "/lib/c.so", "/lib/d.so"];
    let start = |i: usize| BASE + 0x10_0000 * i as u64;
    let mapped = names.into_iter().enumerate().fold(Trace::new(), |trace, (i, name)| {
        trace.map(map(5, start(i), start(i) + 0x4000, RX, name))
    });
    let of_child = |time, i, chain| {
        let fault = fault_of(2, time, start(i), READ).at(start(1)).chain(chain);
        Fault { latency: 1, ..fault }
    };
    let trace = mapped
        .call_chain(5, &[], &[start(1), start(2) + 0x10])
        .fork(10, 1, 2)
        .fault(of_child(20, 0, 5))
        .fault(of_child(30, 3, 0));
    // It is analysed in parts as well, and the rows have to be the same.
    let analysis = trace.analyse();
    let paths: Vec<&[u8]> = analysis
        .faults
        .mapping
        .iter()
        .map(|&mapping| &*analysis.mappings[mapping as usize].path)
        .collect();
    assert_eq!(paths, [b"/lib/a.so", b"/lib/d.so"]);
}
