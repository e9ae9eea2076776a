//! Facts, tasks, mappings, losses, checkpoints and the index.

use super::Expected;
use crate::archive::{
    ArchivedCheckpointV1, ArchivedHostV1, ArchivedIndexRow, ArchivedIndexV1, ArchivedLostV1,
    ArchivedMapsV1, ArchivedSnapshotV1, ArchivedTasksV1,
};
use crate::frame::FrameHeader;
use crate::record::{
    Checkpoint, Fact, LedgerEntry, LostBy, LostRecord, MapRecord, Snapshot, SnapshotReason,
    TaskKind, TaskRecord, Vma,
};

pub(super) type Result<T> = std::result::Result<T, &'static str>;

/// Takes strings out of a blob. They must lie in order and without gaps, so that no frame can name the
/// same bytes many times over.
pub(super) struct Text<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn bytes(&mut self, offset: u32, bytes: u32) -> Result<Vec<u8>> {
        if offset as usize != self.at {
            return Err("a string is not behind the one before");
        }
        let string = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.get(..bytes as usize))
            .ok_or("a string reaches behind the text")?;
        self.at += string.len();
        Ok(string.to_vec())
    }

    fn string(&mut self, offset: u32, bytes: u32) -> Result<String> {
        String::from_utf8(self.bytes(offset, bytes)?).map_err(|_| "a string is not UTF-8")
    }

    pub(super) fn finish(self) -> Result<()> {
        if self.at == self.text.len() { Ok(()) } else { Err("the text is longer than its strings") }
    }
}

pub(super) fn host(archive: &ArchivedHostV1, expected: Expected) -> Result<Vec<Fact>> {
    expected.check_rows(archive.rows.len())?;
    let mut text = Text::new(&archive.text);
    let mut facts = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        facts.push(Fact {
            key: text.string(row.key_offset.to_native(), row.key_bytes.to_native())?,
            value: text.string(row.value_offset.to_native(), row.value_bytes.to_native())?,
        });
    }
    text.finish()?;
    Ok(facts)
}

pub(super) fn tasks(archive: &ArchivedTasksV1, expected: Expected) -> Result<Vec<TaskRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut text = Text::new(&archive.text);
    let mut tasks = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let time_ns = row.time_ns.to_native();
        expected.check_time(time_ns)?;
        tasks.push(TaskRecord {
            time_ns,
            kind: match row.kind.to_native() {
                0 => TaskKind::Present,
                1 => TaskKind::Fork,
                2 => TaskKind::Comm,
                3 => TaskKind::Exec,
                4 => TaskKind::Exit,
                _ => return Err("a task record has an unknown kind"),
            },
            pid: row.pid.to_native(),
            tid: row.tid.to_native(),
            parent_pid: row.parent_pid.to_native(),
            parent_tid: row.parent_tid.to_native(),
            comm: text.bytes(row.comm_offset.to_native(), row.comm_bytes.to_native())?,
        });
    }
    text.finish()?;
    Ok(tasks)
}

pub(super) fn maps(archive: &ArchivedMapsV1, expected: Expected) -> Result<Vec<MapRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut text = Text::new(&archive.text);
    let mut maps = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let time_ns = row.time_ns.to_native();
        expected.check_time(time_ns)?;
        maps.push(MapRecord {
            time_ns,
            pid: row.pid.to_native(),
            tid: row.tid.to_native(),
            start: row.start.to_native(),
            end: row.end.to_native(),
            file_offset: row.file_offset.to_native(),
            dev_major: row.dev_major.to_native(),
            dev_minor: row.dev_minor.to_native(),
            inode: row.inode.to_native(),
            inode_generation: row.inode_generation.to_native(),
            prot: row.prot.to_native(),
            flags: row.flags.to_native(),
            path: text.bytes(row.path_offset.to_native(), row.path_bytes.to_native())?,
        });
    }
    text.finish()?;
    Ok(maps)
}

