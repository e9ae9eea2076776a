//! Tables that a script can sort.

use maud::{Markup, html};

use crate::print::cell::Cell;
use crate::print::text::shorten_path;

/// Longest name in a cell, characters: both ends of it are shown.
pub const NAME_CHARACTERS: usize = 500;

/// A table whose first columns, so many of them, hold names.
pub fn table(header: &[impl AsRef<str>], names: usize, rows: &[Vec<Cell>]) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        @for (i, name) in header.iter().enumerate() {
                            th scope="col" class=[(i >= names).then_some("number")]
                                title=[meaning(name.as_ref())] { (name.as_ref()) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (i, cell) in row.iter().enumerate() {
                                (data(cell, header.get(i).map(AsRef::as_ref), i < names))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A cell with the number it sorts by, and the exact figure to point at.
fn data(cell: &Cell, column: Option<&str>, is_name: bool) -> Markup {
    let text = match cell {
        Cell::Name(name) | Cell::LongName(name, _) => shorten_path(name, NAME_CHARACTERS),
        _ => cell.text(),
    };
    let class = match (is_name, column) {
        (true, Some("class")) => Some(format!("class {text}")),
        (true, _) => None,
        (false, _) => Some("number".to_owned()),
    };
    html! {
        td class=[class] data-order=[cell.order()] title=[cell.exact()] { (text) }
    }
}

/// What a column says, where its name alone does not.
fn meaning(column: &str) -> Option<&'static str> {
    Some(match column {
        "pages" => "distinct pages",
        "touched" => "distinct pages times the size installed",
        "stall" => "time that threads waited for these faults, added up over all threads",
        "wall" => "share of the time in which at least one thread was stalled so",
        "stalled" => "share of the life with at least one thread stalled",
        "of all" => "share of the column before",
        "p50" => "half of the faults took no longer",
        "p90" => "90 % of the faults took no longer",
        "p99" => "99 % of the faults took no longer",
        "max" => "the longest fault",
        "mostly" => "class and cause that stall it most",
        "life" => "while faults were recorded",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{NAME_CHARACTERS, table};
    use crate::print::cell::Cell;

    #[test]
    fn cells_carry_what_they_sort_by() {
        let row = vec![
            Cell::Name("major".to_owned()),
            Cell::LongName("<b>\"'&".to_owned(), 3),
            Cell::Duration(1_500),
            Cell::Unknown,
        ];
        let html = table(&["class", "function", "stall", "max"], 2, &[row]).into_string();
        let body = html.split("<tbody>").nth(1).unwrap();
        assert_eq!(
            body,
            "<tr><td class=\"class major\">major</td><td>&lt;b&gt;&quot;'&amp;</td>\
             <td class=\"number\" data-order=\"1500\" title=\"1,500 ns\">1.5 µs</td>\
             <td class=\"number\">-</td></tr></tbody></table></div>"
        );
    }

    #[test]
    fn names_are_bounded() {
        let rows = [vec![Cell::LongName("x".repeat(1_000_000), 44)]];
        let html = table(&["function"], 1, &rows).into_string();
        assert!(html.len() < NAME_CHARACTERS + 300, "{}", html.len());
    }
}
