//! redis-server writes its keys while its child saves them: each page that both still share is copied
//! when the server writes to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::memory::Memory;
use super::{can_record, number_in};
use crate::recording::{Lab, Recorder, rows};

/// 160 MB of values, each about a page long.
const KEYS: u32 = 40_000;
const VALUE_BYTES: usize = 4000;

/// A server of our own on a socket in the test's folder.
struct Server {
    child: Child,
    socket: BufReader<UnixStream>,
}

impl Server {
    fn start(lab: &Lab) -> Self {
        let path = lab.dir.path().join("redis.sock");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        // The child takes its time over each key, so that it lives until it is stopped.
        command.args(["--rdb-key-save-delay", "50", "--unixsocket"]).arg(&path);
        command.arg("--dir").arg(lab.dir.path());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut log = String::new();
        while !log.contains("eady to accept connections") {
            assert_ne!(said.read_line(&mut log).unwrap(), 0, "{log}");
        }
        // It goes on logging.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, socket: BufReader::new(UnixStream::connect(path).unwrap()) }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a command (the protocol's arrays of bulk strings) and reads the answer, a line or a bulk
    /// string.
    fn ask(&mut self, words: &[&[u8]]) -> String {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend_from_slice(word);
            request.extend(b"\r\n");
        }
        self.socket.get_mut().write_all(&request).unwrap();
        let mut answer = String::new();
        self.socket.read_line(&mut answer).unwrap();
        if let Some(bytes) = answer.strip_prefix('$') {
            let mut body = vec![0; bytes.trim().parse::<usize>().unwrap() + 2];
            self.socket.read_exact(&mut body).unwrap();
            answer = String::from_utf8(body).unwrap();
        }
        assert!(!answer.starts_with('-'), "{answer}");
        answer
    }

    fn write(&mut self, keys: impl Iterator<Item = u32>, fill: u8) {
        let value = [fill; VALUE_BYTES];
        for key in keys {
            self.ask(&[b"SET", format!("key:{key}").as_bytes(), &value]);
        }
    }

    fn is_saving(&mut self) -> bool {
        let info = self.ask(&[b"INFO", b"persistence"]);
        number_in(&info, "rdb_bgsave_in_progress").unwrap() == 1
    }

