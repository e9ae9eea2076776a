//! What a file does not hold any more.

use pft::record::GapRecord;
use serde::Serialize;

use crate::figures::gaps;

/// Frames that are lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Everything that is lost was over no earlier, since the start; null if that is not known, or it has no times.
    after_ns: Option<u64>,
    /// It began no later; null likewise.
    before_ns: Option<u64>,
    /// Their kind; null if that is not known.
    kind: Option<String>,
    /// How many frames; null if that is not known.
    frames: Option<u64>,
    /// Rows in them; null if that is not known.
    rows: Option<u64>,
    /// What of them is in the file, or was.
    bytes: u64,
    /// Why they are lost, in a word.
    reason: &'static str,
}

impl Gap {
    /// Gaps with times since `start_ns`.
    pub fn all(gaps: &[GapRecord], start_ns: u64) -> Vec<Self> {
        let since_start = |ns: u64| match ns {
            0 | u64::MAX => None,
            ns => Some(ns.saturating_sub(start_ns)),
        };
        let gap = |gap: &GapRecord| Self {
            after_ns: since_start(gap.after_ns),
            before_ns: since_start(gap.before_ns),
            kind: gaps::kind(gap),
            frames: Some(gap.frames).filter(|&frames| frames > 0),
            rows: gap.rows,
            bytes: gap.bytes,
            reason: gaps::word(gap.reason),
        };
        gaps.iter().map(gap).collect()
    }
}
