//! What a figure should be.

use std::fmt;

use serde::Serialize;

use crate::table::number;

/// Which side of a bound is good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// What a figure should be, and what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Goal {
    /// Of what.
    pub what: String,
    /// What it should be.
    pub bound: Bound,
    /// Of the bound and the figure.
    pub unit: &'static str,
    /// What it is; none where it could not be measured.
    pub measured: Option<f64>,
    /// Whether it is what it should be; none where it could not be measured.
    pub is_met: Option<bool>,
}

impl Goal {
    /// A goal of a figure that may not have been measured.
    pub fn new(
        what: impl Into<String>,
        measured: Option<f64>,
        bound: Bound,
        unit: &'static str,
    ) -> Self {
        let is_met = measured.map(|measured| match bound {
            Bound::AtMost(most) => measured <= most,
            Bound::AtLeast(least) => measured >= least,
        });
        Self { what: what.into(), bound, unit, measured, is_met }
    }

    /// The word for how it stands.
    pub const fn verdict(&self) -> &'static str {
        match self.is_met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not measured",
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {}", number(*most)),
            Self::AtLeast(least) => write!(f, "≥ {}", number(*least)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_good_themselves() {
        let verdict = |measured, bound| Goal::new("", measured, bound, "").is_met;
        assert_eq!(verdict(Some(3.0), Bound::AtMost(3.0)), Some(true));
        assert_eq!(verdict(Some(3.1), Bound::AtMost(3.0)), Some(false));
        assert_eq!(verdict(Some(3.0), Bound::AtLeast(3.0)), Some(true));
        assert_eq!(verdict(Some(2.9), Bound::AtLeast(3.0)), Some(false));
        assert_eq!(verdict(None, Bound::AtLeast(3.0)), None);
    }
}
