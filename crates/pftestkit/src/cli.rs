//! The command line of `pf-workload`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Make a known number of page faults of one kind, and print what was made.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// What to do.
    pub mode: Mode,
    /// Pages to touch: in all, or for each thread or child [default: depends on the mode]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    pub pages: Option<u32>,
    /// Threads (`threads`), or threads that create threads (`thread-storm`)
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub threads: u32,
    /// Children (`fork-storm`, `short-forks`), threads (`thread-storm`, `many-threads`), mappings
    /// (`many-mappings`) or fast touches (`slow`, `slow-minor`) [default: depends on the mode]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub count: Option<u32>,
    /// Touch, drop and touch again so many times in all (`anon`, `threads`, `many-mappings`)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Duration: more rounds until it is over (`anon`, `threads`, `many-mappings`), more threads
    /// (`thread-storm`), or the pace (`mixed`, 2 by default)
    #[arg(long)]
    pub seconds: Option<f64>,
    /// How long each slow fault waits at least, milliseconds (`slow`, `slow-minor`)
    #[arg(long, value_name = "MS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=60_000))]
    pub slow_ms: u64,
    /// How much to take at most, MiB (`oom-victim`)
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_mib: u32,
    /// Create the work file at PATH, which must not exist; it is deleted at the end
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// Folder for work files when no --file is given; must not be a tmpfs for the cold modes
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    pub dir: PathBuf,
    /// Write the order of accesses to PATH, one byte offset a line, instead of to standard output
    #[arg(long, value_name = "PATH")]
    pub order_file: Option<PathBuf>,
    /// Swap out to the swap space that there is, instead of a file made for it (`swap-in`)
    #[arg(long)]
    pub swap_there: bool,
    /// What to write (`swap-limit`)
    #[arg(long, value_enum, default_value_t = Swappable::Anonymous)]
    pub backing: Swappable,
    /// File of at least 32 bytes to obey, and to count in (`steady`)
    #[arg(long, value_name = "PATH")]
    pub board: Option<PathBuf>,
    /// Seed of random orders
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print `ready` when set up and wait for a line on standard input; wait again before the end
    #[arg(long)]
    pub wait: bool,
    /// Wait for a line on standard input before the end
    #[arg(long)]
    pub hold: bool,
    /// Address of the first range (passed on by `exec`)
    #[arg(long, hide = true, default_value_t = 0)]
    pub begin_at: usize,
}

/// Memory that goes to swap where it finds no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Swappable {
    /// Private anonymous memory
    Anonymous,
    /// Shared anonymous memory
    Shared,
    /// A private mapping of a file
    PrivateFile,
}

/// What `pf-workload` can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Write untouched anonymous memory
    Anon,
    /// Let read(2) write untouched anonymous memory: faults in kernel mode
    KernelAnon,
    /// Read untouched anonymous memory, then write it
    Zero,
    /// Write the same pages in a parent and its child after a fork
    Cow,
    /// Write a private mapping of a cached file
    PrivateFileWrite,
    /// Read a private mapping of a cached file, then write it
    PrivateFileCow,
    /// Read a cached file
    CachedFile,
    /// Read a file that is not cached, in random order, without read-ahead
    ColdFileRandom,
    /// Read a file that is not cached from its start to its end, with read-ahead
    ColdFileSequential,
    /// Write and read private mappings of files that are not cached, without read-ahead
    PrivateFileCold,
    /// Read a file that is not cached in two threads at once, each in a mapping of its own
    FileWait,
    /// Write pages that were read or copied before `ready`
    LateCow,
    /// Read a shared mapping of a cached file, then write it
    SharedFileWrite,
    /// Write shared anonymous memory and a memfd
    Shmem,
    /// Grow the main thread's stack page by page
    Stack,
    /// Use the stacks of threads, page by page
    ThreadStacks,
    /// Touch memory of many kinds: heap, named, memfd, deleted file, System V, /dev/zero, code
    Regions,
    /// Read the pages of the vdso in a child
    Vdso,
    /// Run code made at run time that touches memory, and describe it for perf
    Jit,
    /// Touch memory that may use huge pages
    Huge,
    /// Read pages that were swapped out to a swap file made for it (needs root)
    SwapIn,
    /// Write more memory than there is room for (it needs a limit, and swap space), and read it again
    SwapLimit,
    /// Add a swap file until the end (needs root)
    SwapSpace,
    /// Die of invalid accesses: unmapped address, read-only page, page behind the end of a file
    Invalid,
    /// Die of an access below the limit of the stack
    StackOverflow,
    /// Die of an access below the stack of a thread
    ThreadStackOverflow,
    /// Pass bad addresses to read(2)
    Efault,
    /// Read a file that is not cached while a timer interrupts
    Interrupted,
    /// Write anonymous memory in several threads at once
    Threads,
    /// Create many short threads that each write their own mapping
    ThreadStorm,
    /// Create many short processes that each write their copy of a mapping
    ForkStorm,
    /// Write anonymous memory, then execute this program again in mode `anon`
    Exec,
    /// Make major faults that take long, served by another thread, between fast first touches
    Slow,
    /// Make minor faults that take long, in the same way
    SlowMinor,
    /// Map files and anonymous memory one after another at the same addresses
    Reuse,
    /// Move and grow anonymous memory and a mapped file
    Mremap,
    /// Touch memory, drop a part of it, touch it again
    Dontneed,
    /// Touch pages in a process with tens of thousands of mappings
    ManyMappings,
    /// Write memory in thousands of threads that all exist before
    ManyThreads,
    /// Write a page in each of thousands of processes, one after another
    ShortForks,
    /// Write memory in a child whose parent has ended
    Orphan,
    /// Take memory until the kernel kills the process for it, or --max-mib are taken
    OomVictim,
    /// Write as many pages as another process says, one after another, and count them where it sees them
    Steady,
    /// A bit of everything for two seconds: random cold reads, growth, copies after a fork
    Mixed,
}

impl Args {
    /// Pages to touch.
    pub fn pages_or(&self, default: usize) -> usize {
        self.pages.map_or(default, |pages| pages as usize)
    }

    /// Children, threads or mappings.
    pub fn count_or(&self, default: usize) -> usize {
        self.count.map_or(default, |count| count as usize)
    }
}
