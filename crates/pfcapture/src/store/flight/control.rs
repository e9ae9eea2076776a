//! The session's side of a flight recorder: when a segment begins, when the window is written.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

use pft::record::Checkpoint;

use super::{DumpReason, DumpRequest, Dumped, FlightSink, MAX_UNDER_WAY};
use crate::Error;
use crate::config::Flight;
use crate::store::{Item, Store, StorePlan};
use crate::system::clock;

/// Even when memory is short, segments are no shorter than this.
const MIN_SEGMENT_NS: u64 = 1_000_000_000;

/// What the session has to remember of it.
#[derive(Debug)]
pub struct FlightControl {
    pub(in crate::store) window_ns: u64,
    pub(in crate::store) segment_ns: u64,
    /// When the last window was asked for by latency.
    pub(in crate::store) latency_ns: Option<u64>,
    pub(in crate::store) suppressed: u64,
    pub(in crate::store) under_way: Arc<AtomicUsize>,
    pub(in crate::store) dumped: Receiver<Dumped>,
}

impl Store {
    /// A store that holds the last seconds.
    pub(in crate::store) fn fly(
        path: &Path,
        flight: &Flight,
        plan: &StorePlan,
    ) -> Result<Self, Error> {
        let window_ns = u64::try_from(flight.window.as_nanos()).unwrap_or(u64::MAX);
        let under_way = Arc::new(AtomicUsize::new(0));
        let (teller, dumped) = channel();
        let told = Arc::clone(&under_way);
        let recorder = FlightSink::start(path.to_owned(), plan, window_ns, teller, told)?;
        let mut store = Self::begin(recorder, plan)?;
        store.flight = Some(FlightControl {
            window_ns,
            segment_ns: plan.header.start_ns,
            latency_ns: None,
            suppressed: 0,
            under_way,
            dumped,
        });
        Ok(store)
    }

    /// Whether it is time for [`Store::begin_segment`]: half a window has passed since the last one, or
    /// memory is short. Never, unless this is a flight recorder.
    #[must_use]
    pub fn wants_segment(&self, now_ns: u64) -> bool {
        self.flight.as_ref().is_some_and(|flight| {
            let short = self.shared.wants_segment.load(Ordering::Relaxed);
            let after_ns = if short { MIN_SEGMENT_NS } else { u64::MAX };
            now_ns.saturating_sub(flight.segment_ns) >= after_ns.min(flight.window_ns / 2)
        })
    }

    /// Begins a segment of a flight recorder at `start_ns`, the time up to which the rings have been
    /// walked, when all that waited has been put. A snapshot of each process that lives then, for
    /// `SnapshotReason::Start`, is to be put as soon as there is one; its threads are known from the
    /// task records that were put.
    pub fn begin_segment(&mut self, start_ns: u64) {
        if let Some(flight) = &mut self.flight {
            flight.segment_ns = start_ns;
            self.shared.wants_segment.store(false, Ordering::Relaxed);
            self.put(Item::Segment(start_ns));
        }
    }

    /// Whether a flight recorder would write its window now. After one for latency the next one comes
    /// when a whole window has passed, and no more than two files are under way; a trigger in vain is
    /// counted.
    #[must_use]
    pub fn wants_dump(&mut self, reason: DumpReason, now_ns: u64) -> bool {
        let Some(flight) = &mut self.flight else { return false };
        let soon = reason == DumpReason::Latency
            && flight.latency_ns.is_some_and(|at| now_ns.saturating_sub(at) < flight.window_ns);
        let busy = flight.under_way.load(Ordering::Acquire) >= MAX_UNDER_WAY;
        flight.suppressed += u64::from(soon || busy);
        !soon && !busy
    }

    /// Has a flight recorder write its window, up to what has been put: whatever waits must be put
    /// before. For [`DumpReason::End`] that is the affair of [`Store::finish`].
    pub fn dump(&mut self, reason: DumpReason) {
        let clocks = Checkpoint {
            time_ns: clock::monotonic_ns(),
            realtime_ns: clock::realtime_ns(),
            boottime_ns: clock::boottime_ns(),
            ..Checkpoint::default()
        };
        let Some(flight) = &mut self.flight else { return };
        if reason == DumpReason::Latency {
            flight.latency_ns = Some(clocks.time_ns);
        }
        flight.under_way.fetch_add(1, Ordering::Relaxed);
        let suppressed = flight.suppressed;
        self.put(Item::Dump(DumpRequest { reason, clocks, suppressed, wanted: None }));
    }

    /// Files of a flight recorder that were written, or failed, since the last call.
    pub fn dumped(&self) -> Vec<Dumped> {
        self.flight.iter().flat_map(|flight| flight.dumped.try_iter()).collect()
    }
}
