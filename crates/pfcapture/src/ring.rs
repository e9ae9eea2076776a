//! Ring buffers: one per CPU, owned by a dummy event of the recorder, and the walk over the records
//! of all rings in order of time.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::Error;
use crate::event;
use crate::parse::{self, HEADER_BYTES, SampleLayout};
use crate::sys::{self, Bound, RingMap};

/// The ring of one CPU.
#[derive(Debug)]
pub struct Ring {
    /// CPU number.
    pub cpu: u32,
    owner: OwnedFd,
    map: RingMap,
    tail: u64,
    /// Time of the last record visited.
    last_time_ns: u64,
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.owner.as_fd()
    }
}

/// The rings of all CPUs, equally large.
#[derive(Debug)]
pub struct Rings {
    /// One per CPU that is online.
    pub rings: Vec<Ring>,
    /// Size of each.
    pub bytes_per_cpu: usize,
    /// Fill level at which the kernel wakes the recorder.
    pub watermark_bytes: u32,
    last_time_ns: u64,
}

/// A record may become visible this long after the time it carries.
pub const LATE_NS: u64 = 1_000_000;

/// Smallest ring worth having, in pages.
const MIN_PAGES: usize = 8;

impl Rings {
    /// Opens a ring on each of `cpus`, of `requested_bytes` or the largest power of two below that
    /// may be locked.
    ///
    /// # Errors
    /// [`Error::RingMemory`] when even the smallest may not be locked; [`Error::Paranoid`] and its
    /// kin when perf events are refused altogether.
    pub fn open(cpus: &[u32], requested_bytes: usize, page_bytes: usize) -> Result<Self, Error> {
        let smallest = MIN_PAGES * page_bytes;
        let mut bytes = requested_bytes.max(smallest).next_power_of_two();
        if bytes > requested_bytes.max(smallest) {
            bytes /= 2;
        }
        loop {
            match Self::open_sized(cpus, bytes, page_bytes) {
                Err(Error::RingMemory { .. }) if bytes > smallest => bytes /= 2,
                other => return other,
            }
        }
    }

    fn open_sized(cpus: &[u32], bytes: usize, page_bytes: usize) -> Result<Self, Error> {
        let watermark_bytes = u32::try_from(bytes / 4).unwrap_or(u32::MAX);
        let attr = event::ring_owner_attr(watermark_bytes);
        let mut rings = Vec::with_capacity(cpus.len());
        for &cpu in cpus {
            let owner = sys::perf_event_open(&attr, Bound::Thread(0), Some(cpu), None)
                .map_err(|source| crate::system::permission::explain(source, "ring", 0))?;
            let map =
                RingMap::new(owner.as_fd(), page_bytes, bytes).map_err(|source| {
                    match source.raw_os_error() {
                        Some(libc::EPERM | libc::ENOMEM) => Error::RingMemory { bytes, source },
                        _ => Error::system("map the ring buffer")(source),
                    }
                })?;
            rings.push(Ring { cpu, owner, map, tail: 0, last_time_ns: 0 });
        }
        Ok(Self { rings, bytes_per_cpu: bytes, watermark_bytes, last_time_ns: 0 })
    }

    /// From now on records are counted as lost instead of written, or written again.
    pub fn pause(&self, pause: bool) {
        for ring in &self.rings {
            // Refused only for a descriptor without a ring.
            let _ = sys::pause_output(ring.as_fd(), pause);
        }
    }

    /// Walks the records of all rings that are older than `before_ns` in order of time and gives
    /// their room back. `visit` gets the index of the ring, the time and the bytes of each record.
    /// The time never runs back within a ring. A record may become visible late, after later ones of
    /// another ring were walked: it is visited all the same, and counted in [`Walk::out_of_order`].
    pub fn walk(
        &mut self,
        before_ns: u64,
        layout: &SampleLayout,
        mut visit: impl FnMut(usize, u64, &[u8]),
    ) -> Walk {
        let mut walk = Walk::default();
        while self.walk_chunk(before_ns, layout, &mut visit, &mut walk) {}
        walk
    }

