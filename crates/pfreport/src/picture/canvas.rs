//! A bitmap with a font, and the few shapes that the pictures are made of. Positions are pixels from
//! the upper left corner.

use std::path::Path;

use ab_glyph::{Font as _, FontRef, ScaleFont as _, point};
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _};
use plotters::element::{PathElement, Rectangle};
use plotters::style::{BLACK, Color as _, RGBAColor, RGBColor, ShapeStyle, WHITE};

use super::scale::{Scale, Ticks};
use crate::load::Loaded;
use crate::scope::Scope;
use crate::text::shorten;

type DrawingError = DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

/// Result of drawing.
pub type Drawn = Result<(), DrawingError>;

/// Width of a picture.
pub const WIDTH: i32 = 1_200;
/// Height of a picture.
pub const HEIGHT: i32 = 800;
/// Size of ordinary text: height of a line.
pub const TEXT: i32 = 16;
/// Colour of secondary text.
pub const GREY: RGBColor = RGBColor(0x60, 0x60, 0x60);
/// Colour of grid lines.
pub const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

const FONT_BYTES: &[u8] = include_bytes!("../../fonts/DejaVuSans-subset.ttf");

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy)]
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

/// What one draws on.
pub struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
    font: FontRef<'static>,
}

/// Paints a picture into a PNG file.
///
/// # Errors
/// The font is unusable, or the file cannot be written.
pub fn paint(path: &Path, draw: impl FnOnce(&Canvas<'_>) -> Drawn) -> Drawn {
    let font =
        FontRef::try_from_slice(FONT_BYTES).map_err(|_| DrawingAreaErrorKind::LayoutError)?;
    let size = (WIDTH.unsigned_abs(), HEIGHT.unsigned_abs());
    let area = BitMapBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    let canvas = Canvas { area, font };
    draw(&canvas)?;
    canvas.area.present()
}

impl Canvas<'_> {
    /// Title and subtitle of a picture; the subtitle ends with what the trace leaves out.
    pub fn title(&self, loaded: &Loaded, title: &str, subtitle: &str) -> Drawn {
        let room = WIDTH - 40;
        let title = self.fit(&format!("{}: {title}", loaded.name), 26, room);
        self.text(&title, (20, 28), 26, &BLACK, Side::Right)?;
        let caveat = Scope::of(loaded).caveat(loaded.skipped());
        let caveat = caveat.map_or_else(String::new, |caveat| format!("; {caveat}"));
        let subtitle = self.fit(&format!("{subtitle}{caveat}"), TEXT, room);
        self.text(&subtitle, (20, 56), TEXT, &GREY, Side::Right)
    }

    /// What a picture without data says instead.
    pub fn nothing(&self, why: &str) -> Drawn {
        self.text(why, (WIDTH / 2, HEIGHT / 2), 20, &GREY, Side::Below)
    }

    /// A filled rectangle; the right and lower edges are outside.
    pub fn fill(&self, frame: Frame, colour: RGBAColor) -> Drawn {
        if frame.right <= frame.left || frame.bottom <= frame.top {
            return Ok(());
        }
        let corners = [(frame.left, frame.top), (frame.right, frame.bottom)];
        self.area.draw(&Rectangle::new(corners, colour.filled()))
    }

    /// A line through points.
    pub fn line(&self, points: Vec<(i32, i32)>, colour: &RGBColor, width: u32) -> Drawn {
        let style = ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: width };
        self.area.draw(&PathElement::new(points, style))
    }

    /// Text beside a point.
    ///
    /// Glyphs are set here rather than by plotters, whose renderer for this kind of font ignores the
    /// room to their left (0.3.7) and so spaces them unevenly.
    pub fn text(
        &self,
        text: &str,
        at: (i32, i32),
        size: i32,
        colour: &RGBColor,
        side: Side,
    ) -> Drawn {
        let width = self.width(text, size);
        let (x, y) = match side {
            Side::Right => (at.0, at.1 - size / 2),
            Side::Left => (at.0 - width, at.1 - size / 2),
            Side::Below => (at.0 - width / 2, at.1),
            Side::Upright => (at.0 - size / 2, at.1 + width / 2),
        };
        let font = self.font.as_scaled(size as f32);
        let mut pen = 0.0;
        for c in text.chars() {
            let mut glyph = font.scaled_glyph(self.printable(c));
            let advance = font.h_advance(glyph.id);
            glyph.position = point(pen, font.ascent());
            pen += advance;
            let Some(outline) = font.outline_glyph(glyph) else {
                continue;
            };
            let (left, top) = (outline.px_bounds().min.x as i32, outline.px_bounds().min.y as i32);
            let mut pixels = Vec::new();
            outline.draw(|dx, dy, coverage| {
                pixels.push((left + dx as i32, top + dy as i32, f64::from(coverage)));
            });
            for (dx, dy, coverage) in pixels {
                let (dx, dy) = if side == Side::Upright { (dy, -dx) } else { (dx, dy) };
                self.area.draw_pixel((x + dx, y + dy), &colour.mix(coverage.min(1.0)))?;
            }
        }
        Ok(())
    }

    /// Width of a text in pixels.
    pub fn width(&self, text: &str, size: i32) -> i32 {
        let font = self.font.as_scaled(size as f32);
        let advance = |c| font.h_advance(font.glyph_id(self.printable(c)));
        text.chars().map(advance).sum::<f32>().ceil() as i32
    }

    /// The text, its middle left out where it is wider than the room.
    pub fn fit(&self, text: &str, size: i32, room: i32) -> String {
        let mut characters = text.chars().count();
        let mut fitted = text.to_owned();
        while characters > 1 && self.width(&fitted, size) > room {
            characters -= 1;
            fitted = shorten(text, characters);
        }
        fitted
    }

    /// A character that the font has.
    fn printable(&self, c: char) -> char {
        if self.font.glyph_id(c).0 == 0 { char::REPLACEMENT_CHARACTER } else { c }
    }

    /// A horizontal axis below `frame`, with grid lines.
    pub fn horizontal_axis(&self, frame: Frame, scale: Scale, ticks: &Ticks, name: &str) -> Drawn {
        for (value, label) in ticks {
            let x = scale.pixel(*value);
            self.line(vec![(x, frame.top), (x, frame.bottom)], &GRID, 1)?;
            let at = (x, frame.bottom + 6);
            self.text(label, at, TEXT, &BLACK, Side::Below)?;
        }
        self.line(vec![(frame.left, frame.bottom), (frame.right, frame.bottom)], &BLACK, 1)?;
        let middle = (frame.left + frame.right) / 2;
        self.text(name, (middle, frame.bottom + 28), TEXT, &BLACK, Side::Below)
    }

    /// A vertical axis to the left of `frame`, with grid lines.
    pub fn vertical_axis(&self, frame: Frame, scale: Scale, ticks: &Ticks, name: &str) -> Drawn {
        for (value, label) in ticks {
            let y = scale.pixel(*value);
            self.line(vec![(frame.left, y), (frame.right, y)], &GRID, 1)?;
            self.text(label, (frame.left - 8, y), TEXT, &BLACK, Side::Left)?;
        }
        self.line(vec![(frame.left, frame.top), (frame.left, frame.bottom)], &BLACK, 1)?;
        self.text(name, (22, (frame.top + frame.bottom) / 2), TEXT, &BLACK, Side::Upright)
    }

    /// Coloured squares with their meaning, from left to right.
    pub fn legend(&self, at: (i32, i32), entries: &[(RGBColor, String)]) -> Drawn {
        let mut x = at.0;
        for (colour, meaning) in entries {
            let square = Frame { left: x, top: at.1 - 6, right: x + 12, bottom: at.1 + 6 };
            self.fill(square, colour.to_rgba())?;
            self.text(meaning, (x + 18, at.1), TEXT, &BLACK, Side::Right)?;
            x += 18 + self.width(meaning, TEXT) + 28;
        }
        Ok(())
    }
}
