//! What is asked of a text, by tables and parsers that are not the program's own.

use std::ops::RangeInclusive;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Combining marks that may follow one character.
const MARKS_MAX: usize = 3;

/// Letters and marks that Unicode says are to be ignored where they are not supported (`DerivedCoreProperties.txt`,
/// `Default_Ignorable_Code_Point`), and the empty pattern of Braille.
const HAVE_NO_SHAPE: [RangeInclusive<u32>; 10] = [
    0x34f..=0x34f,
    0x115f..=0x1160,
    0x17b4..=0x17b5,
    0x180b..=0x180f,
    0x2800..=0x2800,
    0x3164..=0x3164,
    0xfe00..=0xfe0f,
    0xffa0..=0xffa0,
    0x1d173..=0x1d17a,
    0xe0000..=0xe0fff,
];

/// What of a text is neither visible nor a usual space.
pub fn hidden(text: &str) -> Option<String> {
    let (mut marks, mut has_base) = (0, false);
    for (at, c) in text.char_indices() {
        use GeneralCategory as G;
        let category = c.general_category();
        let is_hidden = match category {
            G::Control
            | G::Format
            | G::LineSeparator
            | G::ParagraphSeparator
            | G::PrivateUse
            | G::Surrogate
            | G::Unassigned => true,
            G::SpaceSeparator => c != ' ',
            _ => HAVE_NO_SHAPE.iter().any(|range| range.contains(&u32::from(c))),
        };
        let is_mark = matches!(category, G::NonspacingMark | G::EnclosingMark);
        marks = if is_mark { marks + 1 } else { 0 };
        let is_loose = marks > 0 && !has_base;
        has_base = c != ' ' && !is_loose;
        if is_hidden || marks > MARKS_MAX || is_loose {
            let near: String = text[at..].chars().take(30).collect();
            return Some(format!("U+{:04X} at {at}: {}", u32::from(c), near.escape_debug()));
        }
    }
    None
}

/// A text of lines none of which hides anything.
pub fn lines<'a>(bytes: &'a [u8], what: &str) -> Vec<&'a str> {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let lines: Vec<&str> = text.split('\n').collect();
    for line in &lines {
        assert_eq!(hidden(line), None, "{what}: {line}");
    }
    assert_eq!(lines.last().copied().unwrap_or(""), "", "{what}: the last line ends");
    lines[..lines.len() - 1].to_vec()
}

/// The bytes that a name in an output stands for, by what `schemas/faults.md` says of escapes; none if it holds a
/// backslash that begins none.
pub fn original(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let mut buffer = [0; 4];
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        } else if let Some(after) = rest.strip_prefix('\\') {
            bytes.push(b'\\');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('x') {
            bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
            rest = &after[2..];
        } else {
            let (code, after) = rest.strip_prefix("u{")?.split_once('}')?;
            let c = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            rest = after;
        }
    }
    Some(bytes)
}

/// The cells of a line of a table: two spaces are between them, and none holds two.
pub fn cells(line: &str) -> Vec<&str> {
    let line = line.strip_prefix("  ").unwrap_or_else(|| panic!("not indented: {line}"));
    line.split("  ").map(|cell| cell.trim_matches(' ')).filter(|cell| !cell.is_empty()).collect()
}
