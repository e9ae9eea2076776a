//! The outputs of stacks that the command line asks for.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::{Stacks, Weight, write_folded};
use crate::cli::Arguments;
use crate::error::Error;
use crate::flamegraph;
use crate::load::Loaded;
use crate::output::{check, create};

/// Writes folded stacks and flame graph where `arguments` ask for them; returns the paths of files. `notes`
/// takes what they do not show.
///
/// # Errors
/// Those of [`create`]; [`Error::NoWeight`]; [`Error::Write`] or [`Error::Output`].
pub fn export(
    loaded: &Loaded,
    arguments: &Arguments,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> Result<Vec<PathBuf>, Error> {
    let weight = || arguments.stacks.weight.unwrap_or_else(|| Weight::by_default(&loaded.analysis));
    let mut written = Vec::new();
    let mut described = None;
    if let Some(file) = &arguments.stacks.folded {
        let stacks = Stacks::of(loaded, weight(), usize::MAX);
        match file {
            Some(path) => {
                let file = create(path, loaded.inputs(), arguments.habits.force)?;
                write_folded(&stacks, BufWriter::new(file))
                    .map_err(|error| Error::from(error).at(path))?;
                written.push(path.clone());
            }
            None => write_folded(&stacks, &mut *out)?,
        }
        described = Some(stacks);
    }
    if let Some(path) = &arguments.stacks.flamegraph {
        let path = path.clone().unwrap_or_else(|| {
            let mut name = loaded.base_name().to_owned();
            name.push(".flamegraph.svg");
            name.into()
        });
        check(&path, loaded.inputs(), arguments.habits.force)?;
        let weight = weight();
        let stacks = Stacks::of(loaded, weight, flamegraph::NAME_CHARACTERS);
        if stacks.total == 0 {
            return Err(Error::NoWeight { weight });
        }
        let svg = flamegraph::svg(loaded, &stacks)?;
        let mut file = create(&path, loaded.inputs(), arguments.habits.force)?;
        file.write_all(&svg).map_err(|error| Error::from(error).at(&path))?;
        written.push(path);
        described = Some(stacks);
    }
    for note in described.iter().flat_map(|stacks| stacks.notes(loaded)) {
        writeln!(notes, "note: {note}")?;
    }
    Ok(written)
}
