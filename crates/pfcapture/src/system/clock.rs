//! The clocks of a trace.

use rustix::time::{ClockId, clock_gettime};

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// `CLOCK_MONOTONIC`, the clock of every time in a trace.
#[must_use]
pub fn monotonic_ns() -> u64 {
    read(ClockId::Monotonic)
}

/// `CLOCK_REALTIME`: nanoseconds since the Unix epoch.
#[must_use]
pub fn realtime_ns() -> u64 {
    read(ClockId::Realtime)
}

/// `CLOCK_BOOTTIME`: goes on while the machine sleeps.
#[must_use]
pub fn boottime_ns() -> u64 {
    read(ClockId::Boottime)
}

/// One moment by all clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// [`monotonic_ns`].
    pub monotonic_ns: u64,
    /// [`realtime_ns`].
    pub realtime_ns: u64,
    /// [`boottime_ns`].
    pub boottime_ns: u64,
}

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self {
            monotonic_ns: monotonic_ns(),
            realtime_ns: realtime_ns(),
            boottime_ns: boottime_ns(),
        }
    }
}
