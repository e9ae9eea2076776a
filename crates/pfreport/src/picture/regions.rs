//! Which regions and files fault or stall most.

use plotters::style::{BLACK, Color as _, RGBColor};

use super::canvas::{Canvas, Drawn, Frame, GREY, HEIGHT, Side, TEXT, WIDTH};
use super::lanes::{Place, Places, weight};
use super::scale::Scale;
use super::{STACK, class_colour};
use crate::load::Loaded;
use crate::units::{count, counted, duration, percent};

/// Bars in the picture.
const BARS: usize = 15;

const STALL_COLOUR: RGBColor = RGBColor(0x4d, 0x4d, 0x4d);
const NAMES: Frame = Frame { left: 20, top: 140, right: 390, bottom: HEIGHT - 30 };
const FAULTS: Frame = Frame { left: 400, top: 140, right: 760, bottom: HEIGHT - 30 };
const STALL: Frame = Frame { left: 850, top: 140, right: WIDTH - 160, bottom: HEIGHT - 30 };

/// One bar.
struct Bar<'a> {
    place: &'a Place,
    faults: [u64; STACK.len()],
    stall_ns: u64,
}

impl Bar<'_> {
    fn total(&self) -> u64 {
        self.faults.iter().sum()
    }
}

pub fn draw(canvas: &Canvas<'_>, loaded: &Loaded) -> Drawn {
    let places = Places::new(&loaded.analysis, false);
    let bars = bars(loaded, &places);
    let shown = bars.len().min(BARS);
    let left_out = if bars.len() > shown {
        format!("; {} with less of both left out", counted((bars.len() - shown) as u64, "region"))
    } else {
        String::new()
    };
    let subtitle = format!(
        "regions and files by their share of faults or stall, whichever is larger{left_out}"
    );
    canvas.title(loaded, "where faults happen", &subtitle)?;
    if bars.is_empty() {
        return canvas.nothing("no faults");
    }
    let all: u64 = bars.iter().map(Bar::total).sum();
    let all_stall_ns = bars.iter().fold(0_u64, |sum, bar| sum.saturating_add(bar.stall_ns));
    let bars = &bars[..shown];
    let present: Vec<_> = STACK
        .iter()
        .enumerate()
        .filter(|&(level, _)| bars.iter().any(|bar| bar.faults[level] > 0))
        .map(|(_, &class)| (class_colour(class), class.as_str().to_owned()))
        .collect();
    canvas.legend((FAULTS.left, 92), &present)?;
    canvas.legend((STALL.left, 92), &[(STALL_COLOUR, "stall time, all threads".to_owned())])?;
    let heading = |text: &str, x| canvas.text(text, (x, 120), TEXT, &GREY, Side::Right);
    heading(&format!("faults (% of {})", count(all)), FAULTS.left)?;
    heading(&format!("stall (% of {})", duration(all_stall_ns)), STALL.left)?;

    let highest = bars.iter().map(Bar::total).max().unwrap_or(1) as f64;
    let longest = bars.iter().map(|bar| bar.stall_ns).max().unwrap_or(0).max(1) as f64;
    let faults = Scale::new((0.0, highest), (FAULTS.left, FAULTS.right - 120));
    let stall = Scale::new((0.0, longest), (STALL.left, STALL.right));
    // Few bars are not blown up.
    let pitch = ((NAMES.bottom - NAMES.top) / shown.max(10) as i32).max(2);
    for (i, bar) in (0..).zip(bars) {
        let top = NAMES.top + i * pitch;
        let (middle, bottom) = (top + pitch / 2 - 2, top + pitch - 8);
        let name = canvas.fit(&bar.place.name, TEXT, NAMES.right - NAMES.left - 110);
        canvas.text(&name, (NAMES.right - 95, middle), TEXT, &BLACK, Side::Left)?;
        let kind = bar.place.kind.as_str();
        canvas.text(kind, (NAMES.right - 85, middle), TEXT - 2, &GREY, Side::Right)?;
        let mut sum = 0;
        let mut end = FAULTS.left;
        for (level, &class) in STACK.iter().enumerate() {
            if bar.faults[level] > 0 {
                sum += bar.faults[level];
                let right = faults.pixel(sum as f64).max(end + 1);
                canvas
                    .fill(Frame { left: end, top, right, bottom }, class_colour(class).to_rgba())?;
                end = right;
            }
        }
        let number = format!("{} ({})", count(sum), percent(sum, all));
        canvas.text(&number, (end + 6, middle), TEXT - 1, &BLACK, Side::Right)?;
        if bar.stall_ns > 0 {
            let right = stall.pixel(bar.stall_ns as f64).max(STALL.left + 1);
            let part = Frame { left: STALL.left, top, right, bottom };
            canvas.fill(part, STALL_COLOUR.to_rgba())?;
            let share = percent(bar.stall_ns, all_stall_ns);
            let number = format!("{} ({share})", duration(bar.stall_ns));
            canvas.text(&number, (right + 6, middle), TEXT - 1, &BLACK, Side::Right)?;
        }
    }
    Ok(())
}

/// A bar per place that has faults, the weightiest first.
fn bars<'a>(loaded: &Loaded, places: &'a Places) -> Vec<Bar<'a>> {
    let analysis = &loaded.analysis;
    let faults = &analysis.faults;
    let empty = |place| Bar { place, faults: [0; STACK.len()], stall_ns: 0 };
    let mut bars: Vec<Bar<'a>> = places.places.iter().map(empty).collect();
    for row in 0..faults.len() {
        let bar = &mut bars[places.of(analysis, row)];
        let level = STACK.iter().position(|&class| class == faults.class[row]).unwrap_or(0);
        bar.faults[level] += 1;
        bar.stall_ns = bar.stall_ns.saturating_add(faults.stall_ns(row).unwrap_or(0));
    }
    bars.retain(|bar| bar.total() > 0);
    let all: u64 = bars.iter().map(Bar::total).sum();
    let all_stall_ns = bars.iter().fold(0_u64, |sum, bar| sum.saturating_add(bar.stall_ns));
    let weight = |bar: &Bar<'_>| weight((bar.total(), all), (bar.stall_ns, all_stall_ns));
    bars.sort_by(|a, b| {
        weight(b).total_cmp(&weight(a)).then_with(|| a.place.name.cmp(&b.place.name))
    });
    bars
}
