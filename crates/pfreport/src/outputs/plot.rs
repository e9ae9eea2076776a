//! Plots of a trace: what is counted where, for pictures and terminals alike, and the plots in text.

pub mod charset;
pub mod heatmap;
pub mod histogram;
pub mod lane;
pub mod lanes;
pub mod latencies;
pub mod names;
pub mod places;
pub mod scale;
pub mod stretches;
#[cfg(test)]
mod tests;

use pfmodel::names::Class;

use crate::cli::Pictures;
use crate::load::Loaded;
use crate::print::layout::Layout;
use charset::Charset;

/// Classes from the bottom of a stack to its top: the costly ones where they can be compared best.
pub const STACK: [Class; 5] =
    [Class::Major, Class::Cow, Class::Minor, Class::Failed, Class::Unknown];

/// The plots in text that are asked for, with at most so many lanes.
#[must_use]
pub fn render(loaded: &Loaded, asked: &Pictures, most: usize, layout: Layout) -> String {
    let charset = match asked.ascii {
        true => Charset::Ascii,
        false => Charset::of_locale(|name| std::env::var(name).ok()),
    };
    let mut plots = Vec::new();
    if asked.histogram {
        plots.push(histogram::render(loaded, layout, charset));
    }
    if asked.heatmap {
        plots.push(heatmap::render(loaded, most, layout, charset));
    }
    plots.join("\n")
}

/// Level of a class in [`STACK`].
#[must_use]
pub const fn level(class: Class) -> usize {
    match class {
        Class::Major => 0,
        Class::Cow => 1,
        Class::Minor => 2,
        Class::Failed => 3,
        Class::Unknown => 4,
    }
}

/// The stretch of time that plots show, nanoseconds since the start of the trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Its start.
    pub from_ns: f64,
    /// Its end, later than the start.
    pub to_ns: f64,
}

impl Span {
    /// The time that is selected, of several traces from the first window to the last; or all since faults
    /// began to be recorded. It has room for every fault, should one lie outside.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Self {
        let analysis = &loaded.analysis;
        let since_ns = loaded.members.first().map_or(0, |member| member.recorded_ns.start);
        let window = match loaded.windows() {
            [] => since_ns..analysis.duration_ns,
            [first, .., last] => first.start..last.end,
            [window] => window.clone(),
        };
        let times = &analysis.faults.time_ns;
        let from_ns = times.first().map_or(window.start, |&ns| ns.min(window.start));
        let to_ns = times.last().map_or(window.end, |ns| ns.saturating_add(1).max(window.end));
        Self { from_ns: from_ns as f64, to_ns: to_ns.max(from_ns.saturating_add(1)) as f64 }
    }

    /// Whether a moment lies in it.
    #[must_use]
    pub fn contains(self, time_ns: u64) -> bool {
        (self.from_ns..=self.to_ns).contains(&(time_ns as f64))
    }

    /// Its length, nanoseconds. Never 0.
    #[must_use]
    pub fn length_ns(self) -> f64 {
        (self.to_ns - self.from_ns).max(1.0)
    }

    /// The part, of so many equal ones, that a moment falls into; the outermost ones take what is outside.
    #[must_use]
    pub fn part(self, time_ns: u64, parts: usize) -> usize {
        let share = (time_ns as f64 - self.from_ns) / self.length_ns();
        ((share * parts as f64) as usize).min(parts.saturating_sub(1))
    }
}

/// What a part counts for when only some are shown: the larger of its shares of faults and of stall.
#[must_use]
pub fn weight((faults, all_faults): (u64, u64), (stall_ns, all_stall_ns): (u64, u64)) -> f64 {
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    share(faults, all_faults).max(share(stall_ns, all_stall_ns))
}
