//! The faults of a trace, read a few frames ahead of those who look at them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;

use pfmodel::{Batch, slow_threshold_ns, threshold_sample};
use pft::record::{FaultBatch, FaultColumns, Frame, GapReason, GapRecord};
use pft::{FrameInfo, FrameKind, Trace};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::request::{Progress, Reach, Request};
use crate::print::text::with_sources;

/// Frames that are decoded at the same time, at most. As many wait to be looked at: 4 MiB each, at most.
const MOST_AT_ONCE: usize = 8;

/// What was wrong with frames, by their place in the file, and what is lost with them.
pub(super) type Troubles = BTreeMap<u64, (String, GapRecord)>;

/// The trouble with a frame.
pub(super) fn trouble(info: &FrameInfo, error: &pft::Error) -> (String, GapRecord) {
    (with_sources(error), GapRecord::of_frame(info, GapReason::of(error)))
}

/// The frames with faults that are to be read.
pub(super) struct FaultFrames<'a> {
    trace: &'a Trace,
    /// In order of their first time.
    wanted: Vec<FrameInfo>,
    /// Those that were read already, by their place in the file.
    at_hand: Mutex<HashMap<u64, FaultBatch>>,
    troubles: Mutex<Troubles>,
    frames_read: AtomicU64,
    bytes_read: AtomicU64,
}

impl<'a> FaultFrames<'a> {
    /// Those that matter to faults that begin inside a window, on the clock of the trace.
    pub(super) fn new(trace: &'a Trace, reach: Reach, window_ns: Option<&Range<u64>>) -> Self {
        let faults = trace.frames().iter().filter(|info| info.kind == FrameKind::Faults);
        let matters = |info: &&FrameInfo| {
            let Some(window) = window_ns else { return true };
            (reach == Reach::Whole || info.first_ns < window.end)
                && (reach != Reach::Window || info.last_ns >= window.start)
        };
        let mut wanted: Vec<FrameInfo> = faults.filter(matters).copied().collect();
        wanted.sort_by_key(|info| info.first_ns);
        Self {
            trace,
            wanted,
            at_hand: Mutex::default(),
            troubles: Mutex::default(),
            frames_read: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
        }
    }

    /// Faults that are to be read.
    pub(super) fn rows(&self) -> u64 {
        self.wanted.iter().map(|info| info.rows).fold(0, u64::saturating_add)
    }

    /// Rows that those of the frames have which hold faults of the window, on the clock of the trace.
    pub(super) fn rows_meeting(&self, window_ns: Option<&Range<u64>>) -> u64 {
        let meets = |info: &&FrameInfo| {
            window_ns
                .is_none_or(|window| info.first_ns < window.end && info.last_ns >= window.start)
        };
        self.wanted.iter().filter(meets).map(|info| info.rows).fold(0, u64::saturating_add)
    }

    /// Frames and bytes that were read so far.
    pub(super) fn read(&self) -> (u64, u64) {
        (self.frames_read.load(Ordering::Relaxed), self.bytes_read.load(Ordering::Relaxed))
    }

    /// What was wrong with the frames.
    pub(super) fn into_troubles(self) -> Troubles {
        self.troubles.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latency beyond which minor faults of the whole trace count as slow, by a sample of all its frames. It is
    /// kept at hand, so that it need not be read again, if it `is_kept`.
    /// Frames that are lost are counted in, so that the sample is the same whether they are in the file and of no
    /// use, or not there at all.
    pub(super) fn slow_threshold_ns(&self, is_kept: bool, gaps: &[GapRecord]) -> u64 {
        let faults = self.trace.frames().iter().filter(|info| info.kind == FrameKind::Faults);
        let there = faults.map(|info| ((info.first_ns, info.last_ns, info.rows), Some(info)));
        let lost = gaps.iter().filter(|gap| gap.kind == FrameKind::Faults as u16);
        let lost = lost.map(|gap| ((gap.after_ns, gap.before_ns, gap.known_faults()), None));
        let mut faults: Vec<_> = there.chain(lost).collect();
        faults.sort_by_key(|(key, _)| *key);
        let sample = threshold_sample(faults.iter().map(|((_, _, rows), _)| *rows));
        let sample: Vec<&FrameInfo> =
            sample.into_iter().filter_map(|frame| faults.get(frame)?.1).collect();
        let kept = |batch: FaultBatch| match is_kept {
            true => batch,
            false => {
                let FaultColumns { latency_ns, flags, .. } = batch.columns;
                let columns = FaultColumns { latency_ns, flags, ..FaultColumns::default() };
                FaultBatch { columns, ..batch }
            }
        };
        let read = sample.par_iter().map(|info| (info.offset, self.decode(info).ok().map(kept)));
        let batches: HashMap<u64, FaultBatch> =
            read.filter_map(|(offset, batch)| Some((offset, batch?))).collect();
        let threshold_ns = slow_threshold_ns(batches.values());
        if is_kept {
            *self.at_hand.lock().unwrap_or_else(PoisonError::into_inner) = batches;
        }
        threshold_ns
    }

    /// The faults of a frame, or what is lost with it.
    fn decode(&self, info: &FrameInfo) -> Result<FaultBatch, GapRecord> {
        self.frames_read.fetch_add(1, Ordering::Relaxed);
        self.bytes_read.fetch_add(info.stored_bytes, Ordering::Relaxed);
        match self.trace.read(info) {
            Ok(Frame::Faults(batch)) => Ok(batch),
            Ok(_) => Err(GapRecord::of_frame(info, GapReason::Rule)),
            Err(error) => {
                let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
                let (what, gap) = trouble(info, &error);
                troubles.insert(info.offset, (what, gap.clone()));
                Err(gap)
            }
        }
    }

    /// The faults, in batches as [`pfmodel::analyse_in_order`] takes them, decoded on all cores while they are
    /// looked at. Those who take them tell how far they are, after `before` of `total` faults.
    pub(super) fn ahead<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        request: &'s Request<'_>,
        (before, total): (u64, u64),
    ) -> Ahead<'s> {
        let at_once = rayon::current_num_threads().clamp(1, MOST_AT_ONCE);
        let (sender, receiver) = sync_channel(at_once);
        scope.spawn(move || self.send(&sender, at_once));
        Ahead { receiver, request, progress: Progress { faults: before, total } }
    }

    fn send(&self, sender: &SyncSender<(u64, Batch)>, at_once: usize) {
        for infos in self.wanted.chunks(at_once) {
            let take = |info: &FrameInfo| {
                let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
                at_hand.remove(&info.offset)
            };
            let batches: Vec<_> = infos
                .par_iter()
                .map(|info| (info.first_ns, take(info).map_or_else(|| self.decode(info), Ok)))
                .collect();
            for (first_ns, batch) in batches {
                // Nobody takes them where the one who looked at them met an error.
                let batch = batch.map_or_else(Batch::Lost, Batch::Faults);
                if sender.send((first_ns, batch)).is_err() {
                    return;
                }
            }
        }
    }
}

/// Faults as they come.
pub(super) struct Ahead<'s> {
    receiver: Receiver<(u64, Batch)>,
    request: &'s Request<'s>,
    progress: Progress,
}

impl Iterator for Ahead<'_> {
    type Item = (u64, Batch);

    fn next(&mut self) -> Option<Self::Item> {
        let (first_ns, batch) = self.receiver.recv().ok()?;
        self.request.tell(self.progress);
        if let Batch::Faults(batch) = &batch {
            self.progress.faults += batch.columns.len() as u64;
        }
        Some((first_ns, batch))
    }
}
