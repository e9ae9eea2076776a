//! Memory ranges of known address, apart from everything else, and single accesses to them.
#![allow(unsafe_code, reason = "mmap and accesses whose faults are the point of the program")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{self, MemfdFlags, fadvise, memfd_create};
use rustix::mm::{MremapFlags, mlock, mremap_fixed};

use crate::pages::{Vma, vmas};

/// Alignment of ranges, and the least gap between them: a huge page, and a multiple of the
/// fault-around window.
const ALIGN: usize = 2 << 20;

/// Where ranges begin, one behind the other: below all that the kernel places by itself, so that no
/// other mapping ever was or will be at the address of a range, or next to it.
const BASE: usize = 64 << 30;

/// Where the next range begins.
static NEXT: AtomicUsize = AtomicUsize::new(BASE);

/// First address behind all ranges so far.
pub fn next_address() -> usize {
    NEXT.load(Ordering::Relaxed)
}

/// Makes ranges begin at `address`, a multiple of 2 MiB, or behind it. For a program that was executed
/// by one that had ranges below.
pub fn begin_at(address: usize) {
    NEXT.fetch_max(address, Ordering::Relaxed);
}

/// Page size of the machine, bytes.
pub fn page_size() -> usize {
    rustix::param::page_size()
}

/// Advice to the kernel.
#[derive(Debug, Clone, Copy)]
pub enum Advice {
    /// `MADV_RANDOM`: no read-ahead.
    Random,
    /// `MADV_HUGEPAGE`.
    HugePage,
    /// `MADV_DONTNEED`: drop the pages now.
    DontNeed,
    /// `MADV_PAGEOUT`: write them to swap now.
    PageOut,
}

