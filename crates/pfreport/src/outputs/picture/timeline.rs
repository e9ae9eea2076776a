//! When faults happened, and when they stalled threads.

use super::axes::time_name;
use super::canvas::Canvas;
use super::marks::Marks;
use super::shape::Frame;
use crate::figures::scope::Scope;
use crate::load::Loaded;
use crate::outputs::plot::scale::{Scale, count_ticks, nice_step, time_ticks};
use crate::outputs::plot::{STACK, Span, level};
use crate::print::units::{counted, duration};

/// Bars that fit well, and that fit a small picture.
const BARS: [f64; 2] = [200.0, 100.0];

/// What happened in one stretch of time, by class.
type Bar = [f64; STACK.len()];

pub fn draw(canvas: &mut Canvas, loaded: &Loaded) {
    let analysis = &loaded.analysis;
    let faults = counted(analysis.faults.len() as u64, "fault");
    let span = Span::of(loaded);
    let bar_ns = bar_ns(canvas, span);
    let bar = duration(bar_ns as u64);
    let has_latencies = Scope::of(loaded).latency;
    let stalls = if has_latencies {
        format!("a stall of {bar} per bar is one thread that waits all the time")
    } else {
        "latencies were not recorded".to_owned()
    };
    let (faults_per_bar, stall) = bars(loaded, bar_ns, span);
    let highest = |bars: &[Bar]| {
        let highest = bars.iter().map(|bar| bar.iter().sum()).fold(0.0, f64::max);
        if highest > 0.0 { highest } else { 1.0 }
    };
    let highest = [highest(&faults_per_bar), highest(&stall)];

    let em = canvas.em;
    // Labels have the same room on both panels.
    let parts = (f64::from(canvas.height) / f64::from(em * 6)).clamp(2.0, 6.0);
    let ticks = [count_ticks(highest[0], parts), time_ticks(highest[1], parts)];
    let left = canvas.axis_width(&[&ticks[0], &ticks[1]]);
    let right = canvas.width - em * 2;
    let horizontal = Scale::new((span.from_ns, span.to_ns), (left, right));
    let marks = Marks::new(canvas, loaded, (span, horizontal), right);
    let subtitle = format!("one bar is {bar}; {stalls}{}", marks.note());
    let length = match loaded.windows() {
        [] => loaded.recorded_length(),
        _ => duration(loaded.recorded_ns()),
    };
    let title = format!("{faults} in {length}");
    if analysis.faults.is_empty() {
        return canvas.nothing(loaded, &title, "no faults");
    }
    let top = canvas.title(loaded, &title, &subtitle);
    let present: Vec<_> = STACK
        .iter()
        .filter(|&&class| faults_per_bar.iter().any(|bar| bar[level(class)] > 0.0))
        .map(|&class| (canvas.theme.class(class), class.as_str().to_owned()))
        .collect();
    let top = canvas.legend((left, top + em / 2), &present) + marks.room(canvas) + em / 4;

    let bottom = canvas.height - canvas.axis_height(true) - em / 2;
    let between = canvas.axis_height(false) + em;
    // Without latencies there is nothing to show below.
    let middle = if has_latencies { top + (bottom - top - between) * 11 / 20 } else { bottom };
    let upper = Frame { left, top, right, bottom: middle };
    let lower = Frame { left, top: middle + between, right, bottom };
    let [fault_ticks, stall_ticks] = &ticks;
    let scales = |frame: Frame, highest: f64| {
        (horizontal, Scale::new((0.0, highest * 1.05), (frame.bottom, frame.top)))
    };
    let per = if canvas.height > 30 * em { format!(" per {bar}") } else { String::new() };
    let times = canvas.times(upper, span);
    let name = if has_latencies { String::new() } else { time_name(loaded, span) };
    let scale = scales(upper, highest[0]);
    canvas.horizontal_axis(upper, horizontal, &times, &name);
    canvas.vertical_axis(upper, scale.1, fault_ticks, &format!("faults{per}"));
    panel(canvas, scale, (span, bar_ns), &faults_per_bar);
    if has_latencies {
        let scale = scales(lower, highest[1]);
        canvas.horizontal_axis(lower, horizontal, &times, &time_name(loaded, span));
        canvas.vertical_axis(lower, scale.1, stall_ticks, &format!("stall{per}"));
        panel(canvas, scale, (span, bar_ns), &stall);
        marks.draw(canvas, &[upper, lower]);
    } else {
        marks.draw(canvas, &[upper]);
    }
}

