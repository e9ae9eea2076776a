//! When faults happened, and when they stalled threads.

use pfmodel::table::Analysis;
use plotters::style::Color as _;

use super::canvas::{Canvas, Drawn, Frame, GREY, HEIGHT, Side, TEXT, WIDTH};
use super::marks::Marks;
use super::scale::{Scale, Ticks, count_ticks, nice_step, time_ticks};
use super::{STACK, class_colour};
use crate::load::Loaded;
use crate::scope::Scope;
use crate::units::{counted, duration};

/// Bars that fit well.
const BARS: f64 = 200.0;

const FAULTS: Frame = Frame { left: 110, top: 140, right: WIDTH - 40, bottom: 430 };
const STALL: Frame = Frame { left: 110, top: 500, right: WIDTH - 40, bottom: HEIGHT - 70 };

/// What happened in one stretch of time, by class.
type Bar = [f64; STACK.len()];

pub fn draw(canvas: &Canvas<'_>, loaded: &Loaded) -> Drawn {
    let analysis = &loaded.analysis;
    let faults = counted(analysis.faults.len() as u64, "fault");
    let length_ns = length_ns(analysis);
    let bar_ns = nice_step(length_ns as f64, BARS).max(1.0);
    let bar = duration(bar_ns as u64);
    let has_latencies = Scope::of(loaded).latency;
    let stalls = if has_latencies {
        format!("a stall of {bar} per bar is one thread that waits all the time")
    } else {
        "latencies were not recorded".to_owned()
    };
    let horizontal = Scale::new((0.0, length_ns as f64), (FAULTS.left, FAULTS.right));
    let marks = Marks::new(canvas, loaded, horizontal, FAULTS.right);
    let subtitle = format!("one bar is {bar}; {stalls}{}", marks.note());
    canvas.title(loaded, &format!("{faults} in {}", loaded.recorded_length()), &subtitle)?;
    if analysis.faults.is_empty() {
        return canvas.nothing("no faults");
    }
    let (faults, stall) = bars(analysis, bar_ns, length_ns);
    let present: Vec<_> = STACK
        .iter()
        .enumerate()
        .filter(|&(i, _)| faults.iter().any(|bar| bar[i] > 0.0))
        .map(|(_, &class)| (class_colour(class), class.as_str().to_owned()))
        .collect();
    canvas.legend((FAULTS.left, 92), &present)?;

    let length = length_ns as f64;
    let name = format!("faults per {}", duration(bar_ns as u64));
    panel(canvas, FAULTS, &faults, (bar_ns, length), &name, "", count_ticks)?;
    let name = format!("stall per {}", duration(bar_ns as u64));
    let time = "time since the start of the recording";
    panel(canvas, STALL, &stall, (bar_ns, length), &name, time, stall_ticks)?;
    if !has_latencies {
        let middle = ((STALL.left + STALL.right) / 2, (STALL.top + STALL.bottom) / 2);
        canvas.text("latencies were not recorded", middle, TEXT, &GREY, Side::Below)?;
    }
    marks.draw(canvas, [FAULTS, STALL])
}

fn stall_ticks(max_ns: f64) -> Ticks {
    time_ticks(max_ns, 5.0)
}

/// The recording's length, or the last fault should that be later.
pub fn length_ns(analysis: &Analysis) -> u64 {
    let last = analysis.faults.time_ns.last().map_or(0, |ns| ns.saturating_add(1));
    analysis.duration_ns.max(last).max(1)
}

/// Faults, and the stall time of all threads in nanoseconds, per bar.
fn bars(analysis: &Analysis, bar_ns: f64, length_ns: u64) -> (Vec<Bar>, Vec<Bar>) {
    let number = (length_ns as f64 / bar_ns).ceil() as usize;
    let (mut faults, mut stall) = (vec![Bar::default(); number], vec![Bar::default(); number]);
    let table = &analysis.faults;
    let rows = table.time_ns.iter().zip(table.stalls_ns()).zip(&table.class);
    for ((&time_ns, stall_ns), &class) in rows {
        let level = STACK.iter().position(|&c| c == class).unwrap_or(0);
        let first = ((time_ns as f64 / bar_ns) as usize).min(number - 1);
        faults[first][level] += 1.0;
        let Some(stall_ns) = stall_ns else { continue };
        // A long stall covers several bars.
        let (from, to) = (time_ns as f64, time_ns as f64 + stall_ns as f64);
        for (i, bar) in stall.iter_mut().enumerate().skip(first) {
            let (left, right) = (i as f64 * bar_ns, (i + 1) as f64 * bar_ns);
            if left >= to {
                break;
            }
            bar[level] += (to.min(right) - from.max(left)).max(0.0);
        }
    }
    (faults, stall)
}

fn panel(
    canvas: &Canvas<'_>,
    frame: Frame,
    bars: &[Bar],
    (bar_ns, length_ns): (f64, f64),
    name: &str,
    time_name: &str,
    ticks: fn(f64) -> Ticks,
) -> Drawn {
    let highest = bars.iter().map(|bar| bar.iter().sum()).fold(0.0, f64::max);
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let horizontal = Scale::new((0.0, length_ns), (frame.left, frame.right));
    let vertical = Scale::new((0.0, highest * 1.05), (frame.bottom, frame.top));
    canvas.horizontal_axis(frame, horizontal, &time_ticks(length_ns, 10.0), time_name)?;
    canvas.vertical_axis(frame, vertical, &ticks(highest), name)?;
    for (i, bar) in bars.iter().enumerate() {
        let left = horizontal.pixel(i as f64 * bar_ns);
        let right = horizontal.pixel((i + 1) as f64 * bar_ns).max(left + 1);
        let mut below = 0.0;
        for (level, &class) in STACK.iter().enumerate() {
            if bar[level] > 0.0 {
                let bottom = vertical.pixel(below);
                below += bar[level];
                // The smallest part still shows.
                let top = vertical.pixel(below).min(bottom - 1);
                let part = Frame { left, top, right, bottom };
                canvas.fill(part, class_colour(class).to_rgba())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{bars, length_ns};
    use crate::sample::{self, Row};

    #[test]
    fn stalls_spread_over_the_bars_they_cover() {
        let mut analysis = sample::empty().analysis;
        analysis.duration_ns = 40;
        sample::push(&mut analysis, Row { latency: Some(100), ..Row::default() });
        analysis.faults.before_ns = vec![96];
        sample::push(&mut analysis, Row { time: 5, latency: Some(20), ..Row::default() });
        sample::push(&mut analysis, Row { time: 39, latency: None, ..Row::default() });
        let (faults, stall) = bars(&analysis, 10.0, length_ns(&analysis));
        let minor = |bars: Vec<[f64; 4]>| bars.iter().map(|bar| bar[2]).collect::<Vec<_>>();
        assert_eq!(minor(faults), [2.0, 0.0, 0.0, 1.0]);
        assert_eq!(minor(stall), [9.0, 10.0, 5.0, 0.0]);
    }
}
