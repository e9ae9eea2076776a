//! What stands below the options in the help: examples by task, columns, exit codes.

use crate::rows::field::Field;
use crate::rows::group::MEASURES;
use crate::rows::tables::Table;

/// Columns of a line: the help is at most 100 wide.
const WIDTH: usize = 98;

/// A command and what it is for.
type Example = (&'static str, &'static str);

/// What is asked most.
const FIRST: [Example; 7] = [
    ("pfreport run.pft", "what happened, on one screen"),
    ("pfreport run.pft --by path,cause -n 5", "the five costliest files and why they fault"),
    ("pfreport run.pft --advice", "what to change, with the evidence"),
    ("pfreport run.pft --html", "the report as a page with pictures, for a browser"),
    ("pfreport run.pft --csv | head", "every fault, one per line"),
    ("pfreport diff before.pft after.pft", "what a change did"),
    ("pfreport info run.pft", "what the trace is, without reading its faults"),
];

/// Examples by task.
const TASKS: &[(&str, &[Example])] = &[
    (
        "What happened, and why",
        &[
            ("pfreport run.pft", "what happened, on one screen"),
            ("pfreport run.pft --advice", "what to change, with the evidence"),
            ("pfreport run.pft --patterns", "sequential or random, again and again, how large"),
            ("pfreport run.pft --events", "a line a fault, in order of time"),
            ("pfreport run.pft --histogram", "how long faults took, on the terminal"),
            ("pfreport run.pft --heatmap", "which addresses faulted when, on the terminal"),
        ],
    ),
    (
        "Where and by whom",
        &[
            (
                "pfreport run.pft --by path,cause -n 5",
                "the five costliest files and why they fault",
            ),
            (
                "pfreport run.pft --by region --sort max_ns",
                "the regions with the longest single fault",
            ),
            ("pfreport run.pft --by function,cause", "which code faults, and why"),
            ("pfreport run.pft --by phase,cause", "what happens between the marks of a recording"),
            ("pfreport a.pft b.pft --by trace,cause", "several traces in one report"),
        ],
    ),
    (
        "Some of the faults, and other tables",
        &[
            ("pfreport run.pft --class major --pid 4242", "the summary of these faults"),
            ("pfreport run.pft --from 10% --to 2s --by path", "which files, of a part of the time"),
            ("pfreport run.pft --where 'latency_ns > 1e6'", "the faults longer than 1 ms"),
            ("pfreport run.pft --table mappings --sort size_bytes", "what was mapped, by size"),
            ("pfreport run.pft --sql 'SELECT MAX(nth) FROM faults'", "any question"),
        ],
    ),
    (
        "Pictures and other tools",
        &[
            ("pfreport run.pft --html", "the report as a page with pictures, for a browser"),
            ("pfreport run.pft --png=pictures", "latency, timeline, regions, heatmap, working set"),
            ("pfreport run.pft --svg --theme dark", "the same for a web page"),
            ("pfreport run.pft --flamegraph", "stall time by call chain, for a browser"),
            ("pfreport run.pft --pprof", "for go tool pprof -http=: run.pft.pb.gz"),
            ("pfreport run.pft --firefox", "for profiler.firefox.com, faults as markers"),
            ("pfreport run.pft --csv | head", "every fault, one per line"),
            ("pfreport run.pft --by pid,class --csv=out.csv", "a grouped table for other tools"),
            (
                "pfreport run.pft --parquet=faults.parquet",
                "every fault, for DuckDB, pandas or Polars",
            ),
            ("pfreport run.pft --json | jq .totals", "the summary, for programs"),
            ("pfreport run.pft --openmetrics", "the summary as metrics, for Prometheus"),
        ],
    ),
    (
        "Traces",
        &[
            ("pfreport info run.pft", "what the trace is, without reading its faults"),
            ("pfreport dump run.pft --kind marks", "what is stored, frame by frame"),
            ("pfreport verify run.pft", "whether the file is sound, byte by byte"),
            ("pfreport redact run.pft -o share.pft", "a trace without names, to share"),
            (
                "pfreport dataset *.pft -o fleet",
                "many traces as Parquet, for DuckDB, Polars, Spark",
            ),
            ("ssh HOST cat run.pft | pfreport -", "a trace from elsewhere"),
            ("pfreport run.pft --by pid | less", "a pager, if one is wanted"),
        ],
    ),
    (
        "Comparing runs",
        &[
            ("pfreport diff before.pft after.pft", "what a change did, and whether to trust it"),
            ("pfreport diff a1.pft a2.pft -- b1.pft b2.pft", "several runs a side: the noise"),
            ("pfreport diff a.pft b.pft --fail-if 'stall > +10%'", "exit code 4 for a regression"),
            ("pfreport run.pft --events --fixed-ts", "the same text for the same faults"),
        ],
    ),
];

