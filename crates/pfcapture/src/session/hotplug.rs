//! CPUs that come and go while a recording runs.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use crate::Error;
use crate::event;
use crate::sys::{self, Bound};
use crate::system::permission;

/// Follows which CPUs are watched. Events that are bound to a thread and a CPU work again when that CPU
/// comes back; those that are bound to a CPU alone do not, and for a CPU that was not there at the
/// start nothing was opened.
#[derive(Debug)]
pub struct Cpus {
    /// With a ring.
    recorded: Vec<u32>,
    /// Where events are bound to CPUs: one of each, which is dead when the others are.
    probes: Vec<(u32, OwnedFd)>,
    /// Online, and not watched: faults on them are missing.
    pub unwatched: BTreeSet<u32>,
}

impl Cpus {
    /// The CPUs that have rings, where events are bound to threads.
    pub fn of_threads(recorded: &[u32]) -> Self {
        Self { recorded: recorded.to_vec(), probes: Vec::new(), unwatched: BTreeSet::new() }
    }

    /// The CPUs that have rings, where events are bound to CPUs. Comes before those events: a CPU that
    /// goes in between is known to have gone.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn bound(recorded: &[u32]) -> Result<Self, Error> {
        let mut cpus = Self::of_threads(recorded);
        for &cpu in recorded {
            let probe =
                sys::perf_event_open(&event::probe_attr(), Bound::Everything, Some(cpu), None)
                    .map_err(|error| permission::explain_cpu(error, "dummy"))?;
            cpus.probes.push((cpu, probe));
        }
        Ok(cpus)
    }

    /// Takes in which are online now. A CPU that was away between two looks is noticed, too.
    pub fn look(&mut self, online: &[u32]) {
        let dead: Vec<u32> =
            self.probes.iter().filter(|(_, probe)| is_dead(probe)).map(|&(cpu, _)| cpu).collect();
        self.note(online, &dead);
    }

    fn note(&mut self, online: &[u32], dead: &[u32]) {
        let missed = |cpu: &&u32| !self.recorded.contains(cpu) || dead.contains(cpu);
        let missed: Vec<u32> = online.iter().filter(missed).copied().collect();
        self.unwatched.extend(missed);
    }
}

/// Whether the time for which an event was enabled stands still: its CPU went offline, if only for a
/// moment.
fn is_dead(probe: &OwnedFd) -> bool {
    let first = enabled_ns(probe);
    first.is_some() && first == enabled_ns(probe)
}

/// The second number of a counter that is read with its time.
fn enabled_ns(probe: &OwnedFd) -> Option<u64> {
    let mut numbers = [0; 16];
    let read = rustix::io::read(probe, &mut numbers).ok()?;
    let (_, enabled) = numbers.get(..read)?.split_first_chunk::<8>()?;
    enabled.try_into().map(u64::from_ne_bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_missed_while_it_is_online() {
        let mut cpus = Cpus::of_threads(&[0, 1]);
        cpus.note(&[0, 1], &[]);
        cpus.note(&[0], &[1]);
        assert_eq!(cpus.unwatched, BTreeSet::new());
        cpus.note(&[0, 1], &[1]);
        assert_eq!(cpus.unwatched, BTreeSet::from([1]));
    }

    #[test]
    fn what_comes_back_is_watched_through_threads() {
        let mut cpus = Cpus::of_threads(&[0, 1]);
        cpus.look(&[0]);
        cpus.look(&[0, 1]);
        assert_eq!(cpus.unwatched, BTreeSet::new());
    }

    #[test]
    fn a_new_cpu_is_never_watched() {
        let mut cpus = Cpus::of_threads(&[0, 1]);
        cpus.look(&[0, 1, 2]);
        assert_eq!(cpus.unwatched, BTreeSet::from([2]));
    }

    #[test]
    fn cpus_that_stay_are_alive() {
        // Not everybody may watch CPUs.
        let Ok(mut cpus) = Cpus::bound(&[0]) else { return };
        cpus.look(&[0]);
        assert_eq!(cpus.unwatched, BTreeSet::new());
    }
}
