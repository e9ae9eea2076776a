//! What a flight recorder holds in memory: frames in segments, each of which stands on its own.
//!
//! A segment begins with its key frames: all threads that live then, and soon afterwards a snapshot of
//! each of their processes. In a trace only those of its first segment are what they were made for, so
//! the later ones are left out (threads) or are snapshots like any other.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use pft::EncodedFrame;
use pft::record::{LedgerEntry, MarkRecord, Snapshot, SnapshotReason, TaskKind, TaskRecord};

use super::Item;
use super::living::Living;
use super::tally::{Tally, count};

/// The frames of one item.
#[derive(Debug)]
pub struct Held {
    /// In order.
    pub frames: Vec<EncodedFrame>,
    /// A snapshot that opens the first segment of a trace, and is encoded as if it did not.
    pub is_key: bool,
}

impl Held {
    /// Memory that it takes.
    fn bytes(&self) -> u64 {
        let payloads: usize = self.frames.iter().map(EncodedFrame::stored_bytes).sum();
        let frames = self.frames.len() * size_of::<EncodedFrame>();
        (payloads + frames + size_of::<Self>() + 3 * size_of::<usize>()) as u64
    }
}

#[derive(Debug, Default)]
struct Segment {
    start_ns: u64,
    /// The threads that lived when it began.
    present: Option<Arc<Held>>,
    held: Vec<Arc<Held>>,
    bytes: u64,
    tally: Tally,
    last_mark: Option<MarkRecord>,
    execs: Vec<(u32, u64)>,
    /// The one before it was given up for want of memory.
    is_cut: bool,
}

/// What is written when something happens.
#[derive(Debug)]
pub struct Extract {
    /// Begin of the oldest segment.
    pub start_ns: u64,
    /// The last mark before the segment, which names the phase in which it begins.
    pub phase: Option<MarkRecord>,
    /// Frames in order; `true` with those of the first segment.
    pub held: Vec<(Arc<Held>, bool)>,
    /// The processes that called `execve(2)` in the first segment, and when: a snapshot that was read
    /// afterwards says nothing about the begin.
    pub execs: Vec<(u32, u64)>,
    /// What is inside.
    pub ledger: Vec<LedgerEntry>,
    /// Why nothing older is inside: `window`, `memory` or `start`.
    pub limited_by: &'static str,
}

impl Extract {
    /// Whether the process of a snapshot called `execve(2)` in the first segment before the snapshot
    /// was read.
    pub fn is_after_exec(&self, snapshot: &Snapshot) -> bool {
        self.execs.iter().any(|&(pid, at_ns)| pid == snapshot.pid && at_ns <= snapshot.end_ns)
    }
}

/// The last seconds of a recording.
#[derive(Debug)]
pub struct Window {
    window_ns: u64,
    max_bytes: u64,
    has_entries: bool,
    facts: Vec<Arc<Held>>,
    phase: Option<MarkRecord>,
    segments: VecDeque<Segment>,
    living: Living,
    /// Processes of the newest segment whose first snapshot has not come.
    awaited: HashSet<u32>,
    bytes: u64,
}

impl Window {
    /// Holds at least `window_ns` from now on, unless that takes more than `max_bytes`. Without
    /// entries, `has_entries`, no fault counts as one that lacks its entry.
    pub fn new(start_ns: u64, window_ns: u64, max_bytes: u64, has_entries: bool) -> Self {
        Self {
            window_ns,
            max_bytes,
            has_entries,
            facts: Vec::new(),
            phase: None,
            segments: VecDeque::from([Segment { start_ns, ..Segment::default() }]),
            living: Living::default(),
            awaited: HashSet::new(),
            bytes: 0,
        }
    }

    /// The threads that live at `time_ns`, for [`Window::begin_segment`].
    pub fn present(&self, time_ns: u64) -> Vec<TaskRecord> {
        self.living.present(time_ns)
    }

    /// Begins a segment; `present` are the frames of [`Window::present`].
    pub fn begin_segment(&mut self, start_ns: u64, present: Vec<EncodedFrame>) {
        self.awaited = self.living.pids();
        let present = Held { frames: present, is_key: false };
        let bytes = present.bytes();
        self.segments.push_back(Segment {
            start_ns,
            present: Some(Arc::new(present)),
            bytes,
            ..Segment::default()
        });
        self.bytes += bytes;
        while self.segments.get(1).is_some_and(|second| self.reaches(second.start_ns, start_ns)) {
            self.drop_oldest();
        }
        self.shrink();
    }

