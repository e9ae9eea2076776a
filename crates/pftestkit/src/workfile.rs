//! Files to map: made for one run, deleted at its end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cli::Args;
use crate::session::Skip;
use crate::sys::mapping::{Backing, Mapping, drop_cached_pages, page_size};

/// A file of whole pages. Deleted when dropped.
#[derive(Debug)]
pub struct WorkFile {
    path: PathBuf,
    file: File,
    pages: usize,
    /// Keeps the page cache from giving it up.
    locked: Option<Mapping>,
}

impl WorkFile {
    /// Makes a file of `pages` pages and writes it to the disk; it is in the page cache then.
    pub fn new(args: &Args, pages: usize) -> anyhow::Result<Self> {
        Self::with_suffix(args, pages, "")
    }

    /// As [`WorkFile::new`]; `suffix` is added to the name, for modes with several files.
    pub fn with_suffix(args: &Args, pages: usize, suffix: &str) -> anyhow::Result<Self> {
        let path = match &args.file {
            Some(path) => std::path::absolute(path)?,
            None => args.dir.join(format!("pf-workload-{}.bin", std::process::id())),
        };
        let mut path = path.into_os_string();
        path.push(suffix);
        let path = PathBuf::from(path);
        let open = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = open.with_context(|| format!("creating {}", path.display()))?;
        let mut work = Self { path, file, pages, locked: None };
        let written = work.fill();
        written.with_context(|| format!("writing {}", work.path.display()))?;
        Ok(work)
    }

    fn fill(&mut self) -> io::Result<()> {
        let page = vec![b'p'; page_size()];
        for _ in 0..self.pages {
            self.file.write_all(&page)?;
        }
        self.file.sync_all()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Removes the file from the page cache and makes sure that it is gone.
    pub fn make_cold(&self) -> anyhow::Result<()> {
        let probe = Mapping::new(self.pages, Backing::ReadOnlyFile(&self.file))?;
        for _ in 0..10 {
            self.file.sync_all()?;
            drop_cached_pages(&self.file)?;
            if !probe.resident()?.contains(&true) {
                return Ok(());
            }
        }
        let reason = format!("{}: its pages stay in memory (tmpfs?)", self.path.display());
        Err(Skip(reason).into())
    }

    /// Makes sure that all of it is in the page cache, and stays there as far as the user may lock
    /// memory: a machine may reclaim pages at any time, however much memory is free.
    pub fn make_warm(&mut self) -> anyhow::Result<()> {
        let probe = Mapping::new(self.pages, Backing::ReadOnlyFile(&self.file))?;
        let locked = probe.lock().is_ok();
        for _ in 0..10 {
            if !probe.resident()?.contains(&false) {
                self.locked = locked.then_some(probe);
                return Ok(());
            }
            fs::read(&self.path)?;
        }
        let reason = format!("{}: its pages do not stay in memory", self.path.display());
        Err(Skip(reason).into())
    }
}

impl Drop for WorkFile {
    fn drop(&mut self) {
        // A file that cannot be deleted stays; there is nobody to tell.
        let _ = fs::remove_file(&self.path);
    }
}
