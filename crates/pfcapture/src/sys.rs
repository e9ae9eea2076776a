//! The system calls that need `unsafe`: perf_event_open and its ioctls, the ring mapping, fork and
//! exec, wait4, and the memory that calibration touches.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use perf_event_open_sys as perf;
use perf_event_open_sys::bindings::{perf_event_attr, perf_event_mmap_page};
use pft::record::Vma;

/// Whose doings an event counts.
#[derive(Debug, Clone, Copy)]
pub enum Bound<'a> {
    /// Those of one thread; 0 is the caller.
    Thread(u32),
    /// Those of all tasks of a CPU.
    Everything,
    /// Those of the tasks of a control group, by its folder.
    Cgroup(BorrowedFd<'a>),
}

/// Opens a perf event (perf_event_open(2)), on one CPU or wherever the thread runs. Its records go
/// into the ring of `output` from its first moment on: an event that is sent there later has counted
/// what no ring holds.
///
/// # Errors
/// The kernel's errno; `EINVAL` when the clocks or CPUs of the two differ.
pub fn perf_event_open(
    attr: &perf_event_attr,
    bound: Bound<'_>,
    cpu: Option<u32>,
    output: Option<BorrowedFd<'_>>,
) -> io::Result<OwnedFd> {
    let mut attr = *attr;
    let mut flags = perf::bindings::PERF_FLAG_FD_CLOEXEC;
    if output.is_some() {
        // The descriptor names the ring only; without the second flag it would be a group's leader too.
        flags |= perf::bindings::PERF_FLAG_FD_OUTPUT | perf::bindings::PERF_FLAG_FD_NO_GROUP;
    }
    let pid = match bound {
        Bound::Thread(tid) => i32::try_from(tid).unwrap_or(i32::MAX),
        Bound::Everything => -1,
        Bound::Cgroup(folder) => {
            flags |= perf::bindings::PERF_FLAG_PID_CGROUP;
            folder.as_raw_fd()
        }
    };
    let cpu = cpu.map_or(-1, |cpu| i32::try_from(cpu).unwrap_or(i32::MAX));
    // SAFETY: `attr` is a live, fully initialised structure whose `size` field its builder set; the
    // kernel reads it and may write `size` back; `output` and the folder of a control group stay
    // open during the call. Sampling into a ring touches no memory of ours.
    let fd = unsafe {
        perf::perf_event_open(
            &raw mut attr,
            pid,
            cpu,
            output.map_or(-1, |ring| ring.as_raw_fd()),
            flags.into(),
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just returned this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends the records of `event` into the ring of `owner`.
///
/// # Errors
/// The kernel's errno; `EINVAL` when the clocks or CPUs of the two differ.
pub fn set_output(event: BorrowedFd<'_>, owner: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both descriptors are open for the duration of the call; the ioctl takes an int.
    let rc = unsafe { perf::ioctls::SET_OUTPUT(event.as_raw_fd(), owner.as_raw_fd()) };
    check(rc)
}

/// The id that the event's samples carry; inherited copies carry it too.
///
/// # Errors
/// The kernel's errno.
pub fn event_id(event: BorrowedFd<'_>) -> io::Result<u64> {
    let mut id = 0;
    // SAFETY: the descriptor is open and the kernel writes one u64 through a valid pointer.
    let rc = unsafe { perf::ioctls::ID(event.as_raw_fd(), &raw mut id) };
    check(rc).map(|()| id)
}

fn check(rc: i32) -> io::Result<()> {
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The mapped ring buffer of one event: a control page, then `data_bytes` of records.
#[derive(Debug)]
pub struct RingMap {
    base: NonNull<u8>,
    page_bytes: usize,
    data_bytes: usize,
}

impl RingMap {
    /// Maps the ring of `event`; `data_bytes` is a power of two and a multiple of the page size.
    ///
    /// # Errors
    /// The kernel's errno; `EPERM` when the memory may not be locked.
    pub fn new(event: BorrowedFd<'_>, page_bytes: usize, data_bytes: usize) -> io::Result<Self> {
        // SAFETY: a fresh shared mapping of an open perf descriptor at an address that the kernel
        // chooses; it replaces nothing.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                page_bytes + data_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                event.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at zero"))?;
        Ok(Self { base, page_bytes, data_bytes })
    }

    fn control(&self) -> *mut perf_event_mmap_page {
        self.base.as_ptr().cast()
    }

    /// Where the kernel writes next: bytes since the ring was made.
    #[must_use]
    pub fn head(&self) -> u64 {
        // SAFETY: the control page is mapped as long as `self` lives, `data_head` is 8-aligned, and
        // both sides access it as one 64-bit word.
        let head = unsafe { AtomicU64::from_ptr(&raw mut (*self.control()).data_head) };
        // ORDERING: acquire pairs with the barrier before the store of data_head in
        // perf_output_put_handle(): the records below the head are visible.
        head.load(Ordering::Acquire)
    }

    /// Gives the bytes below `tail` back to the kernel.
    pub fn set_tail(&mut self, tail: u64) {
        // SAFETY: as in `head`.
        let word = unsafe { AtomicU64::from_ptr(&raw mut (*self.control()).data_tail) };
        // ORDERING: release pairs with the load of data_tail in __perf_output_begin(): our reads
        // happen before the kernel writes over them.
        word.store(tail, Ordering::Release);
    }

    /// The records between `tail` and `head`, in one piece or two.
    #[must_use]
    pub fn records(&self, tail: u64, head: u64) -> (&[u8], &[u8]) {
        let size = self.data_bytes;
        let len = usize::try_from(head.wrapping_sub(tail)).unwrap_or(size).min(size);
        let from = usize::try_from(tail & (size as u64 - 1)).unwrap_or(0);
        let first = len.min(size - from);
        // SAFETY: `from + first <= data_bytes` and `len - first <= from` by construction, all inside
        // the mapping. The kernel does not write between tail and head until `set_tail`, which takes
        // `&mut self` and so ends these borrows.
        unsafe {
            let data = self.base.as_ptr().add(self.page_bytes);
            (
                std::slice::from_raw_parts(data.add(from), first),
                std::slice::from_raw_parts(data, len - first),
            )
        }
    }
}

impl Drop for RingMap {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping; no borrow of it is left.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.page_bytes + self.data_bytes) };
    }
}

/// Forks a child that waits for a byte on the pipe `go` (read and write end) and then becomes
/// `argv`; it exits when the pipe closes without one. If that fails it writes the
/// errno to `status` and exits with 127; `status` closes at a successful exec. With
/// `stdout_to_stderr` its standard output is its standard error.
///
/// Must be called before the process has other threads.
///
/// # Errors
/// The kernel's errno.
pub fn fork_and_wait(
    argv: &[CString],
    (go, go_end): (&OwnedFd, &OwnedFd),
    status: &OwnedFd,
    stdout_to_stderr: bool,
) -> io::Result<i32> {
    let mut pointers: Vec<*const libc::c_char> = argv.iter().map(|a| a.as_ptr()).collect();
    pointers.push(ptr::null());
    // SAFETY: everything that the child needs was allocated before; between fork and exec it calls
    // only async-signal-safe functions on memory that it owns a copy of.
    unsafe {
        let pid = libc::fork();
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid > 0 {
            return Ok(pid);
        }
        // Its own copy of the write end would keep the pipe open for ever.
        libc::close(go_end.as_raw_fd());
        // The Rust runtime ignores SIGPIPE; the command expects the default.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut byte = 0u8;
        if libc::read(go.as_raw_fd(), (&raw mut byte).cast(), 1) == 1 {
            if !stdout_to_stderr || libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) >= 0 {
                libc::execvp(pointers[0], pointers.as_ptr());
            }
            let errno = *libc::__errno_location();
            libc::write(status.as_raw_fd(), (&raw const errno).cast(), size_of::<i32>());
        }
        libc::_exit(127)
    }
}

