//! Records as the kernel lays them out in a ring, for tests.

use std::ops::Range;

use perf_event_open_sys::bindings as b;

use crate::parse::HEADER_BYTES;

/// Which event wrote a record, for which thread and when.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub id: u64,
    pub pid: u32,
    pub tid: u32,
    pub time_ns: u64,
}

impl Stamp {
    fn task(self) -> u64 {
        pair(self.pid, self.tid)
    }
}

/// Two halves of a word, the first in front.
pub fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) | u64::from(second) << 32
}

pub fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// A header and what follows it.
pub fn record(kind: u32, misc: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(HEADER_BYTES + body.len()).expect("at most 64 KiB");
    let mut bytes = kind.to_ne_bytes().to_vec();
    bytes.extend(misc.to_ne_bytes());
    bytes.extend(len.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// A sample of an event that carries the instruction pointer, or of one that does not.
pub fn sample(stamp: Stamp, misc: u16, ip: Option<u64>, body: &[u8]) -> Vec<u8> {
    let mut bytes = words(&[stamp.id]);
    bytes.extend(words(ip.as_slice()));
    bytes.extend(words(&[stamp.task(), stamp.time_ns]));
    bytes.extend(body);
    record(b::PERF_RECORD_SAMPLE, misc, &bytes)
}

/// Any other record, with `sample_id` behind it.
pub fn sideband(stamp: Stamp, kind: u32, misc: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    bytes.extend(words(&[stamp.task(), stamp.time_ns, stamp.id]));
    record(kind, misc, &bytes)
}

/// Anonymous memory that can be read and written.
pub fn mmap2(stamp: Stamp, range: &Range<u64>) -> Vec<u8> {
    let len = range.end - range.start;
    let mut body = words(&[stamp.task(), range.start, len, 0, 0, 0, 0, pair(3, 2)]);
    body.extend(b"//anon\0\0");
    sideband(stamp, b::PERF_RECORD_MMAP2, 0, &body)
}

/// A new name, `worker`.
pub fn comm(stamp: Stamp, exec: bool) -> Vec<u8> {
    let mut body = words(&[stamp.task()]);
    body.extend(b"worker\0\0");
    let misc = if exec { b::PERF_RECORD_MISC_COMM_EXEC } else { 0 };
    sideband(stamp, b::PERF_RECORD_COMM, misc as u16, &body)
}

/// Pid and tid of the child, created by the thread of the stamp.
pub fn fork(stamp: Stamp, (pid, tid): (u32, u32)) -> Vec<u8> {
    let body = words(&[pair(pid, stamp.pid), pair(tid, stamp.tid), stamp.time_ns]);
    sideband(stamp, b::PERF_RECORD_FORK, 0, &body)
}

/// The end of the thread of the stamp, a child of thread 1.
pub fn exit(stamp: Stamp) -> Vec<u8> {
    let body = words(&[pair(stamp.pid, 1), pair(stamp.tid, 1), stamp.time_ns]);
    sideband(stamp, b::PERF_RECORD_EXIT, 0, &body)
}

/// So many records found no room.
pub fn lost(stamp: Stamp, count: u64) -> Vec<u8> {
    sideband(stamp, b::PERF_RECORD_LOST, 0, &words(&[stamp.id, count]))
}
