//! Call chains as names, as flame graphs read them: the outermost caller first.
//!
//! A name here is one *frame* of a folded stack: `main;work;touch`. Inlined functions are frames of their
//! own, functions of the kernel end with `_[k]`, a function that is not known is the module that holds it,
//! `[libfoo.so]`, and a chain that may go on behind its last caller begins with `[cut off]`.

mod frame;

use std::collections::HashMap;
use std::sync::Arc;

use pfmodel::table::{Analysis, CallChain, Location};

pub use frame::frame_name;

use crate::print::text::{printable, shorten};

/// First frame of a chain that may go on behind its last caller.
pub const CUT_OFF: &str = "[cut off]";

/// Frames of a chain that are named, inlined functions among them: behind them it is cut off. The model looks at so many
/// callers; only a forged trace has as many functions inlined.
const MAX_FRAMES: usize = 2_048;

/// Frame of code of which nothing is known.
const UNKNOWN: &str = "[unknown]";

/// What a frame stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A process.
    Process,
    /// What a chain does not have.
    Gap,
    /// A module, or a function of it that is not known.
    Module,
    /// A function in user space.
    User,
    /// A function of the kernel.
    Kernel,
    /// Class and cause of the faults.
    Class(pfmodel::names::Class),
    /// The memory that they hit.
    Region,
}

/// A frame of a folded stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// Its name, which holds no `;`.
    pub name: Arc<str>,
    /// What it stands for.
    pub role: Role,
}

impl Frame {
    /// A frame of this name.
    #[must_use]
    pub fn new(name: &str, role: Role) -> Self {
        Self { name: name.into(), role }
    }
}

/// The places of an analysis as frames, each named once.
pub struct Frames<'a> {
    analysis: &'a Analysis,
    width: usize,
    named: HashMap<(u32, bool), Arc<[Frame]>>,
}

impl<'a> Frames<'a> {
    /// Frames whose names have at most `width` characters, less a mark of the kernel's.
    #[must_use]
    pub fn new(analysis: &'a Analysis, width: usize) -> Self {
        Self { analysis, width, named: HashMap::new() }
    }

    /// A place in code: the function that the compiler emitted first, the innermost inlined one last.
    pub fn of_place(&mut self, location: u32, in_kernel: bool) -> Arc<[Frame]> {
        let (analysis, width) = (self.analysis, self.width);
        let named = self.named.entry((location, in_kernel)).or_insert_with(|| {
            let location = analysis.locations.get(location as usize);
            frames(location, in_kernel, width).into()
        });
        Arc::clone(named)
    }

    /// A call chain, the outermost caller first. Neighbours of which no more than the module is known are
    /// one frame.
    pub fn of_chain(&mut self, chain: &CallChain) -> Vec<Frame> {
        let user = chain.user.iter().map(|&location| (location, false));
        let kernel = chain.kernel.iter().map(|&location| (location, true));
        // The innermost first: what is cut off is at the other end.
        let mut frames: Vec<Frame> = Vec::new();
        let mut cut = chain.cut;
        for (location, in_kernel) in kernel.chain(user) {
            for frame in self.of_place(location, in_kernel).iter().rev() {
                if frame.role == Role::Module && frames.last() == Some(frame) {
                    continue;
                }
                cut |= frames.len() == MAX_FRAMES;
                if frames.len() < MAX_FRAMES {
                    frames.push(frame.clone());
                }
            }
        }
        if cut {
            frames.push(Frame::new(CUT_OFF, Role::Gap));
        }
        frames.reverse();
        frames
    }
}

fn frames(location: Option<&Location>, in_kernel: bool, width: usize) -> Vec<Frame> {
    let mark = if in_kernel { "_[k]" } else { "" };
    let named = |name: &[u8], role| {
        let name = shorten(&frame_name(&printable(name)), width);
        Frame::new(&format!("{name}{mark}"), role)
    };
    let role = if in_kernel { Role::Kernel } else { Role::User };
    let functions = location.map_or(&[][..], |location| &location.functions);
    let functions = functions.iter().filter(|function| !function.name.is_empty());
    let frames: Vec<Frame> = functions.rev().map(|function| named(&function.name, role)).collect();
    if !frames.is_empty() {
        return frames;
    }
    let label = location.map_or(&[][..], |location| &location.module_label);
    vec![match label {
        [] => named(UNKNOWN.as_bytes(), Role::Module),
        [b'[', ..] => named(label, Role::Module),
        _ => named(&[b"[", label, b"]"].concat(), Role::Module),
    }]
}

