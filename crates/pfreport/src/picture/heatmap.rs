//! Which addresses faulted when: one lane per region or file, gaps in the address space left out.

use std::cmp::Reverse;

use plotters::style::{BLACK, Color as _, RGBColor};

use super::canvas::{Canvas, Drawn, Frame, GREY, HEIGHT, Side, TEXT, WIDTH};
use super::lanes::{Places, Stretches, weight};
use super::scale::{Scale, time_ticks};
use super::timeline::length_ns;
use crate::load::Loaded;
use crate::units::{bytes, count, counted};

/// Lanes in the picture.
const LANES: usize = 12;
/// Least height of a lane: two lines of text.
const LANE_MIN: i32 = 36;
/// Room between lanes.
const LANE_GAP: i32 = 8;
/// Width and height of a cell.
const CELL: (i32, i32) = (5, 4);

const FRAME: Frame = Frame { left: 330, top: 110, right: WIDTH - 130, bottom: HEIGHT - 70 };
const BACKGROUND: RGBColor = RGBColor(0xf3, 0xf3, 0xf3);
const CUT: RGBColor = RGBColor(0x99, 0x99, 0x99);

/// One lane: what it is called, what it covers, how often each cell faulted.
struct Lane {
    place: usize,
    name: String,
    details: String,
    frame: Frame,
    stretches: Stretches,
    columns: usize,
    rows: usize,
    cells: Vec<u32>,
}

pub fn draw(canvas: &Canvas<'_>, loaded: &Loaded) -> Drawn {
    let length_ns = length_ns(&loaded.analysis) as f64;
    let places = Places::new(&loaded.analysis);
    let (mut lanes, left_out) = lanes(loaded, &places);
    let more = if left_out > 0 {
        format!("; {} with fewer faults and less stall left out", counted(left_out, "lane"))
    } else {
        String::new()
    };
    let subtitle = format!(
        "a lane per region or file, low addresses at its bottom; wide gaps collapsed to a line{more}"
    );
    canvas.title(loaded, "addresses over time", &subtitle)?;
    if lanes.is_empty() {
        return canvas.nothing("no faults");
    }
    arrange(&mut lanes);
    fill(loaded, &places, &mut lanes, length_ns);
    let highest = lanes.iter().flat_map(|lane| &lane.cells).copied().max().unwrap_or(1);
    let last = lanes.last().map_or(FRAME.bottom, |lane| lane.frame.bottom);
    for lane in &lanes {
        canvas.fill(lane.frame, BACKGROUND.to_rgba())?;
    }
    let frame = Frame { bottom: last + 4, ..FRAME };
    let horizontal = Scale::new((0.0, length_ns), (FRAME.left, FRAME.right));
    let name = "time since the start of the recording";
    canvas.horizontal_axis(frame, horizontal, &time_ticks(length_ns, 10.0), name)?;
    for lane in &lanes {
        draw_lane(canvas, lane, highest)?;
    }
    colour_bar(canvas, highest)
}

