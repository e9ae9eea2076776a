//! Class and cause of a completed fault. `schemas/faults.md` states these rules for readers of tables.

use crate::judge::evidence::{Evidence, MapEvidence};
use crate::names::{Access, Cause, Class};
use crate::pages::page_history::{Change, Loss, PageState};
use crate::space::vma::Backing;

/// Class and cause, by the first rule that holds.
pub(crate) fn classify(evidence: &Evidence) -> (Class, Cause) {
    let private = evidence.map.is_some_and(|map| !map.shared);
    let class = if evidence.major {
        Class::Major
    } else if writes_present(evidence) && private {
        Class::Cow
    } else {
        Class::Minor
    };
    // It was made in another mapping than this one, if this one forbids it.
    let map = evidence.map.filter(|map| map.allows(evidence.access));
    (class, map.map_or(Cause::Unknown, |map| cause(evidence, map)))
}

/// What a fault of this cause leaves behind in its page.
pub(crate) fn change(evidence: &Evidence, cause: Cause) -> Change {
    let Some(map) = evidence.map.filter(|map| !map.shared) else {
        return Change::Keep;
    };
    match (evidence.access, cause) {
        (Access::Write, _) | (_, Cause::SwapIn) => Change::Private,
        (Access::Unknown, _) if map.writable() => Change::Forget,
        // First touches by reading; and files, of which a page without a copy is in the page cache.
        (_, Cause::ZeroPage | Cause::HugePage | Cause::StackGrowth)
        | (_, Cause::FileRead | Cause::FileWait | Cause::FileCached) => Change::Clean,
        _ => Change::Forget,
    }
}

fn writes_present(evidence: &Evidence) -> bool {
    evidence.error.is_some_and(|error| error.present && error.access == Access::Write)
}

fn cause(evidence: &Evidence, map: MapEvidence) -> Cause {
    let present = evidence.error.is_some_and(|error| error.present);
    if evidence.major
        && !present
        && !map.shared
        && (!evidence.no_swap || must_be_swapped(evidence, map))
        && let Some(cause) = swap_cause(evidence, map)
    {
        return cause;
    }
    if writes_present(evidence)
        && let Some(cause) = write_to_present_cause(evidence, map)
    {
        return cause;
    }
    if evidence.stack_grown {
        return Cause::StackGrowth;
    }
    match map.backing {
        Backing::Shmem => Cause::Shmem,
        Backing::File => file_cause(evidence, map),
        Backing::Anon => anon_cause(evidence, map, present),
        Backing::Device | Backing::Kernel => Cause::Unknown,
    }
}

/// Whether a page that is gone can only be in swap: its content was its own, and no advice took that.
fn must_be_swapped(evidence: &Evidence, map: MapEvidence) -> bool {
    let past = evidence.past;
    let had_content = match past.state {
        PageState::Clean => false,
        PageState::Private => true,
        PageState::Unknown => past.touched && map.backing == Backing::Anon,
    };
    had_content && past.loss == Loss::No && evidence.drops_known && !map.may_be_new
}

/// A major fault of private memory that came, or may have come, from swap.
fn swap_cause(evidence: &Evidence, map: MapEvidence) -> Option<Cause> {
    let past = evidence.past;
    match map.backing {
        Backing::Anon => Some(Cause::SwapIn),
        Backing::File if past.state == PageState::Private => Some(Cause::SwapIn),
        Backing::File if map.writable() => {
            let never_written =
                past.state == PageState::Clean || map.seen_from_start && !past.touched;
            (!never_written).then_some(Cause::FileOrSwap)
        }
        _ => None,
    }
}

fn write_to_present_cause(evidence: &Evidence, map: MapEvidence) -> Option<Cause> {
    let past = evidence.past;
    match (map.backing, past.state) {
        (Backing::File, _) if map.shared => Some(Cause::WriteNotify),
        (_, _) if map.shared => None,
        (Backing::Anon, PageState::Clean) => Some(Cause::CowZero),
        (Backing::Anon, PageState::Unknown) => Some(Cause::CowAnonOrZero),
        (Backing::Anon | Backing::File | Backing::Shmem, PageState::Private) => {
            Some(Cause::CowAnon)
        }
        (Backing::File | Backing::Shmem, PageState::Clean) => Some(Cause::CowFile),
        (Backing::File | Backing::Shmem, PageState::Unknown) => {
            // Fault-around maps neighbours of a faulting page without faults of their own.
            let only_mapped = map.seen_from_start && !past.touched;
            Some(if only_mapped { Cause::CowFile } else { Cause::CowFileOrAnon })
        }
        (Backing::Device | Backing::Kernel, _) => Some(Cause::Unknown),
    }
}

