//! Precedence of the threads that have to keep up with the targets. Where more threads are ready than there are CPUs, each
//! waits for its turn; while the recorder does, its rings run full: of 3 million faults of 50 threads on 2 CPUs it lost more
//! than half, and none with precedence. It takes no more time of the CPUs for that, only sooner.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{getpriority_process, setpriority_process};

/// The nice value that goes before all others.
const FIRST: i32 = -20;
/// Whether this process has taken precedence: the same value may have been chosen by the user, whose it stays.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Gives this thread, and those that it makes from now on, precedence over the threads of others, if it may. A nice
/// value that the user has chosen stays. Returns the value that holds.
///
/// To be called when the command is forked, which would have it too, and before privileges are given up.
pub fn take() -> i32 {
    let nice = getpriority_process(None).unwrap_or(0);
    // Without a process, it is about the calling thread.
    if nice == 0 && setpriority_process(None, FIRST).is_ok() {
        TAKEN.store(true, Ordering::Relaxed);
        return FIRST;
    }
    nice
}

/// From now on this thread waits like others: what it does is not urgent.
pub fn give_up() {
    if TAKEN.load(Ordering::Relaxed) && getpriority_process(None) == Ok(FIRST) {
        // A higher value is nobody's privilege.
        let _ = setpriority_process(None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_up_by_the_thread_alone() {
        // A thread of its own: others keep theirs.
        let of_thread = || {
            let taken = take();
            let inherited = std::thread::spawn(|| getpriority_process(None)).join().unwrap();
            give_up();
            (taken, inherited, getpriority_process(None))
        };
        let own = getpriority_process(None).unwrap();
        let (taken, inherited, after) = std::thread::spawn(of_thread).join().unwrap();
        let may = own == 0 && rustix::process::geteuid().is_root();
        if may {
            assert_eq!((taken, inherited, after), (FIRST, Ok(FIRST), Ok(0)));
        } else {
            assert_eq!(inherited, Ok(taken));
        }
        assert_eq!(getpriority_process(None), Ok(own), "of this thread");
    }

    #[test]
    fn a_value_that_the_user_has_chosen_stays() {
        let of_thread = || {
            let chosen = getpriority_process(None).unwrap().max(0) + 3;
            setpriority_process(None, chosen).unwrap();
            let taken = take();
            give_up();
            (chosen, taken, getpriority_process(None))
        };
        let (chosen, taken, after) = std::thread::spawn(of_thread).join().unwrap();
        assert_eq!((taken, after), (chosen, Ok(chosen)));
    }
}
