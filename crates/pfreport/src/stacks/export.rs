//! The outputs of stacks that the command line asks for.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Sites, Stacks, Weight, firefox, pprof, write_folded};
use crate::cli::Arguments;
use crate::error::Error;
use crate::flamegraph;
use crate::load::Loaded;
use crate::output::{self, check};

/// Writes folded stacks, flame graph and profiles where `arguments` ask for them; returns the paths of
/// files. `notes` takes what they do not show.
///
/// # Errors
/// Those of [`output::write`]; [`Error::NoWeight`]; [`Error::Write`] or [`Error::Output`].
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
    if let Some(file) = &asked.folded {
        let stacks = Stacks::of_sites(loaded, &sites, weight, usize::MAX);
        target.write(file.as_deref(), |out| write_folded(&stacks, out))?;
        remarks.extend(stacks.notes(loaded));
    }
    if let Some(path) = &asked.flamegraph {
        let path = target.path(path.as_deref(), ".flamegraph.svg");
        if let Some(path) = named(&path) {
            check(path, loaded.inputs(), arguments.overwrite.force)?;
        }
        let stacks = Stacks::of_sites(loaded, &sites, weight, flamegraph::NAME_CHARACTERS);
        if stacks.total == 0 {
            return Err(Error::NoWeight { weight });
        }
        let svg = flamegraph::svg(loaded, &stacks)?;
        target.write(named(&path), |out| out.write_all(&svg))?;
        remarks.extend(stacks.notes(loaded));
    }
    if let Some(path) = &asked.pprof {
        let path = target.path(path.as_deref(), ".pb.gz");
        target.write(named(&path), |out| pprof::write(loaded, &sites, weight, out))?;
        remarks.extend(sites.notes(loaded, weight));
    }
    if let Some(path) = &asked.firefox {
        let path = target.path(path.as_deref(), ".firefox.json.gz");
        target.write(named(&path), |out| {
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

/// A file, unless it stands for standard output.
fn named(path: &Path) -> Option<&Path> {
    (path != Path::new("-")).then_some(path)
}

/// Where outputs go.
struct Target<'a, W> {
    loaded: &'a Loaded,
    force: bool,
    out: &'a mut W,
    written: Vec<PathBuf>,
}

impl<W: Write> Target<'_, W> {
    /// The file that was asked for, or that of the trace with an ending, in the working directory.
    fn path(&self, asked: Option<&Path>, ending: &str) -> PathBuf {
        asked.map_or_else(|| self.loaded.output_name(ending), Path::to_owned)
    }

    /// Writes a file, or to standard output.
    fn write(
        &mut self,
        path: Option<&Path>,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        let Some(path) = path else {
            return Ok(write(self.out)?);
        };
        let inputs = self.loaded.inputs();
        self.written.push(output::write(path, inputs, self.force, |out| Ok(write(out)?))?);
        Ok(())
    }
}
