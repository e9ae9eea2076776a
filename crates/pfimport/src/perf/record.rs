//! Records other than samples, taken apart.

use super::bytes::{Bytes, until_zero};

/// `PERF_RECORD_…`: of the kernel, then perf's own from [`kind::FIRST_OF_PERF`] on.
pub mod kind {
    pub const LOST: u32 = 2;
    pub const COMM: u32 = 3;
    pub const EXIT: u32 = 4;
    pub const FORK: u32 = 7;
    pub const SAMPLE: u32 = 9;
    pub const MMAP2: u32 = 10;
    pub const LOST_SAMPLES: u32 = 13;
    pub const FIRST_OF_PERF: u32 = 64;
    pub const HEADER_ATTR: u32 = 64;
    pub const HEADER_TRACING_DATA: u32 = 66;
    pub const HEADER_BUILD_ID: u32 = 67;
    pub const FINISHED_ROUND: u32 = 68;
    pub const ID_INDEX: u32 = 69;
    pub const AUXTRACE: u32 = 71;
    pub const HEADER_FEATURE: u32 = 80;
    pub const COMPRESSED: u32 = 81;
    pub const COMPRESSED2: u32 = 83;
}

/// Bits of the field `misc`.
pub mod misc {
    pub const MODE: u16 = 7;
    pub const KERNEL: u16 = 1;
    pub const USER: u16 = 2;
    pub const COMM_EXEC: u16 = 1 << 13;
    /// Of maps: a build id is in place of device and inode.
    pub const MAP_BUILD_ID: u16 = 1 << 14;
    /// Of a build id: its length is given.
    pub const BUILD_ID_SIZE: u16 = 1 << 15;
    /// Of lost samples: a filter left them out.
    pub const LOST_BY_FILTER: u16 = 1 << 15;
}

/// A record as it lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub kind: u32,
    pub misc: u16,
    /// What follows the header.
    pub body: &'a [u8],
}

/// `PERF_RECORD_MMAP2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map<'a> {
    pub pid: u32,
    pub tid: u32,
    pub start: u64,
    pub end: u64,
    pub file_offset: u64,
    /// Device, major and minor number.
    pub device: (u32, u32),
    /// 0 where a build id is in its place.
    pub inode: u64,
    pub inode_generation: u64,
    pub prot: u32,
    pub flags: u32,
    pub path: &'a [u8],
}

pub fn parse_map<'a>(record: Record<'a>) -> Option<Map<'a>> {
    let mut fields = Bytes(record.body);
    let (pid, tid) = (fields.u32()?, fields.u32()?);
    let (start, len, file_offset) = (fields.u64()?, fields.u64()?, fields.u64()?);
    let end = start.checked_add(len).filter(|&end| end > start)?;
    let mut file = Bytes(fields.take(24)?);
    let (mut device, mut inode, mut inode_generation) = ((0, 0), 0, 0);
    if record.misc & misc::MAP_BUILD_ID == 0 {
        device = (file.u32()?, file.u32()?);
        (inode, inode_generation) = (file.u64()?, file.u64()?);
    }
    let (prot, flags) = (fields.u32()? & 7, fields.u32()?);
    let path = until_zero(fields.0);
    Some(Map {
        pid,
        tid,
        start,
        end,
        file_offset,
        device,
        inode,
        inode_generation,
        prot,
        flags,
        path,
    })
}

/// `PERF_RECORD_COMM`: process, thread, name.
pub fn parse_comm(body: &[u8]) -> Option<(u32, u32, &[u8])> {
    let mut fields = Bytes(body);
    let (pid, tid) = (fields.u32()?, fields.u32()?);
    Some((pid, tid, until_zero(fields.0)))
}

/// `PERF_RECORD_FORK` and `PERF_RECORD_EXIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    pub pid: u32,
    pub parent_pid: u32,
    pub tid: u32,
    pub parent_tid: u32,
    pub time_ns: u64,
}

pub fn parse_task(body: &[u8]) -> Option<Task> {
    let mut fields = Bytes(body);
    Some(Task {
        pid: fields.u32()?,
        parent_pid: fields.u32()?,
        tid: fields.u32()?,
        parent_tid: fields.u32()?,
        time_ns: fields.u64()?,
    })
}

/// `PERF_RECORD_LOST`: how many.
pub fn parse_lost(body: &[u8]) -> Option<u64> {
    let mut fields = Bytes(body);
    fields.u64()?;
    fields.u64()
}

/// `PERF_RECORD_LOST_SAMPLES`: how many.
pub fn parse_lost_samples(body: &[u8]) -> Option<u64> {
    Bytes(body).u64()
}

/// `PERF_RECORD_ID_INDEX`: ids of events, and the CPU that each is bound to, if any.
pub fn parse_id_index(body: &[u8]) -> impl Iterator<Item = (u64, u32)> {
    let mut fields = Bytes(body);
    let entries = fields.u64().unwrap_or(0);
    // There may be a second list behind.
    (0..entries).map_while(move |_| {
        let (id, _, cpu, _) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
        Some((id, u32::try_from(cpu).unwrap_or(u32::MAX)))
    })
}

/// A build id and the file that has it; from a record or the list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildId<'a> {
    pub is_kernel: bool,
    pub id: &'a [u8],
    pub path: &'a [u8],
}

pub fn parse_build_id<'a>(record: Record<'a>) -> Option<BuildId<'a>> {
    const LONGEST: usize = 20;
    let mut fields = Bytes(record.body);
    fields.u32()?;
    let place = fields.take(24)?;
    let len = match place.get(LONGEST) {
        Some(&len) if record.misc & misc::BUILD_ID_SIZE != 0 => usize::from(len).min(LONGEST),
        _ => LONGEST,
    };
    Some(BuildId {
        is_kernel: record.misc & misc::MODE == misc::KERNEL,
        id: place.get(..len)?,
        path: until_zero(fields.0),
    })
}

/// Takes the first of several records, and what is behind it.
pub fn first_record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let mut fields = Bytes(bytes);
    let (kind, misc, len) = (fields.u32()?, fields.u16()?, fields.u16()?);
    let body = fields.take(usize::from(len).checked_sub(HEADER_BYTES)?)?;
    Some((Record { kind, misc, body }, fields.0))
}

/// Bytes in front of a body: kind, misc and length.
pub const HEADER_BYTES: usize = 8;
