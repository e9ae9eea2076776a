//! What pictures are made of. Positions are pixels from the upper left corner.

use plotters::style::RGBColor;

/// A rectangle of pixels; the right and lower edges are outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Left edge.
    pub left: i32,
    /// Upper edge.
    pub top: i32,
    /// Right edge.
    pub right: i32,
    /// Lower edge.
    pub bottom: i32,
}

impl Frame {
    /// Pixels from left to right.
    pub const fn width(self) -> i32 {
        self.right - self.left
    }

    /// Pixels from top to bottom.
    pub const fn height(self) -> i32 {
        self.bottom - self.top
    }
}

/// Where a text lies relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the right of it, vertically centred.
    Right,
    /// To the left of it, vertically centred.
    Left,
    /// Below it, centred.
    Below,
    /// Centred on it, read upwards.
    Upright,
}

/// One thing on a picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Filled rectangles of one colour.
    Fill {
        /// Where.
        frames: Vec<Frame>,
        /// Colour.
        colour: RGBColor,
        /// From 0, invisible, to 1.
        opacity: f64,
    },
    /// A line through points.
    Line {
        /// Corners.
        points: Vec<(i32, i32)>,
        /// Colour.
        colour: RGBColor,
        /// Pixels.
        width: u32,
    },
    /// A text.
    Text {
        /// What it says.
        text: String,
        /// The point beside which it lies.
        at: (i32, i32),
        /// Height of its line, pixels.
        size: i32,
        /// Colour.
        colour: RGBColor,
        /// Where it lies.
        side: Side,
    },
}