/// Time that one bar stands for, nanoseconds.
pub fn bar_ns(canvas: &Canvas, span: Span) -> f64 {
    let bars = BARS[usize::from(canvas.width < 50 * canvas.em)];
    nice_step(span.length_ns(), bars).max(1.0)
}

/// Faults, and the stall time of all threads in nanoseconds, per bar.
fn bars(loaded: &Loaded, bar_ns: f64, span: Span) -> (Vec<Bar>, Vec<Bar>) {
    let number = (span.length_ns() / bar_ns).ceil().max(1.0) as usize;
    let (mut faults, mut stall) = (vec![Bar::default(); number], vec![Bar::default(); number]);
    let table = &loaded.analysis.faults;
    let rows = table.time_ns.iter().zip(table.stalls_ns()).zip(table.class.iter());
    for (row, ((&time_ns, stall_ns), &class)) in rows.enumerate() {
        let level = level(class);
        let from = time_ns as f64 - span.from_ns;
        let first = ((from / bar_ns) as usize).min(number - 1);
        faults[first][level] += 1.0;
        let Some(stall_ns) = stall_ns else { continue };
        // A long stall covers several bars.
        let to = loaded.stalled_until_ns(row, stall_ns) as f64 - span.from_ns;
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
    canvas: &mut Canvas,
    (horizontal, vertical): (Scale, Scale),
    (span, bar_ns): (Span, f64),
    bars: &[Bar],
) {
    let mut parts: [Vec<Frame>; STACK.len()] = Default::default();
    let least = canvas.thin() as i32;
    for (i, bar) in bars.iter().enumerate() {
        let left = horizontal.pixel(span.from_ns + i as f64 * bar_ns);
        let right = horizontal.pixel(span.from_ns + (i + 1) as f64 * bar_ns).max(left + 1);
        for (level, top, bottom) in stack(bar, vertical, least) {
            if let Some(frames) = parts.get_mut(level) {
                frames.push(Frame { left, top, right, bottom });
            }
        }
    }
    for (class, frames) in STACK.into_iter().zip(parts) {
        canvas.fills(frames, canvas.theme.class(class), 1.0);
    }
}

/// Levels of the parts of a bar with their upper and lower edges. The smallest part still shows: those above it
/// move up, so that none covers another.
fn stack(bar: &Bar, vertical: Scale, least: i32) -> Vec<(usize, i32, i32)> {
    let (mut sum, mut edge) = (0.0, vertical.pixel(0.0));
    let mut parts = Vec::new();
    for (level, &part) in bar.iter().enumerate().filter(|&(_, &part)| part > 0.0) {
        sum += part;
        let top = vertical.pixel(sum).min(edge - least);
        parts.push((level, top, edge));
        edge = top;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{bars, stack};
    use crate::made_up::{self, Row};
    use crate::outputs::plot::Span;
    use crate::outputs::plot::scale::Scale;

    #[test]
    fn stalls_spread_over_the_bars_they_cover() {
        let mut loaded = made_up::empty();
        let analysis = &mut loaded.analysis;
        analysis.duration_ns = 40;
        made_up::push(analysis, Row { latency: Some(100), ..Row::default() });
        analysis.faults.before_ns = vec![96];
        made_up::push(analysis, Row { time: 5, latency: Some(20), ..Row::default() });
        made_up::push(analysis, Row { time: 39, latency: None, ..Row::default() });
        let (faults, stall) = bars(&loaded, 10.0, Span { from_ns: 0.0, to_ns: 40.0 });
        let minor = |bars: Vec<super::Bar>| bars.iter().map(|bar| bar[2]).collect::<Vec<_>>();
        assert_eq!(minor(faults), [2.0, 0.0, 0.0, 1.0]);
        assert_eq!(minor(stall), [9.0, 10.0, 5.0, 0.0]);
        let (faults, stall) = bars(&loaded, 10.0, Span { from_ns: 4.0, to_ns: 14.0 });
        assert_eq!((minor(faults), minor(stall)), (vec![3.0], vec![9.0]));
    }
    #[test]
    fn a_rare_class_is_not_covered() {
        let vertical = Scale::new((0.0, 60_000.0), (300, 0));
        let bar = [1.0, 0.0, 59_998.0, 1.0, 0.0];
        assert_eq!(stack(&bar, vertical, 2), [(0, 298, 300), (2, 0, 298), (3, -2, 0)]);
        assert_eq!(stack(&[0.0, 20_000.0, 0.0, 0.0, 0.0], vertical, 1), [(1, 200, 300)]);
        assert_eq!(stack(&[0.0; 5], vertical, 1), []);
    }
}
