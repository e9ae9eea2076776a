//! Where everything is, and how much of it to measure.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::cli::Arguments;

/// Where everything is, and how much of it to measure.
#[derive(Debug)]
pub struct Bench {
    /// Folder of `pfrecord`, `pfreport` and `pf-workload`.
    programs: PathBuf,
    scratch: TempDir,
    /// Rounds.
    pub runs: u32,
    /// A hundredth of everything.
    smoke: bool,
}

impl Bench {
    /// The programs beside this one.
    pub fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("where this program is")?;
        let programs = this.parent().context("where this program is")?.to_owned();
        for name in ["pfrecord", "pfreport", "pf-workload"] {
            ensure!(programs.join(name).is_file(), "{name} is not in {}", programs.display());
        }
        let scratch = tempfile::Builder::new().prefix("pfbench-").tempdir_in(&arguments.dir);
        let scratch =
            scratch.with_context(|| format!("a folder in {}", arguments.dir.display()))?;
        let Arguments { runs, smoke, .. } = *arguments;
        Ok(Self { programs, scratch, runs, smoke })
    }

    /// One of the programs of the project.
    pub fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// The path of one of the programs of the project.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Path of a file that is removed at the end.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Folder of such files.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// So many faults, threads or seconds, or what is left of them in a trial run.
    pub fn scaled(&self, number: u64) -> u64 {
        if self.smoke { (number / 100).max(2) } else { number }
    }
}
