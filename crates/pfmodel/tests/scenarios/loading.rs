//! Libraries that come and go, below anonymous memory with which the kernel merges what they zero.

use pfmodel::names::RegionKind::{self, Anon, Bss, Data};
use pfmodel::table::Analysis;
use pft::record::ModuleRecord;

use crate::code::*;
use crate::trace::*;

const ALPHA: &str = "/lib/alpha.so";
const BETA: &str = "/lib/beta.so";
/// Behind the library.
const ABOVE: u64 = BASE + 0x9000;

/// The library is loaded below anonymous memory up to `ABOVE + 0x3000`: of the two the kernel shows one.
fn load_below(mut trace: Trace, time: u64, path: &str) -> Trace {
    let known = trace.recording.maps.len();
    trace = trace.load(time, BASE, path);
    let made = trace.recording.maps.iter_mut().skip(known);
    made.filter(|map| map.inode == 0).for_each(|map| map.end = ABOVE + 0x3000);
    trace
}

/// A process that has memory above where its libraries are loaded.
fn process() -> Trace {
    Trace::new()
        .module(library(1, ALPHA))
        .module(library(2, BETA))
        .object(1, 0x6000, 0x2000, "alpha_buffer")
        .object(2, 0x6000, 0x2000, "beta_buffer")
        .map(map(5, ABOVE, ABOVE + 0x3000, RW, "//anon"))
}

/// Region, kind and object of each row.
fn found(analysis: &Analysis) -> Vec<(String, RegionKind, String)> {
    let object = |&object: &u32| match analysis.objects.get(object as usize) {
        Some(object) => text(&object.name),
        None => "none".to_owned(),
    };
    let spots = spots(analysis).into_iter().zip(analysis.faults.object.iter());
    spots.map(|((label, kind), number)| (label, kind, object(number))).collect()
}

fn expected(rows: &[(&str, RegionKind, &str)]) -> Vec<(String, RegionKind, String)> {
    rows.iter().map(|&(label, kind, object)| (label.to_owned(), kind, object.to_owned())).collect()
}

/// Faults on data, on zeroed memory, and above.
fn touch(trace: Trace, time: u64) -> Trace {
    let faults = [0x5100, 0x6000, 0x7000, 0x9000].into_iter().zip(time..);
    faults.fold(trace, |trace, (addr, time)| trace.fault(fault(time, BASE + addr, WRITE)))
}

const OF_ALPHA: [(&str, RegionKind, &str); 4] = [
    ("alpha.so .data", Data, "none"),
    ("alpha.so .bss", Bss, "alpha_buffer"),
    ("alpha.so .bss", Bss, "alpha_buffer"),
    ("[anon]", Anon, "none"),
];
const OF_BETA: [(&str, RegionKind, &str); 4] = [
    ("beta.so .data", Data, "none"),
    ("beta.so .bss", Bss, "beta_buffer"),
    ("beta.so .bss", Bss, "beta_buffer"),
    ("[anon]", Anon, "none"),
];

#[test]
fn zeroed_memory_below_older_memory_is_of_the_library_that_made_it() {
    // With and without calls, which tell when a library goes.
    for with_calls in [true, false] {
        let mut trace = if with_calls { process().with_calls() } else { process() };
        for (path, time) in [ALPHA, BETA, ALPHA, BETA].into_iter().zip([100, 200, 300, 400]) {
            trace = touch(load_below(trace, time, path), time + 20);
            if with_calls {
                trace = trace.call(munmap(time + 50, BASE, 0x8200));
            }
        }
        let rows = [OF_ALPHA, OF_BETA, OF_ALPHA, OF_BETA].concat();
        assert_eq!(found(&trace.analyse()), expected(&rows), "{with_calls}");
    }
}

#[test]
fn so_is_that_of_a_library_that_stays() {
    let trace = load_below(process(), 100, ALPHA);
    let trace = touch(trace, 120).load(200, BASE - 0x9000, BETA);
    let zeros = fault(220, BASE - 0x2000, WRITE);
    let rows = [&OF_ALPHA[..], &[("beta.so .bss", Bss, "beta_buffer")]].concat();
    assert_eq!(found(&trace.fault(zeros).analyse()), expected(&rows));
}

#[test]
fn a_library_of_which_nothing_is_known_has_nothing_of_the_one_before() {
    let unread = ModuleRecord { segments: Vec::new(), ..library(3, LIB) };
    let rows = [("alpha.so .bss", Bss, "alpha_buffer"), ("[anon]", Anon, "none")];
    // In one process, and in a child that loads it in place of what it inherited.
    for pid in [1, 2] {
        let trace = load_below(process().with_calls().module(unread.clone()), 100, ALPHA);
        let trace = trace.fault(fault(120, BASE + 0x6000, WRITE)).fork(150, 1, 2);
        let mut gone = munmap(160, BASE, 0x8200);
        (gone.pid, gone.tid) = (pid, pid);
        let known = trace.recording.maps.len();
        let mut trace = load_below(trace.call(gone), 200, LIB);
        let made = trace.recording.maps.iter_mut().skip(known);
        made.for_each(|map| (map.pid, map.tid) = (pid, pid));
        let trace = trace.fault(fault_of(pid, 220, BASE + 0x6000, WRITE));
        assert_eq!(found(&trace.analyse()), expected(&rows), "{pid}");
    }
}
