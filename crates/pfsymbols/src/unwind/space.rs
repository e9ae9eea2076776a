//! Which file is mapped where in one address space, for unwinding.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use framehop::{MayAllocateDuringUnwind, Unwinder as _};

use super::native;
use super::source::{Bytes, Unreadable, UnwindSource};

#[cfg(target_arch = "aarch64")]
pub(super) type Native = native::UnwinderAarch64<Bytes, MayAllocateDuringUnwind>;
#[cfg(not(target_arch = "aarch64"))]
pub(super) type Native = native::UnwinderX86_64<Bytes, MayAllocateDuringUnwind>;

/// How often any space changed, as framehop counts it; see [`Unwinder::unwind`](super::Unwinder::unwind).
static CHANGES: AtomicU64 = AtomicU64::new(0);

pub(super) fn changes() -> u64 {
    CHANGES.load(Ordering::Relaxed)
}

/// The executable mappings of one address space. A clone is what `fork` makes of it: it shares all
/// tables.
#[derive(Clone)]
pub struct AddressSpace {
    /// By first address; they do not overlap.
    modules: BTreeMap<u64, Mapped>,
    native: Native,
}

#[derive(Clone, Debug)]
struct Mapped {
    end: u64,
    code: Code,
}

/// How frames in a mapping are followed.
#[derive(Clone, Debug)]
enum Code {
    /// By tables that are to be read when the first frame is met.
    Unsettled { bias: u64, source: Arc<UnwindSource> },
    /// By tables; `native` has them.
    Tables { bias: u64, source: Arc<UnwindSource> },
    /// By frame pointers: it has no tables.
    FramePointers,
    /// Not at all: whether it has tables is not known.
    Unknown,
}

impl Code {
    /// That of a part of the mapping, which `native` does not know yet.
    fn of_part(&self) -> Self {
        match self {
            Self::Tables { bias, source } => {
                Self::Unsettled { bias: *bias, source: Arc::clone(source) }
            }
            other => other.clone(),
        }
    }
}

impl std::fmt::Debug for AddressSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddressSpace").field("modules", &self.modules).finish_non_exhaustive()
    }
}

impl Default for AddressSpace {
    fn default() -> Self {
        CHANGES.fetch_add(1, Ordering::Relaxed);
        Self { modules: BTreeMap::new(), native: Native::new() }
    }
}

impl AddressSpace {
    /// Adds an executable mapping of a file with the [load bias](crate::ElfFile::load_bias) that it has;
    /// it takes the place of what was mapped there.
    pub fn add_module(&mut self, range: Range<u64>, bias: u64, source: &Arc<UnwindSource>) {
        self.add(range, Code::Unsettled { bias, source: Arc::clone(source) });
    }

    /// Adds executable memory that is known to have no tables, such as code that was made at run time;
    /// it takes the place of what was mapped there. Its frames are followed by frame pointers.
    pub fn add_code(&mut self, range: Range<u64>) {
        self.add(range, Code::FramePointers);
    }

    /// Adds an executable mapping of a file that could not be read; it takes the place of what was mapped
    /// there. Chains end in it.
    pub fn add_unknown(&mut self, range: Range<u64>) {
        self.add(range, Code::Unknown);
    }

    fn add(&mut self, range: Range<u64>, code: Code) {
        if range.is_empty() {
            return;
        }
        self.remove(range.clone());
        self.modules.insert(range.start, Mapped { end: range.end, code });
    }

    /// Removes what is mapped in a range (munmap, or a mapping of something else); mappings that reach
    /// beyond it keep their rest.
    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        if let Some((&start, mapped)) = self.modules.range(..range.start).next_back()
            && mapped.end > range.start
        {
            self.take(start, &range);
        }
        while let Some((&start, _)) = self.modules.range(range.clone()).next() {
            self.take(start, &range);
        }
    }

    /// Removes everything (exec).
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Removes one module and puts back its parts outside of `range`.
    fn take(&mut self, start: u64, range: &Range<u64>) {
        let Some(old) = self.modules.remove(&start) else { return };
        if matches!(old.code, Code::Tables { .. }) {
            CHANGES.fetch_add(1, Ordering::Relaxed);
            self.native.remove_module(start);
        }
        for (start, end) in [(start, old.end.min(range.start)), (range.end.max(start), old.end)] {
            if start < end {
                self.modules.insert(start, Mapped { end, code: old.code.of_part() });
            }
        }
    }

    /// Whether an address lies in executable memory.
    pub(super) fn is_code(&self, address: u64) -> bool {
        let below = self.modules.range(..=address).next_back();
        below.is_some_and(|(_, mapped)| address < mapped.end)
    }

    /// The unwinder, with the tables of the file at `address` loaded; `None` where nothing is known of
    /// frames.
    pub(super) fn loaded_for(&mut self, address: u64) -> Option<&Native> {
        let (&start, mapped) = self.modules.range_mut(..=address).next_back()?;
        if address >= mapped.end {
            return None;
        }
        if let Code::Unsettled { bias, source } = &mapped.code {
            let (bias, source) = (*bias, Arc::clone(source));
            mapped.code = match source.module(start..mapped.end, bias) {
                Ok(Some(module)) => {
                    CHANGES.fetch_add(1, Ordering::Relaxed);
                    self.native.add_module(module);
                    Code::Tables { bias, source }
                }
                Ok(None) => Code::FramePointers,
                Err(Unreadable) => Code::Unknown,
            };
        }
        (!matches!(mapped.code, Code::Unknown)).then_some(&self.native)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ElfFile;

    fn ranges(space: &AddressSpace) -> Vec<Range<u64>> {
        space.modules.iter().map(|(&start, mapped)| start..mapped.end).collect()
    }

    #[test]
    fn removed_ranges_cut_modules() {
        let elf = ElfFile::open(&std::fs::File::open("/proc/self/exe").unwrap()).unwrap();
        let source = UnwindSource::new(Arc::new(elf));
        let mut space = AddressSpace::default();
        space.add_module(10..20, 0, &source);
        space.add_module(30..40, 0, &source);
        space.add_module(50..50, 0, &source);
        assert_eq!(ranges(&space), [10..20, 30..40]);
        space.remove(15..32);
        assert_eq!(ranges(&space), [10..15, 32..40]);
        space.remove(34..36);
        space.remove(Range { start: 36, end: 34 });
        assert_eq!(ranges(&space), [10..15, 32..34, 36..40]);
        let mut child = space.clone();
        child.add_module(0..100, 7, &source);
        assert_eq!(ranges(&child), vec![0..100]);
        assert_eq!(ranges(&space).len(), 3);
        child.clear();
        assert_eq!(ranges(&child), []);
    }
}
