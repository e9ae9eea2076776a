//! Axes with their grids.

use super::canvas::Canvas;
use super::shape::{Frame, Side};
use crate::load::Loaded;
use crate::outputs::plot::Span;
use crate::outputs::plot::scale::{Scale, Ticks, span_edges, span_ticks};

/// What an axis of time is called, with its edges where it does not begin at the start.
pub fn time_name(loaded: &Loaded, span: Span) -> String {
    let name = match loaded.are_several() {
        true => "time, one trace after the other",
        false => "time since the start of the recording",
    };
    span_edges(span).map_or_else(|| name.to_owned(), |edges| format!("{name}: {edges}"))
}

impl Canvas {
    /// Room that a horizontal axis takes below its frame, with or without its name.
    pub fn axis_height(&self, named: bool) -> i32 {
        self.em * 3 / 2 + if named { self.em * 3 / 2 } else { 0 }
    }

    /// Room that a vertical axis takes left of its frame: its name, its labels.
    pub fn axis_width(&self, ticks: &[&Ticks]) -> i32 {
        let labels = ticks.iter().flat_map(|ticks| ticks.iter());
        let widest = labels.map(|(_, label)| self.text_width(label, self.em)).max().unwrap_or(0);
        self.em * 5 / 2 + widest + self.em / 2
    }

    /// A horizontal axis below `frame`, with grid lines in it, none on its edge: what is drawn there covers no axis.
    /// Labels without room are left out.
    pub fn horizontal_axis(&mut self, frame: Frame, scale: Scale, ticks: &Ticks, name: &str) {
        let (em, theme, thin) = (self.em, self.theme, self.thin());
        let mut free_from = i32::MIN;
        for (value, label) in ticks {
            let x = scale.pixel(*value);
            if x > frame.left {
                self.line(vec![(x, frame.top), (x, frame.bottom)], theme.grid(), thin);
            }
            let width = self.text_width(label, em);
            // The outermost ones stay within the picture.
            let middle = x.min(self.width - width / 2 - 2).max(width / 2 + 2);
            if middle - width / 2 >= free_from {
                let at = (middle, frame.bottom + em * 3 / 8);
                self.text(label, at, em, theme.text(), Side::Below);
                free_from = middle + width / 2 + em / 2;
            }
        }
        let edge = thin as i32;
        let bottom = frame.bottom + edge;
        let axis = Frame { left: frame.left - edge, top: frame.bottom, bottom, ..frame };
        self.fill(axis, theme.text());
        if !name.is_empty() {
            let at = ((frame.left + frame.right) / 2, frame.bottom + em * 7 / 4);
            let name = self.fit(name, em, self.width - em);
            self.text(&name, at, em, theme.text(), Side::Below);
        }
    }

    /// A vertical axis to the left of `frame`, as the horizontal one.
    pub fn vertical_axis(&mut self, frame: Frame, scale: Scale, ticks: &Ticks, name: &str) {
        let (em, theme, thin) = (self.em, self.theme, self.thin());
        let mut free_below = i32::MAX;
        for (value, label) in ticks {
            let y = scale.pixel(*value);
            if y < frame.bottom {
                self.line(vec![(frame.left, y), (frame.right, y)], theme.grid(), thin);
            }
            if y + em / 2 <= free_below {
                self.text(label, (frame.left - em / 2, y), em, theme.text(), Side::Left);
                free_below = y - em / 2 - em / 8;
            }
        }
        let axis = Frame { left: frame.left - thin as i32, right: frame.left, ..frame };
        self.fill(axis, theme.text());
        let name = self.fit(name, em, frame.height() + em * 2);
        let at = (em * 11 / 8, (frame.top + frame.bottom) / 2);
        self.text(&name, at, em, theme.text(), Side::Upright);
    }

    /// Labels for moments, as many as have room side by side.
    pub fn times(&self, frame: Frame, span: Span) -> Ticks {
        for parts in [10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0] {
            let ticks = span_ticks(span, parts);
            let widest = ticks.iter().map(|(_, label)| self.text_width(label, self.em)).max();
            let step_ns = match ticks.as_slice() {
                [(first, _), (second, _), ..] => second - first,
                _ => span.length_ns(),
            };
            let room = f64::from(frame.width()) * step_ns / span.length_ns();
            if f64::from(widest.unwrap_or(0) + self.em) <= room {
                return ticks;
            }
        }
        span_ticks(span, 1.0)
    }
}
