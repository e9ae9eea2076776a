//! What is compared: counts, sizes and times of a run or of a part of its faults.

use pfmodel::names::Class;

use super::digest::Digest;
use crate::print::units::{bytes, count, duration, rate};
use crate::rows::group::Group;

/// How the values of a metric count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Bytes,
    /// Pieces.
    Count,
    /// Pieces per 1,000 seconds.
    Rate,
}

/// Defines [`Metric`], its names and its order.
macro_rules! metrics {
    ($($(#[$meta:meta])* $metric:ident = $name:literal, $column:literal, $unit:ident;)*) => {
        /// Something that is compared.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric { $($(#[$meta])* $metric,)* }

        impl Metric {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$metric,)*];

            /// The name on the command line and in texts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$metric => $name,)* }
            }

            /// The name in documents, with the unit.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$metric => $column,)* }
            }

            /// How its values count.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self { $(Self::$metric => Unit::$unit,)* }
            }
        }
    };
}

metrics! {
    /// Sum of the times that faults stalled their threads.
    Stall = "stall", "stall_ns", Time;
    /// Faults, failed ones included.
    Faults = "faults", "faults", Count;
    /// Major faults.
    Major = "major", "major", Count;
    /// Minor faults.
    Minor = "minor", "minor", Count;
    /// Copies on write.
    Cow = "cow", "cow", Count;
    /// Accesses that failed.
    Failed = "failed", "failed", Count;
    /// Distinct pages times the size installed.
    Touched = "touched", "touched_bytes", Bytes;
    /// Distinct pages.
    Pages = "pages", "pages", Count;
    /// Half of the latencies are no longer.
    P50 = "p50", "p50_ns", Time;
    /// 90 % of the latencies are no longer.
    P90 = "p90", "p90_ns", Time;
    /// 99 % of the latencies are no longer.
    P99 = "p99", "p99_ns", Time;
    /// The longest latency.
    Max = "max", "max_ns", Time;
    /// How long faults were recorded.
    Length = "length", "length_ns", Time;
    /// Stall time per second of the recording.
    StallRate = "stall/s", "stall_ns_per_second", Time;
    /// Faults per second of the recording.
    FaultRate = "faults/s", "faults_per_second", Rate;
    /// Major faults per second of the recording.
    MajorRate = "major/s", "major_per_second", Rate;
}

/// The metrics that parts of a run have as well.
pub const OF_PARTS: [Metric; 9] = [
    Metric::Stall,
    Metric::Faults,
    Metric::Major,
    Metric::Touched,
    Metric::Pages,
    Metric::P50,
    Metric::P90,
    Metric::P99,
    Metric::Max,
];

impl Metric {
    /// The metric of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.name() == name)
    }

    /// Of a part of a run, which may have none of its faults; none if it is not known.
    #[must_use]
    pub fn of_part(self, part: Option<&Group>, run: &Digest) -> Option<u64> {
        let Some(part) = part else {
            return match self {
                Self::Stall => run.has_latencies.then_some(0),
                Self::Faults | Self::Major | Self::Touched | Self::Pages => Some(0),
                _ => None,
            };
        };
        match self {
            Self::Stall => part.stall_ns,
            Self::Faults => Some(part.faults),
            Self::Major => Some(part.major),
            Self::Touched => part.touched_bytes,
            Self::Pages => part.pages,
            Self::P50 => part.p50_ns,
            Self::P90 => part.p90_ns,
            Self::P99 => part.p99_ns,
            Self::Max => part.max_ns,
            _ => None,
        }
    }

    /// Of a whole run; none if it is not known.
    #[must_use]
    pub fn of_run(self, run: &Digest) -> Option<u64> {
        let class = |class: Class| run.classes.get(class as usize).copied().flatten();
        // Thousandths of a fault per second.
        let scaled = |value: Option<u64>, scale: u128| {
            let product = u128::from(value?) * scale * 1_000_000_000;
            let quotient = product.checked_div(u128::from(run.length_ns))?;
            Some(u64::try_from(quotient).unwrap_or(u64::MAX))
        };
        match self {
            Self::Minor => class(Class::Minor),
            Self::Cow => class(Class::Cow),
            Self::Failed => class(Class::Failed),
            Self::Length => Some(run.length_ns),
            Self::StallRate => scaled(Self::Stall.of_run(run), 1),
            Self::FaultRate => scaled(Self::Faults.of_run(run), 1_000),
            Self::MajorRate => scaled(Self::Major.of_run(run), 1_000),
            part => part.of_part(run.all.as_ref(), run),
        }
    }

    /// A value as text.
    #[must_use]
    pub fn format(self, value: u64) -> String {
        match self.unit() {
            Unit::Time => duration(value),
            Unit::Bytes => bytes(value),
            Unit::Count => count(value),
            Unit::Rate => rate(value, 1_000 * 1_000_000_000),
        }
    }

    /// A change as text, with its sign.
    #[must_use]
    pub fn format_change(self, change: i128) -> String {
        let size = u64::try_from(change.unsigned_abs()).unwrap_or(u64::MAX);
        let sign = match change {
            0 => "",
            1.. => "+",
            _ => "-",
        };
        format!("{sign}{}", self.format(size))
    }
}

#[cfg(test)]
mod tests {
    use super::{Metric, OF_PARTS};
    use crate::commands::diff::digest::Digest;

    #[test]
    fn names_parse_back() {
        for &metric in Metric::ALL {
            assert_eq!(Metric::parse(metric.name()), Some(metric));
        }
        assert_eq!(Metric::parse("stal"), None);
    }

    #[test]
    fn changes_have_a_sign() {
        assert_eq!(Metric::Stall.format_change(-890_000_000), "-890 ms");
        assert_eq!(Metric::Touched.format_change(4_096), "+4 KiB");
        assert_eq!(Metric::Faults.format_change(0), "0");
        assert_eq!(Metric::MajorRate.format_change(-1_500), "-1.5/s");
        assert_eq!(Metric::Faults.format_change(i128::MAX), "+18,446,744,073,709,551,615");
    }

    #[test]
    fn a_part_without_faults_is_nothing_rather_than_unknown() {
        let with = Digest { has_latencies: true, ..Digest::default() };
        let values = OF_PARTS.map(|metric| metric.of_part(None, &with));
        let nothing = [Some(0); 5].into_iter().chain([None; 4]);
        assert!(values.into_iter().eq(nothing));
        assert_eq!(Metric::Stall.of_part(None, &Digest::default()), None);
    }

    #[test]
    fn rates_are_per_second_of_the_recording() {
        let mut run = Digest { length_ns: 2_500_000_000, ..Digest::default() };
        run.all = Some(crate::rows::group::Group {
            faults: 4,
            major: 1,
            stall_ns: Some(5_000),
            ..crate::rows::group::Group::default()
        });
        assert_eq!(Metric::FaultRate.of_run(&run), Some(1_600));
        assert_eq!(Metric::MajorRate.of_run(&run), Some(400));
        assert_eq!(Metric::StallRate.of_run(&run), Some(2_000));
        run.length_ns = 0;
        assert_eq!(Metric::FaultRate.of_run(&run), None);
    }
}
