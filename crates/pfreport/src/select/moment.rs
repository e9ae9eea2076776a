//! Moments of a recording as users write them.

use std::fmt;
use std::str::FromStr;

use crate::print::units::exact_duration;

const SECOND: u64 = 1_000_000_000;

/// A moment since the start of a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// Nanoseconds.
    Ns(u64),
    /// A share of its length, percent.
    Percent(f64),
}

impl Moment {
    /// Nanoseconds since the start of a trace of this length.
    #[must_use]
    pub fn ns(self, duration_ns: u64) -> u64 {
        match self {
            Self::Ns(ns) => ns,
            Self::Percent(percent) => (duration_ns as f64 * percent / 100.0).round() as u64,
        }
    }

    /// As an option takes it.
    #[must_use]
    pub fn option(self) -> String {
        match self {
            Self::Ns(ns) => {
                let seconds = format!("{}.{:09}", ns / SECOND, ns % SECOND);
                format!("{}s", seconds.trim_end_matches('0').trim_end_matches('.'))
            }
            Self::Percent(percent) => format!("{percent}%"),
        }
    }

    /// Whether nothing can be between this moment and a later one, however long the trace is.
    pub(super) fn is_surely_not_before(self, end: Self) -> bool {
        match (self, end) {
            (Self::Ns(from), Self::Ns(to)) => from >= to,
            (Self::Percent(from), Self::Percent(to)) => from >= to,
            _ => false,
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a time since the start, as 2s, 150ms, 1.5s or 10%".to_owned();
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.trim().parse().ok();
            let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
            return percent.map(Self::Percent).ok_or_else(wrong);
        }
        let time = humantime::parse_duration(text).map_err(|_| wrong())?;
        Ok(Self::Ns(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ns(ns) => f.write_str(&exact_duration(*ns)),
            Self::Percent(percent) => write!(f, "{percent} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::proptest;

    use super::Moment;

    #[test]
    fn times_and_shares() {
        let ns = |text: &str| text.parse::<Moment>().map(|moment| moment.ns(40));
        let cases = [("2s", 2_000_000_000), ("150ms", 150_000_000), ("1.5s", 1_500_000_000)];
        for (text, expected) in cases.into_iter().chain([("10%", 4), ("100%", 40), ("2.5 %", 1)]) {
            assert_eq!(ns(text), Ok(expected), "{text}");
        }
        let said = |text: &str| text.parse::<Moment>().map(|moment| moment.to_string());
        for (text, expected) in [("1h", "1 h"), ("1h 5s", "1 h 5 s"), ("1234567us", "1.234567 s")] {
            assert_eq!(said(text).as_deref(), Ok(expected));
        }
        for text in ["", "2", "-1s", "101%", "-1%", "NaN%", "2 parsecs", "%"] {
            assert!(ns(text).unwrap_err().contains("as 2s, 150ms"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn options_say_moments_exactly(ns: u64, share in 0.0..=100.0_f64) {
            for moment in [Moment::Ns(ns), Moment::Ns(ns >> 20), Moment::Percent(share)] {
                assert_eq!(moment.option().parse(), Ok(moment));
            }
        }
    }
}
