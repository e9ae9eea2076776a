//! Instructions of the analysis of 10,000 faults, and of its steps by themselves.

#[path = "../../../pft/benches/codec/counted.rs"]
mod counted;
mod synthetic;

use std::hint::black_box;
use std::process::ExitCode;

use counted::{Loop, counted};
use pfmodel::hot_loops::{Pages, Space, put_in_order};
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

fn analysis(shape: Shape) {
    let (recording, faults) = trace(shape);
    let mut wanted = Wanted::all(10_000);
    wanted.expected_rows = FAULTS as usize;
    counted(|| analyse_in_order(recording, faults, &wanted));
}

fn mapping_lookup(mappings: u64) {
    let (mut space, addrs) = space(mappings);
    counted(|| space.find(black_box(&addrs)));
}

fn fault_order(batches: Vec<FaultBatch>) {
    counted(|| put_in_order(black_box(batches)));
}

fn page_history(addrs: &[u64]) {
    let mut pages = Pages::default();
    counted(|| pages.write(black_box(addrs)));
}

/// Other threads make columns of rows, and the columns of regions and objects.
const fn analysis_of(name: &'static str, run: fn()) -> Loop {
    let threads =
        &["pfmodel::table::builder::Rows::extend", "pfmodel::analyse::assemble::data_columns"];
    Loop { name, run, threads }
}

fn main() -> ExitCode {
    counted::main(
        FAULTS as usize,
        &[
            analysis_of("analysis dense", || analysis(DENSE)),
            analysis_of("analysis random", || analysis(RANDOM)),
            analysis_of("analysis forked", || analysis(FORKED)),
            Loop::new("mapping lookup of 10", || mapping_lookup(10)),
            Loop::new("mapping lookup of 1000", || mapping_lookup(1000)),
            Loop::new("mapping lookup of 60000", || mapping_lookup(60_000)),
            Loop::new("fault order four cpus", || fault_order(synthetic::faults(DENSE))),
            Loop::new("page history dense", || page_history(&consecutive())),
            Loop::new("page history random", || page_history(&synthetic::addresses(FAULTS, 16))),
        ],
    )
}
