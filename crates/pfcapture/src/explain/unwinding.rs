//! Call chains from copies of stacks, as far as time allows.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::code_maps::CodeMaps;
use super::modules::ModuleKey;
use super::opener::{Opened, Opener};
use crate::drain::batch::{ChainSpan, FaultRows, UserRegs};

/// Callers of a chain at most: what a copy of a stack holds ends most chains before.
const MAX_CALLERS: usize = 1023;

/// The share of the time that unwinding may take: one part in so many …
const SHARE: u32 = 3;
/// … and of what it did not take, so much is left for later.
const MOST: Duration = Duration::from_millis(500);

/// A file that was only just mapped is waited for so long, once a batch.
const PATIENCE: Duration = Duration::from_millis(100);

/// Processes that the unwinder is told of at a time.
const MAX_PROCESSES: usize = 1024;

/// Executable memory of a process. Where there is none, there are no callers either.
#[derive(Debug, Clone)]
pub struct CodeMapping {
    /// Its addresses.
    pub range: Range<u64>,
    /// File offset of the first one.
    pub file_offset: u64,
    /// What it shows.
    pub code: MappedCode,
}

/// What executable memory shows.
#[derive(Debug, Clone)]
pub enum MappedCode {
    /// A file.
    File {
        /// Its number within the recording.
        module: u32,
        /// The file.
        file: Arc<File>,
    },
    /// The image that the kernel maps into every process.
    Vdso,
    /// Code that the process made.
    Made,
    /// A file that is not open: nothing is known of its frames.
    NotOpened,
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
    /// Whether all of its files were open; else how many were, of all processes.
    is_whole: bool,
    open_count: u64,
}