    /// Whether nothing before `start_ns` is needed at `now_ns`.
    fn reaches(&self, start_ns: u64, now_ns: u64) -> bool {
        start_ns.saturating_add(self.window_ns) <= now_ns
    }

    /// Whether an item is the snapshot that the newest segment waits for; if so it is made one like
    /// any other, before it is encoded. One that was read before the segment began does not tell what
    /// changed up to then.
    pub fn take_key(&mut self, item: &mut Item) -> bool {
        let Item::Snapshot(snapshot) = item else { return false };
        let start_ns = self.segments.back().map_or(0, |newest| newest.start_ns);
        let is_key = snapshot.reason == SnapshotReason::Start
            && snapshot.start_ns >= start_ns
            && self.awaited.remove(&snapshot.pid);
        if is_key {
            snapshot.reason = SnapshotReason::Periodic;
        }
        is_key
    }

    /// Holds what an item became.
    pub fn hold(&mut self, item: &Item, frames: Vec<EncodedFrame>, is_key: bool) {
        let held = Arc::new(Held { frames, is_key });
        if matches!(item, Item::Facts(_)) {
            self.facts.push(held);
            return;
        }
        let bytes = held.bytes();
        let Some(newest) = self.segments.back_mut() else { return };
        count(&mut newest.tally, item, self.has_entries);
        match item {
            Item::Marks(marks) => {
                newest.last_mark = marks.last().cloned().or(newest.last_mark.take());
            }
            Item::Tasks(tasks) => {
                let execs = tasks.iter().filter(|task| task.kind == TaskKind::Exec);
                newest.execs.extend(execs.map(|task| (task.pid, task.time_ns)));
                tasks.iter().for_each(|task| self.living.apply(task));
            }
            _ => {}
        }
        newest.held.push(held);
        newest.bytes += bytes;
        self.bytes += bytes;
        self.shrink();
    }

