//! Facts, tasks, mappings, losses, checkpoints and the index.

use super::{EncodedFrame, Encoder, Shape};
use crate::archive::{
    CheckpointV1, FactRow, HostV1, IndexRow, IndexV1, LedgerRow, LostRow, LostV1, MapRow, MapsV1,
    SnapshotV1, TaskRow, TasksV1, VmaRow,
};
use crate::error::{Error, Result};
use crate::frame::{FrameKind, MAX_RAW_BYTES};
use crate::record::{Checkpoint, Fact, LostRecord, MapRecord, Snapshot, TaskRecord, Vma};

/// Size at which lists are split, bytes: far enough below [`MAX_RAW_BYTES`] for any overhead.
const SPLIT_BYTES: usize = 8 << 20;
/// Larger than the archived row of any list.
pub(super) const ROW_BYTES: usize = 96;
/// Strings may not fill a frame to the last byte.
const MAX_STRING_BYTES: usize = MAX_RAW_BYTES as usize - SPLIT_BYTES - ROW_BYTES;

/// Splits `items` where the next one, with strings of `text_bytes(item)`, would exceed [`SPLIT_BYTES`].
pub(super) fn split<T>(
    kind: FrameKind,
    items: &[T],
    text_bytes: impl Fn(&T) -> usize,
) -> Result<Vec<&[T]>> {
    let mut pieces = Vec::new();
    let (mut start, mut filled) = (0, 0);
    for (n, item) in items.iter().enumerate() {
        let bytes = text_bytes(item);
        if bytes > MAX_STRING_BYTES {
            return Err(Error::TooLarge { kind, bytes });
        }
        let bytes = bytes + ROW_BYTES;
        if filled + bytes > SPLIT_BYTES && n > start {
            pieces.extend(items.get(start..n));
            (start, filled) = (n, 0);
        }
        filled += bytes;
    }
    pieces.extend(items.get(start..).filter(|rest| !rest.is_empty()));
    Ok(pieces)
}

/// Appends a string to the blob; returns its offset and length.
pub(super) fn push_text(text: &mut Vec<u8>, string: &[u8]) -> (u32, u32) {
    let offset = text.len() as u32;
    text.extend_from_slice(string);
    (offset, string.len() as u32)
}

/// Numbers the parts of one record.
fn number_parts(kind: FrameKind, frames: &mut [EncodedFrame]) -> Result<()> {
    let parts = u16::try_from(frames.len()).map_err(|_| Error::TooLarge {
        kind,
        bytes: frames.iter().map(|frame| frame.raw_bytes as usize).sum(),
    })?;
    for (part, frame) in (0..parts).zip(frames) {
        (frame.part, frame.parts) = (part, parts);
    }
    Ok(())
}

impl Encoder {
    /// Encodes facts, as several frames if one cannot hold them; as none if there are none.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a fact of several MiB; [`Error::Compress`] and [`Error::Archive`] if
    /// memory is short.
    pub fn encode_host(&mut self, facts: &[Fact]) -> Result<Vec<EncodedFrame>> {
        split(FrameKind::Host, facts, |fact| fact.key.len() + fact.value.len())?
            .into_iter()
            .map(|facts| {
                let mut host = HostV1::default();
                for fact in facts {
                    let (key_offset, key_bytes) = push_text(&mut host.text, fact.key.as_bytes());
                    let (value_offset, value_bytes) =
                        push_text(&mut host.text, fact.value.as_bytes());
                    host.rows.push(FactRow { key_offset, key_bytes, value_offset, value_bytes });
                }
                let shape = Shape::of(FrameKind::Host, facts.iter().map(|_| 0));
                self.seal(shape, &host)
            })
            .collect()
    }