/// Exit status and resource use of a child.
#[derive(Debug, Clone, Copy)]
pub struct Reaped {
    /// As wait(2) encodes it.
    pub status: i32,
    /// Minor faults of it and of the descendants that it waited for.
    pub minor_faults: u64,
    /// Major faults, likewise.
    pub major_faults: u64,
}

impl Reaped {
    /// As a shell has it: the exit status, or 128 plus the signal that killed it.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        if libc::WIFSIGNALED(self.status) {
            128 + libc::WTERMSIG(self.status)
        } else {
            libc::WEXITSTATUS(self.status)
        }
    }
}

/// Waits for the child `pid`; `None` when it has not ended and `block` is false.
///
/// # Errors
/// The kernel's errno.
pub fn reap(pid: i32, block: bool) -> io::Result<Option<Reaped>> {
    let mut status = 0;
    // SAFETY: rusage is plain data for which zero is valid, and the kernel writes through two valid
    // pointers.
    let (rc, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let options = if block { 0 } else { libc::WNOHANG };
        (libc::wait4(pid, &raw mut status, options, &raw mut usage), usage)
    };
    match rc {
        0 => Ok(None),
        rc if rc < 0 => Err(io::Error::last_os_error()),
        _ => Ok(Some(Reaped {
            status,
            minor_faults: usage.ru_minflt.try_into().unwrap_or(0),
            major_faults: usage.ru_majflt.try_into().unwrap_or(0),
        })),
    }
}

