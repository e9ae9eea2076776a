//! Tables in text: no lines, names to the left, numbers to the right.

use std::cmp::Reverse;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::print::text::{LONGEST, harmless, shorten, shorten_chain, shorten_path};

/// Least width that a name is shortened to.
const NAME_MIN: usize = 12;

/// Columns of names that can be long. Nobody could guess a word of a fixed list or a number from its
/// ends, and shortened addresses look alike.
const LONG: [&str; 11] = [
    "callchain",
    "comm",
    "function",
    "module",
    "name",
    "object",
    "path",
    "phase",
    "region",
    "source",
    "trace",
];

/// Lays out a table. The first `names` columns hold names, the others numbers. Each line begins with
/// two spaces and ends with a newline; no line ends with spaces. Where a line would be longer than
/// `line_width`, the longest names are shortened in their middle, but only in columns of names that can
/// be long: the line stays longer if that is not enough. Numbers stand close to their units
/// (`1.5MiB`), so that a space always separates columns.
#[must_use]
pub fn layout(
    header: &[&str],
    names: usize,
    rows: Vec<Vec<String>>,
    line_width: Option<usize>,
) -> String {
    let is_name: Vec<bool> = (0..header.len()).map(|i| i < names).collect();
    layout_aligned(header, &is_name, rows, line_width)
}

/// The same with the columns of names where `is_name` says.
#[must_use]
pub fn layout_aligned(
    header: &[&str],
    is_name: &[bool],
    mut rows: Vec<Vec<String>>,
    line_width: Option<usize>,
) -> String {
    let is_name = |i: usize| is_name.get(i).copied().unwrap_or(false);
    for row in &mut rows {
        let numbers = row.iter_mut().enumerate().filter(|&(i, _)| !is_name(i));
        numbers.for_each(|(_, cell)| cell.retain(|c| c != ' '));
    }
    // Wherever the table goes: the layout of a name without end takes hours. What programs read has it whole.
    for cell in rows.iter_mut().flatten().filter(|cell| cell.len() > LONGEST) {
        *cell = shorten(cell, LONGEST);
    }
    let widths: Vec<usize> = (0..header.len())
        .map(|i| {
            let cells = rows.iter().filter_map(|row| row.get(i));
            let header = header[i].chars().count();
            cells.map(|cell| cell.chars().count()).fold(header, usize::max)
        })
        .collect();
    let needed: usize = widths.iter().map(|width| width + 2).sum();
    let mut excess = line_width.map_or(0, |width| needed.saturating_sub(width));
    let mut by_width: Vec<usize> =
        (0..header.len()).filter(|&i| is_name(i) && LONG.contains(&header[i])).collect();
    by_width.sort_by_key(|&i| Reverse(widths[i]));
    for i in by_width {
        let width = widths[i].saturating_sub(excess).max(NAME_MIN.min(widths[i]));
        excess = excess.saturating_sub(widths[i] - width);
        let shorten = match header[i] {
            "callchain" => shorten_chain,
            // Names of functions may hold slashes that separate nothing.
            "function" | "object" => shorten,
            _ => shorten_path,
        };
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(i)) {
            *cell = shorten(cell, width);
        }
    }

    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec()).add_rows(rows);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((2, 0));
        if !is_name(i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text in a cell. One that is a lone `-` is escaped: that stands for nothing.
#[must_use]
pub fn name_cell(text: &str) -> String {
    if text == "-" { "\\x2d".to_owned() } else { harmless(text) }
}

/// The value as `format` puts it; `-` when it is not known.
#[must_use]
pub fn known(value: Option<u64>, format: impl FnOnce(u64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), format)
}

#[cfg(test)]
mod tests {
    use super::layout;
    use crate::print::text::LONGEST;

    #[test]
    fn names_left_numbers_right() {
        let row = |name: &str, n: &str| vec![name.to_owned(), n.to_owned()];
        let text =
            layout(&["region", "faults"], 1, vec![row("[heap]", "1,234"), row("größe", "5")], None);
        assert_eq!(text, "  region  faults\n  [heap]   1,234\n  größe        5\n");
    }

    #[test]
    fn names_without_end_are_shortened_wherever_they_go() {
        let text = layout(&["path"], 1, vec![vec!["x".repeat(1 << 20)]], None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1].chars().count(), 2 + LONGEST);
        assert!(lines[1].contains('…'));
    }

    #[test]
    fn addresses_and_reasons_stay_whole_where_names_cannot_give_enough() {
        let cells = ["not executable", "/a/long/way/to/lib.so", "0x7f0123e7e000", "0x7f0123456789"];
        let row = cells.map(str::to_owned).to_vec();
        let text = |width| layout(&["failure", "path", "addr", "ip"], 4, vec![row.clone()], width);
        let line = |width| text(width).lines().nth(1).map(str::to_owned).unwrap();
        let whole = format!("  {}", cells.join("  "));
        assert_eq!(line(None), whole);
        assert_eq!(line(Some(40)), whole.replace(cells[1], "/a/l…/lib.so"));
    }

    #[test]
    fn words_of_the_vocabulary_stay_whole() {
        let row = vec!["anon-first-touch-or-zero".to_owned(), "/a/long/way/to/libc.so".to_owned()];
        let text = layout(&["cause", "path"], 2, vec![row], Some(44));
        assert_eq!(text.lines().nth(1), Some("  anon-first-touch-or-zero  /a/long…/libc.so"));
    }

    #[test]
    fn long_names_give_way() {
        let row = vec!["short".to_owned(), "/a".repeat(60), "1,234".to_owned()];
        let text = layout(&["kind", "path", "faults"], 2, vec![row], Some(100));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].chars().count(), 100);
        assert!(
            lines[1].starts_with("  short  /a/a/a") && lines[1].ends_with("/a   1,234"),
            "{text}"
        );
    }
}
