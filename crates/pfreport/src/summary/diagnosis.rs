//! The costliest faults in words, with their numbers.

use pfmodel::names::{Cause, Class};
use pfmodel::table::Analysis;
use pft::record::LATENCY_UNKNOWN;

use super::PLACE_AND_CAUSE;
use super::screen::Screen;
use super::top::{ALERT_PER_SECOND, place, total_stall_ns};
use crate::faults::{UNKNOWN_REGION, file_path};
use crate::group::{Group, rolled_up};
use crate::load::Loaded;
use crate::pattern::{Order, Pattern};
use crate::stall::Union;
use crate::text::{printable, shorten};
use crate::units::{count, counted, duration, percent};

pub fn write(screen: &mut Screen, loaded: &Loaded, cells: &[Group]) {
    let groups = rolled_up(cells, &PLACE_AND_CAUSE);
    let Some(group) = groups.first() else { return };
    let class = Class::ALL.iter().copied().find(|class| class.as_str() == group.key(3));
    let cause = Cause::ALL.iter().copied().find(|cause| cause.as_str() == group.key(4));
    let (Some(class), Some(cause)) = (class, cause) else {
        return;
    };
    screen.heading("Diagnosis");
    let chosen = rows_of(&loaded.analysis, group, class, cause);
    let pattern =
        Pattern::of(&loaded.analysis, loaded.header.page_size_bytes, chosen.iter().copied());
    let costliest = costliest(loaded, group, total_stall_ns(&groups), &chosen);
    screen.paragraph(&format!("{costliest}{}.", order(&pattern)));
    if let Some(advice) = advice(cause, pattern.order()) {
        screen.paragraph(&format!("Worth trying: {advice}."));
    }
    for line in [major_rate(loaded), refaults(loaded), slow(loaded)].into_iter().flatten() {
        screen.paragraph(&line);
    }
}

/// The rows behind a group by region, kind, path, class and cause.
fn rows_of(analysis: &Analysis, group: &Group, class: Class, cause: Cause) -> Vec<usize> {
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
    (0..faults.len())
        .filter(|&row| {
            let region = of_region.get(faults.region[row] as usize).copied();
            let mapping = of_path.get(faults.mapping[row] as usize).copied();
            faults.class[row] == class
                && faults.cause[row] == cause
                && region.unwrap_or(unknown_in_group)
                && mapping.unwrap_or(path.is_none())
        })
        .collect()
}

fn costliest(loaded: &Loaded, group: &Group, total_ns: u64, chosen: &[usize]) -> String {
    let analysis = &loaded.analysis;
    let what = format!("{} {} of {}", group.key(3), group.key(4), shorten(place(group), 60));
    let faults = counted(group.faults, "fault");
    match group.stall_ns {
        Some(stall_ns) if stall_ns > 0 => {
            let mut wall = Union::default();
            let (mut known, mut latencies_ns) = (0, 0_u64);
            for &row in chosen {
                let from_ns = analysis.faults.time_ns[row];
                if let Some(stall_ns) = analysis.faults.stall_ns(row) {
                    wall.add(from_ns, from_ns.saturating_add(stall_ns));
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

fn order(pattern: &Pattern) -> String {
    let Some(order) = pattern.order() else {
        return String::new();
    };
    let order = match order {
        Order::Sequential => "page after page",
        Order::Forward => "moving forward",
        Order::Random => "in random order",
    };
    format!(
        ", {order} (next page {}, at most 2 MiB ahead {} of {})",
        percent(pattern.next_page, pattern.steps),
        percent(pattern.ahead, pattern.steps),
        counted(pattern.steps, "step")
    )
}

/// What usually helps, per cause.
const fn advice(cause: Cause, order: Option<Order>) -> Option<&'static str> {
    Some(match (cause, order) {
        (Cause::FileRead | Cause::FileWait, Some(Order::Random)) => {
            "load the needed ranges ahead of use (MADV_WILLNEED, MADV_POPULATE_READ), or read() larger \
             blocks; check for MADV_RANDOM, which turns readahead off"
        }
        (Cause::FileRead | Cause::FileWait, _) => {
            "larger readahead (MADV_SEQUENTIAL, read_ahead_kb), or loading the file ahead of use \
             (MADV_POPULATE_READ)"
        }
        (Cause::SwapIn, _) => {
            "more memory for this workload, or keeping what it needs resident (memory.low, mlock); \
             it is being swapped out and read back"
        }
        (Cause::FileOrSwap, _) => {
            "keeping what it needs resident (memory.low, mlock), or more memory for this workload; \
             whether it is read back from swap or from its file is not known"
        }
        (Cause::AnonRefault, _) => {
            "keeping memory that is given back and touched again (allocator settings such as \
             M_TRIM_THRESHOLD, fewer MADV_DONTNEED)"
        }
        (Cause::AnonFirstTouch | Cause::AnonFirstTouchOrZero | Cause::ZeroPage, _) => {
            "reusing buffers, huge pages (MADV_HUGEPAGE), or touching the memory ahead of use \
             (MADV_POPULATE_WRITE)"
        }
        (Cause::FileCached, _) => {
            "mapping the range ahead of use (MADV_POPULATE_READ, MAP_POPULATE): the data is in memory \
             already"
        }
        (Cause::CowAnon, _) => {
            "writing less to memory shared since fork, or posix_spawn where the child only runs a program"
        }
        (Cause::HugePage, _) => {
            "touching the memory ahead of use: each of these faults zeroes a huge page"
        }
        _ => return None,
    })
}

/// Processes beyond the usual alert.
fn major_rate(loaded: &Loaded) -> Option<String> {
    let major = loaded.class_count(Class::Major);
    let seconds = loaded.recorded_ns() as f64 / 1e9;
    (major as f64 > ALERT_PER_SECOND as f64 * seconds && seconds > 0.0).then(|| {
        format!(
            "{} major faults/s over the whole recording exceed the usual alert of {ALERT_PER_SECOND}/s.",
            count((major as f64 / seconds).round() as u64)
        )
    })
}

/// Pages that faulted again.
fn refaults(loaded: &Loaded) -> Option<String> {
    let nth = &loaded.analysis.faults.nth;
    let again = nth.iter().filter(|&&nth| nth > 1).count() as u64;
    (again > 0).then(|| {
        format!(
            "{} ({} of all) hit a page that had faulted before.",
            counted(again, "fault"),
            percent(again, nth.len() as u64)
        )
    })
}

/// Minor faults that took long.
fn slow(loaded: &Loaded) -> Option<String> {
    let faults = &loaded.analysis.faults;
    let slow = faults.slow.iter().zip(&faults.latency_ns).filter(|&(&slow, _)| slow);
    let (number, stall_ns) = slow.fold((0_u64, 0_u64), |(number, sum), (_, &ns)| {
        (number + 1, sum.saturating_add(if ns == LATENCY_UNKNOWN { 0 } else { ns }))
    });
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
