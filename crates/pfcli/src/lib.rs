//! What both programs say of themselves: completions and manual pages, out of the definition of their command
//! lines, and their version.
//!
//! Each program has both as subcommands: what is installed always fits the program that is installed.

mod manual;
mod shells;
mod version;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command, ValueHint};
use clap_complete::Shell;

pub use version::{COMMIT, VERSION};

/// Prints the help or version that parsing a command line ended with. Whoever closed standard output has
/// seen enough.
///
/// # Errors
/// Standard output takes no more: clap's own way out passes over that.
pub fn print_help(help: &clap::Error) -> io::Result<()> {
    match help.print().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  pfreport completions bash > ~/.local/share/bash-completion/completions/pfreport
  scripts/install-completions   for bash, zsh and fish, of both programs, with manual pages";

const PAGES_EXAMPLES: &str = "\
Examples:
  pfreport man | man -l -       read the page
  scripts/install-completions   all pages and completions, of both programs";

/// What `completions` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

impl Completions {
    /// Writes what the shell has to read.
    ///
    /// # Errors
    /// `out` takes no more.
    pub fn write(&self, program: Command, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&shells::script(self.shell, program))?;
        out.flush()
    }
}

/// What `man` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = PAGES_EXAMPLES)]
pub struct ManPages {
    /// Folder for the pages of the program and of its subcommands, which replace those that are there; it is
    /// made if need be [default: the page of the program on standard output]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
}

impl ManPages {
    /// Writes the pages.
    ///
    /// # Errors
    /// The folder cannot be made, a page cannot be written, or `out` takes no more; with the path, if it
    /// is of a file or folder.
    pub fn write(
        &self,
        program: Command,
        out: &mut dyn Write,
    ) -> Result<(), (Option<PathBuf>, io::Error)> {
        let pages = manual::pages(program);
        let Some(folder) = &self.out else {
            let page = pages.first().map_or(&[][..], |page| &page.text);
            return out.write_all(page).and_then(|()| out.flush()).map_err(|error| (None, error));
        };
        fs::create_dir_all(folder).map_err(|error| (Some(folder.clone()), error))?;
        for page in pages {
            let path = folder.join(page.file_name);
            fs::write(&path, page.text).map_err(|error| (Some(path), error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
