//! The layout of payloads, byte by byte, as section 4 of `schemas/pft.md` has it. It is written down here
//! once more, apart from the types of [`crate::archive`], because readers skip what is checked here:
//! reserved fields, padding, and the order of vectors.

use super::finding::{Findings, Place};
use super::rule::Rule;
use crate::frame::FrameKind;

/// A vector of a root.
struct Vector {
    /// Size and alignment of its elements.
    bytes: usize,
    align: usize,
    /// Reserved fields of an element: offset and size.
    reserved: &'static [(usize, usize)],
}

const TEXT: Vector = Vector { bytes: 1, align: 1, reserved: &[] };

/// Elements of a size and an alignment, and their reserved fields.
macro_rules! rows {
    ($bytes:literal, $align:literal) => {
        rows!($bytes, $align, &[])
    };
    ($bytes:literal, $align:literal, $reserved:expr) => {
        Vector { bytes: $bytes, align: $align, reserved: $reserved }
    };
}

/// A payload.
struct Layout {
    /// Size of the fields of the root before its vectors, which are its last fields.
    fields: usize,
    /// Reserved fields among them.
    reserved: &'static [(usize, usize)],
    align: usize,
    vectors: &'static [Vector],
}

impl Layout {
    const fn root_bytes(&self) -> usize {
        self.fields + VECTOR_BYTES * self.vectors.len()
    }
}

/// Size of a vector in a root: distance and length.
const VECTOR_BYTES: usize = 8;

/// A root of nothing but vectors.
macro_rules! list {
    ($($vector:expr),*) => {
        Layout { fields: 0, reserved: &[], align: 4, vectors: &[$($vector),*] }
    };
}

const fn layout(kind: FrameKind) -> Layout {
    match kind {
        FrameKind::Host => list!(rows!(16, 4), TEXT),
        FrameKind::Tasks => list!(rows!(40, 8, &[(36, 4)]), TEXT),
        FrameKind::Maps => list!(rows!(80, 8), TEXT),
        FrameKind::Snapshot => {
            Layout { fields: 24, reserved: &[], align: 8, vectors: &[rows!(56, 8), TEXT] }
        }
        FrameKind::Faults => Layout {
            fields: 8,
            reserved: &[],
            align: 4,
            vectors: &[rows!(8, 8), rows!(16, 8), rows!(16, 8, &[(15, 1)]), TEXT],
        },
        FrameKind::Lost => list!(rows!(32, 8)),
        FrameKind::Checkpoint => {
            Layout { fields: 32, reserved: &[(28, 4)], align: 8, vectors: &[rows!(16, 8), TEXT] }
        }
        FrameKind::CallChains => list!(rows!(16, 4), rows!(8, 8)),
        FrameKind::Modules => {
            list!(rows!(56, 8), rows!(40, 8, &[(36, 4)]), rows!(32, 8), TEXT)
        }
        FrameKind::Symbols => list!(rows!(48, 8, &[(44, 4)]), TEXT),
        FrameKind::Oom => list!(rows!(80, 8, &[(76, 4)]), TEXT),
        FrameKind::Marks => list!(rows!(16, 8), TEXT),
        FrameKind::Calls => list!(rows!(64, 8)),
        FrameKind::StackPointers => list!(rows!(24, 8)),
        FrameKind::Gaps => list!(rows!(48, 8)),
        FrameKind::Cgroups => list!(rows!(24, 8, &[(20, 4)]), TEXT),
        FrameKind::Index => list!(rows!(56, 8, &[(50, 2), (52, 4)])),
    }
}

/// Where the elements of a vector lie in a payload.
struct Elements<'a> {
    bytes: &'a [u8],
    /// Their first byte.
    at: usize,
}

fn elements<'a>(archive: &'a [u8], field: usize, vector: &Vector) -> Option<Elements<'a>> {
    let number = |at: usize| {
        let bytes = archive.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let distance = number(field)?.cast_signed();
    let count = number(field + 4)? as usize;
    let at = usize::try_from(i64::try_from(field).ok()? + i64::from(distance)).ok()?;
    let bytes = archive.get(at..)?.get(..count.checked_mul(vector.bytes)?)?;
    Some(Elements { bytes, at })
}

/// Checks what readers skip in a payload that they take.
pub(super) fn check(kind: FrameKind, archive: &[u8], place: Place, findings: &mut Findings) {
    let layout = layout(kind);
    let Some(root) = archive.len().checked_sub(layout.root_bytes()) else {
        findings.add(Rule::Archive, place, || "the payload is shorter than its root".to_owned());
        return;
    };
    for &(at, bytes) in layout.reserved {
        reserved(archive.get(root..).unwrap_or_default(), (at, bytes), place, findings);
    }
    let mut walk = Walk { archive, end: 0, place };
    for (n, vector) in layout.vectors.iter().enumerate() {
        let field = root + layout.fields + VECTOR_BYTES * n;
        let Some(elements) = elements(archive, field, vector).filter(|e| e.at <= root) else {
            let what = || format!("vector {n} of the root does not lie before it");
            findings.add(Rule::Archive, place, what);
            return;
        };
        if !walk.reach(elements.at, vector.align, &format!("vector {n} of the root"), findings) {
            return;
        }
        walk.end = elements.at + elements.bytes.len();
        if !vector.reserved.is_empty() {
            for (row, element) in elements.bytes.chunks_exact(vector.bytes).enumerate() {
                for &field in vector.reserved {
                    reserved(element, field, place.row(row), findings);
                }
            }
        }
    }
    walk.reach(root, layout.align, "the root", findings);
}

fn reserved(bytes: &[u8], (at, length): (usize, usize), place: Place, findings: &mut Findings) {
    let field = bytes.get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default();
    if field.iter().any(|&byte| byte != 0) {
        findings.add(Rule::Reserved, place, || format!("the reserved field at {at} is not 0"));
    }
}

/// How far the vectors of a payload reach.
struct Walk<'a> {
    archive: &'a [u8],
    end: usize,
    place: Place,
}

impl Walk<'_> {
    /// Checks what lies before the next thing, which begins `at`; whether it is in its order.
    fn reach(&self, at: usize, align: usize, name: &str, findings: &mut Findings) -> bool {
        let Self { archive, end, place } = *self;
        let Some(between) = archive.get(end..at) else {
            let what = || format!("{name} begins at {at}, before {end}, where the one before ends");
            findings.add(Rule::Archive, place, what);
            return false;
        };
        let needed = end.next_multiple_of(align);
        if at != needed {
            let what = || format!("{name} begins at {at} of the payload instead of {needed}");
            findings.add(Rule::Padding, place, what);
        }
        if between.iter().any(|&byte| byte != 0) {
            let what = || format!("the padding before {name}, at {end} of the payload, is not 0");
            findings.add(Rule::Padding, place, what);
        }
        true
    }
}
