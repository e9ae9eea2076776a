//! Manual pages.

use clap::Command;
use clap_mangen::Man;
use roff::{Roff, roman};

/// A page of the manual.
pub struct Page {
    /// `pfreport-info.1`.
    pub file_name: String,
    /// In roff.
    pub text: Vec<u8>,
}

/// The page of a program, then those of its subcommands.
pub fn pages(program: Command) -> Vec<Page> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let version = program.render_version().trim().to_owned();
    let mut commands = vec![program.clone()];
    commands.extend(program.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
    commands.into_iter().map(|command| page(command, &version)).collect()
}

fn page(command: Command, version: &str) -> Page {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let has_subcommands = command.get_subcommands().any(|command| !command.is_hide_set());
    let below = command.get_after_long_help().or_else(|| command.get_after_help());
    let below = below.map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command).title(name.to_uppercase()).source(version).manual("pft");
    let mut text = Vec::new();
    // Writing to a vector cannot fail.
    let _ = man.render_title(&mut text);
    let _ = man.render_name_section(&mut text);
    let _ = man.render_synopsis_section(&mut text);
    let _ = man.render_description_section(&mut text);
    let _ = man.render_options_section(&mut text);
    if has_subcommands {
        let _ = man.render_subcommands_section(&mut text);
    }
    let mut roff = Roff::new();
    push_below(&mut roff, &below);
    let _ = roff.to_writer(&mut text);
    Page { file_name: man.get_filename(), text: ascii(&text) }
}

/// The page with other characters than ASCII as escapes: not every roff reads UTF-8. An ellipsis has no form on a
/// terminal without UTF-8, and would be left out.
fn ascii(page: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for c in String::from_utf8_lossy(page).chars() {
        match c {
            // Not at the start of a line, where a dot begins a request.
            '…' => out.push_str("\\&..."),
            c if c.is_ascii() => out.push(c),
            c => out.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    out.into_bytes()
}

/// What stands below the options in the help, line by line as it is written. A line that ends with a colon
/// and has indented ones below it is a heading.
fn push_below(roff: &mut Roff, below: &str) {
    let mut lines = below.lines().peekable();
    let mut filled = true;
    while let Some(line) = lines.next() {
        let heading = line.strip_suffix(':').filter(|line| !line.starts_with(' '));
        let is_heading = lines.peek().is_some_and(|next| next.starts_with(' '));
        match heading.filter(|_| is_heading) {
            Some(heading) => {
                if !std::mem::replace(&mut filled, true) {
                    roff.control("fi", []);
                }
                roff.control("SH", [heading.to_uppercase().as_str()]);
            }
            None if line.is_empty() && lines.peek().is_none_or(|next| !next.starts_with(' ')) => {
                if !std::mem::replace(&mut filled, true) {
                    roff.control("fi", []);
                }
                roff.control("PP", []);
            }
            None => {
                if std::mem::replace(&mut filled, false) {
                    roff.control("nf", []);
                }
                roff.text([roman(line)]);
            }
        }
    }
    if !filled {
        roff.control("fi", []);
    }
}
