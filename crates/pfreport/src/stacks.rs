//! Faults by call chain: folded stacks with a weight each, for flame graphs.
//!
//! From the root: the process; its callers, the outermost first; class and cause of the fault; the memory
//! that it hit. A trace without call chains has module and function of the faulting instruction in place
//! of callers, and so have faults without one, behind [`NO_CALL_CHAIN`]: no weight is left out.

mod describe;
mod export;
mod folded;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pfmodel::names::{Cause, Class};
use pfmodel::table::{Analysis, NONE};

use crate::chains::{Frame, Frames, Role, frame_name};
use crate::faults::{KERNEL_MODULE, UNKNOWN_REGION};
use crate::load::Loaded;
use crate::text::{printable, shorten};
pub use export::export;
pub use folded::write as write_folded;

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

    /// Of one fault; none if it is not known.
    fn of(self, analysis: &Analysis, row: usize) -> Option<u64> {
        let faults = &analysis.faults;
        match self {
            Self::Faults => Some(1),
            Self::Stall => faults.stall_ns(row),
            Self::Bytes => faults.page_size_bytes.get(row).copied().filter(|&bytes| bytes != 0),
        }
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

/// What two faults of one stack have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Site {
    comm: u32,
    chain: u32,
    // Where there is no chain: of the faulting instruction.
    place: u32,
    ip_mapping: u32,
    in_kernel: bool,
    class: Class,
    cause: Cause,
    region: u32,
}

impl Stacks {
    /// Adds up the faults of a trace. Names have at most `width` characters.
    #[must_use]
    pub fn of(loaded: &Loaded, weight: Weight, width: usize) -> Self {
        let analysis = &loaded.analysis;
        let faults = &analysis.faults;
        let has_chain = |row: usize| (faults.call_chain[row] as usize) < analysis.call_chains.len();
        let mut stacks = Self {
            stacks: BTreeMap::new(),
            weight,
            total: 0,
            faults: faults.len() as u64,
            unweighted: 0,
            has_chains: (0..faults.len()).any(has_chain),
            chainless: 0,
            chainless_weight: 0,
        };
        let mut sites: HashMap<Site, u64> = HashMap::new();
        for row in 0..faults.len() {
            let weight = weight.of(analysis, row);
            if !has_chain(row) {
                stacks.chainless += 1;
                let sum = stacks.chainless_weight.saturating_add(weight.unwrap_or(0));
                stacks.chainless_weight = sum;
            }
            let Some(weight) = weight else {
                stacks.unweighted += 1;
                continue;
            };
            stacks.total = stacks.total.saturating_add(weight);
            let sum = sites.entry(site(analysis, row, has_chain(row))).or_insert(0);
            *sum = sum.saturating_add(weight);
        }
        let mut names = Names::new(analysis, width, stacks.has_chains);
        for (site, weight) in sites {
            let sum = stacks.stacks.entry(names.stack(&site)).or_insert(0);
            *sum = sum.saturating_add(weight);
        }
        stacks
    }
}

fn site(analysis: &Analysis, row: usize, has_chain: bool) -> Site {
    let faults = &analysis.faults;
    let process = analysis.processes.get(faults.proc[row] as usize);
    let unless_chain = |value| if has_chain { NONE } else { value };
    Site {
        comm: process.map_or(NONE, |process| process.comm),
        chain: if has_chain { faults.call_chain[row] } else { NONE },
        place: unless_chain(faults.code[row]),
        ip_mapping: unless_chain(faults.ip_mapping[row]),
        in_kernel: !has_chain && faults.kernel_mode[row],
        class: faults.class[row],
        cause: faults.cause[row],
        region: faults.region[row],
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
        let comm = self.analysis.comms.get(site.comm as usize);
        let mut stack = vec![self.named(comm.map_or(b"[unknown]", |comm| &**comm), Role::Process)];
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
        let region = self.analysis.regions.get(site.region as usize);
        let region = region.map_or(UNKNOWN_REGION.as_bytes(), |region| &*region.label);
        stack.push(self.named(region, Role::Region));
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
        let place = self.analysis.locations.get(site.place as usize);
        let label = place.map(|place| &*place.module_label).filter(|label| !label.is_empty());
        let mapped = self.analysis.mappings.get(site.ip_mapping as usize);
        let module = match (label, mapped) {
            (Some(label), _) => label,
            (None, _) if site.in_kernel => KERNEL_MODULE.as_bytes(),
            (None, Some(mapping)) => &*mapping.region,
            (None, None) => b"[unknown]",
        };
        stack.push(self.named(module, Role::Module));
        if place.is_some() {
            let frames = self.frames.of_place(site.place, site.in_kernel);
            stack.extend(frames.iter().filter(|frame| frame.role != Role::Module).cloned());
        }
    }

    fn named(&self, name: &[u8], role: Role) -> Frame {
        Frame::new(&shorten(&frame_name(&printable(name)), self.width), role)
    }
}

#[cfg(test)]
mod tests {
    use super::{Stacks, Weight, write_folded};
    use crate::load::Loaded;
    use crate::sample::{self, HEAP, INLINED, KERNEL, LOOP, MAIN, MODEL, Row, UNNAMED};
    use pfmodel::names::{Cause, Class};

