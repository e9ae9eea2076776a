//! Children, signals, limits.
#![allow(unsafe_code, reason = "fork, signal handlers and timers have no safe interface")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, getpid, getrlimit, pidfd_open,
    set_parent_process_death_signal, setrlimit, waitpid,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A child process made by [`fork`].
#[derive(Debug)]
pub struct Child {
    /// Process id.
    pub pid: u32,
}

/// Forks; the child runs `body` and exits with its result, without running anything else. It dies with
/// its parent.
///
/// # Errors
///
/// When the process has several threads (the child could then find locks held for ever), or no
/// process can be made.
pub fn fork(body: impl FnOnce() -> i32) -> io::Result<Child> {
    fork_to_outlive(|| {
        // A child that outlives its parent after all does no harm.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        body()
    })
}

/// As [`fork`], but the child may live longer than its parent.
///
/// # Errors
///
/// As of [`fork`].
pub fn fork_to_outlive(body: impl FnOnce() -> i32) -> io::Result<Child> {
    wait_for_single_thread()?;
    // SAFETY: this is the only thread, so the child is a whole copy of the program and may do anything
    // that the parent may; it leaves by _exit, before anything of the parent's is dropped.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let status = catch_unwind(AssertUnwindSafe(body)).unwrap_or(101);
            // SAFETY: _exit has no preconditions.
            unsafe { libc::_exit(status) }
        }
        pid => Ok(Child { pid: pid.unsigned_abs() }),
    }
}

/// The process that opened it, for a child that wishes to know when that one has ended.
#[derive(Debug)]
pub struct ThisProcess(OwnedFd);

impl ThisProcess {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        Ok(Self(pidfd_open(getpid(), PidfdFlags::empty())?))
    }

    /// Waits until it has ended.
    pub fn wait_for_end(&self) -> io::Result<()> {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        retry_on_intr(|| poll(&mut fds, None))?;
        Ok(())
    }
}

/// A joined thread may remain in the process for a moment.
fn wait_for_single_thread() -> io::Result<()> {
    for _ in 0..1000 {
        if std::fs::read_dir("/proc/self/task")?.count() == 1 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::Error::other("fork in a process with several threads"))
}

impl Child {
    /// Waits for its end.
    pub fn wait(self) -> io::Result<ExitStatus> {
        let pid = Pid::from_raw(self.pid.cast_signed());
        loop {
            match waitpid(pid, WaitOptions::empty()) {
                Ok(Some((_, status))) => return Ok(ExitStatus::from_raw(status.as_raw())),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Makes invalid accesses end this process at once: the default action, without the handler that the
/// standard library installs (it would run the access a second time), and without a core file.
pub fn die_on_invalid_access() -> io::Result<()> {
    limit(Resource::Core, 0)?;
    // SAFETY: SIG_DFL is a valid disposition; the process is single-threaded after `fork`.
    unsafe {
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        libc::signal(libc::SIGBUS, libc::SIG_DFL);
    }
    Ok(())
}

/// Lowers the soft limit of the stack.
pub fn limit_stack(bytes: u64) -> io::Result<()> {
    limit(Resource::Stack, bytes)
}

/// Soft limit of the stack, bytes.
pub fn stack_limit() -> u64 {
    getrlimit(Resource::Stack).current.unwrap_or(u64::MAX)
}

fn limit(resource: Resource, soft: u64) -> io::Result<()> {
    let limit = Rlimit { current: Some(soft), ..getrlimit(resource) };
    Ok(setrlimit(resource, limit)?)
}

/// Runs `action` on each CPU that this thread may use, and leaves the thread free to use all of them.
pub fn on_each_cpu(mut action: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    for cpu in (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)) {
        let mut one = CpuSet::new();
        one.set(cpu);
        sched_setaffinity(None, &one)?;
        action()?;
    }
    Ok(sched_setaffinity(None, &allowed)?)
}

/// A timer that interrupts this process again and again with a signal whose handler does nothing.
/// Stops when dropped.
#[derive(Debug)]
pub struct Interruptions(());

impl Interruptions {
    /// Starts the timer.
    pub fn every(interval_us: u32) -> io::Result<Self> {
        extern "C" fn nothing(_signal: libc::c_int) {}
        // SAFETY: all-zero bytes are a valid sigaction (empty mask); the handler has the signature
        // that goes without SA_SIGINFO, and is async-signal-safe as it does nothing.
        let installed = unsafe {
            let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
            action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut())
        };
        if installed != 0 {
            return Err(io::Error::last_os_error());
        }
        set_timer(interval_us)?;
        Ok(Self(()))
    }
}

impl Drop for Interruptions {
    fn drop(&mut self) {
        // Nothing is left to do about a timer that does not stop: its handler does nothing.
        let _ = set_timer(0);
    }
}

fn set_timer(interval_us: u32) -> io::Result<()> {
    let interval = libc::timeval { tv_sec: 0, tv_usec: interval_us.into() };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: the pointer is valid for reads of a whole itimerval; the old value is not asked for.
    match unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
