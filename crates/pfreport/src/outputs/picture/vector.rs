//! Shapes as SVG.
//!
//! Written here rather than by plotters, which makes an element with seven attributes of every rectangle:
//! ten times the size.

use std::fmt::Write as _;

use ab_glyph::{Font as _, ScaleFont as _};
use plotters::style::RGBColor;

use super::canvas::Canvas;
use super::shape::{Frame, Shape, Side};

/// The font that text was measured with, one of nearly its widths, and whatever there is: most others are
/// narrower, so that what fits here fits there.
const FONTS: &str = "DejaVu Sans,Verdana,sans-serif";

/// A picture as an SVG document. It has neither ids nor styles, so that several may stand in one HTML page.
pub fn document(canvas: &Canvas, name: &str) -> String {
    let (width, height) = (canvas.width, canvas.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" \
         font-family=\"{FONTS}\" shape-rendering=\"crispEdges\">\n\
         <path fill=\"{}\" d=\"M0 0h{width}v{height}h-{width}z\"/>\n",
        escaped(name),
        hex(canvas.theme.background()),
    );
    for shape in &canvas.shapes {
        // Writing to a string cannot fail.
        let _ = match shape {
            Shape::Fill { frames, colour, opacity } => {
                let opacity = match opacity {
                    1.0 => String::new(),
                    opacity => format!(" fill-opacity=\"{opacity}\""),
                };
                writeln!(out, "<path fill=\"{}\"{opacity} d=\"{}\"/>", hex(*colour), path(frames))
            }
            Shape::Line { points, colour, width } => {
                let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
                writeln!(
                    out,
                    "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" points=\"{}\"/>",
                    hex(*colour),
                    points.join(" ")
                )
            }
            Shape::Text { text, at, size, colour, side } => {
                let place = place(canvas, *at, *size, *side);
                let em = canvas.font().units_per_em().unwrap_or(1_000.0);
                let size = *size as f32 * em / canvas.font().height_unscaled();
                let (fill, text) = (hex(*colour), escaped(text));
                writeln!(out, "<text {place} font-size=\"{size:.1}\" fill=\"{fill}\">{text}</text>")
            }
        };
    }
    out.push_str("</svg>\n");
    out
}

/// Where a text lies: SVG counts from its baseline.
fn place(canvas: &Canvas, (x, y): (i32, i32), size: i32, side: Side) -> String {
    let ascent = canvas.font().as_scaled(size as f32).ascent().round() as i32;
    match side {
        Side::Right => format!("x=\"{x}\" y=\"{}\"", y - size / 2 + ascent),
        Side::Left => format!("x=\"{x}\" y=\"{}\" text-anchor=\"end\"", y - size / 2 + ascent),
        Side::Below => format!("x=\"{x}\" y=\"{}\" text-anchor=\"middle\"", y + ascent),
        Side::Upright => {
            let x = x - size / 2 + ascent;
            format!("transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\"")
        }
    }
}

/// Rectangles as one path, each relative to the one before it, which is shorter.
fn path(frames: &[Frame]) -> String {
    let mut d = String::new();
    let (mut x, mut y) = (0, 0);
    for frame in frames {
        let (width, height) = (frame.width(), frame.height());
        let _ = write!(d, "m{} {}h{width}v{height}h-{width}z", frame.left - x, frame.top - y);
        (x, y) = (frame.left, frame.top);
    }
    d
}

fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Text that stands for itself in XML. Control characters, which XML does not have, were made printable
/// when the trace was read; should one be left it becomes a replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{escaped, path};
    use crate::outputs::picture::shape::Frame;

    #[test]
    fn names_cannot_leave_their_text() {
        assert_eq!(
            escaped("</text><script>a('&\")\u{1b}\u{ffff}"),
            "&lt;/text&gt;&lt;script&gt;a('&amp;&quot;)\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn rectangles_follow_each_other() {
        let frame = |left, top| Frame { left, top, right: left + 5, bottom: top + 4 };
        assert_eq!(
            path(&[frame(10, 20), frame(15, 20), frame(5, 24)]),
            "m10 20h5v4h-5zm5 0h5v4h-5zm-10 4h5v4h-5z"
        );
    }
}
