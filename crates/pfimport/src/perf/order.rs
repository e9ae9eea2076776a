//! Records of all CPUs in order of time.
//!
//! perf empties the rings of all CPUs one after the other, and says when it has been round. Until then a ring
//! that comes later may hold earlier records, but none that are earlier than what the round before last ended
//! with (`tools/perf/util/ordered-events.c`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::record::Record;

/// When more is waiting, the earlier half goes on without the end of the round.
const MOST_BYTES: usize = 256 << 20;
/// What a record takes beside its body, about.
const EACH_BYTES: usize = 64;

/// Only small buffers are used again: large ones would stay that large.
const SMALL_BYTES: usize = 1024;

/// A record that waits for its turn.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    time_ns: u64,
    /// At the same time, samples come after what says where they are.
    is_sample: bool,
    number: u64,
    kind: u32,
    misc: u16,
    body: Vec<u8>,
}

/// Records that wait for earlier ones.
#[derive(Debug, Default)]
pub struct Rounds {
    waiting: BinaryHeap<Reverse<Waiting>>,
    waiting_bytes: usize,
    taken: u64,
    /// Until here nothing earlier can come any more.
    until_ns: u64,
    /// The latest time so far.
    latest_ns: u64,
    /// Time of the record that went last.
    last_ns: u64,
    buffers: Vec<Vec<u8>>,
    /// Records that came later than that.
    pub late: u64,
}

impl Rounds {
    /// Takes a record.
    pub fn put(&mut self, time_ns: u64, record: Record<'_>) {
        let mut body = self.buffers.pop().unwrap_or_default();
        body.clear();
        body.extend_from_slice(record.body);
        self.waiting_bytes += body.len() + EACH_BYTES;
        self.latest_ns = self.latest_ns.max(time_ns);
        self.late += u64::from(time_ns < self.last_ns);
        self.taken += 1;
        let is_sample = record.kind == super::record::kind::SAMPLE;
        let (number, kind, misc) = (self.taken, record.kind, record.misc);
        self.waiting.push(Reverse(Waiting { time_ns, is_sample, number, kind, misc, body }));
    }

    /// perf has been round.
    pub fn finish_round(&mut self, mut each: impl FnMut(u64, Record<'_>)) {
        while self.waiting.peek().is_some_and(|Reverse(next)| next.time_ns <= self.until_ns) {
            self.pop(&mut each);
        }
        self.until_ns = self.latest_ns;
    }

    /// Lets records go for which there is no room.
    pub fn relieve(&mut self, mut each: impl FnMut(u64, Record<'_>)) {
        if self.waiting_bytes > MOST_BYTES {
            while self.waiting_bytes > MOST_BYTES / 2 && self.pop(&mut each) {}
        }
    }

    /// There are no more.
    pub fn finish(&mut self, mut each: impl FnMut(u64, Record<'_>)) {
        while self.pop(&mut each) {}
    }

    fn pop(&mut self, each: &mut impl FnMut(u64, Record<'_>)) -> bool {
        let Some(Reverse(next)) = self.waiting.pop() else {
            return false;
        };
        let Waiting { time_ns, kind, misc, body, .. } = next;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(body.len() + EACH_BYTES);
        self.last_ns = self.last_ns.max(time_ns);
        each(time_ns, Record { kind, misc, body: &body });
        if body.capacity() <= SMALL_BYTES {
            self.buffers.push(body);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::record::kind;

    fn record(kind: u32) -> Record<'static> {
        Record { kind, misc: 0, body: &[] }
    }

    #[test]
    fn what_is_earlier_than_the_round_before_goes() {
        let mut rounds = Rounds::default();
        let mut went = Vec::new();
        for time_ns in [1, 2, 5, 3, 4, 6] {
            rounds.put(time_ns, record(kind::SAMPLE));
        }
        rounds.finish_round(|time_ns, _| went.push(time_ns));
        assert!(went.is_empty());
        for time_ns in [8, 9, 7] {
            rounds.put(time_ns, record(kind::SAMPLE));
        }
        rounds.finish_round(|time_ns, _| went.push(time_ns));
        assert_eq!(went, [1, 2, 3, 4, 5, 6]);
        rounds.put(5, record(kind::SAMPLE));
        rounds.finish(|time_ns, _| went.push(time_ns));
        assert_eq!(went, [1, 2, 3, 4, 5, 6, 5, 7, 8, 9]);
        assert_eq!(rounds.late, 1);
    }

    #[test]
    fn at_one_time_samples_come_last() {
        let mut rounds = Rounds::default();
        for kind in [kind::SAMPLE, kind::MMAP2, kind::COMM] {
            rounds.put(1, record(kind));
        }
        let mut kinds = Vec::new();
        rounds.finish(|_, record| kinds.push(record.kind));
        assert_eq!(kinds, [kind::MMAP2, kind::COMM, kind::SAMPLE]);
    }
}
