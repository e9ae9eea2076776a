//! How much of a measured latency is the recording itself.
//!
//! A latency spans the rest of the entry sample and the beginning of the completion sample. Two
//! entry events on one fault are that far apart: the second stamps its time when the first is
//! written. So a few thousand faults of the recorder's own, with two entry events on them, show it.

use std::os::fd::AsFd;

use crate::event::{EventKind, Plan, Start, target_attr};
use crate::parse::{self, SampleLayout};
use crate::sys::{self, Bound, RingMap};

/// The recording's share of a latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bias {
    /// Median.
    pub median_ns: u64,
    /// 90th less 10th percentile.
    pub spread_ns: u64,
}

const PAGES: usize = 2000;

/// Measures it on this thread. The plan has entries.
///
/// `None` when the memory for it may not be locked, and where nothing tells: without tracepoints both
/// entries are of one software event, and newer kernels (6.18) serve those that count the same from one
/// description of the sample, so that the second has the time of the first.
#[must_use]
pub fn measure(plan: &Plan, page_bytes: usize) -> Option<Bias> {
    let first = if plan.entry_tracepoints() { EventKind::EntryUser } else { EventKind::Entry };
    let open = |kind| {
        let mut attr = target_attr(kind, plan, Start::Now, u32::MAX);
        attr.set_inherit(0);
        attr.set_disabled(0);
        attr.set_exclude_user(0);
        sys::perf_event_open(&attr, Bound::Thread(0), None, None).ok()
    };
    let (owner, second) = (open(first)?, open(EventKind::Entry)?);
    let ring_bytes = (PAGES * 192).next_power_of_two();
    let ring = RingMap::new(owner.as_fd(), page_bytes, ring_bytes).ok()?;
    sys::set_output(second.as_fd(), owner.as_fd()).ok()?;
    let touched = sys::touch_fresh_pages(PAGES, page_bytes).ok()?;
    sys::disable(owner.as_fd()).ok()?;
    sys::disable(second.as_fd()).ok()?;

    let layout = SampleLayout::new(plan);
    let ids = [
        (sys::event_id(owner.as_fd()).ok()?, first),
        (sys::event_id(second.as_fd()).ok()?, EventKind::Entry),
    ];
    let (mut rest, _) = ring.records(0, ring.head());
    let mut entered: Option<(u64, u64)> = None;
    let mut gaps = Vec::with_capacity(PAGES);
    while let Some(header) = parse::parse_header(rest) {
        let Some((record, later)) = rest.split_at_checked(header.len.max(parse::HEADER_BYTES))
        else {
            break;
        };
        rest = later;
        let id = parse::record_id(record);
        let Some(&(event, kind)) = ids.iter().find(|&&(event, _)| Some(event) == id) else {
            continue;
        };
        let Some(sample) = parse::parse_sample(record, kind, &layout) else {
            continue;
        };
        if !touched.contains(&sample.addr) {
            continue;
        }
        match entered {
            Some((other, time_ns)) if other != event => {
                gaps.push(sample.time_ns.saturating_sub(time_ns));
                entered = None;
            }
            _ => entered = Some((event, sample.time_ns)),
        }
    }
    gaps.sort_unstable();
    let quantile = |part: usize| gaps.get(gaps.len() * part / 100).copied();
    Some(Bias { median_ns: quantile(50)?, spread_ns: quantile(90)?.saturating_sub(quantile(10)?) })
}
