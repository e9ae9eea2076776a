//! Processes that are their own parents, and generations without end.

use pft::record::{TaskKind, TaskRecord};

use super::{BASE, Fault, Named, ODD, PAGE, Recording, START_NS, map, task};

pub const ALL: &[Named] = &[
    ("a process that is its own parent", |_| own_parent()),
    ("parents that form a ring", |_| ring()),
    ("generations of forks", generations),
    ("forks of a large address space", wide_forks),
    ("a fork, an exec and an exit at each moment", churn),
    ("faults of a process each", strangers),
    ("faults of a thread each", threads),
    ("tasks at odd times", |_| odd_times()),
    ("exits before forks", |_| exits_first()),
];

fn own_parent() -> Vec<u8> {
    let fork =
        |n| TaskRecord { tid: 100 + n as u32 % 3, ..task(START_NS + n, TaskKind::Fork, 100, 100) };
    Recording::new().tasks((0..100).map(fork)).maps(pages()).some_faults().end()
}

fn ring() -> Vec<u8> {
    let fork =
        |n: u32| task(START_NS + u64::from(n), TaskKind::Fork, 100 + (n + 1) % 5, 100 + n % 5);
    Recording::new().tasks((0..500).map(fork)).maps(pages()).some_faults().end()
}

fn pages() -> impl Iterator<Item = pft::record::MapRecord> {
    (0..40).map(|n| map(START_NS + n, BASE + n * PAGE, BASE + (n + 1) * PAGE, "/pages"))
}

/// Each a child of the one before, all alive, the last of which faults.
fn generations(rows: usize) -> Vec<u8> {
    let last = rows as u32;
    let fork = |n: u32| task(START_NS + 100 + u64::from(n), TaskKind::Fork, 101 + n, 100 + n);
    let faults = (0..1_000).map(|n| Fault {
        time_ns: START_NS + 1_000_000_000 + n,
        pid: 100 + last - (n % 2) as u32,
        tid: 100 + last - (n % 2) as u32,
        ..Fault::nth(n % 40)
    });
    Recording::new().maps(pages()).tasks((0..last).map(fork)).faults(faults).end()
}

/// Children of a process with many mappings, each of which faults once.
fn wide_forks(rows: usize) -> Vec<u8> {
    let n_maps = rows as u64 / 2;
    let maps = (0..n_maps).map(|n| {
        map(START_NS, BASE + n * PAGE, BASE + (n + 1) * PAGE, if n % 2 == 0 { "/a" } else { "/b" })
    });
    let children = rows as u32 / 20;
    let fork = |n: u32| task(START_NS + 1_000 + u64::from(n), TaskKind::Fork, 200 + n, 100);
    let faults = (0..children).map(|n| Fault {
        time_ns: START_NS + 1_000_000_000 + u64::from(n),
        pid: 200 + n,
        tid: 200 + n,
        ..Fault::nth(u64::from(n) % n_maps.max(1))
    });
    Recording::new().maps(maps).tasks((0..children).map(fork)).faults(faults).end()
}

fn churn(rows: usize) -> Vec<u8> {
    let kinds = [TaskKind::Fork, TaskKind::Exec, TaskKind::Comm, TaskKind::Exit];
    let tasks = (0..rows as u64).map(|n| {
        let tid = 100 + (n / 4 % 7) as u32;
        TaskRecord {
            tid,
            ..task(START_NS + n / 3, kinds[n as usize % 4], 100 + (n % 3) as u32, 100)
        }
    });
    Recording::new().maps(pages()).tasks(tasks).some_faults().end()
}

fn strangers(rows: usize) -> Vec<u8> {
    let faults = (0..rows as u64).map(|n| Fault { pid: n as u32, tid: n as u32, ..Fault::nth(n) });
    Recording::new().faults(faults).end()
}

fn threads(rows: usize) -> Vec<u8> {
    let faults = (0..rows as u64).map(|n| Fault { tid: n as u32, ..Fault::nth(n % 40) });
    Recording::new().maps(pages()).faults(faults).end()
}

fn odd_times() -> Vec<u8> {
    let kinds = [TaskKind::Present, TaskKind::Fork, TaskKind::Exec, TaskKind::Comm, TaskKind::Exit];
    let tasks = ODD.into_iter().flat_map(|time_ns| {
        kinds.into_iter().flat_map(move |kind| {
            [0, 100, u32::MAX].map(|pid| task(time_ns, kind, pid, u32::MAX - pid))
        })
    });
    Recording::new().tasks(tasks).maps(pages()).some_faults().end()
}

fn exits_first() -> Vec<u8> {
    let exits = (0..50).map(|n| task(START_NS + n, TaskKind::Exit, 100 + n as u32 % 3, 0));
    let forks = (0..50).map(|n| task(START_NS + 50 + n, TaskKind::Fork, 100, 101));
    Recording::new().tasks(exits.chain(forks)).maps(pages()).some_faults().end()
}
