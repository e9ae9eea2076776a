//! Others who remove, rename or cut the file, and readers who go.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use pft::keys::ledger;

use super::disk::{record, record_until};
use super::steady::{Rows, Steady};
use super::{Tally, check, rounds};
use crate::content::Content;
use crate::recording::{Lab, Recorder, User, pfreport};

/// Records until `disturb` has shown its effect: a recording that ends by itself.
fn disturbed(lab: &Lab, trace: &Path, disturb: impl FnOnce()) -> String {
    let target = Steady::start(lab);
    let said = record_until(trace, &target, disturb);
    target.finish();
    assert!(said.contains("pfrecord: the trace could not be written after "), "{said}");
    assert!(!said.contains("wrote "), "{said}");
    said
}

#[test]
fn a_recording_whose_file_is_removed_ends_and_says_so() {
    let lab = Lab::new(User::Own);
    let gone = "was removed while it was written: no trace is left there";
    let said = disturbed(&lab, &lab.trace(), || fs::remove_file(lab.trace()).unwrap());
    assert!(said.contains(gone), "{said}");
    assert!(!lab.trace().exists());
    let folder = lab.dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let said = disturbed(&lab, &folder.join("run.pft"), || fs::remove_dir_all(&folder).unwrap());
    assert!(said.contains(gone) && !folder.exists(), "{said}");
}

#[test]
fn a_file_that_was_moved_is_whole_and_found() {
    let mut tally = Tally::of("output renamed");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let target = Steady::start(&lab);
        let before = target.faults();
        let mut recorder = record(&lab.trace(), &target, &[]);
        let elsewhere = lab.dir.path().join("elsewhere.pft");
        fs::rename(lab.trace(), &elsewhere).unwrap();
        fs::write(lab.trace(), "of somebody else").unwrap();
        target.make(70_000);
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        let (trace, moved) = (lab.trace().display().to_string(), elsewhere.display().to_string());
        assert!(
            said.contains(&format!("{trace} was moved to {moved} while it was written")),
            "{said}"
        );
        assert!(said.contains(&format!("wrote {moved}: ")), "{said}");
        assert_eq!(fs::read(lab.trace()).unwrap(), b"of somebody else");
        check(&elsewhere, &target, target.faults() - before, &mut tally);
        target.finish();
    }
    tally.print();
}

#[test]
fn a_file_that_was_cut_has_what_is_left_and_the_number_of_what_is_not() {
    let mut tally = Tally::of("output cut by another process");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        for share in [0, 2] {
            let said = disturbed(&lab, &lab.trace(), || {
                let file = File::options().write(true).open(lab.trace()).unwrap();
                let size = file.metadata().unwrap().len();
                file.set_len(size.checked_div(share).unwrap_or(0)).unwrap();
            });
            assert!(said.contains("another process cut it meanwhile"), "{said}");
            assert!(said.contains(" and the number of those that are missing"), "{said}");
            let content = Content::open(&lab.trace());
            tally.add(&content);
            assert_ne!(content.count(ledger::DROPPED_RECORDER), Some(0));
            assert_eq!(pfreport(&lab.trace(), &[]).status.code(), Some(3));
            fs::remove_file(lab.trace()).unwrap();
        }
    }
    tally.print();
}

#[test]
fn a_reader_that_dies_has_a_valid_trace_up_to_there() {
    let mut tally = Tally::of("reader of -o - dies");
    for _ in 0..rounds(1) {
        let lab = Lab::new(User::Own);
        let target = Steady::start(&lab);
        let mut command = lab.pfrecord_bare();
        command.args(["-o", "-", "-p", &target.pid().to_string()]).stdout(Stdio::piped());
        let mut recorder = Recorder::started(&mut command);
        let mut stdout = recorder.child.stdout.take().unwrap();
        target.run();
        let mut taken = vec![0; 300_000];
        stdout.read_exact(&mut taken).unwrap();
        drop(stdout);
        let (status, said) = recorder.finish();
        target.pause();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("nobody reads standard output any more: "), "{said}");
        fs::write(lab.trace(), taken).unwrap();
        let rows = Rows::read(&lab.trace(), target.range());
        rows.check_unbroken();
        tally.add_rows(rows.touches.len() as u64);
        target.finish();
    }
    tally.print();
}
