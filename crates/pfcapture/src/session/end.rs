//! What a recording waits for: records, and its end.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR2, SIGXFSZ};

use crate::Error;
use crate::targets::processes;
use crate::targets::processes::threads_of;

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every target process has exited.
    TargetExited,
    /// SIGINT, SIGTERM, SIGQUIT, or SIGHUP where that was not ignored.
    Signal,
    /// The duration is over.
    Duration,
    /// The trace has the size that it may have.
    MaxSize,
    /// The trace cannot be written any more.
    WriteFailed,
    /// Faults were only shown live, and that is not possible any more: the reader has gone.
    ShownToNobody,
}

impl End {
    /// As the trace has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TargetExited => "target",
            Self::Signal => "signal",
            Self::Duration => "duration",
            Self::MaxSize => "size",
            Self::WriteFailed => "failure",
            Self::ShownToNobody => "reader",
        }
    }
}

/// The conditions under which a recording ends.
#[derive(Debug)]
pub struct Watch {
    signals: UnixStream,
    /// SIGUSR2, if that is caught.
    window_signals: Option<&'static UnixStream>,
    /// Processes that run.
    targets: Vec<OwnedFd>,
    /// Those that the kernel gives no descriptor of (before Linux 5.3), looked at after each wait.
    looked_at: Vec<u32>,
    /// Whether the end of those is the end of the recording.
    ends_with_targets: bool,
    deadline: Option<Instant>,
}

impl Watch {
    /// Watches processes and signals. With no process at all, only signals and time end the recording.
    ///
    /// # Errors
    /// [`Error::NoSuchProcess`] when all of them are gone; what the system refuses.
    pub fn new(pids: &[u32]) -> Result<Self, Error> {
        // A closed terminal ends a recording like Ctrl-C, unless it was started to outlive that (nohup).
        let hangup = (!processes::ignores(SIGHUP)).then_some(SIGHUP);
        let ending: Vec<i32> = [SIGINT, SIGTERM, SIGQUIT].into_iter().chain(hangup).collect();
        let signals = catch(&ending)?;
        // A file that grows too large is an error of writing, not the recorder's death.
        catch(&[SIGXFSZ])?;
        let mut targets = Vec::new();
        let mut looked_at = Vec::new();
        for &pid in pids {
            let known = i32::try_from(pid).ok().and_then(Pid::from_raw);
            match known.map(|known| pidfd_open(known, PidfdFlags::empty())) {
                Some(Ok(target)) => targets.push(target),
                None | Some(Err(rustix::io::Errno::SRCH)) => {}
                Some(Err(rustix::io::Errno::NOSYS)) => {
                    looked_at.extend(Some(pid).filter(|&pid| runs(pid)));
                }
                Some(Err(error)) => return Err(Error::system("watch the target")(error.into())),
            }
        }
        match pids {
            [pid, ..] if targets.is_empty() && looked_at.is_empty() => {
                Err(Error::NoSuchProcess { pid: *pid })
            }
            _ => {
                let ends_with_targets = !pids.is_empty();
                Ok(Self {
                    signals,
                    window_signals: None,
                    targets,
                    looked_at,
                    ends_with_targets,
                    deadline: None,
                })
            }
        }
    }

    /// Has SIGUSR2 ask for the window of a flight recorder rather than end the process.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn catch_window_signal(&mut self) -> Result<(), Error> {
        self.window_signals = Some(window_signals()?);
        Ok(())
    }

    /// Whether the window of a flight recorder was asked for since the last call.
    pub fn window_asked(&mut self) -> bool {
        self.window_signals.is_some_and(has_come)
    }

    /// Ends the recording after `duration` from now; one beyond the clock's range never ends it.
    pub fn end_after(&mut self, duration: Duration) {
        self.deadline = Instant::now().checked_add(duration);
    }

    /// Whether a signal has come since the last call that asks for the end.
    pub fn end_asked(&mut self) -> bool {
        has_come(&self.signals)
    }

    /// Waits until a ring is a quarter full, an end comes, or `at_most` has passed.
    ///
    /// # Errors
    /// What poll(2) refuses.
    pub fn wait(&mut self, rings: &[impl AsFd], at_most: Duration) -> Result<Option<End>, Error> {
        let timeout = match self.deadline {
            Some(deadline) => at_most.min(deadline.saturating_duration_since(Instant::now())),
            None => at_most,
        };
        let mut fds: Vec<PollFd<'_>> = std::iter::once(self.signals.as_fd())
            .chain(rings.iter().map(AsFd::as_fd))
            .chain(self.targets.iter().map(AsFd::as_fd))
            .chain(self.window_signals.iter().map(AsFd::as_fd))
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        poll_for(&mut fds, timeout)?;
        let targets = fds.iter().skip(1 + rings.len());
        let ended: Vec<bool> = targets.map(|fd| !fd.revents().is_empty()).collect();
        let mut ended = ended.into_iter();
        // A process that has ended would wake every wait from now on.
        self.targets.retain(|_| !ended.next().unwrap_or(false));
        self.looked_at.retain(|&pid| runs(pid));
        if has_come(&self.signals) {
            return Ok(Some(End::Signal));
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(Some(End::Duration));
        }
        let is_over = self.targets.is_empty() && self.looked_at.is_empty();
        Ok((self.ends_with_targets && is_over).then_some(End::TargetExited))
    }
}

/// Whether a process runs, though its first thread may have ended. One that took the number of another since the last
/// look is taken for it.
fn runs(pid: u32) -> bool {
    processes::is_running(Path::new("/proc"), pid)
        || threads_of(pid).is_some_and(|threads| threads.len() > 1)
}

/// SIGUSR2, if it is caught: by the process, and for good.
static WINDOW_SIGNALS: OnceLock<UnixStream> = OnceLock::new();

/// From now on SIGUSR2 does not end this process, whatever it does; one that comes while a recording
/// is set up asks for a window as soon as that runs. Commands that are started have the default again.
///
/// # Errors
/// What the system refuses.
pub fn catch_window_signal() -> Result<(), Error> {
    window_signals().map(|_| ())
}

fn window_signals() -> Result<&'static UnixStream, Error> {
    if let Some(signals) = WINDOW_SIGNALS.get() {
        return Ok(signals);
    }
    let signals = catch(&[SIGUSR2])?;
    Ok(WINDOW_SIGNALS.get_or_init(|| signals))
}

/// Makes signals readable.
fn catch(signals: &[i32]) -> Result<UnixStream, Error> {
    let refused = Error::system;
    let (read, write) = UnixStream::pair().map_err(refused("make a socket pair"))?;
    read.set_nonblocking(true).map_err(refused("prepare a socket"))?;
    for &signal in signals {
        let write = write.try_clone().map_err(refused("copy a descriptor"))?;
        signal_hook::low_level::pipe::register(signal, write).map_err(refused("catch a signal"))?;
    }
    Ok(read)
}

/// Whether a signal has come since the last call.
fn has_come(mut signals: &UnixStream) -> bool {
    signals.read(&mut [0; 16]).is_ok_and(|bytes| bytes > 0)
}

fn poll_for(fds: &mut [PollFd<'_>], timeout: Duration) -> Result<(), Error> {
    let timeout = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    match poll(fds, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(Error::system("wait for records")(error.into())),
    }
}
