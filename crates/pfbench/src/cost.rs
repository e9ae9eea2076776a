//! What a fault costs the program that is recorded, beside what others take for it.

use std::process::Stdio;

use crate::bench::Bench;
use crate::goal::{Bound, Goal};
use crate::process::Running;
use crate::recorders::{Recorder, SAME_EVENTS_NOTE, SAME_FAULTS, THE_SAME, THE_SAME_COMPRESSED};
use crate::results::Part;
use crate::spread::Spread;
use crate::table::Table;
use crate::workloads::{Made, Target};

/// What is compared: nothing and pfrecord's default first.
const RECORDERS: [Recorder; 11] = [
    Recorder::Nobody,
    DEFAULT,
    Recorder::Pfrecord(&["--no-latency"]),
    Recorder::Pfrecord(&["-g"]),
    Recorder::PerfRecord(&[]),
    Recorder::PerfRecord(&["-z"]),
    SAME_FAULTS,
    THE_SAME,
    THE_SAME_COMPRESSED,
    Recorder::PerfTrace,
    Recorder::Bpftrace,
];

/// Single events, recorded by perf: what the kernel takes for each, whoever asks for it.
const EVENTS: [Recorder; 6] = [
    Recorder::Nobody,
    Recorder::PerfEvents("page-faults", &[]),
    Recorder::PerfEvents("exceptions:page_fault_user", &[]),
    Recorder::PerfEvents("minor-faults", &[]),
    Recorder::PerfRecord(&[]),
    SAME_FAULTS,
];
const DEFAULT: Recorder = Recorder::Pfrecord(&[]);

/// Start of the titles of these tables.
pub const TITLE: &str = "Cost of recording: ";
/// Column of the time that a fault takes longer.
pub const ADDED: usize = 2;

/// What was measured of one recorder and one target.
struct Measured {
    recorder: Recorder,
    /// Time of a CPU for each fault, by round; none where it cannot be run.
    ns: Option<Vec<f64>>,
    /// Share of the faults that it keeps, percent.
    kept_percent: Option<f64>,
}

/// Runs each recorder once a round on each of the targets.
pub fn measure(bench: &Bench) -> anyhow::Result<Part> {
    let mut part = Part::default();
    for target in Target::all(bench) {
        eprintln!("   {}", target.name);
        let measured = rounds(bench, &target, &RECORDERS)?;
        part.tables.push(table(format!("{TITLE}{}", target.name), &target, &measured));
        // A read from a disk takes longer than what recording adds, and differs from one to the next by more.
        if !target.name.starts_with("cold") {
            part.goals.extend(goals(&target, &measured));
        }
    }
    if let Some(target) = Target::all(bench).first() {
        let measured = rounds(bench, target, &EVENTS)?;
        let title = format!("What the kernel takes for single events: {}", target.name);
        part.tables.push(table(title, target, &measured));
    }
    Ok(part)
}

fn rounds(bench: &Bench, target: &Target, recorders: &[Recorder]) -> anyhow::Result<Vec<Measured>> {
    let measured = recorders.iter().map(|&recorder| {
        let ns = recorder.is_there().then(Vec::new);
        Measured { recorder, ns, kept_percent: None }
    });
    let mut measured: Vec<Measured> = measured.collect();
    for round in 0..bench.runs {
        for one in &mut measured {
            let Some(ns) = &mut one.ns else { continue };
            let made = record(bench, one.recorder, target)?;
            ns.push(made.ns_per_fault(target.cpus));
            if round == 0 {
                let kept = one.recorder.kept(bench)?;
                one.kept_percent = kept.map(|kept| kept as f64 * 100.0 / made.all_faults as f64);
            }
        }
    }
    Ok(measured)
}

/// Records a target, which says what it made.
pub fn record(bench: &Bench, recorder: Recorder, target: &Target) -> anyhow::Result<Made> {
    let mut command = recorder.command(bench, target);
    let run = Running::start(command.stdin(Stdio::null()), bench.folder(), "recorder")?.wait()?;
    Made::of(&run.stdout)
}

/// Time that recording adds to a fault, by round.
fn added(measured: &[Measured], recorder: Recorder) -> Option<Vec<f64>> {
    let of = |recorder| measured.iter().find(|one| one.recorder == recorder)?.ns.as_deref();
    let (alone, recorded) = (of(Recorder::Nobody)?, of(recorder)?);
    Some(recorded.iter().zip(alone).map(|(recorded, alone)| recorded - alone).collect())
}

/// How many times that of pfrecord another recorder adds.
fn ratio(measured: &[Measured], recorder: Recorder) -> Option<Spread> {
    let (ours, other) = (added(measured, DEFAULT)?, added(measured, recorder)?);
    Spread::of_pairs(&other, &ours, |other, ours| other / ours)
}

fn table(title: String, target: &Target, measured: &[Measured]) -> Table {
    let columns =
        ["", "ns a fault", "added, ns", "slower, times", "adds, times pfrecord", "kept, %"];
    let mut table = Table::new(title, &columns);
    let alone = measured.iter().find(|one| one.recorder == Recorder::Nobody);
    let alone = alone.and_then(|one| one.ns.as_deref()).unwrap_or_default();
    for one in measured {
        let ns = one.ns.as_deref().unwrap_or_default();
        let is_recorded = one.recorder != Recorder::Nobody;
        let added = added(measured, one.recorder).filter(|_| is_recorded);
        let slower = Spread::of_pairs(ns, alone, |recorded, alone| recorded / alone);
        table.row([
            one.recorder.name().into(),
            Spread::of(ns.iter().copied()).into(),
            added.and_then(Spread::of).into(),
            slower.filter(|_| is_recorded).map(|slower| slower.median).into(),
            ratio(measured, one.recorder).filter(|_| is_recorded).map(|ratio| ratio.median).into(),
            one.kept_percent.into(),
        ]);
    }
    if measured.iter().any(|one| one.recorder == THE_SAME) {
        table.note(SAME_EVENTS_NOTE);
    }
    if target.cpus > 1 {
        table.note(format!("Times are those of {} CPUs together.", target.cpus));
    }
    table
}

fn goals(target: &Target, measured: &[Measured]) -> Vec<Goal> {
    let goal = |recorder: Recorder, least| {
        let what = format!("{}: what {} adds", target.name, recorder.name());
        let ratio = ratio(measured, recorder).map(|ratio| ratio.median);
        Goal::new(what, ratio, Bound::AtLeast(least), "times pfrecord")
    };
    vec![
        goal(THE_SAME, 1.0),
        // These record less.
        goal(SAME_FAULTS, 1.0),
        goal(Recorder::PerfRecord(&[]), 1.0),
        goal(Recorder::PerfTrace, 8.0),
        goal(Recorder::Bpftrace, 8.0),
    ]
}
