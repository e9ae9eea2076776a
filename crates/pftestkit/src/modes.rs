//! The modes: each sets up, waits for `ready`, makes its faults, and tells what it made.

mod anonymous;
mod cold;
mod crowd;
mod failed;
mod file;
mod forks;
mod jit;
mod late;
mod mappings;
mod mixed;
mod oom;
mod processes;
mod regions;
mod slow;
mod stack;
mod steady;
mod swap;
mod thread_stacks;
mod threads;
mod wait;

use crate::cli::{Args, Mode};
use crate::session::Session;

/// Runs the mode that the arguments name.
pub fn run(args: &Args, session: Session) -> anyhow::Result<()> {
    match args.mode {
        Mode::Anon => anonymous::anon(args, session),
        Mode::KernelAnon => anonymous::kernel_anon(args, session),
        Mode::Zero => anonymous::zero(args, session),
        Mode::Shmem => anonymous::shmem(args, session),
        Mode::Huge => anonymous::huge(args, session),
        Mode::PrivateFileWrite => file::private_write(args, session),
        Mode::PrivateFileCow => file::private_cow(args, session),
        Mode::CachedFile => file::cached(args, session),
        Mode::PrivateFileCold => cold::private(args, session),
        Mode::FileWait => wait::file_wait(args, session),
        Mode::LateCow => late::late_cow(args, session),
        Mode::SharedFileWrite => file::shared_write(args, session),
        Mode::ColdFileRandom => cold::random(args, session),
        Mode::ColdFileSequential => cold::sequential(args, session),
        Mode::Interrupted => cold::interrupted(args, session),
        Mode::Cow => processes::cow(args, session),
        Mode::ForkStorm => processes::fork_storm(args, session),
        Mode::Exec => processes::exec(args, session),
        Mode::Stack => stack::growth(args, session),
        Mode::ThreadStacks => thread_stacks::thread_stacks(args, session),
        Mode::Regions => regions::regions(args, session),
        Mode::Vdso => regions::vdso(args, session),
        Mode::Jit => jit::jit(args, session),
        Mode::StackOverflow => stack::overflow(args, session),
        Mode::ThreadStackOverflow => thread_stacks::overflow(args, session),
        Mode::Invalid => failed::invalid(args, session),
        Mode::Efault => failed::efault(args, session),
        Mode::SwapIn => swap::swap_in(args, session),
        Mode::SwapLimit => swap::limit(args, session),
        Mode::SwapSpace => swap::space(args, session),
        Mode::Threads => threads::threads(args, session),
        Mode::ThreadStorm => threads::storm(args, session),
        Mode::Slow => slow::major(args, session),
        Mode::SlowMinor => slow::minor(args, session),
        Mode::ManyThreads => crowd::many_threads(args, session),
        Mode::ShortForks => forks::short_forks(args, session),
        Mode::Orphan => forks::orphan(args, session),
        Mode::OomVictim => oom::victim(args, session),
        Mode::Reuse => mappings::reuse(args, session),
        Mode::Mremap => mappings::mremap(args, session),
        Mode::Dontneed => mappings::dontneed(args, session),
        Mode::ManyMappings => mappings::many(args, session),
        Mode::Steady => steady::steady(args, session),
        Mode::Mixed => mixed::mixed(args, session),
    }
}
