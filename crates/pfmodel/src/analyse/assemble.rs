//! The result, put together once everything has been looked at.

use pft::record::LostBy;

use super::Analyser;
use super::code::Code;
use crate::locations::Locations;
use crate::mapping_rows::MappingRow;
use crate::parts::{Known, Parts};
use crate::recording::Recording;
use crate::records::Records;
use crate::region::Regions;
use crate::table::{Analysis, FaultTable, Loss, Mapping, NONE, Process, Thread};
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
        code: Code,
    ) -> Analysis {
        let Self { mut world, mut exactness, last_ns, slow_threshold_ns, page_shift, .. } = self;
        let Code { modules, mut locations, chains, unknown } = code;
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
        world.stacks.spread(&world.rows);
        let pids: Vec<u32> = world.processes.iter().map(|process| process.pid).collect();
        let known = Known {
            rows: &world.rows,
            names: &world.names,
            regions: &regions,
            modules: &modules,
            stacks: &world.stacks,
            pids: &pids,
            page_mask: (1 << page_shift) - 1,
        };
        let mut parts = Parts::new(&known);
        locate(&mut faults, &unknown, (&mut parts, &mut locations), &known);
        let mappings = (0..world.rows.as_slice().len()).filter_map(|row| {
            let row = u32::try_from(row).ok()?;
            let times = (start_ns, last_ns);
            let mapping = regions.mapping(row, &world.rows, &world.names, times)?;
            let (region, module) = parts.of_mapping(row)?;
            Some(Mapping { kind: region.kind, region: region.label.clone(), module, ..mapping })
        });
        let mappings = mappings.collect();
        let regions = parts.into_table();
        let (modules, objects) = modules.into_tables();
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
            regions,
            modules,
            locations: locations.into_table(),
            call_chains: chains.into_table(),
            objects,
            exactness,
            slow_threshold_ns,
            duration_ns: last_ns.saturating_sub(start_ns),
        }
    }
}

/// Fills in which region, object and code the addresses of each fault belong to; the instructions of the
/// rows `unknown` are not known.
fn locate(
    faults: &mut FaultTable,
    unknown: &[usize],
    (parts, locations): (&mut Parts, &mut Locations),
    known: &Known<'_>,
) {
    for (&mapping, &addr) in faults.mapping.iter().zip(&faults.addr) {
        let spot = parts.at(mapping, addr, known);
        faults.region.push(spot.region);
        let object =
            spot.in_module.and_then(|(module, address)| known.modules.object_at(module, address));
        faults.object.push(object.unwrap_or(NONE));
    }
    let rows = (known.rows, known.names);
    let pid_of = |row: &MappingRow| known.pids.get(row.proc as usize).copied();
    let instructions = faults.ip_mapping.iter().zip(&faults.ip).zip(&faults.kernel_mode);
    let mut unknown = unknown.iter().peekable();
    for (row, ((&mapping, &ip), &kernel_mode)) in instructions.enumerate() {
        if unknown.next_if_eq(&&row).is_some() {
            faults.code.push(NONE);
            continue;
        }
        faults.code.push(if kernel_mode {
            locations.in_kernel(ip, known.modules)
        } else {
            locations.in_mapping(mapping, ip, known.modules, rows, pid_of)
        });
    }
}
