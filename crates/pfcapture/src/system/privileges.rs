//! What the recorder may do beyond its user, and giving it up.
//!
//! Privileges come in two ways. Whoever runs it has them (root, or a service with ambient capabilities): then
//! files are read and written with them, as by any other program. Or the file of the program has them (setcap(8)):
//! then they are lent for observing processes and for nothing else, and whatever the user names or a target made
//! is opened with the rights of the user alone. Capabilities are per thread: each thread keeps what its work
//! needs.

use std::ffi::CString;
use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use crate::Error;
use crate::sys::{self, Guise};

/// Events on any process and in kernel mode, and since Linux 6.15 the maps of any process.
const PERFMON: CapabilitySet = CapabilitySet::PERFMON;
/// Maps, stacks and roots of other users' processes.
const PTRACE: CapabilitySet = CapabilitySet::SYS_PTRACE;

/// What a thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Opens events, looks at processes, ends the command.
    Recording,
    /// Reads the maps of processes.
    Looking,
    /// Opens modules and perf maps.
    OpeningModules,
    /// Writes the trace, and reads symbols.
    Storing,
    /// Likewise, and creates files while the recording runs.
    CreatingFiles,
    /// Nothing that needs any privilege.
    Other,
}

/// Whether the privileges are those of the program's file, not of its user.
fn are_lent() -> bool {
    sys::is_secure_execution() && !rustix::process::getuid().is_root()
}

/// What may be used at all: of privileges that are lent, only those to observe.
fn of_use() -> CapabilitySet {
    let observing = observing() | CapabilitySet::SYSLOG;
    if are_lent() {
        return observing;
    }
    observing
        | CapabilitySet::DAC_READ_SEARCH
        | CapabilitySet::CHECKPOINT_RESTORE
        | CapabilitySet::KILL
}

/// A kernel before Linux 5.9 asks for CAP_SYS_ADMIN where later ones have capabilities of their own.
fn observing() -> CapabilitySet {
    let known = rustix::thread::capability_is_in_bounding_set(CapabilitySet::CHECKPOINT_RESTORE);
    match known {
        Err(_) => PERFMON | PTRACE | CapabilitySet::SYS_ADMIN,
        Ok(_) => PERFMON | PTRACE,
    }
}

impl Work {
    /// What it needs, of what it has.
    fn needs(self) -> CapabilitySet {
        let none = CapabilitySet::empty();
        let own = |set| if are_lent() { none } else { set };
        let reading = own(CapabilitySet::DAC_READ_SEARCH);
        match self {
            Self::Recording => observing() | own(CapabilitySet::KILL),
            Self::Looking => observing(),
            // The files of modules are what the target says: never with privileges that are lent.
            Self::OpeningModules => {
                own((observing() - PERFMON) | CapabilitySet::CHECKPOINT_RESTORE) | reading
            }
            // Addresses of the kernel's symbols.
            Self::Storing => CapabilitySet::SYSLOG | reading,
            Self::CreatingFiles => CapabilitySet::SYSLOG | reading | own(creating()),
            Self::Other => none,
        }
    }
}

/// Creating a file where root may, and replacing one there.
fn creating() -> CapabilitySet {
    CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER
}

/// Gives up for good, on this thread and on those that it will start, what the work does not need.
///
/// # Errors
/// What the system refuses.
pub fn keep_for(work: Work) -> io::Result<()> {
    keep(work.needs())
}

/// Likewise, at the start of a thread. What it could not give up is what the whole program has kept.
pub fn begin(work: Work) {
    let _ = keep_for(work);
}

fn keep(set: CapabilitySet) -> io::Result<()> {
    let now = capabilities(None)?;
    let kept = now.permitted & set;
    let wanted =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    // A filter may refuse the call where there is nothing to give up.
    if wanted != now {
        set_capabilities(None, wanted)?;
    }
    Ok(())
}

/// Before anything else: gives up what a file of the program with more capabilities than are of use lends.
///
/// # Errors
/// [`Error::SetUserId`]; what the system refuses.
pub fn start() -> Result<(), Error> {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    if getuid() != geteuid() || getgid() != getegid() {
        return Err(Error::SetUserId);
    }
    if !are_lent() {
        return Ok(());
    }
    let refused = |source: rustix::io::Errno| Error::system(GIVE_UP)(source.into());
    let now = capabilities(None).map_err(refused)?;
    let kept = now.permitted & (of_use() | CapabilitySet::IPC_LOCK);
    let wanted = CapabilitySets { effective: kept, permitted: kept, inheritable: now.inheritable };
    set_capabilities(None, wanted).map_err(refused)
}

const GIVE_UP: &str = "give up privileges";

/// Gives up all privileges.
///
/// # Errors
/// What the system refuses.
pub fn give_up() -> Result<(), Error> {
    keep_for(Work::Other).map_err(Error::system(GIVE_UP))
}

