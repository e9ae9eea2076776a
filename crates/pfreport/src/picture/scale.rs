//! Axes: values to pixels, and where to put labels.

use crate::units::{count, duration};

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
    pub const fn new(values: (f64, f64), pixels: (i32, i32)) -> Self {
        Self { from: values.0, to: values.1, from_pixel: pixels.0, to_pixel: pixels.1 }
    }

    /// The pixel of a value, within the range.
    pub fn pixel(&self, value: f64) -> i32 {
        let span = self.to - self.from;
        let share = if span > 0.0 { ((value - self.from) / span).clamp(0.0, 1.0) } else { 0.0 };
        self.from_pixel + (share * f64::from(self.to_pixel - self.from_pixel)).round() as i32
    }
}

/// The smallest of 1, 2, 5, 10, 20, … that divides `span` into at most `parts`.
pub fn nice_step(span: f64, parts: f64) -> f64 {
    let raw = (span / parts).max(f64::MIN_POSITIVE);
    let magnitude = 10_f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * magnitude >= raw * 0.999_999);
    factor.unwrap_or(10.0) * magnitude
}

/// Labels for counts from 0 to `max`.
pub fn count_ticks(max: f64) -> Ticks {
    let step = nice_step(max, 6.0).max(1.0);
    steps(step, max).map(|value| (value, count(value.round() as u64))).collect()
}

/// Labels for times from 0 to `max_ns`, in at most `parts` steps.
pub fn time_ticks(max_ns: f64, parts: f64) -> Ticks {
    let step = nice_step(max_ns, parts).max(1.0);
    steps(step, max_ns).map(|value| (value, duration(value.round() as u64))).collect()
}

fn steps(step: f64, max: f64) -> impl Iterator<Item = f64> {
    let last = (max / step * 1.000_001).floor() as u32;
    (0..=last).map(move |i| f64::from(i) * step)
}

#[cfg(test)]
mod tests {
    use super::{Scale, count_ticks, nice_step, time_ticks};

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
        assert_eq!(labels(count_ticks(3.0)), ["0", "1", "2", "3"]);
        assert_eq!(labels(count_ticks(4_000.0)), ["0", "1,000", "2,000", "3,000", "4,000"]);
        assert_eq!(
            labels(time_ticks(4e9, 10.0)),
            ["0", "500 ms", "1 s", "1.5 s", "2 s", "2.5 s", "3 s", "3.5 s", "4 s"]
        );
    }

    #[test]
    fn values_map_into_the_range() {
        let scale = Scale::new((0.0, 10.0), (100, 0));
        assert_eq!([scale.pixel(0.0), scale.pixel(2.5), scale.pixel(99.0)], [100, 75, 0]);
        assert_eq!(Scale::new((1.0, 1.0), (5, 9)).pixel(1.0), 5);
    }
}
