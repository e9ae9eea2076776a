//! The rkyv types of the payloads. Their archived layout is part of the file format (`schemas/pft.md`):
//! the sizes below are checked at compile time, and a released type never changes.
//!
//! Fields are ordered so that no padding arises. Strings lie in one blob per frame, in row order and
//! without gaps; rows hold offset and length.

mod code;

use rkyv::api::high::{HighSerializer, HighValidator, to_bytes_in};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::BoxedError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Portable, Serialize};

pub(crate) use code::{
    ArchivedCallChainsV1, ArchivedModuleRow, ArchivedModulesV1, ArchivedSectionRow,
    ArchivedSegmentRow, ArchivedStackPointersV1, ArchivedSymbolsV1, CallChainRow, CallChainsV1,
    ModuleRow, ModulesV1, SectionRow, SegmentRow, StackPointerRow, StackPointersV1, SymbolRow,
    SymbolsV1,
};

/// Payload of a Host frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct HostV1 {
    pub(crate) rows: Vec<FactRow>,
    pub(crate) text: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct FactRow {
    pub(crate) key_offset: u32,
    pub(crate) key_bytes: u32,
    pub(crate) value_offset: u32,
    pub(crate) value_bytes: u32,
}

/// Payload of a Tasks frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct TasksV1 {
    pub(crate) rows: Vec<TaskRow>,
    pub(crate) text: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct TaskRow {
    pub(crate) time_ns: u64,
    pub(crate) kind: u32,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    pub(crate) parent_pid: u32,
    pub(crate) parent_tid: u32,
    pub(crate) comm_offset: u32,
    pub(crate) comm_bytes: u32,
    pub(crate) reserved: u32,
}

/// Payload of a Maps frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct MapsV1 {
    pub(crate) rows: Vec<MapRow>,
    pub(crate) text: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct MapRow {
    pub(crate) time_ns: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) file_offset: u64,
    pub(crate) inode: u64,
    pub(crate) inode_generation: u64,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    pub(crate) dev_major: u32,
    pub(crate) dev_minor: u32,
    pub(crate) prot: u32,
    pub(crate) flags: u32,
    pub(crate) path_offset: u32,
    pub(crate) path_bytes: u32,
}

/// Payload of one part of a Snapshot.
#[derive(Archive, Serialize, Default)]
pub(crate) struct SnapshotV1 {
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) pid: u32,
    pub(crate) reason: u32,
    pub(crate) rows: Vec<VmaRow>,
    pub(crate) text: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct VmaRow {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) file_offset: u64,
    pub(crate) inode: u64,
    pub(crate) dev_major: u32,
    pub(crate) dev_minor: u32,
    pub(crate) prot: u32,
    pub(crate) shared: u32,
    pub(crate) path_offset: u32,
    pub(crate) path_bytes: u32,
}

/// Payload of a Lost frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct LostV1 {
    pub(crate) rows: Vec<LostRow>,
}

#[derive(Archive, Serialize)]
pub(crate) struct LostRow {
    pub(crate) after_ns: u64,
    pub(crate) time_ns: u64,
    pub(crate) count: u64,
    pub(crate) cpu: u32,
    pub(crate) by: u32,
}

/// Payload of a Checkpoint frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct CheckpointV1 {
    pub(crate) time_ns: u64,
    pub(crate) realtime_ns: u64,
    pub(crate) boottime_ns: u64,
    pub(crate) end: u32,
    pub(crate) reserved: u32,
    pub(crate) rows: Vec<LedgerRow>,
    pub(crate) text: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct LedgerRow {
    pub(crate) value: u64,
    pub(crate) key_offset: u32,
    pub(crate) key_bytes: u32,
}

/// Payload of a Faults frame. The columns lie in `data` one behind the other, in the order of
/// `columns`.
#[derive(Archive, Serialize, Default)]
pub(crate) struct FaultsV1 {
    pub(crate) cpu: u32,
    pub(crate) rows: u32,
    pub(crate) ips: Vec<u64>,
    pub(crate) threads: Vec<ThreadRow>,
    pub(crate) columns: Vec<ColumnRow>,
    pub(crate) data: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct ThreadRow {
    /// Page number of the thread's first fault in this frame, from which its deltas start.
    pub(crate) first_page: u64,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
}

#[derive(Archive, Serialize)]
pub(crate) struct ColumnRow {
    pub(crate) base: u64,
    pub(crate) bytes: u32,
    pub(crate) id: u8,
    pub(crate) encoding: u8,
    pub(crate) width: u8,
    pub(crate) reserved: u8,
}

/// Payload of an Oom frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct OomV1 {
    pub(crate) rows: Vec<OomRow>,
    pub(crate) text: Vec<u8>,
}

/// The largest `u64` and `u32` and the smallest `i32` stand for what is unknown.
#[derive(Archive, Serialize)]
pub(crate) struct OomRow {
    pub(crate) time_ns: u64,
    pub(crate) total_vm_kib: u64,
    pub(crate) anon_rss_kib: u64,
    pub(crate) file_rss_kib: u64,
    pub(crate) shmem_rss_kib: u64,
    pub(crate) pgtables_kib: u64,
    pub(crate) pid: u32,
    pub(crate) by_pid: u32,
    pub(crate) by_tid: u32,
    pub(crate) uid: u32,
    pub(crate) oom_score_adj: i32,
    pub(crate) comm_offset: u32,
    pub(crate) comm_bytes: u32,
    pub(crate) reserved: u32,
}

