//! What people expect of a program in a terminal.

use std::fs;
use std::process::{Command, Output};

use crate::scene::{Scene, program, text};

const BOLD: &str = "\x1b[1m";

/// Runs the program with these variables; others about colours are not set.
fn run_with(scene: &Scene, variables: &[(&str, &str)], words: &[&str]) -> Output {
    let mut command = program();
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "CI"] {
        command.env_remove(name);
    }
    command.current_dir(scene.path("")).envs(variables.iter().copied()).args(words);
    command.output().unwrap()
}

#[test]
fn colours_are_for_terminals_unless_somebody_says_otherwise() {
    let scene = Scene::new(3);
    let is_bold = |variables: &[(&str, &str)], words: &[&str]| {
        let words = [&["run.pft"], words].concat();
        let output = run_with(&scene, variables, &words);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).contains(BOLD)
    };
    let (forced, refused) = (("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1"));
    // This is a pipe.
    assert!(!is_bold(&[], &[]));
    assert!(is_bold(&[forced], &[]));
    assert!(!is_bold(&[refused, forced], &[]));
    assert!(is_bold(&[("NO_COLOR", ""), forced], &[]));
    assert!(is_bold(&[refused], &["--color", "always"]));
    assert!(!is_bold(&[forced], &["--color=never"]));
    assert!(is_bold(&[forced], &["--color=auto"]));
    assert_eq!(scene.run(&["run.pft", "--color=blue"]).status.code(), Some(2));
}

#[test]
fn help_follows_the_choice_of_colours() {
    let scene = Scene::new(1);
    let is_coloured = |variables: &[(&str, &str)], words: &[&str]| {
        text(&run_with(&scene, variables, words).stdout).contains("\x1b[")
    };
    assert!(!is_coloured(&[], &["--help"]));
    assert!(is_coloured(&[], &["--color=always", "--help"]));
    assert!(is_coloured(&[("NO_COLOR", "1")], &["-h", "--color", "always"]) || cfg!(not(unix)));
    assert!(!is_coloured(&[("CLICOLOR_FORCE", "1")], &["--color=never", "-h"]));
}

#[test]
fn quiet_leaves_errors_and_exit_codes() {
    let scene = Scene::with(50, true, 9);
    for words in [&["run.pft", "--csv"][..], &["run.pft", "--by", "class"]] {
        let loud = scene.run(words);
        assert_eq!(loud.status.code(), Some(3));
        assert!(text(&loud.stderr).starts_with("warning: records were lost"), "{words:?}");
        let quiet = scene.run(&[words, &["-q"]].concat());
        assert_eq!((quiet.status.code(), text(&quiet.stderr)), (Some(3), ""), "{words:?}");
        assert_eq!(quiet.stdout, loud.stdout);
    }
    let missing = scene.run(&["--quiet", "missing.pft"]);
    assert!(text(&missing.stderr).starts_with("error: cannot read missing.pft: "));
}

/// The exit code and the message of a run that fails.
fn failure(scene: &Scene, words: &[&str]) -> (i32, String) {
    let output = scene.run(words);
    assert_eq!(text(&output.stdout), "", "{words:?}");
    (output.status.code().unwrap(), text(&output.stderr).trim_end().to_owned())
}

