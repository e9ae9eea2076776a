//! Disks that are full, fail, or keep the recorder waiting.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pft::keys::ledger;
use pft::record::LostBy;

use super::steady::{Rows, Steady};
use super::{Tally, check, rounds};
use crate::content::Content;
use crate::recording::{Lab, Recorder, User, is_root, pfreport, program, unwrapped};
use crate::robust::wait_until;

/// A file system that is mounted as long as this lives.
pub struct Mounted {
    folder: PathBuf,
    server: Option<Child>,
}

impl Mounted {
    /// A tmpfs with these options; `None` where nothing can be mounted.
    pub fn tmpfs(lab: &Lab, options: &str) -> Option<Self> {
        let folder = Self::folder(lab)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&folder);
        mount.status().unwrap().success().then_some(Self { folder, server: None })
    }

    /// A file system that fails as its control file says.
    fn failing(lab: &Lab) -> Option<Self> {
        let folder = Self::folder(lab)?;
        let mut mounted = Self { folder, server: None };
        mounted.behave("ok");
        let mut python = Command::new("python3");
        python.args(["-c", include_str!("failing_disk.py")]).arg(&mounted.folder);
        python.arg(mounted.control()).stdout(Stdio::piped());
        let mut server = python.spawn().unwrap();
        let mut greeting = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut greeting).unwrap();
        mounted.server = Some(server);
        if greeting != "ready\n" {
            eprintln!("skipped: no FUSE here");
            return None;
        }
        Some(mounted)
    }

    fn folder(lab: &Lab) -> Option<PathBuf> {
        if !is_root() {
            eprintln!("skipped: needs root, to mount a file system");
            return None;
        }
        let folder = lab.dir.path().join("mounted");
        std::fs::create_dir_all(&folder).unwrap();
        Some(folder)
    }

    fn control(&self) -> PathBuf {
        self.folder.with_extension("control")
    }

    fn behave(&self, how: &str) {
        // In one piece: it may be read at any time.
        let new = self.control().with_extension("new");
        std::fs::write(&new, how).unwrap();
        std::fs::rename(new, self.control()).unwrap();
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

/// A recorder of the target that writes there.
pub fn record(trace: &Path, target: &Steady, options: &[&str]) -> Recorder {
    let mut command = Command::new(program("pfrecord"));
    command.arg("-o").arg(trace).args(["-p", &target.pid().to_string()]).args(options);
    Recorder::start(&mut command)
}

/// Lets the target fault until some of that is in the file.
pub fn begin_to_fill(trace: &Path, target: &Steady) {
    let length = || std::fs::metadata(trace).unwrap().len();
    let before = length();
    // More than a batch; each fault takes at least half a byte.
    target.make(70_000);
    wait_until("faults in the file", || length() > before + 30_000);
}

/// A trace that could not be written on ends with a ledger that counts what is missing.
pub fn check_closed_early(trace: &Path, said: &str, tally: &mut Tally) {
    assert!(said.contains(" faults and the number of those that are missing: "), "{said}");
    let content = Content::open(trace);
    tally.add(&content);
    let dropped = content.count(ledger::DROPPED_RECORDER).unwrap();
    let placed = content.losses.iter().filter(|lost| lost.by == LostBy::Recorder);
    assert_eq!(placed.map(|lost| lost.count).sum::<u64>(), dropped);
    assert_ne!(dropped, 0);
    assert!(said.contains(&format!(" with {} faults", content.completed)), "{said}");
    assert_eq!(content.fact(pft::keys::fact::RECORDING_ENDED_BY), Some("failure"));
    let output = pfreport(trace, &[]);
    let text = unwrapped(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("LOST "), "{text}");
}

/// Records while the target faults at full speed, until a failure ends it. Returns what the recorder said.
pub fn record_until(trace: &Path, target: &Steady, failure: impl FnOnce()) -> String {
    let mut recorder = record(trace, target, &[]);
    begin_to_fill(trace, target);
    failure();
    target.run();
    let (status, said) = recorder.finish();
    target.pause();
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

#[test]
fn on_a_full_disk_the_trace_ends_in_the_room_that_was_kept() {
    let lab = Lab::new(User::Own);
    let Some(disk) = Mounted::tmpfs(&lab, "size=1m") else { return };
    let target = Steady::start(&lab);
    let mut tally = Tally::of("disk full, then free again");
    for _ in 0..rounds(2) {
        let trace = disk.file("run.pft");
        let said = record_until(&trace, &target, || {
            // Something else takes what is left, apart from what is kept for the end.
            assert!(std::fs::write(disk.file("filler"), vec![1; 1 << 20]).is_err());
        });
        assert!(said.contains("(os error 28): free room there"), "{said}");
        check_closed_early(&trace, &said, &mut tally);
        std::fs::remove_file(disk.file("filler")).unwrap();
        std::fs::remove_file(trace).unwrap();
    }
    target.finish();
    tally.print();
}

#[test]
fn a_disk_that_was_full_for_a_moment_has_a_closed_trace() {
    let mut tally = Tally::of("disk full for a moment");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let Some(disk) = Mounted::failing(&lab) else { return };
        let target = Steady::start(&lab);
        let trace = disk.file("run.pft");
        let said = record_until(&trace, &target, || disk.behave("enospc"));
        check_closed_early(&trace, &said, &mut tally);
        target.finish();
    }
    tally.print();
}

#[test]
fn a_disk_that_fails_leaves_what_it_took() {
    let mut tally = Tally::of("EIO of every write from some moment on");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let Some(disk) = Mounted::failing(&lab) else { return };
        let target = Steady::start(&lab);
        let trace = disk.file("run.pft");
        let said = record_until(&trace, &target, || disk.behave("eio"));
        disk.behave("ok");
        assert!(said.contains(": it ends after ") && said.contains(" is valid up to there, with "));
        assert!(said.contains("(os error 5): its disk fails, see dmesg"), "{said}");
        let rows = Rows::read(&trace, target.range());
        assert!(!rows.is_complete && !rows.is_ended);
        rows.check_unbroken();
        assert!(said.contains(&format!(" with {} faults", rows.touches.len())), "{said}");
        tally.add_rows(rows.touches.len() as u64);
        target.finish();
    }
    tally.print();
}

