//! Addresses without the base that the kernel chose at random.
//!
//! What lies close together is an island, whose inside stays as it is; islands are put one behind the
//! other, in their order, from the beginning of their zone on. The map is one for the whole trace, since
//! processes share address spaces by fork; it keeps order and never maps two addresses to one.

use rustc_hash::FxHashSet;

/// Below lie programs at fixed addresses, and the page of null pointers: all of it stays.
const FIXED_END: u64 = 4 << 30;
/// Where zones begin: behind the first lies user space, then what is no address at all, then the kernel, around a page
/// that stays. User space ends at 2^47 on most machines, and at 2^56 with the most page tables: an end in between
/// would cut mappings of other machines in two.
const ZONES: [u64; 6] = [0, FIXED_END, 1 << 56, KERNEL, VSYSCALL.0, VSYSCALL.1];
const KERNEL: u64 = 1 << 63;
/// Where every x86 kernel has this page: where it went would tell where the kernel was.
const VSYSCALL: (u64, u64) = (0xffff_ffff_ff60_0000, 0xffff_ffff_ff60_1000);

/// Single addresses are remembered by the chunk that they lie in.
const CHUNK_SHIFT: u32 = 20;
const KERNEL_CHUNK_SHIFT: u32 = 16;
/// Of more than this, the two ends are looked at alone, and what lies in it by itself: a system call that
/// names so much is wrong, and a mapping of it is a reserve, whose place may be fixed, like the shadow
/// memory of a sanitizer.
const RANGE_MAX_BYTES: u64 = 1 << 40;

/// Sizes of huge pages: positions within one stay, since the kernel aligns huge pages.
const SMALLEST_HUGE_BYTES: u64 = 2 << 20;
const LARGEST_HUGE_BYTES: u64 = 16 << 30;

/// How islands of a zone are told apart and placed.
#[derive(Debug, Clone, Copy)]
struct Spacing {
    /// An address modulo this stays.
    align: u64,
    /// What is at least so far apart is two islands.
    apart: u64,
}

/// The addresses of a trace.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    ranges: FxHashSet<(u64, u64)>,
    chunks: FxHashSet<u64>,
    last_chunk: Option<u64>,
    last_range: (u64, u64),
}

/// The chunk of an address, as the address where it begins, and its size.
const fn chunk(address: u64) -> (u64, u64) {
    let shift = if address < KERNEL { CHUNK_SHIFT } else { KERNEL_CHUNK_SHIFT };
    (address >> shift << shift, 1 << shift)
}

impl Seen {
    pub(crate) fn address(&mut self, address: u64) {
        if VSYSCALL.0 <= address && address < VSYSCALL.1 {
            return self.range(VSYSCALL.0, VSYSCALL.1);
        }
        let (start, _) = chunk(address);
        if self.last_chunk != Some(start) {
            self.chunks.insert(start);
            self.last_chunk = Some(start);
        }
    }

    pub(crate) fn range(&mut self, start: u64, end: u64) {
        if start >= end || end - start > RANGE_MAX_BYTES {
            self.address(start);
            self.address(end);
        } else if self.last_range != (start, end) {
            self.ranges.insert((start, end));
            self.last_range = (start, end);
        }
    }

    pub(crate) fn block(&mut self, start: u64, bytes: u64) {
        self.range(start, start.saturating_add(bytes));
    }

    /// The map; `page_bytes` is the size of the largest page in the trace, or of those that huge pages are made of.
    pub(crate) fn islands(&self, page_bytes: u64) -> Islands {
        let chunks = self.chunks.iter().map(|&start| {
            let (_, bytes) = chunk(start);
            (start, start.saturating_add(bytes))
        });
        let ranges = self.ranges.iter().copied().chain(chunks);
        let mut ranges: Vec<(u64, u64)> = ranges.flat_map(in_zones).collect();
        ranges.sort_unstable();
        let align = page_bytes.clamp(SMALLEST_HUGE_BYTES, LARGEST_HUGE_BYTES);
        let user = Spacing { align, apart: (4 * align).max(1 << 30) };
        let kernel = Spacing { align: 4096, apart: 1 << 20 };
        let spacing = |start: u64| if start < KERNEL { user } else { kernel };

        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if is_together(*last, (start, end), spacing(start).apart) => {
                    last.1 = last.1.max(end);
                }
                _ => merged.push((start, end)),
            }
        }
        Islands::place(&merged, spacing)
    }
}

/// Where the zone of an address begins.
fn zone(address: u64) -> u64 {
    ZONES.into_iter().rfind(|&from| from <= address).unwrap_or_default()
}

/// The parts of a range that lie in different zones, so that what stays in one keeps nothing in another from
/// being moved.
fn in_zones((start, end): (u64, u64)) -> impl Iterator<Item = (u64, u64)> {
    let ends = ZONES.into_iter().skip(1).chain([u64::MAX]);
    let parts = ZONES.into_iter().zip(ends).map(move |(from, to)| (from.max(start), to.min(end)));
    parts.filter(|(start, end)| start < end)
}

/// Whether two ranges belong to one island.
fn is_together(last: (u64, u64), next: (u64, u64), apart: u64) -> bool {
    next.0.saturating_sub(last.1) < apart && zone(last.0) == zone(next.0)
}

/// One island.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Island {
    start: u64,
    /// Its last address may be asked for too: ranges end there.
    end: u64,
    /// How far down it goes.
    down: u64,
}

/// Where everything goes.
#[derive(Debug, Default)]
pub(crate) struct Islands {
    islands: Vec<Island>,
    /// That of the last answer.
    last: usize,
}

impl Islands {
    fn place(merged: &[(u64, u64)], spacing: impl Fn(u64) -> Spacing) -> Self {
        let mut islands = Vec::with_capacity(merged.len());
        // Where the island before ends now; 0 before the first.
        let mut free = 0_u64;
        for &(start, end) in merged {
            let Spacing { align, apart } = spacing(start);
            let zone = zone(start);
            let stays = zone == 0 || zone == VSYSCALL.0;
            let from = if free > 0 { free.saturating_add(apart / 2) } else { 0 };
            let to = aligned(from.max(zone), start % align, align);
            // An island before that did not move may be close.
            let to = if stays || to > start { start } else { to };
            free = to.saturating_add(end - start);
            islands.push(Island { start, end, down: start - to });
        }
        Self { islands, last: 0 }
    }

    /// Where an address is now; `None` for one that was not seen.
    pub(crate) fn at(&mut self, address: u64) -> Option<u64> {
        // Where one ends, the next may begin.
        let is_inside = |island: &&Island| island.start <= address && address < island.end;
        if let Some(island) = self.islands.get(self.last).filter(is_inside) {
            return Some(address - island.down);
        }
        let behind = self.islands.partition_point(|island| island.start <= address);
        let index = behind.checked_sub(1)?;
        let island = self.islands.get(index).filter(|island| address <= island.end)?;
        self.last = index;
        Some(address - island.down)
    }

    /// How many there are, and how many of them stay where they were.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let stay = self.islands.iter().filter(|island| island.down == 0).count();
        (self.islands.len(), stay)
    }
}

/// The first address from `from` on with this remainder.
fn aligned(from: u64, remainder: u64, align: u64) -> u64 {
    let base = from - from % align;
    let at = base.saturating_add(remainder);
    if at < from { at.saturating_add(align) } else { at }
}
