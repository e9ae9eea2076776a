//! Faults and stall over time, in bins: what the timeline of the page is drawn from.

use std::cmp::Reverse;

use pfmodel::names::Class;
use pfmodel::table::Loss;
use serde::Serialize;

use crate::figures::scope::Scope;
use crate::load::Loaded;
use crate::outputs::plot::{STACK, Span};
use crate::outputs::summary::oom;
use crate::print::text::shorten;

/// Bins at most. A bar of the page is one bin or many, so this is how far the page zooms in.
const BINS: u64 = 8_000;

/// Marks, losses, kills and traces that are drawn at most, each.
const SHOWN: usize = 500;

/// Longest name of a phase.
const NAME_CHARACTERS: usize = 80;

/// What the page draws. All times are nanoseconds since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// Where the axis of time begins.
    pub from_ns: u64,
    /// Length of that axis.
    pub length_ns: u64,
    /// Length of a bin; the last may reach beyond the end.
    pub bin_ns: u64,
    /// Latencies were recorded.
    pub has_stall: bool,
    /// The classes that there are, the costly ones first.
    pub classes: Vec<Series>,
    /// Beginnings of phases.
    pub phases: Vec<Moment>,
    /// Beginnings of traces, where there are several.
    pub traces: Vec<Moment>,
    /// Victims of the OOM killer.
    pub kills: Vec<Moment>,
    /// Where records were lost, the largest losses.
    pub losses: Vec<Lost>,
    /// How many phases, traces, kills and losses are left out.
    pub left_out: [u64; 4],
}

/// Faults of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Series {
    /// Its name.
    pub class: &'static str,
    /// How many began in each bin.
    pub faults: Vec<u64>,
    /// How long they stalled threads in each bin, all threads together.
    pub stall_ns: Vec<u64>,
}

/// Something at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When.
    pub time_ns: u64,
    /// What.
    pub name: String,
}

/// Records that were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// After this moment.
    pub from_ns: u64,
    /// And before this one.
    pub to_ns: u64,
    /// How many.
    pub records: u64,
}

impl Timeline {
    /// Everything that is drawn.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Self {
        let analysis = &loaded.analysis;
        let span = Span::of(loaded);
        let (from_ns, to_ns) = (span.from_ns as u64, span.to_ns as u64);
        let length_ns = to_ns.saturating_sub(from_ns).max(1);
        let bin_ns = bin_ns(length_ns);
        let axis = Axis { from_ns, length_ns, bin_ns };
        let classes = STACK.iter().filter_map(|&class| series(loaded, class, axis));

        let moment = |time_ns, name: &str| Moment { time_ns, name: shorten(name, NAME_CHARACTERS) };
        let phases = loaded.marks.iter().map(|mark| moment(mark.time_ns, &mark.name));
        let several = loaded.are_several();
        let traces = loaded.members.iter().filter(|_| several);
        let traces = traces.filter(|member| member.span_ns().end > from_ns);
        let traces = traces.map(|member| moment(member.offset_ns.max(from_ns), &member.name));
        let kills = loaded.oom.iter().map(|victim| Moment {
            time_ns: victim.time_ns.saturating_sub(loaded.header.start_ns),
            name: oom::line(loaded, victim),
        });
        let left_out = [
            loaded.marks.len(),
            traces.clone().count(),
            loaded.oom.len(),
            analysis.exactness.losses.len(),
        ];
        Self {
            from_ns,
            length_ns,
            bin_ns,
            has_stall: Scope::of(loaded).latency,
            classes: classes.collect(),
            phases: phases.take(SHOWN).collect(),
            traces: traces.take(SHOWN).collect(),
            kills: kills.take(SHOWN).collect(),
            losses: losses(&analysis.exactness.losses),
            left_out: left_out.map(|all| all.saturating_sub(SHOWN) as u64),
        }
    }
}

/// The smallest of 1, 2, 5, 10, 20, … that divides a length into at most [`BINS`].
fn bin_ns(length_ns: u64) -> u64 {
    let least = length_ns.div_ceil(BINS);
    let magnitude = 10_u64.pow(least.ilog10());
    let steps = [1, 2, 5, 10].map(|step| magnitude.saturating_mul(step));
    steps.into_iter().find(|&step| step >= least).unwrap_or(u64::MAX)
}

/// The bins of the axis of time.
#[derive(Debug, Clone, Copy)]
struct Axis {
    from_ns: u64,
    length_ns: u64,
    bin_ns: u64,
}

