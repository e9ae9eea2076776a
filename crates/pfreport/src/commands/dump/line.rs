//! `key=value` with spaces between.

use std::fmt::{Display, Write as _};

use pft::text::printable;

/// A record as a line.
#[derive(Debug)]
pub struct Line(String);

impl Line {
    /// A line that begins with what the record is.
    pub fn of(what: &str) -> Self {
        Self(format!("  {what}"))
    }

    /// A number or a word.
    pub fn put(mut self, key: &str, value: impl Display) -> Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, " {key}={value}");
        self
    }

    /// A number or a word that may be unknown.
    pub fn known(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.put(key, value),
            None => self.put(key, "unknown"),
        }
    }

    /// An address or bits.
    pub fn hex(self, key: &str, value: impl Into<u64>) -> Self {
        self.put(key, format_args!("{:#x}", value.into()))
    }

    /// Addresses.
    pub fn hexes(self, key: &str, values: &[u64]) -> Self {
        let values: Vec<String> = values.iter().map(|value| format!("{value:#x}")).collect();
        self.put(key, values.join(","))
    }

    /// Bytes as digits.
    pub fn digits(self, key: &str, bytes: &[u8]) -> Self {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.put(key, digits)
    }

    /// A name, which may hold anything: in quotes where it could be taken for something else.
    pub fn name(mut self, key: &str, name: &[u8]) -> Self {
        let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"=".contains(byte);
        let quote = if name.iter().all(plain) && !name.is_empty() { "" } else { "\"" };
        let _ = write!(self.0, " {key}={quote}");
        self.0.push_str(&printable(name).replace('"', "\\x22"));
        self.0.push_str(quote);
        self
    }

    /// The line with its end.
    pub fn end(mut self) -> String {
        self.0.push('\n');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn names_cannot_be_taken_for_anything_else() {
        let name = |name: &[u8]| Line::of("task").name("comm", name).put("pid", 1).end();
        assert_eq!(name(b"sh"), "  task comm=sh pid=1\n");
        assert_eq!(name(b"a b"), "  task comm=\"a b\" pid=1\n");
        assert_eq!(name(b""), "  task comm=\"\" pid=1\n");
        assert_eq!(name(b"x pid=2"), "  task comm=\"x pid=2\" pid=1\n");
        assert_eq!(name(b"a\" pid=2"), "  task comm=\"a\\x22 pid=2\" pid=1\n");
        assert_eq!(name(b"\x1b[2J\n"), "  task comm=\"\\x1b[2J\\x0a\" pid=1\n");
    }
}
