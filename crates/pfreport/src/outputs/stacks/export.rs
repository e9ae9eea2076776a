//! The outputs of stacks that the command line asks for.

use std::io::{self, Write};
use std::path::PathBuf;

use super::{Sites, Stacks, Weight, firefox, pprof, write_folded};
use crate::cli::Arguments;
use crate::error::Error;
use crate::files::destination::Destination;
use crate::load::Loaded;
use crate::outputs::flamegraph;

/// Writes folded stacks, flame graph and profiles where `arguments` ask for them; returns the paths of
/// files. `notes` takes what they do not show.
///
/// # Errors
/// Those of [`Destination::write`]; [`Error::NoWeight`]; [`Error::Write`] or [`Error::Output`].
pub fn export(
    loaded: &Loaded,
    arguments: &Arguments,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> Result<Vec<PathBuf>, Error> {
    let asked = &arguments.stacks;
    if !asked.any() {
        return Ok(Vec::new());
    }
    let weight = asked.weight.unwrap_or_else(|| Weight::by_default(&loaded.analysis));
    let sites = Sites::of(loaded);
    let mut target = Target { loaded, force: arguments.overwrite.force, out, written: Vec::new() };
    let mut remarks = Vec::new();
    if let Some(destination) = &asked.folded {
        let stacks = Stacks::of_sites(loaded, &sites, weight, usize::MAX);
        target.write(destination, |out| write_folded(&stacks, out))?;
        remarks.extend(stacks.notes(loaded));
    }
    if let Some(asked) = &asked.flamegraph {
        let destination = loaded.output(asked.as_ref(), ".flamegraph.svg");
        destination.check(loaded.inputs(), arguments.overwrite.force)?;
        let stacks = Stacks::of_sites(loaded, &sites, weight, flamegraph::NAME_CHARACTERS);
        if stacks.total == 0 {
            return Err(Error::NoWeight { weight });
        }
        let svg = flamegraph::svg(loaded, &stacks)?;
        target.write(&destination, |out| out.write_all(&svg))?;
        remarks.extend(stacks.notes(loaded));
    }
    if let Some(asked) = &asked.pprof {
        let destination = loaded.output(asked.as_ref(), ".pb.gz");
        target.write(&destination, |out| pprof::write(loaded, &sites, weight, out))?;
        remarks.extend(sites.notes(loaded, weight));
    }
    if let Some(asked) = &asked.firefox {
        let destination = loaded.output(asked.as_ref(), ".firefox.json.gz");
        target.write(&destination, |out| {
            remarks.extend(Stacks::without_frames(&sites, weight).notes(loaded));
            remarks.extend(firefox::write(loaded, &sites, weight, out)?);
            Ok(())
        })?;
    }
    let written = target.written;
    for (i, note) in remarks.iter().enumerate() {
        // Several outputs leave out the same.
        if !remarks.iter().take(i).any(|earlier| earlier == note) {
            writeln!(notes, "note: {note}")?;
        }
    }
    Ok(written)
}

/// Where outputs go.
struct Target<'a, W> {
    loaded: &'a Loaded,
    force: bool,
    out: &'a mut W,
    written: Vec<PathBuf>,
}

impl<W: Write> Target<'_, W> {
    fn write(
        &mut self,
        destination: &Destination,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        let inputs = self.loaded.inputs();
        let path = destination.write(inputs, self.force, self.out, |out| Ok(write(out)?))?;
        self.written.extend(path);
        Ok(())
    }
}