/// Unwinds the stacks of batches.
pub struct Unwinding {
    unwind: Box<dyn Unwind>,
    told: FxHashMap<u32, Told>,
    /// Time that may still be taken, and as of when.
    left: Duration,
    as_of: Instant,
    most: Duration,
    /// Files were waited for in this batch.
    has_waited: bool,
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
            most: MOST,
            has_waited: false,
            unwound: 0,
            failed: 0,
            dropped: 0,
        }
    }

    /// Makes the stacks of a batch call chains of its rows. The rows must be as they were handed over.
    pub fn batch(&mut self, batch: &mut FaultRows, maps: &CodeMaps, opener: &Opener) {
        let begun = Instant::now();
        let passed = begun.saturating_duration_since(self.as_of);
        self.left = (self.left + passed / SHARE).min(self.most);
        self.as_of = begun;
        // Files that were missing may be open by now.
        let open_count = opener.open_count();
        self.told.retain(|_, told| told.is_whole || told.open_count == open_count);
        self.has_waited = false;
        let FaultRows { rows, callers, stacks, stack_bytes, stack_counts, .. } = batch;
        for (done, stack) in stacks.iter().enumerate() {
            if begun.elapsed() >= self.left {
                let dropped = (stacks.len() - done) as u64;
                self.dropped += dropped;
                stack_counts.dropped += dropped;
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
            // The instruction that faulted is known without any chain: alone it is no answer.
            if user <= 1 && cut {
                self.failed += 1;
                stack_counts.failed += 1;
                callers.truncate(start as usize);
                continue;
            }
            self.unwound += 1;
            stack_counts.unwound += 1;
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
        // Before anything is looked at: what is opened meanwhile counts as new.
        let open_count = opener.open_count();
        let mut is_whole = true;
        let mut mappings = Vec::new();
        for (range, file_offset, module) in maps.code_of(pid) {
            let known = module.and_then(|module| Some((module, &maps.modules.of(module)?.key)));
            let code = match known {
                Some((module, ModuleKey::File(key))) => {
                    let mut opened = opener.file(key);
                    if opened.is_none() && !self.has_waited {
                        self.has_waited = true;
                        opener.catch_up(PATIENCE.min(self.left));
                        opened = opener.file(key);
                    }
                    let file = opened.and_then(Opened::unchanged);
                    is_whole &= file.is_some() || key.is_memfd();
                    match file {
                        Some(file) => MappedCode::File { module, file },
                        // Code that was just compiled may lie in such.
                        None if key.is_memfd() => MappedCode::Made,
                        None => MappedCode::NotOpened,
                    }
                }
                Some((_, ModuleKey::Vdso)) => MappedCode::Vdso,
                _ => MappedCode::Made,
            };
            mappings.push(CodeMapping { range, file_offset, code });
        }
        self.unwind.set_code(pid, &mappings);
        self.told.insert(pid, Told { version, is_whole, open_count });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use pft::record::MapRecord;

    use super::*;
    use crate::drain::batch::{FaultRow, UserStack};

    /// What the unwinder was told: processes with the addresses of their code.
    type Told = Arc<Mutex<Vec<(u32, Vec<Range<u64>>)>>>;

    /// Finds the words of the stack as callers; an instruction pointer of 0 alone.
    struct Words(Told);

    impl Unwind for Words {
        fn set_code(&mut self, pid: u32, mappings: &[CodeMapping]) {
            let ranges = mappings.iter().map(|mapping| mapping.range.clone()).collect();
            self.0.lock().unwrap().push((pid, ranges));
        }

        fn forget(&mut self) {}

        fn unwind(
            &mut self,
            _: u32,
            regs: &UserRegs,
            stack: &[u8],
            _: usize,
            callers: &mut Vec<u64>,
        ) -> bool {
            callers.push(regs.ip);
            if regs.ip > 0 {
                callers.extend(stack.iter().map(|&byte| u64::from(byte)));
            }
            regs.ip == 0
        }
    }

    fn batch() -> FaultRows {
        let row = |ip, kernel, start| FaultRow {
            ip,
            pid: 7,
            chain: ChainSpan { start, kernel, user: 0, cut: true },
            ..FaultRow::default()
        };
        let stack = |row, ip, start, len| UserStack {
            row,
            regs: UserRegs { ip, ..UserRegs::default() },
            start,
            len,
        };
        FaultRows {
            rows: vec![row(10, 0, 0), row(20, 2, 0), row(30, 0, 0), row(40, 1, 1)],
            callers: vec![91, 92],
            stacks: vec![stack(0, 11, 0, 1), stack(1, 21, 1, 2), stack(3, 0, 3, 0)],
            stack_bytes: vec![1, 2, 3],
            ..FaultRows::default()
        }
    }

    fn chains(batch: &FaultRows) -> Vec<(Vec<u64>, Vec<u64>, bool)> {
        let chain = |row: &FaultRow| {
            let (kernel, user) = batch.callers_of(row.chain);
            (kernel.to_vec(), user.to_vec(), row.chain.cut)
        };
        batch.rows.iter().map(chain).collect()
    }

    fn vdso(time_ns: u64, start: u64) -> MapRecord {
        MapRecord {
            time_ns,
            pid: 7,
            tid: 7,
            start,
            end: start + 0x2000,
            file_offset: 0,
            dev_major: 0,
            dev_minor: 0,
            inode: 0,
            inode_generation: 0,
            prot: 5,
            flags: 2,
            path: b"[vdso]".to_vec(),
        }
    }

    #[test]
    fn a_stack_continues_the_chain_of_its_fault() {
        let told = Told::default();
        let mut unwinding = Unwinding::new(Box::new(Words(Arc::clone(&told))));
        // However slow the machine is.
        unwinding.most = Duration::from_secs(3600);
        let (mut maps, opener) = (CodeMaps::default(), Opener::start().unwrap());
        maps.maps(&[vdso(1, 0x1000)]);
        maps.settle();
        for _ in 0..2 {
            let mut batch = batch();
            unwinding.left = unwinding.most;
            unwinding.batch(&mut batch, &maps, &opener);
            let expected = [
                (vec![], vec![11, 1], false),
                (vec![91, 92], vec![21, 2, 3], false),
                (vec![], vec![], true),
                // Where nothing was unwound, what the kernel told stands.
                (vec![92], vec![], true),
            ];
            assert_eq!(chains(&batch), expected);
        }
        assert_eq!((unwinding.unwound, unwinding.failed, unwinding.dropped), (4, 2, 0));
        // It is told again only when something changed.
        maps.maps(&[vdso(2, 0x8000)]);
        maps.settle();
        unwinding.left = unwinding.most;
        unwinding.batch(&mut batch(), &maps, &opener);
        let (first, second) = (0x1000..0x3000, 0x8000..0xa000);
        let expected = [(7, vec![first.clone()]), (7, vec![first, second])];
        assert_eq!(*told.lock().unwrap(), expected);
    }

    /// Keeps what it was told of code.
    struct Codes(Arc<Mutex<Vec<String>>>);

    impl Unwind for Codes {
        fn set_code(&mut self, _: u32, mappings: &[CodeMapping]) {
            let code = |mapping: &CodeMapping| match mapping.code {
                MappedCode::File { .. } => "file".to_owned(),
                ref other => format!("{other:?}"),
            };
            self.0.lock().unwrap().extend(mappings.iter().map(code));
        }

        fn forget(&mut self) {}

        fn unwind(&mut self, _: u32, _: &UserRegs, _: &[u8], _: usize, _: &mut Vec<u64>) -> bool {
            true
        }
    }

    #[test]
    fn the_unwinder_is_told_of_all_that_can_be_executed() {
        let codes = Arc::<Mutex<Vec<String>>>::default();
        let mut unwinding = Unwinding::new(Box::new(Codes(Arc::clone(&codes))));
        (unwinding.most, unwinding.left) = (Duration::from_secs(3600), Duration::from_secs(3600));
        let file = MapRecord { inode: 1, path: b"/nowhere/file".to_vec(), ..vdso(1, 0x8000) };
        let made = MapRecord { path: b"//anon".to_vec(), ..vdso(1, 0x10_000) };
        let data = MapRecord { prot: 3, ..made.clone() };
        let data = MapRecord { start: 0x20_000, end: 0x30_000, ..data };
        let mut maps = CodeMaps::default();
        maps.maps(&[vdso(1, 0x1000), file, made, data]);
        maps.settle();
        unwinding.batch(&mut batch(), &maps, &Opener::start().unwrap());
        assert_eq!(*codes.lock().unwrap(), ["Vdso", "NotOpened", "Made"]);
        assert_eq!((unwinding.unwound, unwinding.failed), (0, 3));
    }

    #[test]
    fn without_time_stacks_are_dropped_and_faults_keep_what_they_have() {
        let mut unwinding = Unwinding::new(Box::new(Words(Told::default())));
        (unwinding.left, unwinding.as_of) =
            (Duration::ZERO, Instant::now() + Duration::from_secs(3600));
        let mut batch = batch();
        unwinding.batch(&mut batch, &CodeMaps::default(), &Opener::start().unwrap());
        assert_eq!((unwinding.unwound, unwinding.failed, unwinding.dropped), (0, 0, 3));
        assert_eq!(batch.stack_counts.dropped, 3);
        assert_eq!(chains(&batch)[1], (vec![91, 92], vec![], true));
        assert_eq!(batch.rows.len(), 4);
    }
}
