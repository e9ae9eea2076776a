//! How many bytes a fault takes in a file.

use crate::bench::Bench;
use crate::cost::record;
use crate::goal::{Bound, Goal};
use crate::recorders::Recorder;
use crate::results::Part;
use crate::table::Table;
use crate::workloads::{Target, length_bytes};

/// Faults of a recording: what a file has beside faults disappears in so many.
const FAULTS: u64 = 1_000_000;

/// What is compared, by what the files hold.
const WITHOUT_CALL_CHAINS: [Recorder; 3] =
    [Recorder::Pfrecord(&[]), Recorder::PerfRecord(&["-z"]), Recorder::PerfRecord(&[])];
const WITH_CALL_CHAINS: [Recorder; 3] = [
    Recorder::Pfrecord(&["-g"]),
    Recorder::PerfRecord(&["--call-graph=fp", "-z"]),
    Recorder::PerfRecord(&["--call-graph=fp"]),
];

/// Records each target once with each recorder: sizes hardly differ from run to run.
pub fn measure(bench: &Bench) -> anyhow::Result<Part> {
    let mut part = Part::default();
    let faults = bench.scaled(FAULTS);
    let each = (faults / 8 / 20).max(1);
    let eight = [("--threads", 8), ("--pages", each), ("--rounds", faults.div_ceil(each * 8))];
    let targets = [
        Target::one_thread(faults),
        Target::new("8 threads, first touches", 8, &["threads"], &eight),
    ];
    let columns = ["", "bytes a fault", "times pfrecord"];
    for target in targets {
        for (recorders, chains) in [
            (WITHOUT_CALL_CHAINS, "without call chains"),
            (WITH_CALL_CHAINS, "with frame pointers' call chains"),
        ] {
            let mut table = Table::new(format!("Size: {}, {chains}", target.name), &columns);
            let mut sizes = Vec::new();
            for recorder in recorders.into_iter().filter(|recorder| recorder.is_there()) {
                let made = record(bench, recorder, &target)?;
                let bytes = length_bytes(&recorder.output(bench))? as f64 / made.faults as f64;
                sizes.push(bytes);
                table.row([
                    recorder.name().into(),
                    bytes.into(),
                    sizes.first().map(|ours| bytes / ours).into(),
                ]);
            }
            let ratio = sizes.first().zip(sizes.get(1)).map(|(ours, perf)| perf / ours);
            let least = if recorders == WITHOUT_CALL_CHAINS { 2.5 } else { 3.0 };
            if recorders == WITHOUT_CALL_CHAINS {
                let what = format!("size of a fault: {}", target.name);
                part.goals.push(Goal::new(
                    what,
                    sizes.first().copied(),
                    Bound::AtMost(3.0),
                    "bytes",
                ));
            }
            let what = format!("size with perf record -z: {}, {chains}", target.name);
            part.goals.push(Goal::new(what, ratio, Bound::AtLeast(least), "times pfrecord"));
            part.tables.push(table);
        }
    }
    Ok(part)
}
