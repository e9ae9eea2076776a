//! A clock that is set while a recording runs.

use std::process::Command;

use pft::Trace;
use pft::record::{Checkpoint, Frame};

use super::steady::Steady;
use super::{Tally, check};
use crate::recording::{Lab, Recorder, is_root};

/// Seconds by which the clock is set unless `PFT_FIRE_CLOCK` says otherwise: whatever else runs on the machine sees
/// it, builds and time stamps of files among it.
const STEPS: &str = "5,-5";

/// Sets `CLOCK_REALTIME` by so many seconds, and back by as many when dropped.
struct Step(i32);

impl Step {
    fn by(seconds: i32) -> Self {
        assert!(set(seconds));
        Self(seconds)
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !set(-self.0) {
            eprintln!("the clock is off by {} s", self.0);
        }
    }
}

fn set(seconds: i32) -> bool {
    let script = format!("import time as t; t.clock_settime(0, t.clock_gettime(0) + ({seconds}))");
    Command::new("python3").args(["-c", &script]).status().unwrap().success()
}

#[test]
fn a_clock_that_is_set_changes_no_duration() {
    let steps = std::env::var("PFT_FIRE_CLOCK").unwrap_or_else(|_| STEPS.to_owned());
    if !is_root() || steps.is_empty() {
        eprintln!(
            "skipped: sets the machine's clock, which needs root and PFT_FIRE_CLOCK not empty"
        );
        return;
    }
    // Where it may not be set at all, nothing is to be tested.
    if !set(0) {
        eprintln!("skipped: the clock cannot be set here");
        return;
    }
    let lab = Lab::alone();
    let target = Steady::start(&lab);
    let mut tally = Tally::of("CLOCK_REALTIME set meanwhile");
    for seconds in steps.split(',').map(|text| text.parse::<i32>().unwrap()) {
        let before = target.faults();
        let mut recorder =
            Recorder::start(lab.pfrecord().args(["-f", "-p", &target.pid().to_string()]));
        target.make(1_000);
        let step = Step::by(seconds);
        target.make(1_000);
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        drop(step);
        assert_eq!(status.code(), Some(0), "{said}");
        let content = check(&lab.trace(), &target, target.faults() - before, &mut tally);
        let trace = Trace::open(lab.trace()).unwrap();
        let header = trace.header();
        let Checkpoint { time_ns, realtime_ns, boottime_ns, .. } = content.last;
        // The clock of the trace has gone on; the other one went by the step more, or less.
        let lasted_ns = time_ns - header.start_ns;
        let by_wall_ns = realtime_ns as i128 - i128::from(header.start_realtime_ns);
        let stepped_ns = by_wall_ns - i128::from(lasted_ns);
        assert_eq!((stepped_ns as f64 / 1e9).round(), f64::from(seconds), "{by_wall_ns}");
        assert!(lasted_ns < 600_000_000_000 && boottime_ns >= time_ns, "{:?}", content.last);
        for (_, frame) in trace.iter() {
            let Frame::Faults(batch) = frame.unwrap() else { continue };
            let inside = header.start_ns..time_ns;
            assert!(batch.columns.time_ns.iter().all(|time| inside.contains(time)));
            assert!(batch.columns.latency_ns.iter().all(|&ns| ns < lasted_ns || ns == u64::MAX));
        }
        println!(
            "fire: clock set by {seconds} s: the recording lasted {lasted_ns} ns all the same"
        );
    }
    target.finish();
    tally.print();
}
