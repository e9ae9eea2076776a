//! The page that a summary is written on.

use crate::print::cell::Cell;
use crate::print::layout::Layout;
use crate::print::table::layout;

/// Columns before the text of a labelled line.
pub const INDENT: usize = 13;

/// What a page is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// What follows, in a few words.
    Heading(String),
    /// A label and its text; the text of the label before goes on where it is empty.
    Labelled(String, String),
    /// The first columns hold names, so many of them, the others numbers.
    Table {
        /// Names of the columns.
        header: Vec<String>,
        /// How many of them hold names.
        names: usize,
        /// Rows, each with a value for every column.
        rows: Vec<Vec<Cell>>,
    },
    /// Prose.
    Paragraph(String),
    /// Lines as they are.
    Verbatim(String),
}

/// A summary in parts, and what it is laid out for.
#[derive(Debug)]
pub struct Screen {
    parts: Vec<Part>,
    layout: Layout,
}

impl Screen {
    /// An empty page.
    pub const fn new(layout: Layout) -> Self {
        Self { parts: Vec::new(), layout }
    }

    /// Columns of a line.
    pub const fn width(&self) -> usize {
        self.layout.width
    }

    /// A table, as [`layout`] makes it.
    pub fn table(&mut self, header: &[&str], names: usize, rows: Vec<Vec<Cell>>) {
        let header = header.iter().map(ToString::to_string).collect();
        self.parts.push(Part::Table { header, names, rows });
    }

    /// A heading with an empty line before it.
    pub fn heading(&mut self, heading: &str) {
        self.parts.push(Part::Heading(heading.to_owned()));
    }

    /// A label and its text, wrapped at words under the text's first column.
    pub fn labelled(&mut self, label: &str, text: &str) {
        self.parts.push(Part::Labelled(label.to_owned(), text.to_owned()));
    }

    /// A paragraph, wrapped at words.
    pub fn paragraph(&mut self, text: &str) {
        self.parts.push(Part::Paragraph(text.to_owned()));
    }

    /// Lines as they are.
    pub fn verbatim(&mut self, lines: &str) {
        self.parts.push(Part::Verbatim(lines.to_owned()));
    }

    /// Adds the parts of another page.
    pub fn append(&mut self, other: Self) {
        self.parts.extend(other.parts);
    }

    /// Everything written, for another kind of page.
    pub fn into_parts(self) -> Vec<Part> {
        self.parts
    }

    /// Everything written, as text.
    pub fn into_text(self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            self.write(&mut text, part);
        }
        text
    }

    fn write(&self, text: &mut String, part: &Part) {
        let Layout { bold, width, table_width } = self.layout;
        match part {
            Part::Heading(heading) => {
                if !text.is_empty() {
                    text.push('\n');
                }
                if bold {
                    text.push_str("\x1b[1m");
                }
                wrap(text, heading, (0, 0), width);
                if bold {
                    // The newline stays outside.
                    text.pop();
                    text.push_str("\x1b[0m\n");
                }
            }
            Part::Labelled(label, words) => {
                text.push_str(&format!("  {label:<width$}", width = INDENT - 2));
                wrap(text, words, (INDENT, INDENT), width);
            }
            Part::Table { header, names, rows } => {
                let rows = rows.iter().map(|row| row.iter().map(Cell::text).collect()).collect();
                let header: Vec<&str> = header.iter().map(String::as_str).collect();
                text.push_str(&layout(&header, *names, rows, table_width));
            }
            Part::Paragraph(words) => {
                text.push_str("  ");
                wrap(text, words, (2, 2), width);
            }
            Part::Verbatim(lines) => text.push_str(lines),
        }
    }
}

/// What stays on the line of the number before it.
const UNITS: [&str; 15] =
    ["%", "ns", "µs", "ms", "s", "min", "h", "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "UTC"];

/// The words of a text; a number and its unit are one, and so are `pid` and its number.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let is_unit = UNITS.contains(&word.trim_end_matches(|c| ".,;:)".contains(c)));
        match words.last_mut() {
            Some(last)
                if last.ends_with("(pid")
                    || is_unit && last.ends_with(|c: char| c.is_ascii_digit()) =>
            {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Appends words; the first line starts at one column, the others are indented to another.
fn wrap(out: &mut String, text: &str, (mut column, indent): (usize, usize), line_width: usize) {
    for (i, word) in words(text).iter().enumerate() {
        let width = word.chars().count();
        if i > 0 && column + 1 + width > line_width {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{Layout, Screen};

    #[test]
    fn wraps_under_the_text() {
        let mut screen = Screen::new(Layout::PIPED);
        screen.heading("title");
        screen.labelled("label", &["word"; 19].join(" "));
        let expected =
            format!("title\n  label      {}\n             word word\n", ["word"; 17].join(" "));
        assert_eq!(screen.into_text(), expected);
    }

    #[test]
    fn numbers_keep_their_units() {
        let mut screen = Screen::new(Layout { width: 10, ..Layout::PIPED });
        screen.paragraph("took 152 µs, all 97 % of it");
        screen.paragraph("sleep 1 (pid 12345)");
        let expected = "  took\n  152 µs,\n  all 97 %\n  of it\n  sleep 1\n  (pid 12345)\n";
        assert_eq!(screen.into_text(), expected);
    }

    #[test]
    fn headings_are_bold_on_request() {
        let mut screen = Screen::new(Layout::terminal(100, true));
        screen.heading("one");
        screen.heading("two");
        assert_eq!(screen.into_text(), "\x1b[1mone\x1b[0m\n\n\x1b[1mtwo\x1b[0m\n");
    }
}
