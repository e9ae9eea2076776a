//! What became of a file that was to be opened.

use std::fs::File;
use std::io;
use std::sync::Arc;

use pft::record::ModuleState;

use super::super::modules::FileKey;
use super::regular::Regular;
use super::stamp::Stamp;

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The file.
    pub file: Option<Arc<File>>,
    /// Why there is none.
    pub state: ModuleState,
    /// What it was when it was opened.
    pub(super) stamp: Option<Stamp>,
    /// When it was first seen mapped, nanoseconds since the epoch.
    pub(super) seen_ns: Option<u64>,
    /// It was written since then: what was mapped cannot be had any more.
    pub(super) is_changed: bool,
}

impl Opened {
    pub(super) const fn of(file: Option<Arc<File>>, state: ModuleState) -> Self {
        Self { file, state, stamp: None, seen_ns: None, is_changed: false }
    }

    /// The file, unless it was written since it was opened.
    pub fn unchanged(self) -> Option<Arc<File>> {
        self.file.filter(|file| self.stamp == Stamp::of(file))
    }

    pub(super) fn give_up(&mut self) {
        (self.file, self.state, self.is_changed) = (None, ModuleState::Replaced, true);
    }
}

/// A file that could not be opened.
pub(super) const fn not_opened() -> Opened {
    Opened::of(None, ModuleState::NotOpened)
}

/// What was found at the path of a file, if it is that file.
pub(super) fn checked(found: io::Result<Regular>, key: &FileKey) -> Opened {
    match found {
        Ok(found) if found.is_other(key) => Opened::of(None, ModuleState::Replaced),
        Ok(found) => match found.open() {
            Ok(file) => Opened::of(Some(Arc::new(file)), ModuleState::Read),
            Err(_) => not_opened(),
        },
        Err(_) => not_opened(),
    }
}
