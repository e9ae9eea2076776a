//! One damaged file after the other, through loading and reporting.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use pfdamage::Damaged;
use pfmodel::Options;
use pfreport::load::Loaded;
use pft::Trace;
use tempfile::TempDir;

use crate::MEMORY;
use crate::reports::every_report;
use crate::truth::Truth;

/// What no file of these tests may take longer than: a hang, not a slow machine.
const HANG: Duration = Duration::from_secs(300);
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
    watch: Sender<String>,
}

impl Whole {
    pub fn new(name: &'static str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whole.pft");
        fs::write(&path, bytes).unwrap();
        let loaded = Loaded::open(&path, &Options::default()).unwrap();
        let (watch, news) = channel::<String>();
        thread::spawn(move || {
            let mut what = String::from("nothing yet");
            loop {
                match news.recv_timeout(HANG) {
                    Ok(next) => what = next,
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("hangs: {what}");
                        std::process::abort();
                    }
                }
            }
        });
        Self { name, truth: Truth::of(name, loaded), folder, watch }
    }

    /// Tries all; how many these are.
    pub fn all<'a>(&self, files: impl Iterator<Item = Damaged<'a>>) -> usize {
        eprintln!("{} {:?}", self.name, std::time::Instant::now());
        files.enumerate().map(|(n, file)| self.one(&file, n % RENDERED == 0)).count()
    }

    /// Opens all and decodes all of their frames, and goes on with those that leave other frames than the ones before
    /// did; how many these are.
    pub fn new_ones<'a>(&self, files: impl Iterator<Item = Damaged<'a>>) -> usize {
        eprintln!("{} new {:?}", self.name, std::time::Instant::now());
        let mut seen = HashSet::new();
        let mut count = 0;
        for file in files {
            count += 1;
            self.watch.send(format!("{}: {}", self.name, file.what)).unwrap();
            let left = Trace::from_bytes(file.bytes.to_vec()).map(|trace| {
                let whole = trace.iter().filter(|(_, frame)| frame.is_ok());
                let sequences: Vec<u64> = whole.map(|(info, _)| info.sequence).collect();
                (sequences, trace.is_complete())
            });
            if seen.insert(left.ok()) {
                self.one(&file, seen.len() % RENDERED == 1);
            }
        }
        count
    }

    fn one(&self, file: &Damaged<'_>, is_rendered: bool) {
        let what = format!("{}: {}", self.name, file.what);
        self.watch.send(what.clone()).unwrap();
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
            if is_rendered {
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
