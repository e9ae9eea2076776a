//! Prints how many faults a second the analysis works out.
//!
//! `cargo run --release -p pfmodel --example model_speed [ROWS [MAPPINGS [PERCENT]]]`
//!
//! The trace is that of the benchmarks; PERCENT of its faults are anywhere in all of the memory, which is what costs
//! most.

#[path = "../benches/analysis/synthetic.rs"]
#[expect(dead_code, reason = "the benchmarks use more of it")]
mod synthetic;

use std::time::Instant;

use pfmodel::{Options, analyse};
use synthetic::Shape;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let rows = numbers.next().unwrap_or(10_000_000);
    let mappings = numbers.next().unwrap_or(200).max(2);
    let percent = numbers.next().unwrap_or(10);
    let shape = Shape { rows, mappings, percent, forks: 100 };
    let (recording, faults) = (synthetic::recording(shape), synthetic::faults(shape));

    let start = Instant::now();
    let analysis = analyse(recording, faults, &Options::default());
    let seconds = start.elapsed().as_secs_f64();
    let found = analysis.faults.len();
    println!("{found} rows in {seconds:.2} s: {:.2} M rows/s", found as f64 / seconds / 1e6);
    println!("{} mappings, {} processes", analysis.mappings.len(), analysis.processes.len());
}