    /// What is in memory, and `mark` set, at one moment: nothing of the server runs meanwhile.
    fn at_rest(&self, mark: impl FnOnce()) -> Memory {
        signal(self.pid(), "STOP");
        until_stopped(self.pid());
        let memory = Memory::of(self.pid());
        mark();
        signal(self.pid(), "CONT");
        memory
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Waits until every thread is stopped (`T`, or gone).
fn until_stopped(pid: u32) {
    let stopped = |status: String| status.lines().any(|l| l.starts_with("State:\tT"));
    loop {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let mut states =
            threads.filter_map(|t| std::fs::read_to_string(t.path().join("status")).ok());
        if states.all(stopped) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The process that saves.
fn child_of(pid: u32) -> u32 {
    let numbers = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |other: &u32| {
        std::fs::read_to_string(format!("/proc/{other}/status"))
            .is_ok_and(|status| number_in(&status, "PPid") == Some(pid.into()))
    };
    pids.filter(|other| *other != pid).find(is_child).expect("the child has ended")
}

/// Cow faults of a phase by page.
fn cow_faults(lab: &Lab, pid: u32, phase: &str) -> BTreeMap<u64, u64> {
    let page_bytes = rustix::param::page_size() as u64;
    let mut faults = BTreeMap::new();
    let rows = rows(&lab.trace()).into_iter();
    for row in rows.filter(|row| row.pid == pid && row.phase == phase) {
        if row.kind.starts_with("cow/") {
            *faults.entry(row.addr / page_bytes).or_default() += 1;
        }
    }
    faults
}

/// Cow faults of a phase: on pages that it found shared and left private, on pages that were private
/// already, and others. All but the first gave no new copy that the process still has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kinds {
    copied: u64,
    reused: u64,
    others: u64,
}

fn sort(faults: &BTreeMap<u64, u64>, before: &Memory, after: &Memory) -> Kinds {
    let mut kinds = Kinds::default();
    for (&page, &count) in faults {
        match (before.is_exclusive(page), after.is_exclusive(page)) {
            (Some(false), Some(true)) => kinds.copied += count,
            (Some(true), _) => kinds.reused += count,
            _ => kinds.others += count,
        }
    }
    kinds
}

#[test]
fn redis_copies_what_it_writes_while_its_child_saves() {
    if !can_record("redis-server") {
        return;
    }
    let lab = Lab::alone();
    let mut server = Server::start(&lab);
    let pid = server.pid();
    server.write(0..KEYS, b'a');
    let mut recorder = Recorder::start(lab.pfrecord().arg("-p").arg(pid.to_string()));
    let to = recorder.child.id().to_string();
    let mark = |name: &str| {
        let output = lab.pfrecord_bare().args(["mark", name, "--to", &to]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };

    server.ask(&[b"BGSAVE"]);
    // A child that is stopped neither copies pages of its own nor gives any back, so only the server
    // changes who has what.
    let child = child_of(pid);
    signal(child, "STOP");
    until_stopped(child);
    let before = server.at_rest(|| mark("saving"));
    server.write((0..KEYS).step_by(2), b'b');
    let after = server.at_rest(|| mark("written"));
    assert!(server.is_saving());

    signal(child, "CONT");
    while server.is_saving() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let saved = server.at_rest(|| mark("saved"));
    server.write((1..KEYS).step_by(2), b'c');
    let end = server.at_rest(|| mark("end"));
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    assert!(status.success(), "{said}");
    assert!(said.contains("0 lost"), "{said}");

    // While the child had the pages: each that the server took for itself cost one cow fault.
    let faults = cow_faults(&lab, pid, "saving");
    let unshared: Vec<u64> = before.unshared_in(&after).collect();
    let copied = unshared.len() as u64;
    for page in &unshared {
        assert_eq!(faults.get(page), Some(&1), "{:#x}", page << 12);
    }
    // What else faulted: pages that were the server's alone but still write-protected, because the
    // child had copied or dropped them before it was stopped; and copies that are gone again.
    let kinds = sort(&faults, &before, &after);
    assert_eq!(kinds.copied, copied, "{kinds:?}");
    let total: u64 = faults.values().sum();
    // smaps: private dirty memory grows by copies and by pages that were not there before, and shrinks
    // by what is given back to the system.
    let growth = after.private_dirty_pages.saturating_sub(before.private_dirty_pages);
    let new = before.new_in(&after);
    eprintln!(
        "{total} cow faults: {kinds:?}; private dirty memory grew by {growth} pages, {new} of them new"
    );
    assert!(total + new >= growth && total >= copied);
    // Half of the values, a page or more each, and nothing like that is new.
    assert!(copied > u64::from(KEYS) / 2 && growth > u64::from(KEYS) / 2, "{copied} {growth}");

    // With the child gone nothing is copied any more. The pages that it still shared at its end are
    // write-protected: they fault as before, and are reused.
    let faults = cow_faults(&lab, pid, "saved");
    let kinds = sort(&faults, &saved, &end);
    let growth = end.private_dirty_pages.saturating_sub(saved.private_dirty_pages);
    let total: u64 = faults.values().sum();
    eprintln!("without the child: {total} cow faults: {kinds:?}; grew by {growth} pages");
    assert_eq!((kinds.copied, saved.unshared_in(&end).count()), (0, 0), "{kinds:?}");
    assert!(kinds.reused > u64::from(KEYS) / 4, "{kinds:?}");
    assert!(growth <= saved.new_in(&end), "{growth}");
}
