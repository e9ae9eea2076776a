//! Rules between frames: what has to come first, what has to be the same again.

use std::hash::{DefaultHasher, Hash, Hasher};

use rustc_hash::{FxHashMap, FxHashSet};

use super::Notes;
use super::finding::{Findings, Place};
use super::rows::vma_order;
use super::rule::Rule;
use crate::frame::FrameHeader;
use crate::record::{
    CallChainRecord, FaultBatch, Frame, ModuleRecord, Snapshot, SnapshotReason, SymbolKind,
    SymbolRecord, flags,
};

/// Definitions of each kind that are kept track of: a file made to do harm may have any number.
const MOST_DEFINITIONS: usize = 1 << 21;

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What is kept of a call chain.
struct Chain {
    digest: u64,
    first_in_kernel: Option<u64>,
    first_in_user: Option<u64>,
}

/// The snapshot whose parts come one by one.
struct Parts {
    pid: u32,
    times: (u64, u64),
    reason: SnapshotReason,
    /// Where the mappings so far end.
    end: u64,
}

/// What the frames so far say about those to come.
#[derive(Default)]
pub(super) struct Across {
    chains: FxHashMap<u32, Chain>,
    cut_chains: u64,
    modules: FxHashMap<u32, u64>,
    symbols: FxHashSet<u64>,
    /// Kinds of definitions of which there were too many.
    overflowed: Overflowed,
    snapshot: Option<Parts>,
    /// Frames may be missing that hold what is not found.
    is_doubtful: bool,
    /// Rows whose rules were not checked because of that.
    unchecked: u64,
}

#[derive(Default)]
struct Overflowed {
    chains: bool,
    modules: bool,
    symbols: bool,
}

impl Across {
    /// Something is missing or cannot be read from here on.
    pub(super) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    pub(super) fn check(
        &mut self,
        header: &FrameHeader,
        frame: &Frame,
        place: Place,
        findings: &mut Findings,
    ) {
        match frame {
            Frame::Snapshot(snapshot) => self.part(header, snapshot, place, findings),
            Frame::Faults(batch) => self.faults(batch, place, findings),
            Frame::CallChains(chains) => {
                for (row, chain) in chains.iter().enumerate() {
                    self.chain(chain, place.row(row), findings);
                }
            }
            Frame::Modules(modules) => {
                for (row, module) in modules.iter().enumerate() {
                    self.module(module, place.row(row), findings);
                }
            }
            Frame::Symbols(symbols) => self.symbols(symbols, place, findings),
            _ => {}
        }
    }

    fn part(
        &mut self,
        header: &FrameHeader,
        snapshot: &Snapshot,
        place: Place,
        findings: &mut Findings,
    ) {
        let end = snapshot.vmas.last().map_or(0, |vma| vma.end);
        let Snapshot { pid, start_ns, end_ns, reason, .. } = *snapshot;
        let times = (start_ns, end_ns);
        if header.part == 0 {
            self.snapshot = Some(Parts { pid, times, reason, end });
            return;
        }
        // Where a part is missing, that was found already.
        let Some(before) = &mut self.snapshot else { return };
        if (before.pid, before.times, before.reason) != (pid, times, reason) {
            let what = || "it belongs to another snapshot than the part before".to_owned();
            findings.add(Rule::Parts, place, what);
        }
        if let [first, ..] = snapshot.vmas.as_slice() {
            vma_order(before.end, std::slice::from_ref(first), place, findings);
            before.end = end;
        }
    }

    fn faults(&mut self, batch: &FaultBatch, place: Place, findings: &mut Findings) {
        let columns = &batch.columns;
        for (row, &number) in columns.call_chain.iter().enumerate().filter(|&(_, &n)| n != 0) {
            let Some(chain) = self.chains.get(&number) else {
                if self.is_doubtful || self.overflowed.chains {
                    self.unchecked += 1;
                } else {
                    let what = || format!("call chain {number} is in no frame before it");
                    findings.add(Rule::ChainFirst, place.row(row), what);
                }
                continue;
            };
            let flags = columns.flags.get(row).copied().unwrap_or(0);
            let ip = columns.ip.get(row).copied().unwrap_or(0);
            if let Some(what) = chain.contradiction(flags & flags::KERNEL_MODE != 0, ip) {
                let what = || format!("the fault is at {ip:#x}, and call chain {number} {what}");
                findings.add(Rule::ChainOfFault, place.row(row), what);
            }
        }
    }