/// The lanes with the largest shares of faults or stall, by process, high addresses on top; and how many are left out.
fn lanes(loaded: &Loaded, places: &Places) -> (Vec<Lane>, u64) {
    let analysis = &loaded.analysis;
    let mut pages = vec![Vec::new(); places.places.len()];
    let mut stall_ns = vec![0_u64; places.places.len()];
    let page_bytes = u64::from(loaded.header.page_size_bytes.max(1));
    for (row, &addr) in analysis.faults.addr.iter().enumerate() {
        let place = places.of(analysis, row);
        pages[place].push(addr / page_bytes);
        let stalled_ns = analysis.faults.stall_ns(row).unwrap_or(0);
        stall_ns[place] = stall_ns[place].saturating_add(stalled_ns);
    }
    let mut chosen: Vec<usize> = (0..pages.len()).filter(|&i| !pages[i].is_empty()).collect();
    let all = analysis.faults.len() as u64;
    let all_stall_ns = stall_ns.iter().copied().fold(0, u64::saturating_add);
    let weights: Vec<f64> = pages
        .iter()
        .zip(stall_ns)
        .map(|(pages, ns)| weight((pages.len() as u64, all), (ns, all_stall_ns)))
        .collect();
    // The sort is stable: equal ones keep the order of their mappings.
    chosen.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    let left_out = chosen.len().saturating_sub(LANES) as u64;
    chosen.truncate(LANES);
    chosen.sort_by_key(|&i| (places.places[i].proc, Reverse(pages[i].iter().min().copied())));

    let several = analysis.processes.len() > 1;
    let lane = |i: usize| {
        let place = &places.places[i];
        let faults = counted(pages[i].len() as u64, "fault");
        let stretches = Stretches::new(std::mem::take(&mut pages[i]));
        let pid = analysis.processes.get(place.proc as usize).map(|process| process.pid);
        let pid = pid.filter(|_| several).map_or_else(String::new, |pid| format!("{pid} "));
        let size = bytes(stretches.pages().saturating_mul(page_bytes));
        let parts = match stretches.stretches.len() {
            1 => String::new(),
            parts => format!(" in {parts} parts"),
        };
        Lane {
            place: i,
            name: format!("{pid}{}", place.name),
            details: format!("{}, {size}{parts}, {faults}", place.kind.as_str()),
            frame: FRAME,
            stretches,
            columns: ((FRAME.right - FRAME.left) / CELL.0) as usize,
            rows: 0,
            cells: Vec::new(),
        }
    };
    (chosen.into_iter().map(lane).collect(), left_out)
}

/// Shares the height out: a part to every lane, the rest by the logarithm of the pages.
fn arrange(lanes: &mut [Lane]) {
    let number = lanes.len() as i32;
    let spare = FRAME.bottom - FRAME.top - number * (LANE_MIN + LANE_GAP);
    let weight = |lane: &Lane| (lane.stretches.pages() as f64).log2().max(0.0) + 1.0;
    let weights: f64 = lanes.iter().map(weight).sum();
    let mut top = FRAME.top;
    for lane in lanes {
        let extra = f64::from(spare.max(0)) * weight(lane) / weights;
        let height = LANE_MIN + extra as i32;
        // No more rows than pages: a page is a bar, not a line.
        lane.rows = ((height / CELL.1) as u64).min(lane.stretches.pages()).max(1) as usize;
        lane.cells = vec![0; lane.rows * lane.columns];
        lane.frame = Frame { top, bottom: top + height, ..FRAME };
        top += height + LANE_GAP;
    }
}

/// Counts faults per cell.
fn fill(loaded: &Loaded, places: &Places, lanes: &mut [Lane], length_ns: f64) {
    let analysis = &loaded.analysis;
    let page_bytes = u64::from(loaded.header.page_size_bytes.max(1));
    let mut lane_of = vec![None; places.places.len()];
    for (i, lane) in lanes.iter().enumerate() {
        lane_of[lane.place] = Some(i);
    }
    let rows = analysis.faults.addr.iter().zip(&analysis.faults.time_ns).enumerate();
    for (row, (&addr, &time_ns)) in rows {
        let Some(lane) = lane_of[places.of(analysis, row)] else {
            continue;
        };
        let lane = &mut lanes[lane];
        let Some(index) = lane.stretches.index(addr / page_bytes) else {
            continue;
        };
        let share = |part: f64, cells: usize| ((part * cells as f64) as usize).min(cells - 1);
        let column = share(time_ns as f64 / length_ns, lane.columns);
        let level = share(index as f64 / lane.stretches.pages() as f64, lane.rows);
        let cell = &mut lane.cells[level * lane.columns + column];
        *cell = cell.saturating_add(1);
    }
}

