//! Names from a trace, made fit to print.
//!
//! Thread names and paths are arbitrary bytes chosen by whoever ran the program. Printed raw, they
//! could move the cursor, recolour the terminal or reorder the text around them.

use std::fmt::Write as _;

/// Bytes as text that is safe on a terminal, in a CSV field and in a picture: bytes that are not
/// UTF-8, control characters, and invisible or direction-changing characters appear as `\x1b` or
/// `\u{202e}`. All other text, backslashes included, stays as it is.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    push_printable(&mut out, bytes);
    out
}

/// Appends what [`printable`] returns.
pub fn push_printable(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        if valid.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            out.push_str(valid);
        } else {
            valid.chars().for_each(|c| push(out, c));
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

fn push(out: &mut String, c: char) {
    let code = u32::from(c);
    let _ = match c {
        _ if c.is_control() => write!(out, "\\x{code:02x}"),
        _ if is_invisible(code) => write!(out, "\\u{{{code:x}}}"),
        _ => out.write_char(c),
    };
}

/// Soft hyphen, joiners, marks and overrides of direction, line separators, byte order mark,
/// interlinear annotations, tags.
const fn is_invisible(code: u32) -> bool {
    matches!(
        code,
        0xad | 0x61c
            | 0x180e
            | 0x200b..=0x200f
            | 0x2028..=0x202e
            | 0x2060..=0x206f
            | 0xfeff
            | 0xfff9..=0xfffb
            | 0xe0000..=0xe007f
    )
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        assert_eq!(printable(b"\x1b[31mred\x07"), "\\x1b[31mred\\x07");
        assert_eq!(printable("a\u{9b}31m".as_bytes()), "a\\x9b31m");
        assert_eq!(printable("gpj.\u{202e}exe".as_bytes()), "gpj.\\u{202e}exe");
        assert_eq!(printable(b"two\nlines\ttab\x7f"), "two\\x0alines\\x09tab\\x7f");
        assert_eq!(printable(b"bad\xff\xc3"), "bad\\xff\\xc3");
    }

    #[test]
    fn keeps_ordinary_text() {
        assert_eq!(printable("/tmp/größe \\040 日本.db".as_bytes()), "/tmp/größe \\040 日本.db");
    }
}
