//! The result, put together once everything has been looked at.

use std::collections::HashMap;

use pft::record::LostBy;

use super::Analyser;
use crate::recording::Recording;
use crate::records::Records;
use crate::region::Regions;
use crate::table::{Analysis, FaultTable, Loss, Mapping, NONE, Process, Region, Thread};
use crate::table_builder;

/// The last moment of anything recorded except faults.
pub(super) fn last_record_ns(recording: &Recording, records: &Records) -> u64 {
    let tasks = records.tasks.iter().map(|(_, task)| task.time_ns);
    let maps = records.maps.iter().map(|(_, map)| map.time_ns);
    let snapshots = records.snapshots.iter().map(|(_, shot)| shot.start_ns.max(shot.end_ns));
    let lost = recording.lost.iter().map(|lost| lost.time_ns);
    let calls = records.calls.iter().flat_map(|(_, call)| {
        let end_ns = if call.end_ns == u64::MAX { call.time_ns } else { call.end_ns };
        [call.time_ns, end_ns]
    });
    let checkpoint = recording.checkpoint.iter().map(|checkpoint| checkpoint.time_ns);
    let times = tasks.chain(maps).chain(snapshots).chain(lost).chain(calls).chain(checkpoint);
    times.max().unwrap_or(0).max(recording.header.start_ns)
}

impl Analyser {
    /// The result; times count from the start of the trace.
    pub(super) fn finish(
        self,
        recording: &Recording,
        mut faults: FaultTable,
        awaiting: &[bool],
    ) -> Analysis {
        let Self { mut world, mut exactness, last_ns, slow_threshold_ns, .. } = self;
        let start_ns = recording.header.start_ns;
        let since_start = |time_ns: u64| time_ns.min(last_ns).saturating_sub(start_ns);
        exactness.map_confidence =
            table_builder::finish(&mut faults, awaiting, &world.rows, start_ns);
        exactness.losses = recording
            .lost
            .iter()
            .map(|lost| Loss {
                from_ns: since_start(lost.after_ns),
                to_ns: since_start(lost.time_ns),
                cpu: lost.cpu,
                by_recorder: lost.by == LostBy::Recorder,
                count: lost.count,
            })
            .collect();
        let mut regions = Regions::default();
        regions.learn(&mut world.rows, &world.names);
        let mappings = (0..world.rows.as_slice().len()).filter_map(|row| {
            let row = u32::try_from(row).ok()?;
            regions.mapping(row, &world.rows, &world.names, (start_ns, last_ns))
        });
        let mappings: Vec<Mapping> = mappings.collect();
        let mut named = HashMap::new();
        let mut parts = Vec::new();
        let of_mapping: Vec<u32> = mappings
            .iter()
            .map(|mapping: &Mapping| {
                let region = Region { kind: mapping.kind, label: mapping.region.clone() };
                *named.entry(region.clone()).or_insert_with(|| {
                    parts.push(region);
                    parts.len() as u32 - 1
                })
            })
            .collect();
        for (region, &mapping) in faults.region.iter_mut().zip(&faults.mapping) {
            *region = of_mapping.get(mapping as usize).copied().unwrap_or(NONE);
        }
        let processes = world.processes.iter().map(|process| Process {
            pid: process.pid,
            parent: process.parent,
            comm: process.comm,
            first_seen_ns: since_start(process.first_seen_ns),
            exit_ns: process.exit_ns.map(since_start),
        });
        let threads = world.threads.iter().map(|thread| Thread {
            proc: thread.proc,
            tid: thread.tid,
            from_ns: since_start(thread.from_ns),
            to_ns: since_start(thread.to_ns),
        });
        Analysis {
            faults,
            processes: processes.collect(),
            threads: threads.collect(),
            mappings,
            comms: world.comms.into_texts(),
            regions: parts,
            exactness,
            slow_threshold_ns,
            duration_ns: last_ns.saturating_sub(start_ns),
            ..Analysis::default()
        }
    }
}
