//! Which regions and files fault or stall most.

use std::collections::HashMap;

use pfmodel::names::RegionKind;
use pfmodel::table::NONE;

use super::canvas::{Canvas, at_most};
use super::shape::{Frame, Side};
use crate::load::Loaded;
use crate::outputs::plot::names::fit_apart;
use crate::outputs::plot::scale::Scale;
use crate::outputs::plot::{STACK, level, weight};
use crate::print::text::{LONGEST, printable, shorten, shorten_path};
use crate::print::units::{count, duration, percent};
use crate::rows::faults::{UNKNOWN_REGION, file_path, place};

/// Bars in the picture.
const BARS: usize = 15;

/// One bar.
struct Bar {
    /// File and section, or the region's name.
    name: String,
    kind: &'static str,
    faults: [u64; STACK.len()],
    stall_ns: u64,
}

impl Bar {
    fn total(&self) -> u64 {
        self.faults.iter().sum()
    }
}

pub fn draw(canvas: &mut Canvas, loaded: &Loaded) {
    let mut bars = bars(loaded);
    let all: u64 = bars.iter().map(Bar::total).sum();
    let all_stall_ns = bars.iter().fold(0_u64, |sum, bar| sum.saturating_add(bar.stall_ns));
    let em = canvas.em;
    let has_stall = all_stall_ns > 0;
    let title = "where faults happen";
    if bars.is_empty() {
        return canvas.nothing(loaded, title, "no faults");
    }
    let what = match has_stall {
        true => "regions and files by their share of faults or stall, whichever is larger",
        false => "regions and files by their faults; latencies are not known",
    };
    let top = canvas.title(loaded, title, what);
    let present: Vec<_> = STACK
        .iter()
        .filter(|&&class| bars.iter().any(|bar| bar.faults[level(class)] > 0))
        .map(|&class| (canvas.theme.class(class), class.as_str().to_owned()))
        .collect();
    let top = canvas.legend((em, top + em / 2), &present) + em * 7 / 4;
    let bottom = canvas.height - em;
    let room = ((bottom - top) / (em * 13 / 8)).clamp(2, BARS as i32) as usize;
    group(&mut bars, room);

    // Names, kinds where there is room for them, faults, stall; each bar with its number behind it.
    let is_wide = canvas.width > 60 * em;
    let size = canvas.small();
    let kinds = if is_wide { canvas.text_width("thread_stack", size) + em } else { 0 };
    let names_right = em + (canvas.width - 2 * em) * 3 / 10;
    let left = names_right + kinds + em / 2;
    let numbers = canvas.text_width("10,000,000 (>99 %)", size) + em / 2;
    let right = canvas.width - em;
    let (faults_right, stall_left) = match has_stall {
        true => ((left + right) / 2 - em / 2, (left + right) / 2 + em / 2),
        false => (right, right),
    };
    let (theme, thin) = (canvas.theme, canvas.thin() as i32);
    let heading = |canvas: &mut Canvas, text: &str, x, end: i32| {
        let text = canvas.fit(text, size, end - x);
        canvas.text(&text, (x, top - em * 3 / 4), size, theme.secondary(), Side::Right);
    };
    heading(canvas, &format!("faults (% of {})", count(all)), left, faults_right);
    if has_stall {
        let stall = if is_wide { "stall of all threads" } else { "stall" };
        let all = duration(all_stall_ns);
        heading(canvas, &format!("{stall} (% of {all})"), stall_left, right);
    }

    let highest = bars.iter().map(Bar::total).max().unwrap_or(1) as f64;
    let longest = bars.iter().map(|bar| bar.stall_ns).max().unwrap_or(0).max(1) as f64;
    let faults = Scale::new((0.0, highest), (left, (faults_right - numbers).max(left + em)));
    let stall = Scale::new((0.0, longest), (stall_left, (right - numbers).max(stall_left + em)));
    // Few bars are not blown up.
    let pitch = ((bottom - top) / bars.len().max(10) as i32).clamp(2, em * 3);
    let thick = (pitch * 3 / 4).max(1);
    let rooms: Vec<(&str, i32)> =
        bars.iter().map(|bar| (bar.name.as_str(), names_right - em)).collect();
    let names = fit_paths(canvas, &rooms);
    for ((i, bar), name) in (0..).zip(&bars).zip(names) {
        let top = top + i * pitch;
        let (middle, bottom) = (top + thick / 2, top + thick);
        canvas.text(&name, (names_right, middle), em, theme.text(), Side::Left);
        if is_wide {
            let at = (names_right + em / 2, middle);
            canvas.text(bar.kind, at, size, theme.secondary(), Side::Right);
        }
        let mut sum = 0;
        let mut end = left;
        for (&class, &n) in STACK.iter().zip(&bar.faults).filter(|&(_, &n)| n > 0) {
            sum += n;
            let right = faults.pixel(sum as f64).max(end + thin);
            canvas.fill(Frame { left: end, top, right, bottom }, theme.class(class));
            end = right;
        }
        let number = format!("{} ({})", count(sum), percent(sum, all));
        let number = canvas.fit(&number, size, faults_right - end - em / 2);
        canvas.text(&number, (end + em / 2, middle), size, theme.text(), Side::Right);
        if bar.stall_ns > 0 {
            let end = stall.pixel(bar.stall_ns as f64).max(stall_left + thin);
            let part = Frame { left: stall_left, top, right: end, bottom };
            canvas.fill(part, theme.stall());
            let share = percent(bar.stall_ns, all_stall_ns);
            let number = format!("{} ({share})", duration(bar.stall_ns));
            let number = canvas.fit(&number, size, canvas.width - end - em / 2);
            canvas.text(&number, (end + em / 2, middle), size, theme.text(), Side::Right);
        }
    }
    let bottom = top + bars.len() as i32 * pitch;
    // Beside the bars: on them they would hide what is rare and comes first.
    for right in [left, stall_left].into_iter().take(1 + usize::from(has_stall)) {
        let axis = Frame { left: right - thin, top: top - em / 4, right, bottom };
        canvas.fill(axis, theme.cut());
    }
}

