//! How long faults took: a histogram with a logarithmic axis, one series per class.

use pfmodel::names::Class;
use pft::record::LATENCY_UNKNOWN;
use plotters::style::Color as _;

use super::canvas::{Canvas, Drawn, Frame, HEIGHT, TEXT, WIDTH};
use super::class_colour;
use super::scale::{Scale, Ticks, count_ticks};
use crate::load::Loaded;
use crate::units::{count, counted, duration};

/// Bars per factor of ten.
const BINS_PER_DECADE: f64 = 10.0;

/// Counts above this are drawn on a logarithmic axis, or rare classes would vanish.
const LINEAR_MAX: f64 = 60.0;

const FRAME: Frame = Frame { left: 110, top: 130, right: WIDTH - 40, bottom: HEIGHT - 70 };

/// Faults of one class by the bin of their latency.
struct Series {
    class: Class,
    bins: Vec<u64>,
    meaning: String,
}

pub fn draw(canvas: &Canvas<'_>, loaded: &Loaded) -> Drawn {
    let faults = &loaded.analysis.faults;
    let known =
        || faults.latency_ns.iter().zip(&faults.class).filter(|&(&ns, _)| ns != LATENCY_UNKNOWN);
    let shown = known().count();
    let unknown = faults.len() - shown;
    let mut subtitle = "entry to completion".to_owned();
    if unknown > 0 {
        subtitle.push_str(&format!(
            "; {} of unknown latency not shown",
            counted(unknown as u64, "fault")
        ));
    }
    canvas.title(loaded, &format!("latency of {}", counted(shown as u64, "fault")), &subtitle)?;
    let (Some(min), Some(max)) =
        (known().map(|(&ns, _)| ns).min(), known().map(|(&ns, _)| ns).max())
    else {
        return canvas.nothing("no fault with known latency");
    };

    let first_bin = bin(min).floor();
    let bins = (bin(max).floor() - first_bin) as usize + 1;
    let series = series(known(), first_bin, bins);
    let highest = series.iter().flat_map(|series| &series.bins).copied().max().unwrap_or(1) as f64;

    // Room on both sides, and at least a factor of ten, or there would be nothing to label.
    let margin = ((BINS_PER_DECADE - bins as f64) / 2.0).ceil().max(1.0);
    let from = first_bin - margin;
    let to = first_bin + bins as f64 + margin;
    let horizontal = Scale::new((from, to), (FRAME.left, FRAME.right));
    canvas.horizontal_axis(FRAME, horizontal, &latency_ticks(from, to), "latency (logarithmic)")?;

    let logarithmic = highest > LINEAR_MAX;
    // On the logarithmic axis a single fault stands half a decade high.
    let height = |n: f64| if logarithmic { n.max(0.3).log10() } else { n };
    let floor = if logarithmic { height(0.3) } else { 0.0 };
    let ceiling = if logarithmic { highest.log10() + 0.15 } else { highest * 1.08 };
    let vertical = Scale::new((floor, ceiling), (FRAME.bottom, FRAME.top));
    let ticks = if logarithmic { decade_ticks(highest) } else { count_ticks(highest) };
    let name = if logarithmic { "faults per bar (logarithmic)" } else { "faults per bar" };
    canvas.vertical_axis(FRAME, vertical, &ticks, name)?;

    for series in &series {
        steps(canvas, series, first_bin, horizontal, |n| vertical.pixel(height(n as f64)))?;
    }
    let legend: Vec<_> =
        series.into_iter().map(|series| (class_colour(series.class), series.meaning)).collect();
    // Two entries a line: with their percentiles they are long.
    for (line, entries) in (0..).zip(legend.chunks(2)) {
        canvas.legend((FRAME.left, 84 + line * (TEXT + 7)), entries)?;
    }
    Ok(())
}

fn series<'a>(
    known: impl Iterator<Item = (&'a u64, &'a Class)>,
    first_bin: f64,
    bins: usize,
) -> Vec<Series> {
    let mut latencies = vec![Vec::new(); Class::ALL.len()];
    for (&ns, &class) in known {
        latencies[class as usize].push(ns);
    }
    let class_series = |(&class, mut ns): (&Class, Vec<u64>)| {
        let mut counts = vec![0_u64; bins];
        for &ns in &ns {
            counts[((bin(ns).floor() - first_bin) as usize).min(bins - 1)] += 1;
        }
        let mut rank = |share: f64| {
            let index = (share * ns.len() as f64).ceil() as usize;
            let index = index.saturating_sub(1).min(ns.len().saturating_sub(1));
            *ns.select_nth_unstable(index).1
        };
        let meaning = format!(
            "{}: {} faults, p50 {}, p99 {}",
            class.as_str(),
            count(counts.iter().sum()),
            duration(rank(0.5)),
            duration(rank(0.99))
        );
        Series { class, bins: counts, meaning }
    };
    let classes = Class::ALL.iter().zip(latencies).filter(|(_, ns)| !ns.is_empty());
    classes.map(class_series).collect()
}

/// Position of a latency on the axis, in bins.
fn bin(ns: u64) -> f64 {
    (ns.max(1) as f64).log10() * BINS_PER_DECADE
}

/// The steps of one series, filled lightly so that others show through; empty bins stay blank.
fn steps(
    canvas: &Canvas<'_>,
    series: &Series,
    first_bin: f64,
    horizontal: Scale,
    vertical: impl Fn(u64) -> i32,
) -> Drawn {
    let colour = class_colour(series.class);
    let mut outline = Vec::new();
    // An empty bin behind the last closes its outline.
    for (i, &n) in series.bins.iter().chain([&0]).enumerate() {
        let left = horizontal.pixel(first_bin + i as f64);
        let right = horizontal.pixel(first_bin + i as f64 + 1.0);
        if n == 0 {
            if !outline.is_empty() {
                outline.push((left, FRAME.bottom));
                canvas.line(std::mem::take(&mut outline), &colour, 2)?;
            }
            continue;
        }
        let top = vertical(n);
        canvas.fill(Frame { left, top, right, bottom: FRAME.bottom }, colour.mix(0.35))?;
        if outline.is_empty() {
            outline.push((left, FRAME.bottom));
        }
        outline.extend([(left, top), (right, top)]);
    }
    Ok(())
}

/// Powers of ten as times; with few of them also their doubles and fivefolds.
fn latency_ticks(from: f64, to: f64) -> Ticks {
    let decades = (to - from) / BINS_PER_DECADE;
    let factors: &[u64] = if decades <= 3.0 { &[1, 2, 5] } else { &[1] };
    (0..20)
        .filter_map(|exponent| 10_u64.checked_pow(exponent))
        .flat_map(|power| factors.iter().filter_map(move |factor| power.checked_mul(*factor)))
        .map(|ns| (bin(ns), duration(ns)))
        .filter(|(at, _)| (from..=to).contains(at))
        .collect()
}

fn decade_ticks(highest: f64) -> Ticks {
    let decades = highest.log10().floor() as u32;
    (0..=decades).map(|d| (f64::from(d), count(10_u64.saturating_pow(d)))).collect()
}
