//! Programs whose hot loops run one by one under Callgrind: see `scripts/bench-instructions`.

use std::env::args;
use std::hint::black_box;
use std::process::ExitCode;

/// A hot loop.
pub struct Loop {
    /// What the table of counts calls it.
    pub name: &'static str,
    /// Makes what the loop works on and passes its work to [`counted`].
    pub run: fn(),
    /// Functions that other threads do work of the loop in. Callgrind switches counting on for each thread by itself.
    pub threads: &'static [&'static str],
}

impl Loop {
    /// One that works in a single thread.
    pub const fn new(name: &'static str, run: fn()) -> Self {
        Self { name, run, threads: &[] }
    }
}

/// Works. Instructions are counted from entry to return of this function, which is found by its name.
#[inline(never)]
pub fn counted<R>(work: impl FnOnce() -> R) -> R {
    black_box(work())
}

/// With `--list`, prints the name of each loop and the functions of its other threads, divided by tabs. With the
/// name of a loop, runs it and prints how many faults it works on. All run otherwise.
pub fn main(faults: usize, loops: &[Loop]) -> ExitCode {
    // Cargo passes `--bench`.
    let Some(arg) = args().skip(1).find(|arg| arg != "--bench") else {
        loops.iter().for_each(|one| (one.run)());
        return ExitCode::SUCCESS;
    };
    if arg == "--list" {
        for one in loops {
            println!("{}", [&[one.name], one.threads].concat().join("\t"));
        }
        return ExitCode::SUCCESS;
    }
    let Some(wanted) = loops.iter().find(|one| one.name == arg) else {
        eprintln!("error: no loop is called {arg:?}; --list tells their names");
        return ExitCode::from(2);
    };
    (wanted.run)();
    println!("{faults}");
    ExitCode::SUCCESS
}
