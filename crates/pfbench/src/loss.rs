//! Whether records are lost where every CPU faults at full speed.

use std::path::Path;
use std::process::Stdio;

use pft::record::Frame;
use pft::{FrameKind, Trace};

use crate::bench::Bench;
use crate::goal::{Bound, Goal};
use crate::process::Running;
use crate::recorders::Recorder;
use crate::results::Part;
use crate::table::Table;
use crate::workloads::{Made, Target};

const SECONDS: u64 = 30;
/// Pages of each thread: with fewer of them dropping memory takes a larger part of the time.
const PAGES: u64 = 20_000;

/// Records a thread a CPU at full speed with the defaults, and one thread.
pub fn measure(bench: &Bench) -> anyhow::Result<Part> {
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64);
    let seconds = bench.scaled(SECONDS);
    let mut table = Table::new(
        format!("Loss: full speed for {seconds} s"),
        &["", "faults", "faults/s", "records lost", "faults dropped"],
    );
    let mut part = Part::default();
    let cases = [
        ("one thread", 1),
        ("a thread a CPU", cpus),
        ("four threads a CPU", 4 * cpus),
        ("fifty threads a CPU", 50 * cpus),
    ];
    for (name, threads) in cases {
        let numbers = [("--threads", threads), ("--pages", PAGES), ("--seconds", seconds)];
        let target = Target::new(name, cpus, &["threads"], &numbers);
        let recorder = Recorder::Pfrecord(&[]);
        let mut command = recorder.command(bench, &target);
        let recording = Running::start(command.stdin(Stdio::null()), bench.folder(), "recorder")?;
        // It tells losses by its exit status: they are counted below.
        let run = recording.wait_for_end()?;
        let made = Made::of(&run.stdout)?;
        let (lost, dropped) = lost(&recorder.output(bench))?;
        let rate = made.faults as f64 * 1e9 / made.wall_ns as f64;
        table.row([
            name.into(),
            (made.faults as f64).into(),
            rate.into(),
            (lost as f64).into(),
            (dropped as f64).into(),
        ]);
        let missing = (lost + dropped) as f64;
        let what = format!("lost in {seconds} s, {name}, {rate:.0} faults/s");
        part.goals.push(Goal::new(what, Some(missing), Bound::AtMost(0.0), "records"));
    }
    part.tables.push(table);
    Ok(part)
}

/// Records that the kernel dropped, and faults that the recorder did, by the ledger of a trace.
pub fn lost(path: &Path) -> anyhow::Result<(u64, u64)> {
    let trace = Trace::open(path)?;
    let last = trace.frames().iter().rfind(|info| info.kind == FrameKind::Checkpoint);
    let frame = last.map(|info| trace.read(info)).transpose()?;
    let Some(Frame::Checkpoint(checkpoint)) = frame else {
        anyhow::bail!("{} has no ledger", path.display());
    };
    let sum = |is_wanted: &dyn Fn(&str) -> bool| {
        let entries = checkpoint.ledger.iter().filter(|entry| is_wanted(&entry.key));
        entries.map(|entry| entry.value).sum()
    };
    let lost = sum(&|key| key.starts_with("event.") && key.ends_with(".lost"));
    Ok((lost, sum(&|key| key == pft::keys::ledger::DROPPED_RECORDER)))
}
