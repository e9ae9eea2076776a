//! Beyond which latency a minor fault counts as slow.

use pft::record::{FaultBatch, LATENCY_UNKNOWN, Outcome, flags};

/// No derived threshold is below this: interrupts and the recorder itself cost that much.
const LEAST_NS: u64 = 20_000;

/// Nor above this: where most minor faults wait, their median is the wait.
const MOST_NS: u64 = 100_000;

/// How many times the median.
const FACTOR: u64 = 20;

/// Faults that are looked at, roughly: all of shorter traces.
const SAMPLED_ROWS: u64 = 1 << 20;

/// The fractional part of the golden ratio, of 2^64: its multiples spread evenly and in step with nothing.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The numbers of the batches, in the order of the trace, whose faults [`slow_threshold_ns`] is to look at, by their rows: all of
/// up to a million rows, else as many as have about that number. So the threshold is the same whether
/// all of a trace is read or a part of it.
#[must_use]
pub fn threshold_sample(rows: impl IntoIterator<Item = u64>) -> Vec<usize> {
    let mut batches = 0_usize;
    let total = rows.into_iter().inspect(|_| batches += 1).fold(0, u64::saturating_add);
    let share = u64::MAX / total.div_ceil(SAMPLED_ROWS).max(1);
    let is_taken = |&batch: &usize| (batch as u64).wrapping_mul(SPREAD) <= share;
    (0..batches).filter(is_taken).collect()
}

/// The latency beyond which a minor fault counts as slow where nobody says another, nanoseconds: twenty times the median latency of
/// the minor faults, but at least 20 µs and at most 100 µs.
#[must_use]
pub fn slow_threshold_ns<'a>(batches: impl IntoIterator<Item = &'a FaultBatch>) -> u64 {
    let minor_latency = |(&latency_ns, &fault_flags): (&u64, &u32)| {
        let minor = Outcome::of(fault_flags) == Some(Outcome::Minor);
        let unknown = flags::NO_ENTRY | flags::NEGATIVE_LATENCY;
        let known = latency_ns != LATENCY_UNKNOWN && fault_flags & unknown == 0;
        (minor && known).then_some(latency_ns)
    };
    let mut latencies: Vec<u64> = batches
        .into_iter()
        .flat_map(|batch| batch.columns.latency_ns.iter().zip(&batch.columns.flags))
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
        assert_eq!(slow_threshold_ns(&[minor, major]), 60_000);
    }

    #[test]
    fn neither_below_the_least_nor_above_the_most() {
        assert_eq!(slow_threshold_ns(&[]), 20_000);
        assert_eq!(slow_threshold_ns(&[batch(&[500; 3], Outcome::Minor)]), 20_000);
        assert_eq!(slow_threshold_ns(&[batch(&[u64::MAX - 1; 3], Outcome::Minor)]), 100_000);
    }

    #[test]
    fn of_long_traces_a_spread_sample_is_looked_at() {
        assert_eq!(threshold_sample([]), [0_usize; 0]);
        assert_eq!(threshold_sample([1 << 19, 1 << 19]), [0, 1]);
        let sample = threshold_sample(std::iter::repeat_n(1 << 16, 160));
        assert_eq!(sample.len(), 17, "{sample:?}");
        let widest = sample.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert_eq!(widest, Some(13), "{sample:?}");
    }
}
