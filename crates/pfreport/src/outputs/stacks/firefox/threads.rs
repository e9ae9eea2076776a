//! The tracks of a profile: threads that had faults.

use std::collections::HashMap;

use fxprof_processed_profile::{Profile, ThreadHandle};

use super::at;
use crate::load::Loaded;
use crate::print::text::printable;

/// A thread that had faults.
#[derive(Debug, Clone)]
struct Thread {
    /// Process, index into [`pfmodel::table::Analysis::processes`].
    proc: u32,
    tid: u32,
    /// Its last name, index into [`pfmodel::table::Analysis::comms`].
    comm: u32,
    /// Its first fault.
    row: usize,
    from_ns: u64,
    to_ns: Option<u64>,
}

/// All of them, in order of their first fault.
#[derive(Debug, Default)]
pub struct Threads {
    all: Vec<Thread>,
    /// The thread of each fault.
    rows: Vec<u32>,
}

impl Threads {
    /// Finds them.
    pub fn of(loaded: &Loaded) -> Self {
        let faults = &loaded.analysis.faults;
        let mut threads = Self::default();
        let mut numbers: HashMap<(u32, u32), u32> = HashMap::new();
        let mut last = None;
        for row in 0..faults.len() {
            let who @ (proc, tid) = (faults.proc[row], faults.tid[row]);
            // Faults come in runs.
            let number = match last {
                Some((known, number)) if known == who => number,
                _ => *numbers.entry(who).or_insert(threads.all.len() as u32),
            };
            last = Some((who, number));
            let comm = faults.comm[row];
            match threads.all.get_mut(number as usize) {
                Some(thread) => thread.comm = comm,
                None => {
                    let from_ns = faults.time_ns[row];
                    threads.all.push(Thread { proc, tid, comm, row, from_ns, to_ns: None });
                }
            }
            threads.rows.push(number);
        }
        for life in &loaded.analysis.threads {
            let number = numbers.get(&(life.proc, life.tid));
            // A number that is used again within a process is one track.
            if let Some(thread) = number.and_then(|&n| threads.all.get_mut(n as usize)) {
                thread.from_ns = thread.from_ns.min(life.from_ns);
                thread.to_ns = thread.to_ns.max(Some(life.to_ns));
            }
        }
        threads
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// The thread of a fault.
    pub fn number(&self, row: usize) -> Option<u32> {
        self.rows.get(row).copied()
    }

    /// When a thread began, as far as is known; nanoseconds since the start of the trace.
    pub fn begin_ns(&self, number: u32) -> u64 {
        self.all.get(number as usize).map_or(0, |thread| thread.from_ns)
    }

    /// Makes them tracks.
    pub fn add_to(&self, profile: &mut Profile, loaded: &Loaded) -> Vec<ThreadHandle> {
        let analysis = &loaded.analysis;
        let name = |comm: u32| analysis.comms.get(comm as usize).map(|comm| printable(comm));
        let mut processes = HashMap::new();
        let add = |thread: &Thread| {
            let process = analysis.processes.get(thread.proc as usize);
            let pid = process.map_or(0, |process| process.pid);
            let owner = *processes.entry(thread.proc).or_insert_with(|| {
                let comm = process.and_then(|process| name(process.comm));
                let mut title = comm.unwrap_or_else(|| "[unknown]".to_owned());
                // Processes of several traces are told apart.
                let member = loaded
                    .members
                    .get(loaded.member_of(thread.row))
                    .filter(|_| loaded.are_several());
                if let Some(member) = member {
                    title = format!("{title} ({})", member.name);
                }
                let from_ns = process.map_or(0, |process| process.first_seen_ns);
                let owner = profile.add_process(&title, pid, at(from_ns));
                if let Some(exit_ns) = process.and_then(|process| process.exit_ns) {
                    profile.set_process_end_time(owner, at(exit_ns));
                }
                owner
            });
            let is_main = thread.tid == pid;
            let track = profile.add_thread(owner, thread.tid, at(thread.from_ns), is_main);
            if let Some(name) = name(thread.comm) {
                profile.set_thread_name(track, &name);
            }
            if let Some(to_ns) = thread.to_ns {
                profile.set_thread_end_time(track, at(to_ns));
            }
            track
        };
        self.all.iter().map(add).collect()
    }
}