/// When all events are open and the command is forked, and before the first thread is made: gives up what is of
/// no use from here on, and the way to anything more. What creating the trace needs goes with
/// [`keep_for`], when it is created.
///
/// # Errors
/// What the system refuses.
pub fn settle() -> Result<(), Error> {
    let set = if are_lent() { of_use() } else { of_use() | creating() };
    let settled = || {
        set_no_new_privs(true)?;
        // Without CAP_SETPCAP the bounding set stays; nothing is gained through it any more.
        for number in 0..u64::BITS {
            let one = CapabilitySet::from_bits_retain(1 << number);
            if !set.contains(one) {
                let _ = remove_capability_from_bounding_set(one);
            }
        }
        // Unknown before Linux 4.3, which has none.
        let _ = clear_ambient_capability_set();
        keep(set)
    };
    settled().map_err(Error::system(GIVE_UP))
}

/// Does something with the rights of the user alone where privileges are lent: a path that the user names must
/// not lead where the user cannot go.
pub fn as_user<T>(act: impl FnOnce() -> T) -> Result<T, Error> {
    if !are_lent() {
        return Ok(act());
    }
    let refused = |source: rustix::io::Errno| Error::system("set privileges aside")(source.into());
    let now = capabilities(None).map_err(refused)?;
    let aside = CapabilitySets { effective: CapabilitySet::empty(), ..now };
    set_capabilities(None, aside).map_err(refused)?;
    let result = act();
    set_capabilities(None, now).map_err(refused)?;
    Ok(result)
}

/// What a command is started with so that it has what it would have without the recorder: nothing of what is lent,
/// and the environment as its user has it, of which the loader takes away whatever could lead a privileged
/// program astray (`LD_LIBRARY_PATH`, `TMPDIR`). `None` where all of it is the user's own.
///
/// # Errors
/// What the system refuses.
pub fn of_command() -> Result<Option<Guise>, Error> {
    if !are_lent() {
        return Ok(None);
    }
    let now = capabilities(None).map_err(|error| Error::system("read privileges")(error.into()))?;
    let none = CapabilitySet::empty();
    Ok(Some(Guise {
        rights: CapabilitySets { effective: none, permitted: none, inheritable: now.inheritable },
        environment: first_environment().map_err(Error::system("read the environment"))?,
    }))
}

/// The environment as it was when the program was started.
fn first_environment() -> io::Result<Vec<CString>> {
    let stat = std::fs::read("/proc/self/stat")?;
    let stat = String::from_utf8_lossy(&stat);
    // The name in front may hold anything. The ends are fields 50 and 51, the state behind the name is field 3.
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let ends: Vec<u64> = fields.split_whitespace().skip(47).take(2).flat_map(str::parse).collect();
    let &[start, end] = ends.as_slice() else {
        return Err(io::Error::other("/proc/self/stat does not tell where it is"));
    };
    let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
    sys::read_own_memory(start, &mut bytes)?;
    Ok(variables(&bytes))
}

/// The strings of a block of memory, each of which ends with a NUL.
fn variables(block: &[u8]) -> Vec<CString> {
    let strings = block.split_inclusive(|&byte| byte == 0);
    strings.filter_map(|string| CString::from_vec_with_nul(string.to_vec()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_found_where_the_kernel_put_it() {
        let found = first_environment().unwrap();
        let block = std::fs::read("/proc/self/environ").unwrap();
        assert_eq!(found, variables(&block));
        let path = std::env::var("PATH").unwrap();
        assert!(found.contains(&CString::new(format!("PATH={path}")).unwrap()));
    }

    #[test]
    fn strings_end_with_a_nul() {
        let words = |block: &[u8]| {
            variables(block).iter().map(|s| s.to_bytes().to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(words(b"A=1\0\0B\0cut"), [&b"A=1"[..], b"", b"B"]);
        assert!(words(b"").is_empty());
    }

    #[test]
    fn a_thread_keeps_what_its_work_needs_and_no_more() {
        let kept = |work: Work| {
            std::thread::spawn(move || {
                begin(work);
                let sets = capabilities(None).unwrap();
                assert_eq!(sets.effective, sets.permitted);
                assert!(sets.inheritable.is_empty());
                sets.permitted
            })
            .join()
            .unwrap()
        };
        let had = capabilities(None).unwrap().permitted;
        let expected = |set: CapabilitySet| had & set;
        assert_eq!(kept(Work::Other), CapabilitySet::empty());
        assert_eq!(kept(Work::Looking), expected(PERFMON | PTRACE));
        assert_eq!(kept(Work::Recording), expected(PERFMON | PTRACE | CapabilitySet::KILL));
        let reading = CapabilitySet::DAC_READ_SEARCH;
        let opening = PTRACE | reading | CapabilitySet::CHECKPOINT_RESTORE;
        assert_eq!(kept(Work::OpeningModules), expected(opening));
        assert_eq!(kept(Work::Storing), expected(CapabilitySet::SYSLOG | reading));
        let creating = CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER;
        assert_eq!(kept(Work::CreatingFiles), expected(CapabilitySet::SYSLOG | reading | creating));
        // Those of this thread are as they were.
        assert_eq!(capabilities(None).unwrap().permitted, had);
    }
}
