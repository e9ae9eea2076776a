//! The page that a summary is written on.

use crate::layout::Layout;
use crate::table::layout;

/// Columns before the text of a labelled line.
pub const INDENT: usize = 13;

/// Lines of a summary.
#[derive(Debug)]
pub struct Screen {
    text: String,
    layout: Layout,
}

impl Screen {
    /// An empty page.
    pub const fn new(layout: Layout) -> Self {
        Self { text: String::new(), layout }
    }

    /// Columns of a line.
    pub const fn width(&self) -> usize {
        self.layout.width
    }

    /// A table, as [`layout`] makes it.
    pub fn table(&mut self, header: &[&str], names: usize, rows: Vec<Vec<String>>) {
        self.text.push_str(&layout(header, names, rows, self.layout.table_width));
    }

    /// A heading with an empty line before it.
    pub fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        if self.layout.bold {
            self.text.push_str("\x1b[1m");
        }
        wrap(&mut self.text, heading, (0, 0), self.layout.width);
        if self.layout.bold {
            // The newline stays outside.
            self.text.pop();
            self.text.push_str("\x1b[0m\n");
        }
    }

    /// A label and its text, wrapped at words under the text's first column.
    pub fn labelled(&mut self, label: &str, text: &str) {
        self.text.push_str(&format!("  {label:<width$}", width = INDENT - 2));
        wrap(&mut self.text, text, (INDENT, INDENT), self.layout.width);
    }

    /// A paragraph, wrapped at words.
    pub fn paragraph(&mut self, text: &str) {
        self.text.push_str("  ");
        wrap(&mut self.text, text, (2, 2), self.layout.width);
    }

    /// Lines as they are.
    pub fn verbatim(&mut self, lines: &str) {
        self.text.push_str(lines);
    }

    /// Everything written.
    pub fn into_text(self) -> String {
        self.text
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
