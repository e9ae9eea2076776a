//! perf_event_open and its ioctls.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use perf_event_open_sys as perf;
use perf_event_open_sys::bindings::perf_event_attr;

use super::check;

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

/// Has the records for the ring of `owner` counted as lost instead of written, or written again.
///
/// # Errors
/// The kernel's errno.
pub fn pause_output(owner: BorrowedFd<'_>, pause: bool) -> io::Result<()> {
    // SAFETY: the descriptor is open for the duration of the call; the ioctl takes an int.
    check(unsafe { perf::ioctls::PAUSE_OUTPUT(owner.as_raw_fd(), u32::from(pause)) })
}