fn series(loaded: &Loaded, class: Class, axis: Axis) -> Option<Series> {
    let Axis { from_ns: begin_ns, length_ns, bin_ns } = axis;
    let faults = &loaded.analysis.faults;
    let bins = usize::try_from(length_ns.div_ceil(bin_ns)).ok()?;
    let mut number = vec![0_u64; bins];
    let mut stall_ns = vec![0_u64; bins];
    // Of stalls that go on: how many more cover the whole of a bin than of the one before it.
    let mut covering = vec![0_i64; bins + 1];
    let rows = faults.time_ns.iter().zip(faults.stalls_ns()).zip(faults.class.iter());
    let rows = rows.enumerate().filter(|&(_, (_, &of))| of == class);
    for (row, ((&time_ns, stall), _)) in rows {
        let from_ns = time_ns.saturating_sub(begin_ns);
        let Some(first) = bin(from_ns, bin_ns, bins) else { continue };
        number[first] += 1;
        let to_ns = loaded.stalled_until_ns(row, stall.unwrap_or(0));
        let to_ns = to_ns.saturating_sub(begin_ns).min(length_ns);
        let last = bin(to_ns, bin_ns, bins).unwrap_or(bins);
        if last == first {
            stall_ns[first] += to_ns.saturating_sub(from_ns);
            continue;
        }
        stall_ns[first] += (first as u64 + 1) * bin_ns - from_ns;
        covering[first + 1] += 1;
        covering[last] -= 1;
        if let Some(end) = stall_ns.get_mut(last) {
            *end += to_ns - last as u64 * bin_ns;
        }
    }
    let mut threads = 0;
    for (stall, change) in stall_ns.iter_mut().zip(&covering) {
        threads += change;
        *stall += threads.unsigned_abs() * bin_ns;
    }
    number.iter().any(|&n| n > 0).then(|| Series {
        class: class.as_str(),
        faults: number,
        stall_ns,
    })
}

fn bin(time_ns: u64, bin_ns: u64, bins: usize) -> Option<usize> {
    usize::try_from(time_ns / bin_ns).ok().filter(|&bin| bin < bins)
}

/// The largest ones in order of time.
fn losses(losses: &[Loss]) -> Vec<Lost> {
    let mut by_size: Vec<&Loss> = losses.iter().collect();
    by_size.sort_by_key(|loss| Reverse(loss.count));
    by_size.truncate(SHOWN);
    by_size.sort_by_key(|loss| (loss.from_ns, loss.to_ns));
    let lost =
        |loss: &&Loss| Lost { from_ns: loss.from_ns, to_ns: loss.to_ns, records: loss.count };
    by_size.iter().map(lost).collect()
}

#[cfg(test)]
mod tests {
    use pfmodel::names::Class;
    use pfmodel::table::Loss;

    use super::{Lost, SHOWN, Timeline, bin_ns};
    use crate::made_up::{self, Row};

    #[test]
    fn bins_are_round_and_few() {
        assert_eq!([1, 8_000, 8_001, 16_001].map(bin_ns), [1, 1, 2, 5]);
        assert_eq!(bin_ns(36_000_000_000), 5_000_000);
        assert_eq!(bin_ns(u64::MAX), 5_000_000_000_000_000);
    }

    #[test]
    fn stalls_spread_over_the_bins_they_cover() {
        let mut loaded = made_up::empty();
        loaded.analysis.duration_ns = 40_000;
        let at = |time, latency, class| Row { time, latency, class, ..Row::default() };
        for row in [
            at(0, Some(23), Class::Minor),
            at(3, Some(1), Class::Minor),
            at(7, None, Class::Major),
            at(39_999, Some(50), Class::Minor),
        ] {
            made_up::push(&mut loaded.analysis, row);
        }
        let timeline = Timeline::of(&loaded);
        assert_eq!((timeline.length_ns, timeline.bin_ns), (40_000, 5));
        let [major, minor] = &*timeline.classes else { panic!("{:?}", timeline.classes) };
        assert_eq!((major.class, minor.class), ("major", "minor"));
        assert_eq!(major.faults.iter().sum::<u64>(), 1);
        assert_eq!((major.faults[1], &*major.stall_ns), (1, &[0; 8_000][..]));
        assert_eq!(minor.faults[..2], [2, 0]);
        assert_eq!(minor.stall_ns[..6], [6, 5, 5, 5, 3, 0]);
        // What is behind the end of the recording is not drawn.
        assert_eq!((minor.faults[7_999], minor.stall_ns[7_999]), (1, 1));
        assert_eq!(minor.stall_ns.iter().sum::<u64>(), 25);
    }

    #[test]
    fn what_is_drawn_is_bounded() {
        let mut loaded = made_up::empty();
        for i in 0..SHOWN as u64 + 7 {
            made_up::mark(&mut loaded, i, &"long".repeat(1_000));
            let (from_ns, to_ns, count) = (i, i + 1, i);
            let loss = Loss { from_ns, to_ns, cpu: 0, by_recorder: false, count };
            loaded.analysis.exactness.losses.push(loss);
        }
        let timeline = Timeline::of(&loaded);
        assert_eq!(timeline.left_out, [7, 0, 0, 7]);
        assert_eq!((timeline.phases.len(), timeline.losses.len()), (SHOWN, SHOWN));
        assert_eq!(timeline.losses[0], Lost { from_ns: 7, to_ns: 8, records: 7 });
        assert!(serde_json::to_string(&timeline).unwrap().len() < 100_000);
        assert_eq!(timeline.classes, []);
    }
}