const EXIT_CODES: [&str; 8] = [
    "  0  done; also when whoever reads the output closes it early",
    "  1  failed: no trace, a full disk",
    "  2  not possible as asked: wrong usage, no such file or not permitted, an output that",
    "     exists or may not be replaced",
    "  3  done, but the trace is damaged or incomplete, or records were lost, unreadable or do",
    "     not add up to the kernel's counts",
    "  4  done, and a condition that --fail-if names holds",
    "  (pfrecord also has 126 and 127: the command could not be started)",
];

/// Below the short help.
pub(super) fn short() -> String {
    let mut text = "Examples:\n".to_owned();
    push_examples(&mut text, &FIRST);
    text.push_str(
        "\nAll options in full, examples by task, columns and exit codes: pfreport --help",
    );
    text
}

/// Below the long help.
pub(super) fn long() -> String {
    let mut text = String::new();
    for (task, examples) in TASKS {
        text.push_str(task);
        text.push_str(":\n");
        push_examples(&mut text, examples);
        text.push('\n');
    }
    text.push_str("Columns for --by and --where:\n");
    push_words(&mut text, Field::ALL.iter().map(|field| field.name()));
    text.push_str("\nColumns for --sort: those of --by, and\n");
    push_words(&mut text, MEASURES.iter().copied());
    text.push_str("\nTables for --table and --sql:\n");
    push_words(&mut text, Table::names().into_iter());
    text.push_str(
        "\nA trace that is called like a command is named with its folder: ./info\n\nExit codes:\n",
    );
    text.push_str(&EXIT_CODES.join("\n"));
    text
}

fn push_examples(text: &mut String, examples: &[Example]) {
    let width = examples.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, why) in examples {
        text.push_str(&format!("  {command:<width$}  {why}\n"));
    }
}

/// Words in lines.
fn push_words<'a>(text: &mut String, words: impl Iterator<Item = &'a str>) {
    let mut column = WIDTH;
    for word in words {
        if column + 1 + word.len() > WIDTH {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str("  ");
            column = 2;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory as _;

    use super::{FIRST, TASKS, WIDTH, long, short};
    use crate::cli::Arguments;

    #[test]
    fn every_example_is_understood() {
        let examples = TASKS.iter().flat_map(|(_, examples)| *examples).chain(&FIRST);
        for (example, _) in examples {
            let from = example.find("pfreport").unwrap();
            let command = example[from..].split(" | ").next().unwrap();
            // Words in quotes are one.
            let parts = command.split('\'').enumerate();
            let words: Vec<OsString> = parts
                .flat_map(|(i, part)| match i % 2 {
                    0 => part.split_whitespace().map(OsString::from).collect(),
                    _ => vec![OsString::from(part)],
                })
                .collect();
            Arguments::from_words(&words).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }

    #[test]
    fn lines_fit() {
        let program = Arguments::command();
        let below = program.get_subcommands().filter_map(|command| command.get_after_help());
        let below = below.map(ToString::to_string).chain([long(), short()]);
        for line in below.collect::<Vec<_>>().iter().flat_map(|text| text.lines()) {
            assert!(line.chars().count() <= WIDTH, "{line}");
            assert_eq!(line.trim_end(), line);
        }
    }
}
