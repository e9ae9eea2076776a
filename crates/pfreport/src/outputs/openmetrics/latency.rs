//! Latencies by class, in buckets.

use pfmodel::column::Values as _;
use pfmodel::names::Class;
use pft::record::LATENCY_UNKNOWN;

use super::metric::{Labels, Value};
use super::{label, seconds};
use crate::load::Loaded;

/// Bounds of the buckets, nanoseconds: 1, 2.5 and 5 of each power of ten.
const BOUNDS: [u64; 22] = [
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    10_000_000_000,
];

/// A histogram of each class that has known latencies.
pub fn latencies(loaded: &Loaded) -> Vec<(Labels, Value)> {
    let faults = &loaded.analysis.faults;
    let mut counts = [[0_u64; BOUNDS.len() + 1]; Class::ALL.len()];
    let mut sums = [0_u64; Class::ALL.len()];
    for (class, &latency_ns) in faults.class.range(0..faults.len()).zip(&faults.latency_ns) {
        if latency_ns == LATENCY_UNKNOWN {
            continue;
        }
        let class = *class as usize;
        let bucket = BOUNDS.partition_point(|&bound| bound < latency_ns);
        if let (Some(buckets), Some(sum)) = (counts.get_mut(class), sums.get_mut(class)) {
            buckets[bucket] += 1;
            *sum = sum.saturating_add(latency_ns);
        }
    }
    let bounds = || BOUNDS.iter().map(|&ns| seconds(ns)).chain([f64::INFINITY]);
    let histograms = Class::ALL.iter().zip(counts).zip(sums);
    let known = histograms.filter(|((_, counts), _)| counts.iter().any(|&count| count > 0));
    known
        .map(|((class, counts), sum)| {
            let buckets = bounds().zip(counts).collect();
            let value = Value::Histogram { sum: seconds(sum), buckets };
            (vec![label("class", class.as_str())], value)
        })
        .collect()
}
