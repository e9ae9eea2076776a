//! Instructions of the analysis of 10,000 faults, and of its steps by themselves.

#![allow(missing_docs, unused_qualifications, reason = "of what the macros make")]

mod synthetic;

use std::hint::black_box;

use gungraun::{
    Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use pfmodel::hot_loops::{Pages, Space, put_in_order};
use pfmodel::table::Analysis;
use pfmodel::{Recording, Wanted, analyse_in_order};
use pft::record::FaultBatch;
use synthetic::Shape;

const FAULTS: u64 = 10_000;
const DENSE: Shape = Shape { rows: FAULTS, mappings: 16, percent: 0, forks: 0 };
const RANDOM: Shape = Shape { percent: 100, ..DENSE };
const FORKED: Shape = Shape { forks: 10, ..DENSE };

type Faults = Vec<(u64, FaultBatch)>;

fn trace(shape: Shape) -> (Recording, Faults) {
    let faults = synthetic::faults(shape).into_iter();
    let first_ns = |batch: &FaultBatch| batch.columns.time_ns.first().copied().unwrap_or(0);
    let mut faults: Faults = faults.map(|batch| (first_ns(&batch), batch)).collect();
    faults.sort_by_key(|(first_ns, _)| *first_ns);
    (synthetic::recording(shape), faults)
}

fn space(mappings: u64) -> (Space, Vec<u64>) {
    (Space::new(&synthetic::maps(mappings)), synthetic::addresses(FAULTS, mappings))
}

fn consecutive() -> Vec<u64> {
    (0..FAULTS).map(|n| synthetic::start_of(0) + (n << 12)).collect()
}

#[library_benchmark]
#[bench::dense(trace(DENSE))]
#[bench::random(trace(RANDOM))]
#[bench::forked(trace(FORKED))]
fn analysis((recording, faults): (Recording, Faults)) -> Analysis {
    let wanted = Wanted { expected_rows: FAULTS as usize, ..Wanted::all(10_000) };
    analyse_in_order(recording, faults, &wanted)
}

#[library_benchmark]
#[bench::of_10(space(10))]
#[bench::of_1000(space(1000))]
#[bench::of_60000(space(60_000))]
fn mapping_lookup((mut space, addrs): (Space, Vec<u64>)) -> (Space, Vec<u64>, usize) {
    let found = space.find(black_box(&addrs));
    (space, addrs, found)
}

#[library_benchmark]
#[bench::four_cpus(synthetic::faults(DENSE))]
fn fault_order(batches: Vec<FaultBatch>) -> u64 {
    put_in_order(black_box(batches))
}

#[library_benchmark]
#[bench::dense(consecutive())]
#[bench::random(synthetic::addresses(FAULTS, 16))]
fn page_history(addrs: Vec<u64>) -> (Vec<u64>, Pages, usize) {
    let mut pages = Pages::default();
    let touched = pages.write(black_box(&addrs));
    (addrs, pages, touched)
}

library_benchmark_group!(
    name = model,
    benchmarks = [analysis, mapping_lookup, fault_order, page_history]
);
main!(
    // The thread that makes columns of rows: of threads other than the first nothing is counted by itself.
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--toggle-collect=pfmodel::table_builder::Rows::extend"])),
    library_benchmark_groups = model
);
