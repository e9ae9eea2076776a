//! What a recording waits for: records, and its end.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};

use crate::Error;
use crate::ring::Rings;

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every target process has exited.
    TargetExited,
    /// SIGINT, SIGTERM, SIGHUP or SIGQUIT.
    Signal,
    /// The duration is over.
    Duration,
    /// The trace has the size that it may have.
    MaxSize,
    /// The trace cannot be written any more.
    WriteFailed,
}

/// The conditions under which a recording ends.
#[derive(Debug)]
pub struct Watch {
    signals: UnixStream,
    /// Processes that run.
    targets: Vec<OwnedFd>,
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
        let refused = Error::system;
        let (signals, signalled) = UnixStream::pair().map_err(refused("make a socket pair"))?;
        signals.set_nonblocking(true).map_err(refused("prepare a socket"))?;
        let catch = |signal, end: &UnixStream| {
            let end = end.try_clone().map_err(refused("copy a descriptor"))?;
            signal_hook::low_level::pipe::register(signal, end).map_err(refused("catch a signal"))
        };
        // A closed terminal ends a recording like Ctrl-C.
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            catch(signal, &signalled)?;
        }
        // A file that grows too large is an error of writing, not the recorder's death.
        let (unread, _) = UnixStream::pair().map_err(refused("make a socket pair"))?;
        catch(SIGXFSZ, &unread)?;
        let mut targets = Vec::new();
        for &pid in pids {
            let known = i32::try_from(pid).ok().and_then(Pid::from_raw);
            match known.map(|known| pidfd_open(known, PidfdFlags::empty())) {
                Some(Ok(target)) => targets.push(target),
                None | Some(Err(rustix::io::Errno::SRCH)) => {}
                Some(Err(error)) => return Err(refused("watch the target")(error.into())),
            }
        }
        match pids {
            [pid, ..] if targets.is_empty() => Err(Error::NoSuchProcess { pid: *pid }),
            _ => {
                let ends_with_targets = !pids.is_empty();
                Ok(Self { signals, targets, ends_with_targets, deadline: None })
            }
        }
    }

    /// Ends the recording after `duration` from now; one beyond the clock's range never ends it.
    pub fn end_after(&mut self, duration: Duration) {
        self.deadline = Instant::now().checked_add(duration);
    }

    /// Waits until a ring is a quarter full, an end comes, or `at_most` has passed.
    ///
    /// # Errors
    /// What poll(2) refuses.
    pub fn wait(&mut self, rings: &Rings, at_most: Duration) -> Result<Option<End>, Error> {
        let timeout = match self.deadline {
            Some(deadline) => at_most.min(deadline.saturating_duration_since(Instant::now())),
            None => at_most,
        };
        let mut fds: Vec<PollFd<'_>> = std::iter::once(self.signals.as_fd())
            .chain(rings.rings.iter().map(AsFd::as_fd))
            .chain(self.targets.iter().map(AsFd::as_fd))
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        poll_for(&mut fds, timeout)?;
        let targets = fds.iter().skip(1 + rings.rings.len());
        let ended: Vec<bool> = targets.map(|fd| !fd.revents().is_empty()).collect();
        let mut ended = ended.into_iter();
        // A process that has ended would wake every wait from now on.
        self.targets.retain(|_| !ended.next().unwrap_or(false));
        if (&self.signals).read(&mut [0; 16]).is_ok_and(|bytes| bytes > 0) {
            return Ok(Some(End::Signal));
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(Some(End::Duration));
        }
        Ok((self.ends_with_targets && self.targets.is_empty()).then_some(End::TargetExited))
    }
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
