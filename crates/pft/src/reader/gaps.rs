//! What is lost, with the times in which it happened.

use super::holes::Hole;
use super::{FrameInfo, Trace};
use crate::frame::FrameKind;
use crate::record::{GapReason, GapRecord};

impl GapRecord {
    /// What is lost with a frame of which the header is known.
    #[must_use]
    pub fn of_frame(info: &FrameInfo, reason: GapReason) -> Self {
        record(&Hole::of(info, reason), 0, u64::MAX)
    }
}

impl Trace {
    /// What the file lacks: by its structure, and with the frames `unusable`, which could not be decoded. In
    /// the order of the file. Gaps frames tell what it lacked before.
    ///
    /// Times are those of frame headers where these are known. Where nothing is, what was lost is later than
    /// any fault in the frames before, since map and task records and calls are written before faults that
    /// are later; and not later than the next checkpoint.
    #[must_use]
    pub fn gaps(&self, unusable: &[(FrameInfo, GapReason)]) -> Vec<GapRecord> {
        self.gaps_with(unusable.iter().map(|(info, reason)| Hole::of(info, *reason)).collect())
    }

    /// The same with these holes beside those of the structure.
    pub(crate) fn gaps_with(&self, mut holes: Vec<Hole>) -> Vec<GapRecord> {
        holes.extend(&self.holes);
        holes.sort_by_key(|hole| hole.first_sequence);
        let faults = self.of_kind(FrameKind::Faults);
        let checkpoints = self.of_kind(FrameKind::Checkpoint);
        let mut before = faults.iter().peekable();
        let mut behind = checkpoints.iter().peekable();
        let mut after_ns = 0;
        let mut gaps = Vec::with_capacity(holes.len());
        for hole in holes {
            while let Some((_, last_ns)) =
                before.next_if(|(sequence, _)| *sequence < hole.first_sequence)
            {
                after_ns = last_ns.saturating_add(1).max(after_ns);
            }
            while behind.next_if(|(sequence, _)| *sequence < hole.first_sequence).is_some() {}
            let before_ns = behind.peek().map_or(u64::MAX, |(_, last_ns)| *last_ns);
            gaps.push(record(&hole, after_ns, before_ns));
        }
        gaps
    }

    /// Sequence number and last time of all frames of a kind whose headers are known, in order.
    fn of_kind(&self, kind: FrameKind) -> Vec<(u64, u64)> {
        let there = self.frames.iter().filter(|info| info.kind == kind);
        let there = there.map(|info| (info.sequence, info.last_ns));
        let lost = self.holes.iter().filter_map(|hole| {
            let known = hole.known.filter(|known| known.kind == kind as u16)?;
            Some((hole.first_sequence, known.last_ns))
        });
        let mut all: Vec<(u64, u64)> = there.chain(lost).collect();
        all.sort_unstable();
        all
    }
}

/// The record of a hole, where nothing that is lost was over before `after_ns` or began behind `before_ns`, if
/// its header does not tell.
fn record(hole: &Hole, after_ns: u64, before_ns: u64) -> GapRecord {
    let Hole { frames, known, bytes, reason, .. } = *hole;
    match known {
        Some(known) => GapRecord {
            after_ns: known.first_ns,
            before_ns: known.last_ns,
            kind: known.kind,
            frames,
            rows: known.rows,
            bytes,
            reason,
        },
        None => GapRecord {
            after_ns,
            before_ns: before_ns.max(after_ns),
            kind: 0,
            frames,
            rows: None,
            bytes,
            reason,
        },
    }
}