pub(super) fn snapshot(archive: &ArchivedSnapshotV1, expected: Expected) -> Result<Snapshot> {
    expected.check_rows(archive.rows.len())?;
    let (start_ns, end_ns) = (archive.start_ns.to_native(), archive.end_ns.to_native());
    expected.check_time(start_ns)?;
    expected.check_time(end_ns)?;
    let mut text = Text::new(&archive.text);
    let mut vmas = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        vmas.push(Vma {
            start: row.start.to_native(),
            end: row.end.to_native(),
            prot: row.prot.to_native(),
            shared: flag(row.shared.to_native())?,
            file_offset: row.file_offset.to_native(),
            dev_major: row.dev_major.to_native(),
            dev_minor: row.dev_minor.to_native(),
            inode: row.inode.to_native(),
            path: text.bytes(row.path_offset.to_native(), row.path_bytes.to_native())?,
        });
    }
    text.finish()?;
    Ok(Snapshot {
        pid: archive.pid.to_native(),
        start_ns,
        end_ns,
        reason: match archive.reason.to_native() {
            0 => SnapshotReason::Start,
            1 => SnapshotReason::Exec,
            2 => SnapshotReason::Loss,
            3 => SnapshotReason::UnknownAddress,
            4 => SnapshotReason::Periodic,
            5 => SnapshotReason::End,
            6 => SnapshotReason::Query,
            _ => return Err("a snapshot has an unknown reason"),
        },
        vmas,
    })
}

pub(super) fn lost(archive: &ArchivedLostV1, expected: Expected) -> Result<Vec<LostRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut losses = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let (after_ns, time_ns) = (row.after_ns.to_native(), row.time_ns.to_native());
        expected.check_time(after_ns)?;
        expected.check_time(time_ns)?;
        losses.push(LostRecord {
            after_ns,
            time_ns,
            cpu: row.cpu.to_native(),
            by: match row.by.to_native() {
                0 => LostBy::Ring,
                1 => LostBy::Recorder,
                _ => return Err("a loss has an unknown cause"),
            },
            count: row.count.to_native(),
        });
    }
    Ok(losses)
}

pub(super) fn checkpoint(archive: &ArchivedCheckpointV1, expected: Expected) -> Result<Checkpoint> {
    expected.check_rows(archive.rows.len())?;
    let time_ns = archive.time_ns.to_native();
    expected.check_time(time_ns)?;
    let mut text = Text::new(&archive.text);
    let mut ledger = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        ledger.push(LedgerEntry {
            key: text.string(row.key_offset.to_native(), row.key_bytes.to_native())?,
            value: row.value.to_native(),
        });
    }
    text.finish()?;
    Ok(Checkpoint {
        time_ns,
        realtime_ns: archive.realtime_ns.to_native(),
        boottime_ns: archive.boottime_ns.to_native(),
        end: flag(archive.end.to_native())?,
        ledger,
    })
}

/// Offsets and headers of the frames that one part of the index lists; the first has `sequence`.
pub(crate) fn index_rows(
    archive: &ArchivedIndexV1,
    sequence: u64,
) -> impl Iterator<Item = (u64, FrameHeader)> {
    (sequence..).zip(archive.rows.iter()).map(|(sequence, row)| index_row(row, sequence))
}

fn index_row(row: &ArchivedIndexRow, sequence: u64) -> (u64, FrameHeader) {
    let header = FrameHeader {
        kind: row.kind.to_native(),
        version: row.version.to_native(),
        codec: row.codec.to_native(),
        part: row.part.to_native(),
        parts: row.parts.to_native(),
        rows: row.rows.to_native(),
        sequence,
        first_ns: row.first_ns.to_native(),
        last_ns: row.last_ns.to_native(),
        stored_bytes: row.stored_bytes.to_native(),
        raw_bytes: row.raw_bytes.to_native(),
        payload_crc: row.payload_crc.to_native(),
    };
    (row.offset.to_native(), header)
}

pub(super) fn flag(value: u32) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("a flag is neither 0 nor 1"),
    }
}
