//! Who is at the other end of a socket.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// Who is at the other end of a Unix socket; the pid is 0 for a process of another pid namespace
/// (`rustix` has the pid as a number that is never 0).
///
/// # Errors
/// The kernel's errno.
pub fn peer_credentials(socket: BorrowedFd<'_>) -> io::Result<libc::ucred> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
    // SAFETY: the descriptor is open for the duration of the call; the kernel writes at most `len`
    // bytes, the size of `peer`, through a valid pointer, and the length through another.
    let rc = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut len,
        )
    };
    check(rc).map(|()| peer)
}
