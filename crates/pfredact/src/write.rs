//! The second reading: the same frames with other names and numbers.

use std::io::Write;

use pft::keys::fact;
use pft::record::{Fact, Frame};
use pft::{FrameKind, Trace, Writer};

use crate::error::{Error, Result};
use crate::fields::{Field, each_text};
use crate::numbers::{Numbers as _, each_number};
use crate::pieces::Fate;
use crate::plan::{LeftOut, Plan, each_frame, prune};

impl Plan {
    /// Writes the trace that was planned, a frame for a frame.
    ///
    /// # Errors
    /// [`Error::Trace`]; [`Error::Changed`] if `trace` is not what the plan was made of.
    pub fn write(&mut self, trace: &Trace, out: impl Write) -> Result<()> {
        self.write_with(trace, out, &|_| false)
    }

    /// The same; what `leaks` of a text stays as it was.
    pub(crate) fn write_with(
        &mut self,
        trace: &Trace,
        out: impl Write,
        leaks: &dyn Fn(&[u8]) -> bool,
    ) -> Result<()> {
        let mut writer = Writer::create(out, &self.header, self.compression_level)?;
        let level =
            Fact { key: fact::REDACTED_LEVEL.to_owned(), value: self.level.name().to_owned() };
        let mut level = Some(level);
        if !trace.frames().iter().any(|info| info.kind == FrameKind::Host) {
            writer.host(level.take().as_slice())?;
        }
        each_frame(
            trace,
            |_| true,
            |_, mut frame| {
                prune(&mut frame, &self.classifier, &mut LeftOut::default());
                let is_known = each_text(&mut frame, &mut |field, text| {
                    if !leaks(text) {
                        *text = self.replaced(field, text);
                    }
                });
                if !is_known {
                    return Ok(());
                }
                self.replace_numbers(&mut frame);
                if let Frame::Host(facts) = &mut frame {
                    facts.extend(level.take());
                }
                write_frame(&mut writer, &frame)
            },
        )?;
        if self.numbers.is_lost {
            return Err(Error::Changed);
        }
        Ok(writer.close()?)
    }

    /// A text without what goes.
    fn replaced(&mut self, field: Field<'_>, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut from = 0;
        for (end, fate) in self.pieces(field, text) {
            let piece = text.get(from..end).unwrap_or_default();
            match (fate, field) {
                (Fate::Hidden(_), Field::BuildId(_)) => out.extend(self.pseudonyms.bytes(piece)),
                (Fate::Hidden(_), _) => out.extend(self.pseudonyms.of(piece)),
                _ => out.extend_from_slice(piece),
            }
            from = end;
        }
        out
    }

    fn replace_numbers(&mut self, frame: &mut Frame) {
        each_number(frame, &mut self.numbers);
        match frame {
            Frame::Checkpoint(checkpoint) => {
                let realtime_ns = &mut checkpoint.realtime_ns;
                *realtime_ns = realtime_ns.saturating_sub(self.start_realtime_ns);
                // How much further it is tells how long the machine has slept.
                checkpoint.boottime_ns = checkpoint.time_ns;
            }
            Frame::Host(facts) => {
                let lists = [fact::TARGET_PIDS, fact::TARGET_TIDS];
                for entry in facts.iter_mut().filter(|entry| lists.contains(&entry.key.as_str())) {
                    let ids = entry.value.split(',').filter_map(|id| id.parse().ok());
                    let ids = ids.map(|mut id| {
                        self.numbers.task(&mut id);
                        id.to_string()
                    });
                    entry.value = ids.collect::<Vec<_>>().join(",");
                }
            }
            _ => {}
        }
    }
}

/// Writes a frame; one of a kind that the reader of texts does not know has not come so far.
pub(crate) fn write_frame(writer: &mut Writer<impl Write>, frame: &Frame) -> Result<()> {
    match frame {
        Frame::Host(facts) => writer.host(facts)?,
        Frame::Tasks(tasks) => writer.tasks(tasks)?,
        Frame::Maps(maps) => writer.maps(maps)?,
        Frame::Snapshot(snapshot) => writer.snapshot(snapshot)?,
        Frame::Faults(batch) => writer.faults(batch)?,
        Frame::Lost(losses) => writer.lost(losses)?,
        Frame::Checkpoint(checkpoint) => writer.checkpoint(checkpoint)?,
        Frame::Oom(victims) => writer.oom(victims)?,
        Frame::Marks(marks) => writer.marks(marks)?,
        Frame::Calls(calls) => writer.calls(calls)?,
        Frame::CallChains(chains) => writer.call_chains(chains)?,
        Frame::Modules(modules) => writer.modules(modules)?,
        Frame::Symbols(symbols) => writer.symbols(symbols)?,
        Frame::StackPointers(stack_pointers) => writer.stack_pointers(stack_pointers)?,
        Frame::Gaps(gaps) => writer.gaps(gaps)?,
        Frame::Cgroups(cgroups) => writer.cgroups(cgroups)?,
        _ => {}
    }
    Ok(())
}