fn draw_lane(canvas: &Canvas<'_>, lane: &Lane, highest: u32) -> Drawn {
    let frame = lane.frame;
    let vertical = Scale::new((0.0, lane.rows as f64), (frame.bottom, frame.top));
    let horizontal = Scale::new((0.0, lane.columns as f64), (frame.left, frame.right));
    for (i, &n) in lane.cells.iter().enumerate().filter(|&(_, &n)| n > 0) {
        let (level, column) = ((i / lane.columns) as f64, (i % lane.columns) as f64);
        let cell = Frame {
            left: horizontal.pixel(column),
            top: vertical.pixel(level + 1.0),
            right: horizontal.pixel(column + 1.0),
            bottom: vertical.pixel(level),
        };
        canvas.fill(cell, colour(n, highest).to_rgba())?;
    }
    let pages = Scale::new((0.0, lane.stretches.pages() as f64), (frame.bottom, frame.top));
    let mut before = 0;
    let mut last = frame.bottom;
    let cuts = lane.stretches.stretches.len().saturating_sub(1);
    for &(from, to) in lane.stretches.stretches.iter().take(cuts) {
        before += to - from + 1;
        let y = pages.pixel(before as f64);
        // Stretches too thin to be seen share a line.
        if last - y >= CELL.1 {
            canvas.line(vec![(frame.left - 6, y), (frame.right, y)], &CUT, 1)?;
            last = y;
        }
    }
    let room = FRAME.left - 40;
    let (x, middle) = (FRAME.left - 12, (frame.top + frame.bottom) / 2);
    let name = canvas.fit(&lane.name, TEXT, room);
    canvas.text(&name, (x, middle - 9), TEXT, &BLACK, Side::Left)?;
    let details = canvas.fit(&lane.details, TEXT - 2, room);
    canvas.text(&details, (x, middle + 9), TEXT - 2, &GREY, Side::Left)
}

/// From yellow for one fault to dark blue for the most, by the logarithm: darker is more, also in grey.
fn colour(n: u32, highest: u32) -> RGBColor {
    const ANCHORS: [[f64; 3]; 5] = [
        [255.0, 221.0, 89.0],
        [190.0, 175.0, 111.0],
        [124.0, 123.0, 120.0],
        [64.0, 77.0, 107.0],
        [0.0, 32.0, 77.0],
    ];
    let share = if highest > 1 { f64::from(n).ln() / f64::from(highest).ln() } else { 1.0 };
    let at = share.clamp(0.0, 1.0) * (ANCHORS.len() - 1) as f64;
    let below = (at as usize).min(ANCHORS.len() - 2);
    let [from, to] = [ANCHORS[below], ANCHORS[below + 1]];
    let mix = |i: usize| (from[i] + (to[i] - from[i]) * (at - below as f64)).round() as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

/// What the colours mean.
fn colour_bar(canvas: &Canvas<'_>, highest: u32) -> Drawn {
    const STEPS: i32 = 60;
    let bar = Frame { left: WIDTH - 104, top: 150, right: WIDTH - 84, bottom: 150 + 3 * STEPS };
    canvas.text("faults per cell", (WIDTH - 112, 126), TEXT - 2, &GREY, Side::Right)?;
    if highest == 1 {
        let square = Frame { bottom: bar.top + 20, ..bar };
        canvas.fill(square, colour(1, 1).to_rgba())?;
        return canvas.text("1", (bar.right + 6, bar.top + 10), TEXT - 2, &BLACK, Side::Right);
    }
    for step in 0..STEPS {
        let share = f64::from(step) / f64::from(STEPS - 1);
        let n = f64::from(highest).powf(share).round() as u32;
        let bottom = bar.bottom - step * 3;
        let part = Frame { top: bottom - 3, bottom, ..bar };
        canvas.fill(part, colour(n, highest).to_rgba())?;
    }
    let middle = f64::from(highest).sqrt().round() as u32;
    let mut labels =
        vec![(1, bar.bottom), (middle, (bar.top + bar.bottom) / 2), (highest, bar.top)];
    labels.dedup_by_key(|(n, _)| *n);
    for (n, y) in labels {
        let at = (bar.right + 6, y);
        canvas.text(&count(n.into()), at, TEXT - 2, &BLACK, Side::Right)?;
    }
    Ok(())
}
