//! Far more faults than a report holds in memory.

use crate::bench::Bench;
use crate::goal::{Bound, Goal};
use crate::own::{MOST_US, attached};
use crate::results::Part;
use crate::table::Table;
use crate::traces::report;
use crate::workloads::{Target, length_bytes};

const FAULTS: u64 = 100_000_000;
/// Memory that a report may take, GiB.
const MOST_GIB: f64 = 2.0;

/// Records once, and reports within so much memory.
pub fn measure(bench: &Bench) -> anyhow::Result<Part> {
    let faults = bench.scaled(FAULTS);
    let recorder = attached(bench, &Target::one_thread(faults), &[])?;
    let trace = bench.file("attached.pft");
    let us = recorder.cpu.as_secs_f64() * 1e6 / faults as f64;
    let bytes = length_bytes(&trace)? as f64 / faults as f64;
    let mut recording = Table::new(
        format!("Recording {faults} faults"),
        &["", "CPU, µs a fault", "memory, MiB", "bytes a fault"],
    );
    let mib = recorder.max_rss_bytes as f64 / f64::from(1 << 20);
    recording.row(["pfrecord".into(), us.into(), mib.into(), bytes.into()]);
    let what = format!("CPU time of the recorder for a fault, of {faults}");
    let mut goals = vec![Goal::new(what, Some(us), Bound::AtMost(MOST_US), "µs")];

    let columns = ["", "s", "million faults/s", "memory, GiB"];
    let mut reports = Table::new(format!("Reports on {faults} faults, --memory=2G"), &columns);
    let ways: [(&str, &[&str]); 3] = [
        ("summary", &[]),
        ("--by region,cause", &["--by", "region,cause"]),
        ("--parquet", &["--parquet=rows.parquet"]),
    ];
    for (name, options) in ways {
        let options: Vec<&str> = options.iter().copied().chain(["--memory=2G"]).collect();
        let run = report(bench, &trace, &options)?;
        let (s, gib) = (run.wall.as_secs_f64(), run.max_rss_bytes as f64 / f64::from(1 << 30));
        reports.row([name.into(), s.into(), (faults as f64 / s / 1e6).into(), gib.into()]);
        let what = format!("memory of {name} of {faults} faults");
        goals.push(Goal::new(what, Some(gib), Bound::AtMost(MOST_GIB), "GiB"));
    }
    Ok(Part { tables: vec![recording, reports], goals })
}
