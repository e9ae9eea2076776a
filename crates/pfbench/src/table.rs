//! Tables of figures, for people and programs.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, Table as Grid, presets};
use serde::Serialize;

use crate::spread::Spread;

/// What stands in a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A figure that was measured once, or follows from medians.
    Number(f64),
    /// Figures of several rounds.
    Spread(Spread),
    /// It could not be measured, or means nothing here.
    Missing(()),
}

impl From<Option<Spread>> for Cell {
    fn from(spread: Option<Spread>) -> Self {
        spread.map_or(Self::Missing(()), Self::Spread)
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Missing(()), Self::Number)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(figure) => f.write_str(&number(*figure)),
            Self::Spread(Spread { median, min, max }) if min == max => {
                f.write_str(&number(*median))
            }
            Self::Spread(Spread { median, min, max }) => {
                write!(f, "{} ({} to {})", number(*median), number(*min), number(*max))
            }
            Self::Missing(()) => f.write_str("–"),
        }
    }
}

/// A figure with as many digits as mean something: three, or all before the point.
pub fn number(figure: f64) -> String {
    let decimals = match figure.abs() {
        0.0 => 0,
        size if size < 0.1 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{:.decimals$}", figure.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if figure < 0.0 { "−" } else { "" };
    format!("{sign}{grouped}{rest}")
}

/// Figures of one question.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// What is asked.
    pub title: String,
    /// What stands in the columns, with units.
    pub columns: Vec<String>,
    /// The figures.
    pub rows: Vec<Vec<Cell>>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Self { title: title.into(), columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// Adds a note.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut out = format!("### {}\n\n{}\n", self.title, self.grid(presets::ASCII_MARKDOWN));
        for note in &self.notes {
            out.push_str(&format!("\n{note}\n"));
        }
        out.push('\n');
        out
    }

    fn grid(&self, preset: &str) -> Grid {
        let mut grid = Grid::new();
        grid.load_preset(preset).set_content_arrangement(ContentArrangement::Disabled);
        grid.set_header(&self.columns);
        for row in &self.rows {
            grid.add_row(row.iter().map(ToString::to_string));
        }
        for column in grid.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        grid
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title)?;
        writeln!(f, "{}", self.grid(presets::UTF8_HORIZONTAL_ONLY))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let texts = [0.0, 0.0123, 0.5, 2.345, 12.34, 999.6, 1_234_567.8, -45.67].map(number);
        let expected = ["0", "0.012", "0.50", "2.35", "12.3", "1,000", "1,234,568", "−45.7"];
        assert_eq!(texts, expected.map(str::to_owned));
    }

    #[test]
    fn what_could_not_be_measured_is_no_figure() {
        assert_eq!(Cell::from(None::<f64>).to_string(), "–");
        assert_eq!(serde_json::to_string(&Cell::from(None::<f64>)).ok().as_deref(), Some("null"));
    }
}
