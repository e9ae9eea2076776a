//! What the recorder itself takes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use anyhow::{Context as _, ensure};

use crate::bench::Bench;
use crate::goal::{Bound, Goal};
use crate::process::{Run, Running};
use crate::results::Part;
use crate::spread::Spread;
use crate::table::Table;
use crate::workloads::Target;

/// Faults of a recording: attaching, calibration and symbols are in the figures, and disappear in so many.
const FAULTS: u64 = 2_000_000;
/// Memory of the recorder beside the rings, MiB.
const MOST_MIB: f64 = 64.0;
/// CPU time of the recorder for a fault, µs.
pub const MOST_US: f64 = 0.3;

/// Exit code of `pfrecord` where records were lost.
const LOST: i32 = 3;

/// Attaches to one thread at full speed, so that the target's time is not the recorder's.
pub fn measure(bench: &Bench) -> anyhow::Result<Part> {
    let faults = bench.scaled(FAULTS);
    let mut table = Table::new(
        format!("The recorder itself: {faults} faults of one thread"),
        &["", "CPU, µs a fault", "memory, MiB", "of which rings, MiB"],
    );
    let mut part = Part::default();
    let ways: [&[&str]; 3] = [&[], &["--no-latency"], &["-g"]];
    let mut measured: Vec<Vec<(f64, f64)>> = vec![Vec::new(); ways.len()];
    for _ in 0..bench.runs {
        for (way, measured) in ways.iter().zip(&mut measured) {
            let run = attached(bench, &Target::one_thread(faults), way)?;
            let us = run.cpu.as_secs_f64() * 1e6 / faults as f64;
            measured.push((us, run.max_rss_bytes as f64 / f64::from(1 << 20)));
        }
    }
    let rings = rings_mib();
    for (way, measured) in ways.iter().zip(&measured) {
        let us = Spread::of(measured.iter().map(|&(us, _)| us));
        let mib = Spread::of(measured.iter().map(|&(_, mib)| mib));
        let name = ["pfrecord"].iter().chain(way.iter()).copied().collect::<Vec<_>>().join(" ");
        table.row([name.as_str().into(), us.into(), mib.into(), rings.into()]);
        if way.is_empty() {
            let median = |spread: Option<Spread>| spread.map(|spread| spread.median);
            let bound = Bound::AtMost(MOST_US);
            part.goals.push(Goal::new(
                "CPU time of the recorder for a fault",
                median(us),
                bound,
                "µs",
            ));
            let beside = median(mib).map(|mib| mib - rings);
            let bound = Bound::AtMost(MOST_MIB);
            part.goals.push(Goal::new("memory of the recorder beside rings", beside, bound, "MiB"));
        }
    }
    part.tables.push(table);
    Ok(part)
}

/// Rings of the recorder by default.
fn rings_mib() -> f64 {
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get());
    (8 * cpus).min(512) as f64
}

/// Attaches to a target before it begins; what the recorder took.
pub fn attached(bench: &Bench, target: &Target, options: &[&str]) -> anyhow::Result<Run> {
    let mut workload = bench.program("pf-workload");
    workload.args(&target.arguments).arg("--wait").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut workload = workload.spawn().context("starting pf-workload")?;
    let mut says = BufReader::new(workload.stdout.take().context("standard output")?).lines();
    let mut hears = workload.stdin.take().context("standard input")?;
    let ready = says.next().context("pf-workload ended before it was ready")??;
    ensure!(ready.starts_with("ready"), "pf-workload said {ready:?}");

    let output = bench.file("attached.pft");
    let mut recorder = bench.program("pfrecord");
    recorder
        .arg("-f")
        .args(options)
        .arg("-o")
        .arg(&output)
        .arg("-p")
        .arg(workload.id().to_string());
    let mut recorder = Running::start(recorder.stdin(Stdio::null()), bench.folder(), "attached")?;
    recorder.wait_to_say("recording process")?;
    writeln!(hears)?;
    for line in says.by_ref() {
        if line?.starts_with("done") {
            break;
        }
    }
    // It leaves when it is told to, and with it goes the recorder.
    writeln!(hears)?;
    says.try_for_each(|line| line.map(drop))?;
    let run = recorder.wait_for_end()?;
    // Losses are counted where they matter.
    let is_recorded = matches!(run.status.code(), Some(0 | LOST));
    ensure!(is_recorded, "pfrecord: {}: {}", run.status, run.stderr.trim_end());
    let status = workload.wait()?;
    ensure!(status.success(), "pf-workload: {status}");
    Ok(run)
}