/// CPU time of this process, nanoseconds.
#[must_use]
pub fn own_cpu_ns() -> u64 {
    // SAFETY: rusage is plain data for which zero is valid; the kernel fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let ns = |t: libc::timeval| {
        u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000_000
            + u64::try_from(t.tv_usec).unwrap_or(0) * 1000
    };
    ns(usage.ru_utime) + ns(usage.ru_stime)
}

/// Maps `pages` of fresh anonymous memory, writes one byte to each, and unmaps it: exactly `pages`
/// faults of this thread in the returned address range.
///
/// # Errors
/// The kernel's errno.
pub fn touch_fresh_pages(pages: usize, page_bytes: usize) -> io::Result<std::ops::Range<u64>> {
    let len = pages * page_bytes;
    // SAFETY: a fresh private anonymous mapping is made, written inside its bounds, and unmapped; no
    // reference to it exists.
    unsafe {
        let base = libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        libc::madvise(base, len, libc::MADV_NOHUGEPAGE);
        for page in 0..pages {
            base.cast::<u8>().add(page * page_bytes).write_volatile(1);
        }
        libc::munmap(base, len);
        Ok(base as u64..base as u64 + len as u64)
    }
}

/// Stops an event and its inherited copies.
///
/// # Errors
/// The kernel's errno.
pub fn disable(event: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open for the duration of the call; the ioctl takes an int.
    check(unsafe { perf::ioctls::DISABLE(event.as_raw_fd(), 0) })
}

/// Starts an event and its inherited copies.
///
/// # Errors
/// The kernel's errno.
pub fn enable(event: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open for the duration of the call; the ioctl takes an int.
    check(unsafe { perf::ioctls::ENABLE(event.as_raw_fd(), 0) })
}

/// `struct procmap_query` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct ProcmapQuery {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    vma_start: u64,
    vma_end: u64,
    vma_flags: u64,
    vma_page_size: u64,
    vma_offset: u64,
    inode: u64,
    dev_major: u32,
    dev_minor: u32,
    vma_name_size: u32,
    build_id_size: u32,
    vma_name_addr: u64,
    build_id_addr: u64,
}

/// Asks an open `/proc/PID/maps` for the mapping that holds `addr` (`PROCMAP_QUERY`, Linux 6.11);
/// `None` when there is none.
///
/// # Errors
/// The kernel's errno; `ENOTTY` where it does not know the question.
pub fn mapping_at(maps: BorrowedFd<'_>, addr: u64) -> io::Result<Option<Vma>> {
    /// The longest path that the kernel prints, and its NUL.
    const NAME_BYTES: usize = 4096;
    const PROT: u64 = 7;
    const SHARED: u64 = 8;
    let mut name = vec![0u8; NAME_BYTES];
    let mut query = ProcmapQuery {
        size: size_of::<ProcmapQuery>() as u64,
        query_addr: addr,
        vma_name_size: NAME_BYTES as u32,
        vma_name_addr: name.as_mut_ptr() as u64,
        ..ProcmapQuery::default()
    };
    let request = libc::_IOWR::<ProcmapQuery>(b'f'.into(), 17);
    // SAFETY: the descriptor is open during the call; the kernel reads and writes a live structure
    // of the size that it states, and at most `vma_name_size` bytes of a live buffer of that length.
    let rc = unsafe { libc::ioctl(maps.as_raw_fd(), request, &raw mut query) };
    match check(rc) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
        checked => checked?,
    }
    // The size comes back with the NUL, and as 0 where there is no name.
    name.truncate((query.vma_name_size as usize).saturating_sub(1));
    Ok(Some(Vma {
        start: query.vma_start,
        end: query.vma_end,
        prot: (query.vma_flags & PROT) as u32,
        shared: query.vma_flags & SHARED != 0,
        file_offset: query.vma_offset,
        dev_major: query.dev_major,
        dev_minor: query.dev_minor,
        inode: query.inode,
        path: name,
    }))
}
