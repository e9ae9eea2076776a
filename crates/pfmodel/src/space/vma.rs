//! One description of a VMA for both sources: in-band records and snapshots.

use pft::record::{MapRecord, Vma as SnapshotVma};

use crate::collections::intern::{Interner, Name};

/// `PROT_READ`.
pub(crate) const READ: u32 = 1;
/// `PROT_WRITE`.
pub(crate) const WRITE: u32 = 2;
/// `PROT_EXEC`.
pub(crate) const EXEC: u32 = 4;

/// What the kernel appends to the path of a file that has no name any more.
pub(crate) const DELETED: &[u8] = b" (deleted)";

/// Where the pages of a mapping come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backing {
    /// Anonymous memory.
    Anon,
    /// A file.
    File,
    /// Shared memory that lives in the page cache without a file on disk.
    Shmem,
    /// A device or another kernel object.
    Device,
    /// Pages of the kernel: vdso, vvar, ….
    Kernel,
}

/// Who described a VMA. Device and inode of one file differ between the two on stacked file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// `PERF_RECORD_MMAP2`.
    Record,
    /// `/proc/PID/maps`.
    Snapshot,
}

/// A VMA as one source described it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vma {
    pub start: u64,
    pub end: u64,
    pub file_offset: u64,
    pub dev: (u32, u32),
    pub inode: u64,
    pub prot: u32,
    pub shared: bool,
    /// Name as recorded; empty for unnamed anonymous memory in either source.
    pub name: Name,
    /// The same without the mark of a deleted file.
    pub plain_name: Name,
    pub backing: Backing,
    /// The heap or a stack, whose size changes without `mmap` or `munmap`.
    pub resizes: bool,
    pub source: Source,
}

impl Vma {
    /// The VMA of an in-band record.
    pub(crate) fn of_record(record: &MapRecord, names: &mut Interner) -> Self {
        const MAP_SHARED: u32 = 1;
        let path = if record.path == b"//anon" { &[][..] } else { &record.path };
        Self {
            start: record.start,
            end: record.end,
            file_offset: record.file_offset,
            dev: (record.dev_major, record.dev_minor),
            inode: record.inode,
            prot: record.prot & (READ | WRITE | EXEC),
            shared: record.flags & MAP_SHARED != 0,
            source: Source::Record,
            ..Self::named(path, record.flags & MAP_SHARED != 0, names)
        }
    }

    /// The VMA of a line of a snapshot.
    pub(crate) fn of_snapshot(line: &SnapshotVma, names: &mut Interner) -> Self {
        Self {
            start: line.start,
            end: line.end,
            file_offset: line.file_offset,
            dev: (line.dev_major, line.dev_minor),
            inode: line.inode,
            prot: line.prot & (READ | WRITE | EXEC),
            shared: line.shared,
            source: Source::Snapshot,
            ..Self::named(&line.path, line.shared, names)
        }
    }

    fn named(path: &[u8], shared: bool, names: &mut Interner) -> Self {
        Self {
            start: 0,
            end: 0,
            file_offset: 0,
            dev: (0, 0),
            inode: 0,
            prot: 0,
            shared,
            name: names.intern(path),
            plain_name: names.intern(path.strip_suffix(DELETED).unwrap_or(path)),
            backing: backing(path, shared),
            resizes: path == b"[heap]" || path.starts_with(b"[stack"),
            source: Source::Record,
        }
    }

    /// Whether `self` and `other` can be parts of one mapping: the same memory with offsets that go
    /// on. Protections may differ; so may the names of anonymous memory, which the sources give
    /// differently and which can change unseen.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        if self.backing != other.backing || self.shared != other.shared {
            return false;
        }
        match self.backing {
            Backing::Anon => true,
            Backing::Kernel => self.name == other.name,
            Backing::File | Backing::Shmem | Backing::Device => {
                let base = |vma: &Self| vma.file_offset.wrapping_sub(vma.start);
                base(self) == base(other) && self.same_file(other)
            }
        }
    }

    fn same_file(&self, other: &Self) -> bool {
        let same_inode = (self.dev, self.inode) == (other.dev, other.inode);
        let same_path = self.plain_name == other.plain_name;
        if self.source == other.source || self.plain_name == Interner::EMPTY {
            same_inode && (self.inode != 0 || same_path)
        } else {
            same_inode && self.inode != 0 || same_path
        }
    }

    /// File offset of `addr`, continued from the start of the VMA.
    pub(crate) fn offset_of(&self, addr: u64) -> u64 {
        self.file_offset.wrapping_add(addr.wrapping_sub(self.start))
    }

    /// The part of the VMA inside `start..end`.
    pub(crate) fn part(&self, start: u64, end: u64) -> Self {
        Self { start, end, file_offset: self.offset_of(start), ..*self }
    }
}