#[test]
fn a_trace_that_may_not_stay_is_not_called_written() {
    let mut tally = Tally::of("EIO of the sync at the end");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let Some(disk) = Mounted::failing(&lab) else { return };
        let target = Steady::start(&lab);
        let (before, trace) = (target.faults(), disk.file("run.pft"));
        let mut recorder = record(&trace, &target, &[]);
        target.make(30_000);
        disk.behave("fsync");
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        assert_eq!(status.code(), Some(1), "{said}");
        let words = "bytes are a whole trace, but may be gone when the machine starts again";
        assert!(said.contains(words) && said.contains("(os error 5): its disk fails"), "{said}");
        assert!(!said.contains("wrote "), "{said}");
        check(&trace, &target, target.faults() - before, &mut tally);
        target.finish();
    }
    tally.print();
}

/// Bytes in a file that are more than one batch of faults, and fewer than wait.
const SEVERAL_BATCHES: u64 = 400_000;

#[test]
fn a_disk_that_is_stuck_for_a_while_costs_what_memory_does_not_hold() {
    let mut tally = Tally::of("disk stuck, then going on");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let Some(disk) = Mounted::failing(&lab) else { return };
        let target = Steady::start(&lab);
        let (before, trace) = (target.faults(), disk.file("run.pft"));
        let mut recorder = record(&trace, &target, &[]);
        disk.behave("stuck");
        // Twelve batches of 65,536 may wait.
        target.make(1_300_000);
        disk.behave("ok");
        // Until there is room for more again, of each second too.
        let size = std::fs::metadata(&trace).unwrap().len();
        wait_until("the disk", || {
            std::fs::metadata(&trace).unwrap().len() > size + SEVERAL_BATCHES
        });
        target.make(1_000);
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        assert_eq!(status.code(), Some(3), "{said}");
        assert!(
            said.contains("were dropped because writing fell behind: try a faster disk"),
            "{said}"
        );
        check(&trace, &target, target.faults() - before, &mut tally);
        // It has gone on: the last touches are there.
        let rows = Rows::read(&trace, target.range());
        let last = (target.done() - 1) % super::steady::PAGES;
        assert_eq!(rows.touches.last().unwrap().1, last);
        target.finish();
    }
    tally.print();
}

#[test]
fn where_nothing_can_be_created_nothing_is_begun() {
    let lab = Lab::new(User::Nobody);
    let Some(disk) = Mounted::tmpfs(&lab, "mode=755") else { return };
    let refused = |command: &mut Command, words: &str| {
        let touched = lab.dir.path().join("touched");
        let output = command.args(["--", "touch"]).arg(&touched).output().unwrap();
        crate::refusals::refused(&output, 2, words);
        assert!(!touched.exists() && !disk.file("run.pft").exists());
    };
    let to_disk = |command: &mut Command| {
        command.arg("-o").arg(disk.file("run.pft"));
    };
    // A folder of somebody else.
    let mut command = lab.pfrecord_bare();
    to_disk(&mut command);
    refused(&mut command, "(os error 13): record to a folder of your own with -o");
    // A disk that nobody may write to.
    let mut remount = Command::new("mount");
    remount.args(["-o", "remount,ro"]).arg(disk.file(""));
    assert!(remount.status().unwrap().success());
    let mut command = Command::new(program("pfrecord"));
    to_disk(&mut command);
    refused(&mut command, "(os error 30): it is mounted read-only");
}
