//! Workloads whose page faults are known in advance, and the tools to use them in tests.
//!
//! The program `pf-workload MODE` makes a known number of page faults of a known kind in memory
//! ranges of its own and prints what it made. Tests record it, then compare the recording with
//! [`Report`]. [`Workload`] starts it, in a [`Cgroup`] if need be.
//!
//! # Output of `pf-workload`
//!
//! One fact a line on standard output: a word, then `key=value` fields separated by one space.
//! Addresses are hexadecimal with `0x`, all other numbers decimal. Ranges are half open. Bytes of
//! paths other than printable ASCII, and `%`, are written as `%XX`.
//!
//! | line | fields | meaning |
//! |---|---|---|
//! | `ready` | `pid` | only with `--wait`: set up, waits for a line on standard input |
//! | `expect` | `pid start end phase class cause count exact`, then witnesses | see [`Expectation`] |
//! | `order` | `path page_size kind`, `offsets` or `offsets_file` | see [`Order`] |
//! | `turn` | `pid start end path offset count` | see [`Turn`] |
//! | `place` | `pid start end kind label path` | see [`Place`]; `label` is encoded like a path |
//! | `rusage` | `pid minflt majflt wall_ns` | what the kernel counted while the `run` faults were made |
//! | `done` | `pid` | all of the above is printed; with `--wait` or `--hold`, waits for a line |
//! | `total` | `pid minflt majflt children_minflt children_majflt` | last line: counts of the process so far |
//! | `skip` | `reason` (the rest of the line) | this machine or user cannot do it; exit status 77 |
//!
//! `start`, `end` and `phase`: *all* faults that the process makes in `[start, end)` are listed, one
//! line for each kind. Those of phase `setup` come before `ready`, those of phase `run` after it: a
//! recorder attached at `ready` sees only the latter.
//!
//! `class` and `cause` are what a recording that covers the whole life of the process can tell;
//! `any` stands where they depend on timing. A recorder that attaches later, or gets no hardware
//! error codes, knows less: `anon-unknown` for `anon-first-touch`, for example.
//!
//! Where `pid` is 0, the line is about all processes of the workload together.
//!
//! Every range is a mapping of its own, aligned to 2 MiB, without huge pages (unless the mode is about
//! them), at addresses that the process uses for nothing else before or after (modes about that apart). A child that was forked
//! has the ranges of its parent: expectations tell them apart by `pid`.

mod cgroup;
mod error;
mod launch;
mod protocol;

pub use cgroup::Cgroup;
pub use error::Error;
pub use launch::{Running, Workload};
pub use protocol::{
    Exactness, Expectation, Order, OrderKind, Phase, Place, Report, Total, Turn, Usage,
    decode_path, encode_path,
};

/// Exit status of `pf-workload` when the machine or the user cannot run a mode.
pub const EXIT_SKIPPED: i32 = 77;