/// Paths in so much room each: their directories give way first, and different ones stay different.
pub fn fit_paths(canvas: &Canvas, paths: &[(&str, i32)]) -> Vec<String> {
    let fit = |path: &str, room| fit_path(canvas, path, room);
    fit_apart(paths, fit, |text| canvas.text_width(text, canvas.em))
}

fn fit_path(canvas: &Canvas, path: &str, room: i32) -> String {
    let mut characters = at_most(path, canvas.em, room);
    let mut fitted = path.to_owned();
    while characters > 1 && canvas.text_width(&fitted, canvas.em) > room {
        characters -= 1;
        fitted = shorten_path(path, characters);
    }
    fitted
}

/// Leaves so many bars, the last of which is the sum of all the rest.
fn group(bars: &mut Vec<Bar>, room: usize) {
    if bars.len() <= room {
        return;
    }
    let rest = bars.split_off(room.saturating_sub(1));
    let mut sum = Bar {
        name: format!("{} more regions", count(rest.len() as u64)),
        kind: "",
        faults: [0; STACK.len()],
        stall_ns: 0,
    };
    for bar in rest {
        sum.faults.iter_mut().zip(bar.faults).for_each(|(sum, n)| *sum += n);
        sum.stall_ns = sum.stall_ns.saturating_add(bar.stall_ns);
    }
    bars.push(sum);
}

