//! Which code faults, and how much is known of it.

use pft::keys::ledger;
use pft::record::ModuleState;
use serde::Serialize;

use super::List;
use crate::figures::scope::{CallGraph, Scope};
use crate::load::Loaded;
use crate::outputs::summary::code::Functions;
use crate::outputs::summary::counts::Counts;

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Function {
    /// As in column `function`; null for all of which it is not known.
    pub function: Option<String>,
    /// As in column `module`.
    pub module: Option<String>,
    /// The class that stalls it most.
    pub main_class: Option<String>,
    /// The cause that stalls it most.
    pub main_cause: Option<String>,
    /// Faults.
    pub faults: u64,
    /// Major ones among them.
    pub major: u64,
    /// Sum over all threads.
    pub stall_ns: Option<u64>,
    /// The longest latency.
    pub max_ns: Option<u64>,
}

/// The costliest functions.
pub fn functions(functions: &Functions, at_most: usize) -> List<Function> {
    let rows = functions.groups.iter().take(at_most).map(|group| {
        let [class, cause] =
            functions.main_cause(group).map_or([None, None], |names| names.map(Some));
        Function {
            function: group.keys.first().cloned().flatten(),
            module: group.keys.get(1).cloned().flatten(),
            main_class: class.map(str::to_owned),
            main_cause: cause.map(str::to_owned),
            faults: group.faults,
            major: group.major,
            stall_ns: group.stall_ns,
            max_ns: group.max_ns,
        }
    });
    List::of(rows.collect(), functions.groups.iter().skip(at_most))
}

/// How much is known of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Symbols {
    /// Selected faults of which the function is known.
    pub named_faults: u64,
    /// Modules of which anything was recorded.
    pub modules: u64,
    /// Those that could not be read.
    pub modules_not_read: u64,
    /// Addresses that were not looked up for want of time.
    pub skipped_addresses: Option<u64>,
}

impl Symbols {
    /// What is known; none without modules.
    pub(super) fn of(loaded: &Loaded, counts: &Counts) -> Option<Self> {
        let modules = &loaded.analysis.modules;
        let is_read = |state| state == ModuleState::Read;
        (!modules.is_empty()).then(|| Self {
            named_faults: counts.named,
            modules: modules.len() as u64,
            modules_not_read: modules.iter().filter(|m| !is_read(m.state)).count() as u64,
            skipped_addresses: loaded.counted(ledger::SYMBOLS_SKIPPED),
        })
    }
}

/// How much is known of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CallChains {
    /// `fp` by frame pointers, `dwarf` from copies of stacks; null if the file does not say.
    pub method: Option<&'static str>,
    /// One of so many minor faults had its stack copied, 0: none; null where that does not apply.
    pub minor_share: Option<u64>,
    /// Selected faults that have one.
    pub faults: u64,
    /// Faults that had one which is missing from the file.
    pub missing: u64,
    /// Copies of stacks that were not unwound because the recorder fell behind.
    pub stacks_dropped: Option<u64>,
    /// Copies of stacks in which no callers could be found.
    pub stacks_failed: Option<u64>,
}

impl CallChains {
    /// What is known; none where none were recorded.
    pub(super) fn of(loaded: &Loaded, counts: &Counts) -> Option<Self> {
        let (method, minor_share) = match Scope::of(loaded).call_graph {
            None if counts.chained == 0 => return None,
            None => (None, None),
            Some(CallGraph::FramePointers) => (Some("fp"), None),
            Some(CallGraph::Stacks { minor_share }) => (Some("dwarf"), minor_share),
        };
        Some(Self {
            method,
            minor_share,
            faults: counts.chained,
            missing: loaded.analysis.exactness.lost_call_chains,
            stacks_dropped: loaded.counted(ledger::STACKS_DROPPED),
            stacks_failed: loaded.counted(ledger::STACKS_FAILED),
        })
    }
}
