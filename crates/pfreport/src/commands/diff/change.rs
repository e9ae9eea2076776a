//! A value before and after, and whether the runs tell the two apart.

use crate::print::units::count;

/// A value in the runs of one side, in which it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// From low to high.
    sorted: Vec<u64>,
}

impl Values {
    /// Of each run; runs in which the value is not known count as absent.
    #[must_use]
    pub fn of(values: impl Iterator<Item = Option<u64>>) -> Self {
        let mut sorted: Vec<u64> = values.flatten().collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// The value in the middle, of an even number of runs the mean of the two there, rounded down;
    /// none if no run knows it.
    #[must_use]
    pub fn median(&self) -> Option<u64> {
        let upper = self.sorted.len() / 2;
        let lower = (self.sorted.len().checked_sub(1)?) / 2;
        Some(self.sorted.get(lower)?.midpoint(*self.sorted.get(upper)?))
    }

    /// The lowest and the highest value.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        Some((*self.sorted.first()?, *self.sorted.last()?))
    }

    /// Runs in which it is known.
    #[must_use]
    pub const fn runs(&self) -> usize {
        self.sorted.len()
    }
}

/// Whether a change is more than what runs differ by anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// One run a side tells nothing about it.
    Unknown,
    /// The ranges of the two sides have a value in common.
    Within,
    /// All runs of one side lie above all of the other.
    Beyond,
}

/// A value of both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Before.
    pub base: Values,
    /// After.
    pub new: Values,
}

impl Change {
    /// What the median changed by; none if a side does not know the value.
    #[must_use]
    pub fn difference(&self) -> Option<i128> {
        Some(i128::from(self.new.median()?) - i128::from(self.base.median()?))
    }

    /// How large that is.
    #[must_use]
    pub fn size(&self) -> u128 {
        self.difference().unwrap_or(0).unsigned_abs()
    }

    /// The change in percent of the base; none of a base of nothing, or if a side is not known.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        let base = self.base.median().filter(|&base| base > 0)?;
        Some(self.difference()? as f64 * 100.0 / base as f64)
    }

    /// Whether the runs tell the sides apart.
    #[must_use]
    pub fn noise(&self) -> Noise {
        match (self.base.range(), self.new.range()) {
            (Some(base), Some(new)) if self.base.runs() + self.new.runs() > 2 => {
                if base.0 <= new.1 && new.0 <= base.1 { Noise::Within } else { Noise::Beyond }
            }
            _ => Noise::Unknown,
        }
    }

    /// The change in percent as text: `-68 %`, `+<0.1 %`, `0 %`; `new` where there was nothing; `~` before
    /// it where it is within the noise; `-` if it is not known.
    #[must_use]
    pub fn percent_text(&self) -> String {
        let Some(difference) = self.difference() else {
            return "-".to_owned();
        };
        let text = match self.percent() {
            _ if difference == 0 => return "0 %".to_owned(),
            None => "new".to_owned(),
            Some(percent) => signed_percent(percent),
        };
        if self.noise() == Noise::Within { format!("~{text}") } else { text }
    }
}

/// `-68 %`, `+3.4 %`, `+1,200 %`, never rounded to nothing, nor to all when something is left.
fn signed_percent(percent: f64) -> String {
    let sign = if percent < 0.0 { '-' } else { '+' };
    match percent.abs() {
        size if size < 0.1 => format!("{sign}<0.1 %"),
        size if size < 9.95 => format!("{sign}{size:.1} %"),
        size if sign == '-' && (99.5..100.0).contains(&size) => {
            format!("-{:.1} %", (size * 10.0).floor() / 10.0)
        }
        size => format!("{sign}{} %", count(size.round() as u64)),
    }
}

/// How often in a hundred comparisons all of `base` runs lie above or below all of `new` runs when nothing
/// has changed: two of all the orders in which so many values can lie. It is the level of significance of
/// the strongest outcome of a test of Mann and Whitney.
#[must_use]
pub fn chance_percent(base: usize, new: usize) -> f64 {
    let mut orders = 1.0;
    for i in 1..=new {
        orders *= (base + i) as f64 / i as f64;
    }
    (200.0 / orders).min(100.0)
}

#[cfg(test)]
mod tests {
    use super::{Change, Noise, Values, chance_percent, signed_percent};

    fn change(base: &[u64], new: &[u64]) -> Change {
        let values = |values: &[u64]| Values::of(values.iter().map(|&value| Some(value)));
        Change { base: values(base), new: values(new) }
    }

    #[test]
    fn a_side_is_its_median() {
        let median = |values: &[u64]| change(values, &[]).base.median();
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7]), Some(7));
        assert_eq!(median(&[9, 1]), Some(5));
        assert_eq!(median(&[100, 1, 2]), Some(2));
        assert_eq!(median(&[u64::MAX, u64::MAX]), Some(u64::MAX));
        let known = Values::of([None, Some(4), None, Some(8)].into_iter());
        assert_eq!((known.median(), known.range(), known.runs()), (Some(6), Some((4, 8)), 2));
    }

    #[test]
    fn ranges_that_meet_are_noise() {
        assert_eq!(change(&[1], &[100]).noise(), Noise::Unknown);
        assert_eq!(change(&[1, 5], &[]).noise(), Noise::Unknown);
        assert_eq!(change(&[1, 5], &[5, 9]).noise(), Noise::Within);
        assert_eq!(change(&[1, 5], &[6, 9]).noise(), Noise::Beyond);
        assert_eq!(change(&[6, 9], &[1, 5]).noise(), Noise::Beyond);
        assert_eq!(change(&[1, 9], &[5]).noise(), Noise::Within);
        assert_eq!(change(&[3, 3], &[3, 3]).noise(), Noise::Within);
    }

    #[test]
    fn changes_are_never_rounded_away() {
        assert_eq!(change(&[100], &[32]).percent_text(), "-68 %");
        assert_eq!(change(&[10_000], &[10_001]).percent_text(), "+<0.1 %");
        assert_eq!(change(&[10], &[10]).percent_text(), "0 %");
        assert_eq!(change(&[0], &[10]).percent_text(), "new");
        assert_eq!(change(&[10], &[0]).percent_text(), "-100 %");
        assert_eq!(change(&[10], &[]).percent_text(), "-");
        assert_eq!(change(&[10, 12], &[11, 13]).percent_text(), "~+9.1 %");
        assert_eq!(signed_percent(-99.99), "-99.9 %");
        assert_eq!(signed_percent(11_900.0), "+11,900 %");
    }

    #[test]
    fn few_runs_are_separate_by_chance() {
        let rounded = |base, new| (chance_percent(base, new) * 10.0).round() / 10.0;
        assert_eq!(rounded(1, 1), 100.0);
        assert_eq!(rounded(2, 2), 33.3);
        assert_eq!(rounded(3, 3), 10.0);
        assert_eq!(rounded(5, 5), 0.8);
        assert_eq!(rounded(1, 4), 40.0);
    }
}
