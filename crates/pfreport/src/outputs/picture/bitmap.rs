//! Shapes as pixels.

use ab_glyph::{Font as _, ScaleFont as _, point};
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _};
use plotters::element::{PathElement, Rectangle};
use plotters::style::{Color as _, RGBColor, ShapeStyle};

use super::canvas::Canvas;
use super::shape::{Shape, Side};

/// Red, green and blue.
const BYTES_PER_PIXEL: usize = 3;

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type DrawingError = DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

/// A picture as a PNG file.
///
/// # Errors
/// Why it cannot be drawn or encoded.
pub fn document(canvas: &Canvas) -> Result<Vec<u8>, String> {
    let (width, height) = (canvas.width.unsigned_abs(), canvas.height.unsigned_abs());
    let mut pixels = vec![0; width as usize * height as usize * BYTES_PER_PIXEL];
    draw(canvas, &mut pixels, (width, height)).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    encode(&pixels, (width, height), &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn encode(
    pixels: &[u8],
    (width, height): (u32, u32),
    out: &mut Vec<u8>,
) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_adaptive_filter(png::AdaptiveFilterType::Adaptive);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()
}

fn draw(canvas: &Canvas, pixels: &mut [u8], size: (u32, u32)) -> Result<(), DrawingError> {
    let area = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
    area.fill(&canvas.theme.background())?;
    for shape in &canvas.shapes {
        match shape {
            Shape::Fill { frames, colour, opacity } => {
                for frame in frames {
                    let corners = [(frame.left, frame.top), (frame.right, frame.bottom)];
                    area.draw(&Rectangle::new(corners, colour.mix(*opacity).filled()))?;
                }
            }
            Shape::Line { points, colour, width } => {
                let color = colour.to_rgba();
                let style = ShapeStyle { color, filled: false, stroke_width: *width };
                area.draw(&PathElement::new(points.clone(), style))?;
            }
            Shape::Text { text, at, size, colour, side } => {
                set(&area, canvas, (text, *size), *at, *colour, *side)?;
            }
        }
    }
    area.present()
}

/// Sets a text.
///
/// Glyphs are set here rather than by plotters, whose renderer for this kind of font ignores the
/// room to their left (0.3.7) and so spaces them unevenly.
fn set(
    area: &Area<'_>,
    canvas: &Canvas,
    (text, size): (&str, i32),
    at: (i32, i32),
    colour: RGBColor,
    side: Side,
) -> Result<(), DrawingError> {
    let width = canvas.text_width(text, size);
    let (x, y) = match side {
        Side::Right => (at.0, at.1 - size / 2),
        Side::Left => (at.0 - width, at.1 - size / 2),
        Side::Below => (at.0 - width / 2, at.1),
        Side::Upright => (at.0 - size / 2, at.1 + width / 2),
    };
    let font = canvas.font().as_scaled(size as f32);
    let mut pen = 0.0;
    for c in text.chars() {
        let mut glyph = font.scaled_glyph(canvas.printable(c));
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
            area.draw_pixel((x + dx, y + dy), &colour.mix(coverage.min(1.0)))?;
        }
    }
    Ok(())
}
