//! `pfbench`: what recording and reporting cost, beside what users have today.

mod bench;
mod cli;
mod cost;
mod goal;
mod growth;
mod long;
mod loss;
mod machine;
mod own;
mod picture;
mod process;
mod recorders;
mod report;
mod results;
mod size;
mod spread;
mod table;
mod traces;
mod workloads;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use crate::bench::Bench;
use crate::cli::{Arguments, Section};
use crate::results::Results;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let has_cost = arguments.sections().contains(&Section::Cost);
    anyhow::ensure!(arguments.picture.is_none() || has_cost, "--picture needs section cost");
    let bench = Bench::new(&arguments)?;
    let mut results = Results::of(machine::facts(&bench));
    for section in arguments.sections() {
        eprintln!("== {section:?}");
        let measured = match section {
            Section::Cost => cost::measure(&bench),
            Section::Loss => loss::measure(&bench),
            Section::Own => own::measure(&bench),
            Section::Size => size::measure(&bench),
            Section::Report => report::measure(&bench),
            Section::Growth => growth::measure(&bench),
            Section::Long => long::measure(&bench),
        };
        let part = measured.with_context(|| format!("measuring {section:?}"))?;
        print!("{part}");
        results.add(part);
    }
    print!("{}", results.verdict());
    if let Some(path) = &arguments.json {
        results.write_json(path)?;
    }
    if let Some(path) = &arguments.markdown {
        results.write_markdown(path)?;
    }
    if let Some(path) = &arguments.picture {
        picture::draw(&results, path)?;
    }
    let failed = arguments.check && !results.meets_all();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
