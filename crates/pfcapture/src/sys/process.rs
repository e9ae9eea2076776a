//! Fork and exec of a command, its end, and the recorder's own resources.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use rustix::thread::{CapabilitySets, set_capabilities};

/// How a command is started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// Its standard output goes where its standard error goes: the recorder needs standard output.
    pub stdout_to_stderr: bool,
    /// Its addresses are not randomised (personality(2), `ADDR_NO_RANDOMIZE`).
    pub no_aslr: bool,
}

/// What a command has in place of what the recorder has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guise {
    /// Its privileges.
    pub rights: CapabilitySets,
    /// Its environment.
    pub environment: Vec<CString>,
}

/// Whether the program has more rights than its user: its file is set-user-id or has capabilities (`AT_SECURE`).
#[must_use]
pub fn is_secure_execution() -> bool {
    // SAFETY: reads a value that the kernel gave at the start; there are no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Forks a child that waits for a byte on the pipe `go` (read and write end) and then becomes
/// `argv`, in this guise if one is given; it exits when the pipe closes without one. If that fails it writes the
/// errno to `status` and exits with 127; `status` closes at a successful exec.
///
/// Must be called before the process has other threads.
///
/// # Errors
/// The kernel's errno.
pub fn fork_and_wait(
    argv: &[CString],
    (go, go_end): (&OwnedFd, &OwnedFd),
    status: &OwnedFd,
    manner: Manner,
    guise: Option<&Guise>,
) -> io::Result<i32> {
    let pointers_to = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
    };
    let pointers = pointers_to(argv);
    let environment = guise.map(|guise| pointers_to(&guise.environment));
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
            let ready = !manner.stdout_to_stderr
                || libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) >= 0;
            // All bits set asks for the present value.
            let present = libc::personality(libc::c_ulong::from(u32::MAX));
            let wanted = libc::c_ulong::from((present | libc::ADDR_NO_RANDOMIZE).cast_unsigned());
            let ready = ready && (!manner.no_aslr || libc::personality(wanted) >= 0);
            // A system call and nothing else. Before the command is looked for: where the recorder could look is
            // none of its business.
            let given_up = guise.map_or(Ok(()), |guise| set_capabilities(None, guise.rights));
            match (ready, given_up, &environment) {
                (true, Ok(()), Some(environment)) => {
                    libc::execvpe(pointers[0], pointers.as_ptr(), environment.as_ptr());
                }
                (true, Ok(()), None) => {
                    libc::execvp(pointers[0], pointers.as_ptr());
                }
                (_, Err(error), _) => *libc::__errno_location() = error.raw_os_error(),
                _ => {}
            }
            let errno = *libc::__errno_location();
            libc::write(status.as_raw_fd(), (&raw const errno).cast(), size_of::<i32>());
        }
        libc::_exit(127)
    }
}

/// Exit status and resource use of a child.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reaped {
    /// As wait(2) encodes it.
    pub status: i32,
    /// Minor faults of it and of the descendants that it waited for.
    pub minor_faults: u64,
    /// Major faults, likewise.
    pub major_faults: u64,
    /// CPU time in user mode, likewise.
    pub user: Duration,
    /// CPU time in the kernel, likewise.
    pub system: Duration,
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
            user: duration(usage.ru_utime),
            system: duration(usage.ru_stime),
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
    let spent = duration(usage.ru_utime) + duration(usage.ru_stime);
    u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX)
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
        + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}
