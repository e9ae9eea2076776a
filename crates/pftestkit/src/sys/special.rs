//! Memory that is not mapped by `mmap(2)`, and names of memory.
#![allow(unsafe_code, reason = "shmat, sbrk and prctl, and reads whose faults are the point")]

use std::ffi::CStr;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr;

use crate::pages::vmas;
use crate::sys::mapping::{Mapping, page_size, reserve};

/// Keeps the kernel from using huge pages in this process, whoever maps the memory.
pub fn without_huge_pages() {
    // SAFETY: the call changes no memory. A kernel without huge pages refuses it, and needs it not.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

/// Keeps all that is mapped now in memory.
pub fn lock_all() -> io::Result<()> {
    // SAFETY: the call changes neither contents nor protection of any memory.
    match unsafe { libc::mlockall(libc::MCL_CURRENT) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Mapping {
    /// A System V segment of its own, which goes with the mapping.
    pub fn of_sysv(pages: usize) -> io::Result<Self> {
        let len = pages * page_size();
        // SAFETY: shmget accesses no memory.
        let id = unsafe { libc::shmget(libc::IPC_PRIVATE, len, libc::IPC_CREAT | 0o600) };
        if id < 0 {
            return Err(io::Error::last_os_error());
        }
        let at = reserve(pages)?;
        // SAFETY: the segment is attached where nothing is mapped (without SHM_REMAP the call would
        // fail otherwise); removing it takes effect when it is detached.
        let start = unsafe {
            let start = libc::shmat(id, at.cast(), 0);
            libc::shmctl(id, libc::IPC_RMID, ptr::null_mut());
            start
        };
        if start.addr() == usize::MAX {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the segment was just attached and is as long; nothing else knows its address.
        Ok(unsafe { Self::of(start.cast(), pages) })
    }

    /// Pages by which the heap was grown. They stay when this is dropped: unmapping a part of the heap
    /// would surprise the allocator.
    pub fn of_heap(pages: usize) -> io::Result<ManuallyDrop<Self>> {
        let (page, len) = (page_size(), pages * page_size());
        // A page more, so that whole pages lie in between.
        let grown = isize::try_from(len + page).map_err(io::Error::other)?;
        // SAFETY: the allocator bears others that move the break, and takes memory behind it only.
        let old = unsafe { libc::sbrk(grown) };
        if old.addr() == usize::MAX {
            return Err(io::Error::last_os_error());
        }
        let start = old.map_addr(|address| address.next_multiple_of(page));
        // SAFETY: the pages lie between the old and the new break; nothing else knows of them.
        Ok(ManuallyDrop::new(unsafe { Self::of(start.cast(), pages) }))
    }

    /// Gives anonymous memory a name: `[anon:NAME]` in maps.
    ///
    /// # Errors
    ///
    /// `EINVAL` where the kernel was built without names (`CONFIG_ANON_VMA_NAME`).
    pub fn set_name(&self, name: &CStr) -> io::Result<()> {
        let range = self.range();
        let (start, len) = (range.start, range.end - range.start);
        // SAFETY: the range is mapped and the name ends with a nought; contents do not change.
        let set = unsafe {
            let option = libc::PR_SET_VMA_ANON_NAME as libc::c_ulong;
            libc::prctl(libc::PR_SET_VMA, option, start, len, name.as_ptr())
        };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// The image that the kernel maps into every process.
#[derive(Debug)]
pub struct Vdso(Range<u64>);

impl Vdso {
    /// Finds it in `/proc/self/maps`; `None` on machines without.
    pub fn find() -> io::Result<Option<Self>> {
        let found = vmas()?.into_iter().find(|vma| vma.name == "[vdso]");
        Ok(found.map(|vma| Self(vma.range)))
    }

    /// Its addresses.
    pub fn range(&self) -> Range<u64> {
        self.0.clone()
    }

    /// Number of pages.
    pub fn pages(&self) -> usize {
        (self.0.end - self.0.start) as usize / page_size()
    }

    /// Reads one byte of each page.
    pub fn read(&self) {
        for address in self.range().step_by(page_size()) {
            let page = ptr::with_exposed_provenance::<u8>(address as usize);
            // SAFETY: the kernel mapped the page readable for the life of the process.
            unsafe { ptr::read_volatile(page) };
        }
    }
}
