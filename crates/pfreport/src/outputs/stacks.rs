//! Faults by call chain: folded stacks with a weight each, for flame graphs.
//!
//! From the root: the process; its callers, the outermost first; class and cause of the fault; the memory
//! that it hit. A trace without call chains has module and function of the faulting instruction in place
//! of callers, and so have faults without one, behind [`NO_CALL_CHAIN`]: no weight is left out.
//!
//! Profiles for other programs show the same stacks: [`pprof`] and [`firefox`]. [`Sites`] says for all of
//! them which faults have one stack.

mod describe;
mod export;
pub mod firefox;
mod folded;
pub mod pprof;
mod sites;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pfmodel::table::Analysis;

use crate::load::Loaded;
use crate::names::chains::{Frame, Frames, Role, frame_name};
use crate::print::text::{printable, shorten};
pub use export::export;
pub use folded::write as write_folded;
pub use sites::{Site, Sites, Sums};

/// Frame of faults without a call chain in a trace that has some.
pub const NO_CALL_CHAIN: &str = "[no call chain]";

/// What a stack weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Weight {
    /// Number of faults
    Faults,
    /// Time that threads were stalled; in folded stacks nanoseconds
    Stall,
    /// Bytes that the faults installed
    Bytes,
}

impl Weight {
    /// Stall times where the trace has them, else faults.
    #[must_use]
    pub fn by_default(analysis: &Analysis) -> Self {
        let has_latencies = analysis.faults.stalls_ns().flatten().next().is_some();
        if has_latencies { Self::Stall } else { Self::Faults }
    }
}

/// Weights of all stacks of a trace.
#[derive(Debug)]
pub struct Stacks {
    /// The stacks, the root first, in order of their frames.
    pub stacks: BTreeMap<Vec<Frame>, u64>,
    /// What they weigh.
    pub weight: Weight,
    /// Sum of the weights.
    pub total: u64,
    /// Faults of the trace.
    pub faults: u64,
    /// Those whose weight is not known: they have no part in any stack.
    pub unweighted: u64,
    /// Whether any fault has a call chain.
    pub has_chains: bool,
    /// Faults without one.
    pub chainless: u64,
    /// Their weight.
    pub chainless_weight: u64,
}

impl Stacks {
    /// Adds up the faults of a trace. Names have at most `width` characters.
    #[cfg(test)]
    #[must_use]
    pub fn of(loaded: &Loaded, weight: Weight, width: usize) -> Self {
        Self::of_sites(loaded, &Sites::of(loaded), weight, width)
    }

    /// The same of faults that have been added up.
    #[must_use]
    pub fn of_sites(loaded: &Loaded, sites: &Sites, weight: Weight, width: usize) -> Self {
        let mut stacks = Self::without_frames(sites, weight);
        let mut names = Names::new(&loaded.analysis, width, sites.has_chains);
        for (site, sums) in &sites.all {
            let weight = sums.of(weight);
            if weight > 0 {
                let sum = stacks.stacks.entry(names.stack(site)).or_insert(0);
                *sum = sum.saturating_add(weight);
            }
        }
        stacks
    }

    /// The sums alone.
    fn without_frames(sites: &Sites, weight: Weight) -> Self {
        let chainless = sites.all.iter().filter(|(site, _)| !site.has_chain());
        let sum = |sum: Sums, (_, sums): &(Site, Sums)| sum.plus(*sums);
        let all = sites.all.iter().fold(Sums::default(), sum);
        let chainless = chainless.fold(Sums::default(), sum);
        Self {
            stacks: BTreeMap::new(),
            weight,
            total: all.of(weight),
            faults: all.faults,
            unweighted: all.unknown(weight),
            has_chains: sites.has_chains,
            chainless: chainless.faults,
            chainless_weight: chainless.of(weight),
        }
    }
}

/// The frames of sites, each made once.
struct Names<'a> {
    analysis: &'a Analysis,
    width: usize,
    has_chains: bool,
    frames: Frames<'a>,
    chains: HashMap<u32, Arc<[Frame]>>,
}

impl<'a> Names<'a> {
    fn new(analysis: &'a Analysis, width: usize, has_chains: bool) -> Self {
        let frames = Frames::new(analysis, width);
        Self { analysis, width, has_chains, frames, chains: HashMap::new() }
    }

    fn stack(&mut self, site: &Site) -> Vec<Frame> {
        let mut stack = vec![self.named(site.process(self.analysis), Role::Process)];
        match self.chain(site.chain) {
            Some(chain) => stack.extend(chain.iter().cloned()),
            None => {
                if self.has_chains {
                    stack.push(Frame::new(NO_CALL_CHAIN, Role::Gap));
                }
                self.place(&mut stack, site);
            }
        }
        let class_and_cause = format!("{} {}", site.class.as_str(), site.cause.as_str());
        stack.push(Frame::new(&class_and_cause, Role::Class(site.class)));
        stack.push(self.named(site.region(self.analysis), Role::Region));
        stack
    }

    fn chain(&mut self, number: u32) -> Option<Arc<[Frame]>> {
        let chain = self.analysis.call_chains.get(number as usize)?;
        let frames = &mut self.frames;
        let named = self.chains.entry(number).or_insert_with(|| frames.of_chain(chain).into());
        Some(Arc::clone(named))
    }

    /// Module and function of the faulting instruction, as far as they are known.
    fn place(&mut self, stack: &mut Vec<Frame>, site: &Site) {
        stack.push(self.named(site.module(self.analysis), Role::Module));
        if self.analysis.locations.get(site.place as usize).is_some() {
            let frames = self.frames.of_place(site.place, site.in_kernel);
            stack.extend(frames.iter().filter(|frame| frame.role != Role::Module).cloned());
        }
    }

    fn named(&self, name: &[u8], role: Role) -> Frame {
        Frame::new(&shorten(&frame_name(&printable(name)), self.width), role)
    }
}

#[cfg(test)]
mod tests;
