//! What text is laid out for.

/// How text is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Headings in bold, for a terminal.
    pub bold: bool,
    /// Columns of a line of prose.
    pub width: usize,
    /// Columns into which tables are made to fit by shortening long names; `None` where nothing is
    /// shortened.
    pub table_width: Option<usize>,
}

impl Layout {
    /// For output that goes to no terminal: programs and files get every name whole.
    pub const PIPED: Self = Self { bold: false, width: 100, table_width: None };
    /// Columns below which tables are not made narrower.
    pub const WIDTH_MIN: usize = 60;

    /// Whether it is for a terminal.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.table_width.is_some()
    }

    /// For a terminal of so many columns.
    #[must_use]
    pub fn terminal(columns: usize, bold: bool) -> Self {
        let width = columns.max(Self::WIDTH_MIN);
        Self { bold, width, table_width: Some(width) }
    }
}
