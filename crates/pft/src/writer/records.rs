//! A method for each kind of record.

use std::io::Write;

use super::Writer;
use crate::error::Result;
use crate::record::{
    CallChainRecord, CallRecord, CgroupRecord, Checkpoint, Fact, FaultBatch, GapRecord, LostRecord,
    MapRecord, MarkRecord, ModuleRecord, OomRecord, Snapshot, StackPointerRecord, SymbolRecord,
    TaskRecord,
};

impl<W: Write> Writer<W> {
    /// Writes facts about machine and recording.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_host`](super::Encoder::encode_host) and [`Writer::write_frame`].
    pub fn host(&mut self, facts: &[Fact]) -> Result<()> {
        let frames = self.encoder.encode_host(facts)?;
        self.write_frames(&frames)
    }

    /// Writes task records.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_tasks`](super::Encoder::encode_tasks) and [`Writer::write_frame`].
    pub fn tasks(&mut self, tasks: &[TaskRecord]) -> Result<()> {
        let frames = self.encoder.encode_tasks(tasks)?;
        self.write_frames(&frames)
    }

    /// Writes map records.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_maps`](super::Encoder::encode_maps) and [`Writer::write_frame`].
    pub fn maps(&mut self, maps: &[MapRecord]) -> Result<()> {
        let frames = self.encoder.encode_maps(maps)?;
        self.write_frames(&frames)
    }

    /// Writes a snapshot.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_snapshot`](super::Encoder::encode_snapshot) and [`Writer::write_frame`].
    pub fn snapshot(&mut self, snapshot: &Snapshot) -> Result<()> {
        let frames = self.encoder.encode_snapshot(snapshot)?;
        self.write_frames(&frames)
    }

    /// Writes faults.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_faults`](super::Encoder::encode_faults) and [`Writer::write_frame`].
    pub fn faults(&mut self, batch: &FaultBatch) -> Result<()> {
        let frames = self.encoder.encode_faults(batch)?;
        self.write_frames(&frames)
    }

    /// Writes losses.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_lost`](super::Encoder::encode_lost) and [`Writer::write_frame`].
    pub fn lost(&mut self, losses: &[LostRecord]) -> Result<()> {
        let frames = self.encoder.encode_lost(losses)?;
        self.write_frames(&frames)
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_checkpoint`](super::Encoder::encode_checkpoint) and [`Writer::write_frame`].
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let frames = self.encoder.encode_checkpoint(checkpoint)?;
        self.write_frames(&frames)
    }

    /// Writes victims of the OOM killer.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_oom`](super::Encoder::encode_oom) and [`Writer::write_frame`].
    pub fn oom(&mut self, victims: &[OomRecord]) -> Result<()> {
        let frames = self.encoder.encode_oom(victims)?;
        self.write_frames(&frames)
    }

    /// Writes marks.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_marks`](super::Encoder::encode_marks) and [`Writer::write_frame`].
    pub fn marks(&mut self, marks: &[MarkRecord]) -> Result<()> {
        let frames = self.encoder.encode_marks(marks)?;
        self.write_frames(&frames)
    }

    /// Writes system calls that change address spaces.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_calls`](super::Encoder::encode_calls) and [`Writer::write_frame`].
    pub fn calls(&mut self, calls: &[CallRecord]) -> Result<()> {
        let frames = self.encoder.encode_calls(calls)?;
        self.write_frames(&frames)
    }

    /// Writes control groups of processes.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_cgroups`](super::Encoder::encode_cgroups) and [`Writer::write_frame`].
    pub fn cgroups(&mut self, cgroups: &[CgroupRecord]) -> Result<()> {
        let frames = self.encoder.encode_cgroups(cgroups)?;
        self.write_frames(&frames)
    }

    /// Writes call chains, which faults written later refer to.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_call_chains`](super::Encoder::encode_call_chains) and [`Writer::write_frame`].
    pub fn call_chains(&mut self, chains: &[CallChainRecord]) -> Result<()> {
        let frames = self.encoder.encode_call_chains(chains)?;
        self.write_frames(&frames)
    }

    /// Writes modules.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_modules`](super::Encoder::encode_modules) and [`Writer::write_frame`].
    pub fn modules(&mut self, modules: &[ModuleRecord]) -> Result<()> {
        let frames = self.encoder.encode_modules(modules)?;
        self.write_frames(&frames)
    }

    /// Writes symbols.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_symbols`](super::Encoder::encode_symbols) and [`Writer::write_frame`].
    pub fn symbols(&mut self, symbols: &[SymbolRecord]) -> Result<()> {
        let frames = self.encoder.encode_symbols(symbols)?;
        self.write_frames(&frames)
    }

    /// Writes stack pointers.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_stack_pointers`](super::Encoder::encode_stack_pointers) and [`Writer::write_frame`].
    pub fn stack_pointers(&mut self, stack_pointers: &[StackPointerRecord]) -> Result<()> {
        let frames = self.encoder.encode_stack_pointers(stack_pointers)?;
        self.write_frames(&frames)
    }

    /// Writes what is lost of a file from which the rest is taken.
    ///
    /// # Errors
    /// Those of [`Encoder::encode_gaps`](super::Encoder::encode_gaps) and [`Writer::write_frame`].
    pub fn gaps(&mut self, gaps: &[GapRecord]) -> Result<()> {
        let frames = self.encoder.encode_gaps(gaps)?;
        self.write_frames(&frames)
    }
}
