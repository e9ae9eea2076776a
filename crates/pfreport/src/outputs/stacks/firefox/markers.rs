//! Single faults and phases as markers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fxprof_processed_profile::{
    CategoryHandle, MarkerFieldFlags, MarkerFieldFormat, MarkerLocations, MarkerTiming, Profile,
    StaticSchemaMarker, StaticSchemaMarkerField, StringHandle,
};
use pft::record::LATENCY_UNKNOWN;

use super::{Writer, at, count, counted, duration};
use crate::load::Loaded;
use crate::print::text::{printable, shorten};

/// A fault.
struct FaultMarker {
    class: StringHandle,
    category: CategoryHandle,
    fields: [StringHandle; 4],
}

const fn field(key: &'static str, label: &'static str) -> StaticSchemaMarkerField {
    StaticSchemaMarkerField {
        key,
        label,
        format: MarkerFieldFormat::String,
        flags: MarkerFieldFlags::SEARCHABLE,
    }
}

impl StaticSchemaMarker for FaultMarker {
    const UNIQUE_MARKER_TYPE_NAME: &'static str = "PageFault";
    const DESCRIPTION: Option<&'static str> =
        Some("A page fault, from its entry to its completion.");
    const LOCATIONS: MarkerLocations = MarkerLocations::MARKER_CHART
        .union(MarkerLocations::MARKER_TABLE)
        .union(MarkerLocations::TIMELINE_OVERVIEW);
    const CHART_LABEL: Option<&'static str> = Some("{marker.data.reason} {marker.data.region}");
    const TOOLTIP_LABEL: Option<&'static str> = Some("{marker.name} {marker.data.reason}");
    const TABLE_LABEL: Option<&'static str> =
        Some("{marker.data.reason} {marker.data.region} {marker.data.address}");
    const FIELDS: &'static [StaticSchemaMarkerField] = &[
        // The key `cause` is that of the stack.
        field("reason", "Cause"),
        field("region", "Region"),
        field("address", "Address"),
        field("latency", "Latency"),
    ];

    fn name(&self, _: &mut Profile) -> StringHandle {
        self.class
    }

    fn category(&self, _: &mut Profile) -> CategoryHandle {
        self.category
    }

    fn string_field_value(&self, index: u32) -> StringHandle {
        // The crate asks for the fields above.
        self.fields.get(index as usize).copied().unwrap_or(self.class)
    }

    fn number_field_value(&self, _: u32) -> f64 {
        0.0
    }
}

/// A phase of the recording.
struct PhaseMarker {
    kind: StringHandle,
    name: StringHandle,
}

impl StaticSchemaMarker for PhaseMarker {
    const UNIQUE_MARKER_TYPE_NAME: &'static str = "Phase";
    const DESCRIPTION: Option<&'static str> = Some("From one mark of the recording to the next.");
    const LOCATIONS: MarkerLocations = FaultMarker::LOCATIONS;
    const CHART_LABEL: Option<&'static str> = Some("{marker.data.phase}");
    const TOOLTIP_LABEL: Option<&'static str> = Some("phase {marker.data.phase}");
    const TABLE_LABEL: Option<&'static str> = Some("{marker.data.phase}");
    const FIELDS: &'static [StaticSchemaMarkerField] = &[field("phase", "Phase")];

    fn name(&self, _: &mut Profile) -> StringHandle {
        self.kind
    }

    fn category(&self, _: &mut Profile) -> CategoryHandle {
        CategoryHandle::OTHER
    }

    fn string_field_value(&self, _: u32) -> StringHandle {
        self.name
    }

    fn number_field_value(&self, _: u32) -> f64 {
        0.0
    }
}

