//! How much memory had been touched when, and how often pages faulted again.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use pfmodel::names::{Class, RegionKind};

use super::axes::time_name;
use super::canvas::Canvas;
use super::marks::Marks;
use super::shape::{Frame, Side};
use super::theme::Theme;
use super::timeline::bar_ns;
use crate::figures::pages;
use crate::load::Loaded;
use crate::outputs::plot::Span;
use crate::outputs::plot::scale::{Scale, byte_ticks, count_ticks};
use crate::print::units::{bytes, count, duration};

/// Kinds of memory from the bottom of the stack to its top.
const KINDS: [&str; 7] =
    ["programs and libraries", "files", "heap", "anonymous", "stacks", "shared memory", "other"];

const fn kind(region: RegionKind) -> usize {
    match region {
        RegionKind::Text | RegionKind::Rodata | RegionKind::Data | RegionKind::Bss => 0,
        RegionKind::File => 1,
        RegionKind::Heap => 2,
        RegionKind::Anon => 3,
        RegionKind::Stack | RegionKind::ThreadStack => 4,
        RegionKind::Shmem => 5,
        _ => 6,
    }
}

/// What each stretch of time added.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Growth {
    /// Bytes touched for the first time, by kind.
    first_bytes: Vec<[u64; KINDS.len()]>,
    /// Faults of pages that had faulted before.
    again: Vec<u64>,
    /// Distinct pages.
    pages: u64,
}

impl Growth {
    /// Walks the table once. Failed faults touch nothing; a page counts once for each size that it was
    /// installed in, as in the tables.
    fn of(loaded: &Loaded, span: Span, bar_ns: f64) -> Self {
        let analysis = &loaded.analysis;
        let faults = &analysis.faults;
        let bars = (span.length_ns() / bar_ns).ceil().max(1.0) as usize;
        let mut growth =
            Self { first_bytes: vec![[0; KINDS.len()]; bars], again: vec![0; bars], pages: 0 };
        let mut seen = HashSet::with_hasher(RandomState::default());
        let keys = pages::keys(analysis, loaded.header.page_size_bytes);
        let places =
            faults.class.iter().zip(faults.region.iter()).zip(faults.page_size_bytes.iter());
        let rows = keys.into_iter().zip(&faults.time_ns).zip(places);
        for ((key, &time_ns), ((&class, &region), &size)) in rows {
            if class == Class::Failed {
                continue;
            }
            let bar = (((time_ns as f64 - span.from_ns) / bar_ns) as usize).min(bars - 1);
            if seen.insert((key, size)) {
                let region = analysis.regions.get(region as usize);
                let kind = region.map_or(KINDS.len() - 1, |region| kind(region.kind));
                let bytes = &mut growth.first_bytes[bar][kind];
                *bytes = bytes.saturating_add(size);
                growth.pages += 1;
            } else {
                growth.again[bar] += 1;
            }
        }
        growth
    }

    fn total(&self, kind: usize) -> u64 {
        self.first_bytes.iter().map(|bar| bar[kind]).fold(0, u64::saturating_add)
    }
}

pub fn draw(canvas: &mut Canvas, loaded: &Loaded) {
    let em = canvas.em;
    let span = Span::of(loaded);
    let bar_ns = bar_ns(canvas, span);
    let growth = Growth::of(loaded, span, bar_ns);
    let totals: Vec<u64> = (0..KINDS.len()).map(|kind| growth.total(kind)).collect();
    let touched: u64 = totals.iter().sum();
    let repeats: u64 = growth.again.iter().sum();
    let most_again = growth.again.iter().copied().max().unwrap_or(0).max(1);

    let parts = (f64::from(canvas.height) / f64::from(em * 5)).clamp(2.0, 8.0);
    let ticks = byte_ticks(touched.max(1) as f64, parts);
    let again_ticks = count_ticks(most_again as f64, (parts / 2.0).clamp(2.0, 4.0));
    let left = canvas.axis_width(&[&ticks, &again_ticks]);
    let right = canvas.width - em * 2;
    let horizontal = Scale::new((span.from_ns, span.to_ns), (left, right));
    let marks = Marks::new(canvas, loaded, (span, horizontal), right);
    let unseen = match loaded.selection {
        None => "before the recording",
        Some(_) => "by faults that are not selected",
    };
    let traces = if loaded.are_several() { "; traces added up" } else { "" };
    let subtitle = format!(
        "each page once, at its first fault: a lower bound (pages mapped without a fault or {unseen} are not seen); \
         memory that was given back stays counted{traces}{}",
        marks.note()
    );
    let title = format!("{} touched, {} pages", bytes(touched), count(growth.pages));
    if growth.pages == 0 {
        return canvas.nothing(loaded, &title, "no page was touched");
    }
    let top = canvas.title(loaded, &title, &subtitle);
    let legend: Vec<_> = (0..KINDS.len())
        .filter(|&kind| totals[kind] > 0)
        .map(|kind| (Theme::kind(kind), format!("{} {}", KINDS[kind], bytes(totals[kind]))))
        .collect();
    let top = canvas.legend((left, top + em / 2), &legend) + marks.room(canvas) + em / 4;
    let bottom = canvas.height - canvas.axis_height(true) - em / 2;
    let between = canvas.axis_height(false) + em * 3 / 2;
    let middle = if repeats > 0 { top + (bottom - top - between) * 7 / 10 } else { bottom };
    let upper = Frame { left, top, right, bottom: middle };
    let times = canvas.times(upper, span);
    let vertical = Scale::new((0.0, touched as f64 * 1.05), (upper.bottom, upper.top));
    let name = if repeats > 0 { String::new() } else { time_name(loaded, span) };
    canvas.horizontal_axis(upper, horizontal, &times, &name);
    canvas.vertical_axis(upper, vertical, &ticks, "touched");
    areas(canvas, &growth, (span, bar_ns), horizontal, vertical);
    if repeats == 0 {
        return marks.draw(canvas, &[upper]);
    }
    let lower = Frame { left, top: middle + between, right, bottom };
    let vertical = Scale::new((0.0, most_again as f64 * 1.05), (lower.bottom, lower.top));
    canvas.horizontal_axis(lower, horizontal, &times, &time_name(loaded, span));
    canvas.vertical_axis(lower, vertical, &again_ticks, "again");
    repeated(canvas, &growth, (span, bar_ns), horizontal, vertical);
    let what = format!(
        "faults of pages touched before, per {}: {} in all",
        duration(bar_ns as u64),
        count(repeats)
    );
    let size = canvas.small();
    let what = canvas.fit(&what, size, right - left);
    let at = (left, lower.top - size * 5 / 8);
    canvas.text(&what, at, size, canvas.theme.secondary(), Side::Right);
    marks.draw(canvas, &[upper, lower]);
}

