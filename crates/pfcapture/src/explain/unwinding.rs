//! Call chains from copies of stacks, as far as time allows.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::code_maps::CodeMaps;
use super::modules::ModuleKey;
use super::opener::Opener;
use crate::batch::{ChainSpan, FaultRows, UserRegs};

/// Callers of a chain at most, as perf has it.
const MAX_CALLERS: usize = 127;

/// The share of the time that unwinding may take: one part in so many …
const SHARE: u32 = 3;
/// … and of what it did not take, so much is left for later.
const MOST: Duration = Duration::from_millis(500);

/// Processes that the unwinder is told of at a time.
const MAX_PROCESSES: usize = 1024;

/// Executable memory of a process that shows a part of a file.
#[derive(Debug, Clone)]
pub struct CodeMapping {
    /// Its addresses.
    pub range: Range<u64>,
    /// File offset of the first one.
    pub file_offset: u64,
    /// Number of the file within the recording.
    pub module: u32,
    /// The file; `None` of the vdso.
    pub file: Option<Arc<File>>,
}

/// Whoever follows the callers on copies of stacks.
pub trait Unwind: Send {
    /// Tells what a process runs from now on, in place of what was told before.
    fn set_code(&mut self, pid: u32, mappings: &[CodeMapping]);

    /// Forgets all processes; of those that matter it is told again.
    fn forget(&mut self);

    /// Puts the instruction pointer and then its callers, `most` at most, behind `callers`. `stack` is
    /// the memory from the stack pointer on. Returns whether the chain may go on.
    fn unwind(
        &mut self,
        pid: u32,
        regs: &UserRegs,
        stack: &[u8],
        most: usize,
        callers: &mut Vec<u64>,
    ) -> bool;
}

/// What the unwinder knows of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    version: u32,
    is_whole: bool,
}

/// Unwinds the stacks of batches.
pub struct Unwinding {
    unwind: Box<dyn Unwind>,
    told: FxHashMap<u32, Told>,
    /// Time that may still be taken, and as of when.
    left: Duration,
    as_of: Instant,
    /// Stacks that became call chains.
    pub unwound: u64,
    /// Stacks of which not even one caller was found.
    pub failed: u64,
    /// Stacks for which there was no time.
    pub dropped: u64,
}

impl Unwinding {
    /// Unwinds by `unwind`.
    pub fn new(unwind: Box<dyn Unwind>) -> Self {
        Self {
            unwind,
            told: FxHashMap::default(),
            left: MOST,
            as_of: Instant::now(),
            unwound: 0,
            failed: 0,
            dropped: 0,
        }
    }

    /// Makes the stacks of a batch call chains of its rows. The rows must be as they were handed over.
    pub fn batch(&mut self, batch: &mut FaultRows, maps: &CodeMaps, opener: &Opener) {
        let begun = Instant::now();
        let passed = begun.saturating_duration_since(self.as_of);
        self.left = (self.left + passed / SHARE).min(MOST);
        self.as_of = begun;
        // Files that were missing may be open by now.
        self.told.retain(|_, told| told.is_whole);
        let FaultRows { rows, callers, stacks, stack_bytes, .. } = batch;
        for (done, stack) in stacks.iter().enumerate() {
            if begun.elapsed() >= self.left {
                self.dropped += (stacks.len() - done) as u64;
                break;
            }
            let Some(row) = rows.get_mut(stack.row as usize) else { continue };
            let from = stack.start as usize;
            let bytes = stack_bytes.get(from..from + stack.len as usize).unwrap_or_default();
            self.tell(row.pid, maps, opener);
            let Ok(start) = u32::try_from(callers.len()) else { continue };
            let kernel = row.chain.start as usize;
            let kernel = kernel..kernel + usize::from(row.chain.kernel);
            if kernel.end <= callers.len() {
                callers.extend_from_within(kernel);
            }
            let before = callers.len();
            let cut = self.unwind.unwind(row.pid, &stack.regs, bytes, MAX_CALLERS, callers);
            let user = u16::try_from(callers.len() - before).unwrap_or(u16::MAX);
            if user <= 1 && cut {
                self.failed += 1;
            } else {
                self.unwound += 1;
            }
            row.chain = ChainSpan { start, kernel: row.chain.kernel, user, cut };
        }
        self.left = self.left.saturating_sub(begun.elapsed());
    }

    /// Tells the unwinder what a process runs, if that is new.
    fn tell(&mut self, pid: u32, maps: &CodeMaps, opener: &Opener) {
        let version = maps.version(pid);
        if self.told.get(&pid).is_some_and(|told| told.version == version) {
            return;
        }
        if self.told.len() >= MAX_PROCESSES {
            self.told.clear();
            self.unwind.forget();
        }
        let mut is_whole = true;
        let mut mappings = Vec::new();
        for (range, file_offset, module) in maps.code_of(pid) {
            let file = match maps.modules.of(module).map(|module| &module.key) {
                Some(ModuleKey::File(key)) => {
                    let opened = opener.file(key);
                    is_whole &= opened.is_some();
                    let Some(file) = opened.and_then(|opened| opened.file) else { continue };
                    Some(file)
                }
                Some(ModuleKey::Vdso) => None,
                _ => continue,
            };
            mappings.push(CodeMapping { range, file_offset, module, file });
        }
        self.unwind.set_code(pid, &mappings);
        self.told.insert(pid, Told { version, is_whole });
    }
}
