//! Traces for reports.

use std::path::{Path, PathBuf};

use crate::bench::Bench;
use crate::process::{Run, run, run_unheard};
use crate::workloads::Target;

/// Pages that large traces touch again and again.
const PAGES: u64 = 500_000;

/// One thread that makes so many faults on many pages.
pub fn one_thread(faults: u64) -> Target {
    let pages = PAGES.min(faults / 2).max(1);
    let numbers = [("--pages", pages), ("--rounds", faults.div_ceil(pages))];
    Target::new("one thread", 1, &["anon"], &numbers)
}

/// Records it with the defaults.
pub fn recorded(bench: &Bench, faults: u64) -> anyhow::Result<PathBuf> {
    of(bench, &format!("{faults}.pft"), &one_thread(faults))
}

/// Records a target with the defaults.
pub fn of(bench: &Bench, name: &str, target: &Target) -> anyhow::Result<PathBuf> {
    let path = bench.file(name);
    let mut recorder = bench.program("pfrecord");
    recorder.args(["-q", "-f", "-o"]).arg(&path).arg("--").arg(bench.path_of("pf-workload"));
    run(recorder.args(&target.arguments), bench.folder())?;
    Ok(path)
}

/// A report on a trace with options; what it writes is thrown away with the folder, what it prints at once.
pub fn report(bench: &Bench, trace: &Path, options: &[&str]) -> anyhow::Result<Run> {
    let mut reporter = bench.program("pfreport");
    run_unheard(reporter.args(["-q", "-f"]).arg(trace).args(options).current_dir(bench.folder()))
}
