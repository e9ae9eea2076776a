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
    assert!(page.is_ascii() && page.contains("Does \\&... things"), "{page}");
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

fn script(shell: Shell, program: Command) -> String {
    let mut script = Vec::new();
    Completions { shell }.write(program, &mut script).unwrap();
    String::from_utf8(script).unwrap()
}

#[test]
fn words_that_are_no_commands_do_not_end_the_options() {
    let files = Arg::new("files").num_args(1..).required(true);
    let info = Command::new("scan").arg(Arg::new("how").value_parser(["fast", "slow"]));
    let program = program().disable_help_subcommand(true).arg(files).subcommand(info);
    let zsh = script(Shell::Zsh, program.clone());
    assert!(zsh.starts_with("#compdef prog\n"));
    assert!(zsh.contains("(info|scan) _prog__command \"$@\"; return ;;"), "{zsh}");
    let words = zsh.split("\n_prog__words() {").nth(1).unwrap();
    assert!(words.contains("\n'*:files:_default' \\\n"), "{words}");
    let commands = zsh.split("\n_prog__words() {").next().unwrap();
    assert!(!commands.contains(":files:"), "{commands}");

    let fish = script(Shell::Fish, program);
    assert!(fish.contains("if contains -- $word info scan\n"), "{fish}");
    assert!(fish.contains("complete -c prog -n \"__fish_prog_at_start\" -a \"info\""), "{fish}");
    let values = "complete -c prog -n \"__fish_prog_using_subcommand scan\" -f -a \"fast slow\"\n";
    assert!(fish.ends_with(values), "{fish}");
}

#[test]
fn a_command_to_run_keeps_its_options() {
    let zsh = script(Shell::Zsh, program().arg(Arg::new("run").num_args(1..).last(true)));
    assert!(zsh.contains("'*::run:_default'"), "{zsh}");
}
