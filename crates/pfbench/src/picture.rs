//! The cost of recording as a picture.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use plotters::prelude::{IntoDrawingArea as _, Rectangle, SVGBackend, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, IntoFont as _, RGBColor, TextStyle, WHITE};

use crate::cost::{ADDED, TITLE};
use crate::results::Results;
use crate::table::{Cell, Table, number};

const WIDTH: i32 = 960;
const MARGIN: i32 = 24;
/// Where bars begin.
const BARS: i32 = 470;
const LINE: i32 = 24;
const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const THEIRS: RGBColor = RGBColor(0x9a, 0x9a, 0x9a);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);

/// Draws what each recorder adds to a fault: a bar each, for each of the targets that fault at full speed.
pub fn draw(results: &Results, path: &Path) -> anyhow::Result<()> {
    let tables: Vec<&Table> =
        results.tables_of(TITLE).filter(|table| !table.title.contains("cold")).collect();
    anyhow::ensure!(!tables.is_empty(), "no cost of recording was measured: nothing to draw");
    let bars: Vec<Vec<(&str, f64)>> = tables.iter().map(|table| bars(table)).collect();
    let lines: usize = bars.iter().map(|bars| bars.len() + 2).sum();
    let height = u32::try_from(lines)? * LINE as u32 + 2 * MARGIN as u32;
    let most = bars.iter().flatten().map(|&(_, ns)| ns).fold(1.0, f64::max);
    let area = SVGBackend::new(path, (WIDTH as u32, height)).into_drawing_area();
    let failed = |error| anyhow!("drawing: {error}");
    area.fill(&WHITE).map_err(|error| anyhow!("drawing: {error}"))?;
    let style = |size: i32, horizontal| {
        let text = TextStyle::from(("DejaVu Sans,Verdana,sans-serif", size).into_font());
        text.color(&INK).pos(Pos::new(horizontal, VPos::Center))
    };
    let mut y = MARGIN + LINE / 2;
    for (table, bars) in tables.iter().zip(&bars) {
        let target = table.title.strip_prefix(TITLE).unwrap_or(&table.title);
        let title = format!("{target}: nanoseconds that recording adds to a fault");
        area.draw(&Text::new(title, (MARGIN, y), style(16, HPos::Left))).map_err(failed)?;
        y += LINE;
        for &(name, ns) in bars {
            let length = (ns.max(0.0) / most * f64::from(WIDTH - BARS - 4 * MARGIN)).round() as i32;
            let colour = if name.starts_with("pfrecord") { OURS } else { THEIRS };
            let corners = [(BARS, y - LINE / 3), (BARS + length.max(1), y + LINE / 3)];
            let name = shortened(name);
            area.draw(&Text::new(name, (BARS - 8, y), style(13, HPos::Right))).map_err(failed)?;
            area.draw(&Rectangle::new(corners, colour.filled())).map_err(failed)?;
            let at = (BARS + length + 8, y);
            area.draw(&Text::new(number(ns), at, style(13, HPos::Left))).map_err(failed)?;
            y += LINE;
        }
        y += LINE;
    }
    area.present().map_err(failed).with_context(|| format!("writing {}", path.display()))
}

/// Names and what they add, nanoseconds.
fn bars(table: &Table) -> Vec<(&str, f64)> {
    let rows = table.rows.iter().map(|row| (row.first(), row.get(ADDED)));
    rows.filter_map(|cells| match cells {
        (Some(Cell::Text(name)), Some(Cell::Spread(added))) => Some((name.as_str(), added.median)),
        _ => None,
    })
    .collect()
}

/// A name that fits beside its bar.
fn shortened(name: &str) -> String {
    let name =
        name.replace("exceptions:page_fault_user,exceptions:page_fault_kernel,", "tracepoints,");
    name.replace("minor-faults,major-faults", "…").replace("page-faults,…", "…")
}