/// The faults that stalled their threads longest, at most so many, in order of time. Of equals the first.
fn costliest(loaded: &Loaded, most: usize) -> Vec<usize> {
    let faults = &loaded.analysis.faults;
    let mut kept = BinaryHeap::new();
    for (row, stall) in faults.stalls_ns().enumerate() {
        kept.push(Reverse((stall, Reverse(row))));
        if kept.len() > most {
            kept.pop();
        }
    }
    let mut rows: Vec<usize> = kept.into_iter().map(|Reverse((_, Reverse(row)))| row).collect();
    rows.sort_unstable();
    rows
}

impl Writer<'_> {
    /// Adds the markers; returns what was left out.
    pub fn markers(&mut self, most: usize) -> Vec<String> {
        let mut notes = Vec::new();
        let rows = costliest(self.loaded, most);
        for &row in &rows {
            self.fault(row);
        }
        let faults = &self.loaded.analysis.faults;
        if rows.len() < faults.len() {
            let which = match faults.stalls_ns().flatten().next() {
                Some(_) => "the costliest",
                None => "the first",
            };
            let all = counted(faults.len() as u64, "fault");
            notes.push(format!("{} of {all} as markers: {which}", count(rows.len() as u64)));
        }
        let marks = self.loaded.marks.len();
        self.phases(most);
        if marks > most {
            let all = counted(marks as u64, "phase");
            notes.push(format!("{} of {all} as markers: the first", count(most as u64)));
        }
        notes
    }

    fn fault(&mut self, row: usize) {
        let analysis = &self.loaded.analysis;
        let faults = &analysis.faults;
        let (Some(number), Some(site)) = (self.threads.number(row), self.sites.number(row)) else {
            return;
        };
        let (Some(&thread), Some((what, _))) =
            (self.handles.get(number as usize), self.sites.all.get(site as usize))
        else {
            return;
        };
        let region = shorten(&printable(what.region(analysis)), super::NAME_CHARACTERS);
        let latency = match faults.latency_ns[row] {
            LATENCY_UNKNOWN => "unknown".to_owned(),
            ns => duration(ns),
        };
        let address = format!("{:#x}", faults.addr[row]);
        let mut text = |text: &str| self.profile.intern_string(text);
        let marker = FaultMarker {
            class: text(what.class.as_str()),
            category: self.categories.class(what.class),
            fields: [text(what.cause.as_str()), text(&region), text(&address), text(&latency)],
        };
        let from_ns = faults.time_ns[row];
        let timing = match faults.stall_ns(row) {
            Some(ns) => MarkerTiming::Interval(at(from_ns), at(from_ns.saturating_add(ns))),
            None => MarkerTiming::Instant(at(from_ns)),
        };
        let has_chain = what.has_chain();
        let marker = self.profile.add_marker(thread, timing, marker);
        if has_chain {
            let stack = self.stack(number, Some(site));
            self.profile.set_marker_stack(thread, marker, stack);
        }
    }

    /// Phases are markers of the thread that had the first fault.
    fn phases(&mut self, most: usize) {
        let Some(&thread) = self.handles.first() else { return };
        let marks = &self.loaded.marks;
        for (number, mark) in marks.iter().enumerate().take(most) {
            // The last phase of a trace ends with it.
            let members = self.loaded.members.iter().rev();
            let end = members
                .map(|member| {
                    (member.offset_ns, member.offset_ns.saturating_add(member.duration_ns))
                })
                .find(|&(from_ns, _)| from_ns <= mark.time_ns);
            let end_ns = end.map_or(self.loaded.analysis.duration_ns, |(_, end_ns)| end_ns);
            let next_ns = marks.get(number + 1).map_or(end_ns, |next| next.time_ns.min(end_ns));
            let name = shorten(&mark.name, super::NAME_CHARACTERS);
            let marker = PhaseMarker {
                kind: self.profile.intern_string("phase"),
                name: self.profile.intern_string(&name),
            };
            let end_ns = next_ns.max(mark.time_ns);
            let timing = MarkerTiming::Interval(at(mark.time_ns), at(end_ns));
            self.profile.add_marker(thread, timing, marker);
        }
    }
}
