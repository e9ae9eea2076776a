//! A comparison as text.

use super::change::{Change, Noise, chance_percent};
use super::comparison::{Comparison, Part};
use super::condition::Verdict;
use super::digest::{Digest, Section};
use super::doubts::lengths_differ;
use super::metric::{Metric, Unit};
use crate::outputs::summary::screen::Screen;
use crate::print::cell::Cell;
use crate::print::layout::Layout;
use crate::print::units::{count, counted};

/// How a comparison looks.
#[derive(Debug, Clone, Copy)]
pub struct Style<'a> {
    /// Rows of each table.
    pub top: usize,
    /// What the tables show; nothing stands for the usual.
    pub metrics: &'a [Metric],
    /// Without the tables.
    pub brief: bool,
    /// What it is laid out for.
    pub layout: Layout,
}

/// What tables show unless asked otherwise: which faults cost how much.
const USUAL: [Metric; 2] = [Metric::Stall, Metric::Faults];
/// And of each class and cause.
const LATENCIES: [Metric; 3] = [Metric::P50, Metric::P99, Metric::Max];

/// Parts that are named as the main contributions.
const CONTRIBUTIONS: u128 = 3;
/// The least contribution that is named is one part in so many of all changes.
const CONTRIBUTION_SHARE: u128 = 20;

/// The whole comparison: doubts, the verdict, then what changed, part by part, and conditions.
#[must_use]
pub fn render(comparison: &Comparison, verdicts: &[Verdict], style: Style<'_>) -> String {
    let mut screen = Screen::new(style.layout);
    screen.heading(&format!(
        "Page faults of {} against {}",
        side(&comparison.base),
        side(&comparison.new)
    ));
    for label in &comparison.labels {
        screen.labelled("label", &label.line());
    }
    for doubt in &comparison.doubts {
        screen.labelled("DOUBTFUL", &doubt.line());
    }
    screen.labelled("verdict", &verdict(comparison));
    if let Some(line) = contributions(comparison) {
        screen.labelled("mostly", &line);
    }
    screen.labelled("noise", &noise(comparison));
    for line in caveats(comparison) {
        screen.labelled("limits", &line);
    }
    if !style.brief {
        tables(&mut screen, comparison, style);
    }
    if !verdicts.is_empty() {
        screen.heading("Conditions");
        verdicts.iter().for_each(|verdict| screen.paragraph(&verdict.line()));
    }
    screen.into_text()
}

/// What changed, for all faults and part by part.
fn tables(screen: &mut Screen, comparison: &Comparison, style: Style<'_>) {
    totals(screen, comparison);
    let metrics = if style.metrics.is_empty() { &USUAL } else { style.metrics };
    for section in Section::ALL {
        parts(screen, comparison, section, metrics, style);
    }
}

/// The names of the runs of a side.
fn side(runs: &[Digest]) -> String {
    let names: Vec<&str> = runs.iter().map(|run| &*run.name).collect();
    names.join(", ")
}

/// What became of the whole.
#[must_use]
pub fn verdict(comparison: &Comparison) -> String {
    USUAL.map(|metric| sentence(metric, &comparison.total(metric))).join(", ")
}

/// `stall 1.31 s → 420 ms (-68 %)`.
fn sentence(metric: Metric, change: &Change) -> String {
    let value = |value: Option<u64>| value.map(|value| metric.format(value));
    let (base, new) = (value(change.base.median()), value(change.new.median()));
    let unknown = || "unknown".to_owned();
    if base.is_none() && new.is_none() {
        return format!("{} unknown", metric.name());
    }
    let (base, new) = (base.unwrap_or_else(unknown), new.unwrap_or_else(unknown));
    let noise = match change.noise() {
        _ if change.difference().is_none() => return format!("{} {base} → {new}", metric.name()),
        Noise::Unknown => "",
        Noise::Within => ", within the noise",
        Noise::Beyond => ", beyond the noise",
    };
    let percent = change.percent_text();
    format!("{} {base} → {new} ({}{noise})", metric.name(), percent.trim_start_matches('~'))
}

