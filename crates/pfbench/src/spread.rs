//! Figures of several rounds.

use serde::Serialize;

/// The figures of several rounds: the one to quote, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The smallest one.
    pub min: f64,
    /// The largest one.
    pub max: f64,
}

impl Spread {
    /// Of figures, if there are any.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (min, max) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let upper = *figures.get(middle)?;
        let median = match figures.len() % 2 {
            0 => (figures.get(middle - 1)? + upper) / 2.0,
            _ => upper,
        };
        Some(Self { median, min, max })
    }

    /// Of what is made of figures of the same round.
    pub fn of_pairs(a: &[f64], b: &[f64], made_of: impl Fn(f64, f64) -> f64) -> Option<Self> {
        Self::of(a.iter().zip(b).map(|(&a, &b)| made_of(a, b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0, 1.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 9.0, 2.0]).map(|spread| spread.median), Some(3.0));
    }

    #[test]
    fn pairs_are_of_the_same_round() {
        let spread = Spread::of_pairs(&[10.0, 30.0, 20.0], &[1.0, 2.0, 3.0], |a, b| a - b);
        assert_eq!(spread, Some(Spread { median: 17.0, min: 9.0, max: 28.0 }));
    }
}