/// A bar per place that has faults, the weightiest first.
fn bars(loaded: &Loaded) -> Vec<Bar> {
    let analysis = &loaded.analysis;
    let faults = &analysis.faults;
    let mut bars: Vec<Bar> = Vec::new();
    let mut of_name: HashMap<(String, RegionKind), usize> = HashMap::new();
    let mut of_part: HashMap<(u32, u32), usize> = HashMap::new();
    let places =
        faults.mapping.iter().zip(faults.region.iter()).zip(faults.class.iter()).enumerate();
    // Neighbouring faults are mostly in one place.
    let mut last = ((NONE, NONE), usize::MAX);
    for (row, ((&mapping, &region), &class)) in places {
        let part = (mapping, region);
        if last != (part, last.1) || last.1 == usize::MAX {
            let number = *of_part.entry(part).or_insert_with(|| {
                let region = analysis.regions.get(region as usize);
                let label = region.map(|region| shorten(&printable(&region.label), LONGEST));
                let path = analysis.mappings.get(mapping as usize).and_then(file_path);
                let name = place(path.as_deref(), label.as_deref().unwrap_or(UNKNOWN_REGION));
                let kind = region.map_or(RegionKind::Unknown, |region| region.kind);
                *of_name.entry((name.clone(), kind)).or_insert_with(|| {
                    let kind = kind.as_str();
                    bars.push(Bar { name, kind, faults: [0; STACK.len()], stall_ns: 0 });
                    bars.len() - 1
                })
            });
            last = (part, number);
        }
        let Some(bar) = bars.get_mut(last.1) else { continue };
        bar.faults[level(class)] += 1;
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
    use pfmodel::names::{Class, RegionKind};
    use pfmodel::table::{NONE, Region};

    use super::super::canvas::Canvas;
    use super::super::shape::Shape;
    use super::super::{SIZE, SIZE_MAX, SIZE_MIN, Theme};
    use super::{bars, draw, group};
    use crate::made_up::{self, HEAP, MODEL, Row, TEXT};

    #[test]
    fn a_rare_class_shows() {
        let mut loaded = made_up::empty();
        for i in 0..5_000 {
            let class = if i == 0 { Class::Major } else { Class::Minor };
            let row = Row { class, mapping: MODEL, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        for size in [SIZE_MIN, SIZE, SIZE_MAX] {
            let mut canvas = Canvas::new(size, Theme::Light).unwrap();
            draw(&mut canvas, &loaded);
            let major = Theme::Light.class(Class::Major);
            let fills = canvas.shapes.iter().filter_map(|shape| match shape {
                Shape::Fill { frames, colour, .. } => Some((frames[0], *colour)),
                _ => None,
            });
            // The first is in the legend.
            let (at, rare) =
                fills.clone().enumerate().filter(|(_, fill)| fill.1 == major).nth(1).unwrap();
            assert_eq!(rare.0.width(), canvas.thin() as i32, "{size:?}");
            let above = fills.skip(at + 1).filter(|(frame, _)| {
                frame.left < rare.0.right && rare.0.left < frame.right && frame.bottom > rare.0.top
            });
            assert_eq!(above.count(), 0, "{size:?}");
            let is_line = |shape: &Shape| matches!(shape, Shape::Line { .. });
            assert!(!canvas.shapes.iter().any(is_line));
        }
    }

    #[test]
    fn sections_of_a_file_are_bars_of_their_own() {
        let mut loaded = made_up::empty();
        let analysis = &mut loaded.analysis;
        analysis.regions[TEXT as usize].label = b"server .text".to_vec();
        analysis.regions.push(Region { kind: RegionKind::Data, label: b"server .data".to_vec() });
        for mapping in [TEXT, TEXT, TEXT, MODEL, HEAP, NONE] {
            made_up::push(analysis, Row { mapping, ..Row::default() });
        }
        analysis.faults.region[2] = 3;
        let mut all = bars(&loaded);
        let figures = |bars: &[super::Bar]| {
            let figure = |bar: &super::Bar| (bar.name.clone(), bar.kind, bar.total());
            bars.iter().map(figure).collect::<Vec<_>>()
        };
        let expected = [
            ("/usr/bin/server .text", "text", 2),
            ("/srv/models/model.gguf", "file", 1),
            ("/usr/bin/server .data", "data", 1),
            ("[heap]", "heap", 1),
            ("[unknown]", "unknown", 1),
        ];
        assert_eq!(figures(&all), expected.map(|(name, kind, n)| (name.to_owned(), kind, n)));
        group(&mut all, 5);
        assert_eq!(all.len(), 5);
        group(&mut all, 3);
        assert_eq!(figures(&all)[2], ("3 more regions".to_owned(), "", 3));
        assert_eq!(all[2].stall_ns, 3_000);
    }
}
