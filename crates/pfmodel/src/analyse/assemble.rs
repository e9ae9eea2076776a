//! The result, put together once everything has been looked at.

use std::panic::resume_unwind;

use pft::record::LostBy;

use super::Analyser;
use super::code::{Code, Instruction};
use crate::collections::intern::Interner;
use crate::column::{Column, Values as _, pieces};
use crate::naming::cgroups::{Cgroups, Life};
use crate::naming::locations::Locations;
use crate::naming::parts::{Known, Parts};
use crate::naming::region::Regions;
use crate::order::records::Records;
use crate::recording::Recording;
use crate::space::mapping_rows::{MappingRow, MappingRows};
use crate::space::stacks::Stacks;
use crate::table::builder::{Rows, finish};
use crate::table::{Analysis, FaultTable, Loss, Mapping, NONE, Process, Thread};
use crate::world::{ProcessState, World};

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
    let cgroups = recording.cgroups.iter().map(|cgroup| cgroup.time_ns);
    let checkpoint = recording.checkpoint.iter().map(|checkpoint| checkpoint.time_ns);
    let times = tasks.chain(maps).chain(snapshots).chain(lost).chain(calls).chain(cgroups);
    times.chain(checkpoint).max().unwrap_or(0).max(recording.header.start_ns)
}

/// What holds for all faults, once each has been looked at.
#[derive(Debug)]
pub(super) struct Settled {
    rows: MappingRows,
    names: Interner,
    stacks: Stacks,
    regions: Regions,
    /// Process id of each process.
    pids: Vec<u32>,
    parts: Parts,
    page_mask: u64,
    start_ns: u64,
    /// The result, without faults and what [`Settled::publish`] adds.
    pub analysis: Analysis,
}

impl Settled {
    /// Puts together what a walk over all faults has shown.
    pub(super) fn of(analyser: Analyser, recording: &Recording, code: &Code) -> Self {
        let Analyser {
            mut world, mut exactness, now, last_ns, slow_threshold_ns, page_shift, ..
        } = analyser;
        world.finish(now);
        let start_ns = recording.header.start_ns;
        let since_start = |time_ns: u64| time_ns.min(last_ns).saturating_sub(start_ns);
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
        // The pages that the world remembers are many, and needed no more.
        let World { mut rows, names, mut stacks, processes, threads, comms, .. } = world;
        let mut regions = Regions::default();
        regions.learn(&mut rows, &names);
        stacks.spread(&rows);
        let pids: Vec<u32> = processes.iter().map(|process| process.pid).collect();
        let page_mask = (1 << page_shift) - 1;
        let known = Known {
            rows: &rows,
            names: &names,
            regions: &regions,
            modules: &code.modules,
            stacks: &stacks,
            pids: &pids,
            page_mask,
        };
        let parts = Parts::new(&known);
        let mappings = (0..rows.as_slice().len()).filter_map(|row| {
            let row = u32::try_from(row).ok()?;
            let mapping = regions.mapping(row, &rows, &names, (start_ns, last_ns))?;
            let (region, module) = parts.of_mapping(row)?;
            Some(Mapping { kind: region.kind, region: region.label.clone(), module, ..mapping })
        });
        let mappings = mappings.collect();
        let lives = processes.iter().map(|process| {
            let &ProcessState { pid, parent, first_seen_ns, exit_ns, .. } = process;
            Life { pid, parent, first_seen_ns, exit_ns }
        });
        let cgroups = Cgroups::of(&recording.cgroups, &lives.collect::<Vec<_>>());
        let spans = cgroups.of_processes.into_iter().map(|spans| {
            spans.into_iter().map(|(since_ns, path)| (since_start(since_ns), path)).collect()
        });
        let processes = processes.iter().zip(spans).map(|(process, cgroups)| Process {
            pid: process.pid,
            parent: process.parent,
            comm: process.comm,
            first_seen_ns: since_start(process.first_seen_ns),
            exit_ns: process.exit_ns.map(since_start),
            cgroups,
        });
        let threads = threads.iter().map(|thread| Thread {
            proc: thread.proc,
            tid: thread.tid,
            from_ns: since_start(thread.from_ns),
            to_ns: since_start(thread.to_ns),
        });
        let (modules, objects) = code.modules.tables();
        let analysis = Analysis {
            processes: processes.collect(),
            threads: threads.collect(),
            mappings,
            comms: comms.into_texts(),
            cgroups: cgroups.paths,
            modules,
            objects,
            exactness,
            slow_threshold_ns,
            duration_ns: last_ns.saturating_sub(start_ns),
            ..Analysis::default()
        };
        Self { rows, names, stacks, regions, pids, parts, page_mask, start_ns, analysis }
    }

