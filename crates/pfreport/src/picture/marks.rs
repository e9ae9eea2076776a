//! Marks of a recording as labelled lines over a picture with a time axis.

use plotters::style::RGBColor;

use super::canvas::{Canvas, Drawn, Frame, GREY, Side, TEXT};
use super::scale::Scale;
use crate::load::Loaded;
use crate::units::count;

/// Widest label, pixels.
const LABEL_WIDTH: i32 = 180;
/// Least room between two labels.
const LABEL_GAP: i32 = 12;
/// Marks that may be drawn close together.
const FEW: usize = 40;
/// Least room between two of a few lines, and between two of many, which would hide the picture.
const LINE_GAPS: [i32; 2] = [4, 24];

const COLOUR: RGBColor = RGBColor(0x90, 0x90, 0x90);

/// Where the lines go, and which of them have room for their name.
pub struct Marks {
    lines: Vec<i32>,
    labels: Vec<(i32, String)>,
    marks: usize,
}

impl Marks {
    /// Places the marks of a trace on a time axis whose last pixel is `right`.
    pub fn new(canvas: &Canvas<'_>, loaded: &Loaded, time: Scale, right: i32) -> Self {
        let at: Vec<i32> =
            loaded.marks.iter().map(|mark| time.pixel(mark.time_ns as f64)).collect();
        let gap = LINE_GAPS[usize::from(at.len() > FEW)];
        let lines = spaced(at.iter().map(|&x| (x, 0)), gap);
        let labels = lines.iter().filter_map(|&i| {
            let name = canvas.fit(&loaded.marks.get(i)?.name, TEXT, LABEL_WIDTH);
            // At the right edge the name begins to the left of its line.
            let left = (*at.get(i)?).min(right - canvas.width(&name, TEXT));
            Some((left, name))
        });
        let labels: Vec<(i32, String)> = labels.collect();
        let widths = labels.iter().map(|(left, name)| (*left, canvas.width(name, TEXT)));
        let chosen = spaced(widths, LABEL_GAP);
        Self {
            lines: lines.iter().filter_map(|&i| at.get(i).copied()).collect(),
            labels: chosen.iter().filter_map(|&i| labels.get(i).cloned()).collect(),
            marks: at.len(),
        }
    }

    /// What the subtitle says about them.
    pub fn note(&self) -> String {
        let (lines, named) = (self.lines.len(), self.labels.len());
        match self.marks {
            0 => String::new(),
            marks if marks == named => "; lines: phases".to_owned(),
            marks => format!(
                "; lines: phases ({} of {} shown, {} named)",
                count(lines as u64),
                count(marks as u64),
                count(named as u64)
            ),
        }
    }

    /// Draws a line through each frame, and the labels above the first.
    pub fn draw(&self, canvas: &Canvas<'_>, frames: [Frame; 2]) -> Drawn {
        for frame in frames {
            for &x in &self.lines {
                canvas.line(vec![(x, frame.top), (x, frame.bottom)], &COLOUR, 1)?;
            }
        }
        let above = frames[0].top - TEXT / 2 - 4;
        for (left, name) in &self.labels {
            canvas.text(name, (*left, above), TEXT, &GREY, Side::Right)?;
        }
        Ok(())
    }
}

/// Indices of those that fit side by side from left to right: each begins at least `gap` behind the
/// end of the one chosen before it.
fn spaced(spans: impl Iterator<Item = (i32, i32)>, gap: i32) -> Vec<usize> {
    let mut free_from = i32::MIN;
    let mut chosen = Vec::new();
    for (i, (left, width)) in spans.enumerate() {
        if left >= free_from {
            free_from = left + width + gap;
            chosen.push(i);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::spaced;

    #[test]
    fn labels_do_not_overlap() {
        let spans = [(0, 50), (40, 10), (61, 5), (62, 90), (78, 1), (300, 20)];
        assert_eq!(spaced(spans.into_iter(), 12), [0, 3, 5]);
        let crowd = (0..1_000_000).map(|i| (i / 1_000, 0));
        assert_eq!(spaced(crowd, 3).len(), 334);
        assert_eq!(spaced(std::iter::empty(), 3), [0; 0]);
    }
}