/// Faults of pages that had faulted before, a bar each.
fn repeated(
    canvas: &mut Canvas,
    growth: &Growth,
    (span, bar_ns): (Span, f64),
    horizontal: Scale,
    vertical: Scale,
) {
    let bottom = vertical.pixel(0.0);
    let bar = |(i, &n): (usize, &u64)| {
        let left = horizontal.pixel(span.from_ns + i as f64 * bar_ns);
        let right = horizontal.pixel(span.from_ns + (i + 1) as f64 * bar_ns).max(left + 1);
        (n > 0).then(|| Frame {
            left,
            top: vertical.pixel(n as f64).min(bottom - 1),
            right,
            bottom,
        })
    };
    let bars = growth.again.iter().enumerate().filter_map(bar).collect();
    canvas.fills(bars, canvas.theme.stall(), 1.0);
}

/// What had been touched by the end of each bar, kinds stacked; equal neighbours are one rectangle.
fn areas(
    canvas: &mut Canvas,
    growth: &Growth,
    (span, bar_ns): (Span, f64),
    horizontal: Scale,
    vertical: Scale,
) {
    let mut sums = [0_u64; KINDS.len()];
    let mut frames: [Vec<Frame>; KINDS.len()] = Default::default();
    for (i, bar) in growth.first_bytes.iter().enumerate() {
        let left = horizontal.pixel(span.from_ns + i as f64 * bar_ns);
        let right = horizontal.pixel(span.from_ns + (i + 1) as f64 * bar_ns);
        let mut below = 0_u64;
        for ((sum, &more), frames) in sums.iter_mut().zip(bar).zip(&mut frames) {
            *sum = sum.saturating_add(more);
            let bottom = vertical.pixel(below as f64);
            below = below.saturating_add(*sum);
            let top = vertical.pixel(below as f64);
            match frames.last_mut() {
                Some(last) if (last.top, last.bottom, last.right) == (top, bottom, left) => {
                    last.right = right;
                }
                _ => frames.push(Frame { left, top, right, bottom }),
            }
        }
    }
    for (kind, frames) in frames.into_iter().enumerate() {
        canvas.fills(frames, Theme::kind(kind), 1.0);
    }
}

#[cfg(test)]
mod tests {
    use pfmodel::names::Class;

    use super::Growth;
    use crate::made_up::{self, HEAP, MODEL, Row};
    use crate::outputs::plot::Span;

    #[test]
    fn pages_count_at_their_first_fault() {
        let mut loaded = made_up::empty();
        let failed = Class::Failed;
        for (time, mapping, addr, size, class) in [
            (0, HEAP, 0x100_0000, 4_096, Class::Minor),
            (1_000_000_000, HEAP, 0x100_0800, 4_096, Class::Cow),
            (2_500_000_000, MODEL, 0x7f00_0000_0000, 4_096, Class::Major),
            (2_600_000_000, MODEL, 0x7f00_0020_0000, 2 << 20, Class::Minor),
            (9_999_999_999, HEAP, 0x100_1000, 4_096, failed),
        ] {
            let row = Row { time, mapping, addr, size, class, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        let growth = Growth::of(&loaded, Span::of(&loaded), 2e9);
        assert_eq!((growth.pages, growth.first_bytes.len()), (3, 5));
        assert_eq!(growth.first_bytes[0], [0, 0, 4_096, 0, 0, 0, 0]);
        assert_eq!(growth.first_bytes[1], [0, 4_096 + (2 << 20), 0, 0, 0, 0, 0]);
        assert_eq!(growth.again, [1, 0, 0, 0, 0]);
    }
}