    /// Drops segments until the rest has room; never the newest.
    fn shrink(&mut self) {
        while self.bytes > self.max_bytes && self.segments.len() > 1 {
            self.drop_oldest();
            if let Some(oldest) = self.segments.front_mut() {
                oldest.is_cut = true;
            }
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(dropped) = self.segments.pop_front() {
            self.bytes -= dropped.bytes;
            self.phase = dropped.last_mark.or(self.phase.take());
        }
    }

    /// Whether the newest segment takes so much of the memory that another one should begin, so that
    /// this one can go one day.
    pub fn wants_segment(&self) -> bool {
        self.segments.back().is_some_and(|newest| newest.bytes >= self.max_bytes / 4)
    }

    /// All that is held at `end_ns`.
    pub fn extract(&self, end_ns: u64) -> Extract {
        let mut held: Vec<_> = self.facts.iter().map(|facts| (Arc::clone(facts), false)).collect();
        let mut tally = Tally::new();
        for (n, segment) in self.segments.iter().enumerate() {
            let is_first = n == 0;
            let present = segment.present.iter().filter(|_| is_first);
            held.extend(present.chain(&segment.held).map(|one| (Arc::clone(one), is_first)));
            for (key, value) in &segment.tally {
                *tally.entry(key).or_default() += value;
            }
        }
        let oldest = self.segments.front();
        let start_ns = oldest.map_or(end_ns, |oldest| oldest.start_ns);
        Extract {
            start_ns,
            phase: self.phase.clone(),
            held,
            execs: oldest.map_or_else(Vec::new, |oldest| oldest.execs.clone()),
            ledger: tally
                .into_iter()
                .map(|(key, value)| LedgerEntry { key: key.to_owned(), value })
                .collect(),
            limited_by: match oldest {
                Some(oldest) if self.reaches(oldest.start_ns, end_ns) => "window",
                Some(oldest) if oldest.is_cut => "memory",
                _ => "start",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use pft::Encoder;

    use super::*;
    use crate::store::encode::encode;
    use crate::store::tests::{header, mark, row, snapshot, task};

    fn hold(window: &mut Window, item: Item) -> u64 {
        let before = window.bytes;
        let frames = encode(&mut Encoder::new(&header(), 1).unwrap(), &item).unwrap();
        window.hold(&item, frames, false);
        window.bytes.saturating_sub(before)
    }

    fn starts(window: &Window) -> Vec<u64> {
        window.segments.iter().map(|segment| segment.start_ns).collect()
    }

    #[test]
    fn a_segment_goes_when_the_next_one_is_a_window_old() {
        let mut window = Window::new(0, 100, 1 << 20, true);
        window.begin_segment(50, Vec::new());
        window.begin_segment(149, Vec::new());
        assert_eq!(starts(&window), [0, 50, 149]);
        assert_eq!((window.extract(149).start_ns, window.extract(149).limited_by), (0, "window"));
        window.begin_segment(150, Vec::new());
        assert_eq!(starts(&window), [50, 149, 150]);
        let extract = window.extract(150);
        assert_eq!((extract.start_ns, extract.limited_by), (50, "window"));
        assert_eq!(Window::new(0, 100, 1 << 20, true).extract(99).limited_by, "start");
    }

    #[test]
    fn the_oldest_goes_earlier_when_memory_is_short() {
        let faults = || Item::Faults(0, vec![row(1, 2)].into());
        let one = hold(&mut Window::new(0, 100, u64::MAX, true), faults());
        let present = Held { frames: Vec::new(), is_key: false }.bytes();
        // Room for a fault in each of two segments.
        let mut window = Window::new(0, 100, 2 * one + 2 * present, true);
        hold(&mut window, faults());
        assert!(window.wants_segment());
        window.begin_segment(10, Vec::new());
        assert!(!window.wants_segment());
        hold(&mut window, faults());
        window.begin_segment(20, Vec::new());
        assert_eq!(starts(&window), [0, 10, 20]);
        assert_eq!(window.bytes, 2 * one + 2 * present);
        hold(&mut window, faults());
        assert_eq!(starts(&window), [10, 20]);
        let extract = window.extract(30);
        assert_eq!((extract.start_ns, extract.limited_by), (10, "memory"));
        assert_eq!(extract.held.iter().filter(|(held, _)| !held.frames.is_empty()).count(), 2);
        // The newest one stays, whatever it takes.
        for _ in 0..10 {
            hold(&mut window, faults());
        }
        assert_eq!(starts(&window), [20]);
        assert_eq!(window.bytes, 11 * one + present);
    }

    #[test]
    fn the_last_mark_before_the_window_is_kept() {
        let mut window = Window::new(0, 100, 1 << 20, true);
        let phase = |window: &Window| window.extract(0).phase.map(|mark| mark.time_ns);
        hold(&mut window, mark(1, "one"));
        hold(&mut window, mark(2, "two"));
        window.begin_segment(50, Vec::new());
        assert_eq!(phase(&window), None);
        window.begin_segment(150, Vec::new());
        assert_eq!(phase(&window), Some(2));
        hold(&mut window, mark(160, "three"));
        window.begin_segment(250, Vec::new());
        assert_eq!(phase(&window), Some(2));
        window.begin_segment(350, Vec::new());
        assert_eq!(phase(&window), Some(160));
    }

    #[test]
    fn a_segment_waits_for_one_snapshot_of_each_process_read_after_its_begin() {
        let mut window = Window::new(0, 100, 1 << 20, true);
        hold(&mut window, Item::Tasks(vec![task(TaskKind::Present, 1, 4, "main")]));
        let is_key = |window: &mut Window, reason, start_ns| {
            let mut item = snapshot(reason, start_ns);
            let is_key = window.take_key(&mut item);
            let Item::Snapshot(snapshot) = item else { unreachable!() };
            (is_key, snapshot.reason)
        };
        let start = SnapshotReason::Start;
        assert_eq!(is_key(&mut window, start, 2), (false, start));
        window.begin_segment(50, Vec::new());
        assert_eq!(is_key(&mut window, start, 49), (false, start));
        assert_eq!(is_key(&mut window, SnapshotReason::Loss, 51), (false, SnapshotReason::Loss));
        assert_eq!(is_key(&mut window, start, 52), (true, SnapshotReason::Periodic));
        assert_eq!(is_key(&mut window, start, 53), (false, start));
    }
}
