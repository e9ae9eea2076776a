//! `[ts] CLASS ADDR REGION LATENCY`: a line of text a fault, the same for a recording that goes on and
//! for a trace.
//!
//! `[   1.234567890] minor  0x00007f8a0c3b1040 libc.so.6+0x1a040                        1.42 µs`
//!
//! Columns are aligned where names allow; a region may contain spaces. Lines that begin with `...` or
//! `Summary:` are about the stream.

mod quantities;

use std::collections::HashMap;
use std::fmt::Write as _;

use pft::text::push_printable;
use unicode_width::UnicodeWidthStr as _;

use crate::names::Class;

pub use quantities::{push_count, push_duration, push_hex};

/// What tables print for an address that no known mapping holds.
pub const UNKNOWN_REGION: &[u8] = b"[unknown]";

/// Nanoseconds from one line to the next with fixed time stamps.
pub const FIXED_STEP_NS: u64 = 1_000_000;

/// Columns of an address: `0x` and sixteen digits.
const ADDRESS_WIDTH: usize = 18;

/// Columns of a region and its offset; a longer one moves what follows.
const REGION_WIDTH: usize = 36;

/// Columns of a latency: `1.42 µs`.
const LATENCY_WIDTH: usize = 7;

/// An address in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// In memory.
    Absolute(u64),
    /// From the start of the file or the mapping.
    Relative(u64),
    /// Of no region, where only relative addresses are shown.
    Unknown,
}

impl Address {
    /// What is shown with fixed time stamps of an address at this offset.
    #[must_use]
    pub fn relative(offset: Option<u64>) -> Self {
        offset.map_or(Self::Unknown, Self::Relative)
    }
}

/// What a line says of a fault.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Since the start of the recording, nanoseconds.
    pub time_ns: u64,
    /// Class.
    pub class: Class,
    /// Address.
    pub addr: Address,
    /// What holds the address. Bytes as recorded.
    pub region: Option<&'a [u8]>,
    /// Offset of the address in its file, or in its mapping if that has no file; shown beside an absolute
    /// address.
    pub offset: Option<u64>,
    /// First entry to completion, nanoseconds.
    pub latency_ns: Option<u64>,
}

/// Appends the line of a fault.
pub fn push_fault(out: &mut String, line: &Line<'_>) {
    push_time(out, line.time_ns);
    // Writing to a String cannot fail.
    let _ = write!(out, "{:<6} ", line.class.as_str());
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
    push_printable(out, line.region.unwrap_or(UNKNOWN_REGION));
    if let (Address::Absolute(_), Some(offset)) = (line.addr, line.offset) {
        out.push('+');
        push_hex(out, offset, 0);
    }
    let width = out.get(start..).map_or(0, |region| region.width());
    out.extend(std::iter::repeat_n(' ', REGION_WIDTH.saturating_sub(width) + 1));
    aligned_right(out, LATENCY_WIDTH, |out| match line.latency_ns {
        Some(latency_ns) => push_duration(out, latency_ns),
        None => out.push('-'),
    });
    out.push('\n');
}

/// Appends the line of a mark, whose name is fit to print.
pub fn push_mark(out: &mut String, time_ns: u64, name: &str) {
    push_time(out, time_ns);
    out.push_str("mark   ");
    out.push_str(name);
    out.push('\n');
}

/// Appends the line of a victim of the OOM killer; its name is empty if it is not known.
pub fn push_oom(out: &mut String, time_ns: u64, pid: u32, comm: &[u8]) {
    push_time(out, time_ns);
    // Writing to a String cannot fail.
    let _ = write!(out, "oom    killed {pid}");
    if !comm.is_empty() {
        out.push_str(" (");
        push_printable(out, comm);
        out.push(')');
    }
    out.push('\n');
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

/// Numbers for processes or threads in order of their first appearance, from 1.
#[derive(Debug, Clone, Default)]
pub struct Ordinals(HashMap<u32, u32>);

impl Ordinals {
    /// The number of this id.
    pub fn of(&mut self, id: u32) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_add(1);
        *self.0.entry(id).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &Line<'_>) -> String {
        let mut out = String::new();
        push_fault(&mut out, line);
        out
    }

    #[test]
    fn lines_are_aligned_and_harmless() {
        let line = Line {
            time_ns: 1_234_567_890,
            class: Class::Minor,
            addr: Address::Absolute(0x7f8a_0c3b_1040),
            region: Some(b"libc.so.6"),
            offset: Some(0x1a040),
            latency_ns: Some(1_424),
        };
        let expected = "[   1.234567890] minor  0x00007f8a0c3b1040 libc.so.6+0x1a040                    1.42 µs\n";
        assert_eq!(text(&line), expected);
        let fixed = Line { addr: Address::relative(line.offset), latency_ns: None, ..line };
        let expected = "[   1.234567890] minor            +0x1a040 libc.so.6                                  -\n";
        assert_eq!(text(&fixed), expected);
        let (addr, region) = (Address::relative(None), None);
        let unknown = text(&Line { addr, region, offset: None, ..fixed });
        assert!(unknown.contains("                  - [unknown]  "), "{unknown}");
        assert!(text(&Line { region: Some(b"\x1b[2J"), ..line }).contains(" \\x1b[2J+0x1a040 "));
        // Each of these is as wide as two others.
        let wide = text(&Line { region: Some("日本.db".as_bytes()), ..line });
        assert!(wide.ends_with(&format!(" 日本.db+0x1a040{}1.42 µs\n", " ".repeat(22))), "{wide}");
    }

    #[test]
    fn numbers_are_given_in_order_of_appearance() {
        let mut ordinals = Ordinals::default();
        assert_eq!([7, 3, 7, 9].map(|id| ordinals.of(id)), [1, 2, 1, 3]);
    }
}
