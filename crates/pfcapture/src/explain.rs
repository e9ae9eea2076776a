//! What was hit, and by whom it is named: a trace explains itself on a machine that has none of the
//! programs.
//!
//! While faults are stored, [`CodeMaps`](code_maps::CodeMaps) follows which file lies where in which
//! process and [`Hits`](hits::Hits) keeps each place that was hit, once. Files are opened when they are
//! first mapped ([`opener`]), since they may be deleted, or the process be gone, long before the end.
//! They are read when the recording is over, by an [`Explain`].

mod code_maps;
mod hits;
mod modules;
mod opener;
mod space;
#[cfg(test)]
mod tests;
mod unwinding;
mod watcher;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use pft::record::{ModuleKind, ModuleRecord, ModuleState, SymbolRecord};

pub(crate) use opener::Opener;
pub use unwinding::{CodeMapping, MappedCode, Unwind};
pub(crate) use watcher::{Explainer, Naming};

/// A place in a module that was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// File offset; the absolute address in the kernel and in code that a process made. Of a variable
    /// it is reckoned from [`Place::anchor`], and is where the byte would lie if the file was laid out
    /// as memory is.
    pub offset: u64,
    /// File offset at which the executable mapping begins that shows where the module lies.
    pub anchor: u64,
    /// Size of that mapping, bytes; 0 where addresses are absolute.
    pub anchor_bytes: u64,
}

/// A module that was hit, or that a process mapped that faulted.
#[derive(Debug, Clone)]
pub struct WantedModule {
    /// As the trace is to have it, with all that is known without the file.
    pub record: ModuleRecord,
    /// The file, or the perf map. `None` of kernel and vdso, and of what could not be opened.
    pub file: Option<Arc<File>>,
    /// Instructions, those that were hit most first.
    pub code: Vec<Place>,
    /// Variables likewise.
    pub data: Vec<Place>,
}

/// All that is to be named, the modules that were hit most first.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Modules.
    pub modules: Vec<WantedModule>,
    /// Places in code of no known module: these cannot be named.
    pub unknown: u64,
    /// Places in code that found no room.
    pub beyond: u64,
}

/// How long naming may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// Nothing new is begun after this.
    pub deadline: Instant,
    /// Whether somebody cannot wait.
    pub hurry: &'a AtomicBool,
}

impl Limits<'_> {
    /// Whether nothing new is to be begun. What takes longer than some milliseconds asks meanwhile.
    #[must_use]
    pub fn are_reached(&self) -> bool {
        self.hurry.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// Modules.
    pub modules: Vec<ModuleRecord>,
    /// Symbols, of one address the innermost function first.
    pub symbols: Vec<SymbolRecord>,
    /// Places in code that were to be named.
    pub asked: u64,
    /// Of these, those that have a name.
    pub named: u64,
    /// Of these, those that were not looked up: a limit was reached, or there was no room for them.
    pub skipped: u64,
}

/// Whoever reads modules and names what was hit in them.
pub trait Explain: Send {
    /// Names as much as the limits allow. What cannot be named is no error; a file may be of any
    /// content, and change meanwhile.
    fn explain(&mut self, wanted: Wanted, limits: Limits<'_>) -> Explained;
}

/// How naming went, in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Named {
    /// Places in code that were to be named.
    pub asked: u64,
    /// Of these, those that have a name.
    pub found: u64,
    /// Of these, those that were not looked up: a limit was reached, or there was no room for them.
    pub skipped: u64,
    /// Modules that were read.
    pub modules: u64,
    /// Modules that could not be read: gone, replaced, or unlike a module.
    pub missing: u64,
    /// Time that it took, nanoseconds.
    pub time_ns: u64,
}

impl Named {
    fn of(explained: &Explained, time_ns: u64) -> Self {
        let states = |read: bool| {
            let matching = explained.modules.iter().filter(|module| {
                // Code that a process made need not be in the form of a file.
                let made = module.kind == ModuleKind::PerfMap || modules::is_memfd(module);
                let missed = !made || module.state == ModuleState::Replaced;
                (module.state == ModuleState::Read) == read && (read || missed)
            });
            matching.count() as u64
        };
        Self {
            asked: explained.asked,
            found: explained.named,
            skipped: explained.skipped,
            modules: states(true),
            missing: states(false),
            time_ns,
        }
    }
}
