//! Whether what a fault costs grows with the number of faults, mappings and threads.

use crate::bench::Bench;
use crate::goal::{Bound, Goal};
use crate::loss::lost;
use crate::own::attached;
use crate::recorders::Recorder;
use crate::results::Part;
use crate::spread::Spread;
use crate::table::Table;
use crate::traces::report;
use crate::workloads::{Target, length_bytes};

/// What a cost may be, times that of the smallest case.
const MOST: f64 = 1.5;

/// Of so many mappings at most a page is touched again and again, spread over all.
const TOUCHED: u64 = 20_000;

/// Faults, mappings and threads, from few to many.
pub fn measure(bench: &Bench) -> anyhow::Result<Part> {
    let mut part = Part::default();
    let of_faults = [100_000, 1_000_000, 10_000_000]
        .map(|number| (number, Target::one_thread(bench.scaled(number))));
    series(bench, "faults", of_faults.into(), &mut part)?;
    let all = bench.scaled(600_000);
    let of_mappings = [10, 1_000, 60_000].map(|number| {
        let count = bench.scaled(number);
        let touched = count.min(TOUCHED);
        let rounds = all.div_ceil(touched);
        let numbers = [("--count", count), ("--pages", touched), ("--rounds", rounds)];
        (number, Target::new("mappings", 1, &["many-mappings"], &numbers))
    });
    series(bench, "mappings", of_mappings.into(), &mut part)?;
    let of_threads = [1, 10, 100, 2_000].map(|number| {
        let threads = bench.scaled(number);
        let numbers =
            [("--threads", threads), ("--pages", 300), ("--rounds", all.div_ceil(threads * 300))];
        (number, Target::new("threads", 1, &["threads"], &numbers))
    });
    series(bench, "threads", of_threads.into(), &mut part)?;
    Ok(part)
}

/// One series: what recording adds to a fault, what the recorder and the report take for it, and its size.
fn series(
    bench: &Bench,
    name: &str,
    targets: Vec<(u64, Target)>,
    part: &mut Part,
) -> anyhow::Result<()> {
    let columns = [
        name,
        "recorder's CPU, µs a fault",
        "summary, µs a fault",
        "bytes a fault",
        "records lost",
    ];
    let mut table = Table::new(format!("Growth with {name}"), &columns);
    let mut costs: Vec<[Option<f64>; 2]> = Vec::new();
    for (number, target) in &targets {
        // What takes minutes differs little from one time to the next.
        let runs = if *number < 10_000_000 { bench.runs } else { 1 };
        let (mut recorder_us, mut report_us) = (Vec::new(), Vec::new());
        let (mut bytes, mut losses) = (None, Vec::new());
        for _ in 0..runs {
            let run = attached(bench, target, &[])?;
            let trace = bench.file("attached.pft");
            let faults = Recorder::rows(&trace)? as f64;
            recorder_us.push(run.cpu.as_secs_f64() * 1e6 / faults);
            report_us.push(report(bench, &trace, &[])?.wall.as_secs_f64() * 1e6 / faults);
            bytes = Some(length_bytes(&trace)? as f64 / faults);
            let (lost, dropped) = lost(&trace)?;
            losses.push((lost + dropped) as f64);
        }
        let (recorder_us, report_us) = (Spread::of(recorder_us), Spread::of(report_us));
        table.row([
            (*number as f64).into(),
            recorder_us.into(),
            report_us.into(),
            bytes.into(),
            Spread::of(losses).into(),
        ]);
        costs.push([recorder_us, report_us].map(|us| us.map(|us| us.median)));
    }
    for (place, what) in ["recorder", "summary"].into_iter().enumerate() {
        let of = |costs: Option<&[Option<f64>; 2]>| {
            costs.and_then(|costs| costs.get(place).copied().flatten())
        };
        let ratio = of(costs.last()).zip(of(costs.first())).map(|(last, first)| last / first);
        let many = targets.last().map_or(0, |(number, _)| *number);
        let few = targets.first().map_or(0, |(number, _)| *number);
        let what = format!("cost of the {what}, {few} to {many} {name}");
        part.goals.push(Goal::new(what, ratio, Bound::AtMost(MOST), "times"));
    }
    part.tables.push(table);
    Ok(())
}
