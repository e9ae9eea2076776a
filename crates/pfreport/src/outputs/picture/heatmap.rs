//! Which addresses faulted when: one lane per region or file, gaps in the address space left out.

use std::collections::BTreeMap;

use super::axes::time_name;
use super::canvas::Canvas;
use super::marks::Marks;
use super::regions::fit_paths;
use super::shape::{Frame, Side};
use crate::load::Loaded;
use crate::outputs::plot::Span;
use crate::outputs::plot::lane::Lane;
use crate::outputs::plot::lanes::{Lanes, fullness};
use crate::outputs::plot::scale::Scale;
use crate::print::units::count;

/// Lanes in the picture, if there is room for them.
const LANES: usize = 12;
/// Cells across, and cells in all: with an SVG path for each colour the document stays below its bound.
const COLUMNS: i32 = 150;
const CELLS: usize = 20_000;
/// Shades of the scale.
const SHADES: i32 = 32;
/// Faults of the fullest cell up to which the scale shows each number.
const FEW: u32 = 5;

pub fn draw(canvas: &mut Canvas, loaded: &Loaded) {
    let em = canvas.em;
    let gap = em / 2;
    let span = Span::of(loaded);
    // What the lanes certainly have: room for titles, legend and axis is settled before.
    let room = canvas.height - 9 * em - canvas.axis_height(true);
    let lane_min = if room > 6 * em * 3 { em * 9 / 4 } else { em * 5 / 4 };
    let most = (room / (lane_min + gap)).clamp(2, LANES as i32) as usize;
    let mut lanes = Lanes::choose(loaded, most);
    let name = |lane: &Lane| {
        let prefix = format!("{}{}", lane.process, lane.program);
        canvas.text_width(&prefix, em) + canvas.text_width(&lane.name, em)
    };
    let names = lanes.lanes.iter().map(name);
    let details = lanes.lanes.iter().map(|lane| canvas.text_width(lane.details(), canvas.small()));
    let widest = names.chain(details).max().unwrap_or(0).min(canvas.width * 3 / 10);
    let (left, right) = (em * 7 / 4 + widest, canvas.width - em * 2);
    let horizontal = Scale::new((span.from_ns, span.to_ns), (left, right));

    let marks = Marks::new(canvas, loaded, (span, horizontal), right);
    let more = match lanes.shared {
        0 => String::new(),
        shared => format!("; the last lane: all faults of the {} others", count(shared as u64)),
    };
    let huge = if lanes.has_huge { "; a fault of a huge page is in all its cells" } else { "" };
    let subtitle = format!(
        "a lane per region or file, low addresses at its bottom; wide gaps collapsed to a line{huge}{more}{}",
        marks.note()
    );
    let title = "addresses over time";
    if lanes.lanes.is_empty() {
        return canvas.nothing(loaded, title, "no faults");
    }
    let top = canvas.title(loaded, title, &subtitle);
    let legend_at = top + em / 2;
    let top = legend_at + em * 3 / 2 + marks.room(canvas);
    let bottom = canvas.height - canvas.axis_height(true) - em / 2;
    let frame = Frame { left, top, right, bottom };
    let frames = arrange(&lanes.lanes, frame, gap, lane_min);
    let columns = (frame.width() / 3).clamp(1, COLUMNS);
    // Cells are higher where there is room for more of them than a picture may have.
    let rows_all = (CELLS as i32 / columns).max(1);
    let cell = (frame.height() / rows_all).max(em / 4).max(3);
    let rows: Vec<usize> =
        frames.iter().map(|frame| (frame.height() / cell).max(1) as usize).collect();
    lanes.fill(loaded, columns as usize, &rows);

    let theme = canvas.theme;
    canvas.fills(frames.clone(), theme.lane(), 1.0);
    let last = frames.last().map_or(bottom, |frame| frame.bottom);
    let axis = Frame { bottom: last + em / 4, ..frame };
    let times = canvas.times(axis, span);
    canvas.horizontal_axis(axis, horizontal, &times, &time_name(loaded, span));
    let highest = lanes.highest();
    cells(canvas, &lanes, &frames, highest);
    marks.draw(canvas, &[Frame { bottom: last, ..frame }]);
    for (lane, frame) in lanes.lanes.iter().zip(&frames) {
        cuts(canvas, lane, *frame, cell);
    }
    labels(canvas, &lanes.lanes, &frames);
    colours(canvas, (left, legend_at + em / 2), (highest, lanes.exceeds()));
}

/// Shares the height out: a part to every lane, the rest more to those of many pages.
fn arrange(lanes: &[Lane], frame: Frame, gap: i32, lane_min: i32) -> Vec<Frame> {
    let number = lanes.len() as i32;
    // More lanes than there is room for would run out of the picture.
    let lane_min = lane_min.min((frame.height() + gap) / number.max(1) - gap).max(2);
    let spare = (frame.height() - number * (lane_min + gap) + gap).max(0);
    // The lane of the rest has no addresses and so no use for more.
    let weight = |lane: &Lane| match lane.stretches.pages() {
        0 => 0.0,
        pages => (pages as f64).powf(0.3),
    };
    let weights: f64 = lanes.iter().map(weight).sum();
    let mut top = frame.top;
    lanes
        .iter()
        .map(|lane| {
            let extra = f64::from(spare) * weight(lane) / weights.max(1.0);
            let bottom = top + lane_min + extra as i32;
            let lane = Frame { top, bottom, ..frame };
            top = bottom + gap;
            lane
        })
        .collect()
}