/// Call chains as text.
#[derive(Debug, Default)]
pub struct Texts {
    /// Of each chain, the first one that reads the same.
    numbers: Vec<u32>,
    /// Of the first ones, the frames.
    frames: HashMap<u32, Arc<[u32]>>,
    names: Vec<Arc<str>>,
}

impl Texts {
    /// Reads all chains of an analysis.
    #[must_use]
    pub fn of(analysis: &Analysis) -> Self {
        let mut frames = Frames::new(analysis, usize::MAX);
        let mut texts = Self::default();
        let mut ids: HashMap<Arc<str>, u32> = HashMap::new();
        let mut first: HashMap<Arc<[u32]>, u32> = HashMap::new();
        for (number, chain) in (0..).zip(&analysis.call_chains) {
            let names = frames.of_chain(chain).into_iter().map(|frame| frame.name);
            let chain: Arc<[u32]> = names
                .map(|name| {
                    *ids.entry(name).or_insert_with_key(|name| {
                        texts.names.push(Arc::clone(name));
                        texts.names.len() as u32 - 1
                    })
                })
                .collect();
            let known = *first.entry(Arc::clone(&chain)).or_insert(number);
            if known == number {
                texts.frames.insert(number, chain);
            }
            texts.numbers.push(known);
        }
        texts
    }

    /// The number that tables have for a chain: that of the first chain which reads the same.
    #[must_use]
    pub fn number(&self, chain: u32) -> Option<u32> {
        self.numbers.get(chain as usize).copied()
    }

    /// A chain by its number in tables, folded: `main;work;touch`.
    #[must_use]
    pub fn text(&self, number: u32) -> Option<String> {
        let frames = self.frames.get(&number)?.iter();
        let names: Vec<&str> =
            frames.filter_map(|&id| Some(&**self.names.get(id as usize)?)).collect();
        Some(names.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::{CUT_OFF, Frames, MAX_FRAMES, Texts};
    use crate::made_up::{self, INLINED, KERNEL, LOOP, MAIN, UNNAMED};

    #[test]
    fn chains_read_outermost_first() {
        let mut analysis = made_up::with_code().analysis;
        analysis.call_chains = vec![
            made_up::chain(&[KERNEL], &[INLINED, LOOP, MAIN], false),
            made_up::chain(&[], &[UNNAMED, UNNAMED, MAIN], true),
            made_up::chain(&[], &[u32::MAX], false),
        ];
        let texts = Texts::of(&analysis);
        let chains = (0..3).map(|number| texts.text(number).unwrap()).collect::<Vec<_>>();
        assert_eq!(
            chains,
            [
                "main;serve::loop;Table::grow;Table::touch;copy_from_user_[k]",
                "[cut off];main;[libfoo.so]",
                "[unknown]"
            ]
        );
    }

    #[test]
    fn functions_inlined_without_end_are_cut_off_at_the_outer_end() {
        let mut analysis = made_up::with_code().analysis;
        let location = &mut analysis.locations[INLINED as usize];
        let function = location.functions[0].clone();
        location.functions = vec![function; 300];
        let chain = made_up::chain(&[KERNEL], &[INLINED; 10], false);
        let frames = Frames::new(&analysis, 80).of_chain(&chain);
        assert_eq!(frames.len(), MAX_FRAMES + 1);
        assert_eq!(&*frames[0].name, CUT_OFF);
        assert_eq!(&*frames[MAX_FRAMES].name, "copy_from_user_[k]");
    }

    #[test]
    fn chains_that_read_alike_have_one_number() {
        let mut analysis = made_up::with_code().analysis;
        let alike = analysis.locations[MAIN as usize].clone();
        analysis.locations.push(pfmodel::table::Location { address: 0x1234, ..alike });
        let other_main = analysis.locations.len() as u32 - 1;
        analysis.call_chains = [MAIN, LOOP, other_main]
            .map(|outermost| made_up::chain(&[], &[INLINED, outermost], false))
            .to_vec();
        let texts = Texts::of(&analysis);
        assert_eq!(
            [0, 1, 2, 3].map(|chain| texts.number(chain)),
            [Some(0), Some(1), Some(0), None]
        );
        assert_eq!(texts.text(2), None);
    }
}
