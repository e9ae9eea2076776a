//! Axes: values to pixels, and where to put labels.

use super::Span;
use crate::print::units::{MINUTE, bytes, count, duration, exact_duration};

/// Values and their labels.
pub type Ticks = Vec<(f64, String)>;

/// A linear map from values to pixels.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    from: f64,
    to: f64,
    from_pixel: i32,
    to_pixel: i32,
}

impl Scale {
    /// Maps `values.0..values.1` to `pixels.0..pixels.1`.
    #[must_use]
    pub const fn new(values: (f64, f64), pixels: (i32, i32)) -> Self {
        Self { from: values.0, to: values.1, from_pixel: pixels.0, to_pixel: pixels.1 }
    }

    /// The pixel of a value, within the range.
    #[must_use]
    pub fn pixel(&self, value: f64) -> i32 {
        let span = self.to - self.from;
        let share = if span > 0.0 { ((value - self.from) / span).clamp(0.0, 1.0) } else { 0.0 };
        self.from_pixel + (share * f64::from(self.to_pixel - self.from_pixel)).round() as i32
    }
}

/// The smallest of 1, 2, 5, 10, 20, … that divides `span` into at most `parts`.
#[must_use]
pub fn nice_step(span: f64, parts: f64) -> f64 {
    let raw = (span / parts).max(f64::MIN_POSITIVE);
    let magnitude = 10_f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * magnitude >= raw * 0.999_999);
    factor.unwrap_or(10.0) * magnitude
}

/// Labels for counts from 0 to `max`, in at most `parts` steps.
#[must_use]
pub fn count_ticks(max: f64, parts: f64) -> Ticks {
    let step = nice_step(max, parts).max(1.0);
    steps(step, max).map(|value| (value, count(value.round() as u64))).collect()
}

/// Labels for times from 0 to `max_ns`, in at most `parts` steps: beyond 50 s in minutes, then hours.
#[must_use]
pub fn time_ticks(max_ns: f64, parts: f64) -> Ticks {
    let step = time_step(max_ns / parts);
    steps(step, max_ns).map(|value| (value, clock(value.round() as u64))).collect()
}

/// Labels for moments of a span, in at most `parts` steps. Where it does not begin at 0 they have as many
/// decimals as it takes to tell them apart.
#[must_use]
pub fn span_ticks(span: Span, parts: f64) -> Ticks {
    if span.from_ns <= 0.0 {
        return time_ticks(span.to_ns, parts);
    }
    let step = time_step(span.length_ns() / parts);
    let first = (span.from_ns / step).ceil() as u64;
    let values = (first..).map(|i| i as f64 * step).take_while(|&ns| ns <= span.to_ns);
    let label = |ns: f64| if step < 1e9 { precise(ns, step) } else { clock(ns.round() as u64) };
    values.map(|ns| (ns, label(ns))).collect()
}

/// From when to when a span is, where that does not go without saying: it does not begin at 0.
#[must_use]
pub fn span_edges(span: Span) -> Option<String> {
    // A thousandth of it, or finer.
    let step = 10_f64.powf((span.length_ns() / 1_000.0).max(1.0).log10().floor());
    let label = |ns: f64| {
        if step >= 1e9 {
            return clock(ns.round() as u64);
        }
        let text = precise(ns, step);
        match text.split_once(' ') {
            Some((number, unit)) if number.contains('.') => {
                let number = number.trim_end_matches('0').trim_end_matches('.');
                format!("{number} {unit}")
            }
            _ => text,
        }
    };
    (span.from_ns > 0.0).then(|| format!("{} to {}", label(span.from_ns), label(span.to_ns)))
}

/// A moment in its largest unit, with the decimals of a step.
fn precise(ns: f64, step_ns: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let unit = UNITS.into_iter().find(|&(unit, _)| ns >= unit);
    let (unit, name) = unit.unwrap_or((1.0, "ns"));
    let decimals = (unit / step_ns).log10().ceil().max(0.0) as usize;
    format!("{:.decimals$} {name}", ns / unit)
}

/// The smallest of 1, 2, 5, 10, 20, … ns and so on that is at least `raw`; of minutes and hours what clocks have.
fn time_step(raw: f64) -> f64 {
    const SECOND: f64 = 1e9;
    const LONG: [f64; 11] =
        [60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0, 21_600.0, 43_200.0];
    if raw <= 50.0 * SECOND {
        return nice_step(raw, 1.0).max(1.0);
    }
    let long = LONG.into_iter().map(|seconds| seconds * SECOND);
    // Beyond half a day: whole days.
    let days = nice_step(raw / (86_400.0 * SECOND), 1.0).max(1.0) * 86_400.0 * SECOND;
    long.chain([days]).find(|&step| step >= raw * 0.999_999).unwrap_or(days)
}

/// A moment on an axis: as [`duration`], but whole, to be told from its neighbours.
fn clock(ns: u64) -> String {
    if ns == MINUTE || ns >= 2 * MINUTE { exact_duration(ns) } else { duration(ns) }
}

/// Labels for sizes from 0 to `max` bytes, in at most `parts` steps, each a power of two.
#[must_use]
pub fn byte_ticks(max: f64, parts: f64) -> Ticks {
    let step = 2_f64.powf((max / parts).max(1.0).log2().ceil());
    let label =
        |value: f64| if value == 0.0 { "0".to_owned() } else { bytes(value.round() as u64) };
    steps(step, max).map(|value| (value, label(value))).collect()
}

