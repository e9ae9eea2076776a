//! Tables in text: no lines, names to the left, numbers to the right.

use std::cmp::Reverse;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::text::shorten_path;

/// Least width that a name is shortened to.
const NAME_MIN: usize = 12;

/// Columns whose names are words of a fixed list, which nobody could guess from their ends.
const VOCABULARY: [&str; 4] = ["class", "cause", "kind", "region_kind"];

/// Lays out a table. The first `names` columns hold names, the others numbers. Each line begins with
/// two spaces and ends with a newline; no line ends with spaces. Where a line would be longer than
/// `line_width`, the longest names are shortened in their middle, except classes and the like. Numbers stand close to their units
/// (`1.5MiB`), so that a space always separates columns.
#[must_use]
pub fn layout(
    header: &[&str],
    names: usize,
    mut rows: Vec<Vec<String>>,
    line_width: usize,
) -> String {
    for cell in rows.iter_mut().flat_map(|row| row.iter_mut().skip(names)) {
        cell.retain(|c| c != ' ');
    }
    let widths: Vec<usize> = (0..header.len())
        .map(|i| {
            let cells = rows.iter().filter_map(|row| row.get(i));
            let header = header[i].chars().count();
            cells.map(|cell| cell.chars().count()).fold(header, usize::max)
        })
        .collect();
    let mut excess = widths.iter().map(|width| width + 2).sum::<usize>().saturating_sub(line_width);
    let mut by_width: Vec<usize> =
        (0..names).filter(|&i| !VOCABULARY.contains(&header[i])).collect();
    by_width.sort_by_key(|&i| Reverse(widths[i]));
    for i in by_width {
        let width = widths[i].saturating_sub(excess).max(NAME_MIN.min(widths[i]));
        excess = excess.saturating_sub(widths[i] - width);
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(i)) {
            *cell = shorten_path(cell, width);
        }
    }

    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec()).add_rows(rows);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((2, 0));
        if i >= names {
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

/// The value as `format` puts it; `-` when it is not known.
#[must_use]
pub fn known(value: Option<u64>, format: fn(u64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), format)
}

#[cfg(test)]
mod tests {
    use super::layout;

    #[test]
    fn names_left_numbers_right() {
        let row = |name: &str, n: &str| vec![name.to_owned(), n.to_owned()];
        let text =
            layout(&["region", "faults"], 1, vec![row("[heap]", "1,234"), row("größe", "5")], 100);
        assert_eq!(text, "  region  faults\n  [heap]   1,234\n  größe        5\n");
    }

    #[test]
    fn words_of_the_vocabulary_stay_whole() {
        let row = vec!["anon-first-touch-or-zero".to_owned(), "/a/long/way/to/libc.so".to_owned()];
        let text = layout(&["cause", "path"], 2, vec![row], 44);
        assert_eq!(text.lines().nth(1), Some("  anon-first-touch-or-zero  /a/long…/libc.so"));
    }

    #[test]
    fn long_names_give_way() {
        let row = vec!["short".to_owned(), "/a".repeat(60), "1,234".to_owned()];
        let text = layout(&["kind", "path", "faults"], 2, vec![row], 100);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].chars().count(), 100);
        assert!(
            lines[1].starts_with("  short  /a/a/a") && lines[1].ends_with("/a   1,234"),
            "{text}"
        );
    }
}
