//! Traces that are larger than memory, a part at a time.

use std::path::Path;

use pfmodel::analyse_in_parts;
use pfmodel::table::{Analysis, FaultTable};

use super::opened::Opened;
use super::request::Request;
use super::{Loaded, memory};
use crate::error::Error;

impl Loaded {
    /// Reads a trace in parts: `part` gets it with some of the faults, in order of time, and may take the rows or
    /// change which there are. All else is final and the same for each part, but what is said of the file's
    /// frames ([`Loaded::damage`], [`Loaded::read`]) and of rows (`map_confidence`), which is known behind the
    /// last part: that is what is returned, without rows. If there are no faults, there is one part without any.
    ///
    /// Parts are as large as [`Request::memory_bytes`] allows, one million rows at most. The faults are read
    /// twice. Memory is for a part, what is made of it, the records other than faults, and the pages that were
    /// touched.
    ///
    /// # Errors
    /// As [`Loaded::open`]; that of `part`, which gets no more parts then.
    pub fn open_in_parts(
        path: &Path,
        request: &Request<'_>,
        mut part: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let Opened { trace, about, recording, scope } = Opened::new(path, request)?;
        let faults = scope.faults(&trace);
        let wanted = scope.wanted(&faults, request, false);
        let part_rows = memory::part_rows(request.memory_bytes.unwrap_or(u64::MAX));
        let total = faults.rows().saturating_mul(2);
        let mut loaded = about.loaded(&trace, &scope, Analysis::default());
        let analysis = std::thread::scope(|threads| {
            let mut before = 0;
            let walk = || {
                let ahead = faults.ahead(threads, request, (before, total));
                before = faults.rows();
                ahead
            };
            analyse_in_parts(recording, walk, &wanted, part_rows, |analysis| {
                loaded.take_turn(analysis, &mut part)
            })
        })?;
        loaded.adopt(analysis);
        loaded.note_reading(faults);
        Ok(loaded)
    }

    /// Reads a trace in parts and keeps what `select` leaves of each: for any report on a narrow selection of
    /// a trace that is larger than memory.
    ///
    /// # Errors
    /// As [`Loaded::open_in_parts`]; [`Error::Memory`] if the rows that are left are too many.
    pub fn open_selected(
        path: &Path,
        request: &Request<'_>,
        mut select: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut kept = FaultTable::default();
        let mut loaded = Self::open_in_parts(path, request, |part| {
            select(part)?;
            kept.append(std::mem::take(&mut part.analysis.faults));
            memory::check_kept(path, kept.len() as u64, request.memory_bytes)
        })?;
        loaded.put(kept);
        Ok(loaded)
    }

    /// Gives a single trace these rows.
    pub(crate) fn put(&mut self, rows: FaultTable) {
        if let Some(member) = self.members.first_mut() {
            member.rows = 0..rows.len();
        }
        self.analysis.faults = rows;
    }

    /// Whether the faults that are asked for fit into the memory of the request, by estimate.
    ///
    /// # Errors
    /// As [`Loaded::open`].
    pub fn fits(path: &Path, request: &Request<'_>) -> Result<bool, Error> {
        let Opened { trace, scope, .. } = Opened::new(path, request)?;
        let needed_bytes = memory::estimate_bytes(&scope.faults(&trace), &scope);
        Ok(request.memory_bytes.is_none_or(|limit_bytes| needed_bytes <= limit_bytes))
    }

    /// Whether the rows that are asked for fit by themselves, so that they can be kept from parts.
    ///
    /// # Errors
    /// As [`Loaded::open`].
    pub fn rows_fit(path: &Path, request: &Request<'_>) -> Result<bool, Error> {
        let Opened { trace, scope, .. } = Opened::new(path, request)?;
        let rows = scope.faults(&trace).rows_meeting(scope.window_ns.as_ref());
        Ok(request
            .memory_bytes
            .is_none_or(|limit_bytes| rows <= memory::kept_rows(limit_bytes) as u64))
    }

    /// Hands out a part: the analysis has its rows, and is needed again.
    fn take_turn(
        &mut self,
        analysis: &mut Analysis,
        part: &mut impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.adopt(std::mem::take(analysis));
        part(self)?;
        std::mem::swap(&mut self.analysis, analysis);
        Ok(())
    }

    /// Takes an analysis.
    fn adopt(&mut self, analysis: Analysis) {
        self.analysis = analysis;
        if let Some(member) = self.members.first_mut() {
            member.rows = 0..self.analysis.faults.len();
            member.duration_ns = self.analysis.duration_ns;
        }
    }
}
