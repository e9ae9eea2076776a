//! `[ts] CLASS ADDR REGION LATENCY`: a line of text a fault.
//!
//! `[   1.234567890] minor  0x00007f8a0c3b1040 libc.so.6+0x1a040                        1.42 µs`
//!
//! Columns are aligned where names allow; a region may contain spaces. Lines that begin with `...` or
//! `Summary:` are about the stream.

use std::fmt::Write as _;

use pft::record::{MarkRecord, OomRecord};
use pft::text::push_printable;

use super::lines::{Address, FaultLine};
use super::quantities::{push_count, push_duration, push_hex};
use super::tally::Totals;

/// What tables print for an address that no known mapping holds.
pub const UNKNOWN_REGION: &[u8] = b"[unknown]";

/// Columns of an address: `0x` and sixteen digits.
const ADDRESS_WIDTH: usize = 18;

/// Columns of a region and its offset; a longer one moves what follows.
const REGION_WIDTH: usize = 36;

/// Columns of a latency: `1.42 µs`.
const LATENCY_WIDTH: usize = 7;

/// Appends the line of a fault.
pub fn push_fault(out: &mut String, line: &FaultLine<'_>) {
    push_time(out, line.over_ns);
    // Writing to a String cannot fail.
    let _ = write!(out, "{:<6} ", line.judged.class.as_str());
    match line.addr {
        Address::Absolute(addr) => push_hex(out, addr, 16),
        Address::Relative(offset) => aligned_right(out, ADDRESS_WIDTH, |out| {
            out.push('+');
            push_hex(out, offset, 0);
        }),
        Address::Unknown => aligned_right(out, ADDRESS_WIDTH, |out| out.push('-')),
    }
    out.push(' ');
    let start = out.len();
    push_printable(out, line.judged.place.map_or(UNKNOWN_REGION, |place| place.region));
    if let (Address::Absolute(_), Some(offset)) = (line.addr, line.offset()) {
        out.push('+');
        push_hex(out, offset, 0);
    }
    let width = out.get(start..).map_or(0, |region| region.chars().count());
    out.extend(std::iter::repeat_n(' ', REGION_WIDTH.saturating_sub(width) + 1));
    aligned_right(out, LATENCY_WIDTH, |out| match line.latency_ns {
        Some(latency_ns) => push_duration(out, latency_ns),
        None => out.push('-'),
    });
    out.push('\n');
}

/// Appends the line of a mark.
pub fn push_mark(out: &mut String, time_ns: u64, mark: &MarkRecord) {
    push_time(out, time_ns);
    out.push_str("mark   ");
    push_printable(out, &mark.name);
    out.push('\n');
}

/// Appends the line of a victim of the OOM killer.
pub fn push_oom(out: &mut String, time_ns: u64, pid: u32, oom: &OomRecord) {
    push_time(out, time_ns);
    let _ = write!(out, "oom    killed {pid}");
    if !oom.comm.is_empty() {
        out.push_str(" (");
        push_printable(out, &oom.comm);
        out.push(')');
    }
    out.push('\n');
}

/// Appends the line that says that others are missing.
pub fn push_dropped(out: &mut String, lines: u64) {
    out.push_str("... ");
    push_count(out, lines);
    out.push_str(if lines == 1 { " line dropped\n" } else { " lines dropped\n" });
}

/// Appends the last line: `Summary: major=12 minor=542 cow=3`, as that of a report.
pub fn push_summary(out: &mut String, totals: &Totals) {
    let Totals { major, minor, cow, .. } = totals;
    let _ = writeln!(out, "Summary: major={major} minor={minor} cow={cow}");
}

fn push_time(out: &mut String, ns: u64) {
    let _ = write!(out, "[{:>4}.{:09}] ", ns / 1_000_000_000, ns % 1_000_000_000);
}

/// Appends what `push` writes, in ASCII but for `µ`, behind spaces that bring it to `width`.
fn aligned_right(out: &mut String, width: usize, push: impl FnOnce(&mut String)) {
    let start = out.len();
    push(out);
    let length = out.get(start..).map_or(0, |text| text.chars().count());
    const SPACES: &str = "                    ";
    if let Some(missing) = SPACES.get(..width.saturating_sub(length)) {
        out.insert_str(start, missing);
    }
}
