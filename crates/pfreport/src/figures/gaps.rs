//! What a file does not hold any more, in words.

use pft::FrameKind;
use pft::record::{GapReason, GapRecord};

use crate::print::units::{bytes, counted, moment};

/// What is lost, as a sentence; times are those since `start_ns`.
#[must_use]
pub fn sentence(gap: &GapRecord, start_ns: u64) -> String {
    let details: Vec<String> =
        [Some(reason(gap.reason).to_owned()), left_out(gap)].into_iter().flatten().collect();
    format!("lost: {}{} ({})", what(gap), when(gap, start_ns), details.join(", "))
}

/// Why frames are not there, in a word.
#[must_use]
pub const fn word(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Missing => "missing",
        GapReason::Checksum => "checksum",
        GapReason::Rule => "rule",
        GapReason::Parts => "parts",
        GapReason::Cut => "cut",
        _ => "other",
    }
}

/// The name of the kind of frames, where it is known: `maps`; `unknown 63` for one of a newer program.
#[must_use]
pub fn kind(gap: &GapRecord) -> Option<String> {
    match (gap.kind, gap.frame_kind()) {
        (0, _) => None,
        (_, Some(kind)) => Some(kind.to_string()),
        (number, None) => Some(format!("unknown {number}")),
    }
}

const fn reason(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Missing => "missing in the file",
        GapReason::Checksum => "wrong checksum",
        GapReason::Rule => "it breaks a rule of the format",
        GapReason::Parts => "other parts of the record are missing",
        GapReason::Cut => "the file ended there: cut, or the recording was not closed",
        _ => "for another reason",
    }
}

fn left_out(gap: &GapRecord) -> Option<String> {
    (gap.bytes > 0).then(|| format!("{} of it left out", bytes(gap.bytes)))
}

fn what(gap: &GapRecord) -> String {
    let Some(kind) = kind(gap) else {
        return match gap.frames {
            0 => "whatever was recorded".to_owned(),
            frames => format!("{} of unknown kind", counted(frames, "frame")),
        };
    };
    let frames = counted(gap.frames, &format!("{kind} frame"));
    let row = if gap.kind == FrameKind::Faults as u16 { "fault" } else { "row" };
    match gap.rows {
        Some(rows) => format!("{frames} with {}", counted(rows, row)),
        None => frames,
    }
}

fn when(gap: &GapRecord, start_ns: u64) -> String {
    let since_start = |ns: u64| moment(ns.saturating_sub(start_ns));
    match (gap.after_ns, gap.before_ns) {
        (0, 0) => String::new(),
        (0, u64::MAX) => " at any time".to_owned(),
        (after_ns, u64::MAX) => format!(" after {}", since_start(after_ns)),
        (after_ns, before_ns) => {
            format!(" between {} and {}", since_start(after_ns), since_start(before_ns))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_what_is_known() {
        let known = GapRecord {
            after_ns: 1_200_000_000,
            before_ns: 1_300_000_000,
            kind: 5,
            frames: 1,
            rows: Some(300),
            bytes: 4711,
            reason: GapReason::Checksum,
        };
        let said = |gap: &GapRecord| sentence(gap, 200_000_000);
        assert_eq!(
            said(&known),
            "lost: 1 Faults frame with 300 faults between 1.000 s and 1.100 s (wrong checksum, 4.6 KiB \
             of it left out)"
        );
        let host = GapRecord { kind: 1, after_ns: 0, before_ns: 0, bytes: 0, ..known.clone() };
        assert_eq!(said(&host), "lost: 1 Host frame with 300 rows (wrong checksum)");
        let unknown = GapRecord {
            kind: 0,
            frames: 3,
            rows: None,
            bytes: 0,
            reason: GapReason::Missing,
            ..known.clone()
        };
        assert_eq!(
            said(&unknown),
            "lost: 3 frames of unknown kind between 1.000 s and 1.100 s (missing in the file)"
        );
        let cut = GapRecord { before_ns: u64::MAX, frames: 0, reason: GapReason::Cut, ..unknown };
        assert_eq!(
            said(&cut),
            "lost: whatever was recorded after 1.000 s (the file ended there: cut, or the recording was \
             not closed)"
        );
        let newer = GapRecord { kind: 63, rows: None, bytes: 0, ..known };
        assert!(said(&newer).starts_with("lost: 1 unknown 63 frame between"), "{}", said(&newer));
    }
}
