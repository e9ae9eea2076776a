//! Which files are opened.

use std::fs::File;

use pft::record::SnapshotReason;

use super::*;
use crate::snapshot;

/// A file at a path, as a mapping of it would be recorded.
fn key(path: &Path, inode_of: &Path) -> FileKey {
    let meta = inode_of.metadata().unwrap();
    FileKey {
        dev_major: rustix::fs::major(meta.dev()),
        dev_minor: rustix::fs::minor(meta.dev()),
        inode: meta.ino(),
        path: path.as_os_str().as_bytes().to_vec(),
    }
}

fn state(opener: &Opener, key: &FileKey) -> (bool, ModuleState) {
    let opened = opener.file(key).unwrap();
    (opened.file.is_some(), opened.state)
}

#[test]
fn what_a_process_runs_is_open_when_it_was_mapped() {
    let opener = Opener::start().unwrap();
    let own = std::process::id();
    let snapshot = snapshot::take(Path::new("/proc"), own, SnapshotReason::Start).unwrap();
    opener.look_at_vmas(own, &snapshot.vmas);
    opener.finish(Vec::new(), Vec::new(), &AtomicBool::new(false));
    let exe = std::env::current_exe().unwrap();
    let code = snapshot
        .vmas
        .iter()
        .find(|vma| vma.prot & EXEC != 0 && vma.path == exe.as_os_str().as_bytes());
    let opened = opener.file(&FileKey::of_vma(code.unwrap())).unwrap();
    assert_eq!(opened.file.unwrap().metadata().unwrap().ino(), exe.metadata().unwrap().ino());
    // What is mapped without being run is left alone.
    let data = |vma: &&Vma| {
        let key = FileKey::of_vma(vma);
        let runs = snapshot
            .vmas
            .iter()
            .any(|other| other.prot & EXEC != 0 && FileKey::of_vma(other) == key);
        !runs
    };
    for vma in snapshot.vmas.iter().filter(data) {
        assert!(opener.file(&FileKey::of_vma(vma)).is_none());
    }
}

#[test]
fn a_path_is_believed_only_if_it_leads_to_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("file"), folder.path().join("other"));
    let (gone, pipe) = (folder.path().join("gone"), folder.path().join("pipe"));
    std::fs::write(&file, "file").unwrap();
    std::fs::write(&other, "other").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR).unwrap();
    let keys = [
        key(&file, &file),
        key(&file, &other),
        key(&gone, &file),
        // Opening one would wait for a writer.
        key(&pipe, &pipe),
    ];
    let opener = Opener::start().unwrap();
    opener.finish(keys.to_vec(), Vec::new(), &AtomicBool::new(false));
    let states = keys.map(|key| state(&opener, &key));
    let expected = [
        (true, ModuleState::Read),
        (false, ModuleState::Replaced),
        (false, ModuleState::NotOpened),
        (false, ModuleState::NotOpened),
    ];
    assert_eq!(states, expected);
}

#[test]
fn the_file_of_a_process_that_is_gone_is_found_by_its_path_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "file").unwrap();
    let of_it = key(&file, &file);
    let opener = Opener::start().unwrap();
    // No process has this number.
    opener.want(of_it.clone(), i32::MAX as u32, 0x1000..0x2000, monotonic_ns());
    opener.catch_up(Duration::from_secs(600));
    assert_eq!(state(&opener, &of_it), (true, ModuleState::Read));
    assert_eq!(opener.open_count(), 1);
    // When it is deleted later, it is open.
    std::fs::remove_file(&file).unwrap();
    opener.finish(vec![of_it.clone()], Vec::new(), &AtomicBool::new(false));
    assert_eq!(state(&opener, &of_it), (true, ModuleState::Read));
}

#[test]
fn what_was_written_since_it_was_mapped_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["before", "after", "larger"].map(|name| folder.path().join(name));
    let now_ns = realtime_ns();
    let writable = |path: &Path| File::options().write(true).open(path).unwrap();
    for (path, written_ns) in files.iter().zip([1, now_ns - 1_000_000_000, 1]) {
        std::fs::write(path, "file").unwrap();
        let written = std::time::UNIX_EPOCH + Duration::from_nanos(written_ns);
        writable(path).set_modified(written).unwrap();
    }
    let keys = files.each_ref().map(|path| key(path, path));
    let opener = Opener::start().unwrap();
    // All were mapped two seconds ago.
    let mapped_ns = monotonic_ns() - 2_000_000_000;
    for key in &keys {
        opener.want(key.clone(), i32::MAX as u32, 0x1000..0x2000, mapped_ns);
    }
    opener.catch_up(Duration::from_secs(600));
    let states = |opener: &Opener| keys.each_ref().map(|key| state(opener, key));
    let (read, replaced) = ((true, ModuleState::Read), (false, ModuleState::Replaced));
    assert_eq!(states(&opener), [read, replaced, read]);
    // The same inode, at the same time as far as its clock tells, with more in it.
    std::fs::write(&files[2], "other file").unwrap();
    writable(&files[2]).set_modified(std::time::UNIX_EPOCH + Duration::from_nanos(1)).unwrap();
    assert!(opener.file(&keys[2]).unwrap().unchanged().is_none());
    for _ in 0..2 {
        opener.finish(keys.to_vec(), Vec::new(), &AtomicBool::new(false));
        assert_eq!(states(&opener), [read, replaced, replaced]);
    }
}

#[test]
fn nobody_waits_twice_for_what_does_not_answer() {
    let (requests, _inbox) = channel();
    let opener = Opener { requests, shared: Arc::default() };
    opener.catch_up(Duration::from_secs(600));
    opener.want_perf_map(1);
    opener.catch_up(Duration::from_millis(1));
    assert_eq!(opener.shared.lock().stuck_at, Some(0));
    // This would take a day.
    opener.catch_up(Duration::from_secs(86_400));
}
