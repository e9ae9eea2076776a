//! SIGKILL of the recorder.

use std::time::Duration;

use super::steady::{PAGES, Rows, Steady};
use super::{KILLS, Random, Tally, rounds};
use crate::recording::{Lab, Recorder, User, pfreport, unwrapped};
use crate::robust::wait_until;

/// Touches before a kill, at most: a batch is written when it has 65,536 faults, and once a second.
const MOST: u64 = 180_000;

/// Kills that one target lives through.
const ROUNDS_OF_TARGET: usize = 10;

/// `CLOCK_MONOTONIC`, that of the trace.
fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[test]
fn a_recorder_killed_at_any_moment_leaves_what_it_had() {
    let (mut random, mut tally) = (Random::of(1), Tally::of("SIGKILL at random moments"));
    let (mut made, mut lags) = (0, Vec::new());
    let rounds = rounds(KILLS);
    for first in (0..rounds).step_by(ROUNDS_OF_TARGET) {
        // Between two labs others have the machine who want it alone.
        let lab = Lab::new(User::Own);
        let target = Steady::start(&lab);
        for _ in (first..rounds).take(ROUNDS_OF_TARGET) {
            let (faults, lag) = kill(&lab, &target, random.below(MOST), &mut tally);
            made += faults;
            lags.extend(lag);
        }
        let output = pfreport(&lab.trace(), &[]);
        let text = unwrapped(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("not closed") || text.contains("incomplete"), "{text}");
        assert!(!text.contains("exact: "), "{text}");
        // It is none the worse for it: it goes on, counts right, and ends well.
        target.finish();
    }
    tally.print();
    lags.sort_unstable();
    println!(
        "fire: of {made} faults until the kills; {} of {} files had some, the last one {:?} before the \
         kill in the middle, {:?} at most",
        lags.len(),
        tally.rounds,
        lags.get(lags.len() / 2),
        lags.last(),
    );
}

/// Kills a recorder of the target when so many pages were touched. Returns the touches from when it recorded until
/// it was dead, and how old the last one in its file was, if there is one.
fn kill(lab: &Lab, target: &Steady, touches: u64, tally: &mut Tally) -> (u64, Option<Duration>) {
    let before = target.pause();
    let mut recorder =
        Recorder::start(lab.pfrecord().args(["-f", "-p", &target.pid().to_string()]));
    target.run();
    target.wait_for(before + touches);
    let killed_ns = now_ns();
    recorder.signal("KILL");
    recorder.child.wait().unwrap();
    let made = target.pause() - before;
    let rows = Rows::read(&lab.trace(), target.range());
    assert!(!rows.is_complete && !rows.is_ended);
    // From the first touch on, without a gap, and none that was not made.
    rows.check_unbroken();
    rows.check_checkpoints();
    if let Some((_, page)) = rows.touches.first() {
        assert_eq!(*page, before % PAGES, "killed after {touches}");
    }
    assert!(rows.touches.len() as u64 <= made);
    tally.add_rows(rows.touches.len() as u64);
    let lag = rows.touches.last().map(|(last_ns, _)| killed_ns.saturating_sub(*last_ns));
    (made, lag.map(Duration::from_nanos))
}

#[test]
fn what_was_made_a_while_before_the_kill_is_in_the_file() {
    let lab = Lab::new(User::Own);
    let target = Steady::start(&lab);
    let mut tally = Tally::of("SIGKILL when all is written");
    for round in 0..rounds(2) {
        let before = target.done();
        let mut recorder =
            Recorder::start(lab.pfrecord().args(["-f", "-p", &target.pid().to_string()]));
        let made = 1_000 + 70_000 * round;
        target.make(made);
        // Nothing else happens that could move them on.
        let in_file = || Rows::read(&lab.trace(), target.range()).touches.len() as u64;
        wait_until("all faults in the file", || in_file() == made);
        wait_until("a ledger", || Rows::read(&lab.trace(), target.range()).checkpoints() > 0);
        recorder.signal("KILL");
        recorder.child.wait().unwrap();
        let rows = Rows::read(&lab.trace(), target.range());
        rows.check_unbroken();
        rows.check_checkpoints();
        assert_eq!((rows.touches.len() as u64, rows.touches[0].1), (made, before % PAGES));
        tally.add_rows(made);
    }
    target.finish();
    tally.print();
}
