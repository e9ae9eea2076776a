//! Whose records count. Events that are bound to CPUs see every task of the machine.

use rustc_hash::FxHashSet;

/// The tasks that a recording is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All that is seen: the events follow the targets by themselves.
    Followed {
        /// Whether they follow processes that a target creates.
        children: bool,
    },
    /// All tasks that are seen except the recorder's own; processes are learnt when they first appear.
    Others {
        /// The recorder.
        own_pid: u32,
    },
    /// All that is seen except the recorder's own: the events follow a control group by themselves.
    Group {
        /// The recorder.
        own_pid: u32,
        /// Processes that were in the group at the start: only of these it is known that they belong to
        /// it before they do anything.
        members: FxHashSet<u32>,
    },
    /// These processes, and with `follow` those that they create, among all that is seen.
    Members {
        /// The recorder.
        own_pid: u32,
        /// The processes.
        pids: FxHashSet<u32>,
        /// Whether their children belong to them.
        follow: bool,
    },
}

/// What the tasks of a record are to a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// To be recorded.
    Target,
    /// The recorder itself.
    Own,
    /// Somebody else.
    Other,
}

impl Scope {
    /// What a process is.
    #[must_use]
    pub fn relation(&self, pid: u32) -> Relation {
        match self {
            Self::Followed { .. } => Relation::Target,
            Self::Others { own_pid }
            | Self::Group { own_pid, .. }
            | Self::Members { own_pid, .. }
                if *own_pid == pid =>
            {
                Relation::Own
            }
            Self::Others { .. } | Self::Group { .. } => Relation::Target,
            Self::Members { pids, .. } if pids.contains(&pid) => Relation::Target,
            Self::Members { .. } => Relation::Other,
        }
    }

    /// Whether processes have to be learnt when they first appear.
    #[must_use]
    pub const fn learns(&self) -> bool {
        matches!(self, Self::Others { .. } | Self::Group { .. })
    }

    /// Whether a process of which nothing was seen yet belongs to what is recorded.
    #[must_use]
    pub fn holds_unseen(&self, pid: u32) -> bool {
        match self {
            Self::Others { .. } => true,
            Self::Group { members, .. } => members.contains(&pid),
            Self::Followed { .. } | Self::Members { .. } => false,
        }
    }

    /// Whether a process that a target creates is one too.
    #[must_use]
    pub const fn has_children(&self) -> bool {
        match self {
            Self::Followed { children } => *children,
            Self::Others { .. } | Self::Group { .. } => true,
            Self::Members { follow, .. } => *follow,
        }
    }

    /// A process was created: it takes the number `pid`, whoever had it before.
    pub fn created(&mut self, pid: u32, parent_pid: u32) {
        if let Self::Members { pids, follow, .. } = self {
            if *follow && pids.contains(&parent_pid) {
                pids.insert(pid);
            } else {
                pids.remove(&pid);
            }
        }
    }

    /// A process ended.
    pub fn ended(&mut self, pid: u32) {
        if let Self::Members { pids, .. } | Self::Group { members: pids, .. } = self {
            pids.remove(&pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_what_they_create() {
        let mut scope =
            Scope::Members { own_pid: 1, pids: [5].into_iter().collect(), follow: true };
        assert_eq!(scope.relation(1), Relation::Own);
        assert_eq!(scope.relation(5), Relation::Target);
        scope.created(6, 5);
        scope.created(7, 9);
        assert_eq!((scope.relation(6), scope.relation(7)), (Relation::Target, Relation::Other));
        scope.ended(6);
        assert_eq!(scope.relation(6), Relation::Other);
        // Its number goes to somebody else, and its end was lost.
        scope.created(5, 9);
        assert_eq!(scope.relation(5), Relation::Other);
    }

    #[test]
    fn children_do_not_belong_where_they_are_not_wanted() {
        let mut scope =
            Scope::Members { own_pid: 1, pids: [5].into_iter().collect(), follow: false };
        scope.created(6, 5);
        assert_eq!(scope.relation(6), Relation::Other);
    }

    #[test]
    fn of_a_group_only_its_members_are_known_unseen() {
        let mut scope = Scope::Group { own_pid: 1, members: [5].into_iter().collect() };
        assert_eq!((scope.relation(1), scope.relation(6)), (Relation::Own, Relation::Target));
        assert!(scope.learns() && scope.holds_unseen(5) && !scope.holds_unseen(6));
        scope.ended(5);
        assert!(!scope.holds_unseen(5));
        assert!(Scope::Others { own_pid: 1 }.holds_unseen(6));
        assert!(!Scope::Followed { children: true }.holds_unseen(6));
    }

    #[test]
    fn the_recorder_is_never_a_target_of_the_system() {
        let scope = Scope::Others { own_pid: 1 };
        assert_eq!((scope.relation(1), scope.relation(2)), (Relation::Own, Relation::Target));
        assert_eq!(Scope::Followed { children: true }.relation(1), Relation::Target);
    }
}
