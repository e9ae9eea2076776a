//! How long faults took: a histogram with a logarithmic axis, one series per class.

use super::canvas::Canvas;
use super::shape::Frame;
use crate::figures::scope::Scope;
use crate::load::Loaded;
use crate::outputs::plot::latencies::{Latencies, Series};
use crate::outputs::plot::scale::{Scale, Ticks, count_ticks, decade_times};
use crate::print::units::{count, counted, duration};

/// Bars per factor of ten.
const PER_DECADE: usize = 10;

/// Counts above this are drawn on a logarithmic axis, or rare classes would vanish.
const LINEAR_MAX: f64 = 60.0;

pub fn draw(canvas: &mut Canvas, loaded: &Loaded) {
    let latencies = Latencies::new(&loaded.analysis.faults, PER_DECADE);
    if latencies.known == 0 {
        let why = match (Scope::of(loaded).latency, latencies.unknown) {
            (false, _) => "latencies were not recorded",
            (true, 0) => "no faults",
            (true, _) => "no fault with known latency",
        };
        return canvas.nothing(loaded, "latency", why);
    }
    let mut subtitle = "entry to completion".to_owned();
    if latencies.unknown > 0 {
        let unknown = counted(latencies.unknown, "fault");
        subtitle.push_str(&format!("; {unknown} of unknown latency not shown"));
    }
    let title = format!("latency of {}", counted(latencies.known, "fault"));
    let top = canvas.title(loaded, &title, &subtitle);

    // Room on both sides, and at least a factor of ten, or there would be nothing to label.
    let margin = PER_DECADE.saturating_sub(latencies.bins).div_ceil(2).max(1) as f64;
    let from = latencies.first as f64 - margin;
    let to = (latencies.first + latencies.bins) as f64 + margin;

    let highest = latencies.highest() as f64;
    let logarithmic = highest > LINEAR_MAX;
    // On the logarithmic axis a single fault stands half a decade high.
    let height = |n: f64| if logarithmic { n.max(0.3).log10() } else { n };
    let floor = if logarithmic { height(0.3) } else { 0.0 };
    let ceiling = if logarithmic { highest.log10() + 0.15 } else { highest * 1.08 };
    let ticks = if logarithmic { decade_ticks(highest) } else { count_ticks(highest, 6.0) };
    let name = if logarithmic { "faults per bar (logarithmic)" } else { "faults per bar" };

    let em = canvas.em;
    let left = canvas.axis_width(&[&ticks]);
    let top = legend(canvas, (left, top + em / 2), &latencies.series) + em / 2;
    let bottom = canvas.height - canvas.axis_height(true) - em / 2;
    let frame = Frame { left, top, right: canvas.width - em * 2, bottom };
    let horizontal = Scale::new((from, to), (frame.left, frame.right));
    let labels = f64::from(frame.width()) / f64::from(canvas.text_width("100 µs", em) + em);
    let times = decade_times((from, to), PER_DECADE as f64, labels);
    canvas.horizontal_axis(frame, horizontal, &times, "latency (logarithmic)");
    let vertical = Scale::new((floor, ceiling), (frame.bottom, frame.top));
    canvas.vertical_axis(frame, vertical, &ticks, name);

    for series in &latencies.series {
        let x = |bin: usize| horizontal.pixel((latencies.first + bin) as f64);
        steps(canvas, series, frame.bottom, x, |n| vertical.pixel(height(n as f64)));
    }
}

/// What the colours mean, with percentiles where there is room for them.
fn legend(canvas: &mut Canvas, at: (i32, i32), series: &[Series]) -> i32 {
    let entry = |series: &Series, detailed: bool| {
        let mut meaning = format!("{}: {}", series.class.as_str(), counted(series.faults, "fault"));
        if detailed {
            let (p50, p99) = (duration(series.p50_ns), duration(series.p99_ns));
            meaning.push_str(&format!(", p50 {p50}, p99 {p99}"));
        }
        (canvas.theme.class(series.class), meaning)
    };
    let is_roomy = canvas.height > 18 * canvas.em;
    let entries: Vec<_> = series.iter().map(|series| entry(series, is_roomy)).collect();
    canvas.legend(at, &entries)
}

/// The steps of one series, filled lightly so that others show through; empty bins stay blank.
fn steps(
    canvas: &mut Canvas,
    series: &Series,
    bottom: i32,
    x: impl Fn(usize) -> i32,
    y: impl Fn(u64) -> i32,
) {
    let colour = canvas.theme.class(series.class);
    let width = 2 * canvas.thin();
    let (mut outline, mut outlines, mut bars) = (Vec::new(), Vec::new(), Vec::new());
    // An empty bin behind the last closes its outline.
    for (i, &n) in series.bins.iter().chain([&0]).enumerate() {
        let (left, right) = (x(i), x(i + 1));
        if n == 0 {
            if !outline.is_empty() {
                outline.push((left, bottom));
                outlines.push(std::mem::take(&mut outline));
            }
            continue;
        }
        let top = y(n);
        bars.push(Frame { left, top, right, bottom });
        if outline.is_empty() {
            outline.push((left, bottom));
        }
        outline.extend([(left, top), (right, top)]);
    }
    canvas.fills(bars, colour, 0.35);
    for outline in outlines {
        canvas.line(outline, colour, width);
    }
}

/// Powers of ten; of few also their doubles and fivefolds.
fn decade_ticks(highest: f64) -> Ticks {
    let factors: &[u64] = if highest < 1_000.0 { &[1, 2, 5] } else { &[1] };
    (0..=highest.log10().floor() as u32)
        .flat_map(|decade| {
            factors.iter().map(move |&n| n.saturating_mul(10_u64.saturating_pow(decade)))
        })
        .filter(|&n| n as f64 <= highest)
        .map(|n| ((n as f64).log10(), count(n)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::decade_ticks;

    #[test]
    fn few_decades_are_divided() {
        let labels = |highest| -> Vec<String> {
            decade_ticks(highest).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(61.0), ["1", "2", "5", "10", "20", "50"]);
        assert_eq!(labels(999.0)[6..], ["100", "200", "500"]);
        assert_eq!(labels(1_000.0), ["1", "10", "100", "1,000"]);
    }
}