/// Powers of ten between two positions, in bins of which a factor of ten has so many, as times; where there is
/// room for more labels than that also their doubles and fivefolds.
#[must_use]
pub fn decade_times((from, to): (f64, f64), per_decade: f64, room: f64) -> Ticks {
    let decades = (to - from) / per_decade;
    let factors: &[u64] = if decades * 3.0 <= room { &[1, 2, 5] } else { &[1] };
    (0..20)
        .filter_map(|exponent| 10_u64.checked_pow(exponent))
        .flat_map(|power| factors.iter().filter_map(move |factor| power.checked_mul(*factor)))
        .map(|ns| ((ns as f64).log10() * per_decade, duration(ns)))
        .filter(|(at, _)| (from..=to).contains(at))
        .collect()
}

fn steps(step: f64, max: f64) -> impl Iterator<Item = f64> {
    let last = (max / step * 1.000_001).floor() as u32;
    (0..=last).map(move |i| f64::from(i) * step)
}

#[cfg(test)]
mod tests {
    use super::{
        Scale, Span, byte_ticks, count_ticks, decade_times, nice_step, span_edges, span_ticks,
        time_ticks,
    };

    fn labels(ticks: Vec<(f64, String)>) -> Vec<String> {
        ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn steps_are_round() {
        assert_eq!(nice_step(10.0, 10.0), 1.0);
        assert_eq!(nice_step(11.0, 10.0), 2.0);
        assert_eq!(nice_step(4_200.0, 10.0), 500.0);
    }

    #[test]
    fn labels_read_well() {
        assert_eq!(labels(count_ticks(3.0, 6.0)), ["0", "1", "2", "3"]);
        assert_eq!(labels(count_ticks(4_000.0, 6.0)), ["0", "1,000", "2,000", "3,000", "4,000"]);
        assert_eq!(
            labels(time_ticks(4e9, 10.0)),
            ["0", "500 ms", "1 s", "1.5 s", "2 s", "2.5 s", "3 s", "3.5 s", "4 s"]
        );
    }

    #[test]
    fn windows_have_the_decimals_that_tell_moments_apart() {
        let span = |from_ns, to_ns| labels(span_ticks(Span { from_ns, to_ns }, 4.0));
        assert_eq!(span(0.0, 4e9), ["0", "1 s", "2 s", "3 s", "4 s"]);
        assert_eq!(
            span(12.344e9, 12.348e9),
            ["12.344 s", "12.345 s", "12.346 s", "12.347 s", "12.348 s"]
        );
        assert_eq!(span(950e6, 1_050e6), ["950 ms", "1.00 s", "1.05 s"]);
        assert_eq!(span(65e9, 72e9), ["66 s", "68 s", "70 s", "72 s"]);
        assert_eq!(span(7_264e9, 7_272e9)[..2], ["2 h 1 min 4 s", "2 h 1 min 6 s"]);
    }

    #[test]
    fn windows_say_where_they_begin_and_end() {
        let edges = |from_ns, to_ns| span_edges(Span { from_ns, to_ns });
        assert_eq!(edges(0.0, 4e9), None);
        assert_eq!(edges(443_912_345.0, 998_802_777.0).as_deref(), Some("443.9 ms to 998.8 ms"));
        assert_eq!(edges(12.344e9, 12.348e9).as_deref(), Some("12.344 s to 12.348 s"));
        assert_eq!(edges(65e9, 72e9).as_deref(), Some("65 s to 72 s"));
        assert_eq!(edges(600e9, 7_200e9).as_deref(), Some("10 min to 2 h"));
        assert_eq!(edges(7.0, 8.0).as_deref(), Some("7 ns to 8 ns"));
    }

    #[test]
    fn long_recordings_have_a_clock() {
        let minute = 60e9;
        let times = |max_ns, parts| labels(time_ticks(max_ns, parts));
        assert_eq!(times(10.0 * minute, 5.0), ["0", "2 min", "4 min", "6 min", "8 min", "10 min"]);
        assert_eq!(times(75.0 * minute, 3.0), ["0", "30 min", "1 h"]);
        assert_eq!(times(90.0 * minute, 6.0)[4..], ["1 h", "1 h 15 min", "1 h 30 min"]);
        assert_eq!(times(40.0 * 24.0 * 60.0 * minute, 4.0), ["0", "10 d", "20 d", "30 d", "40 d"]);
        assert_eq!(times(1.0, 4.0), ["0", "1 ns"]);
    }

    #[test]
    fn sizes_are_powers_of_two() {
        assert_eq!(
            labels(byte_ticks(20_480.0, 6.0)),
            ["0", "4 KiB", "8 KiB", "12 KiB", "16 KiB", "20 KiB"]
        );
        assert_eq!(labels(byte_ticks(3e6, 3.0)), ["0", "1 MiB", "2 MiB"]);
    }

    #[test]
    fn latencies_are_powers_of_ten() {
        assert_eq!(
            labels(decade_times((20.0, 50.0), 10.0, 4.0)),
            ["100 ns", "1 µs", "10 µs", "100 µs"]
        );
        assert_eq!(
            labels(decade_times((19.0, 31.0), 10.0, 9.0)),
            ["100 ns", "200 ns", "500 ns", "1 µs"]
        );
    }

    #[test]
    fn values_map_into_the_range() {
        let scale = Scale::new((0.0, 10.0), (100, 0));
        assert_eq!([scale.pixel(0.0), scale.pixel(2.5), scale.pixel(99.0)], [100, 75, 0]);
        assert_eq!(Scale::new((1.0, 1.0), (5, 9)).pixel(1.0), 5);
    }
}
