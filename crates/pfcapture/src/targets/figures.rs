//! What the kernel counted, to the last fault.
//!
//! The kernel counts an event and a moment later writes its record or counts the loss; it reports the
//! one figure and a moment later the other. Meanwhile nothing else runs on that CPU. So the recorder
//! goes to the CPU of an event to read it: no fault is half counted then.

use std::io;
use std::os::fd::OwnedFd;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::Event;

/// The kernel's own figures of all events of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventCount {
    /// Times that the event fired.
    pub count: u64,
    /// Records that found no room in the ring; `None` before Linux 6.0.
    pub lost: Option<u64>,
}

/// What an event has counted: records that went into a ring, and lost ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records in a ring.
    pub written: u64,
    /// Records that found no room.
    pub lost: u64,
}

/// The recorder may be interrupted between two readings of its own: how often it reads again.
const MAX_READINGS: usize = 64;
/// From another CPU a fault may be met half counted: so many readings are made to meet it whole.
const READINGS_FROM_AFAR: usize = 8;

/// The figures of all events while their rings are paused.
#[must_use]
pub fn settled(events: &[Event]) -> Vec<Figures> {
    let mut figures = vec![Figures::default(); events.len()];
    let mut cpus: Vec<u32> = events.iter().map(|event| event.cpu).collect();
    cpus.sort_unstable();
    cpus.dedup();
    let tour = Tour::begin();
    for cpu in cpus {
        let arrived = tour.as_ref().is_some_and(|tour| tour.visit(cpu));
        let readings = if arrived { 1 } else { READINGS_FROM_AFAR };
        let there = events.iter().zip(&mut figures).filter(|(event, _)| event.cpu == cpu);
        for (event, figures) in there {
            *figures = settle(readings, || read_figures(&event.fd));
        }
    }
    figures
}

/// The figures of all events as they stand.
#[must_use]
pub fn current(events: &[Event]) -> Vec<Figures> {
    events.iter().map(|event| read_figures(&event.fd)).collect()
}

/// The figures of an event whose ring is paused, so that each record is lost. What was written is known
/// where no loss came between two readings, but for a fault that is counted and not yet lost: the least
/// of `wanted` such readings.
fn settle(wanted: usize, mut read: impl FnMut() -> Figures) -> Figures {
    let mut last = read();
    let mut quiet = 0;
    let mut written: Option<u64> = None;
    for _ in 0..MAX_READINGS {
        let now = read();
        if now.lost == last.lost {
            quiet += 1;
            written = Some(written.map_or(now.written, |least| least.min(now.written)));
        }
        last = now;
        if quiet == wanted {
            break;
        }
    }
    Figures { written: written.unwrap_or(last.written), lost: last.lost }
}

fn read_figures(event: &OwnedFd) -> Figures {
    let EventCount { count, lost } = read_count(event, true).unwrap_or_default();
    let lost = lost.unwrap_or(0);
    Figures { written: count.saturating_sub(lost), lost }
}

/// Reads an event; `lost_counts` tells whether it was opened to report its losses.
///
/// # Errors
/// What read(2) refuses.
pub fn read_count(event: &OwnedFd, lost_counts: bool) -> io::Result<EventCount> {
    let mut words = [0; 16];
    let read = rustix::io::read(event, &mut words)?;
    let word = |index: usize| {
        let bytes = words.get(index * 8..index * 8 + 8)?.try_into().ok()?;
        (read >= index * 8 + 8).then(|| u64::from_ne_bytes(bytes))
    };
    let count = word(0).ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(EventCount { count, lost: if lost_counts { word(1) } else { None } })
}

/// This thread, sent from CPU to CPU; back where it may run when dropped.
struct Tour {
    home: CpuSet,
}

impl Tour {
    fn begin() -> Option<Self> {
        Some(Self { home: sched_getaffinity(None).ok()? })
    }

    /// Goes to a CPU; `false` where it is not let: that CPU is offline, or not for this process.
    fn visit(&self, cpu: u32) -> bool {
        let cpu = cpu as usize;
        if cpu >= CpuSet::MAX_CPU {
            return false;
        }
        let mut there = CpuSet::new();
        there.set(cpu);
        sched_setaffinity(None, &there).is_ok()
    }
}

impl Drop for Tour {
    fn drop(&mut self) {
        // They are those that it had.
        let _ = sched_setaffinity(None, &self.home);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled_from_afar(readings: &[(u64, u64)]) -> (u64, u64) {
        let mut readings = readings.iter().cycle();
        let Figures { written, lost } = settle(READINGS_FROM_AFAR, || {
            let (count, lost) = *readings.next().unwrap();
            Figures { written: count - lost, lost }
        });
        (written, lost)
    }

    #[test]
    fn what_was_written_is_told_by_readings_without_a_loss_in_between() {
        // At rest.
        assert_eq!(settled_from_afar(&[(105, 5)]), (100, 5));
        // The second reading meets a fault that is counted and not yet lost.
        assert_eq!(settled_from_afar(&[(105, 5), (106, 5), (106, 6), (106, 6)]), (100, 6));
        // Losses come between the reading of the count and that of the losses.
        assert_eq!(settled_from_afar(&[(105, 5), (105, 7), (107, 7), (107, 7)]), (100, 7));
    }

    #[test]
    fn a_cpu_that_never_rests_is_given_up() {
        assert_eq!(settled_from_afar(&[(105, 5), (106, 6)]), (100, 5));
    }

    #[test]
    fn a_tour_ends_where_it_began() {
        let home = sched_getaffinity(None).unwrap();
        let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| home.is_set(cpu)).collect();
        let tour = Tour::begin().unwrap();
        for &cpu in &cpus {
            assert!(tour.visit(u32::try_from(cpu).unwrap()));
            assert_eq!(rustix::thread::sched_getcpu(), cpu);
        }
        assert!(!tour.visit(u32::try_from(CpuSet::MAX_CPU).unwrap()));
        drop(tour);
        assert_eq!(sched_getaffinity(None).unwrap(), home);
    }
}
