//! Whom a recording was of, in words.

use pft::keys::fact as key;

use crate::figures::scope::{Kind, Scope};
use crate::load::Loaded;
use crate::print::text::{printable, shorten};

/// Longest value of a fact that is shown whole.
pub const FACT_CHARACTERS: usize = 120;

/// Facts as kept in the file, fit to print.
#[must_use]
pub fn fact(loaded: &Loaded, key: &str) -> Option<String> {
    loaded
        .fact(key)
        .filter(|value| !value.is_empty())
        .map(|value| shorten(&printable(value.as_bytes()), FACT_CHARACTERS))
}

/// What was recorded, fit to print: `ls -l (pid 7)`.
#[must_use]
pub fn target(loaded: &Loaded) -> String {
    let command = fact(loaded, key::TARGET_COMMAND);
    let pids = fact(loaded, key::TARGET_PIDS).map(|pids| numbers("pid", &pids));
    let whole = match Scope::of(loaded).kind {
        Kind::System => Some("all tasks of the machine".to_owned()),
        Kind::Cgroup => Some(match fact(loaded, key::TARGET_CGROUP) {
            Some(folder) => format!("control group {folder}"),
            None => "a control group".to_owned(),
        }),
        Kind::Threads => fact(loaded, key::TARGET_TIDS).map(|tids| numbers("thread", &tids)),
        Kind::Command | Kind::Processes | Kind::Unknown => None,
    };
    match (whole, command, pids) {
        (Some(whole), Some(command), _) => format!("{whole} while {command} ran"),
        (Some(whole), None, Some(pids)) if whole.starts_with("thread") => {
            format!("{whole} ({pids})")
        }
        (Some(whole), None, _) => whole,
        (None, Some(command), Some(pids)) => format!("{command} ({pids})"),
        (None, Some(command), None) => command,
        (None, None, Some(pids)) => pids,
        (None, None, None) => "an unnamed target".to_owned(),
    }
}

/// `pid 1`, `pids 1, 2`.
fn numbers(what: &str, list: &str) -> String {
    let ending = if list.contains(',') { "s" } else { "" };
    let spaced: Vec<&str> = list.split(',').map(str::trim).collect();
    format!("{what}{ending} {}", spaced.join(", "))
}

#[cfg(test)]
mod tests {
    use pft::keys::fact as key;

    use super::target;
    use crate::made_up;

    #[test]
    fn every_kind_of_target_has_a_name() {
        let target = |facts: &[(&str, &str)]| {
            let mut loaded = made_up::empty();
            loaded.facts = facts.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
            target(&loaded)
        };
        let (kind, command, pids) = (key::TARGET_KIND, key::TARGET_COMMAND, key::TARGET_PIDS);
        assert_eq!(target(&[(command, "ls -l"), (pids, "7")]), "ls -l (pid 7)");
        assert_eq!(target(&[(kind, "processes"), (pids, "7,8")]), "pids 7, 8");
        let threads = [(kind, "threads"), (key::TARGET_TIDS, "9"), (pids, "7")];
        assert_eq!(target(&threads), "thread 9 (pid 7)");
        assert_eq!(target(&[(kind, "system")]), "all tasks of the machine");
        let while_running = [(kind, "system"), (command, "sleep 1"), (pids, "7")];
        assert_eq!(target(&while_running), "all tasks of the machine while sleep 1 ran");
        let cgroup = [(kind, "cgroup"), (key::TARGET_CGROUP, "/sys/fs/cgroup/\x1bweb")];
        assert_eq!(target(&cgroup), "control group /sys/fs/cgroup/\\x1bweb");
        assert_eq!(target(&[(kind, "cgroup")]), "a control group");
        assert_eq!(target(&[]), "an unnamed target");
    }
}
