//! The costliest faults in words, with their numbers.

use pfmodel::names::{Cause, Class};
use pfmodel::table::Analysis;
use pft::record::LATENCY_UNKNOWN;

use super::PLACE_AND_CAUSE;
use super::screen::Screen;
use super::stretch::Stretch;
use super::top::{place, total_stall_ns};
use crate::figures::stall::Union;
use crate::findings::advice::{
    Advice, Evidence, GIVE_BACK, HEAP_GIVEN_BACK, LOWER_BOUNDS, SELECTED, SLOW_MINOR, THRASHING,
    advice, brief,
};
use crate::findings::pattern::{Order, Steps};
use crate::load::Loaded;
use crate::print::text::{printable, shorten};
use crate::print::units::{count, counted, counted_as, duration, percent};
use crate::rows::faults::{UNKNOWN_REGION, file_path};
use crate::rows::group::{Group, rolled_up};
use crate::rows::row_set::RowSet;

/// Findings of the rules that fit on the screen; `--advice` prints all.
const ADVICE_MAX: usize = 3;

/// Least share of all stall time of those behind the first, percent.
const ADVICE_MIN_PERCENT: u64 = 5;

/// What the faults cost most, and what to do about it.
#[derive(Debug)]
pub struct Diagnosis {
    /// The costliest place and cause, where no finding says it.
    pub opening: Option<String>,
    /// What the rules found.
    pub advice: Vec<Advice>,
    /// How many of them fit on the screen.
    shown: usize,
    /// What is worth no advice, but knowing.
    pub notes: Vec<String>,
    /// What is to be kept in mind: not every fault is in the table.
    pub remarks: Vec<&'static str>,
    /// What it is of, if not of all faults of the report.
    pub stretch: Option<Stretch>,
}

/// What the rules say, before it is weighed against everything else.
#[derive(Debug)]
pub struct Findings<'a> {
    evidence: Evidence<'a>,
    advice: Vec<Advice>,
}

impl<'a> Findings<'a> {
    /// Asks all rules.
    #[must_use]
    pub fn of(loaded: &'a Loaded) -> Self {
        let evidence = Evidence::of(loaded);
        let advice = advice(&evidence);
        Self { evidence, advice }
    }
}

impl Diagnosis {
    /// None where there is nothing to explain.
    #[must_use]
    pub fn of(findings: Findings<'_>, cells: &[Group]) -> Option<Self> {
        let Findings { evidence, advice } = findings;
        let loaded = evidence.loaded;
        let groups = rolled_up(cells, &PLACE_AND_CAUSE);
        let group = groups.first()?;
        let class = Class::ALL.iter().copied().find(|class| class.as_str() == group.key(3))?;
        let cause = Cause::ALL.iter().copied().find(|cause| cause.as_str() == group.key(4))?;
        // A finding about most of the stall time says all of it.
        let total_ns = total_stall_ns(&groups);
        let explains_most = |advice: &&Advice| {
            !advice.is_general && advice.cost.stall_ns.is_some_and(|ns| ns >= total_ns / 2)
        };
        let opening = advice.first().filter(explains_most).is_none().then(|| {
            let chosen = rows_of(&loaded.analysis, group, class, cause);
            let steps = if advice.is_empty() { evidence.steps(&chosen) } else { Steps::default() };
            format!("{}{}.", costliest(loaded, group, total_ns, &chosen), order(&steps))
        });
        let is_shown = |(number, advice): &(usize, &Advice)| {
            let share =
                advice.cost.stall_ns.is_none_or(|ns| ns >= total_ns / 100 * ADVICE_MIN_PERCENT);
            *number == 0 || advice.is_general || share
        };
        let shown = advice.iter().take(ADVICE_MAX).enumerate().take_while(is_shown).count();
        let is_said = |id: &str| advice.iter().any(|advice| advice.id == id);
        let mut notes = Vec::new();
        if ![THRASHING, GIVE_BACK, HEAP_GIVEN_BACK].into_iter().any(is_said) {
            notes.extend(refaults(loaded));
        }
        if !is_said(SLOW_MINOR) {
            notes.extend(slow(loaded));
        }
        let remarks =
            [(evidence.are_lower_bounds(), LOWER_BOUNDS), (loaded.selection.is_some(), SELECTED)];
        let remarks = remarks.into_iter().filter(|&(holds, _)| holds && !advice.is_empty());
        let remarks = remarks.map(|(_, remark)| remark).collect();
        Some(Self { opening, advice, shown, notes, remarks, stretch: None })
    }

    /// Why there is none.
    #[must_use]
    pub fn none(why: &str) -> Self {
        Self {
            opening: Some(why.to_owned()),
            advice: Vec::new(),
            shown: 0,
            notes: Vec::new(),
            remarks: Vec::new(),
            stretch: None,
        }
    }

