//! Folded stacks, one a line: what flame graph programs read.

use std::io::{self, Write};

use super::Stacks;

/// Writes `frame;frame;frame WEIGHT` for each stack that weighs something, the root first.
///
/// # Errors
/// Those of `out`.
pub fn write(stacks: &Stacks, mut out: impl Write) -> io::Result<()> {
    for (frames, weight) in &stacks.stacks {
        if *weight > 0 {
            for (i, frame) in frames.iter().enumerate() {
                let separator = if i == 0 { "" } else { ";" };
                write!(out, "{separator}{}", frame.name)?;
            }
            writeln!(out, " {weight}")?;
        }
    }
    out.flush()
}