/// Where most of the change is.
fn contributions(comparison: &Comparison) -> Option<String> {
    let metric = comparison.effect();
    let cells = comparison.cells(metric);
    let all: u128 = cells.iter().map(|cell| cell.change(metric).size()).sum();
    let counts = |cell: &&Part| cell.change(metric).size() >= (all / CONTRIBUTION_SHARE).max(1);
    let named = cells.iter().filter(counts).take(CONTRIBUTIONS as usize).map(|cell| {
        let name = |index: usize| cell.key.get(index).map_or("", String::as_str);
        let difference = cell.change(metric).difference().unwrap_or(0);
        let what = format!("{} {} of {}", name(2), name(3), name(0));
        let state = match (cell.in_base, cell.in_new) {
            (false, _) => ", new",
            (_, false) => ", gone",
            _ => "",
        };
        format!("{what} ({}{state})", metric.format_change(difference))
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("{} of {}", metric.name(), named.join("; ")))
}

/// How much runs differ anyway.
fn noise(comparison: &Comparison) -> String {
    let (base, new) = (comparison.base.len(), comparison.new.len());
    if base + new == 2 {
        return "unknown, with one run a side; several tell: pfreport diff A1 A2 -- B1 B2"
            .to_owned();
    }
    let runs = |n: usize| counted(n as u64, "run");
    format!(
        "values are medians of {} and {}; a change is within the noise (~) where the ranges of both \
         sides, lowest to highest value, overlap; the ranges of so many runs lie apart by chance in {:.1} % \
         of comparisons where nothing has changed",
        runs(base),
        runs(new),
        chance_percent(base, new)
    )
}

/// What the tables leave out on request. Where runs differ in it, that is a doubt as well.
fn caveats(comparison: &Comparison) -> Vec<String> {
    let mut lines: Vec<String> =
        comparison.runs().filter_map(|run| run.caveat.as_ref()).cloned().collect();
    lines.sort();
    lines.dedup();
    lines
}

/// Changes are written out with their signs: each is a text of its own.
fn in_cells(row: Vec<String>) -> Vec<Cell> {
    row.into_iter().map(Cell::Name).collect()
}

/// A metric a line.
fn totals(screen: &mut Screen, comparison: &Comparison) {
    let several = comparison.base.len() + comparison.new.len() > 2;
    let rates = lengths_differ(&comparison.base, &comparison.new);
    let is_rate = |metric: Metric| metric == Metric::StallRate || metric.unit() == Unit::Rate;
    let shown = Metric::ALL.iter().filter(|&&metric| rates || !is_rate(metric));
    let rows = shown.filter_map(|&metric| {
        let change = comparison.total(metric);
        if change.base.runs() + change.new.runs() == 0 {
            return None;
        }
        let mut row = vec![metric.name().to_owned()];
        row.extend(cells(metric, &change, (true, true), true));
        if several {
            row.extend([&change.base, &change.new].map(|values| {
                let range = |(low, high)| format!("{}–{}", metric.format(low), metric.format(high));
                values.range().map_or_else(|| "-".to_owned(), range)
            }));
        }
        Some(row)
    });
    let mut header = vec!["", "base", "new", "change", "%"];
    header.extend(several.then_some(["base runs", "new runs"]).into_iter().flatten());
    let rows = rows.map(in_cells).collect();
    screen.heading("All faults");
    screen.table(&header, 1, rows);
}

/// Base, new, change if wanted, and the change in percent.
fn cells(
    metric: Metric,
    change: &Change,
    (in_base, in_new): (bool, bool),
    absolute: bool,
) -> Vec<String> {
    let value = |is_there: bool, value: Option<u64>| {
        value.filter(|_| is_there).map_or_else(|| "-".to_owned(), |value| metric.format(value))
    };
    let mut cells = vec![value(in_base, change.base.median()), value(in_new, change.new.median())];
    let difference = change.difference();
    if absolute {
        cells.push(difference.map_or_else(|| "-".to_owned(), |d| metric.format_change(d)));
    }
    cells.push(match (in_base, in_new) {
        (false, _) => "new".to_owned(),
        (_, false) => "gone".to_owned(),
        _ => change.percent_text(),
    });
    cells
}

/// The tables of a section.
fn parts(
    screen: &mut Screen,
    comparison: &Comparison,
    section: Section,
    metrics: &[Metric],
    style: Style<'_>,
) {
    let known: Vec<Metric> =
        metrics.iter().copied().filter(|&metric| comparison.knows(metric)).collect();
    let Some(&by) = known.first() else { return };
    let parts = comparison.section(section, by);
    let heading = match section {
        Section::Class => "By class",
        Section::Cause => "By class and cause",
        Section::Region => "By file and region",
        Section::Function if comparison.runs().all(|run| run.with_function() == 0) => return,
        Section::Function => "By function",
        // One process is the whole.
        Section::Process if parts.len() < 2 => return,
        Section::Process => "By name of the process",
    };
    screen.heading(&format!("{heading}, by change of {}", by.name()));
    table(screen, section, &parts, (&known, true), style.top);
    let has_changed = |part: &Part| has_changed(part, &LATENCIES);
    if section == Section::Cause && style.metrics.is_empty() && parts.iter().any(has_changed) {
        screen.heading("Latencies by class and cause");
        table(screen, section, &parts, (&LATENCIES, false), style.top);
    }
}

/// Whether a table of these metrics has something to say about a part.
fn has_changed(part: &Part, metrics: &[Metric]) -> bool {
    part.in_base != part.in_new || metrics.iter().any(|&metric| part.change(metric).size() > 0)
}

/// The parts that changed, as many as fit.
fn table(
    screen: &mut Screen,
    section: Section,
    parts: &[Part],
    (metrics, absolute): (&[Metric], bool),
    top: usize,
) {
    let changed: Vec<&Part> = parts.iter().filter(|part| has_changed(part, metrics)).collect();
    let mut header: Vec<String> = section.columns().iter().map(|&name| name.to_owned()).collect();
    for metric in metrics {
        header.push(format!("{} base", metric.name()));
        header.push("new".to_owned());
        header.extend(absolute.then(|| "change".to_owned()));
        header.push("%".to_owned());
    }
    let rows = changed.iter().take(top).map(|part| {
        let there = (part.in_base, part.in_new);
        let mut row = part.key.clone();
        row.extend(metrics.iter().flat_map(|&m| cells(m, &part.change(m), there, absolute)));
        row
    });
    let rows: Vec<Vec<Cell>> = rows.map(in_cells).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    if !rows.is_empty() {
        screen.table(&header, section.columns().len(), rows);
    }
    let unchanged = parts.len() - changed.len();
    let mut notes = Vec::new();
    if let Some(rest) = changed.get(top..).filter(|rest| !rest.is_empty()) {
        let sums = metrics.iter().filter(|_| absolute).filter_map(|&metric| {
            let differences = rest.iter().filter_map(|part| part.change(metric).difference());
            let adds_up = matches!(metric, Metric::Stall | Metric::Faults | Metric::Major);
            adds_up
                .then(|| format!("{} {}", metric.name(), metric.format_change(differences.sum())))
        });
        let sums: Vec<String> = sums.collect();
        let sums = if sums.is_empty() { String::new() } else { format!(": {}", sums.join(", ")) };
        notes.push(format!("and {} more{sums} (-n N shows more)", count(rest.len() as u64)));
    }
    if unchanged > 0 {
        notes.push(format!("{} unchanged", count(unchanged as u64)));
    }
    if !notes.is_empty() {
        screen.paragraph(&notes.join("; "));
    }
}

#[cfg(test)]
mod tests;
