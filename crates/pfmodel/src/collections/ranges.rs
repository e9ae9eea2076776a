//! Sets of addresses.

/// Half-open ranges in order that neither overlap nor touch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// The union of `ranges`, in any order; empty ones count for nothing.
    pub(crate) fn new(ranges: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut ranges: Vec<_> = ranges.filter(|(start, end)| start < end).collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, last| {
            let joined = next.0 <= last.1;
            if joined {
                last.1 = last.1.max(next.1);
            }
            joined
        });
        Self(ranges)
    }

    /// The parts inside `start..end`, in order.
    pub(crate) fn overlap(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = self.0.partition_point(|range| range.1 <= start);
        self.0[first..]
            .iter()
            .take_while(move |range| range.0 < end && start < end)
            .map(move |range| (range.0.max(start), range.1.min(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined_and_cut() {
        let ranges = Ranges::new([(5, 7), (1, 3), (3, 4), (9, 9), (6, 6), (2, 3)].into_iter());
        assert_eq!(ranges, Ranges(vec![(1, 4), (5, 7)]));
        let overlap = |start, end| ranges.overlap(start, end).collect::<Vec<_>>();
        assert_eq!(overlap(0, 10), [(1, 4), (5, 7)]);
        assert_eq!(overlap(2, 6), [(2, 4), (5, 6)]);
        assert_eq!(overlap(4, 5), []);
        assert_eq!(overlap(6, 3), []);
    }
}
