//! Addresses over time as text: a lane per mapping, cells in shades.

use super::Span;
use super::charset::Charset;
use super::lane::Lane;
use super::lanes::{Lanes, fullness};
use super::names::fit_apart;
use super::scale::{Ticks, span_edges, span_ticks};
use crate::figures::scope::Scope;
use crate::load::Loaded;
use crate::outputs::summary::screen::Screen;
use crate::print::layout::Layout;
use crate::print::text::{shorten, shorten_path};
use crate::print::units::count;

/// Widest column of names.
const NAMES: usize = 34;
/// Faults of the fullest cell up to which the scale shows each number.
const FEW: u32 = 3;
/// Most rows of a lane.
const ROWS: u32 = 6;

/// Which addresses faulted when: at most so many lanes, each with a name, what it holds, and rows of cells from
/// its high addresses down.
#[must_use]
pub fn render(loaded: &Loaded, most: usize, layout: Layout, charset: Charset) -> String {
    let mut lanes = Lanes::choose(loaded, most.max(2));
    let mut screen = Screen::new(layout);
    let heading = format!("{}: addresses over time", loaded.name);
    if lanes.lanes.is_empty() {
        screen.heading(&format!("{heading}: no faults"));
        return charset.text(screen.into_text());
    }
    screen.heading(&heading);
    if let Some(selection) = &loaded.selection {
        screen.paragraph(&format!("only {}", selection.what));
    }
    if let Some(caveat) = Scope::of(loaded).caveat(loaded.skipped()) {
        screen.paragraph(&caveat);
    }
    if let Some(edges) = span_edges(Span::of(loaded)) {
        screen.paragraph(&format!("time: {edges}"));
    }
    let huge = if lanes.has_huge { "; a fault of a huge page is in all its cells" } else { "" };
    screen.paragraph(&format!("low addresses at the bottom of a lane, wide gaps left out{huge}"));
    let mut out = String::new();
    let width = |text: &str| text.chars().count();
    let named = |lane: &Lane| {
        let name = width(&format!("{}{}{}", lane.process, lane.program, lane.name));
        name.max(width(lane.details()))
    };
    let widest = lanes.lanes.iter().map(named).max().unwrap_or(0);
    let names = widest.min(layout.width * 2 / 5).min(NAMES);
    let columns = layout.width.saturating_sub(2 + names + 2 + 1).max(10);
    // Two rows hold the name and what is in the lane; the more pages, the more rows.
    let rows = |lane: &Lane| match lane.stretches.pages() {
        0 => 1,
        pages => (pages.ilog2() / 3).clamp(2, ROWS) as usize,
    };
    let rows: Vec<usize> = lanes.lanes.iter().map(rows).collect();
    lanes.fill(loaded, columns, &rows);
    let highest = lanes.highest();
    for ((lane, name), rows) in lanes.lanes.iter().zip(labels(&lanes.lanes, names)).zip(rows) {
        // A lane of few pages repeats them.
        let details = lane.details_that(|text| width(text) <= names);
        let texts = [name, shorten(details, names)];
        for line in 0..rows.max(2) {
            let row = (lane.rows - 1).saturating_sub(line * lane.rows / rows.max(2));
            let text = texts.get(line).map_or("", String::as_str);
            let cells = lane.cells.chunks(columns).nth(row).unwrap_or_default();
            let cells: String = cells
                .iter()
                .map(|&n| if n == 0 { ' ' } else { charset.shade(fullness(n, highest)) })
                .collect();
            let edge = if charset == Charset::Unicode { '│' } else { '|' };
            out.push_str(format!("  {text:<names$}  {edge}{cells}").trim_end());
            out.push('\n');
        }
    }
    out.push_str(&axis(loaded, names, columns, charset));
    let shades: Vec<String> = charset.shades().into_iter().map(String::from).collect();
    let more = if lanes.exceeds() { " or more" } else { "" };
    out.push('\n');
    screen.verbatim(&out);
    let scale = match highest {
        1 => format!("{} one{more}", shades[3]),
        // A scale of few counts shows each.
        2..=FEW => {
            let shade = |n| format!("{} {n}", charset.shade(fullness(n, highest)));
            format!("{}{more}", (1..=highest).map(shade).collect::<Vec<_>>().join(", "))
        }
        most => format!("1 {} {}{more} (logarithmic)", shades.concat(), count(most.into())),
    };
    screen.paragraph(&format!("faults per cell: {scale}"));
    if lanes.shared > 0 {
        let shared = count(lanes.shared as u64);
        screen.paragraph(&format!(
            "the last lane: all faults of the {shared} others (-n N shows more lanes)"
        ));
    }
    charset.text(screen.into_text())
}

/// What the lanes are called, in so many columns.
fn labels(lanes: &[Lane], columns: usize) -> Vec<String> {
    let width = |text: &str| text.chars().count() as i32;
    let room = columns as i32;
    let prefixes: Vec<String> =
        lanes.iter().map(|lane| lane.prefix(&lane.name, room, width)).collect();
    let names: Vec<(&str, i32)> = (lanes.iter().zip(&prefixes))
        .map(|(lane, prefix)| (lane.name.as_str(), (room - width(prefix)).max(0)))
        .collect();
    let fitted = fit_apart(&names, |name, room| shorten_path(name, room as usize), width);
    prefixes.into_iter().zip(fitted).map(|(prefix, name)| prefix + &name).collect()
}

/// The axis of time, with as many labels as have room.
fn axis(loaded: &Loaded, names: usize, columns: usize, charset: Charset) -> String {
    let span = Span::of(loaded);
    let (line, corner) = if charset == Charset::Unicode { ("─", '└') } else { ("-", '+') };
    // As many labels as have room side by side, two blanks between them.
    let fits = |ticks: &Ticks| {
        let widest = ticks.iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
        ticks.len().saturating_mul(widest + 2) <= columns
    };
    let ticks = (1..=10).rev().map(|parts| span_ticks(span, f64::from(parts))).find(fits);
    let mut labels = String::new();
    for (ns, label) in ticks.unwrap_or_else(|| span_ticks(span, 1.0)) {
        let share = (ns - span.from_ns) / span.length_ns();
        let column = ((share * columns as f64) as usize).min(columns);
        let begun = labels.chars().count();
        if column >= begun + usize::from(begun > 0) && column + label.chars().count() <= columns {
            labels.push_str(&" ".repeat(column - begun));
            labels.push_str(&label);
        }
    }
    let margin = " ".repeat(2 + names + 2);
    format!("{margin}{corner}{}\n{margin} {labels}\n", line.repeat(columns))
}
