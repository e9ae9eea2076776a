//! What the kernel says about this process's pages, mappings and stack.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::sys::mapping::page_size;

/// `/proc/self/pagemap`.
#[derive(Debug)]
pub struct Pagemap(File);

impl Pagemap {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        File::open("/proc/self/pagemap").map(Self)
    }

    /// Whether the page at `address` is in the page table: an access makes no fault then.
    pub fn is_present(&self, address: u64) -> io::Result<bool> {
        Ok(self.entry(address)? >> 63 & 1 != 0)
    }

    /// Whether the page at `address` is in swap (it may be in the swap cache as well).
    pub fn is_swapped(&self, address: u64) -> io::Result<bool> {
        Ok(self.entry(address)? >> 62 & 1 != 0)
    }

    fn entry(&self, address: u64) -> io::Result<u64> {
        let mut entry = [0; 8];
        self.0.read_exact_at(&mut entry, address / page_size() as u64 * 8)?;
        Ok(u64::from_ne_bytes(entry))
    }
}

/// One line of `/proc/self/maps`.
#[derive(Debug)]
pub struct Vma {
    /// Addresses.
    pub range: Range<u64>,
    /// `r-xp` and so on.
    pub perms: String,
    /// Path or name; empty for anonymous memory.
    pub name: String,
}

/// `/proc/self/maps`.
pub fn vmas() -> io::Result<Vec<Vma>> {
    let text = fs::read_to_string("/proc/self/maps")?;
    text.lines()
        .map(|line| vma(line).ok_or_else(|| io::Error::other(format!("/proc/self/maps: {line}"))))
        .collect()
}

fn vma(line: &str) -> Option<Vma> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    let range = address(start)?..address(end)?;
    let perms = fields.next()?.to_owned();
    Some(Vma { range, perms, name: fields.nth(3).unwrap_or_default().to_owned() })
}

/// Bytes of huge pages in the mapping that begins at `start`, from `/proc/self/smaps`.
pub fn anon_huge_bytes(start: u64) -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/smaps")?;
    let head = format!("{start:x}-");
    text.lines()
        .skip_while(|line| !line.starts_with(&head))
        .find_map(|line| line.strip_prefix("AnonHugePages:"))
        .and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("no AnonHugePages in /proc/self/smaps"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_maps() {
        let parsed = vma("7ffd4000-7ffd6000 rw-p 00000000 00:00 0     [stack]").unwrap();
        assert_eq!((parsed.range, parsed.name.as_str()), (0x7ffd_4000..0x7ffd_6000, "[stack]"));
        assert_eq!(vma("1000-2000 r-xp 00000000 fe:00 12").unwrap().name, "");
        assert!(vma("1000 r-xp").is_none());
    }

    #[test]
    fn own_stack_is_there() {
        assert!(vmas().unwrap().iter().any(|vma| vma.name == "[stack]"));
    }
}
