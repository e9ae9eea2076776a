use std::fs;

use clap::{Arg, Command};
use clap_complete::Shell;

use super::{Completions, ManPages};

fn program() -> Command {
    Command::new("prog")
        .version("1.2")
        .about("Does … things")
        .arg(Arg::new("by").long("by").help("Group by 'this' or .that"))
        .after_help("Examples:\n  prog --by x   | less\n  prog 'a\\b'\n\nThe end.")
        .subcommand(Command::new("info").about("Tells"))
        .subcommand(Command::new("secret").hide(true))
}

fn page() -> String {
    let mut text = Vec::new();
    ManPages { out: None }.write(program(), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn the_page_has_what_the_help_has() {
    let page = page();
    assert!(page.contains(".TH PROG 1  \"prog 1.2\" pft\n"), "{page}");
    assert!(page.contains("\\-\\-by"), "{page}");
    let examples = ".SH EXAMPLES\n.nf\n  prog \\-\\-by x   | less\n  prog \\*(Aqa\\\\b\\*(Aq\n.fi\n.PP\n.nf\nThe end.\n";
    assert!(page.contains(examples), "{page}");
    assert!(page.is_ascii() && page.contains("Does \\[u2026] things"), "{page}");
    assert!(page.contains("prog\\-info(1)"), "{page}");
}

#[test]
fn a_folder_gets_a_page_for_each_command_that_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("not/there");
    let pages = ManPages { out: Some(made.clone()) };
    pages.write(program(), &mut Vec::new()).unwrap();
    // Again, into a folder that is there.
    pages.write(program(), &mut Vec::new()).unwrap();
    let names = fs::read_dir(made).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["prog-info.1", "prog.1"]);
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (path, _) =
        ManPages { out: Some(file.clone()) }.write(program(), &mut Vec::new()).unwrap_err();
    assert_eq!(path, Some(file));
}

#[test]
fn completions_know_the_options() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        Completions { shell }.write(program(), &mut script).unwrap();
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("by") && script.contains("info"), "{shell}: {script}");
    }
}
