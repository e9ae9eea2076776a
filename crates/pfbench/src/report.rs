//! How fast reports are.

use std::path::Path;
use std::process::Command;

use crate::bench::Bench;
use crate::cost::record;
use crate::goal::{Bound, Goal};
use crate::process::run_unheard;
use crate::recorders::THE_SAME;
use crate::results::Part;
use crate::spread::Spread;
use crate::table::Table;
use crate::traces::{one_thread, recorded, report};

const FAULTS: u64 = 10_000_000;
const SMALL_FAULTS: u64 = 10_000;

/// Reports on traces of one thread, and those of perf on its own.
pub fn measure(bench: &Bench) -> anyhow::Result<Part> {
    let faults = bench.scaled(FAULTS);
    let trace = recorded(bench, faults)?;
    let mut part = Part::default();
    outputs(bench, &trace, faults, &mut part)?;
    windows(bench, &trace, &mut part)?;
    beside_perf(bench, &trace, faults, &mut part)?;
    std::fs::remove_file(&trace)?;
    first_output(bench, &mut part)?;
    Ok(part)
}

/// Options of reports, with the least rows a second or the most seconds for all.
fn outputs(bench: &Bench, trace: &Path, faults: u64, part: &mut Part) -> anyhow::Result<()> {
    let ways: [(&str, &[&str], Option<Bound>); 9] = [
        ("summary", &[], None),
        ("--csv", &["--csv"], Some(Bound::AtLeast(2.0))),
        ("--csv, to a disk", &["--csv=rows.csv"], None),
        ("--parquet", &["--parquet=rows.parquet"], Some(Bound::AtLeast(3.0))),
        ("--by class", &["--by", "class"], None),
        ("--patterns", &["--patterns"], None),
        ("--advice", &["--advice"], None),
        ("--json", &["--json=summary.json"], None),
        ("--png", &["--png=."], None),
    ];
    let columns = ["", "s", "million faults/s", "memory, MiB"];
    let mut table = Table::new(format!("Reports on {faults} faults"), &columns);
    let mut measured: Vec<Vec<(f64, f64)>> = vec![Vec::new(); ways.len()];
    for _ in 0..bench.runs {
        for ((_, options, _), measured) in ways.iter().zip(&mut measured) {
            let run = report(bench, trace, options)?;
            measured.push((run.wall.as_secs_f64(), run.max_rss_bytes as f64 / f64::from(1 << 20)));
        }
    }
    for ((name, _, bound), measured) in ways.iter().zip(&measured) {
        let s = Spread::of(measured.iter().map(|&(s, _)| s));
        let mib = Spread::of(measured.iter().map(|&(_, mib)| mib));
        let rate = s.map(|s| faults as f64 / s.median / 1e6);
        table.row([(*name).into(), s.into(), rate.into(), mib.map(|mib| mib.median).into()]);
        if let Some(bound) = bound {
            let what = format!("{name} of {faults} faults");
            part.goals.push(Goal::new(what, rate, *bound, "million rows/s"));
        }
        if *name == "summary" {
            let what = format!("summary of {faults} faults");
            part.goals.push(Goal::new(what, s.map(|s| s.median), Bound::AtMost(1.5), "s"));
        }
    }
    part.tables.push(table);
    Ok(())
}

/// Windows in the middle of the trace: what they cost should follow what they show.
fn windows(bench: &Bench, trace: &Path, part: &mut Part) -> anyhow::Result<()> {
    let shares = [1, 10, 25, 50, 100];
    let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); shares.len()];
    for _ in 0..bench.runs {
        for (share, seconds) in shares.iter().zip(&mut seconds) {
            let from = format!("--from={:.1}%", 50.0 - f64::from(*share) / 2.0);
            let to = format!("--to={:.1}%", 50.0 + f64::from(*share) / 2.0);
            let options = ["--by", "class,region", from.as_str(), to.as_str()];
            seconds.push(report(bench, trace, &options)?.wall.as_secs_f64());
        }
    }
    let columns = ["share of the time, %", "s", "of all, %"];
    let mut table = Table::new("Windows in the middle of that trace, --by class,region", &columns);
    let all = seconds.last().and_then(|seconds| Spread::of(seconds.iter().copied()));
    for (share, seconds) in shares.iter().zip(&seconds) {
        let s = Spread::of(seconds.iter().copied());
        let part_of = s.zip(all).map(|(s, all)| s.median * 100.0 / all.median);
        table.row([share.to_string().into(), s.into(), part_of.into()]);
        if *share == 10 {
            let what = "a tenth of the time, --by class,region";
            part.goals.push(Goal::new(what, part_of, Bound::AtMost(15.0), "% of all"));
        }
    }
    part.tables.push(table);
    Ok(())
}

/// The same faults in the file of perf, reported by perf.
fn beside_perf(bench: &Bench, trace: &Path, faults: u64, part: &mut Part) -> anyhow::Result<()> {
    if !THE_SAME.is_there() {
        return Ok(());
    }
    let made = record(bench, THE_SAME, &one_thread(faults))?;
    let data = THE_SAME.output(bench);
    let of_perf = |arguments: &[&str]| -> anyhow::Result<f64> {
        let mut command = Command::new("perf");
        command.args(arguments).arg("-i").arg(&data);
        Ok(run_unheard(&mut command)?.wall.as_secs_f64())
    };
    let mut seconds: [Vec<f64>; 3] = Default::default();
    for _ in 0..bench.runs {
        let [ours, reports, scripts] = &mut seconds;
        ours.push(report(bench, trace, &[])?.wall.as_secs_f64());
        reports.push(of_perf(&["report", "--stdio"])?);
        scripts.push(of_perf(&["script"])?);
    }
    let [ours, reports, scripts] = &seconds;
    let columns = ["", "s", "million faults/s", "times pfreport"];
    let mut table =
        Table::new(format!("The same {} faults, reported by perf", made.faults), &columns);
    let names = [
        ("pfreport", ours, None),
        ("perf report --stdio", reports, Some(5.0)),
        ("perf script", scripts, Some(20.0)),
    ];
    for (name, theirs, least) in names {
        let s = Spread::of(theirs.iter().copied());
        let ratio =
            Spread::of_pairs(theirs, ours, |theirs, ours| theirs / ours).map(|ratio| ratio.median);
        let rate = s.map(|s| made.faults as f64 / s.median / 1e6);
        table.row([name.into(), s.into(), rate.into(), ratio.into()]);
        if let Some(least) = least {
            let what = format!("{name}, of {} faults", made.faults);
            part.goals.push(Goal::new(what, ratio, Bound::AtLeast(least), "times pfreport"));
        }
    }
    part.tables.push(table);
    Ok(())
}

/// A small trace: how long until something is on the screen.
fn first_output(bench: &Bench, part: &mut Part) -> anyhow::Result<()> {
    let trace = recorded(bench, SMALL_FAULTS)?;
    let runs = (0..bench.runs).map(|_| Ok(report(bench, &trace, &[])?.wall.as_secs_f64() * 1e3));
    let runs: Vec<f64> = runs.collect::<anyhow::Result<_>>()?;
    let ms = Spread::of(runs);
    let mut table = Table::new("A small trace", &["", "ms"]);
    table.row([format!("summary of {SMALL_FAULTS} faults, whole").into(), ms.into()]);
    let what = "first output of a small trace";
    part.goals.push(Goal::new(what, ms.map(|ms| ms.median), Bound::AtMost(50.0), "ms"));
    part.tables.push(table);
    Ok(())
}
