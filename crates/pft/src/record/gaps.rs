//! What a file does not hold any more.

use crate::error::Error;
use crate::frame::FrameKind;

/// Faults that were over this long before a time lie in frames before any Faults frame that reaches that
/// time (`schemas/pft.md`, section 5).
pub const FAULTS_BEHIND_NS: u64 = 2_000_000_000;

/// Why frames are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum GapReason {
    /// They are not in the file, or not where they belong.
    Missing = 0,
    /// A checksum was wrong.
    Checksum = 1,
    /// Their payload broke a rule of the format.
    Rule = 2,
    /// They were parts of a record of which other parts are missing.
    Parts = 3,
    /// The file ended before them.
    Cut = 4,
}

impl GapReason {
    /// Why a frame that could not be decoded is lost.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::FrameChecksum { .. } => Self::Checksum,
            Error::FrameInvalid { what, .. } if *what != crate::decoder::ANOTHER_FRAME => {
                Self::Rule
            }
            _ => Self::Missing,
        }
    }
}

/// Frames that were lost from the file after they were written, or were never written because the
/// recorder was killed. What the recorder itself lost is a [`super::LostRecord`].
///
/// Everything that was lost was over no earlier than `after_ns` and began no later than `before_ns`. Where
/// the kind is unknown, faults may have been over [`FAULTS_BEHIND_NS`] earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRecord {
    /// The earliest time at which anything that was lost was over; 0 if that is not known, or the frames
    /// had no times.
    pub after_ns: u64,
    /// The latest time at which anything that was lost began; [`u64::MAX`] if that is not known, 0 if the
    /// frames had no times.
    pub before_ns: u64,
    /// Number of the kind of the frames, 0 if it is not known.
    pub kind: u16,
    /// How many frames, each part of a record for itself; 0 if that is not known.
    pub frames: u64,
    /// Rows in them, if known.
    pub rows: Option<u64>,
    /// Bytes of the file that were left out for it: what was there of the frames.
    pub bytes: u64,
    /// Why.
    pub reason: GapReason,
}

impl GapRecord {
    /// The kind of the frames, if it is known to this crate.
    #[must_use]
    pub fn frame_kind(&self) -> Option<FrameKind> {
        FrameKind::known(self.kind, crate::frame::VERSION)
    }

    /// Whether records of this kind may be among what was lost.
    #[must_use]
    pub fn may_hold(&self, kind: FrameKind) -> bool {
        self.kind == 0 || self.kind == kind as u16
    }

    /// The earliest time at which a fault that was lost was over.
    #[must_use]
    pub const fn faults_after_ns(&self) -> u64 {
        if self.kind == 0 { self.after_ns.saturating_sub(FAULTS_BEHIND_NS) } else { self.after_ns }
    }

    /// Faults that are known to be lost.
    #[must_use]
    pub fn known_faults(&self) -> u64 {
        if self.kind == FrameKind::Faults as u16 { self.rows.unwrap_or(0) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_lost_and_since_when() {
        let gap = GapRecord {
            after_ns: 5_000_000_000,
            before_ns: u64::MAX,
            kind: 0,
            frames: 0,
            rows: None,
            bytes: 0,
            reason: GapReason::Cut,
        };
        assert!(gap.may_hold(FrameKind::Maps) && gap.may_hold(FrameKind::Faults));
        assert_eq!((gap.faults_after_ns(), gap.frame_kind()), (3_000_000_000, None));
        let faults = GapRecord { kind: 5, rows: Some(7), ..gap.clone() };
        assert!(!faults.may_hold(FrameKind::Maps) && faults.may_hold(FrameKind::Faults));
        assert_eq!((faults.faults_after_ns(), faults.known_faults()), (5_000_000_000, 7));
        assert_eq!(GapRecord { kind: 3, ..faults }.known_faults(), 0);
    }
}
