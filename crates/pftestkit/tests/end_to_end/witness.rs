//! What the records of a trace say by themselves, without the model: a witness for expectations that
//! depend on when the recorder happened to look.

use pft::Trace;
use pft::record::{Frame, Snapshot, TaskKind};

use crate::recording::{Range, Recording};

/// Whether a snapshot shows, before the fault that the process of `hole` makes there, that nothing is
/// mapped in that range any more. Its parent mapped the range, unmapped it, and then made the process.
pub fn shows_hole(recording: &Recording, (pid, start, end): Range) -> bool {
    let trace = Trace::open(recording.lab.trace()).unwrap();
    let (mut snapshots, mut fork, mut mapped_ns, mut fault_ns) = (Vec::new(), None, 0, None);
    let frames: Vec<Frame> = trace.iter().map(|(_, frame)| frame.unwrap()).collect();
    for frame in &frames {
        match frame {
            Frame::Snapshot(snapshot) => snapshots.push(snapshot),
            Frame::Tasks(tasks) => {
                let of_child = tasks.iter().find(|t| t.kind == TaskKind::Fork && t.tid == pid);
                fork = of_child.map(|task| (task.parent_pid, task.time_ns)).or(fork);
            }
            Frame::Maps(maps) => {
                let of_range = maps.iter().filter(|map| map.start < end && start < map.end);
                mapped_ns = of_range.map(|map| map.time_ns).fold(mapped_ns, u64::max);
            }
            Frame::Faults(batch) => {
                let faults = &batch.columns;
                let here = |&row: &usize| {
                    faults.pid[row] == pid && (start..end).contains(&faults.addr[row])
                };
                fault_ns = (0..faults.len()).find(here).map(|row| faults.time_ns[row]).or(fault_ns);
            }
            _ => {}
        }
    }
    let ((parent, fork_ns), fault_ns) = (fork.unwrap(), fault_ns.unwrap());
    let lacks = |snapshot: &Snapshot| {
        !snapshot.vmas.is_empty() && !snapshot.vmas.iter().any(|v| v.start < end && start < v.end)
    };
    snapshots.into_iter().any(|snapshot| {
        let in_time = snapshot.pid == parent && snapshot.start_ns <= fork_ns
            || snapshot.pid == pid && snapshot.start_ns <= fault_ns;
        mapped_ns < snapshot.start_ns && in_time && lacks(snapshot)
    })
}
