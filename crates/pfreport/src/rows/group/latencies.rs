//! How often each latency occurred.

/// Latencies below this, nanoseconds, are counted in place once there are many: nearly all of most traces.
const LOW_NS: usize = 1 << 16;

/// Latencies that are collected before they are counted.
const LOOSE: usize = 1 << 12;

/// The latencies of a group, exactly. What is kept grows with the distinct ones, not with all.
#[derive(Debug, Default)]
pub struct Latencies {
    all: u64,
    /// Some, in no order.
    loose: Vec<u64>,
    /// How often each of the low ones occurred; empty as long as there are few.
    low: Vec<u64>,
    /// The others and how often each occurred, in order.
    counted: Vec<(u64, u64)>,
}

impl Latencies {
    /// Adds one, nanoseconds.
    #[inline]
    pub fn add(&mut self, latency_ns: u64) {
        self.all += 1;
        self.put(latency_ns);
    }

    #[inline]
    fn put(&mut self, latency_ns: u64) {
        match usize::try_from(latency_ns).ok().and_then(|low| self.low.get_mut(low)) {
            Some(count) => *count += 1,
            None => self.add_loose(latency_ns),
        }
    }

    fn add_loose(&mut self, latency_ns: u64) {
        self.loose.push(latency_ns);
        if self.loose.len() >= LOOSE.max(self.counted.len()) {
            self.count();
        }
    }

    /// Adds those of others.
    pub fn merge(&mut self, others: Self) {
        self.all += others.all;
        if !others.low.is_empty() {
            self.count_low();
            for (count, other) in self.low.iter_mut().zip(&others.low) {
                *count += other;
            }
        }
        self.add_counted(others.counted);
        others.loose.into_iter().for_each(|latency_ns| self.put(latency_ns));
    }

    /// Counts the loose ones.
    fn count(&mut self) {
        self.loose.sort_unstable();
        let counts = self.loose.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64));
        let counts = counts.collect();
        self.loose.clear();
        self.add_counted(counts);
        if self.all >= LOW_NS as u64 {
            self.count_low();
        }
    }

    fn add_counted(&mut self, more: Vec<(u64, u64)>) {
        let low = more.partition_point(|&(ns, _)| ns < self.low.len() as u64);
        let (low, high) = more.split_at(low);
        for &(ns, count) in low {
            self.low[ns as usize] += count;
        }
        if high.is_empty() {
            return;
        }
        self.counted.extend_from_slice(high);
        // Two runs in order: the stable sort merges them.
        self.counted.sort_by_key(|&(ns, _)| ns);
        self.counted.dedup_by(|(ns, count), (before_ns, before)| {
            let is_same = ns == before_ns;
            *before += if is_same { *count } else { 0 };
            is_same
        });
    }

    /// Counts low ones in place from now on.
    fn count_low(&mut self) {
        if self.low.is_empty() {
            self.low = vec![0; LOW_NS];
            let counted = std::mem::take(&mut self.counted);
            self.add_counted(counted);
        }
    }

    /// For each share the smallest latency that at least this share of all does not exceed, nanoseconds: by nearest
    /// rank. The shares have to go up. None if there are no latencies.
    pub fn percentiles<const N: usize>(mut self, shares: [f64; N]) -> [Option<u64>; N] {
        self.count();
        let low = (0..).zip(self.low).filter(|&(_, count)| count > 0);
        let mut latencies = low.chain(self.counted);
        let (mut reached, mut last) = (0, None);
        shares.map(|share| {
            let rank = (self.all as f64 * share).ceil() as u64;
            while reached < rank.max(1) {
                let Some((ns, count)) = latencies.next() else { break };
                reached += count;
                last = Some(ns);
            }
            last
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, Strategy as _, prop};
    use proptest::{prop_oneof, proptest};

    use super::Latencies;

    const SHARES: [f64; 4] = [0.0, 0.5, 0.9, 1.0];

    fn of(latencies: &[u64]) -> Latencies {
        let mut all = Latencies::default();
        latencies.iter().for_each(|&ns| all.add(ns));
        all
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        assert_eq!(of(&[]).percentiles(SHARES), [None; 4]);
        assert_eq!(of(&[7]).percentiles(SHARES), [Some(7); 4]);
        let ten = of(&[10, 9, 8, 7, 6, 5, 4, 3, 2, u64::MAX]);
        assert_eq!(ten.percentiles(SHARES), [Some(2), Some(6), Some(10), Some(u64::MAX)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn many_are_counted_as_exactly_as_few(
            seed in prop::collection::vec(prop_oneof![0..100_u64, 60_000..70_000_u64, 0..1_u64 << 40], 1..400),
            (times, cut) in (1..600_usize).prop_flat_map(|times| (0..=times).prop_map(move |cut| (times, cut))),
        ) {
            // Up to 240,000, so that low ones are counted in place.
            let all: Vec<u64> = (0..times as u64).flat_map(|n| seed.iter().map(move |ns| ns ^ n)).collect();
            let mut sorted = all.clone();
            sorted.sort_unstable();
            let expected = SHARES.map(|share| {
                let rank = (sorted.len() as f64 * share).ceil() as usize;
                Some(sorted[rank.max(1) - 1])
            });
            assert_eq!(of(&all).percentiles(SHARES), expected);
            let (first, second) = all.split_at(cut * seed.len());
            let mut merged = of(first);
            merged.merge(of(second));
            assert_eq!(merged.percentiles(SHARES), expected);
        }
    }
}
