//! Values of a table: what is shown, the exact figure behind it, and how they sort.

use crate::print::text::shorten;
use crate::print::units::{bytes, count, duration, moment, percent, rate};

/// One value of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A name, fit to print.
    Name(String),
    /// A name that a screen shows in so many characters at most.
    LongName(String, usize),
    /// A number that names something.
    Id(u64),
    /// How many.
    Count(u64),
    /// A size.
    Bytes(u64),
    /// A stretch of time, nanoseconds.
    Duration(u64),
    /// A moment, nanoseconds since the start.
    Moment(u64),
    /// A part of a whole.
    Share(u64, u64),
    /// Events over a stretch of time, nanoseconds.
    Rate(u64, u64),
    /// What is not known, or means nothing here.
    Unknown,
}

impl Cell {
    /// The value as a cell, if there is one.
    pub fn known(value: Option<u64>, cell: impl FnOnce(u64) -> Self) -> Self {
        value.map_or(Self::Unknown, cell)
    }

    /// As people read it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::LongName(name, width) => shorten(name, *width),
            Self::Id(number) => number.to_string(),
            Self::Count(number) => count(*number),
            Self::Bytes(number) => bytes(*number),
            Self::Duration(ns) => duration(*ns),
            Self::Moment(ns) => moment(*ns),
            Self::Share(part, whole) => percent(*part, *whole),
            Self::Rate(number, over_ns) => rate(*number, *over_ns),
            Self::Unknown => "-".to_owned(),
        }
    }

    /// The exact figure where the text rounds it.
    #[must_use]
    pub fn exact(&self) -> Option<String> {
        match self {
            Self::Bytes(number) => Some(format!("{} bytes", count(*number))),
            Self::Duration(ns) | Self::Moment(ns) => Some(format!("{} ns", count(*ns))),
            Self::Share(part, whole) => Some(format!("{} of {}", count(*part), count(*whole))),
            Self::Rate(number, over_ns) => {
                Some(format!("{} in {} ns", count(*number), count(*over_ns)))
            }
            Self::Name(_) | Self::LongName(..) | Self::Id(_) | Self::Count(_) | Self::Unknown => {
                None
            }
        }
    }

    /// The number that a column of such values sorts by; none for names and what is not known.
    #[must_use]
    pub fn order(&self) -> Option<f64> {
        match *self {
            Self::Name(_) | Self::LongName(..) | Self::Unknown => None,
            Self::Id(number)
            | Self::Count(number)
            | Self::Bytes(number)
            | Self::Duration(number)
            | Self::Moment(number) => Some(number as f64),
            Self::Share(part, whole) | Self::Rate(part, whole) => {
                Some(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cell;

    #[test]
    fn what_is_rounded_has_its_exact_figure() {
        let cell = |cell: Cell| (cell.text(), cell.exact(), cell.order());
        let words = |text: &str, exact: &str, order| {
            (text.to_owned(), Some(exact.to_owned()).filter(|text| !text.is_empty()), Some(order))
        };
        assert_eq!(cell(Cell::Bytes(4_097)), words("4 KiB", "4,097 bytes", 4_097.0));
        assert_eq!(cell(Cell::Duration(1_234_567)), words("1.23 ms", "1,234,567 ns", 1_234_567.0));
        assert_eq!(cell(Cell::Share(1, 8)), words("12 %", "1 of 8", 0.125));
        assert_eq!(cell(Cell::Count(1_234)), words("1,234", "", 1_234.0));
        assert_eq!(cell(Cell::known(None, Cell::Count)), ("-".to_owned(), None, None));
        let name = Cell::LongName("a_long_name".to_owned(), 5);
        assert_eq!(cell(name), ("a_…me".to_owned(), None, None));
    }
}
