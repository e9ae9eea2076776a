use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ColorChoice, CommandFactory as _, Parser as _, ValueHint};

use super::{Arguments, Command, help};
use crate::files::destination::Destination;
use crate::rows::field::Field;
use crate::rows::group::MEASURES;
use crate::rows::tables::Table;

fn parse(words: &str) -> Result<Arguments, clap::Error> {
    let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    Arguments::from_words(&words)
}

#[test]
fn the_definition_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn shells_complete_the_names_of_files_and_folders() {
    let program = Arguments::command();
    let commands = program.get_subcommands().chain([&program]);
    let mut files = 0;
    for argument in commands.flat_map(clap::Command::get_arguments) {
        let names = argument.get_value_names().unwrap_or_default();
        let hint = match names.first().map(|name| name.as_str()) {
            Some("FILE" | "TRACE" | "NEW" | "PERF.DATA") => ValueHint::FilePath,
            Some("DIR" | "FOLDER") => ValueHint::DirPath,
            _ => continue,
        };
        assert_eq!(argument.get_value_hint(), hint, "{argument}");
        files += 1;
    }
    assert!(files > 20, "{files}");
}

#[test]
fn the_help_breaks_lines_where_they_are_written() {
    let help = Arguments::command().render_long_help().to_string();
    assert!(help.contains(&help::long()), "{help}");
    let help = Arguments::command().render_help().to_string();
    assert!(help.contains(&help::short()), "{help}");
}

#[test]
fn optional_values_take_an_equals_sign_only() {
    for words in [["pfreport", "--csv", "run.pft"], ["pfreport", "run.pft", "--csv"]] {
        let arguments = Arguments::try_parse_from(words).unwrap();
        assert_eq!(arguments.traces, [PathBuf::from("run.pft")]);
        assert_eq!(arguments.exports.csv, Some(Destination::Stdout));
    }
    let arguments = parse("pfreport run.pft --csv=- --folded=-").unwrap();
    assert_eq!(
        (arguments.exports.csv, arguments.stacks.folded),
        (Some(Destination::Stdout), Some(Destination::Stdout))
    );
    let arguments = parse("pfreport run.pft --csv=a.csv").unwrap();
    assert_eq!(arguments.exports.csv, Some(Destination::File("a.csv".into())));
    let arguments = parse("pfreport run.pft --html=- --pprof").unwrap();
    let expected = (Some(Some(Destination::Stdout)), Some(None));
    assert_eq!((arguments.exports.html, arguments.stacks.pprof), expected);
}

#[test]
fn the_help_names_every_column() {
    let help = help::long();
    let words: Vec<&str> = help.split_whitespace().collect();
    let names = Field::ALL.iter().map(|field| field.name()).chain(MEASURES);
    for name in names.chain(Table::names()) {
        assert!(words.contains(&name), "{name}");
    }
}

#[test]
fn what_all_have_in_common_stands_before_or_behind_a_command() {
    for words in ["pfreport -q --color never info a.pft", "pfreport info a.pft -q --color=never"] {
        let arguments = parse(words).unwrap();
        assert!(arguments.common.quiet && arguments.common.color == ColorChoice::Never, "{words}");
        assert!(matches!(arguments.command, Some(Command::Info(_))), "{words}");
    }
}

#[test]
fn what_belongs_to_a_report_does_not_go_with_a_command() {
    let said = parse("pfreport --by pid info a.pft").unwrap_err().to_string();
    assert!(said.contains("does not go with `info`"), "{said}");
    // Behind a trace there are traces only.
    for words in ["pfreport a.pft info b.pft", "pfreport ./info"] {
        assert!(parse(words).unwrap().command.is_none(), "{words}");
    }
}

#[test]
fn a_report_is_one_text_and_any_number_of_files() {
    let fits = |words: &str| parse(&format!("pfreport a.pft {words}")).is_ok();
    let tables = ["--by=pid", "--table=facts", "--sql=SELECT", "--patterns"];
    let others = ["--advice", "--events", "--histogram", "--heatmap"];
    for (n, &one) in tables.iter().chain(&others).enumerate() {
        assert!(fits(one));
        for &other in tables.iter().chain(&others).skip(n + 1) {
            let words = format!("{one} {other}");
            let are_plots = words == "--histogram --heatmap";
            assert_eq!(fits(&words), are_plots, "{words}");
            // The table is in the file, and the text is not.
            let is_exported = tables.contains(&one) && others.contains(&other);
            assert_eq!(fits(&format!("{words} --csv=a.csv")), is_exported || are_plots, "{words}");
        }
        for export in ["--csv=f", "--jsonl=f", "--parquet=f", "--arrow=f", "--json=f", "--png"] {
            assert!(fits(&format!("{one} {export}")), "{one} {export}");
        }
    }
    let said = parse("pfreport a.pft --events --by pid").unwrap_err().to_string();
    let expected = "error: --by and --events are two texts, and a report is one\n";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn colours_are_chosen_before_words_are_understood() {
    let choice = |words: &str| {
        super::common::color_of(&words.split(' ').map(OsString::from).collect::<Vec<_>>())
    };
    assert_eq!(choice("pfreport --bogus --color never"), ColorChoice::Never);
    assert_eq!(choice("pfreport --color=always --help"), ColorChoice::Always);
    assert_eq!(choice("pfreport -- --color=always"), ColorChoice::Auto);
    assert_eq!(choice("pfreport --color=blue"), ColorChoice::Auto);
}
