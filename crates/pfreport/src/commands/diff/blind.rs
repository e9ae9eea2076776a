//! Runs with error codes beside runs without: what only the code tells apart is compared as one.
//!
//! Without the code a write to a present page looks like any other minor fault, and a read like a write. A
//! run that was recorded without would lack each part that the other has, and the other way round, though
//! both did the same. `pfmodel`'s rules (`classify`) say which causes merge without the code; what memory a
//! fault hit is known in both cases.

use std::collections::{BTreeMap, BTreeSet};

use pfmodel::names::{Cause, Class, RegionKind};

use super::digest::{Digest, Key, Parts, Section, merged};
use crate::rows::group::Group;

/// What doubts say of it.
pub const NOTE: &str = "without them cow faults look minor and reads like writes, so these are compared together, as \
                        minor-or-cow, anon-any, file-any and file-read-or-swap-in; minor counts cow as well";

const MINOR_OR_COW: &str = "minor-or-cow";
/// Minor faults on anonymous memory, whatever their cause.
const ANON: &str = "anon-any";
/// Minor faults on pages of files.
const FILE: &str = "file-any";
/// Major faults on pages of files, which a private copy may have replaced.
const FILE_MAJOR: &str = "file-read-or-swap-in";

/// Merges in all runs what some of them cannot tell apart.
pub fn fold_if_mixed(base: &mut [Digest], new: &mut [Digest]) {
    let is_seeing = |run: &Digest| run.has_error_codes;
    let mut runs = base.iter().chain(&*new);
    let (any, all) = (runs.clone().any(is_seeing), runs.all(is_seeing));
    if any && !all {
        base.iter_mut().chain(new).for_each(fold);
    }
}

/// Merges what only error codes tell apart.
fn fold(run: &mut Digest) {
    let [minor, _, cow, ..] = &mut run.classes;
    if let (Some(minor), Some(cow)) = (minor, cow) {
        *minor += *cow;
    }
    let classes = run.parts(Section::Class).iter();
    let classes =
        gathered(classes.map(|(key, group)| (key.iter().map(|name| class(name)).collect(), group)));

    // The kind of memory decides, so causes are put together from cells, of which less is known.
    let mut old_of: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
    let mut new_of: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
    for cell in run.cells.keys() {
        let (old, new) = (class_and_cause(cell), class_and_cause(&folded(cell)));
        old_of.entry(new.clone()).or_default().insert(old.clone());
        new_of.entry(old).or_default().insert(new);
    }
    let cells = run.cells.iter();
    let mut causes = gathered(cells.map(|(cell, group)| (class_and_cause(&folded(cell)), group)));
    for (new, part) in &mut causes {
        // All is known of what is the same faults under another name.
        let only = |of: &BTreeMap<Key, BTreeSet<Key>>, key: &Key| {
            of.get(key).filter(|keys| keys.len() == 1).and_then(BTreeSet::first).cloned()
        };
        let same = only(&old_of, new).filter(|old| only(&new_of, old).is_some());
        if let Some(whole) = same.and_then(|old| run.parts(Section::Cause).get(&old)) {
            *part = whole.clone();
        }
    }
    run.sections[Section::Class as usize] = classes;
    run.sections[Section::Cause as usize] = causes;
    run.cells = gathered(run.cells.iter().map(|(cell, group)| (folded(cell), group)));
    run.aliases = run.aliases.iter().map(|(key, alias)| (folded(key), folded(alias))).collect();
}

/// Groups under new names. Of several that become one neither distinct pages nor percentiles are known.
fn gathered<'a>(groups: impl Iterator<Item = (Key, &'a Group)>) -> Parts {
    let mut parts = Parts::new();
    for (name, group) in groups {
        let part = match parts.remove(&name) {
            Some(other) => Group { pages: None, touched_bytes: None, ..merged(&other, group) },
            None => group.clone(),
        };
        parts.insert(name, part);
    }
    parts
}

/// Class and cause of a cell.
fn class_and_cause(cell: &Key) -> Key {
    cell.iter().skip(2).cloned().collect()
}

/// The name of a cell: what was hit, its kind, class and cause. Names of other parts stay.
fn folded(key: &Key) -> Key {
    let [region, kind, class_name, cause_name] = &key[..] else {
        return key.clone();
    };
    let cause = cause(kind, class_name, cause_name).to_owned();
    vec![region.clone(), kind.clone(), class(class_name), cause]
}

fn class(name: &str) -> String {
    let is_either = name == Class::Minor.as_str() || name == Class::Cow.as_str();
    if is_either { MINOR_OR_COW } else { name }.to_owned()
}

fn cause<'a>(kind: &str, class: &str, cause: &'a str) -> &'a str {
    // These do not hang on the code.
    let settled = [Cause::HugePage, Cause::StackGrowth, Cause::Unknown].map(Cause::as_str);
    let is_major = class == Class::Major.as_str();
    if class == Class::Failed.as_str() || settled.contains(&cause) {
        return cause;
    }
    match RegionKind::ALL.iter().find(|known| known.as_str() == kind) {
        Some(RegionKind::Text | RegionKind::Rodata | RegionKind::Data | RegionKind::File) => {
            if is_major {
                FILE_MAJOR
            } else {
                FILE
            }
        }
        Some(
            RegionKind::Bss
            | RegionKind::Heap
            | RegionKind::Stack
            | RegionKind::ThreadStack
            | RegionKind::Anon,
        ) if !is_major => ANON,
        Some(RegionKind::Shmem) => Cause::Shmem.as_str(),
        _ => cause,
    }
}

#[cfg(test)]
mod tests;