    /// Walks at most [`CHUNK_BYTES`] of each ring; whether there may be more. The rings get their room
    /// back a chunk at a time: on a busy machine the recorder may have to wait in the middle of a
    /// walk, and the kernel goes on meanwhile.
    fn walk_chunk(
        &mut self,
        before_ns: u64,
        layout: &SampleLayout,
        visit: &mut impl FnMut(usize, u64, &[u8]),
        walk: &mut Walk,
    ) -> bool {
        let mut cursors: Vec<Cursor<'_>> = self
            .rings
            .iter()
            .map(|ring| {
                let head = ring.map.head();
                let end = head.min(ring.tail.saturating_add(CHUNK_BYTES));
                let (first, second) = ring.map.records(ring.tail, end);
                let beyond = usize::try_from(head - end).unwrap_or(usize::MAX);
                Cursor::new((first, second), beyond, ring.last_time_ns, layout)
            })
            .collect();
        visit_in_order(&mut cursors, before_ns, &mut self.last_time_ns, layout, visit, walk);
        let more = cursors.iter().any(Cursor::is_cut_off);
        let ends: Vec<(usize, usize, u64)> =
            cursors.iter().map(|c| (c.position, c.garbled, c.visited_ns)).collect();
        for (ring, (consumed, garbled, visited_ns)) in self.rings.iter_mut().zip(ends) {
            ring.last_time_ns = visited_ns;
            ring.tail = ring.tail.wrapping_add((consumed + garbled) as u64);
            walk.garbled_bytes += garbled as u64;
            ring.map.set_tail(ring.tail);
        }
        more
    }
}

/// Holds a record of any size (at most 64 KiB) and some hundred faults.
const CHUNK_BYTES: u64 = 128 << 10;

/// What a walk met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walk {
    /// Records visited.
    pub records: u64,
    /// Records older than one visited before.
    pub out_of_order: u64,
    /// Bytes that are no record; never seen from a healthy kernel.
    pub garbled_bytes: u64,
}

/// Walks bytes as they lie in one ring, split where its end splits them.
#[cfg(feature = "internals")]
pub fn walk_bytes(
    parts: (&[u8], &[u8]),
    layout: &SampleLayout,
    mut visit: impl FnMut(u64, &[u8]),
) -> Walk {
    let mut walk = Walk::default();
    let mut cursor = Cursor::new(parts, 0, 0, layout);
    while let Some(time_ns) = cursor.next_time_ns {
        visit(time_ns, &cursor.record());
        walk.records += 1;
        cursor.advance(layout);
    }
    walk.garbled_bytes = cursor.garbled as u64;
    walk
}

/// Walks whole rings in order of time, as [`Rings::walk`] does.
#[cfg(feature = "internals")]
pub fn walk_rings(
    rings: &[Vec<u8>],
    layout: &SampleLayout,
    mut visit: impl FnMut(usize, u64, &[u8]),
) -> Walk {
    let mut walk = Walk::default();
    let mut cursors: Vec<Cursor<'_>> =
        rings.iter().map(|bytes| Cursor::new((bytes, &[]), 0, 0, layout)).collect();
    visit_in_order(&mut cursors, u64::MAX, &mut 0, layout, &mut visit, &mut walk);
    walk
}

