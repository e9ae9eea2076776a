//! What pictures are drawn on: a list of shapes, and a font to measure text with.

use ab_glyph::{Font as _, FontRef, ScaleFont as _};
use plotters::style::RGBColor;

use super::shape::{Frame, Shape, Side};
use super::theme::Theme;
use super::{SIZE_MAX, SIZE_MIN};
use crate::figures::scope::Scope;
use crate::load::Loaded;
use crate::print::text::{LONGEST, shorten};

const FONT_BYTES: &[u8] = include_bytes!("../../../fonts/DejaVuSans-subset.ttf");

/// Height of a line of ordinary text on a picture of 1200 × 800 pixels.
const EM: f64 = 16.0;
/// Text does not get smaller than can be read.
const EM_MIN: i32 = 11;

/// A picture while it is drawn. All lengths follow from its size and from [`Canvas::em`].
pub struct Canvas {
    /// Width of the picture.
    pub width: i32,
    /// Height of the picture.
    pub height: i32,
    /// Height of a line of ordinary text.
    pub em: i32,
    /// Colours.
    pub theme: Theme,
    /// Everything drawn so far, from the bottom to the top.
    pub shapes: Vec<Shape>,
    font: FontRef<'static>,
}

impl Canvas {
    /// An empty picture; none if the font is unusable. A size beyond the limits is brought within them.
    pub fn new((width, height): (u32, u32), theme: Theme) -> Option<Self> {
        let width = width.clamp(SIZE_MIN.0, SIZE_MAX.0) as i32;
        let height = height.clamp(SIZE_MIN.1, SIZE_MAX.1) as i32;
        let scale = (f64::from(width) / 1_200.0).min(f64::from(height) / 800.0);
        let em = ((EM * scale).round() as i32).max(EM_MIN);
        let font = FontRef::try_from_slice(FONT_BYTES).ok()?;
        Some(Self { width, height, em, theme, shapes: Vec::new(), font })
    }

    /// Height of a line of less important text.
    pub fn small(&self) -> i32 {
        (self.em * 7 / 8).max(EM_MIN)
    }

    /// Width of a thin line.
    pub fn thin(&self) -> u32 {
        (self.em.unsigned_abs() / 16).max(1)
    }

