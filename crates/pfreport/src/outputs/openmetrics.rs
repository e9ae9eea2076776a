//! The summary as metrics for Prometheus and the like (`--openmetrics`): the text format of OpenMetrics 1.0.
//!
//! The figures are those of [`crate::outputs::json`]. Lists of processes and regions are cut as there; what is left out is a
//! row called `(others)`, so that sums are those of all faults.

mod latency;
mod metric;

use std::io::Write;
use std::path::PathBuf;

use crate::cli::Arguments;
use crate::error::Error;
use crate::load::Loaded;
use crate::outputs::json::{LeftOut, Summary};
use latency::latencies;
use metric::{Labels, Metric, Value, encode};

/// The name of what a list leaves out.
const OTHERS: &str = "(others)";

/// Writes the metrics if `arguments` ask for them, with `top` entries of each list; returns the path of a file.
///
/// # Errors
/// Those of [`crate::files::destination::Destination::write`]; [`Error::Table`], [`Error::Write`] or [`Error::Output`].
pub fn export(
    loaded: &Loaded,
    arguments: &Arguments,
    top: usize,
    out: &mut impl Write,
) -> Result<Option<PathBuf>, Error> {
    let Some(destination) = &arguments.exports.openmetrics else {
        return Ok(None);
    };
    let text = text(loaded, top)?;
    let force = arguments.overwrite.force;
    destination.write(loaded.inputs(), force, out, |out| Ok(out.write_all(text.as_bytes())?))
}

/// The metrics as text.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn text(loaded: &Loaded, top: usize) -> Result<String, Error> {
    let summary = Summary::of(loaded, top)?;
    let mut metrics = about(&summary);
    metrics.extend(causes(&summary));
    metrics.push(Metric {
        name: "pft_fault_latency_seconds",
        help: "Latencies of faults, from entry to completion, where they are known",
        samples: latencies(loaded),
    });
    metrics.extend(processes(&summary));
    metrics.extend(regions(&summary));
    Ok(encode(metrics))
}

