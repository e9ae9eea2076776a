//! The programs that are recorded.

use std::path::Path;

use anyhow::Context as _;
use pftestkit::Report;

use crate::bench::Bench;

/// Faults of a run of all programs that fault at full speed.
const FAULTS: u64 = 200_000;
/// Pages that these touch again and again: 80 MiB.
const PAGES: u64 = 20_000;
/// Reads from a disk in a run.
const COLD_READS: u64 = 5_000;
/// Pages that each child of the storm copies.
const COPIED_PAGES: u64 = 1_000;

/// A program to record.
#[derive(Debug, Clone)]
pub struct Target {
    /// What it does.
    pub name: &'static str,
    /// Arguments of `pf-workload`.
    pub arguments: Vec<String>,
    /// CPUs that it keeps busy: its time is that of so many.
    pub cpus: u64,
}

/// What a run of a workload made.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// Faults of the stretch that is measured, as the kernel counts them for the process.
    pub faults: u64,
    /// Those of the whole run and of children.
    pub all_faults: u64,
    /// How long it took.
    pub wall_ns: u64,
}

impl Target {
    /// A workload with arguments.
    pub fn new(name: &'static str, cpus: u64, arguments: &[&str], numbers: &[(&str, u64)]) -> Self {
        let words = arguments.iter().map(|&word| word.to_owned());
        let numbers =
            numbers.iter().flat_map(|(option, number)| [(*option).to_owned(), number.to_string()]);
        Self { name, arguments: words.chain(numbers).collect(), cpus }
    }

    /// One thread that touches anonymous memory at full speed, so many times at least.
    pub fn one_thread(faults: u64) -> Self {
        let pages = PAGES.min(faults).max(1);
        let numbers = [("--pages", pages), ("--rounds", faults.div_ceil(pages))];
        Self::new("1 thread, first touches", 1, &["anon"], &numbers)
    }

    /// The four programs of which the cost of recording is told.
    pub fn all(bench: &Bench) -> Vec<Self> {
        let faults = bench.scaled(FAULTS);
        let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64);
        let each = (faults / 8).clamp(1, PAGES / 8);
        let rounds = faults.div_ceil(each * 8);
        let eight = [("--threads", 8), ("--pages", each), ("--rounds", rounds)];
        let folder = ["cold-file-random", "--order-file", "/dev/null", "--dir"];
        let cold: Vec<&str> = folder.into_iter().chain(bench.folder().to_str()).collect();
        let copied = COPIED_PAGES.min(faults);
        vec![
            Self::one_thread(faults),
            Self::new("8 threads, first touches", cpus.min(8), &["threads"], &eight),
            Self::new("cold random file read", 1, &cold, &[("--pages", bench.scaled(COLD_READS))]),
            Self::new(
                "fork and copy-on-write",
                1,
                &["short-forks"],
                &[("--pages", copied), ("--count", faults.div_ceil(copied))],
            ),
        ]
    }
}

impl Made {
    /// What the output of a workload says.
    pub fn of(output: &str) -> anyhow::Result<Self> {
        let report = Report::parse(output)?;
        let usage = report.usage.first().with_context(|| format!("no usage in {output:?}"))?;
        let total = report.total.with_context(|| format!("no total in {output:?}"))?;
        let children = total.children_minflt + total.children_majflt;
        Ok(Self {
            faults: usage.minflt + usage.majflt,
            all_faults: total.minflt + total.majflt + children,
            wall_ns: usage.wall_ns,
        })
    }

    /// Nanoseconds of a CPU for each fault, where so many CPUs were busy.
    pub fn ns_per_fault(&self, cpus: u64) -> f64 {
        self.wall_ns as f64 * cpus as f64 / self.faults as f64
    }
}

/// Length of a file, bytes.
pub fn length_bytes(path: &Path) -> anyhow::Result<u64> {
    Ok(path.metadata().with_context(|| format!("the length of {}", path.display()))?.len())
}
