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

/// So many times the faults, for what a further fault costs: apart from what is done once for each mapping or thread.
const LONGER: u64 = 5;

/// A workload with so many faults, mappings or threads.
struct Case {
    number: u64,
    target: Target,
    /// The same with [`LONGER`] times the faults.
    longer: Option<Target>,
}

/// What one recording took.
#[derive(Debug, Clone, Copy)]
struct Measured {
    faults: f64,
    recorder_us: f64,
    report_us: f64,
    bytes: f64,
    lost: f64,
}

/// What the recorder and the report take for a fault, µs.
type Costs = [Option<Spread>; 2];

/// Faults, mappings and threads, from few to many.
pub fn measure(bench: &Bench) -> anyhow::Result<Part> {
    let mut part = Part::default();
    let of_faults = [100_000, 1_000_000, 10_000_000].map(|number| Case {
        number,
        target: Target::one_thread(bench.scaled(number)),
        longer: None,
    });
    series(bench, "faults", &of_faults, &mut part)?;
    let all = bench.scaled(600_000);
    let of_mappings = [10, 1_000, 60_000].map(|number| {
        let count = bench.scaled(number);
        let touched = count.min(TOUCHED);
        Case::of(number, |times| {
            let rounds = all.div_ceil(touched) * times;
            let numbers = [("--count", count), ("--pages", touched), ("--rounds", rounds)];
            Target::new("mappings", 1, &["many-mappings"], &numbers)
        })
    });
    series(bench, "mappings", &of_mappings, &mut part)?;
    let of_threads = [1, 2, 10, 100, 2_000].map(|number| {
        let threads = bench.scaled(number);
        Case::of(number, |times| {
            let rounds = all.div_ceil(threads * 300) * times;
            let numbers = [("--threads", threads), ("--pages", 300), ("--rounds", rounds)];
            Target::new("threads", 1, &["threads"], &numbers)
        })
    });
    series(bench, "threads", &of_threads, &mut part)?;
    Ok(part)
}

impl Case {
    /// A workload, and the same so many times as long.
    fn of(number: u64, target: impl Fn(u64) -> Target) -> Self {
        Self { number, target: target(1), longer: Some(target(LONGER)) }
    }
}

/// One series: what the recorder and the report take for a fault, all in all and for a further one, and its size.
fn series(bench: &Bench, name: &str, cases: &[Case], part: &mut Part) -> anyhow::Result<()> {
    let columns = [
        name,
        "recorder's CPU, µs a fault",
        "summary, µs a fault",
        "recorder, µs a further fault",
        "summary, µs a further fault",
        "bytes a fault",
        "records lost, short and long",
    ];
    let mut table = Table::new(format!("Growth with {name}"), &columns);
    let (mut all, mut further): (Vec<Costs>, Vec<Costs>) = (Vec::new(), Vec::new());
    for case in cases {
        // What takes minutes differs little from one time to the next.
        let runs = if case.number < 10_000_000 { bench.runs } else { 1 };
        let (mut short, mut long) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            short.push(measured(bench, &case.target)?);
            if let Some(longer) = &case.longer {
                long.push(measured(bench, longer)?);
            }
        }
        let of_fault =
            |of: fn(&Measured) -> f64| Spread::of(short.iter().map(|m| of(m) / m.faults));
        let of_further = |of: fn(&Measured) -> f64| {
            // Of a long recording that lost so much that it holds fewer, nothing can be told.
            let pairs = short.iter().zip(&long).filter(|(short, long)| short.faults < long.faults);
            Spread::of(
                pairs.map(|(short, long)| (of(long) - of(short)) / (long.faults - short.faults)),
            )
        };
        let of_all = [of_fault(|m| m.recorder_us), of_fault(|m| m.report_us)];
        let of_further = [of_further(|m| m.recorder_us), of_further(|m| m.report_us)];
        table.row([
            (case.number as f64).into(),
            of_all[0].into(),
            of_all[1].into(),
            of_further[0].into(),
            of_further[1].into(),
            short.last().map(|last| last.bytes / last.faults).into(),
            Spread::of(short.iter().chain(&long).map(|m| m.lost)).into(),
        ]);
        all.push(of_all);
        further.push(of_further);
    }
    goals(name, cases, ("cost", &all), part);
    if cases.iter().any(|case| case.longer.is_some()) {
        goals(name, cases, ("cost of a further fault", &further), part);
    }
    part.tables.push(table);
    Ok(())
}

/// Records a workload and reports on it.
fn measured(bench: &Bench, target: &Target) -> anyhow::Result<Measured> {
    let run = attached(bench, target, &[])?;
    let trace = bench.file("attached.pft");
    let (lost, dropped) = lost(&trace)?;
    Ok(Measured {
        faults: Recorder::rows(&trace)? as f64,
        recorder_us: run.cpu.as_secs_f64() * 1e6,
        report_us: report(bench, &trace, &[])?.wall.as_secs_f64() * 1e6,
        bytes: length_bytes(&trace)? as f64,
        lost: (lost + dropped) as f64,
    })
}

/// Adds how a cost grows from the first case to the last.
fn goals(name: &str, cases: &[Case], (cost, costs): (&str, &[Costs]), part: &mut Part) {
    let [few, many] = [cases.first(), cases.last()].map(|case| case.map_or(0, |case| case.number));
    for (place, what) in ["recorder", "summary"].into_iter().enumerate() {
        let median = |costs: Option<&Costs>| costs?[place].map(|spread| spread.median);
        let ratio = median(costs.last()).zip(median(costs.first()));
        let ratio = ratio.map(|(last, first)| last / first);
        let what = format!("{cost} of the {what}, {few} to {many} {name}");
        part.goals.push(Goal::new(what, ratio, Bound::AtMost(MOST), "times"));
    }
}