/// Whether a name says that the memory is a stack: of the main thread, or of another one.
pub(crate) fn is_stack_name(name: &[u8]) -> bool {
    name == b"[stack]" || is_thread_stack_name(name)
}

/// Whether a name says that the memory is the stack of a thread other than the first.
pub(crate) fn is_thread_stack_name(name: &[u8]) -> bool {
    name.starts_with(b"[stack:")
        || name.starts_with(b"[anon:stack")
        || name.starts_with(b"[anon: glibc: pthread stack")
}

fn backing(path: &[u8], shared: bool) -> Backing {
    let anonymous = if shared { Backing::Shmem } else { Backing::Anon };
    let plain = path.strip_suffix(DELETED);
    let starts = |prefix: &[u8]| path.starts_with(prefix);
    if path.is_empty() || path == b"[heap]" || starts(b"[stack") || starts(b"[anon:") {
        anonymous
    } else if starts(b"[anon_shmem:") {
        Backing::Shmem
    } else if starts(b"[") {
        Backing::Kernel
    } else if plain.unwrap_or(path) == b"/dev/zero" || starts(b"/anon_hugepage") {
        anonymous
    } else if starts(b"/memfd:")
        || starts(b"/dev/shm/")
        || starts(b"/SYSV")
            && plain.is_some_and(|name| !name.iter().skip(1).any(|&byte| byte == b'/'))
    {
        Backing::Shmem
    } else if starts(b"/dev/") && !starts(b"/dev/hugepages/")
        || starts(b"anon_inode:")
        || starts(b"/anon_inode:")
        || starts(b"socket:[")
    {
        Backing::Device
    } else {
        Backing::File
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backing_follows_the_name_and_the_sharing() {
        let cases: &[(&[u8], bool, Backing)] = &[
            (b"", false, Backing::Anon),
            (b"", true, Backing::Shmem),
            (b"[heap]", false, Backing::Anon),
            (b"[stack:17]", false, Backing::Anon),
            (b"[anon:arena]", false, Backing::Anon),
            (b"[anon_shmem:x]", true, Backing::Shmem),
            (b"[vvar_vclock]", false, Backing::Kernel),
            (b"/dev/zero", false, Backing::Anon),
            (b"/dev/zero (deleted)", true, Backing::Shmem),
            (b"/anon_hugepage (deleted)", false, Backing::Anon),
            (b"/memfd:buffer (deleted)", true, Backing::Shmem),
            (b"/dev/shm/pool", true, Backing::Shmem),
            (b"/SYSV0000002a (deleted)", true, Backing::Shmem),
            (b"/SYSV/file", true, Backing::File),
            (b"/dev/hugepages/x", true, Backing::File),
            (b"/dev/dri/card0", true, Backing::Device),
            (b"anon_inode:[perf_event]", true, Backing::Device),
            (b"/usr/lib/libc.so.6", false, Backing::File),
        ];
        for &(path, shared, expected) in cases {
            assert_eq!(backing(path, shared), expected, "{}", path.escape_ascii());
        }
    }

    fn file(source: Source, dev: u32, inode: u64, path: &[u8], names: &mut Interner) -> Vma {
        let named = Vma::named(path, false, names);
        Vma { start: 0x1000, end: 0x3000, dev: (0, dev), inode, source, ..named }
    }

    #[test]
    fn one_source_tells_files_apart_by_inode_two_sources_also_by_path() {
        let names = &mut Interner::new();
        let record = file(Source::Record, 1, 10, b"/lib/a", names);
        let replaced = file(Source::Record, 1, 11, b"/lib/a", names);
        assert!(!record.continues(&replaced));
        let overlay = file(Source::Snapshot, 40, 99, b"/lib/a (deleted)", names);
        assert!(record.continues(&overlay));
        let other_root = file(Source::Snapshot, 1, 10, b"/container/lib/a", names);
        assert!(record.continues(&other_root));
        let other = file(Source::Snapshot, 1, 12, b"/lib/b", names);
        assert!(!record.continues(&other));
    }

    #[test]
    fn offsets_have_to_go_on() {
        let names = &mut Interner::new();
        let whole = file(Source::Record, 1, 10, b"/lib/a", names);
        let tail = whole.part(0x2000, 0x3000);
        assert_eq!(tail.file_offset, 0x1000);
        assert!(whole.continues(&tail));
        assert!(!whole.continues(&Vma { file_offset: 0, ..tail }));
    }
}
