//! Rules of faults: flags that contradict each other, and columns that readers skip.

use super::finding::{Findings, Place};
use super::rule::Rule;
use crate::archive::ArchivedFaultsV1;
use crate::columns::Encoding;
use crate::record::{FaultColumns, LATENCY_UNKNOWN, Outcome, flags};

const RESERVED: u32 = 1 << 7;
const ERROR_CODE: u32 = 0xff << flags::ERROR_CODE_SHIFT;
const MAX_PAGE_SHIFT: u32 = 63;

/// Checks decoded faults.
pub(super) fn check(columns: &FaultColumns, place: Place, findings: &mut Findings) {
    // Flags repeat themselves for long stretches.
    let mut sound = None;
    for (row, (&flags, &latency)) in columns.flags.iter().zip(&columns.latency_ns).enumerate() {
        if sound != Some(flags) {
            match contradiction(flags) {
                Some(what) => {
                    let what = || format!("{what} (flags {flags:#x})");
                    findings.add(Rule::FaultFlags, place.row(row), what);
                }
                None => sound = Some(flags),
            }
        }
        let unknown = flags & (flags::NO_ENTRY | flags::NEGATIVE_LATENCY) != 0;
        if unknown && latency != LATENCY_UNKNOWN {
            let what = || format!("the latency is {latency} (flags {flags:#x})");
            findings.add(Rule::LatencyUnknown, place.row(row), what);
        }
    }
}

fn contradiction(flags: u32) -> Option<&'static str> {
    let outcome = Outcome::of(flags);
    let is_signalled = outcome == Some(Outcome::Signalled);
    let has_signal = flags >> flags::SIGNAL_SHIFT != 0;
    let page_shift = flags >> flags::PAGE_SHIFT_SHIFT & flags::PAGE_SHIFT_MASK;
    let found = [
        (outcome.is_none(), "the outcome is none that there is"),
        (flags & RESERVED != 0, "the reserved bit 7 is set"),
        (
            flags & flags::ERROR_CODE_VALID == 0 && flags & ERROR_CODE != 0,
            "there is an error code that is not valid",
        ),
        (page_shift > MAX_PAGE_SHIFT, "the page installed is larger than the address space"),
        (!is_signalled && has_signal, "there is a signal without the outcome"),
        (is_signalled && !has_signal, "there is no signal with the outcome"),
    ];
    found.into_iter().find_map(|(holds, what)| holds.then_some(what))
}

/// Checks what decoding skips of the columns: those that are unknown, and fields without use.
pub(super) fn check_columns(archive: &ArchivedFaultsV1, place: Place, findings: &mut Findings) {
    let rows = u64::from(archive.rows.to_native());
    for column in archive.columns.iter() {
        let (id, width, bytes) = (column.id, column.width, column.bytes.to_native());
        if width > 8 || u64::from(bytes) != rows * u64::from(width) {
            let what =
                || format!("column {id} has {bytes} bytes for {rows} rows with a width of {width}");
            findings.add(Rule::Columns, place, what);
        }
        let base = column.base.to_native();
        if column.encoding == Encoding::ThreadDelta as u8 && base != 0 {
            let what =
                || format!("column {id} has the base {base}, which its encoding does not use");
            findings.add(Rule::Columns, place, what);
        }
    }
}
