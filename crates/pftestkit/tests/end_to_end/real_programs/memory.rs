//! What the kernel says about the memory of a process that is stopped.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::{number_in, read};

/// Present in the page table, of pagemap (Documentation/admin-guide/mm/pagemap.rst).
const PRESENT: u64 = 1 << 63;
/// No other process has this page.
const EXCLUSIVE: u64 = 1 << 56;

/// Memory at a moment at which nothing of the process runs.
pub struct Memory {
    /// Pages in memory that the process may write and does not share by intent; whether the process has
    /// them for itself. By page number.
    pages: BTreeMap<u64, bool>,
    /// `Private_Dirty` of all mappings.
    pub private_dirty_pages: u64,
}

impl Memory {
    pub fn of(pid: u32) -> Self {
        let page_bytes = rustix::param::page_size() as u64;
        let pagemap = File::open(format!("/proc/{pid}/pagemap")).unwrap();
        let mut pages = BTreeMap::new();
        for line in read(format!("/proc/{pid}/maps")).lines() {
            let mut words = line.split_whitespace();
            let (range, perms) = (words.next().unwrap(), words.next().unwrap());
            if !perms.contains('w') || !perms.ends_with('p') {
                continue;
            }
            let (start, end) = range.split_once('-').unwrap();
            let page = |addr: &str| u64::from_str_radix(addr, 16).unwrap() / page_bytes;
            let (start, end) = (page(start), page(end));
            let mut entries = vec![0; usize::try_from((end - start) * 8).unwrap()];
            pagemap.read_exact_at(&mut entries, start * 8).unwrap();
            let entries =
                entries.chunks_exact(8).map(|e| u64::from_ne_bytes(e.try_into().unwrap()));
            let present = (start..end).zip(entries).filter(|(_, entry)| entry & PRESENT != 0);
            pages.extend(present.map(|(page, entry)| (page, entry & EXCLUSIVE != 0)));
        }
        let rollup = read(format!("/proc/{pid}/smaps_rollup"));
        let private_dirty_bytes = number_in(&rollup, "Private_Dirty").unwrap() * 1024;
        Self { pages, private_dirty_pages: private_dirty_bytes / page_bytes }
    }

    /// Whether the process has the page for itself; `None` when it is not in memory.
    pub fn is_exclusive(&self, page: u64) -> Option<bool> {
        self.pages.get(&page).copied()
    }

    /// Pages that were shared then and belong to the process alone in `later`.
    pub fn unshared_in<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = u64> + 'a {
        let shared = self.pages.iter().filter(|&(_, &exclusive)| !exclusive);
        shared.map(|(&page, _)| page).filter(|&page| later.is_exclusive(page) == Some(true))
    }

    /// Number of pages that are not in memory then and are in `later`.
    pub fn new_in(&self, later: &Self) -> u64 {
        later.pages.keys().filter(|page| !self.pages.contains_key(page)).count() as u64
    }
}