    fn chain(&mut self, chain: &CallChainRecord, place: Place, findings: &mut Findings) {
        let digest = digest(chain);
        match self.chains.get(&chain.id) {
            Some(before) if before.digest != digest => {
                let what = || format!("call chain {} was another one before", chain.id);
                findings.add(Rule::Definitions, place, what);
            }
            Some(_) => {}
            None if self.chains.len() >= MOST_DEFINITIONS => self.overflowed.chains = true,
            None => {
                self.cut_chains += u64::from(chain.cut);
                let first_in_kernel = chain.kernel.first().copied();
                let first_in_user = chain.user.first().copied();
                self.chains.insert(chain.id, Chain { digest, first_in_kernel, first_in_user });
            }
        }
    }

    fn module(&mut self, module: &ModuleRecord, place: Place, findings: &mut Findings) {
        let digest = digest(module);
        match self.modules.get(&module.id) {
            Some(&before) if before != digest => {
                let what = || format!("module {} was another one before", module.id);
                findings.add(Rule::Definitions, place, what);
            }
            Some(_) => {}
            None if self.modules.len() >= MOST_DEFINITIONS => self.overflowed.modules = true,
            None => {
                self.modules.insert(module.id, digest);
            }
        }
    }

    fn symbols(&mut self, symbols: &[SymbolRecord], place: Place, findings: &mut Findings) {
        let key = |symbol: &SymbolRecord| (symbol.module, symbol.kind, symbol.address);
        let mut before: Option<(u32, SymbolKind, u64)> = None;
        for (row, symbol) in symbols.iter().enumerate() {
            let now = key(symbol);
            if before.replace(now) == Some(now) {
                continue;
            }
            if self.symbols.len() >= MOST_DEFINITIONS {
                self.overflowed.symbols = true;
            } else if !self.symbols.insert(digest(&now)) {
                let (module, address) = (symbol.module, symbol.address);
                let what = || {
                    format!("symbols of address {address:#x} of module {module} were there before")
                };
                findings.add(Rule::SymbolOrder, place.row(row), what);
            }
        }
    }

    /// Call chains that are there, and how many of them are cut; `None` where not all were kept track of.
    pub(super) fn chains(&self) -> (Option<u64>, u64) {
        let all = (!self.overflowed.chains).then_some(self.chains.len() as u64);
        (all, self.cut_chains)
    }

    /// Whether frames may be missing.
    pub(super) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// What could not be checked.
    pub(super) fn tell(&self, notes: &mut Notes) {
        if self.unchecked > 0 {
            notes.push(format!(
                "not checked: {} faults have call chains that lie in no frame before them, perhaps in \
                 one that is damaged, missing or unknown",
                self.unchecked
            ));
        }
        let Overflowed { chains, modules, symbols } = self.overflowed;
        for (_, what) in [(chains, "call chains"), (modules, "modules"), (symbols, "symbols")]
            .into_iter()
            .filter(|&(overflowed, _)| overflowed)
        {
            notes.push(format!(
                "not checked: of the {what} only {MOST_DEFINITIONS} were compared with each other"
            ));
        }
    }
}

impl Chain {
    /// What of the chain does not fit a fault.
    fn contradiction(&self, in_kernel: bool, ip: u64) -> Option<&'static str> {
        let first = if in_kernel { self.first_in_kernel } else { self.first_in_user };
        if !in_kernel && self.first_in_kernel.is_some() {
            return Some("begins in the kernel, but the fault was in user mode");
        }
        (first.is_some_and(|first| first != ip)).then_some("begins elsewhere")
    }
}
