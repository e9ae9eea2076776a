//! One analysis behind another.

use crate::table::{Analysis, CallChain, Exactness, FaultTable, NONE};

impl Analysis {
    /// Appends what another trace holds, on the same axis of time: its times count from `offset_ns`. Its
    /// processes are others than those that are there.
    ///
    /// The counts of both are added up. The threshold of slow faults is the lower one, since each trace has
    /// its own; `duration_ns` ends where the later trace ends.
    pub fn append(&mut self, mut later: Self, offset_ns: u64) {
        renumber(&mut later, self);
        delay(&mut later, offset_ns);
        self.faults.append(later.faults);
        self.processes.append(&mut later.processes);
        self.threads.append(&mut later.threads);
        self.mappings.append(&mut later.mappings);
        self.comms.append(&mut later.comms);
        self.cgroups.append(&mut later.cgroups);
        self.regions.append(&mut later.regions);
        self.modules.append(&mut later.modules);
        self.locations.append(&mut later.locations);
        self.call_chains.append(&mut later.call_chains);
        self.objects.append(&mut later.objects);
        self.exactness.add(later.exactness);
        self.slow_threshold_ns = self.slow_threshold_ns.min(later.slow_threshold_ns);
        self.duration_ns = offset_ns.saturating_add(later.duration_ns);
    }
}

/// Makes indices count behind the tables of `before`.
fn renumber(later: &mut Analysis, before: &Analysis) {
    let behind = |length: usize| {
        let length = u32::try_from(length).unwrap_or(NONE);
        move |index: &mut u32| {
            if *index != NONE {
                *index = index.saturating_add(length);
            }
        }
    };
    let proc = behind(before.processes.len());
    let comm = behind(before.comms.len());
    let cgroup = behind(before.cgroups.len());
    let mapping = behind(before.mappings.len());
    let region = behind(before.regions.len());
    let module = behind(before.modules.len());
    let location = behind(before.locations.len());
    let object = behind(before.objects.len());
    let call_chain = behind(before.call_chains.len());

    let faults = &mut later.faults;
    faults.proc.change(proc);
    faults.comm.change(comm);
    faults.mapping.change(mapping);
    faults.ip_mapping.change(mapping);
    faults.region.change(region);
    faults.code.change(location);
    faults.object.change(object);
    faults.call_chain.change(call_chain);
    for process in &mut later.processes {
        proc(&mut process.parent);
        comm(&mut process.comm);
        process.cgroups.iter_mut().for_each(|(_, path)| cgroup(path));
    }
    later.threads.iter_mut().for_each(|thread| proc(&mut thread.proc));
    for row in &mut later.mappings {
        proc(&mut row.proc);
        module(&mut row.module);
    }
    later.locations.iter_mut().for_each(|place| module(&mut place.module));
    later.objects.iter_mut().for_each(|object| module(&mut object.module));
    for CallChain { kernel, user, .. } in &mut later.call_chains {
        kernel.iter_mut().chain(user).for_each(location);
    }
}

/// Makes times count from `offset_ns`.
fn delay(later: &mut Analysis, offset_ns: u64) {
    let later_by = |ns: &mut u64| *ns = ns.saturating_add(offset_ns);
    later.faults.time_ns.iter_mut().for_each(later_by);
    for process in &mut later.processes {
        later_by(&mut process.first_seen_ns);
        process.exit_ns.iter_mut().for_each(later_by);
        process.cgroups.iter_mut().for_each(|(since_ns, _)| later_by(since_ns));
    }
    for thread in &mut later.threads {
        later_by(&mut thread.from_ns);
        later_by(&mut thread.to_ns);
    }
    for mapping in &mut later.mappings {
        later_by(&mut mapping.valid_from_ns);
        later_by(&mut mapping.valid_to_ns);
        later_by(&mut mapping.confirmed_ns);
    }
    for loss in &mut later.exactness.losses {
        later_by(&mut loss.from_ns);
        later_by(&mut loss.to_ns);
    }
}

impl FaultTable {
    /// Appends rows. Columns that are left out where nothing is known are filled up where one of the two
    /// tables has them.
    pub fn append(&mut self, mut later: Self) {
        let (rows, more) = (self.len(), later.len());
        if !later.before_ns.is_empty() {
            self.before_ns.resize(rows, 0);
            self.before_ns.append(&mut later.before_ns);
        }
        if !self.node.is_empty() || !later.node.is_empty() {
            let unknown = pft::record::NODE_UNKNOWN;
            self.node.resize(rows, unknown);
            later.node.resize(more, unknown);
            self.node.append(&mut later.node);
        }
        self.time_ns.append(&mut later.time_ns);
        self.latency_ns.append(&mut later.latency_ns);
        self.class.append(&mut later.class);
        self.cause.append(&mut later.cause);
        self.slow.append(&mut later.slow);
        self.access.append(&mut later.access);
        self.kernel_mode.append(&mut later.kernel_mode);
        self.proc.append(&mut later.proc);
        self.tid.append(&mut later.tid);
        self.comm.append(&mut later.comm);
        self.cpu.append(&mut later.cpu);
        self.addr.append(&mut later.addr);
        self.ip.append(&mut later.ip);
        self.page_size_bytes.append(&mut later.page_size_bytes);
        self.nth.append(&mut later.nth);
        self.attempts.append(&mut later.attempts);
        self.mapping.append(&mut later.mapping);
        self.ip_mapping.append(&mut later.ip_mapping);
        self.map_confidence.append(&mut later.map_confidence);
        self.region.append(&mut later.region);
        self.code.append(&mut later.code);
        self.object.append(&mut later.object);
        self.call_chain.append(&mut later.call_chain);
    }
}

impl Exactness {
    /// Adds the counts of another trace. What is recorded of one only is not recorded of both.
    fn add(&mut self, mut other: Self) {
        self.faults += other.faults;
        for (count, more) in self.classes.iter_mut().zip(other.classes) {
            *count += more;
        }
        self.losses.append(&mut other.losses);
        self.in_flight += other.in_flight;
        self.unresolved += other.unresolved;
        self.without_entry += other.without_entry;
        self.negative_latency += other.negative_latency;
        self.interrupted += other.interrupted;
        self.with_call_chain += other.with_call_chain;
        self.lost_call_chains += other.lost_call_chains;
        for (count, more) in self.map_confidence.iter_mut().zip(other.map_confidence) {
            *count += more;
        }
        self.error_code &= other.error_code;
        self.kernel_mode &= other.kernel_mode;
        self.complete &= other.complete;
    }
}
