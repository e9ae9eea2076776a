//! `pfreport diff` of real runs whose difference is known.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pftestkit::Phase;
use serde_json::Value;

use crate::recording::{Lab, Recording, User, program, rows};

fn diff(words: &[&str], base: &[PathBuf], new: &[PathBuf]) -> Output {
    let mut command = Command::new(program("pfreport"));
    command.arg("diff").args(words).args(base).arg("--").args(new).output().unwrap()
}

fn text(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stdout);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn traces(recordings: &[Recording]) -> Vec<PathBuf> {
    recordings.iter().map(|recording| recording.lab.trace()).collect()
}

/// Recordings of `anon`, of so many pages each.
fn touches(lab: &mut Option<Lab>, pages: &[u32], options: &[&str]) -> Vec<Recording> {
    let recordings = pages.iter().map(|pages| {
        let lab = lab.take().unwrap_or_else(|| Lab::alongside(User::Own));
        let workload = lab.workload("anon").args(["--pages", &pages.to_string()]);
        lab.launch_with(options, &workload).unwrap()
    });
    recordings.collect()
}

/// First touches of anonymous memory that no library of the program made: by the workload, which says
/// how many those were, and by others, as the fault table has them.
fn first_touches(recording: &Recording) -> [u64; 2] {
    let run = recording.report.of_phase(Phase::Run);
    let ranges: Vec<_> =
        run.map(|expected| (expected.start..expected.end, expected.count)).collect();
    let mut counts = [ranges.iter().map(|(_, count)| count).sum(), 0];
    for row in rows(&recording.lab.trace()) {
        let is_ours = ranges.iter().any(|(range, _)| range.contains(&row.addr));
        counts[1] += u64::from(row.kind == "minor/anon-first-touch" && !is_ours);
    }
    counts
}

fn cause<'a>(document: &'a Value, class: &str, cause: &str) -> &'a Value {
    let causes = document["sections"]["causes"].as_array().unwrap();
    let is_it = |row: &&Value| row["key"]["class"] == class && row["key"]["cause"] == cause;
    &causes.iter().find(is_it).unwrap()["metrics"]
}

#[test]
fn a_thousand_pages_more_are_a_thousand_first_touches_more() {
    let mut lab = Some(Lab::new(User::Own));
    let base = touches(&mut lab, &[2_000, 2_000], &[]);
    let new = touches(&mut lab, &[3_000, 3_000], &[]);
    let counts: Vec<[u64; 2]> = base.iter().chain(&new).map(first_touches).collect();
    assert_eq!(
        counts.iter().map(|&[ours, _]| ours).collect::<Vec<_>>(),
        [2_000, 2_000, 3_000, 3_000]
    );
    let sums: Vec<u64> = counts.iter().map(|[ours, others]| ours + others).collect();

    let one = diff(&["--json"], &traces(&base[..1]), &traces(&new[..1]));
    assert_eq!(one.status.code(), Some(0), "{one:?}");
    let document: Value = serde_json::from_slice(&one.stdout).unwrap();
    let faults = &cause(&document, "minor", "anon-first-touch")["faults"];
    assert_eq!((&faults["base"], &faults["new"]), (&Value::from(sums[0]), &Value::from(sums[2])));
    assert_eq!(faults["change"], sums[2] as i64 - sums[0] as i64);
    assert_eq!(faults["within_noise"], Value::Null);

    let two = diff(&["--json"], &traces(&base), &traces(&new));
    let document: Value = serde_json::from_slice(&two.stdout).unwrap();
    let faults = &cause(&document, "minor", "anon-first-touch")["faults"];
    assert_eq!(faults["base"], sums[0].midpoint(sums[1]));
    assert_eq!(faults["new"], sums[2].midpoint(sums[3]));
    assert_eq!(faults["within_noise"], false);

    // The commands differ, and that is said.
    let said = text(&diff(&[], &traces(&base), &traces(&new)));
    assert!(said.contains("anon --pages 2000, new "), "{said}");
    assert!(said.contains(", beyond the noise)"), "{said}");
}

#[test]
fn conditions_fail_a_run_that_faults_more_and_pass_one_that_does_not() {
    let mut lab = Some(Lab::new(User::Own));
    let recordings = touches(&mut lab, &[2_000, 3_000], &[]);
    let traces = traces(&recordings);
    let (small, large) = traces.split_at(1);
    let condition = ["--fail-if", "faults > +20%"];
    let more = diff(&condition, small, large);
    assert_eq!(more.status.code(), Some(4), "{more:?}");
    assert!(text(&more).contains("Conditions FAILED: faults > +20%: faults 2,"), "{more:?}");
    let less = diff(&condition, large, small);
    assert_eq!(less.status.code(), Some(0), "{less:?}");
    assert!(text(&less).contains("Conditions passed: faults > +20%: faults 3,"), "{less:?}");
}

#[test]
fn stall_times_that_were_not_recorded_cannot_pass() {
    let mut lab = Some(Lab::new(User::Own));
    let with = touches(&mut lab, &[500], &[]);
    let without = touches(&mut lab, &[500], &["--no-latency"]);
    let output = diff(&["--fail-if", "stall > +10%"], &traces(&with), &traces(&without));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let trace = without[0].lab.trace();
    let error = "error: cannot judge `stall > +10%`: stall is not known of";
    assert!(said.starts_with(&format!("{error} {}; ", trace.display())), "{said}");
    assert!(text(&output).contains("DOUBTFUL latencies recorded: base yes, new no "), "{output:?}");
}

/// A recording of a mode that reads so many pages of a file.
fn reads(lab: Lab, mode: &str, file: &Path) -> Recording {
    let workload = lab.workload(mode).args(["--pages", "512", "--file"]).arg(file);
    lab.launch(&workload).unwrap()
}

#[test]
fn a_cold_page_cache_against_a_warm_one_is_doubtful() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("model.bin");
    // Each makes the file anew, and removes it at its end.
    let cold = [reads(Lab::new(User::Own), "cold-file-random", &file)];
    let warm = [reads(Lab::alongside(User::Own), "cached-file", &file)];
    let doubt = |base, new| {
        format!(
            "DOUBTFUL faults that read {} from storage: base {base}, new {new} (a cold page cache against \
             a warm one?)",
            file.display()
        )
    };
    let condition = ["--fail-if", "major > +10%"];
    let faster = diff(&condition, &traces(&cold), &traces(&warm));
    assert_eq!(faster.status.code(), Some(0), "{faster:?}");
    assert!(text(&faster).contains(&doubt(512, 0)), "{faster:?}");
    let slower = diff(&condition, &traces(&warm), &traces(&cold));
    assert_eq!(slower.status.code(), Some(4), "{slower:?}");
    assert!(text(&slower).contains(&doubt(0, 512)), "{slower:?}");
}
