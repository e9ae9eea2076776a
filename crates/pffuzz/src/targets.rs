//! The targets.

mod elf;
mod frames;
mod index;
mod maps;
mod model;
mod names;
mod perf_data;
mod perf_map;
mod ring;
pub(crate) mod samples;
pub(crate) mod trace;
mod tracepoint;
mod writer;

/// One parser, and what it has to hold.
pub struct Target {
    /// Name of the fuzzer in `fuzz/fuzz_targets` and of the folder in `testdata/corpora`.
    pub name: &'static str,
    /// Feeds it these bytes. Panics if a promise is broken.
    pub run: fn(&[u8]),
    /// Inputs to start from, made by code.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Largest input worth trying, bytes.
    pub max_bytes: usize,
    /// Executions of the short run.
    pub short_run: usize,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "trace",
        run: trace::run,
        seeds: trace::seeds,
        max_bytes: 16 << 10,
        short_run: 5_000,
    },
    Target {
        name: "frames",
        run: frames::run,
        seeds: frames::seeds,
        max_bytes: 4 << 10,
        short_run: 50_000,
    },
    Target {
        name: "index",
        run: index::run,
        seeds: index::seeds,
        max_bytes: 4 << 10,
        short_run: 20_000,
    },
    Target {
        name: "writer",
        run: writer::run,
        seeds: writer::seeds,
        max_bytes: 4 << 10,
        short_run: 3_000,
    },
    Target {
        name: "model",
        run: model::run,
        seeds: model::seeds,
        max_bytes: 4 << 10,
        short_run: 5_000,
    },
    Target {
        name: "ring",
        run: ring::run,
        seeds: ring::seeds,
        max_bytes: 4 << 10,
        short_run: 20_000,
    },
    Target {
        name: "maps",
        run: maps::run,
        seeds: maps::seeds,
        max_bytes: 4 << 10,
        short_run: 20_000,
    },
    Target {
        name: "tracepoint",
        run: tracepoint::run,
        seeds: tracepoint::seeds,
        max_bytes: 4 << 10,
        short_run: 20_000,
    },
    Target {
        name: "perf_data",
        run: perf_data::run,
        seeds: perf_data::seeds,
        max_bytes: 8 << 10,
        short_run: 5_000,
    },
    Target {
        name: "perf_map",
        run: perf_map::run,
        seeds: perf_map::seeds,
        max_bytes: 4 << 10,
        short_run: 10_000,
    },
    Target {
        name: "elf",
        run: elf::run,
        seeds: elf::seeds,
        max_bytes: 32 << 10,
        short_run: 10_000,
    },
    Target {
        name: "names",
        run: names::run,
        seeds: names::seeds,
        max_bytes: 5 << 10,
        short_run: 30_000,
    },
];
