//! What text is laid out for.

/// How text is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Headings in bold, for a terminal.
    pub bold: bool,
    /// Columns of a line.
    pub width: usize,
}

impl Layout {
    /// Columns where output goes to no terminal.
    pub const WIDTH: usize = 100;
    /// Columns below which tables are not made narrower.
    pub const WIDTH_MIN: usize = 60;
}
