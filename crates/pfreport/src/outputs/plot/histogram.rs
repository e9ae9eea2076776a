//! Latencies as text: a block of bars for each class.

use super::charset::Charset;
use super::latencies::{Latencies, bounds};
use crate::figures::scope::Scope;
use crate::load::Loaded;
use crate::outputs::summary::screen::Screen;
use crate::print::layout::Layout;
use crate::print::units::{count, counted, duration, percent};

/// Bins per factor of ten: their bounds are about 1, 2.15, 4.64, 10.
const PER_DECADE: usize = 3;

/// How long faults took: per class the bins with their bounds, bars in proportion to the fullest bin of that
/// class, counts, and shares of the class.
#[must_use]
pub fn render(loaded: &Loaded, layout: Layout, charset: Charset) -> String {
    let latencies = Latencies::new(&loaded.analysis.faults, PER_DECADE);
    let mut screen = Screen::new(layout);
    let known = counted(latencies.known, "fault");
    screen.heading(&format!("{}: latency of {known}", loaded.name));
    screen.paragraph("entry to completion");
    if let Some(selection) = &loaded.selection {
        screen.paragraph(&format!("only {}", selection.what));
    }
    if !Scope::of(loaded).latency {
        screen.paragraph("latencies were not recorded");
    } else if latencies.unknown > 0 {
        let unknown = counted(latencies.unknown, "fault");
        screen.paragraph(&format!("{unknown} of unknown latency not shown"));
    }
    if let Some(caveat) = Scope::of(loaded).caveat(loaded.skipped()) {
        screen.paragraph(&caveat);
    }

    let bounds = bounds(PER_DECADE);
    let bound = |bin: usize| bounds.get(bin).map_or_else(|| "more".to_owned(), |&ns| duration(ns));
    let width = |text: &str| text.chars().count();
    let bins = || (latencies.first..).take(latencies.bins);
    let label_width = bins().map(|bin| width(&bound(bin))).max().unwrap_or(0);
    let count_width = width(&count(latencies.highest()));
    // Two blanks before each column; the share is 6 characters wide at most.
    let bar_width = layout.width.saturating_sub(2 + label_width + 2 + 2 + count_width + 2 + 6);
    for series in &latencies.series {
        let (p50, p99) = (duration(series.p50_ns), duration(series.p99_ns));
        let (class, faults) = (series.class.as_str(), counted(series.faults, "fault"));
        screen.heading(&format!("{class}: {faults}, p50 {p50}, p99 {p99}"));
        let highest = series.bins.iter().copied().max().unwrap_or(0);
        // From the first bin of the class to its last, those between them also when they are empty.
        let first = series.bins.iter().position(|&n| n > 0).unwrap_or(0);
        let last = series.bins.iter().rposition(|&n| n > 0).unwrap_or(0);
        let shown = bins().zip(&series.bins).take(last + 1).skip(first);
        for (bin, &n) in shown {
            let (label, bar) = (bound(bin), charset.bar(n, highest, bar_width));
            let (number, share) = (count(n), percent(n, series.faults));
            let pad = " ".repeat(bar_width.saturating_sub(width(&bar)));
            screen.verbatim(&format!(
                "  {label:>label_width$}  {bar}{pad}  {number:>count_width$}  {share:>6}\n"
            ));
        }
    }
    if latencies.known > 0 {
        screen.verbatim("\n");
        screen.paragraph("each bar begins at the latency before it; % of the faults of its class");
    }
    charset.text(screen.into_text())
}
