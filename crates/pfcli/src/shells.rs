//! What shells read to complete a command line.
//!
//! `clap_complete` takes the first word that is no option for a command. Here it is as well a file or
//! a program to run, of which there can be several, with options behind them: so its scripts for zsh and
//! fish are told what a command is.

use std::io::Write as _;

use clap::Command;
use clap_complete::Shell;

/// The script for a shell.
pub fn script(shell: Shell, mut program: Command) -> Vec<u8> {
    if shell == Shell::Zsh {
        return zsh(&program).into_bytes();
    }
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, &name, &mut script);
    if shell == Shell::Fish { fish(&program, &script) } else { script }
}

/// The names of the commands that are shown.
fn commands(program: &Command, between: &str) -> String {
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set());
    shown.map(Command::get_name).collect::<Vec<_>>().join(between)
}

/// Two scripts, of the program with commands only and with words only, and what chooses between them.
fn zsh(program: &Command) -> String {
    let name = program.get_name();
    // As options, which this script is never asked for, words do not stand before commands.
    let with_commands = program.clone().disable_help_subcommand(true).mut_args(|argument| {
        if argument.is_positional() {
            argument.long("word").required(false).last(false).trailing_var_arg(false)
        } else {
            argument
        }
    });
    let with_words = Command::new("")
        .version("0")
        .args(program.get_arguments().cloned())
        .groups(program.get_groups().cloned());
    let takes_command = program
        .get_positionals()
        .any(|argument| argument.is_trailing_var_arg_set() || argument.is_last_set());
    let script = |mut command: Command, part: &str| {
        let mut script = Vec::new();
        clap_complete::generate(Shell::Zsh, &mut command, format!("{name}__{part}"), &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        // Without the second colon options may stand behind a word, as they may unless the words are a command.
        if takes_command { script } else { script.replace("\n'*::", "\n'*:") }
    };
    let (first, second) = (script(with_commands, "command"), script(with_words, "words"));
    let commands = commands(program, "|");
    format!(
        "#compdef {name}\n\n{first}\n{second}
_{name}() {{
    local word at_start=yes ret=1
    for word in \"${{(@)words[2,CURRENT-1]}}\"; do
        case $word in
            (--) at_start=; break ;;
            ({commands}) _{name}__command \"$@\"; return ;;
            (-*) ;;
            (*) at_start= ;;
        esac
    done
    if [[ -n $at_start && $words[CURRENT] != -* ]]; then
        _{name}__command \"$@\" && ret=0
    fi
    _{name}__words \"$@\" && ret=0
    return ret
}}

if [ \"$funcstack[1]\" = \"_{name}\" ]; then
    _{name} \"$@\"
else
    compdef _{name} {name}
fi
"
    )
}

/// The script with another rule for where options of the program stand, and for where commands do, and with
/// the words that arguments of commands are chosen from.
fn fish(program: &Command, script: &[u8]) -> Vec<u8> {
    let name = program.get_name();
    let script = String::from_utf8_lossy(script);
    let (options, start) =
        (format!("__fish_{name}_needs_command"), format!("__fish_{name}_at_start"));
    let mut out =
        script.replace(&format!("\"{options}\" -a "), &format!("\"{start}\" -a ")).into_bytes();
    let commands = commands(program, " ");
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "
# The program's own options stand wherever no command is; files and options may come in any order.
function {options}
    set -l words (commandline -opc)
    for word in $words[2..]
        if test \"$word\" = --
            return 1
        end
        if contains -- $word {commands}
            echo $word
            return 1
        end
    end
    return 0
end

# A command comes before any other word that is no option.
function {start}
    set -l words (commandline -opc)
    not string match -qv -- '-*' $words[2..]; and not contains -- -- $words[2..]
end
"
    );
    for command in program.get_subcommands() {
        for argument in command.get_positionals() {
            let values = argument.get_possible_values();
            let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
            if !values.is_empty() {
                let (command, values) = (command.get_name(), values.join(" "));
                let condition = format!("__fish_{name}_using_subcommand {command}");
                let _ = writeln!(out, "complete -c {name} -n \"{condition}\" -f -a \"{values}\"");
            }
        }
    }
    out
}