    /// Finishes rows, which become the faults of the analysis: confidence, region, code and object, and times since
    /// the start.
    pub(super) fn fill(&mut self, found: Rows, code: &mut Code) {
        let Code { modules, locations, .. } = code;
        let Rows { table: mut faults, awaiting, unknown } = found;
        let counts = finish(&mut faults, &awaiting, &self.rows, self.start_ns);
        let totals = &mut self.analysis.exactness.map_confidence;
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
        let Self { rows, names, regions, stacks, pids, parts, page_mask, .. } = self;
        let known = Known { rows, names, regions, modules, stacks, pids, page_mask: *page_mask };
        let ((region, object), code) = std::thread::scope(|threads| {
            let data = threads.spawn(|| data_columns(&faults, parts, &known));
            let code = code_column(&faults, &unknown, locations, &known);
            (data.join().unwrap_or_else(|panic| resume_unwind(panic)), code)
        });
        (faults.region, faults.object, faults.code) = (region, object, code);
        self.analysis.faults = faults;
    }

    /// Numbers everything that faults with these instructions may refer to, so that the tables of the analysis
    /// grow no more.
    pub(super) fn number_all(&mut self, instructions: Vec<Instruction>, code: &mut Code) {
        let Code { modules, locations, .. } = code;
        let Self { rows, names, regions, stacks, pids, parts, page_mask, .. } = self;
        let known = Known { rows, names, regions, modules, stacks, pids, page_mask: *page_mask };
        parts.number_all(&known);
        for instruction in instructions {
            location(instruction, locations, &known);
        }
    }

    /// Gives the analysis its tables of regions, locations and call chains.
    pub(super) fn publish(&mut self, code: &Code) {
        self.analysis.regions = self.parts.table().to_vec();
        self.analysis.locations = code.locations.table().to_vec();
        self.analysis.call_chains = code.chains.table();
    }
}

/// Columns `region` and `object`. Not inlined, as the benchmarks find it by name.
#[inline(never)]
fn data_columns(
    faults: &FaultTable,
    parts: &mut Parts,
    known: &Known<'_>,
) -> (Column<u32>, Column<u32>) {
    let (mut regions, mut objects) = (Column::default(), Column::default());
    let mut found = Vec::new();
    for rows in pieces(faults.len()) {
        // Only one thread is at work here: one in forty of the time of a summary.
        let mapping = faults.mapping.only_in(rows.clone());
        if let Some(region) = mapping.and_then(|&mapping| parts.only(mapping)) {
            regions.extend_same(region, rows.len());
            objects.extend_same(NONE, rows.len());
            continue;
        }
        found.clear();
        let columns = faults.mapping.range(rows.clone()).zip(&faults.addr[rows]);
        found.extend(columns.map(|(&mapping, &addr)| {
            let spot = parts.at(mapping, addr, known);
            let object = |(module, address)| known.modules.object_at(module, address);
            (spot.region, spot.in_module.and_then(object).unwrap_or(NONE))
        }));
        regions.extend(&found, |&(region, _)| region);
        objects.extend(&found, |&(_, object)| object);
    }
    (regions, objects)
}

/// Column `code`; in the rows `unknown`, which are in order, the instruction is not known.
fn code_column(
    faults: &FaultTable,
    unknown: &[usize],
    locations: &mut Locations,
    known: &Known<'_>,
) -> Column<u32> {
    let mut unknown = unknown.iter().copied().peekable();
    // Neighbours are often of one instruction.
    let mut last = None;
    let mut code_of = |instruction| match last {
        Some((same, code)) if same == instruction => code,
        _ => {
            let code = location(instruction, locations, known);
            last = Some((instruction, code));
            code
        }
    };
    let (kernel_mode, ip_mapping, ip) = (&faults.kernel_mode, &faults.ip_mapping, &faults.ip);
    let mut codes = Column::default();
    let mut found = Vec::new();
    for rows in pieces(faults.len()) {
        let only = (
            kernel_mode.only_in(rows.clone()),
            ip_mapping.only_in(rows.clone()),
            ip.only_in(rows.clone()),
        );
        let all_known = unknown.peek().is_none_or(|row| !rows.contains(row));
        if let (true, (Some(&kernel_mode), Some(&mapping), Some(&ip))) = (all_known, only) {
            codes.extend_same(code_of(Instruction { kernel_mode, mapping, ip }), rows.len());
            continue;
        }
        let columns = kernel_mode
            .range(rows.clone())
            .zip(ip_mapping.range(rows.clone()))
            .zip(ip.range(rows.clone()));
        found.clear();
        found.extend(rows.zip(columns).map(|(row, ((&kernel_mode, &mapping), &ip))| {
            match unknown.next_if_eq(&row) {
                Some(_) => NONE,
                None => code_of(Instruction { kernel_mode, mapping, ip }),
            }
        }));
        codes.extend(&found, |&code| code);
    }
    codes
}

/// The place of an instruction.
fn location(instruction: Instruction, locations: &mut Locations, known: &Known<'_>) -> u32 {
    let Instruction { kernel_mode, mapping, ip } = instruction;
    if kernel_mode {
        return locations.in_kernel(ip, known.modules);
    }
    let pid_of = |row: &MappingRow| known.pids.get(row.proc as usize).copied();
    locations.in_mapping(mapping, ip, known.modules, (known.rows, known.names), pid_of)
}