    fn folded(loaded: &Loaded, weight: Weight) -> String {
        let mut out = Vec::new();
        write_folded(&Stacks::of(loaded, weight, usize::MAX), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Reads with and without a call chain, and touches.
    fn faults() -> Loaded {
        let mut loaded = sample::with_code();
        let analysis = &mut loaded.analysis;
        analysis.call_chains = vec![
            sample::chain(&[], &[INLINED, LOOP, MAIN], false),
            sample::chain(&[KERNEL], &[UNNAMED, MAIN], true),
        ];
        let read = Row {
            latency: Some(90_000),
            class: Class::Major,
            cause: Cause::FileRead,
            mapping: MODEL,
            code: INLINED,
            chain: 0,
            ..Row::default()
        };
        let touch = Row { mapping: HEAP, code: LOOP, ..Row::default() };
        let kernel = Row { code: KERNEL, kernel_mode: true, ..touch };
        let failed =
            Row { class: Class::Failed, cause: Cause::Efault, latency: None, size: 0, ..kernel };
        for row in [
            read,
            Row { latency: Some(10_000), ..read },
            touch,
            Row { chain: 1, ..kernel },
            Row { mapping: pfmodel::table::NONE, ..failed },
            Row { code: UNNAMED, size: 2 << 20, ..touch },
        ] {
            sample::push(analysis, row);
        }
        loaded
    }

    #[test]
    fn every_weight_has_its_stack() {
        let loaded = faults();
        assert_eq!(
            folded(&loaded, Weight::Stall),
            "server;[cut off];main;[libfoo.so];copy_from_user_[k];minor anon-first-touch;[heap] 1000\n\
             server;[no call chain];libfoo.so;minor anon-first-touch;[heap] 1000\n\
             server;[no call chain];server;serve::loop;minor anon-first-touch;[heap] 1000\n\
             server;main;serve::loop;Table::grow;Table::touch;major file-read;model.gguf 100000\n"
        );
        assert_eq!(
            folded(&loaded, Weight::Faults),
            "server;[cut off];main;[libfoo.so];copy_from_user_[k];minor anon-first-touch;[heap] 1\n\
             server;[no call chain];[kernel];copy_from_user_[k];failed efault;[unknown] 1\n\
             server;[no call chain];libfoo.so;minor anon-first-touch;[heap] 1\n\
             server;[no call chain];server;serve::loop;minor anon-first-touch;[heap] 1\n\
             server;main;serve::loop;Table::grow;Table::touch;major file-read;model.gguf 2\n"
        );
        let bytes = folded(&loaded, Weight::Bytes);
        assert!(bytes.contains(";libfoo.so;minor anon-first-touch;[heap] 2097152\n"), "{bytes}");

        let stacks = Stacks::of(&loaded, Weight::Stall, usize::MAX);
        assert_eq!((stacks.total, stacks.faults, stacks.unweighted), (103_000, 6, 1));
        assert_eq!((stacks.chainless, stacks.chainless_weight), (3, 2_000));
    }

    #[test]
    fn without_call_chains_the_function_stands_alone() {
        let mut loaded = faults();
        loaded.analysis.call_chains.clear();
        let text = folded(&loaded, Weight::Faults);
        assert!(!text.contains("[no call chain]"), "{text}");
        let read = "server;server;Table::grow;Table::touch;major file-read;model.gguf 2\n";
        assert!(text.contains(read), "{text}");
        // Nor symbols, as in traces of older recorders.
        loaded.analysis.locations.clear();
        let text = folded(&loaded, Weight::Faults);
        assert!(text.contains("server;server;major file-read;model.gguf 2\n"), "{text}");
        assert!(text.contains("server;[kernel];failed efault;[unknown] 1\n"), "{text}");
    }

    #[test]
    fn stall_times_where_there_are_some() {
        let mut loaded = faults();
        assert_eq!(Weight::by_default(&loaded.analysis), Weight::Stall);
        loaded.analysis.faults.latency_ns.fill(pft::record::LATENCY_UNKNOWN);
        assert_eq!(Weight::by_default(&loaded.analysis), Weight::Faults);
    }

    #[test]
    fn hostile_names_stay_in_their_frame() {
        let mut loaded = faults();
        let analysis = &mut loaded.analysis;
        analysis.comms[0] = b"# a;b\n\x1b[2J 7".to_vec();
        analysis.locations[LOOP as usize].functions[0].name = b"<script>;\xff".to_vec();
        analysis.locations[MAIN as usize].functions[0].name = vec![b'x'; 100_000];
        analysis.regions[MODEL as usize].label = b"file 42".to_vec();
        let text = folded(&loaded, Weight::Faults);
        assert_eq!(text.lines().count(), 5);
        assert!(text.lines().all(|line| line.starts_with("#_a:b\\x0a\\x1b[2J_7;")), "{text}");
        let long = "x".repeat(100_000);
        let read =
            format!(";{long};<script>:\\xff;Table::grow;Table::touch;major file-read;file_42 2\n");
        assert!(text.contains(&read));
        let short = Stacks::of(&loaded, Weight::Faults, 100);
        let longest = short.stacks.keys().flatten().map(|frame| frame.name.chars().count()).max();
        assert_eq!(longest, Some(100));
    }
}