    /// What fits on the screen.
    pub fn write(&self, screen: &mut Screen) {
        match &self.stretch {
            Some(stretch) => stretch.write(screen),
            None => screen.heading("Diagnosis"),
        }
        self.opening.iter().for_each(|opening| screen.paragraph(opening));
        for (number, advice) in self.advice.iter().take(self.shown).enumerate() {
            screen.paragraph(&format!("{}. {}", number + 1, brief(advice)));
        }
        self.notes.iter().for_each(|note| screen.paragraph(note));
        if !self.advice.is_empty() {
            let more = match (self.advice.len() - self.shown) as u64 {
                0 => String::new(),
                more => format!(", and {}", counted_as(more, "more finding", "more findings")),
            };
            screen.paragraph(&format!("All evidence{more}: --advice."));
        }
        self.remarks.iter().for_each(|remark| screen.paragraph(remark));
    }
}

/// The rows behind a group by region, kind, path, class and cause.
fn rows_of(analysis: &Analysis, group: &Group, class: Class, cause: Cause) -> RowSet {
    let of_region: Vec<bool> = analysis
        .regions
        .iter()
        .map(|region| {
            printable(&region.label) == group.key(0) && region.kind.as_str() == group.key(1)
        })
        .collect();
    let path = group.keys.get(2).cloned().flatten();
    let of_path: Vec<bool> =
        analysis.mappings.iter().map(|mapping| file_path(mapping) == path).collect();
    let unknown_in_group = group.key(0) == UNKNOWN_REGION;
    let faults = &analysis.faults;
    RowSet::all(faults.len())
        .with(&faults.class, |&of| of == class)
        .with(&faults.cause, |&of| of == cause)
        .with(&faults.region, |&region| {
            of_region.get(region as usize).copied().unwrap_or(unknown_in_group)
        })
        .with(&faults.mapping, |&mapping| {
            of_path.get(mapping as usize).copied().unwrap_or(path.is_none())
        })
}

fn costliest(loaded: &Loaded, group: &Group, total_ns: u64, chosen: &RowSet) -> String {
    let analysis = &loaded.analysis;
    let what = format!("{} {} of {}", group.key(3), group.key(4), shorten(place(group), 60));
    let faults = counted(group.faults, "fault");
    match group.stall_ns {
        Some(stall_ns) if stall_ns > 0 => {
            let mut wall = Union::default();
            let (mut known, mut latencies_ns) = (0, 0_u64);
            for row in chosen.iter() {
                let from_ns = analysis.faults.time_ns[row];
                if let Some(stall_ns) = analysis.faults.stall_ns(row) {
                    wall.add(from_ns, loaded.stalled_until_ns(row, stall_ns));
                    known += 1;
                    latencies_ns = latencies_ns.saturating_add(analysis.faults.latency_ns[row]);
                }
            }
            let each = duration(latencies_ns / known.max(1));
            let cost = if group.faults == 1 {
                format!("{faults} of {each}")
            } else {
                format!("{faults}, {each} each on average")
            };
            format!(
                "{} of the stall time ({} of {}; {} of the wall time) is {what}: {cost}",
                percent(stall_ns, total_ns),
                duration(stall_ns),
                duration(total_ns),
                percent(wall.length_ns, loaded.recorded_ns()),
            )
        }
        _ => format!(
            "{} of the faults ({} of {}) are {what}",
            percent(group.faults, analysis.faults.len() as u64),
            count(group.faults),
            count(analysis.faults.len() as u64)
        ),
    }
}

fn order(steps: &Steps) -> String {
    let Some(order) = steps.order() else {
        return String::new();
    };
    let order = match order {
        Order::Sequential => "page after page",
        Order::Forward => "moving forward",
        Order::Backward => "moving backward",
        Order::Random => "in random order",
    };
    format!(
        ", {order} (next page {}, at most 2 MiB ahead {} of {})",
        percent(steps.next_page, steps.all),
        percent(steps.ahead, steps.all),
        counted(steps.all, "step")
    )
}

/// Pages that faulted in again, unless that is rare: each stack and each data segment has some.
fn refaults(loaded: &Loaded) -> Option<String> {
    let faults = &loaded.analysis.faults;
    // The page of the others was there, only the right to write was not.
    let came_back = RowSet::all(faults.len())
        .with(&faults.class, |class| ![Class::Cow, Class::Failed, Class::Unknown].contains(class))
        .with(&faults.cause, |&cause| cause != Cause::WriteNotify)
        .with(&faults.nth, |&nth| nth > 1);
    let again = came_back.len() as u64;
    let all = faults.len() as u64;
    (again > 0 && again >= all / 100).then(|| {
        format!(
            "{} ({} of all) hit a page that had faulted before in the same mapping and was gone again; \
             --patterns counts those in memory that was mapped anew as well.",
            counted(again, "fault"),
            percent(again, all)
        )
    })
}

/// Minor faults that took long.
fn slow(loaded: &Loaded) -> Option<String> {
    let faults = &loaded.analysis.faults;
    let slow = RowSet::all(faults.len()).with(&faults.slow, |&slow| slow);
    let latencies_ns = slow.iter().map(|row| faults.latency_ns[row]);
    let known = latencies_ns.filter(|&ns| ns != LATENCY_UNKNOWN);
    let (number, stall_ns) = (slow.len() as u64, known.fold(0, u64::saturating_add));
    (number > 0).then(|| {
        let together = if number == 1 { "" } else { " together" };
        format!(
            "{} took longer than {}: {}{together}.",
            counted(number, "minor fault"),
            duration(loaded.analysis.slow_threshold_ns),
            duration(stall_ns)
        )
    })
}
