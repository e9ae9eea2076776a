//! The index against the frames that it lists.

use super::finding::{Findings, Place};
use super::rule::Rule;
use crate::archive::ArchivedIndexV1;
use crate::decoder::index_rows;
use crate::frame::FrameHeader;
use crate::reader::Located;

/// Field by field of two frame headers: its name, what the entry says, what the frame says.
fn fields(entry: (u64, &FrameHeader), frame: &Located) -> [(&'static str, u64, u64); 12] {
    let ((offset, said), found) = (entry, &frame.header);
    [
        ("offset", offset, frame.offset),
        ("first time", said.first_ns, found.first_ns),
        ("last time", said.last_ns, found.last_ns),
        ("number of rows", said.rows.into(), found.rows.into()),
        ("stored length", said.stored_bytes.into(), found.stored_bytes.into()),
        ("raw length", said.raw_bytes.into(), found.raw_bytes.into()),
        ("checksum", said.payload_crc.into(), found.payload_crc.into()),
        ("kind", said.kind.into(), found.kind.into()),
        ("version", said.version.into(), found.version.into()),
        ("codec", said.codec.into(), found.codec.into()),
        ("part", said.part.into(), found.part.into()),
        ("number of parts", said.parts.into(), found.parts.into()),
    ]
}

/// The parts of an index, one after the other.
#[derive(Default)]
pub(super) struct Listed {
    /// Entries so far.
    entries: u64,
    /// Sequence number of the first part.
    first_sequence: Option<u64>,
    /// Parts so far.
    parts: u16,
}

impl Listed {
    /// Checks a part. `frames` are those of the file, by sequence number.
    pub(super) fn check(
        &mut self,
        archive: &ArchivedIndexV1,
        header: &FrameHeader,
        frames: &[Located],
        place: Place,
        findings: &mut Findings,
    ) {
        self.first_sequence.get_or_insert(header.sequence);
        if header.part != self.parts {
            let what = || format!("part {} follows {} parts", header.part, self.parts);
            findings.add(Rule::Parts, place, what);
        }
        self.parts = self.parts.saturating_add(1);
        for (row, (offset, said)) in index_rows(archive, self.entries).enumerate() {
            let place = place.row(row);
            let at = frames.binary_search_by_key(&said.sequence, |frame| frame.header.sequence);
            let Some(frame) = at.ok().and_then(|at| frames.get(at)) else {
                let what = || format!("it lists frame {}, which is not there", said.sequence);
                findings.add(Rule::Index, place, what);
                continue;
            };
            for (field, said, found) in fields((offset, &said), frame) {
                if said != found {
                    let sequence = frame.header.sequence;
                    let what = || {
                        format!("it says {said} for the {field} of frame {sequence}, not {found}")
                    };
                    findings.add(Rule::Index, place, what);
                }
            }
        }
        self.entries += archive.rows.len() as u64;
        if u32::from(header.part) + 1 == u32::from(header.parts) {
            self.finish(place, findings);
        }
    }

    fn finish(&self, place: Place, findings: &mut Findings) {
        let before = self.first_sequence.unwrap_or(0);
        if self.entries != before {
            let entries = self.entries;
            let what = || format!("it lists {entries} frames, and {before} lie before it");
            findings.add(Rule::Index, place, what);
        }
    }
}