/// Visits what the cursors have before `before_ns` in order of time.
fn visit_in_order(
    cursors: &mut [Cursor<'_>],
    before_ns: u64,
    last_time_ns: &mut u64,
    layout: &SampleLayout,
    visit: &mut impl FnMut(usize, u64, &[u8]),
    walk: &mut Walk,
) {
    // Runs of one ring are long: find the ring with the earliest record and the time at which
    // another ring takes over, then stay with it until there.
    while let Some((index, until_ns)) = earliest(cursors, before_ns) {
        let cursor = &mut cursors[index];
        while let Some(time_ns) = cursor.next_time_ns.filter(|&time| time <= until_ns) {
            if time_ns < *last_time_ns {
                walk.out_of_order += 1;
            }
            *last_time_ns = (*last_time_ns).max(time_ns);
            visit(index, time_ns, &cursor.record());
            walk.records += 1;
            cursor.advance(layout);
        }
    }
}

/// The cursor with the earliest record before `before_ns`, and the last time up to which it stays
/// the earliest. `None` too when a ring goes on behind its chunk: its next record may be the earliest.
fn earliest(cursors: &[Cursor<'_>], before_ns: u64) -> Option<(usize, u64)> {
    if cursors.iter().any(Cursor::is_cut_off) {
        return None;
    }
    let mut best: Option<(usize, u64)> = None;
    let mut until_ns = before_ns.saturating_sub(1);
    for (index, cursor) in cursors.iter().enumerate() {
        let Some(time_ns) = cursor.next_time_ns.filter(|&time| time < before_ns) else {
            continue;
        };
        match best {
            Some((_, best_ns)) if best_ns <= time_ns => until_ns = until_ns.min(time_ns),
            Some((_, best_ns)) => {
                until_ns = until_ns.min(best_ns);
                best = Some((index, time_ns));
            }
            None => best = Some((index, time_ns)),
        }
    }
    best.map(|(index, _)| (index, until_ns))
}

/// Walks the records of one ring, which may be split in two by the ring's end.
struct Cursor<'a> {
    first: &'a [u8],
    second: &'a [u8],
    position: usize,
    record_len: usize,
    next_time_ns: Option<u64>,
    /// Bytes that are no record, to the head of the ring: only there a record begins for certain.
    garbled: usize,
    /// Time of the last record that was passed.
    visited_ns: u64,
    /// Bytes that follow behind these ones, beginning perhaps inside the last record.
    beyond: usize,
}

impl<'a> Cursor<'a> {
    fn new(
        (first, second): (&'a [u8], &'a [u8]),
        beyond: usize,
        visited_ns: u64,
        layout: &SampleLayout,
    ) -> Self {
        let mut cursor = Self {
            first,
            second,
            position: 0,
            record_len: 0,
            next_time_ns: None,
            garbled: 0,
            visited_ns,
            beyond,
        };
        cursor.peek(layout);
        cursor
    }

    /// `len` bytes at the position; copied only when the ring's end splits them.
    fn bytes(&self, len: usize) -> Option<Cow<'a, [u8]>> {
        let end = self.position.checked_add(len)?;
        if end <= self.first.len() {
            return self.first.get(self.position..end).map(Cow::Borrowed);
        }
        if let Some(start) = self.position.checked_sub(self.first.len()) {
            return self.second.get(start..end - self.first.len()).map(Cow::Borrowed);
        }
        let mut joined = self.first.get(self.position..)?.to_vec();
        joined.extend_from_slice(self.second.get(..end - self.first.len())?);
        Some(Cow::Owned(joined))
    }

    fn record(&self) -> Cow<'a, [u8]> {
        self.bytes(self.record_len).unwrap_or_default()
    }

    fn advance(&mut self, layout: &SampleLayout) {
        self.position += self.record_len;
        self.visited_ns = self.next_time_ns.unwrap_or(self.visited_ns);
        self.peek(layout);
    }

    fn peek(&mut self, layout: &SampleLayout) {
        self.next_time_ns = None;
        let rest = self.first.len() + self.second.len() - self.position;
        if rest == 0 {
            return;
        }
        let Some(header) = self.bytes(HEADER_BYTES).and_then(|b| parse::parse_header(&b)) else {
            self.garbled = if self.beyond > 0 { 0 } else { rest };
            return;
        };
        if self.beyond > 0 && header.len > rest {
            return;
        }
        self.record_len = header.len;
        let record = self.bytes(header.len).filter(|_| header.len >= HEADER_BYTES);
        match record.and_then(|record| parse::record_time(&record, layout)) {
            Some(time_ns) => {
                // Within a ring its order stands, whatever the clock did.
                self.next_time_ns = Some(self.visited_ns.max(time_ns));
            }
            None => self.garbled = rest + self.beyond,
        }
    }

    /// Nothing whole is left here, and the ring goes on.
    fn is_cut_off(&self) -> bool {
        self.beyond > 0 && self.next_time_ns.is_none() && self.garbled == 0
    }
}

/// CPUs that are online, from `/sys/devices/system/cpu/online`.
///
/// # Errors
/// When the list cannot be read or parsed.
pub fn online_cpus() -> io::Result<Vec<u32>> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online")?;
    parse_cpu_list(&text).ok_or_else(|| io::Error::other(format!("not a CPU list: {text:?}")))
}

fn parse_cpu_list(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(cpus)
}