#[test]
fn errors_say_what_failed_why_and_what_helps() {
    let scene = Scene::new(3);
    let bytes = fs::read(&scene.trace).unwrap();
    let mut newer = bytes.clone();
    newer[8] = 2;
    let mut damaged = bytes.clone();
    damaged[40] ^= 1;
    let files: [(&str, &[u8]); 6] = [
        ("perf.data", b"PERFILE2\x68\0\0\0\0\0\0\0 and more"),
        ("run.pft.zst", b"\x28\xb5\x2f\xfd and more"),
        ("notes.txt", b"nothing of the kind"),
        ("newer.pft", &newer),
        ("damaged.pft", &damaged),
        ("short.pft", &bytes[..30]),
    ];
    for (name, content) in files {
        fs::write(scene.path(name), content).unwrap();
    }
    fs::create_dir(scene.path("traces")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let newer = format!(
        "cannot read newer.pft: the trace has format version 2, this program reads version 1; use a \
         newer one; this is pfreport {version}: install the version that recorded it, or a later one"
    );
    let cases: [(&[&str], i32, &str); 11] = [
        (
            &["perf.data"],
            1,
            "cannot read perf.data: this is a recording of perf, not a pft trace; make a trace of it: \
             pfreport import perf.data -o run.pft",
        ),
        (
            &["run.pft.zst"],
            1,
            "cannot read run.pft.zst: this is a file compressed with zstd, not a pft trace; decompress it \
             first: zstd -dc run.pft.zst | pfreport -",
        ),
        (
            &["notes.txt"],
            1,
            "cannot read notes.txt: not a pft trace; record one with: pfrecord -o run.pft -- COMMAND",
        ),
        (&["newer.pft"], 1, &newer),
        (
            &["damaged.pft"],
            1,
            "cannot read damaged.pft: the header of the trace is damaged; without its header a trace \
             cannot be read: copy it again from where it was recorded",
        ),
        (
            &["short.pft"],
            1,
            "cannot read short.pft: the trace ends after 30 bytes, inside its header; without its header \
             a trace cannot be read: copy it again from where it was recorded",
        ),
        (
            &["other.pft"],
            2,
            "cannot read other.pft: No such file or directory (os error 2); record one with: pfrecord -o \
             other.pft -- COMMAND",
        ),
        (
            &["traces"],
            2,
            "cannot read traces: is a directory; name the traces in it: pfreport traces/*.pft",
        ),
        (
            &["run.pft", "--csv=none/out.csv"],
            2,
            "cannot write none/out.csv: No such file or directory (os error 2); make the folder first: \
             mkdir -p none",
        ),
        (&["run.pft", "--csv=perf.data"], 2, "perf.data exists; use -f to replace it"),
        (
            &["run.pft", "--csv=run.pft", "-f"],
            2,
            "run.pft is the trace being read; name another file for the output",
        ),
    ];
    for (words, code, message) in cases {
        assert_eq!(failure(&scene, words), (code, format!("error: {message}")), "{words:?}");
        if words.len() == 1 {
            for command in ["info", "dump"] {
                assert_eq!(
                    failure(&scene, &[command, words[0]]),
                    (code, format!("error: {message}"))
                );
            }
        }
    }
    let (code, message) = failure(&scene, &["run.pft", "--by", "regoin"]);
    let begin = "error: no column `regoin`, perhaps `region`; the columns are trace, phase, ";
    assert!(code == 2 && message.starts_with(begin), "{message}");
    let (code, message) = failure(&scene, &["run.pft", "--advise"]);
    assert!(code == 2 && message.contains("'--advice'"), "{message}");
}

#[test]
fn a_command_is_known_behind_habits_and_goes_with_nothing_else() {
    let scene = Scene::new(3);
    let plain = scene.run(&["info", "run.pft"]);
    assert_eq!(plain.status.code(), Some(0));
    assert_eq!(scene.run(&["-q", "info", "run.pft"]).stdout, plain.stdout);
    let (code, message) = failure(&scene, &["--by", "pid", "info", "run.pft"]);
    assert_eq!(code, 2);
    let said = "error: --by <COL> does not go with `info`; its options come behind it\n";
    assert!(message.starts_with(said), "{message}");
}

#[test]
fn files_are_replaced_by_what_writes_files() {
    let scene = Scene::new(3);
    for command in ["info", "dump", "verify", "diff", "completions", "man"] {
        let (code, message) = failure(&scene, &[command, "-f"]);
        assert!(code == 2 && message.contains("'-f'"), "{command}: {message}");
    }
    for command in ["recover", "redact", "dataset"] {
        let (code, message) = failure(&scene, &["-f", command, "run.pft", "-o", "out"]);
        let said =
            format!("error: --force does not go with `{command}`; its options come behind it");
        assert!(code == 2 && message.starts_with(&said), "{message}");
    }
    for command in ["recover", "redact"] {
        let words = [command, "run.pft", "-o", "clean.pft"];
        scene.run(&words);
        let (code, message) = failure(&scene, &words);
        assert_eq!((code, &*message), (2, "error: clean.pft exists; use -f to replace it"));
        assert_eq!(scene.run(&[&words[..], &["-f"]].concat()).status.code(), Some(0));
    }
}

#[test]
fn several_files_do_not_go_to_standard_output() {
    let scene = Scene::new(3);
    let words =
        [&["run.pft", "--png=-"][..], &["run.pft", "--svg=-"], &["dataset", "run.pft", "-o-"]];
    for words in words {
        let (code, message) = failure(&scene, words);
        let said = "several files cannot go to standard output; a folder of this name is ./-";
        assert!(code == 2 && message.contains(said), "{message}");
    }
    assert_eq!(fs::read_dir(scene.path("")).unwrap().count(), 1);
}

#[test]
fn help_is_short_or_long() {
    let help = |words: &[&str]| {
        let output = program().args(words).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
        text(&output.stdout).to_owned()
    };
    let (short, long) = (help(&["-h"]), help(&["--help"]));
    assert!(short.lines().count() * 2 < long.lines().count());
    assert!(short.contains("examples by task, columns and exit codes: pfreport --help"), "{short}");
    for heading in
        ["Which faults:", "Views:", "Exports:", "Pictures:", "Call stacks:", "Exit codes:"]
    {
        assert!(long.contains(&format!("\n{heading}\n")), "{heading}");
    }
    for command in ["diff", "info", "dump", "redact", "completions", "man"] {
        assert!(help(&[command, "--help"]).contains(&format!("Usage: pfreport {command} ")));
    }
}

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    let full = "error: cannot write the output: No space left on device (os error 28)\n";
    for words in [&["--help"][..], &["-h"], &["--version"], &["diff", "--help"], &["man"]] {
        let device = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program().args(words).stdout(device).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), full), "{words:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program().args(words).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{words:?}");
    }
}