    /// Encodes task records, as several frames if one cannot hold them; as none if there are none.
    ///
    /// # Errors
    /// As [`Encoder::encode_host`].
    pub fn encode_tasks(&mut self, tasks: &[TaskRecord]) -> Result<Vec<EncodedFrame>> {
        split(FrameKind::Tasks, tasks, |task| task.comm.len())?
            .into_iter()
            .map(|tasks| {
                let mut archive = TasksV1::default();
                for task in tasks {
                    let (comm_offset, comm_bytes) = push_text(&mut archive.text, &task.comm);
                    archive.rows.push(TaskRow {
                        time_ns: task.time_ns,
                        kind: task.kind as u32,
                        pid: task.pid,
                        tid: task.tid,
                        parent_pid: task.parent_pid,
                        parent_tid: task.parent_tid,
                        comm_offset,
                        comm_bytes,
                        reserved: 0,
                    });
                }
                let shape = Shape::of(FrameKind::Tasks, tasks.iter().map(|task| task.time_ns));
                self.seal(shape, &archive)
            })
            .collect()
    }

    /// Encodes map records, as several frames if one cannot hold them; as none if there are none.
    ///
    /// # Errors
    /// As [`Encoder::encode_host`].
    pub fn encode_maps(&mut self, maps: &[MapRecord]) -> Result<Vec<EncodedFrame>> {
        split(FrameKind::Maps, maps, |map| map.path.len())?
            .into_iter()
            .map(|maps| {
                let mut archive = MapsV1::default();
                for map in maps {
                    let (path_offset, path_bytes) = push_text(&mut archive.text, &map.path);
                    archive.rows.push(MapRow {
                        time_ns: map.time_ns,
                        start: map.start,
                        end: map.end,
                        file_offset: map.file_offset,
                        inode: map.inode,
                        inode_generation: map.inode_generation,
                        pid: map.pid,
                        tid: map.tid,
                        dev_major: map.dev_major,
                        dev_minor: map.dev_minor,
                        prot: map.prot,
                        flags: map.flags,
                        path_offset,
                        path_bytes,
                    });
                }
                let shape = Shape::of(FrameKind::Maps, maps.iter().map(|map| map.time_ns));
                self.seal(shape, &archive)
            })
            .collect()
    }

    /// Encodes a snapshot, as several parts if one frame cannot hold its mappings.
    ///
    /// # Errors
    /// As [`Encoder::encode_host`]; also [`Error::TooLarge`] for more than 65535 parts.
    pub fn encode_snapshot(&mut self, snapshot: &Snapshot) -> Result<Vec<EncodedFrame>> {
        let mut pieces = split(FrameKind::Snapshot, &snapshot.vmas, |vma| vma.path.len())?;
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        let mut frames = pieces
            .into_iter()
            .map(|vmas| self.snapshot_part(snapshot, vmas))
            .collect::<Result<Vec<_>>>()?;
        number_parts(FrameKind::Snapshot, &mut frames)?;
        Ok(frames)
    }

    fn snapshot_part(&mut self, snapshot: &Snapshot, vmas: &[Vma]) -> Result<EncodedFrame> {
        let mut archive = SnapshotV1 {
            start_ns: snapshot.start_ns,
            end_ns: snapshot.end_ns,
            pid: snapshot.pid,
            reason: snapshot.reason as u32,
            ..SnapshotV1::default()
        };
        for vma in vmas {
            let (path_offset, path_bytes) = push_text(&mut archive.text, &vma.path);
            archive.rows.push(VmaRow {
                start: vma.start,
                end: vma.end,
                file_offset: vma.file_offset,
                inode: vma.inode,
                dev_major: vma.dev_major,
                dev_minor: vma.dev_minor,
                prot: vma.prot,
                shared: vma.shared.into(),
                path_offset,
                path_bytes,
            });
        }
        let shape = Shape {
            kind: FrameKind::Snapshot,
            rows: vmas.len(),
            first_ns: snapshot.start_ns.min(snapshot.end_ns),
            last_ns: snapshot.start_ns.max(snapshot.end_ns),
        };
        self.seal(shape, &archive)
    }

