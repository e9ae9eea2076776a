//! Faults that have one stack, added up.

use std::collections::HashMap;

use pfmodel::names::{Cause, Class};
use pfmodel::table::{Analysis, NONE};

use super::Weight;
use crate::load::Loaded;
use crate::rows::faults::{KERNEL_MODULE, UNKNOWN_REGION};

/// What stands for a name that is not known.
const UNKNOWN: &[u8] = b"[unknown]";

/// What two faults of one stack have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Site {
    /// Name of the process, index into [`Analysis::comms`].
    pub comm: u32,
    /// Call chain, index into [`Analysis::call_chains`], or [`NONE`].
    pub chain: u32,
    /// Where there is no chain: the faulting instruction, index into [`Analysis::locations`], or [`NONE`].
    pub place: u32,
    /// Where there is no chain: the mapping of the instruction, or [`NONE`].
    pub ip_mapping: u32,
    /// Where there is no chain: whether the instruction is one of the kernel.
    pub in_kernel: bool,
    /// Class.
    pub class: Class,
    /// Cause.
    pub cause: Cause,
    /// What was hit, index into [`Analysis::regions`], or [`NONE`].
    pub region: u32,
    /// Which of [`Loaded::members`] it is from.
    pub member: u32,
}

impl Site {
    fn of(loaded: &Loaded, row: usize) -> Self {
        let faults = &loaded.analysis.faults;
        let process = loaded.analysis.processes.get(faults.proc[row] as usize);
        let chain = faults.call_chain[row];
        let has_chain = (chain as usize) < loaded.analysis.call_chains.len();
        let unless_chain = |value| if has_chain { NONE } else { value };
        Self {
            comm: process.map_or(NONE, |process| process.comm),
            chain: if has_chain { chain } else { NONE },
            place: unless_chain(faults.code[row]),
            ip_mapping: unless_chain(faults.ip_mapping[row]),
            in_kernel: !has_chain && faults.kernel_mode[row],
            class: faults.class[row],
            cause: faults.cause[row],
            region: faults.region[row],
            member: loaded.members.partition_point(|member| member.rows.end <= row) as u32,
        }
    }

    /// Whether its faults have a call chain.
    #[must_use]
    pub const fn has_chain(&self) -> bool {
        self.chain != NONE
    }

    /// Name of the process, as recorded.
    #[must_use]
    pub fn process<'a>(&self, analysis: &'a Analysis) -> &'a [u8] {
        analysis.comms.get(self.comm as usize).map_or(UNKNOWN, |comm| comm)
    }

    /// What was hit, as recorded.
    #[must_use]
    pub fn region<'a>(&self, analysis: &'a Analysis) -> &'a [u8] {
        let region = analysis.regions.get(self.region as usize);
        region.map_or(UNKNOWN_REGION.as_bytes(), |region| &region.label)
    }

    /// Without a chain, what the faulting instruction is in, as far as that is known.
    #[must_use]
    pub fn module<'a>(&self, analysis: &'a Analysis) -> &'a [u8] {
        let place = analysis.locations.get(self.place as usize);
        let label = place.map(|place| &*place.module_label).filter(|label| !label.is_empty());
        let mapped = analysis.mappings.get(self.ip_mapping as usize);
        match (label, mapped) {
            (Some(label), _) => label,
            (None, _) if self.in_kernel => KERNEL_MODULE.as_bytes(),
            (None, Some(mapping)) => &mapping.region,
            (None, None) => UNKNOWN,
        }
    }
}

/// What faults weigh together. A weight that is not known counts nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Faults.
    pub faults: u64,
    /// How long they stalled their threads, nanoseconds.
    pub stall_ns: u64,
    /// What they installed, bytes.
    pub bytes: u64,
    /// Those of which it is not known how long.
    pub without_stall: u64,
    /// Those of which it is not known how much.
    pub without_bytes: u64,
}

impl Sums {
    /// Of one fault.
    #[must_use]
    pub fn of_fault(analysis: &Analysis, row: usize) -> Self {
        let stall = analysis.faults.stall_ns(row);
        let bytes = analysis.faults.page_size_bytes.get(row).copied().filter(|&bytes| bytes != 0);
        Self {
            faults: 1,
            stall_ns: stall.unwrap_or(0),
            bytes: bytes.unwrap_or(0),
            without_stall: u64::from(stall.is_none()),
            without_bytes: u64::from(bytes.is_none()),
        }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            faults: self.faults.saturating_add(other.faults),
            stall_ns: self.stall_ns.saturating_add(other.stall_ns),
            bytes: self.bytes.saturating_add(other.bytes),
            without_stall: self.without_stall.saturating_add(other.without_stall),
            without_bytes: self.without_bytes.saturating_add(other.without_bytes),
        }
    }

    /// One of the weights.
    #[must_use]
    pub const fn of(&self, weight: Weight) -> u64 {
        match weight {
            Weight::Faults => self.faults,
            Weight::Stall => self.stall_ns,
            Weight::Bytes => self.bytes,
        }
    }

    /// Faults of which this weight is not known.
    #[must_use]
    pub const fn unknown(&self, weight: Weight) -> u64 {
        match weight {
            Weight::Faults => 0,
            Weight::Stall => self.without_stall,
            Weight::Bytes => self.without_bytes,
        }
    }
}

/// All sites of a trace.
#[derive(Debug, Default)]
pub struct Sites {
    /// The sites in order of their first fault, and what their faults weigh together.
    pub all: Vec<(Site, Sums)>,
    /// Whether any fault has a call chain.
    pub has_chains: bool,
    /// The site of each fault.
    rows: Vec<u32>,
}

impl Sites {
    /// Adds up the faults of a trace.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Self {
        let rows = loaded.analysis.faults.len();
        let mut sites = Self { rows: Vec::with_capacity(rows), ..Self::default() };
        let mut numbers: HashMap<Site, u32> = HashMap::new();
        let mut last = None;
        for row in 0..rows {
            let site = Site::of(loaded, row);
            // Faults come in runs.
            let number = match last {
                Some((known, number)) if known == site => number,
                _ => *numbers.entry(site).or_insert(sites.all.len() as u32),
            };
            last = Some((site, number));
            let sums = Sums::of_fault(&loaded.analysis, row);
            match sites.all.get_mut(number as usize) {
                Some((_, all)) => *all = all.plus(sums),
                None => sites.all.push((site, sums)),
            }
            sites.has_chains |= site.has_chain();
            sites.rows.push(number);
        }
        sites
    }

    /// The site of a fault, index into [`Sites::all`].
    #[must_use]
    pub fn number(&self, row: usize) -> Option<u32> {
        self.rows.get(row).copied()
    }
}
