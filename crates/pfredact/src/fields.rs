//! Where text is in a frame: the one list that collecting, replacing and checking go by.

use std::mem;
use std::ops::Range;

use pft::FrameKind;
use pft::record::{Fact, Frame};

/// A piece of text in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Key of a fact.
    FactKey,
    /// Value of the fact with this key.
    Fact(&'a str),
    /// Name of a thread or a process.
    Comm,
    /// Path of a mapping or a module, or the kernel's name for it.
    Path,
    /// Name of a phase.
    Mark,
    /// Path of a control group.
    Cgroup,
    /// Name of a section of the module with this number.
    Section(u32),
    /// Build id likewise: bytes.
    BuildId(u32),
    /// Function or variable likewise.
    Symbol(u32),
    /// Source file likewise.
    Source(u32),
    /// Key of the ledger.
    LedgerKey,
}

impl Field<'_> {
    /// What it is, for lists.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FactKey => "name of a fact",
            Self::Fact(_) => "fact",
            Self::Comm => "thread",
            Self::Path => "mapping or module",
            Self::Mark => "mark",
            Self::Cgroup => "control group",
            Self::Section(_) => "section",
            Self::BuildId(_) => "build id",
            Self::Symbol(_) => "symbol",
            Self::Source(_) => "source file",
            Self::LedgerKey => "ledger",
        }
    }
}

/// Hands each text of a frame to `each`, which may replace it. Returns whether the frame is of a kind
/// that is known here: another one may hold anything.
pub(crate) fn each_text(frame: &mut Frame, each: &mut dyn FnMut(Field<'_>, &mut Vec<u8>)) -> bool {
    match frame {
        Frame::Host(facts) => facts.iter_mut().for_each(|fact| each_of_fact(fact, each)),
        Frame::Tasks(tasks) => tasks.iter_mut().for_each(|task| each(Field::Comm, &mut task.comm)),
        Frame::Maps(maps) => maps.iter_mut().for_each(|map| each(Field::Path, &mut map.path)),
        Frame::Snapshot(snapshot) => {
            snapshot.vmas.iter_mut().for_each(|vma| each(Field::Path, &mut vma.path));
        }
        Frame::Checkpoint(checkpoint) => {
            for entry in &mut checkpoint.ledger {
                each_string(Field::LedgerKey, &mut entry.key, each);
            }
        }
        Frame::Oom(victims) => {
            victims.iter_mut().for_each(|victim| each(Field::Comm, &mut victim.comm));
        }
        Frame::Marks(marks) => marks.iter_mut().for_each(|mark| each(Field::Mark, &mut mark.name)),
        Frame::Cgroups(cgroups) => {
            cgroups.iter_mut().for_each(|cgroup| each(Field::Cgroup, &mut cgroup.path));
        }
        Frame::Modules(modules) => {
            for module in modules {
                each(Field::Path, &mut module.path);
                each(Field::BuildId(module.id), &mut module.build_id);
                for section in &mut module.sections {
                    each(Field::Section(module.id), &mut section.name);
                }
            }
        }
        Frame::Symbols(symbols) => {
            for symbol in symbols {
                each(Field::Symbol(symbol.module), &mut symbol.name);
                each(Field::Source(symbol.module), &mut symbol.file);
            }
        }
        Frame::Faults(_)
        | Frame::Lost(_)
        | Frame::Gaps(_)
        | Frame::Calls(_)
        | Frame::CallChains(_)
        | Frame::StackPointers(_) => {}
        _ => return false,
    }
    true
}

fn each_of_fact(fact: &mut Fact, each: &mut dyn FnMut(Field<'_>, &mut Vec<u8>)) {
    let key = fact.key.clone();
    each_string(Field::Fact(&key), &mut fact.value, each);
    each_string(Field::FactKey, &mut fact.key, each);
}

fn each_string(field: Field<'_>, text: &mut String, each: &mut dyn FnMut(Field<'_>, &mut Vec<u8>)) {
    let mut bytes = mem::take(text).into_bytes();
    each(field, &mut bytes);
    *text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
}

/// Where in a payload all texts of its frame lie, one behind the other: empty where it has none, or the
/// payload does not say so as `schemas/pft.md` has it. The vector of texts is the last field of the root, and that the last
/// of the payload.
pub(crate) fn text_vector(kind: Option<FrameKind>, payload: &[u8]) -> Range<usize> {
    let has_texts = kind.is_some_and(|kind| {
        matches!(
            kind,
            FrameKind::Host
                | FrameKind::Tasks
                | FrameKind::Maps
                | FrameKind::Snapshot
                | FrameKind::Checkpoint
                | FrameKind::Oom
                | FrameKind::Marks
                | FrameKind::Cgroups
                | FrameKind::Modules
                | FrameKind::Symbols
        )
    });
    let range = || {
        let field = payload.len().checked_sub(8)?;
        let distance = i32::from_le_bytes(*payload.get(field..)?.first_chunk()?);
        let bytes = u32::from_le_bytes(*payload.last_chunk()?);
        let start = field.checked_add_signed(distance as isize)?;
        let end = start.checked_add(bytes as usize)?;
        (end <= field).then_some(start..end)
    };
    range().filter(|_| has_texts).unwrap_or(0..0)
}
