//! The sender of a mark: finds the recorder and asks it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::{MAX_NAME_BYTES, SET, SOCKET_PREFIX, may_mark, request};
use crate::Error;
use crate::sys;
use crate::system::clock;
use crate::targets::launch;

/// A recorder that walks full rings answers late.
const PATIENCE: Duration = Duration::from_secs(5);

/// Marks this moment in the recording of `to`, or in the only one of this user.
///
/// # Errors
/// Why there is no mark: [`Error::MarkName`], [`Error::NoRecorder`], [`Error::NotARecorder`],
/// [`Error::SeveralRecorders`], [`Error::MarkRefused`], [`Error::NoAnswer`].
pub fn send(name: &[u8], to: Option<u32>) -> Result<(), Error> {
    // Finding the recorder takes time that is not to shift the mark.
    let message =
        request(clock::monotonic_ns(), name).ok_or(Error::MarkName { max: MAX_NAME_BYTES })?;
    let pids = match to {
        Some(pid) => BTreeSet::from([pid]),
        None => listening(Path::new("/")),
    };
    let reached = pids.into_iter().filter_map(|pid| {
        let stream = reach(&format!("{SOCKET_PREFIX}{pid}")).ok()?;
        Some((pid, stream))
    });
    let (pid, stream) = the_only(reached.collect(), to, |pid| command_line(Path::new("/"), pid))?;
    ask(&stream, pid, &message)
}

/// Pids of the recorders that listen, whoever they belong to.
pub(super) fn listening(root: &Path) -> BTreeSet<u32> {
    let text = std::fs::read(root.join("proc/net/unix")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let recorder = |line: &str| {
        let name = line.split_whitespace().nth(7)?.strip_prefix('@')?;
        name.strip_prefix(SOCKET_PREFIX)?.parse().ok()
    };
    text.lines().filter_map(recorder).collect()
}

/// Connects to a recorder of the same user; root reaches everybody's.
pub(super) fn reach(name: &str) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes())?;
    // Without waiting: a stopped process whose queue is full would never let us in.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &address)?;
    let own = rustix::process::geteuid().as_raw();
    let owner = sys::peer_credentials(socket.as_fd())?.uid;
    if !may_mark(own, owner) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The recorder that is meant: `to`, or the only one there is.
pub(super) fn the_only<S>(
    mut reached: Vec<(u32, S)>,
    to: Option<u32>,
    describe: impl Fn(u32) -> String,
) -> Result<(u32, S), Error> {
    match (reached.pop(), to) {
        (Some(only), _) if reached.is_empty() => Ok(only),
        (Some(last), _) => {
            let pids = reached.iter().map(|(pid, _)| *pid).chain([last.0]);
            let recorders: Vec<String> =
                pids.map(|pid| format!("{pid}: {}", describe(pid))).collect();
            Err(Error::SeveralRecorders { recorders: recorders.join("; ") })
        }
        (None, Some(pid)) => Err(Error::NotARecorder { pid }),
        (None, None) => Err(Error::NoRecorder),
    }
}

fn command_line(root: &Path, pid: u32) -> String {
    let bytes = std::fs::read(root.join(format!("proc/{pid}/cmdline"))).unwrap_or_default();
    let words: Vec<OsString> = bytes
        .strip_suffix(b"\0")
        .unwrap_or(&bytes)
        .split(|&byte| byte == 0)
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
    launch::quoted(&words)
}

/// Sends a request and reads the answer.
pub(super) fn ask(mut stream: &UnixStream, pid: u32, message: &[u8]) -> Result<(), Error> {
    let sent = stream.write_all(message);
    let mut answer = Vec::new();
    // A recorder that refuses without reading resets the connection behind its answer, so an answer
    // counts whatever the error.
    let read = stream.take(1024).read_to_end(&mut answer);
    match answer.split_first() {
        Some((&SET, _)) => Ok(()),
        Some((_, reason)) => {
            Err(Error::MarkRefused { pid, reason: String::from_utf8_lossy(reason).into_owned() })
        }
        None => {
            let source = sent.err().or(read.err());
            Err(Error::NoAnswer {
                pid,
                source: source.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()),
            })
        }
    }
}
