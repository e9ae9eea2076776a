use pft::keys::fact;

use super::{Style, render, verdict};
use crate::commands::diff::comparison::Comparison;
use crate::commands::diff::comparison::tests::{compare, run};
use crate::commands::diff::condition::{Condition, Verdict};
use crate::commands::diff::metric::Metric;
use crate::load::Loaded;
use crate::made_up::{self, MODEL, Row};
use crate::outputs::summary::tests::assert_golden;
use crate::print::layout::Layout;

const PLAIN: Style<'_> = Style { top: 10, metrics: &[], brief: false, layout: Layout::PIPED };

fn verdicts(comparison: &Comparison, conditions: &[&str]) -> Vec<Verdict> {
    let judge = |text: &&str| text.parse::<Condition>().unwrap().judge(comparison).unwrap();
    conditions.iter().map(judge).collect()
}

/// With a command, and some code that only this run has.
fn server(name: &str, reads: u64, touches: u64, command: &str) -> Loaded {
    let mut loaded = run(name, 1, reads, touches);
    loaded.facts.insert(fact::TARGET_COMMAND.to_owned(), command.to_owned());
    loaded.analysis.locations = made_up::with_code().analysis.locations;
    loaded.analysis.modules = made_up::with_code().analysis.modules;
    let row = Row { mapping: MODEL, addr: 0x7f00_0000_0000, code: made_up::LOOP, ..Row::default() };
    made_up::push(&mut loaded.analysis, row);
    loaded
}

#[test]
fn two_runs() {
    let base = server("base.pft", 2_000, 500, "server --v1");
    let new = server("new.pft", 150, 900, "server --v2");
    let comparison = compare(vec![base], vec![new]);
    let verdicts = verdicts(&comparison, &["stall > +10%", "touched > 4MiB"]);
    assert_golden("diff.txt", &render(&comparison, &verdicts, PLAIN));
    let brief = render(&comparison, &verdicts, Style { brief: true, ..PLAIN });
    let lines: Vec<&str> = brief.lines().collect();
    let expected = [
        "Page faults of base.pft against new.pft",
        "  DOUBTFUL   command: base server --v1, new server --v2",
        "  DOUBTFUL   faults that read /srv/models/model.gguf from storage: base 2,000, new 150 (a cold page",
        "             cache against a warm one?)",
        "  verdict    stall 201 ms → 15.9 ms (-92 %), faults 2,501 → 1,051 (-58 %)",
        "  mostly     stall of major file-read of /srv/models/model.gguf (-185 ms)",
        "  noise      unknown, with one run a side; several tell: pfreport diff A1 A2 -- B1 B2",
        "",
        "Conditions",
        "  passed: stall > +10%: stall 201 ms → 15.9 ms (-185 ms, -92 %)",
        "  FAILED: touched > 4MiB: touched 9.77 MiB → 4.11 MiB (-5.66 MiB, -58 %)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn several_runs_a_side() {
    let side = |prefix: &str, touches: [u64; 3]| {
        let runs = touches.iter().enumerate();
        runs.map(|(i, &n)| run(&format!("{prefix}{i}.pft"), 1, 10 + i as u64, n)).collect()
    };
    let comparison = compare(side("a", [500, 520, 510]), side("b", [600, 590, 610]));
    assert_golden("diff-runs.txt", &render(&comparison, &[], Style { top: 1, ..PLAIN }));
}

#[test]
fn chosen_metrics_of_recordings_of_other_lengths() {
    let mut base = run("base.pft", 1, 4, 100);
    base.analysis.duration_ns /= 2;
    let new = run("new.pft", 1, 4, 200);
    let comparison = compare(vec![base], vec![new]);
    let style = Style { metrics: &[Metric::P99, Metric::Touched], ..PLAIN };
    assert_golden("diff-metrics.txt", &render(&comparison, &[], style));
}

#[test]
fn what_is_not_known_is_not_compared() {
    let counts = |name, reads| {
        let mut run = run(name, 1, reads, 1);
        run.facts.insert(fact::CAPTURE_LATENCY.to_owned(), "no".to_owned());
        run.analysis.faults.latency_ns.fill(pft::record::LATENCY_UNKNOWN);
        run
    };
    let comparison = compare(vec![counts("a", 3)], vec![counts("b", 5)]);
    assert_eq!(verdict(&comparison), "stall unknown, faults 4 → 6 (+50 %)");
    let text = render(&comparison, &[], PLAIN);
    assert!(!text.contains("stall base") && !text.contains("Latencies"), "{text}");
    assert!(text.contains("mostly     faults of major file-read of /srv/models/model.gguf (+2)\n"));
    let half = compare(vec![counts("a", 3)], vec![run("b", 1, 3, 1)]);
    assert_eq!(verdict(&half), "stall unknown → 301 µs, faults 4 → 4 (0 %)");
}

#[test]
fn nothing_in_common_and_nothing_at_all() {
    let comparison = compare(vec![run("a", 1, 0, 0)], vec![run("b", 1, 0, 0)]);
    assert_eq!(verdict(&comparison), "stall 0 → 0 (0 %), faults 0 → 0 (0 %)");
    let text = render(&comparison, &[], PLAIN);
    assert!(!text.contains("mostly"), "{text}");
    let comparison = compare(vec![run("a", 1, 0, 0)], vec![run("b", 1, 0, 5)]);
    assert_eq!(verdict(&comparison), "stall 0 → 5 µs (new), faults 0 → 5 (new)");
    let comparison = compare(vec![run("a", 1, 0, 5)], vec![run("b", 1, 0, 0)]);
    assert_eq!(verdict(&comparison), "stall 5 µs → 0 (-100 %), faults 5 → 0 (-100 %)");
}

#[test]
fn the_verdict_says_whether_runs_tell_it_from_noise() {
    let side = |touches: [u64; 2]| touches.map(|n| run(&n.to_string(), 1, 0, n)).to_vec();
    let comparison = compare(side([100, 110]), side([108, 120]));
    assert_eq!(
        verdict(&comparison),
        "stall 105 µs → 114 µs (+8.6 %, within the noise), faults 105 → 114 (+8.6 %, within the noise)"
    );
    let comparison = compare(side([100, 110]), side([111, 120]));
    assert!(verdict(&comparison).ends_with("faults 105 → 115 (+9.5 %, beyond the noise)"));
}

#[test]
fn lines_are_short_and_names_inert() {
    let mut hostile = server("b.pft", 3, 4, "\x1b[2J");
    hostile.analysis.mappings[MODEL as usize].path = b"/srv/\x1b[31m\n".to_vec();
    let comparison = compare(vec![server("a.pft", 3, 9, "a")], vec![hostile]);
    for layout in [Layout::PIPED, Layout::terminal(80, false)] {
        let text = render(&comparison, &[], Style { layout, ..PLAIN });
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(text.lines().all(|line| !line.ends_with(' ')), "{text}");
    }
}