fn label(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// What was recorded, and how long.
fn about(summary: &Summary) -> Vec<Metric> {
    let traces: Vec<&str> = summary.traces.iter().map(|trace| trace.name.as_str()).collect();
    let machine = &summary.recording.machine;
    let mut labels: Labels = vec![label("trace", &traces.join(" "))];
    for (name, value) in
        [("host", &machine.hostname), ("kernel", &machine.kernel), ("arch", &machine.arch)]
    {
        labels.extend(value.as_ref().map(|value| label(name, value)));
    }
    let given = summary.recording.labels.iter();
    labels.extend(given.map(|given| (user_label(&given.name), given.value.clone())));
    labels.sort();
    labels.dedup_by(|a, b| a.0 == b.0);
    let whole = summary.traces.iter().all(|trace| trace.whole);
    let gauge = |name, help, value| Metric {
        name,
        help,
        samples: vec![(Labels::new(), Value::Gauge(value))],
    };
    vec![
        Metric {
            name: "pft_recording_info",
            help: "What was recorded: always 1",
            // No `info`: the parser of node_exporter refuses a file with types that it does not know.
            samples: vec![(labels, Value::Gauge(1.0))],
        },
        gauge(
            "pft_recording_duration_seconds",
            "How long faults were recorded, of what is selected",
            seconds(summary.recording.recorded_ns),
        ),
        gauge(
            "pft_recording_complete",
            "1 if everything that happened and was asked for is in the trace, else 0",
            f64::from(u8::from(whole)),
        ),
    ]
}

/// A label that the user gave, as the format has names.
fn user_label(name: &str) -> String {
    let kept = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    "label_".chars().chain(kept).collect()
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn causes(summary: &Summary) -> Vec<Metric> {
    let rows = || summary.causes.iter();
    let labels =
        |class: &str, cause: &str| -> Labels { vec![label("class", class), label("cause", cause)] };
    let of = |row: &crate::outputs::json::Cause| labels(&row.class, &row.cause);
    vec![
        Metric {
            name: "pft_faults",
            help: "Page faults by class and cause",
            samples: rows().map(|row| (of(row), Value::Count(row.faults))).collect(),
        },
        Metric {
            name: "pft_stall_seconds",
            help: "Time that threads waited for page faults, the sum over all threads",
            samples: rows()
                .filter_map(|row| Some((of(row), Value::Sum(seconds(row.stall_ns?)))))
                .collect(),
        },
    ]
}

/// What is counted of a row of a list.
type Counted = (Labels, u64, u64, Option<u64>);

/// Metrics of the rows of a list: faults, major faults, stall time, by their names.
fn list(
    [faults, major, stall]: [(&'static str, &'static str); 3],
    rows: Vec<Counted>,
    others: (Labels, LeftOut),
) -> Vec<Metric> {
    let (labels, left_out) = others;
    let others = (labels, left_out.faults, left_out.major, left_out.stall_ns);
    let rows: Vec<Counted> =
        rows.into_iter().chain((left_out.rows > 0).then_some(others)).collect();
    let metric = |(name, help), value: &dyn Fn(&Counted) -> Option<Value>| Metric {
        name,
        help,
        samples: rows.iter().filter_map(|row| Some((row.0.clone(), value(row)?))).collect(),
    };
    vec![
        metric(faults, &|row| Some(Value::Count(row.1))),
        metric(major, &|row| Some(Value::Count(row.2))),
        metric(stall, &|row| row.3.map(|ns| Value::Sum(seconds(ns)))),
    ]
}

fn processes(summary: &Summary) -> Vec<Metric> {
    let labels = |pid: &str, name: &str, cgroup: &str| {
        vec![label("pid", pid), label("process", name), label("cgroup", cgroup)]
    };
    let of = |row: &crate::outputs::json::Process| {
        let [name, cgroup] =
            [&row.name, &row.cgroup].map(|text| text.as_deref().unwrap_or_default());
        labels(&row.pid.to_string(), name, cgroup)
    };
    let rows = &summary.processes.rows;
    let mut metrics = list(
        [
            ("pft_process_faults", "Page faults by process"),
            ("pft_process_major_faults", "Major page faults by process"),
            ("pft_process_stall_seconds", "Time that the threads of a process waited"),
        ],
        rows.iter().map(|row| (of(row), row.faults, row.major, row.stall_ns)).collect(),
        (labels("", OTHERS, ""), summary.processes.left_out),
    );
    metrics.push(Metric {
        name: "pft_process_recorded_seconds",
        help: "How much of the life of a process faults were recorded in: major faults over this are the rate to \
               set beside an alert",
        samples: rows.iter().map(|row| (of(row), Value::Gauge(seconds(row.life_ns)))).collect(),
    });
    metrics
}

fn regions(summary: &Summary) -> Vec<Metric> {
    let labels = |region: &str, kind: &str, path: &str| {
        vec![label("region", region), label("kind", kind), label("path", path)]
    };
    let rows = summary.regions.rows.iter().map(|row| {
        let path = row.path.as_deref().unwrap_or_default();
        (labels(&row.region, &row.kind, path), row.faults, row.major, row.stall_ns)
    });
    list(
        [
            ("pft_region_faults", "Page faults by region"),
            ("pft_region_major_faults", "Major page faults by region"),
            ("pft_region_stall_seconds", "Time that threads waited for the pages of a region"),
        ],
        rows.collect(),
        (labels(OTHERS, "", ""), summary.regions.left_out),
    )
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};

    use super::text;
    use crate::made_up::{self, HEAP, MODEL, Row};

    /// The document of a trace with a file read and a slow touch.
    fn document() -> String {
        let mut loaded = made_up::two_processes();
        loaded.facts.extend([("label.tier 1".to_owned(), "a\"b\\c\nd".to_owned())]);
        let read = Row {
            class: Class::Major,
            cause: Cause::FileRead,
            mapping: MODEL,
            addr: 0x7f00_0000_0000,
            latency: Some(2_500_000),
            ..Row::default()
        };
        made_up::push(&mut loaded.analysis, read);
        made_up::push(&mut loaded.analysis, Row { time: 10, latency: Some(10_000_001), ..read });
        let touch = Row { time: 20, mapping: HEAP, addr: 0x100_0000, ..Row::default() };
        made_up::push(&mut loaded.analysis, Row { proc: 1, latency: None, ..touch });
        text(&loaded, 1).unwrap()
    }

    #[test]
    fn metrics_are_the_figures_of_the_summary() {
        let text = document();
        for line in [
            "# TYPE pft_faults counter",
            "pft_faults_total{class=\"major\",cause=\"file-read\"} 2",
            "pft_faults_total{class=\"minor\",cause=\"anon-first-touch\"} 1",
            "# UNIT pft_stall_seconds seconds",
            "pft_stall_seconds_total{class=\"major\",cause=\"file-read\"} 0.012500001",
            "pft_process_major_faults_total{pid=\"4242\",process=\"server\",cgroup=\"\"} 2",
            "pft_process_faults_total{pid=\"\",process=\"(others)\",cgroup=\"\"} 1",
            "pft_region_major_faults_total{region=\"model.gguf\",kind=\"file\",path=\"/srv/models/model.gguf\"} 2",
            "pft_region_faults_total{region=\"(others)\",kind=\"\",path=\"\"} 1",
            "# TYPE pft_fault_latency_seconds histogram",
            "pft_fault_latency_seconds_bucket{le=\"0.001\",class=\"major\"} 0",
            "pft_fault_latency_seconds_bucket{le=\"0.01\",class=\"major\"} 1",
            "pft_fault_latency_seconds_bucket{le=\"+Inf\",class=\"major\"} 2",
            "pft_fault_latency_seconds_count{class=\"major\"} 2",
            "pft_fault_latency_seconds_sum{class=\"major\"} 0.012500001",
            "pft_recording_duration_seconds 10.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        // Nothing is said of latencies that are not known.
        assert!(!text.contains("class=\"minor\",cause=\"anon-first-touch\"} 0"), "{text}");
        assert!(!text.contains("_count{class=\"minor\"}"), "{text}");
    }

    #[test]
    fn the_document_keeps_the_rules_of_its_format() {
        let text = document();
        assert!(text.ends_with("\n# EOF\n"));
        assert!(text.contains("label_tier_1=\"a\\\"b\\\\\\\\c\\\\x0ad\""), "{text}");
        let mut seen = std::collections::BTreeSet::new();
        let mut family = String::new();
        for line in text.lines().filter(|line| *line != "# EOF") {
            assert!(!line.is_empty());
            if let Some(rest) = line.strip_prefix("# ") {
                let name = rest.split(' ').nth(1).unwrap();
                if name != family {
                    assert!(seen.insert(name.to_owned()), "{name} twice");
                    name.clone_into(&mut family);
                }
            } else {
                assert!(line.starts_with(&family), "{line} below {family}");
                let value = line.rsplit(' ').next().unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn the_page_of_metrics_has_them_all() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/metrics.md");
        let page = std::fs::read_to_string(path).unwrap();
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut documented: Vec<[String; 3]> = Vec::new();
        for row in rows {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            documented
                .push([cells[0].trim_end_matches('`'), cells[1], cells[3]].map(str::to_owned));
        }
        let text = document();
        let of = |kind: &str| -> Vec<(String, String)> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("# {kind} ")));
            lines
                .map(|line| line.split_once(' ').unwrap())
                .map(|(a, b)| (a.into(), b.into()))
                .collect()
        };
        let found = of("TYPE").into_iter().zip(of("HELP"));
        let found: Vec<[String; 3]> =
            found.map(|((name, kind), (_, help))| [name, kind, help]).collect();
        assert_eq!(found, documented);
    }
}
