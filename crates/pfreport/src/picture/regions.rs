//! Which regions and files fault or stall most.

use std::collections::HashMap;

use pfmodel::names::RegionKind;
use plotters::style::{BLACK, Color as _, RGBColor};

use super::canvas::{Canvas, Drawn, Frame, GREY, HEIGHT, Side, TEXT, WIDTH};
use super::lanes::weight;
use super::scale::Scale;
use super::{STACK, class_colour};
use crate::faults::{UNKNOWN_REGION, file_path, place};
use crate::load::Loaded;
use crate::text::printable;
use crate::units::{count, counted, duration, percent};

/// Bars in the picture.
const BARS: usize = 15;

const STALL_COLOUR: RGBColor = RGBColor(0x4d, 0x4d, 0x4d);
const NAMES: Frame = Frame { left: 20, top: 140, right: 390, bottom: HEIGHT - 30 };
const FAULTS: Frame = Frame { left: 400, top: 140, right: 760, bottom: HEIGHT - 30 };
const STALL: Frame = Frame { left: 850, top: 140, right: WIDTH - 160, bottom: HEIGHT - 30 };

/// One bar.
struct Bar {
    /// File and section, or the region's name.
    name: String,
    kind: RegionKind,
    faults: [u64; STACK.len()],
    stall_ns: u64,
}

impl Bar {
    fn total(&self) -> u64 {
        self.faults.iter().sum()
    }
}

pub fn draw(canvas: &Canvas<'_>, loaded: &Loaded) -> Drawn {
    let bars = bars(loaded);
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
        let name = canvas.fit(&bar.name, TEXT, NAMES.right - NAMES.left - 110);
        canvas.text(&name, (NAMES.right - 95, middle), TEXT, &BLACK, Side::Left)?;
        let kind = bar.kind.as_str();
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
fn bars(loaded: &Loaded) -> Vec<Bar> {
    let analysis = &loaded.analysis;
    let faults = &analysis.faults;
    let mut bars = Vec::new();
    let mut of_name: HashMap<(String, RegionKind), usize> = HashMap::new();
    let mut of_part: HashMap<(u32, u32), usize> = HashMap::new();
    for row in 0..faults.len() {
        let (mapping, region) = (faults.mapping[row], faults.region[row]);
        let number = *of_part.entry((mapping, region)).or_insert_with(|| {
            let region = analysis.regions.get(region as usize);
            let label = region.map(|region| printable(&region.label));
            let path = analysis.mappings.get(mapping as usize).and_then(file_path);
            let name = place(path.as_deref(), label.as_deref().unwrap_or(UNKNOWN_REGION));
            let kind = region.map_or(RegionKind::Unknown, |region| region.kind);
            *of_name.entry((name.clone(), kind)).or_insert_with(|| {
                bars.push(Bar { name, kind, faults: [0; STACK.len()], stall_ns: 0 });
                bars.len() - 1
            })
        });
        let bar = &mut bars[number];
        let level = STACK.iter().position(|&class| class == faults.class[row]).unwrap_or(0);
        bar.faults[level] += 1;
        bar.stall_ns = bar.stall_ns.saturating_add(faults.stall_ns(row).unwrap_or(0));
    }
    let all: u64 = bars.iter().map(Bar::total).sum();
    let all_stall_ns = bars.iter().fold(0_u64, |sum, bar| sum.saturating_add(bar.stall_ns));
    let weight = |bar: &Bar| weight((bar.total(), all), (bar.stall_ns, all_stall_ns));
    bars.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then_with(|| a.name.cmp(&b.name)));
    bars
}

#[cfg(test)]
mod tests {
    use pfmodel::names::RegionKind;
    use pfmodel::table::{NONE, Region};

    use super::bars;
    use crate::sample::{self, HEAP, MODEL, Row, TEXT};

    #[test]
    fn sections_of_a_file_are_bars_of_their_own() {
        let mut loaded = sample::empty();
        let analysis = &mut loaded.analysis;
        analysis.regions[TEXT as usize].label = b"server .text".to_vec();
        analysis.regions.push(Region { kind: RegionKind::Data, label: b"server .data".to_vec() });
        for mapping in [TEXT, TEXT, TEXT, MODEL, HEAP, NONE] {
            sample::push(analysis, Row { mapping, ..Row::default() });
        }
        analysis.faults.region[2] = 3;
        let bars: Vec<(String, &str, u64)> = bars(&loaded)
            .iter()
            .map(|bar| (bar.name.clone(), bar.kind.as_str(), bar.total()))
            .collect();
        let expected = [
            ("/usr/bin/server .text", "text", 2),
            ("/srv/models/model.gguf", "file", 1),
            ("/usr/bin/server .data", "data", 1),
            ("[heap]", "heap", 1),
            ("[unknown]", "unknown", 1),
        ];
        assert_eq!(bars, expected.map(|(name, kind, faults)| (name.to_owned(), kind, faults)));
    }
}