/// What to map.
#[derive(Debug, Clone, Copy)]
pub enum Backing<'a> {
    /// Private anonymous memory.
    Anonymous,
    /// Shared anonymous memory.
    SharedAnonymous,
    /// Private anonymous memory that may only be read.
    ReadOnly,
    /// Private anonymous memory that may be executed as well.
    Code,
    /// A file, shared, that may be read and executed.
    CodeFile(&'a File),
    /// Nothing may be accessed.
    Inaccessible,
    /// A file, private.
    PrivateFile(&'a File),
    /// A file, shared, writable.
    SharedFile(&'a File),
    /// A file, shared, read-only.
    ReadOnlyFile(&'a File),
    /// A file from such a byte on, shared, read-only.
    ReadOnlyFileFrom(&'a File, u64),
}

/// Pages at addresses that this process uses for nothing else in its whole life. Not [`Sync`]: accesses
/// are plain, so only one thread at a time may make them.
#[derive(Debug)]
pub struct Mapping {
    start: *mut u8,
    pages: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and this value is its only owner.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps `pages` pages.
    pub fn new(pages: usize, backing: Backing<'_>) -> io::Result<Self> {
        let at = reserve(pages)?;
        let start = map(at, len_bytes(pages)?, libc::MAP_FIXED_NOREPLACE, backing)?;
        let mapping = Self { start, pages };
        mapping.madvise(libc::MADV_NOHUGEPAGE)?;
        Ok(mapping)
    }

    /// Takes charge of pages that were mapped in some other way.
    ///
    /// # Safety
    ///
    /// The pages are mapped, aligned, and nothing else refers to them or unmaps them.
    pub(super) unsafe fn of(start: *mut u8, pages: usize) -> Self {
        Self { start, pages }
    }

    /// Its addresses.
    pub fn range(&self) -> Range<u64> {
        let start = self.start.addr() as u64;
        start..start + self.len() as u64
    }

    /// Number of pages.
    pub fn pages(&self) -> usize {
        self.pages
    }

    fn len(&self) -> usize {
        self.pages * page_size()
    }

    /// Address of a page, which must be one of the mapping.
    pub(super) fn page(&self, page: usize) -> *mut u8 {
        assert!(page < self.pages, "page {page} of {}", self.pages);
        self.start.wrapping_add(page * page_size())
    }

    /// Writes the first byte of a page: exactly one access.
    pub fn write(&self, page: usize) {
        // SAFETY: the page lies in this mapping, which lives as long as `self`; no reference to its
        // memory exists, and only this thread accesses it (the type is not Sync). Where the mapping
        // forbids the access or its file is too short, the process dies by a signal.
        unsafe { ptr::write_volatile(self.page(page), 1) }
    }

    /// Reads the first byte of a page: exactly one access.
    pub fn read(&self, page: usize) {
        // SAFETY: as in `write`; any byte is a valid u8, and the kernel initialised all of them.
        unsafe { ptr::read_volatile(self.page(page)) };
    }

    /// Lets `read(2)` on `fd` store one byte at the start of a page: an access in kernel mode.
    pub fn read_from(&self, fd: RawFd, page: usize) -> io::Result<usize> {
        // SAFETY: the byte lies in this mapping and is not referred to (see `write`); where the
        // mapping forbids the access, the kernel returns EFAULT.
        let read = unsafe { libc::read(fd, self.page(page).cast(), 1) };
        usize::try_from(read).map_err(|_| io::Error::last_os_error())
    }

    /// `madvise(2)` on the whole range.
    pub fn advise(&self, advice: Advice) -> io::Result<()> {
        self.madvise(match advice {
            Advice::Random => libc::MADV_RANDOM,
            Advice::HugePage => libc::MADV_HUGEPAGE,
            Advice::DontNeed => libc::MADV_DONTNEED,
            Advice::PageOut => libc::MADV_PAGEOUT,
        })
    }

    /// Drops some of the pages (`MADV_DONTNEED`).
    pub fn drop_pages(&self, pages: Range<usize>) -> io::Result<()> {
        assert!(pages.start <= pages.end && pages.end <= self.pages, "{pages:?} of {}", self.pages);
        let (first, len) = (self.page(pages.start), pages.len() * page_size());
        // SAFETY: the pages lie in this mapping and no reference to their memory exists, so it does
        // not matter that their contents change.
        match unsafe { libc::madvise(first.cast(), len, libc::MADV_DONTNEED) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Unmaps the pages and maps others at their addresses.
    pub fn replace(&self, backing: Backing<'_>) -> io::Result<()> {
        self.punch_hole()?;
        map(self.start, self.len(), libc::MAP_FIXED_NOREPLACE, backing)?;
        self.madvise(libc::MADV_NOHUGEPAGE)
    }

    /// Moves the pages to the addresses of `target`, whose own are lost, and lets them grow to its size.
    pub fn move_to(self, target: Mapping) -> io::Result<Self> {
        let (flags, to) = (MremapFlags::MAYMOVE, target.start);
        // SAFETY: both ranges are page-aligned and belong to these values, which nothing else accesses
        // and no reference points into; they are taken by value, so that none can be used after.
        unsafe { mremap_fixed(self.start.cast(), self.len(), target.len(), flags, to.cast()) }?;
        std::mem::forget(self); // nothing is left to unmap at the old address
        Ok(target)
    }

    /// Leaves of each two pages only the first one mapped, each as a mapping of its own.
    pub fn scatter(&self) -> io::Result<()> {
        self.punch_hole()?;
        for page in (0..self.pages).step_by(2) {
            let at = self.page(page);
            map(at, page_size(), libc::MAP_FIXED_NOREPLACE, Backing::Anonymous)?;
        }
        Ok(())
    }

    fn madvise(&self, advice: libc::c_int) -> io::Result<()> {
        // SAFETY: the range is this mapping's own and no reference to its memory exists, so it does
        // not matter that some advice changes its contents.
        if unsafe { libc::madvise(self.start.cast(), self.len(), advice) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        // A kernel without transparent huge pages refuses advice about them, and needs none.
        let harmless =
            advice == libc::MADV_NOHUGEPAGE && error.raw_os_error() == Some(libc::EINVAL);
        if harmless { Ok(()) } else { Err(error) }
    }

    /// Fetches all pages and keeps them in memory (`mlock(2)`).
    pub fn lock(&self) -> io::Result<()> {
        // SAFETY: the range is mapped; the call changes neither contents nor protection.
        Ok(unsafe { mlock(self.start.cast(), self.len()) }?)
    }

    /// Which pages `mincore(2)` calls resident: in the page cache or the swap cache.
    pub fn resident(&self) -> io::Result<Vec<bool>> {
        let mut vec = vec![0_u8; self.pages];
        // SAFETY: the range is page-aligned and mapped; `vec` has one byte for each of its pages.
        if unsafe { libc::mincore(self.start.cast(), self.len(), vec.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(vec.into_iter().map(|byte| byte & 1 != 0).collect())
    }

    /// Unmaps the pages, so that nothing is mapped at [`Mapping::range`] any more.
    pub fn punch_hole(&self) -> io::Result<()> {
        // SAFETY: the range is this mapping's own and no reference to its memory exists. Later accesses
        // by way of `self` are invalid and end the process: nothing else is ever mapped there.
        match unsafe { libc::munmap(self.start.cast(), self.len()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping's own; no reference to its memory exists, and no access
        // follows.
        unsafe { libc::munmap(self.start.cast(), self.len()) };
    }
}

/// Where the next range of so many pages may lie.
pub(super) fn reserve(pages: usize) -> io::Result<*mut u8> {
    let span = len_bytes(pages)?.next_multiple_of(ALIGN) + ALIGN;
    Ok(ptr::without_provenance_mut(NEXT.fetch_add(span, Ordering::Relaxed)))
}

fn len_bytes(pages: usize) -> io::Result<usize> {
    let len = pages.checked_mul(page_size()).filter(|len| *len < isize::MAX as usize / 2);
    len.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Maps all code of the program, but that in the ranges of a workload, by reading one byte of each of its pages.
pub fn map_code() -> io::Result<()> {
    let ranges = BASE as u64..next_address() as u64;
    let code = |vma: &Vma| vma.perms.starts_with("r-x") && !ranges.contains(&vma.range.start);
    for vma in vmas()?.into_iter().filter(code) {
        for address in vma.range.step_by(page_size()) {
            let page = ptr::with_exposed_provenance::<u8>(address as usize);
            // SAFETY: the kernel lists the page as readable code, and nothing unmaps code here; any
            // byte is a valid u8.
            unsafe { ptr::read_volatile(page) };
        }
    }
    Ok(())
}

/// Drops the clean pages of a file from the page cache.
pub fn drop_cached_pages(file: &File) -> io::Result<()> {
    Ok(fadvise(file, 0, None, fs::Advice::DontNeed)?)
}

/// A memfd of so many bytes.
pub fn memfd(len_bytes: u64) -> io::Result<File> {
    let file = File::from(memfd_create("pf-workload", MemfdFlags::CLOEXEC)?);
    file.set_len(len_bytes)?;
    Ok(file)
}

/// `mmap(2)` at `at`, in the way that `fixed` says: `MAP_FIXED_NOREPLACE`, or `MAP_FIXED` where the
/// caller owns the range.
pub(super) fn map(
    at: *mut u8,
    len: usize,
    fixed: libc::c_int,
    backing: Backing<'_>,
) -> io::Result<*mut u8> {
    use libc::{
        MAP_ANONYMOUS, MAP_NORESERVE, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_NONE, PROT_READ,
        PROT_WRITE,
    };
    let rw = PROT_READ | PROT_WRITE;
    let (prot, flags, fd) = match backing {
        Backing::Anonymous => (rw, MAP_PRIVATE | MAP_ANONYMOUS, -1),
        Backing::SharedAnonymous => (rw, MAP_SHARED | MAP_ANONYMOUS, -1),
        Backing::ReadOnly => (PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1),
        Backing::Code => (rw | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1),
        Backing::CodeFile(file) => (PROT_READ | PROT_EXEC, MAP_SHARED, file.as_raw_fd()),
        Backing::Inaccessible => (PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1),
        Backing::PrivateFile(file) => (rw, MAP_PRIVATE, file.as_raw_fd()),
        Backing::SharedFile(file) => (rw, MAP_SHARED, file.as_raw_fd()),
        Backing::ReadOnlyFile(file) | Backing::ReadOnlyFileFrom(file, _) => {
            (PROT_READ, MAP_SHARED, file.as_raw_fd())
        }
    };
    let offset = match backing {
        Backing::ReadOnlyFileFrom(_, offset) => {
            libc::off_t::try_from(offset).map_err(io::Error::other)?
        }
        _ => 0,
    };
    // SAFETY: nothing is replaced unless the caller owns the range, and then no reference to its memory
    // exists. The descriptor is open for the call.
    let address = unsafe { libc::mmap(at.cast(), len, prot, flags | fixed, fd, offset) };
    if address == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(address.cast()) }
}
