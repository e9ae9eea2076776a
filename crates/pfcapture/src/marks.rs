//! Marks: `pfrecord mark NAME` tells a running recording that a new phase begins.
//!
//! A recorder listens on the abstract Unix socket `pfrecord.PID`; a client sends one request and gets
//! one answer. Request: `pfmark` and the version 1 (7 bytes), `CLOCK_MONOTONIC` of the moment that is
//! marked (8 bytes, little-endian), length of the name (1 byte), name. Answer: 0 for a mark that is
//! set, or 1 and the reason in words; then the recorder closes.

mod client;

use std::cmp::Ordering;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use pft::record::MarkRecord;

use crate::sys;

pub use client::send;

/// Longest name of a mark.
pub const MAX_NAME_BYTES: usize = 255;

/// Marks that a recording takes.
pub const MAX_MARKS: usize = 10_000;

/// Names of the sockets, before the recorder's pid.
const SOCKET_PREFIX: &str = "pfrecord.";
const MAGIC: [u8; 7] = *b"pfmark\x01";
/// Magic, time, length of the name.
const HEAD_BYTES: usize = MAGIC.len() + 9;
const SET: u8 = 0;
const REFUSED: u8 = 1;

/// Clients that are heard at a time, and that are let in by one [`Marks::collect`].
const MAX_CLIENTS: usize = 16;
/// A client must have said all within this time.
const PATIENCE_NS: u64 = 1_000_000_000;
/// A client's time may be this much older than its message.
const MAX_AGE_NS: u64 = 5_000_000_000;

/// The recorder's end: takes marks without ever waiting for anybody.
#[derive(Debug)]
pub struct Marks {
    listener: UnixListener,
    clients: Vec<Client>,
    taken: usize,
    /// Nobody could be let in although somebody waits: descriptors are used up.
    stuck: bool,
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    request: Vec<u8>,
    since_ns: u64,
}

impl Marks {
    /// Listens for marks under this process's name.
    ///
    /// # Errors
    /// What the system refuses; `AddrInUse` when the name is taken.
    pub fn listen() -> io::Result<Self> {
        Self::listen_as(&format!("{SOCKET_PREFIX}{}", std::process::id()))
    }

    fn listen_as(name: &str) -> io::Result<Self> {
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, clients: Vec::new(), taken: 0, stuck: false })
    }

    /// What to wait for, for reading: then [`Marks::collect`] has something to do. Others must wait
    /// while as many clients as are heard at a time are being heard, or nobody can be let in: they
    /// would wake the recorder all the time.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let room = self.clients.len() < MAX_CLIENTS && !self.stuck;
        let listener = room.then(|| self.listener.as_fd());
        listener.into_iter().chain(self.clients.iter().map(|client| client.stream.as_fd()))
    }

    /// The marks that came, in order of time, each answered. `now_ns` is the time now and `start_ns`
    /// that of the recording's start. To be called now and then even when there is nothing to read, so
    /// that silent clients are dropped.
    pub fn collect(&mut self, now_ns: u64, start_ns: u64) -> Vec<MarkRecord> {
        self.let_in(now_ns);
        let mut marks = Vec::new();
        let taken = &mut self.taken;
        self.clients.retain_mut(|client| {
            let answer = match client.hear(now_ns) {
                Heard::More => return true,
                Heard::Gone => return false,
                Heard::Garbage(reason) => Err(reason),
                Heard::Mark { .. } if *taken >= MAX_MARKS => {
                    Err("the recording has all the marks that it takes (10000)")
                }
                Heard::Mark { time_ns, name } => {
                    let its_own = time_ns >= start_ns
                        && now_ns.checked_sub(time_ns).is_some_and(|age_ns| age_ns <= MAX_AGE_NS);
                    // Another time namespace has another clock.
                    let time_ns = if its_own { time_ns } else { now_ns.max(start_ns) };
                    marks.push(MarkRecord { time_ns, name });
                    *taken += 1;
                    Ok(())
                }
            };
            send_answer(&client.stream, answer);
            false
        });
        marks.sort_by_key(|mark| mark.time_ns);
        marks
    }

    fn let_in(&mut self, now_ns: u64) {
        self.stuck = false;
        for _ in 0..MAX_CLIENTS {
            if self.clients.len() >= MAX_CLIENTS {
                return;
            }
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) => {
                    self.stuck = error.kind() != ErrorKind::WouldBlock;
                    return;
                }
            };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            let own = rustix::process::geteuid().as_raw();
            match sys::peer_credentials(stream.as_fd()) {
                Ok(peer) if may_mark(peer.uid, own) => {
                    let request = Vec::new();
                    self.clients.push(Client { stream, request, since_ns: now_ns });
                }
                _ => send_answer(&stream, Err("the recording belongs to another user")),
            }
        }
    }
}

/// Whose marks a recorder takes: those of its user, and root's.
fn may_mark(client_uid: u32, recorder_uid: u32) -> bool {
    client_uid == recorder_uid || client_uid == 0
}

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// Not all of it yet.
    More,
    /// It left, or said nothing for too long.
    Gone,
    Garbage(&'static str),
    Mark {
        time_ns: u64,
        name: Vec<u8>,
    },
}

impl Client {
    fn hear(&mut self, now_ns: u64) -> Heard {
        let mut bytes = [0; HEAD_BYTES + MAX_NAME_BYTES + 1];
        let ended = match (&self.stream).read(&mut bytes) {
            Ok(0) => true,
            Ok(read) => {
                self.request.extend(bytes.iter().take(read));
                false
            }
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
        match parse(&self.request) {
            Heard::More if ended || now_ns.saturating_sub(self.since_ns) > PATIENCE_NS => {
                Heard::Gone
            }
            heard => heard,
        }
    }
}

fn send_answer(mut stream: &UnixStream, answer: Result<(), &str>) {
    let mut bytes = vec![if answer.is_ok() { SET } else { REFUSED }];
    bytes.extend(answer.err().unwrap_or_default().bytes());
    // So few bytes fit into any socket; a client that has left needs none.
    let _ = stream.write_all(&bytes);
}

fn parse(request: &[u8]) -> Heard {
    let known = request.len().min(MAGIC.len());
    if request.get(..known) != MAGIC.get(..known) {
        return Heard::Garbage("this is no mark that the recorder knows");
    }
    let Some((head, name)) = request.split_at_checked(HEAD_BYTES) else { return Heard::More };
    let (Some(&[b0, b1, b2, b3, b4, b5, b6, b7]), Some(&len)) =
        (head.get(MAGIC.len()..HEAD_BYTES - 1), head.last())
    else {
        return Heard::More;
    };
    match name.len().cmp(&usize::from(len)) {
        _ if len == 0 => Heard::Garbage("the mark has no name"),
        Ordering::Less => Heard::More,
        Ordering::Greater => Heard::Garbage("the mark is longer than it says"),
        Ordering::Equal if name.contains(&0) => Heard::Garbage("the name holds a NUL byte"),
        Ordering::Equal => Heard::Mark {
            time_ns: u64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
            name: name.to_vec(),
        },
    }
}

/// The request for a mark; `None` for a name that is empty, too long, or holds a NUL byte.
fn request(time_ns: u64, name: &[u8]) -> Option<Vec<u8>> {
    let len = u8::try_from(name.len()).ok().filter(|&len| len > 0 && !name.contains(&0))?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(time_ns.to_le_bytes());
    bytes.push(len);
    bytes.extend(name);
    Some(bytes)
}

#[cfg(test)]
mod tests;
