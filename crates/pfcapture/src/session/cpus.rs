//! CPUs that come and go while a recording runs.

use std::collections::BTreeSet;

/// Follows which CPUs are online. Events that are bound to a thread and a CPU work again when that CPU
/// comes back; those that are bound to a CPU alone do not, and for a CPU that was not there at the
/// start nothing was opened.
#[derive(Debug)]
pub struct Cpus {
    /// With a ring.
    recorded: Vec<u32>,
    /// At the last look.
    online: Vec<u32>,
    bound_to_cpus: bool,
    /// Online, and not watched: faults on them are missing.
    pub unwatched: BTreeSet<u32>,
}

impl Cpus {
    /// The CPUs that have rings.
    pub fn new(recorded: &[u32], bound_to_cpus: bool) -> Self {
        Self {
            recorded: recorded.to_vec(),
            online: recorded.to_vec(),
            bound_to_cpus,
            unwatched: BTreeSet::new(),
        }
    }

    /// Takes in which are online now.
    pub fn look(&mut self, online: Vec<u32>) {
        for &cpu in &online {
            let came = !self.online.contains(&cpu);
            if came && (self.bound_to_cpus || !self.recorded.contains(&cpu)) {
                self.unwatched.insert(cpu);
            }
        }
        self.online = online;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_watched_only_through_threads() {
        for (bound_to_cpus, expected) in [(false, vec![]), (true, vec![1])] {
            let mut cpus = Cpus::new(&[0, 1], bound_to_cpus);
            cpus.look(vec![0, 1]);
            cpus.look(vec![0]);
            assert!(cpus.unwatched.is_empty());
            cpus.look(vec![0, 1]);
            assert_eq!(cpus.unwatched.iter().copied().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_new_cpu_is_never_watched() {
        let mut cpus = Cpus::new(&[0, 1], false);
        cpus.look(vec![0, 1, 2]);
        assert_eq!(cpus.unwatched, BTreeSet::from([2]));
    }
}
