//! A swap file for the time of a workload.
#![allow(unsafe_code, reason = "swapon, swapoff")]

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::sys::mapping::page_size;

/// A swap file in use. Taken out of use and deleted when dropped.
#[derive(Debug)]
pub struct SwapFile {
    path: PathBuf,
    c_path: CString,
    active: bool,
    /// Locked: another workload that takes its swap file away would bring our pages back.
    _dir: File,
}

impl SwapFile {
    /// Makes a swap file of `pages` pages in `dir` and puts it to use. Waits while another workload uses
    /// one in the same folder.
    ///
    /// # Errors
    ///
    /// Those of `swapon(2)`: not permitted, or a file system that cannot hold swap files.
    pub fn new(dir: &Path, pages: u32) -> io::Result<Self> {
        let lock = File::open(dir)?;
        lock.lock()?;
        let path = dir.join(format!("pf-workload-{}.swap", std::process::id()));
        let c_path = CString::new(path.as_os_str().as_bytes())?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut swap = Self { path, c_path, active: false, _dir: lock };
        file.write_all(&header(pages))?;
        let page = vec![0; page_size()];
        for _ in 1..pages {
            file.write_all(&page)?; // all of it: a swap file must have no holes
        }
        file.sync_all()?;
        // SAFETY: the path is a valid C string.
        if unsafe { libc::swapon(swap.c_path.as_ptr(), 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
        swap.active = true;
        Ok(swap)
    }
}

impl Drop for SwapFile {
    fn drop(&mut self) {
        // SAFETY: the path is a valid C string.
        if self.active && unsafe { libc::swapoff(self.c_path.as_ptr()) } != 0 {
            let error = io::Error::last_os_error();
            eprintln!("swapoff {}: {error}: it stays in use", self.path.display());
            return;
        }
        // A file that cannot be deleted stays; there is nobody to tell.
        let _ = fs::remove_file(&self.path);
    }
}

/// First page of a swap area, as `union swap_header` in the kernel's `linux/swap.h` lays it out.
fn header(pages: u32) -> Vec<u8> {
    let mut page = vec![0; page_size()];
    let (version, last_page) = (1_u32.to_ne_bytes(), (pages - 1).to_ne_bytes());
    page.splice(1024..1032, version.into_iter().chain(last_page));
    let magic_at = page.len() - 10;
    page.splice(magic_at.., *b"SWAPSPACE2");
    page
}
