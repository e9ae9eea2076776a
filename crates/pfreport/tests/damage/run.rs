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
use crate::share;
use crate::truth::Truth;
use crate::watch::Watch;

/// Memory that reading a damaged trace of some kilobytes takes at most, bytes.
const MOST_BYTES: usize = 64 << 20;
/// Of those that go through the model, one in so many is verified and recovered as well.
const RECOVERED: usize = 4;
/// One in so many is redacted.
const REDACTED: usize = 16;
/// One in so many goes through all reports.
const RENDERED: usize = 1_500;

/// What has been tried.
#[derive(Default)]
pub struct Tried {
    pub cuts: usize,
    pub flips: usize,
    pub others: usize,
    /// The most that any file took, bytes.
    pub peak_bytes: usize,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, flips, others, peak_bytes } = self;
        let peak_mib = peak_bytes >> 20;
        write!(f, "cuts {cuts}, flips {flips}, other damage {others}; peak memory {peak_mib} MiB")
    }
}

/// A sound trace, and what its copies are compared with.
pub struct Whole {
    name: &'static str,
    truth: Truth,
    folder: TempDir,
    watch: Watch,
    bytes: Vec<u8>,
    tried: AtomicUsize,
    peak_bytes: AtomicUsize,
}

impl Whole {
    pub fn new(name: &'static str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whole.pft");
        fs::write(&path, bytes).unwrap();
        let loaded = Loaded::open(&path, &Options::default()).unwrap();
        let truth = Truth::of(name, loaded);
        share::verify_and_recover(&path, true, &truth).unwrap();
        share::redact(&path, true, &truth).unwrap();
        Self {
            name,
            truth,
            folder,
            watch: Watch::new(),
            bytes: bytes.to_vec(),
            tried: AtomicUsize::new(0),
            peak_bytes: AtomicUsize::new(0),
        }
    }

    /// The most that a copy took while it was loaded or put through reports, bytes.
    pub fn peak_bytes(&self) -> usize {
        self.peak_bytes.load(Ordering::Relaxed)
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
            let is_same = *file.bytes == *self.bytes;
            if nth % RECOVERED == 1 {
                share::verify_and_recover(&path, is_same, &self.truth)?;
            }
            if nth % REDACTED == 2 {
                share::redact(&path, is_same, &self.truth)?;
            }
            let taken = MEMORY.peak_usage().saturating_sub(before);
            self.peak_bytes.fetch_max(taken, Ordering::Relaxed);
            if taken > MOST_BYTES + 300 * file.bytes.len() {
                return Err(format!("takes {taken} bytes of memory"));
            }
            if nth % RENDERED == 3 {
                every_report(&path, |_| ())?;
                let taken = MEMORY.peak_usage().saturating_sub(before);
                self.peak_bytes.fetch_max(taken, Ordering::Relaxed);
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