/// What bash offers for the last word.
fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let harness = "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                   _pfreport pfreport \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; \
                   printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", harness, script]).args(words).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_options_commands_and_their_options() {
    if Command::new("bash").arg("--version").output().is_err() {
        eprintln!("skipped: no bash");
        return;
    }
    let scene = Scene::new(1);
    let script = scene.path("pfreport.bash");
    fs::write(&script, program().args(["completions", "bash"]).output().unwrap().stdout).unwrap();
    let script = script.to_str().unwrap();
    assert!(completed(script, &["pfreport", "--pat"]).contains(&"--patterns".to_owned()));
    assert!(completed(script, &["pfreport", "--fla"]).contains(&"--flamegraph".to_owned()));
    assert_eq!(completed(script, &["pfreport", "run.pft", "--color", "n"]), ["never"]);
    assert!(completed(script, &["pfreport", "inf"]).contains(&"info".to_owned()));
    assert!(completed(script, &["pfreport", "info", "--js"]).contains(&"--json".to_owned()));
    assert!(completed(script, &["pfreport", "completions", "z"]).contains(&"zsh".to_owned()));
}

/// What fish offers for the last word.
fn offered(script: &str, line: &str) -> Vec<String> {
    let line = format!("source {script}; complete -C '{line}'");
    let output = Command::new("fish").args(["--no-config", "-c", &line]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{line}");
    let words = text(&output.stdout).lines().map(|line| line.split('\t').next().unwrap_or(line));
    words.map(str::to_owned).collect()
}

#[test]
fn fish_completes_options_behind_traces_and_of_commands() {
    if Command::new("fish").arg("--version").output().is_err() {
        eprintln!("skipped: no fish");
        return;
    }
    let scene = Scene::new(1);
    let script = scene.path("pfreport.fish");
    fs::write(&script, program().args(["completions", "fish"]).output().unwrap().stdout).unwrap();
    let script = script.to_str().unwrap();
    for (line, expected) in [
        ("pfreport -q com", &["completions"][..]),
        ("pfreport --fla", &["--flamegraph"]),
        ("pfreport run.pft --fla", &["--flamegraph"]),
        ("pfreport --theme d", &["dark"]),
        ("pfreport run.pft inf", &[]),
        ("pfreport info run.pft --j", &["--json"]),
        ("pfreport completions z", &["zsh"]),
        ("pfreport -- --fla", &[]),
    ] {
        assert_eq!(offered(script, line), expected, "{line}");
    }
}

#[test]
fn zsh_loads_its_completions() {
    if Command::new("zsh").arg("--version").output().is_err() {
        eprintln!("skipped: no zsh");
        return;
    }
    let scene = Scene::new(1);
    let script = scene.path("_pfreport");
    fs::write(&script, program().args(["completions", "zsh"]).output().unwrap().stdout).unwrap();
    let load = "autoload -Uz compinit; compinit -u -D; source \"$0\"; print $_comps[pfreport]; \
                print ${+functions[_pfreport__command]}${+functions[_pfreport__words]}";
    let output = Command::new("zsh").args(["-f", "-c", load]).arg(script).output().unwrap();
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("_pfreport\n11\n", ""));
}

#[test]
fn a_manual_page_has_what_the_help_has() {
    let output = program().arg("man").output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let page = text(&output.stdout);
    for part in [
        ".TH PFREPORT 1",
        "\\-\\-patterns",
        ".SH \"COLUMNS FOR --BY AND --WHERE\"",
        "pfreport\\-dump(1)",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let scene = Scene::new(1);
    assert_eq!(scene.run(&["man", "--out", "."]).status.code(), Some(0));
    for name in ["pfreport", "pfreport-info", "pfreport-dump", "pfreport-diff"] {
        assert!(scene.path(&format!("{name}.1")).exists(), "{name}");
    }
    assert_eq!(scene.run(&["man", "--out", "made/man1"]).status.code(), Some(0));
    assert!(scene.path("made/man1/pfreport.1").exists());
    let (code, message) = failure(&scene, &["man", "--out", "run.pft/man1"]);
    assert_eq!(code, 2);
    assert!(message.starts_with("error: cannot write run.pft/man1: "), "{message}");
}
