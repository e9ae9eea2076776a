//! Where a module lies in memory: how the addresses of a mapping relate to those of its file.

use pft::record::Segment;

use crate::space::vma::{EXEC, Vma};

/// A part of a mapping that shows one segment of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Number of the module.
    pub module: u32,
    /// Number of the segment.
    pub segment: usize,
    /// What to take off an address, wrapping, to get the one that the module has for it.
    pub bias: u64,
    /// First address.
    pub start: u64,
    /// First address behind the part.
    pub end: u64,
    /// From here on there is nothing of the file: memory that begins as zeros.
    pub zero_from: u64,
}

impl Placement {
    /// The address in the module, if `addr` is in this part.
    pub(crate) fn address(&self, addr: u64) -> Option<u64> {
        (self.start <= addr && addr < self.end).then(|| addr.wrapping_sub(self.bias))
    }
}

/// Rounds up to pages.
fn up(address: u64, page_mask: u64) -> u64 {
    address.saturating_add(page_mask) & !page_mask
}

/// Whether the mapping lies inside the pages of the segment of a placement.
fn fits(vma: &Vma, placement: &Placement) -> bool {
    placement.end >= vma.end
}

/// The segments that a mapping of a file may show at its start. The kernel maps whole pages, so that two
/// segments may have a page of the file in common.
pub(crate) fn candidates(
    vma: &Vma,
    (module, segments): (u32, &[Segment]),
    page_mask: u64,
) -> impl Iterator<Item = Placement> {
    let offset = vma.file_offset;
    let in_file = segments.iter().enumerate().filter(|(_, segment)| segment.file_bytes > 0);
    in_file.filter_map(move |(index, segment)| {
        let file_end = segment.file_offset.saturating_add(segment.file_bytes);
        let (first, end) = (segment.file_offset & !page_mask, up(file_end, page_mask));
        if offset < first || offset >= end {
            return None;
        }
        let address = segment.address.wrapping_add(offset.wrapping_sub(segment.file_offset));
        let bias = vma.start.wrapping_sub(address);
        let end = vma.start.saturating_add(end - offset).min(vma.end);
        let zero_from = if segment.memory_bytes > segment.file_bytes {
            segment.address.wrapping_add(segment.file_bytes).wrapping_add(bias)
        } else {
            end
        };
        Some(Placement { module, segment: index, bias, start: vma.start, end, zero_from })
    })
}

/// The most likely one of [`candidates`]: one that the mapping fits; one whose bias other parts of the module
/// have, as `is_known` says; one with the protection of the mapping; the first.
pub(crate) fn choose(
    vma: &Vma,
    (module, segments): (u32, &[Segment]),
    page_mask: u64,
    is_known: impl Fn(u64) -> bool,
) -> Option<Placement> {
    let likelihood = |placement: &Placement| {
        let prot = segments.get(placement.segment).map_or(0, |segment| segment.prot);
        let same_exec = prot & EXEC == vma.prot & EXEC;
        (fits(vma, placement), is_known(placement.bias), same_exec, prot == vma.prot)
    };
    let all = candidates(vma, (module, segments), page_mask);
    all.reduce(|best, next| if likelihood(&next) > likelihood(&best) { next } else { best })
}

/// The bias of a mapping if nothing but the mapping decides on it.
pub(crate) fn only_bias(
    vma: &Vma,
    (module, segments): (u32, &[Segment]),
    page_mask: u64,
) -> Option<u64> {
    let mut fitting = candidates(vma, (module, segments), page_mask).filter(|p| fits(vma, p));
    let first = fitting.next()?.bias;
    fitting.all(|placement| placement.bias == first).then_some(first)
}

/// The memory that a segment has behind its part of the file, whole pages: first address and the one
/// behind the last, where the module lies at `bias`. `None` if there is none.
pub(crate) fn zero_pages(segment: &Segment, bias: u64, page_mask: u64) -> Option<(u64, u64)> {
    let end = |bytes: u64| segment.address.saturating_add(bytes).saturating_add(page_mask);
    let from = match segment.file_bytes {
        0 => segment.address & !page_mask,
        bytes => end(bytes) & !page_mask,
    };
    let to = end(segment.memory_bytes) & !page_mask;
    let (start, end) = (from.wrapping_add(bias), to.wrapping_add(bias));
    (from < to && start < end).then_some((start, end))
}
