//! What the kernel counted.
#![allow(unsafe_code, reason = "getrusage")]

use std::mem::MaybeUninit;

/// Whose faults.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    /// All threads of this process.
    Process,
    /// The calling thread.
    Thread,
    /// Children that were waited for.
    Children,
}

/// Faults counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Minor faults.
    pub minflt: u64,
    /// Major faults.
    pub majflt: u64,
}

/// Faults, from `getrusage(2)`.
pub fn counts(who: Who) -> Counts {
    let usage = rusage(who);
    Counts {
        minflt: u64::try_from(usage.ru_minflt).unwrap_or(0),
        majflt: u64::try_from(usage.ru_majflt).unwrap_or(0),
    }
}

/// How often the calling thread gave up its CPU to wait.
pub fn waits() -> u64 {
    u64::try_from(rusage(Who::Thread).ru_nvcsw).unwrap_or(0)
}

fn rusage(who: Who) -> libc::rusage {
    let who = match who {
        Who::Process => libc::RUSAGE_SELF,
        Who::Thread => libc::RUSAGE_THREAD,
        Who::Children => libc::RUSAGE_CHILDREN,
    };
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for writes of a whole rusage; all-zero bytes are a valid rusage,
    // so the value is initialised even if the call were to fail.
    unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    }
}

impl std::ops::Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { minflt: self.minflt - before.minflt, majflt: self.majflt - before.majflt }
    }
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { minflt: self.minflt + other.minflt, majflt: self.majflt + other.majflt }
    }
}