    /// The font that text is measured and set in.
    pub const fn font(&self) -> &FontRef<'static> {
        &self.font
    }

    /// Title and subtitle of a picture; the subtitle begins with what is selected and ends with what the trace
    /// leaves out. It takes several lines where it must; what does not fit then loses its middle. Returns where
    /// the next thing may begin.
    pub fn title(&mut self, loaded: &Loaded, title: &str, subtitle: &str) -> i32 {
        let em = self.em;
        let (left, room) = (em, self.width - 2 * em);
        let large = em * 13 / 8;
        // What the picture shows stays; the name of the trace gives way.
        let title = format!(": {title}");
        let name =
            self.fit(&loaded.name, large, (room - self.text_width(&title, large)).max(6 * em));
        let title = self.fit(&format!("{name}{title}"), large, room);
        self.text(&title, (left, em + em * 3 / 4), large, self.theme.text(), Side::Right);

        let caveat = Scope::of(loaded).caveat(loaded.skipped());
        let selected =
            loaded.selection.as_ref().map(|selection| format!("only {}", selection.what));
        let parts = [selected, Some(subtitle.to_owned()), caveat].into_iter().flatten();
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        let lines = (self.height / (8 * em)).clamp(1, 3) as usize;
        let size = self.small();
        let mut y = em * 3 + em / 4;
        for line in self.wrap(&parts.join("; "), size, room, lines) {
            self.text(&line, (left, y), size, self.theme.secondary(), Side::Right);
            y += size * 5 / 4;
        }
        y
    }

    /// A picture without data: its title, what is selected and left out, and why there is nothing.
    pub fn nothing(&mut self, loaded: &Loaded, title: &str, why: &str) {
        self.title(loaded, title, "");
        let at = (self.width / 2, self.height / 2);
        let size = self.em * 5 / 4;
        self.text(why, at, size, self.theme.secondary(), Side::Below);
    }

    /// A filled rectangle.
    pub fn fill(&mut self, frame: Frame, colour: RGBColor) {
        self.fills(vec![frame], colour, 1.0);
    }

    /// Filled rectangles of one colour; those without extent are left out.
    pub fn fills(&mut self, mut frames: Vec<Frame>, colour: RGBColor, opacity: f64) {
        frames.retain(|frame| frame.width() > 0 && frame.height() > 0);
        if !frames.is_empty() {
            self.shapes.push(Shape::Fill { frames, colour, opacity });
        }
    }

    /// A line through points.
    pub fn line(&mut self, points: Vec<(i32, i32)>, colour: RGBColor, width: u32) {
        self.shapes.push(Shape::Line { points, colour, width });
    }

    /// Text beside a point.
    pub fn text(&mut self, text: &str, at: (i32, i32), size: i32, colour: RGBColor, side: Side) {
        if !text.is_empty() {
            let text = text.to_owned();
            self.shapes.push(Shape::Text { text, at, size, colour, side });
        }
    }

    /// Width of a text in pixels.
    pub fn text_width(&self, text: &str, size: i32) -> i32 {
        let font = self.font.as_scaled(size as f32);
        let advance = |c| font.h_advance(font.glyph_id(self.printable(c)));
        // No picture has room for more.
        text.chars().take(LONGEST).map(advance).sum::<f32>().ceil() as i32
    }

    /// The text, its middle left out where it is wider than the room.
    pub fn fit(&self, text: &str, size: i32, room: i32) -> String {
        // Each try goes through all of it.
        let text = &*shorten(text, LONGEST);
        let mut characters = at_most(text, size, room);
        let mut fitted = text.to_owned();
        while characters > 1 && self.text_width(&fitted, size) > room {
            characters -= 1;
            fitted = shorten(text, characters);
        }
        fitted
    }

    /// The text in at most so many lines, broken at blanks; the last one loses its middle if that does not
    /// suffice.
    pub fn wrap(&self, text: &str, size: i32, room: i32, lines: usize) -> Vec<String> {
        let mut wrapped: Vec<String> = Vec::new();
        for word in shorten(text, LONGEST).split(' ') {
            let last = wrapped.len() >= lines;
            match wrapped.last_mut() {
                Some(line) if last || self.text_width(&format!("{line} {word}"), size) <= room => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => wrapped.push(word.to_owned()),
            }
        }
        wrapped.iter().map(|line| self.fit(line, size, room)).collect()
    }

    /// A character that the font has.
    pub fn printable(&self, c: char) -> char {
        if self.font.glyph_id(c).0 == 0 { char::REPLACEMENT_CHARACTER } else { c }
    }

    /// Coloured squares with their meaning, from left to right, in as many lines as that takes. Returns where
    /// the next thing may begin.
    pub fn legend(&mut self, (left, top): (i32, i32), entries: &[(RGBColor, String)]) -> i32 {
        let (em, size) = (self.em, self.small());
        let side = em * 3 / 4;
        let (mut x, mut y) = (left, top);
        for (colour, meaning) in entries {
            let room = self.width - left - em - side - em / 2;
            let meaning = self.fit(meaning, size, room);
            let width = side + em / 2 + self.text_width(&meaning, size);
            if x > left && x + width > self.width - em {
                (x, y) = (left, y + size * 5 / 4);
            }
            let square = Frame { left: x, top: y, right: x + side, bottom: y + side };
            self.fill(square, *colour);
            let at = (x + side + em / 2, y + side / 2);
            self.text(&meaning, at, size, self.theme.text(), Side::Right);
            x += width + em * 3 / 2;
        }
        if entries.is_empty() { top } else { y + size * 5 / 4 }
    }
}

/// No more characters of a text than this fit into so much room: none that shows is narrower than a fifth of
/// the size. Names can be thousands of characters long, and each try measures all of one.
pub fn at_most(text: &str, size: i32, room: i32) -> usize {
    let fit = room.max(0).saturating_mul(5) / size.max(1) + 2;
    text.chars().take(fit as usize).count()
}
