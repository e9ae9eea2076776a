//! Signals at any moment of the recorder's life.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::steady::{Rows, Steady};
use super::{Random, Tally, rounds};
use crate::content::Content;
use crate::recording::{Lab, Recorder, User};

/// How long after the program was started, or after it began to record, microseconds.
const MOMENTS_US: u64 = 100_000;

/// The same command behind another that executes it.
fn behind(wrapper: &[&str], command: &Command) -> Command {
    let mut behind = Command::new(wrapper[0]);
    behind.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args());
    behind
}

#[test]
fn a_recording_behind_nohup_outlives_its_terminal() {
    let lab = Lab::new(User::Own);
    let target = Steady::start(&lab);
    let mut command = lab.pfrecord();
    command.args(["-d", "1s", "-p", &target.pid().to_string()]);
    let mut recorder = Recorder::start(&mut behind(&["nohup"], &command));
    recorder.signal("HUP");
    let (status, said) = recorder.finish();
    assert!(status.success(), "{said}");
    let content = Content::open(&lab.trace());
    assert_eq!(content.fact(pft::keys::fact::RECORDING_ENDED_BY), Some("duration"), "{said}");
    target.finish();
}

#[test]
fn signals_at_any_moment_leave_a_whole_trace_or_none() {
    let lab = Lab::new(User::Own);
    let target = Steady::start(&lab);
    let (mut random, mut tally) = (Random::of(2), Tally::of("signals at random moments"));
    let mut without = 0;
    target.run();
    for round in 0..rounds(25) {
        let signals: &[&str] = match round % 5 {
            0 => &["INT"],
            1 => &["TERM"],
            2 => &["HUP"],
            3 => &["INT", "INT"],
            _ => &["TERM", "INT", "HUP"],
        };
        let mut command = lab.pfrecord();
        command.args(["-f", "-p", &target.pid().to_string()]);
        // The tests may have been started with some of them ignored.
        let mut command = behind(&["env", "--default-signal"], &command);
        // It is caught when the program has set up its recording, and ends it at once before.
        let mut recorder = match round % 2 {
            0 => Recorder::start(&mut command),
            _ => Recorder::launched(&mut command),
        };
        let moment = Duration::from_micros(random.below(MOMENTS_US));
        std::thread::sleep(moment);
        for signal in signals {
            let pid = recorder.child.id().to_string();
            // Before the program catches it, the first one has ended it.
            let _ = Command::new("kill").args(["-s", signal, &pid]).stderr(Stdio::null()).status();
        }
        let (status, said) = recorder.finish();
        match status.code() {
            Some(0 | 3) => {
                let content = Content::open(&lab.trace());
                tally.add(&content);
                let ended_by = content.fact(pft::keys::fact::RECORDING_ENDED_BY);
                assert_eq!(ended_by, Some("signal"), "{moment:?} {said}");
                assert!(Rows::read(&lab.trace(), target.range()).is_ended);
                std::fs::remove_file(lab.trace()).unwrap();
            }
            // Nothing was begun.
            None if round % 2 != 0 => {
                without += 1;
                assert!(!lab.trace().exists(), "{signals:?} after {moment:?}: {said}");
                assert_eq!(said, "", "{signals:?} after {moment:?}");
            }
            other => panic!("{other:?} of {signals:?} after {moment:?}: {said}"),
        }
    }
    target.finish();
    tally.print();
    println!("fire: {without} more ended before they had begun");
}
