//! How many faults of each class took how long, in bins of equal width on a logarithmic axis.

use pfmodel::names::Class;
use pfmodel::table::FaultTable;
use pft::record::LATENCY_UNKNOWN;

/// Faults by latency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies {
    /// The first bin with faults, counted from 1 ns.
    pub first: usize,
    /// Number of bins, from the first with faults to the last.
    pub bins: usize,
    /// Classes with faults of known latency, in order of their codes.
    pub series: Vec<Series>,
    /// Faults of known latency.
    pub known: u64,
    /// Faults of unknown latency, which are in no bin.
    pub unknown: u64,
}

/// Faults of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Class.
    pub class: Class,
    /// Faults per bin.
    pub bins: Vec<u64>,
    /// All of them.
    pub faults: u64,
    /// Median and 99th percentile by nearest rank, nanoseconds.
    pub p50_ns: u64,
    /// The latter.
    pub p99_ns: u64,
}

/// Lower bounds of the bins, nanoseconds: `10^(i / per_decade)`, rounded up. What equals a bound belongs to
/// the bin above it.
#[must_use]
pub fn bounds(per_decade: usize) -> Vec<u64> {
    let decades = u64::MAX.ilog10() as usize;
    let bound = |bin: usize| {
        let (decade, part) = (bin / per_decade, bin % per_decade);
        let factor = 10_f64.powf(part as f64 / per_decade as f64);
        // Whole powers of ten are exact.
        let power = 10_u64.pow(decade as u32);
        if part == 0 { power } else { (factor * power as f64).ceil() as u64 }
    };
    (0..decades * per_decade).map(bound).collect()
}

/// The bin of a latency; 0 and 1 ns share the first.
fn bin(bounds: &[u64], ns: u64) -> usize {
    bounds.partition_point(|&bound| bound <= ns).saturating_sub(1)
}

impl Latencies {
    /// Sorts faults into bins, so many per factor of ten.
    #[must_use]
    pub fn new(faults: &FaultTable, per_decade: usize) -> Self {
        let bounds = bounds(per_decade);
        let mut all: Vec<Vec<u64>> = vec![Vec::new(); Class::ALL.len()];
        let mut unknown = 0;
        for (&ns, &class) in faults.latency_ns.iter().zip(faults.class.iter()) {
            match all.get_mut(class as usize).filter(|_| ns != LATENCY_UNKNOWN) {
                Some(class) => class.push(ns),
                None => unknown += 1,
            }
        }
        let known = || all.iter().flatten().copied();
        let count = known().count() as u64;
        let first = known().min().map_or(0, |ns| bin(&bounds, ns));
        let last = known().max().map_or(0, |ns| bin(&bounds, ns));
        let bins = if count == 0 { 0 } else { last - first + 1 };
        let series = Class::ALL.iter().zip(all).filter(|(_, ns)| !ns.is_empty());
        let series = series.map(|(&class, ns)| {
            let mut counts = vec![0; bins];
            for &ns in &ns {
                if let Some(count) = counts.get_mut(bin(&bounds, ns) - first) {
                    *count += 1;
                }
            }
            Series::new(class, counts, ns)
        });
        Self { first, bins, series: series.collect(), known: count, unknown }
    }

    /// Faults in the fullest bin of a class.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.series.iter().flat_map(|series| &series.bins).copied().max().unwrap_or(0)
    }
}

impl Series {
    fn new(class: Class, bins: Vec<u64>, mut ns: Vec<u64>) -> Self {
        let mut rank = |percent: usize| {
            let index = (ns.len() * percent).div_ceil(100).saturating_sub(1);
            *ns.select_nth_unstable(index).1
        };
        let (p50_ns, p99_ns) = (rank(50), rank(99));
        Self { class, bins, faults: ns.len() as u64, p50_ns, p99_ns }
    }
}

#[cfg(test)]
mod tests {
    use pfmodel::names::Class;

    use super::{Latencies, Series, bin, bounds};
    use crate::made_up::{self, Row};

    #[test]
    fn bins_begin_at_their_bound() {
        let bounds = bounds(10);
        assert_eq!(
            bounds[20..=31],
            [100, 126, 159, 200, 252, 317, 399, 502, 631, 795, 1_000, 1_259]
        );
        assert_eq!([99, 100, 125, 126].map(|ns| bin(&bounds, ns)), [19, 20, 20, 21]);
        assert_eq!([0, 1, u64::MAX - 1].map(|ns| bin(&bounds, ns)), [0, 0, 189]);
        assert_eq!(super::bounds(2)[..5], [1, 4, 10, 32, 100]);
    }

    #[test]
    fn each_fault_is_in_one_bin_of_its_class() {
        let mut analysis = made_up::empty().analysis;
        let major = Class::Major;
        for (class, latency) in [
            (Class::Minor, Some(100)),
            (Class::Minor, Some(125)),
            (Class::Minor, Some(126)),
            (Class::Minor, None),
            (major, Some(1_000)),
        ] {
            made_up::push(&mut analysis, Row { class, latency, ..Row::default() });
        }
        let latencies = Latencies::new(&analysis.faults, 10);
        let mut minor = vec![2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let class = Class::Minor;
        let first = Series { class, bins: minor.clone(), faults: 3, p50_ns: 125, p99_ns: 126 };
        minor.fill(0);
        minor[10] = 1;
        let second = Series { class: major, bins: minor, faults: 1, p50_ns: 1_000, p99_ns: 1_000 };
        let series = vec![first, second];
        assert_eq!(latencies, Latencies { first: 20, bins: 11, series, known: 4, unknown: 1 });
        assert_eq!(latencies.highest(), 2);
        let nothing = Latencies::new(&made_up::empty().analysis.faults, 10);
        assert_eq!((nothing.bins, nothing.series.len(), nothing.highest()), (0, 0, 0));
    }
}