/// The cells of all lanes, those of one shade together, equal neighbours as one.
fn cells(canvas: &mut Canvas, lanes: &Lanes, frames: &[Frame], highest: u32) {
    let mut shades: BTreeMap<i32, Vec<Frame>> = BTreeMap::new();
    let shade = |n: u32| (fullness(n, highest) * f64::from(SHADES - 1)).round() as i32;
    for (lane, frame) in lanes.lanes.iter().zip(frames) {
        let x = Scale::new((0.0, lanes.columns as f64), (frame.left, frame.right));
        let y = Scale::new((0.0, lane.rows as f64), (frame.bottom, frame.top));
        for (row, cells) in lane.cells.chunks(lanes.columns).enumerate() {
            let (top, bottom) = (y.pixel(row as f64 + 1.0), y.pixel(row as f64));
            let shade_of = |&n: &u32| (n > 0).then(|| shade(n));
            let mut column = 0;
            for run in cells.chunk_by(|a, b| shade_of(a) == shade_of(b)) {
                let (left, right) = (column, column + run.len());
                column = right;
                if let Some(shade) = run.first().and_then(shade_of) {
                    let (left, right) = (x.pixel(left as f64), x.pixel(right as f64));
                    shades.entry(shade).or_default().push(Frame { left, top, right, bottom });
                }
            }
        }
    }
    for (shade, frames) in shades {
        let colour = canvas.theme.heat(f64::from(shade) / f64::from(SHADES - 1));
        canvas.fills(frames, colour, 1.0);
    }
}

/// Lines where addresses are left out.
fn cuts(canvas: &mut Canvas, lane: &Lane, frame: Frame, cell: i32) {
    let pages = Scale::new((0.0, lane.stretches.pages() as f64), (frame.bottom, frame.top));
    let mut before = 0.0;
    let mut last = frame.bottom;
    let cuts = lane.stretches.stretches.len().saturating_sub(1);
    let (colour, thin, em) = (canvas.theme.cut(), canvas.thin(), canvas.em);
    for &(from, to) in lane.stretches.stretches.iter().take(cuts) {
        before += (to - from) as f64 + 1.0;
        let y = pages.pixel(before);
        // Stretches too thin to be seen share a line.
        if last - y >= cell {
            canvas.line(vec![(frame.left - em / 4, y), (frame.right, y)], colour, thin);
            last = y;
        }
    }
}

/// Names of the lanes, and what they hold where there is room for a second line.
fn labels(canvas: &mut Canvas, lanes: &[Lane], frames: &[Frame]) {
    let (em, size, theme) = (canvas.em, canvas.small(), canvas.theme);
    let Some(left) = frames.first().map(|frame| frame.left) else { return };
    let (x, room) = (left - em * 3 / 4, left - em * 7 / 4);
    let has_details = |frame: &Frame| frame.height() >= em + size;
    let name = |(lane, frame): (&Lane, &Frame)| {
        let name = if has_details(frame) { lane.name.clone() } else { lane.label() };
        let prefix = lane.prefix(&name, room, |text| canvas.text_width(text, em));
        (prefix, name)
    };
    let names: Vec<(String, String)> = lanes.iter().zip(frames).map(name).collect();
    let rooms: Vec<(&str, i32)> = names
        .iter()
        .map(|(prefix, name)| (name.as_str(), room - canvas.text_width(prefix, em)))
        .collect();
    let fitted = fit_paths(canvas, &rooms);
    for (((lane, frame), (prefix, _)), name) in lanes.iter().zip(frames).zip(&names).zip(fitted) {
        let middle = (frame.top + frame.bottom) / 2;
        let has_details = has_details(frame);
        let above = if has_details { middle - size * 9 / 16 } else { middle };
        canvas.text(&format!("{prefix}{name}"), (x, above), em, theme.text(), Side::Left);
        if has_details {
            let details = lane.details_that(|text| canvas.text_width(text, size) <= room);
            let details = canvas.fit(details, size, room);
            let at = (x, middle + em * 9 / 16);
            canvas.text(&details, at, size, theme.secondary(), Side::Left);
        }
    }
}

/// What the colours mean, from `left` or as far to the left of it as must be.
fn colours(canvas: &mut Canvas, (left, middle): (i32, i32), (highest, is_exceeded): (u32, bool)) {
    let (em, size, theme) = (canvas.em, canvas.small(), canvas.theme);
    // A scale of few counts has a square for each.
    let (steps, step) = match highest {
        ..=1 => (1, em),
        2..=FEW => (highest as i32, em),
        _ => (SHADES, (em / 4).max(2)),
    };
    let least = "faults per cell: 1";
    let more = if is_exceeded { " or more" } else { "" };
    let most = match highest {
        ..=1 => more.trim_start().to_owned(),
        2..=FEW => format!("{highest}{more}"),
        _ => format!("{}{more} (logarithmic)", count(highest.into())),
    };
    let before = canvas.text_width(least, size) + em / 2;
    let width = before + steps * step + em / 2 + canvas.text_width(&most, size);
    let left = left.min(canvas.width - em - width).max(em);
    canvas.text(least, (left, middle), size, theme.text(), Side::Right);
    let (top, bottom) = (middle - em * 3 / 8, middle + em * 3 / 8);
    for shade in 0..steps {
        let from = left + before + shade * step;
        let share = match highest {
            ..=FEW => fullness(shade.unsigned_abs() + 1, highest),
            _ => f64::from(shade) / f64::from(SHADES - 1),
        };
        canvas.fill(Frame { left: from, top, right: from + step, bottom }, theme.heat(share));
    }
    let at = (left + before + steps * step + em / 2, middle);
    canvas.text(&most, at, size, theme.text(), Side::Right);
}
