//! Every report on a trace, in this process.

use std::ffi::OsString;
use std::path::Path;

use pfreport::cli::Arguments;
use pfreport::print::layout::Layout;
use pfreport::run::{Outcome, run};

/// Options of reports, words apart; `TRACE` is the trace and `OUT` a folder. All formats of one table at once, and
/// all that needs no other option.
const REPORTS: [&str; 40] = [
    "TRACE",
    "TRACE --html=OUT/page.html",
    "TRACE --png=OUT --svg=OUT --size=320x240",
    "TRACE --flamegraph=OUT/flames.svg",
    "TRACE --folded=OUT/stacks",
    "TRACE --pprof=OUT/pprof",
    "TRACE --firefox=OUT/firefox",
    "TRACE --csv=OUT/csv --jsonl=OUT/jsonl --parquet=OUT/parquet --arrow=OUT/arrow",
    "TRACE --json=OUT/json",
    "TRACE --openmetrics=OUT/metrics",
    "TRACE --advice",
    "TRACE --patterns",
    "TRACE --events",
    "TRACE --histogram --heatmap",
    "TRACE --by=class,cause,region,path,function,callchain",
    "TRACE --by=pid,tid,comm,addr,ip --csv=OUT/groups --memory=32M",
    "TRACE --csv=OUT/parts --memory=8M",
    "TRACE --sql SELECT\u{a0}class,\u{a0}count(*),\u{a0}sum(latency_ns)\u{a0}FROM\u{a0}faults\u{a0}GROUP\u{a0}BY\u{a0}class",
    "TRACE --table=processes",
    "TRACE --table=threads --csv=OUT/threads",
    "TRACE --table=mappings --csv=OUT/mappings",
    "TRACE --table=modules --csv=OUT/modules",
    "TRACE --table=callchains --csv=OUT/callchains",
    "TRACE --table=losses --csv=OUT/losses",
    "TRACE --table=oom",
    "TRACE --table=marks --csv=OUT/marks",
    "TRACE --table=ledger --csv=OUT/ledger",
    "TRACE --table=facts --csv=OUT/facts",
    "diff TRACE TRACE",
    "info TRACE",
    "info TRACE --json",
    "dump TRACE",
    "dump TRACE --rows",
    "verify TRACE",
    "verify TRACE --json",
    "recover TRACE -o OUT/recovered.pft",
    "redact TRACE -o OUT/redacted.pft",
    "redact TRACE --dry-run",
    "dataset TRACE -o OUT/dataset",
    "dataset TRACE -o OUT/share --redact --seed secret",
];

/// Makes all reports on a trace. Each is done, or ends with an error that has a message.
///
/// # Errors
/// What was wrong.
pub fn every_report(trace: &Path, each: impl FnMut(&str)) -> Result<(), String> {
    reports(trace, &REPORTS, each)
}

/// Reports that go through all that the model makes of a trace, without what only writes it down.
#[allow(dead_code, reason = "not of all tests that share this")]
const QUICK_REPORTS: [&str; 11] = [
    "TRACE --json=OUT/json",
    "TRACE",
    "TRACE --folded=OUT/stacks",
    "TRACE --patterns",
    "TRACE --advice",
    "TRACE --histogram --heatmap",
    "info TRACE",
    "dump TRACE",
    "verify TRACE",
    "recover TRACE -o OUT/recovered.pft",
    "redact TRACE -o OUT/redacted.pft",
];

/// Makes those reports that take little time on many rows.
///
/// # Errors
/// As [`every_report`].
#[allow(dead_code, reason = "not of all tests that share this")]
pub fn quick_reports(trace: &Path, each: impl FnMut(&str)) -> Result<(), String> {
    reports(trace, &QUICK_REPORTS, each)
}

fn reports(trace: &Path, all: &[&str], mut each: impl FnMut(&str)) -> Result<(), String> {
    let out = tempfile::tempdir().map_err(|error| error.to_string())?;
    for &report in all {
        each(report);
        one(trace, out.path(), report)?;
    }
    Ok(())
}

/// Makes one report on a trace, if it can be made; what it says of the trace.
///
/// # Errors
/// What was wrong: an error that is not the trace's fault, or has no message.
pub fn one(trace: &Path, out: &Path, report: &str) -> Result<Option<Outcome>, String> {
    let word = |word: &str| -> OsString {
        match word {
            "TRACE" => trace.into(),
            _ => word.replace('\u{a0}', " ").replace("OUT", &out.to_string_lossy()).into(),
        }
    };
    let command = report.split(' ').next().unwrap_or_default();
    let writes = !["diff", "info", "dump", "verify"].contains(&command);
    let words: Vec<OsString> = std::iter::once("pfreport".into())
        .chain(report.split(' ').map(word))
        .chain(writes.then(|| "-f".into()))
        .collect();
    let arguments = Arguments::from_words(&words).map_err(|error| error.to_string())?;
    let (mut text, mut notes) = (std::io::sink(), std::io::sink());
    match run(&arguments, &mut text, &mut notes, Layout::PIPED) {
        Ok(outcome) => Ok(Some(outcome)),
        Err(error) if error.exit_code() == 1 && !error.to_string().is_empty() => Ok(None),
        Err(error) => Err(format!("{report}: {error}")),
    }
}
