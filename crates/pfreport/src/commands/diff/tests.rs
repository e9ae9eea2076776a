use std::path::Path;

use clap::Parser as _;

use super::{Arguments, outcome, sides};
use crate::cli::{self, Command};
use crate::commands::diff::comparison::tests::{compare, run};
use crate::commands::diff::condition::Condition;
use crate::error::Error;
use crate::run::Outcome;

fn arguments(words: &[&str]) -> Result<Arguments, clap::Error> {
    let words = ["pfreport", "diff"].iter().chain(words);
    match cli::Arguments::try_parse_from(words)?.command {
        Some(Command::Diff(arguments)) => Ok(arguments),
        other => panic!("{other:?}"),
    }
}

fn counts(words: &[&str]) -> Result<(usize, usize), Error> {
    let arguments = arguments(words).unwrap();
    sides(&arguments).map(|(base, new)| (base.len(), new.len()))
}

#[test]
fn two_traces_or_two_groups() {
    assert_eq!(counts(&["a", "b"]).unwrap(), (1, 1));
    assert_eq!(counts(&["a", "b", "--", "c"]).unwrap(), (2, 1));
    assert_eq!(counts(&["--json", "a", "--", "b", "c"]).unwrap(), (1, 2));
    assert_eq!(counts(&["a", "-"]).unwrap(), (1, 1));
    assert!(matches!(counts(&["a"]), Err(Error::Sides { given: 1 })));
    assert!(matches!(counts(&["a", "--"]), Err(Error::Sides { given: 1 })));
    assert!(matches!(counts(&["a", "b", "c"]), Err(Error::Sides { given: 3 })));
    assert!(matches!(counts(&["-", "--", "b", "-"]), Err(Error::StdinTwice)));
    let Err(Error::OptionBehind { word }) = counts(&["a", "--", "b", "--json"]) else {
        panic!("took an option for a trace");
    };
    assert_eq!(word, Path::new("--json"));
    assert!(arguments(&[]).is_err());
    assert!(arguments(&["--", "b"]).is_err());
}

#[test]
fn conditions_and_metrics_are_checked_before_anything_is_read() {
    let fine = arguments(&["a", "b", "--fail-if", "stall > +10%", "--fail-if=faults>9"]).unwrap();
    assert_eq!(fine.fail_if, ["stall > +10%", "faults>9"].map(|c| c.parse::<Condition>().unwrap()));
    let wrong = arguments(&["a", "b", "--fail-if", "stall > 10%"]).unwrap_err().to_string();
    assert!(wrong.contains("a percentage is of the base and has a sign: +10% or -10%"), "{wrong}");
    let metrics = arguments(&["a", "b", "--metrics", "p99,pages"]).unwrap().metrics;
    assert_eq!(metrics, [super::Metric::P99, super::Metric::Pages]);
    assert!(arguments(&["a", "b", "--metrics", "cow"]).is_err());
}

#[test]
fn a_condition_that_holds_wins_over_a_trace_that_is_not_whole() {
    let mut partial = run("b", 1, 0, 20);
    partial.analysis.exactness.complete = false;
    let comparison = compare(vec![run("a", 1, 0, 10)], vec![partial]);
    let judged = |text: &str| {
        let condition: Condition = text.parse().unwrap();
        outcome(&comparison, &[condition.judge(&comparison).unwrap()])
    };
    assert_eq!(judged("faults > +50%"), Outcome::Failed);
    assert_eq!(judged("faults > +100%"), Outcome::Partial);
    let whole = compare(vec![run("a", 1, 0, 10)], vec![run("b", 1, 0, 20)]);
    assert_eq!(outcome(&whole, &[]), Outcome::Whole);
}
