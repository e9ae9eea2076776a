//! Panics in dependencies that their callers catch.

use std::panic::{self, Location};

/// Lets panics in dependencies be: `pfsymbols` catches them, since parsers of debug information and unwind
/// tables are made for files that compilers wrote. One that nobody catches still ends the target.
///
/// For fuzzers, in which every panic would be a finding: theirs aborts in the hook.
pub fn quiet_dependencies() {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.location().is_some_and(is_dependency) {
            loud(info);
        }
    }));
}

fn is_dependency(location: &Location<'_>) -> bool {
    ["/registry/src/", "/rustc/", "/library/"].iter().any(|part| location.file().contains(part))
}
