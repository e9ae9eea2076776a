//! A command that waits at its exec until the events are on it.

use std::ffi::{CString, OsString};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use pft::text::printable;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process};

use crate::Error;
use crate::sys::{self, Manner, Reaped};
use crate::system::privileges;

/// A child before and after its exec.
#[derive(Debug)]
pub struct Launched {
    /// Process id.
    pub pid: u32,
    command: String,
    go: Option<OwnedFd>,
    status: Option<OwnedFd>,
    reaped: Option<Reaped>,
}

impl Launched {
    /// Forks; the child waits for [`Launched::release`]. The process must have one thread only.
    ///
    /// # Errors
    /// [`Error::Exec`] when a name holds a NUL byte or there can be no more processes; what the system
    /// refuses otherwise.
    ///
    /// The command gets no privileges that are lent to the recorder.
    pub fn fork(argv: &[OsString], manner: Manner) -> Result<Self, Error> {
        let command = argv.first().map_or_else(String::new, |name| printable(name.as_bytes()));
        let refused = |source| Error::Exec { command: command.clone(), source };
        let arguments = argv
            .iter()
            .map(|argument| CString::new(argument.as_bytes()).map_err(io::Error::from))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refused)?;
        if arguments.is_empty() {
            return Err(refused(io::Error::from_raw_os_error(libc::ENOENT)));
        }
        // Theirs are the recorder's own limits, not the command's.
        let pipe = || {
            let pipe = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from);
            pipe.map_err(Error::system("make a pipe to the command"))
        };
        let (go_read, go_write) = pipe()?;
        let (status_read, status_write) = pipe()?;
        let guise = privileges::of_command()?;
        let pid = sys::fork_and_wait(
            &arguments,
            (&go_read, &go_write),
            &status_write,
            manner,
            guise.as_ref(),
        )
        .map_err(refused)?;
        Ok(Self {
            pid: u32::try_from(pid).unwrap_or(0),
            command,
            go: Some(go_write),
            status: Some(status_read),
            reaped: None,
        })
    }

    /// Lets the child exec and waits until it has.
    ///
    /// # Errors
    /// [`Error::Exec`] with the reason when the command cannot be started.
    pub fn release(&mut self) -> Result<(), Error> {
        let refused = |source| Error::Exec { command: self.command.clone(), source };
        let (Some(go), Some(status)) = (self.go.take(), self.status.take()) else {
            return Ok(());
        };
        rustix::io::write(&go, &[1]).map_err(|error| refused(error.into()))?;
        let mut errno = Vec::new();
        std::fs::File::from(status).read_to_end(&mut errno).map_err(refused)?;
        match <[u8; 4]>::try_from(errno.as_slice()) {
            Ok(errno) => Err(refused(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)))),
            Err(_) => Ok(()),
        }
    }

    /// Whether the kernel has ended the events on it when it was started, since its user may not look into
    /// it: he may run, but not read the program, or it runs as somebody else. False if it has ended already.
    pub fn is_closed(&self) -> bool {
        let folder = Path::new("/proc").join(self.pid.to_string());
        // These files are root's then, and when there is no address space any more.
        let is_roots = std::fs::metadata(folder.join("maps")).is_ok_and(|maps| maps.uid() == 0);
        let runs = || {
            let stat = std::fs::read(folder.join("stat")).unwrap_or_default();
            let state = stat.rsplit(|&byte| byte == b')').next().and_then(|rest| rest.get(1));
            state.is_some_and(|state| !b"ZXx".contains(state))
        };
        is_roots && !rustix::process::geteuid().is_root() && runs()
    }

    /// How it ended; `None` when it has not within `patience`.
    pub fn reap_within(&mut self, patience: Duration) -> Option<Reaped> {
        let deadline = Instant::now() + patience;
        loop {
            self.reap(false);
            if self.reaped.is_some() || Instant::now() >= deadline {
                return self.reaped;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn reap(&mut self, block: bool) {
        if self.reaped.is_none() {
            let pid = i32::try_from(self.pid).unwrap_or(0);
            self.reaped = sys::reap(pid, block).ok().flatten();
        }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        if self.reaped.is_none()
            && let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
        {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if self.go.take().is_some() {
            // Never released: it sees the pipe close and exits; it must not stay a zombie.
            self.reap(true);
        } else {
            self.terminate();
        }
    }
}

/// The command line, its words quoted as for a shell.
#[must_use]
pub fn quoted(argv: &[OsString]) -> String {
    let word = |word: &OsString| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        let argv = ["ls", "-l", "a b", "it's", "", "$x"].map(OsString::from);
        assert_eq!(quoted(&argv), r"ls -l 'a b' 'it'\''s' '' '$x'");
    }
}