fn file_cause(evidence: &Evidence, map: MapEvidence) -> Cause {
    let present = evidence.error.is_some_and(|error| error.present);
    // With nowhere to be swapped out to, a private copy that is read from storage was dropped.
    let dropped = evidence.major && !present && evidence.no_swap;
    let had_copy = !map.shared && evidence.past.state == PageState::Private && !dropped;
    if !map.shared && evidence.access == Access::Write && !had_copy {
        return Cause::FilePrivateWrite;
    }
    if evidence.major {
        return Cause::FileRead;
    }
    if had_copy {
        // Dropped on purpose or found in the swap cache: no telling.
        return Cause::Unknown;
    }
    match evidence.access {
        Access::Unknown if map.writable() && map.shared => Cause::FileCachedOrWriteNotify,
        Access::Unknown if map.writable() => Cause::FileCachedOrPrivateWrite,
        Access::Write => Cause::FileCached,
        _ if evidence.waited => Cause::FileWait,
        _ => Cause::FileCached,
    }
}

fn anon_cause(evidence: &Evidence, map: MapEvidence, present: bool) -> Cause {
    if evidence.major {
        return Cause::Unknown;
    }
    if present {
        return Cause::AnonUnknown;
    }
    if evidence.past.touched {
        // Without an error code this may be a write to a present page.
        let absent = evidence.error.is_some() || evidence.access != Access::Unknown;
        // Where all advice is known, a page that none was given for was not dropped.
        let gone = evidence.past.loss == Loss::Yes || !evidence.drops_known;
        let sure = absent && gone && !map.may_be_new;
        return if sure { Cause::AnonRefault } else { Cause::AnonUnknown };
    }
    match evidence.access {
        _ if !map.seen_from_start => Cause::AnonUnknown,
        _ if evidence.huge => Cause::HugePage,
        Access::Read | Access::Exec => Cause::ZeroPage,
        Access::Write => Cause::AnonFirstTouch,
        Access::Unknown => Cause::AnonFirstTouchOrZero,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::evidence::ErrorCode;
    use crate::pages::page_history::{Loss, Past};

    const UNTOUCHED: Past =
        Past { faults: 0, touched: false, state: PageState::Unknown, loss: Loss::No };

    fn past(state: PageState) -> Past {
        Past { faults: 1, touched: true, state, loss: Loss::No }
    }

    fn map(backing: Backing, shared: bool, prot: u32) -> MapEvidence {
        MapEvidence { backing, shared, prot, seen_from_start: true, may_be_new: false }
    }

    fn evidence(map: MapEvidence, present: bool, access: Access) -> Evidence {
        Evidence {
            major: false,
            error: Some(ErrorCode { present, access }),
            access,
            map: Some(map),
            past: UNTOUCHED,
            stack_grown: false,
            huge: false,
            drops_known: false,
            no_swap: false,
            waited: false,
        }
    }

    #[test]
    fn what_the_mapping_forbids_was_made_in_another() {
        for (prot, access) in
            [(0, Access::Unknown), (0, Access::Read), (1, Access::Write), (3, Access::Exec)]
        {
            let forbidden = evidence(map(Backing::Anon, false, prot), false, access);
            assert_eq!(classify(&forbidden), (Class::Minor, Cause::Unknown), "{prot} {access:?}");
        }
    }

    #[test]
    fn writes_to_present_pages() {
        let cases = [
            (Backing::Anon, PageState::Clean, Cause::CowZero),
            (Backing::Anon, PageState::Private, Cause::CowAnon),
            (Backing::Anon, PageState::Unknown, Cause::CowAnonOrZero),
            (Backing::File, PageState::Clean, Cause::CowFile),
            (Backing::File, PageState::Private, Cause::CowAnon),
            (Backing::File, PageState::Unknown, Cause::CowFileOrAnon),
            (Backing::Shmem, PageState::Clean, Cause::CowFile),
        ];
        for (backing, state, cause) in cases {
            let base = evidence(map(backing, false, 3), true, Access::Write);
            let found = classify(&Evidence { past: past(state), ..base });
            assert_eq!(found, (Class::Cow, cause), "{backing:?} {state:?}");
        }
        let untouched = evidence(map(Backing::File, false, 3), true, Access::Write);
        assert_eq!(classify(&untouched), (Class::Cow, Cause::CowFile));
        let shared = evidence(map(Backing::File, true, 3), true, Access::Write);
        assert_eq!(classify(&shared), (Class::Minor, Cause::WriteNotify));
        let shmem = evidence(map(Backing::Shmem, true, 3), true, Access::Write);
        assert_eq!(classify(&shmem), (Class::Minor, Cause::Shmem));
    }

    #[test]
    fn major_faults() {
        let major = |map, state, access| {
            let base = evidence(map, false, access);
            classify(&Evidence { major: true, past: past(state), ..base }).1
        };
        let private = map(Backing::File, false, 3);
        let text = map(Backing::File, false, 5);
        use PageState::{Clean, Private, Unknown};
        assert_eq!(major(map(Backing::Anon, false, 3), Unknown, Access::Read), Cause::SwapIn);
        assert_eq!(major(private, Private, Access::Read), Cause::SwapIn);
        assert_eq!(major(private, Unknown, Access::Read), Cause::FileOrSwap);
        assert_eq!(major(private, Clean, Access::Read), Cause::FileRead);
        assert_eq!(major(private, Clean, Access::Write), Cause::FilePrivateWrite);
        assert_eq!(major(text, Unknown, Access::Exec), Cause::FileRead);
        assert_eq!(major(map(Backing::File, true, 3), Unknown, Access::Write), Cause::FileRead);
        assert_eq!(major(map(Backing::Shmem, true, 3), Unknown, Access::Read), Cause::Shmem);
        let first = Evidence { major: true, ..evidence(private, false, Access::Read) };
        assert_eq!(classify(&first), (Class::Major, Cause::FileRead));
    }

    #[test]
    fn minor_faults_of_files() {
        let minor =
            |map, access, waited| classify(&Evidence { waited, ..evidence(map, false, access) });
        let (private, shared) = (map(Backing::File, false, 3), map(Backing::File, true, 3));
        assert_eq!(minor(private, Access::Write, false), (Class::Minor, Cause::FilePrivateWrite));
        assert_eq!(minor(private, Access::Read, false), (Class::Minor, Cause::FileCached));
        assert_eq!(minor(private, Access::Read, true), (Class::Minor, Cause::FileWait));
        assert_eq!(minor(shared, Access::Write, true), (Class::Minor, Cause::FileCached));
        let dropped =
            Evidence { past: past(PageState::Private), ..evidence(private, false, Access::Read) };
        assert_eq!(classify(&dropped), (Class::Minor, Cause::Unknown));
    }

    #[test]
    fn minor_faults_of_anonymous_memory() {
        let anon = map(Backing::Anon, false, 3);
        let base = |access| evidence(anon, false, access);
        let cause = |evidence: Evidence| classify(&evidence).1;
        assert_eq!(cause(base(Access::Read)), Cause::ZeroPage);
        assert_eq!(cause(base(Access::Write)), Cause::AnonFirstTouch);
        assert_eq!(cause(Evidence { huge: true, ..base(Access::Write) }), Cause::HugePage);
        let again = past(PageState::Private);
        assert_eq!(cause(Evidence { past: again, ..base(Access::Write) }), Cause::AnonRefault);
        let found = MapEvidence { seen_from_start: false, ..anon };
        let unseen = Evidence { map: Some(found), ..base(Access::Write) };
        assert_eq!(cause(unseen), Cause::AnonUnknown);
        assert_eq!(cause(Evidence { past: again, ..unseen }), Cause::AnonRefault);
        let known = Evidence { past: again, drops_known: true, ..base(Access::Write) };
        assert_eq!(cause(known), Cause::AnonUnknown, "no advice, so not dropped");
        let dropped = Past { loss: Loss::Yes, ..again };
        assert_eq!(cause(Evidence { past: dropped, ..known }), Cause::AnonRefault);
        let merged = Some(MapEvidence { may_be_new: true, ..anon });
        let touched = Evidence { past: again, map: merged, ..base(Access::Write) };
        assert_eq!(cause(touched), Cause::AnonUnknown);
        assert_eq!(
            cause(Evidence { map: merged, ..base(Access::Write) }),
            Cause::AnonFirstTouch,
            "untouched in either case"
        );
        assert_eq!(
            cause(Evidence { stack_grown: true, ..base(Access::Write) }),
            Cause::StackGrowth
        );
        assert_eq!(cause(Evidence { map: None, ..base(Access::Write) }), Cause::Unknown);
    }

    #[test]
    fn without_error_code_causes_merge_and_nothing_is_cow() {
        let blind = |map, past| {
            let base = evidence(map, false, Access::Unknown);
            classify(&Evidence { error: None, past, ..base })
        };
        let anon = map(Backing::Anon, false, 3);
        assert_eq!(blind(anon, UNTOUCHED), (Class::Minor, Cause::AnonFirstTouchOrZero));
        assert_eq!(blind(anon, past(PageState::Unknown)), (Class::Minor, Cause::AnonUnknown));
        let private = map(Backing::File, false, 3);
        let merged = (Class::Minor, Cause::FileCachedOrPrivateWrite);
        assert_eq!(blind(private, UNTOUCHED), merged);
        let shared = map(Backing::File, true, 3);
        assert_eq!(blind(shared, UNTOUCHED), (Class::Minor, Cause::FileCachedOrWriteNotify));
        let text = map(Backing::File, false, 5);
        assert_eq!(blind(text, UNTOUCHED), (Class::Minor, Cause::FileCached));
    }
}