    /// Encodes losses, as several frames if one cannot hold them; as none if there are none.
    ///
    /// # Errors
    /// [`Error::Compress`] and [`Error::Archive`] if memory is short.
    pub fn encode_lost(&mut self, losses: &[LostRecord]) -> Result<Vec<EncodedFrame>> {
        split(FrameKind::Lost, losses, |_| 0)?
            .into_iter()
            .map(|losses| {
                let rows = losses.iter().map(|loss| LostRow {
                    after_ns: loss.after_ns,
                    time_ns: loss.time_ns,
                    count: loss.count,
                    cpu: loss.cpu,
                    by: loss.by as u32,
                });
                let archive = LostV1 { rows: rows.collect() };
                let kind = FrameKind::Lost;
                let after = Shape::of(kind, losses.iter().map(|loss| loss.after_ns));
                let before = Shape::of(kind, losses.iter().map(|loss| loss.time_ns));
                let shape = Shape {
                    first_ns: after.first_ns.min(before.first_ns),
                    last_ns: after.last_ns.max(before.last_ns),
                    ..before
                };
                self.seal(shape, &archive)
            })
            .collect()
    }

    /// Encodes a checkpoint.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the ledger does not fit into one frame; [`Error::Compress`] and
    /// [`Error::Archive`] if memory is short.
    pub fn encode_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<Vec<EncodedFrame>> {
        let kind = FrameKind::Checkpoint;
        if split(kind, &checkpoint.ledger, |entry| entry.key.len())?.len() > 1 {
            return Err(Error::TooLarge {
                kind,
                bytes: checkpoint.ledger.iter().map(|entry| entry.key.len()).sum(),
            });
        }
        let mut archive = CheckpointV1 {
            time_ns: checkpoint.time_ns,
            realtime_ns: checkpoint.realtime_ns,
            boottime_ns: checkpoint.boottime_ns,
            end: checkpoint.end.into(),
            ..CheckpointV1::default()
        };
        for entry in &checkpoint.ledger {
            let (key_offset, key_bytes) = push_text(&mut archive.text, entry.key.as_bytes());
            archive.rows.push(LedgerRow { value: entry.value, key_offset, key_bytes });
        }
        let shape = Shape {
            kind,
            rows: checkpoint.ledger.len(),
            first_ns: checkpoint.time_ns,
            last_ns: checkpoint.time_ns,
        };
        Ok(vec![self.seal(shape, &archive)?])
    }

    /// Encodes the index, as several parts if one frame cannot hold it.
    pub(crate) fn encode_index(&mut self, rows: &[IndexRow]) -> Result<Vec<EncodedFrame>> {
        let kind = FrameKind::Index;
        let mut pieces = split(kind, rows, |_| 0)?;
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        let mut frames = Vec::new();
        for rows in pieces {
            let shape = Shape::of(kind, rows.iter().map(|_| 0));
            let archive = IndexV1 { rows: rows.to_vec() };
            frames.push(self.seal(shape, &archive)?);
        }
        number_parts(kind, &mut frames)?;
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_at_the_limit_and_keep_their_order() {
        let items: Vec<usize> = (0..10).collect();
        let half = SPLIT_BYTES / 2 - ROW_BYTES;
        let pieces = split(FrameKind::Maps, &items, |_| half).unwrap();
        assert_eq!(pieces, [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]);
        let pieces = split(FrameKind::Maps, &items, |_| half + 1).unwrap();
        assert_eq!(pieces.len(), 10);
        assert!(split(FrameKind::Maps, &[0; 0], |_| 1).unwrap().is_empty());
    }

    #[test]
    fn one_huge_string_is_refused() {
        assert!(matches!(
            split(FrameKind::Maps, &[1], |_| MAX_STRING_BYTES + 1),
            Err(Error::TooLarge { kind: FrameKind::Maps, .. })
        ));
        assert_eq!(split(FrameKind::Maps, &[1], |_| MAX_STRING_BYTES).unwrap(), [[1]]);
    }
}
