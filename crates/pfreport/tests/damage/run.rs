//! One damaged file after the other, through loading and reporting.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use pfdamage::Damaged;
use pfmodel::Options;
use pfreport::load::Loaded;
use pft::Trace;
use tempfile::TempDir;

use crate::MEMORY;
use crate::reports::every_report;
use crate::truth::Truth;
use crate::watch::Watch;

/// Memory that reading a damaged trace of some kilobytes takes at most, bytes.
const MOST_BYTES: usize = 64 << 20;
/// One in so many is rendered as well.
const RENDERED: usize = 499;

/// What has been tried.
#[derive(Default)]
pub struct Tried {
    pub cuts: usize,
    pub flips: usize,
    pub others: usize,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, flips, others } = self;
        let peak_mib = MEMORY.peak_usage() >> 20;
        write!(f, "cuts {cuts}, flips {flips}, other damage {others}; peak memory {peak_mib} MiB")
    }
}

/// A sound trace, and what its copies are compared with.
pub struct Whole {
    name: &'static str,
    truth: Truth,
    folder: TempDir,
    watch: Watch,
    tried: AtomicUsize,
}

impl Whole {
    pub fn new(name: &'static str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whole.pft");
        fs::write(&path, bytes).unwrap();
        let loaded = Loaded::open(&path, &Options::default()).unwrap();
        Self {
            name,
            truth: Truth::of(name, loaded),
            folder,
            watch: Watch::new(),
            tried: AtomicUsize::new(0),
        }
    }

    /// Opens all and decodes all of their frames. One in `share` goes through the model and all that is said of it, and
    /// each that leaves other frames than those before. How many these are.
    pub fn all<'a>(&self, share: usize, files: impl Iterator<Item = Damaged<'a>>) -> usize {
        let mut seen = HashSet::new();
        let mut count = 0;
        for file in files {
            count += 1;
            self.watch.look(&format!("{}: {}", self.name, file.what));
            let left = Trace::from_bytes(file.bytes.to_vec()).map(|trace| {
                let whole = trace.iter().filter(|(_, frame)| frame.is_ok());
                let sequences: Vec<u64> = whole.map(|(info, _)| info.sequence).collect();
                (sequences, trace.is_complete())
            });
            if seen.insert(left.ok()) || count % share == 0 {
                self.one(&file);
            }
        }
        count
    }

    fn one(&self, file: &Damaged<'_>) {
        let nth = self.tried.fetch_add(1, Ordering::Relaxed);
        let what = format!("{}: {}", self.name, file.what);
        self.watch.look(&what);
        let path: PathBuf = self.folder.path().join("damaged.pft");
        fs::write(&path, &file.bytes).unwrap();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if let Ok(loaded) = Loaded::open(&path, &Options::default()) {
                self.truth.judge(&loaded)?;
            }
            let taken = MEMORY.peak_usage().saturating_sub(before);
            if taken > MOST_BYTES + 300 * file.bytes.len() {
                return Err(format!("takes {taken} bytes of memory"));
            }
            if nth % RENDERED == 1 {
                every_report(&path, |_| ())?;
            }
            Ok(())
        }));
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(wrong)) => panic!("{what}: {wrong}"),
            Err(_) => panic!("{what}: panics"),
        }
    }
}
