//! Marks of a recording, and beginnings of traces, as labelled lines over a picture with a time axis.

use super::canvas::Canvas;
use super::shape::{Frame, Side};
use crate::load::Loaded;
use crate::outputs::plot::Span;
use crate::outputs::plot::scale::Scale;
use crate::print::units::count;

/// Lines that may be drawn close together.
const FEW: usize = 40;

/// Where the lines go, and which of them have room for their name.
pub struct Marks {
    lines: Vec<Line>,
    labels: Vec<(i32, Line)>,
    phases: usize,
    traces: usize,
    /// From where to where nothing is selected.
    outside: Vec<(i32, i32)>,
}

/// The beginning of a phase or of a trace.
#[derive(Debug, Clone)]
struct Line {
    x: i32,
    name: String,
    is_trace: bool,
}

impl Marks {
    /// Places the marks of a trace on a time axis whose last pixel is `right`. Of several traces each one's
    /// beginning counts for more than phases do. What began before the axis does has no line, but for the
    /// trace that it begins with.
    pub fn new(canvas: &Canvas, loaded: &Loaded, (span, time): (Span, Scale), right: i32) -> Self {
        let em = canvas.em;
        let mut traces = Vec::new();
        if loaded.are_several() {
            let shown = loaded.members.iter().filter(|member| {
                let ends_in_view = member.span_ns().end as f64 > span.from_ns;
                ends_in_view && member.offset_ns as f64 <= span.to_ns
            });
            traces.extend(shown.map(|member| (member.offset_ns, &*member.name)));
        }
        let phases = loaded.marks.iter().filter(|mark| span.contains(mark.time_ns));
        let phases = phases.map(|mark| (mark.time_ns, &*mark.name));
        let outside = loaded.windows().windows(2).map(|pair| {
            let [left, right] = [pair[0].end, pair[1].start].map(|ns| time.pixel(ns as f64));
            (left, right)
        });
        let outside = outside.collect();
        let mut lines = Vec::new();
        for (is_trace, moments) in [(true, traces), (false, phases.collect())] {
            let line = |(ns, name): (u64, &str)| {
                let name = name.to_owned();
                Line { x: time.pixel(ns as f64), name, is_trace }
            };
            lines.extend(moments.into_iter().map(line));
        }
        let traces = lines.iter().filter(|line| line.is_trace).count();
        let phases = lines.len() - traces;
        // Many would hide the picture.
        let gap = if lines.len() > FEW { em * 3 / 2 } else { em / 4 };
        let kept = apart(lines.iter().map(|line| (line.x, 0)), gap);
        let lines: Vec<Line> = kept.iter().filter_map(|&i| lines.get(i).cloned()).collect();

        let size = canvas.small();
        let label = |line: &Line| {
            let name = canvas.fit(&line.name, size, em * 11);
            // At the right edge the name begins to the left of its line.
            let left = line.x.min(right - canvas.text_width(&name, size));
            (left, Line { name, ..line.clone() })
        };
        let labels: Vec<(i32, Line)> = lines.iter().map(label).collect();
        let spans = labels.iter().map(|(left, line)| (*left, canvas.text_width(&line.name, size)));
        let kept = apart(spans, em * 3 / 4);
        let labels = kept.iter().filter_map(|&i| labels.get(i).cloned()).collect();
        Self { lines, labels, phases, traces, outside }
    }

    /// Height that the labels take.
    pub fn room(&self, canvas: &Canvas) -> i32 {
        if self.labels.is_empty() { 0 } else { canvas.small() * 5 / 4 }
    }

    /// What the subtitle says about them.
    pub fn note(&self) -> String {
        let say = |what: &str, all: usize, is_trace: bool| {
            let lines = self.lines.iter().filter(|line| line.is_trace == is_trace).count();
            let named = self.labels.iter().filter(|(_, line)| line.is_trace == is_trace).count();
            match all {
                0 => String::new(),
                all if all == named => what.to_owned(),
                all => format!(
                    "{what} ({} of {} shown, {} named)",
                    count(lines as u64),
                    count(all as u64),
                    count(named as u64)
                ),
            }
        };
        let parts =
            [say("beginnings of traces", self.traces, true), say("phases", self.phases, false)];
        let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        let lines = match parts.as_slice() {
            [] => String::new(),
            parts => format!("; lines: {}", parts.join(", ")),
        };
        let shade =
            if self.outside.is_empty() { "" } else { "; shaded: time that is not selected" };
        format!("{lines}{shade}")
    }

    /// Draws a line through each frame, and the labels above the first. A trace's line is that of an axis.
    pub fn draw(&self, canvas: &mut Canvas, frames: &[Frame]) {
        let (theme, thin, size) = (canvas.theme, canvas.thin(), canvas.small());
        let colour = |line: &Line| if line.is_trace { theme.text() } else { theme.cut() };
        for frame in frames {
            let shade = |&(left, right): &(i32, i32)| Frame { left, right, ..*frame };
            canvas.fills(self.outside.iter().map(shade).collect(), theme.cut(), 0.35);
            for line in &self.lines {
                let points = vec![(line.x, frame.top), (line.x, frame.bottom)];
                canvas.line(points, colour(line), thin);
            }
        }
        let Some(first) = frames.first() else { return };
        let above = first.top - size * 5 / 8;
        for (left, line) in &self.labels {
            let colour = if line.is_trace { theme.text() } else { theme.secondary() };
            canvas.text(&line.name, (*left, above), size, colour, Side::Right);
        }
    }
}

/// Indices of those that fit side by side, the earlier ones first: each is at least `gap` away from those chosen
/// before it.
fn apart(spans: impl Iterator<Item = (i32, i32)>, gap: i32) -> Vec<usize> {
    // Ends by beginnings: what is chosen never overlaps, so that two neighbours decide.
    let mut taken = std::collections::BTreeMap::new();
    let mut chosen = Vec::new();
    for (i, (left, width)) in spans.enumerate() {
        let right = left + width;
        let before = taken.range(..=left).next_back().map(|(_, &end)| end);
        let behind = taken.range(left..).next().map(|(&begin, _)| begin);
        if before.is_none_or(|end| end + gap <= left)
            && behind.is_none_or(|begin| right + gap <= begin)
        {
            taken.insert(left, right);
            chosen.push(i);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn labels_do_not_overlap() {
        let spans = [(0, 50), (40, 10), (61, 5), (62, 90), (78, 1), (300, 20)];
        assert_eq!(apart(spans.into_iter(), 12), [0, 3, 5]);
        let crowd = (0..1_000_000).map(|i| (i / 1_000, 0));
        assert_eq!(apart(crowd, 3).len(), 334);
        assert_eq!(apart(std::iter::empty(), 3), [0; 0]);
        // The first ones have the choice.
        assert_eq!(apart([(100, 50), (0, 95), (0, 80), (155, 1)].into_iter(), 10), [0, 2]);
    }
}
