//! Addresses over time as text: a lane per mapping, cells in shades.

use super::Span;
use super::charset::Charset;
use super::lanes::{Lane, Lanes, fullness};
use super::scale::span_ticks;
use crate::layout::Layout;
use crate::load::Loaded;
use crate::scope::Scope;
use crate::text::{shorten, shorten_path};
use crate::units::count;

/// Widest column of names.
const NAMES: usize = 34;
/// Most rows of a lane.
const ROWS: u32 = 6;

/// Which addresses faulted when: at most so many lanes, each with a name, what it holds, and rows of cells from
/// its high addresses down.
#[must_use]
pub fn render(loaded: &Loaded, most: usize, layout: Layout, charset: Charset) -> String {
    let mut lanes = Lanes::choose(loaded, most.max(2));
    let mut out = format!("{}: addresses over time", loaded.name);
    if lanes.lanes.is_empty() {
        out.push_str(": no faults\n");
        return charset.text(out);
    }
    out.push_str("; low addresses at the bottom of a lane, wide gaps left out\n");
    if let Some(selection) = &loaded.selection {
        out.push_str(&format!("  only {}\n", selection.what));
    }
    if let Some(caveat) = Scope::of(loaded).caveat(loaded.skipped()) {
        out.push_str(&format!("  {caveat}\n"));
    }
    let width = |text: &str| text.chars().count();
    let named = lanes
        .lanes
        .iter()
        .flat_map(|lane| [width(&lane.process) + width(&lane.name), width(&lane.details[0])]);
    let names = named.max().unwrap_or(0).min(layout.width * 2 / 5).min(NAMES);
    let columns = layout.width.saturating_sub(2 + names + 2 + 1).max(10);
    // Two rows hold the name and what is in the lane; the more pages, the more rows.
    let rows = |lane: &Lane| match lane.stretches.pages() {
        0 => 1,
        pages => (pages.ilog2() / 3).clamp(2, ROWS) as usize,
    };
    let rows: Vec<usize> = lanes.lanes.iter().map(rows).collect();
    lanes.fill(loaded, columns, &rows);
    let highest = lanes.highest();
    for (lane, rows) in lanes.lanes.iter().zip(rows) {
        // A lane of few pages repeats them.
        let [long, short] = &lane.details;
        let details = if width(long) <= names { long } else { short };
        let name = shorten_path(&lane.name, names.saturating_sub(width(&lane.process)));
        let texts = [format!("{}{name}", lane.process), shorten(details, names)];
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
    out.push_str(&match highest {
        1 => format!("\nfaults per cell: {} one{more}\n", shades[3]),
        most => format!(
            "\nfaults per cell: 1 {} {}{more} (logarithmic)\n",
            shades.concat(),
            count(most.into())
        ),
    });
    if lanes.shared > 0 {
        let shared = count(lanes.shared as u64);
        out.push_str(&format!(
            "the last lane: all faults of the {shared} others (-n N shows more lanes)\n"
        ));
    }
    charset.text(out)
}

/// The axis of time, with as many labels as have room.
fn axis(loaded: &Loaded, names: usize, columns: usize, charset: Charset) -> String {
    let span = Span::of(loaded);
    let (line, corner) = if charset == Charset::Unicode { ("─", '└') } else { ("-", '+') };
    let mut labels = String::new();
    for (ns, label) in span_ticks(span, (columns as f64 / 12.0).clamp(1.0, 10.0)) {
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