/// Payload of a Marks frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct MarksV1 {
    pub(crate) rows: Vec<MarkRow>,
    pub(crate) text: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct MarkRow {
    pub(crate) time_ns: u64,
    pub(crate) name_offset: u32,
    pub(crate) name_bytes: u32,
}

/// Payload of a Cgroups frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct CgroupsV1 {
    pub(crate) rows: Vec<CgroupRow>,
    pub(crate) text: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct CgroupRow {
    pub(crate) time_ns: u64,
    pub(crate) pid: u32,
    pub(crate) path_offset: u32,
    pub(crate) path_bytes: u32,
    pub(crate) reserved: u32,
}

/// Payload of a Calls frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct CallsV1 {
    pub(crate) rows: Vec<CallRow>,
}

#[derive(Archive, Serialize)]
pub(crate) struct CallRow {
    pub(crate) time_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) addr: u64,
    pub(crate) len_bytes: u64,
    pub(crate) new_len_bytes: u64,
    pub(crate) result: i64,
    pub(crate) kind: u32,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    pub(crate) argument: u32,
}

/// Payload of a Gaps frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct GapsV1 {
    pub(crate) rows: Vec<GapRow>,
}

/// The largest `u64` stands for unknown rows.
#[derive(Archive, Serialize)]
pub(crate) struct GapRow {
    pub(crate) after_ns: u64,
    pub(crate) before_ns: u64,
    pub(crate) frames: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) kind: u32,
    pub(crate) reason: u32,
}

/// Payload of one part of the Index.
#[derive(Archive, Serialize, Default)]
pub(crate) struct IndexV1 {
    pub(crate) rows: Vec<IndexRow>,
}

/// A frame's offset and its header; the sequence number is the position in the index.
#[derive(Archive, Serialize, Clone, Copy)]
pub(crate) struct IndexRow {
    pub(crate) offset: u64,
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    pub(crate) rows: u32,
    pub(crate) stored_bytes: u32,
    pub(crate) raw_bytes: u32,
    pub(crate) payload_crc: u32,
    pub(crate) kind: u16,
    pub(crate) version: u16,
    pub(crate) codec: u16,
    pub(crate) part: u16,
    pub(crate) parts: u16,
    pub(crate) reserved: u16,
    pub(crate) reserved2: u32,
}

const _: () = {
    assert!(size_of::<ArchivedHostV1>() == 16);
    assert!(size_of::<ArchivedFactRow>() == 16);
    assert!(size_of::<ArchivedTasksV1>() == 16);
    assert!(size_of::<ArchivedTaskRow>() == 40);
    assert!(size_of::<ArchivedMapsV1>() == 16);
    assert!(size_of::<ArchivedMapRow>() == 80);
    assert!(size_of::<ArchivedSnapshotV1>() == 40);
    assert!(size_of::<ArchivedVmaRow>() == 56);
    assert!(size_of::<ArchivedLostV1>() == 8);
    assert!(size_of::<ArchivedLostRow>() == 32);
    assert!(size_of::<ArchivedCheckpointV1>() == 48);
    assert!(size_of::<ArchivedLedgerRow>() == 16);
    assert!(size_of::<ArchivedFaultsV1>() == 40);
    assert!(size_of::<ArchivedThreadRow>() == 16);
    assert!(size_of::<ArchivedColumnRow>() == 16);
    assert!(size_of::<ArchivedOomV1>() == 16);
    assert!(size_of::<ArchivedOomRow>() == 80);
    assert!(size_of::<ArchivedMarksV1>() == 16);
    assert!(size_of::<ArchivedMarkRow>() == 16);
    assert!(size_of::<ArchivedCgroupsV1>() == 16);
    assert!(size_of::<ArchivedCgroupRow>() == 24);
    assert!(size_of::<ArchivedCallsV1>() == 8);
    assert!(size_of::<ArchivedCallRow>() == 64);
    assert!(size_of::<ArchivedGapsV1>() == 8);
    assert!(size_of::<ArchivedGapRow>() == 48);
    assert!(size_of::<ArchivedIndexV1>() == 8);
    assert!(size_of::<ArchivedIndexRow>() == 56);
};

/// Archives `value` into `buffer`, whose former contents are dropped.
pub(crate) fn serialize(
    value: &impl for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, BoxedError>>,
    mut buffer: AlignedVec,
) -> Result<AlignedVec, BoxedError> {
    buffer.clear();
    to_bytes_in(value, buffer)
}

/// Validates `bytes` and gives the archived value in them.
pub(crate) fn access<T>(bytes: &AlignedVec) -> Result<&T, &'static str>
where
    T: Portable + for<'a> CheckBytes<HighValidator<'a, BoxedError>>,
{
    rkyv::access::<T, BoxedError>(bytes).map_err(|_| "the archive is invalid")
}
