//! Beyond which latency a minor fault counts as slow.

use pft::record::{FaultBatch, LATENCY_UNKNOWN, Outcome, flags};

/// No derived threshold is below this: interrupts and the recorder itself cost that much.
const LEAST_NS: u64 = 20_000;

/// Nor above this: where most minor faults wait, their median is the wait.
const MOST_NS: u64 = 100_000;

/// How many times the median.
const FACTOR: u64 = 20;

/// Latencies that are looked at; of longer traces a regular sample.
const MAX_SAMPLES: usize = 1 << 20;

/// Twenty times the median latency of the minor faults, but at least 20 µs and at most 100 µs.
pub(crate) fn derived_ns(batches: &[FaultBatch]) -> u64 {
    let rows: usize = batches.iter().map(|batch| batch.columns.len()).sum();
    let step = rows.div_ceil(MAX_SAMPLES).max(1);
    let minor_latency = |(&latency_ns, &fault_flags): (&u64, &u32)| {
        let minor = fault_flags & flags::OUTCOME_MASK == Outcome::Minor as u32;
        let unknown = flags::NO_ENTRY | flags::NEGATIVE_LATENCY;
        let known = latency_ns != LATENCY_UNKNOWN && fault_flags & unknown == 0;
        (minor && known).then_some(latency_ns)
    };
    let mut latencies: Vec<u64> = batches
        .iter()
        .flat_map(|batch| batch.columns.latency_ns.iter().zip(&batch.columns.flags))
        .step_by(step)
        .filter_map(minor_latency)
        .collect();
    if latencies.is_empty() {
        return LEAST_NS;
    }
    let middle = latencies.len() / 2;
    let (_, &mut median_ns, _) = latencies.select_nth_unstable(middle);
    median_ns.saturating_mul(FACTOR).clamp(LEAST_NS, MOST_NS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pft::record::FaultColumns;

    fn batch(latency_ns: &[u64], outcome: Outcome) -> FaultBatch {
        let columns = FaultColumns {
            time_ns: vec![0; latency_ns.len()],
            latency_ns: latency_ns.to_vec(),
            flags: vec![outcome as u32; latency_ns.len()],
            ..FaultColumns::default()
        };
        FaultBatch { cpu: 0, columns }
    }

    #[test]
    fn twenty_medians_of_minor_faults() {
        let minor = batch(&[9_000, 2_000, 3_000, LATENCY_UNKNOWN], Outcome::Minor);
        let major = batch(&[5_000_000; 10], Outcome::Major);
        assert_eq!(derived_ns(&[minor, major]), 60_000);
    }

    #[test]
    fn neither_below_the_least_nor_above_the_most() {
        assert_eq!(derived_ns(&[]), 20_000);
        assert_eq!(derived_ns(&[batch(&[500; 3], Outcome::Minor)]), 20_000);
        assert_eq!(derived_ns(&[batch(&[u64::MAX - 1; 3], Outcome::Minor)]), 100_000);
    }
}
