//! Names that are made to deceive, in every field that has a name and in every output: safe and legible.
//!
//! Each medium is read back by a parser of its own, not by what the program prints today.

mod check;
mod corpus;
mod documents;
mod exchange;
mod trust;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::OnceLock;

use check::{cells, hidden, lines, original};
use corpus::{HOSTILE, names, trace};

use crate::scene::{Scene, program, text};

/// The file name of the trace is hostile as well.
const TRACE: &[u8] = b"\x1b[2J\xff two  =\\'\"$(id)\n<script>.pft";

/// A folder with a hostile trace, under a plain name and under a hostile one, and a harmless one of the same shape.
fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let scene = Scene::of(&trace(&names(true)));
        std::fs::copy(&scene.trace, scene.path("").join(OsStr::from_bytes(TRACE))).unwrap();
        std::fs::write(scene.path("harmless.pft"), trace(&names(false))).unwrap();
        scene
    })
}

/// Runs the program on a trace with options that must not fail.
fn report(trace: &OsStr, words: &[&str]) -> Output {
    let output = run(trace, words);
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 3)), "{words:?}: {}", text(&output.stderr));
    output
}

fn run(trace: &OsStr, words: &[&str]) -> Output {
    let output = program().current_dir(scene().path("")).args(words).arg(trace).output().unwrap();
    lines(&output.stderr, &format!("errors of {words:?}"));
    output
}

fn hostile() -> &'static OsStr {
    OsStr::from_bytes(TRACE)
}

/// What the names in a column stand for.
fn originals<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<Vec<u8>> {
    names
        .into_iter()
        .map(|name| original(name).unwrap_or_else(|| panic!("not reversible: {name}")))
        .collect()
}

fn corpus_behind(prefix: &[u8]) -> BTreeSet<Vec<u8>> {
    HOSTILE.iter().map(|name| [prefix, name].concat()).collect()
}

const TABLES: [&str; 11] = [
    "faults",
    "processes",
    "threads",
    "mappings",
    "modules",
    "callchains",
    "losses",
    "oom",
    "marks",
    "ledger",
    "facts",
];

#[test]
fn the_corpus_is_what_it_says() {
    assert!(HOSTILE.len() < 100);
    let distinct: BTreeSet<&[u8]> = HOSTILE.iter().copied().collect();
    assert_eq!(distinct.len(), HOSTILE.len());
    let as_text = |name: &[u8]| std::str::from_utf8(name).ok().and_then(hidden);
    let hostile =
        HOSTILE.iter().filter(|name| as_text(name).is_some() || std::str::from_utf8(name).is_err());
    assert_eq!(hostile.count(), 25, "names with something that hides");
}

#[test]
fn every_text_is_lines_that_hide_nothing() {
    let texts: &[&[&str]] = &[
        &[],
        &["-n", "1000"],
        &["--advice"],
        &["--patterns", "-n", "1000"],
        &["--events"],
        &["--events", "--fixed-ts"],
        &["--histogram"],
        &["--heatmap", "-n", "1000"],
        &["--heatmap", "--ascii"],
        &["--folded"],
        &["--class=major"],
        &["--where", "comm = '\u{202e}\x1b[2J' OR nth = 1"],
        &["--sql", "SELECT comm AS \"a\x1b[2J|=1\", UPPER(path) AS \"\u{202e}\" FROM faults"],
    ];
    let mut tried = 0;
    for words in texts {
        let output = report(hostile(), &[words, &["--color=always"][..]].concat());
        // Only our own changes of weight.
        let plain = text(&output.stdout).replace("\x1b[1m", "").replace("\x1b[0m", "");
        let lines = lines(plain.as_bytes(), &format!("{words:?}"));
        let summaries = lines.iter().filter(|line| line.starts_with("Summary:")).count();
        match words.first().copied().unwrap_or("-n") {
            "-n" | "--events" | "--class=major" | "--where" => {
                assert!(summaries == 1 && lines.last().unwrap().starts_with("Summary: major="));
            }
            // Stacks begin with the name of a process.
            "--folded" => {}
            _ => assert_eq!(summaries, 0, "{words:?}"),
        }
        is_one_code_block(&plain);
        tried += 1;
    }
    println!("{tried} texts with {} names in each field", HOSTILE.len());
}

/// Pasted into a report of a bug between fences, it stays there.
fn is_one_code_block(text: &str) {
    use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
    let page = format!("```text\n{text}```\n\nbehind\n");
    let mut events = Parser::new(&page);
    let block = Tag::CodeBlock(CodeBlockKind::Fenced("text".into()));
    assert_eq!(events.next(), Some(Event::Start(block)));
    let mut inside = String::new();
    for event in events.by_ref() {
        match event {
            Event::Text(part) => inside.push_str(&part),
            other => {
                assert_eq!(other, Event::End(TagEnd::CodeBlock));
                break;
            }
        }
    }
    assert_eq!(inside, text);
    assert_eq!(events.next(), Some(Event::Start(Tag::Paragraph)));
}

#[test]
fn a_row_is_a_line_and_its_cells_come_back() {
    for (column, prefix) in [
        ("comm", &b""[..]),
        ("phase", b""),
        ("path", b"/srv/"),
        ("path", b"/usr/bin/"),
        ("function", b""),
        ("object", b""),
    ] {
        let output = report(hostile(), &["--by", column, "-n", "1000"]);
        let lines = lines(&output.stdout, column);
        let columns = cells(lines[0]).len();
        for line in &lines[1..] {
            assert_eq!(cells(line).len(), columns, "{line}");
        }
        let found = originals(lines[1..].iter().map(|line| cells(line)[0]));
        assert!(found.is_superset(&corpus_behind(prefix)), "{column}: {found:?}");
    }
    for table in TABLES {
        let output = report(hostile(), &["--table", table, "-n", "1000"]);
        let lines = lines(&output.stdout, table);
        let columns = cells(lines[0]).len();
        for line in &lines[1..] {
            assert_eq!(cells(line).len(), columns, "{table}: {line}");
        }
    }
}

#[test]
fn files_that_are_called_like_other_memory_are_none() {
    let output = report(hostile(), &["--by", "region,region_kind", "-n", "1000"]);
    let lines = lines(&output.stdout, "regions");
    for (region, kind) in
        [("/srv/[heap]", "file"), ("/srv/[stack]", "file"), ("[anon:[heap]]", "anon")]
    {
        assert!(lines.iter().any(|line| cells(line)[..2] == [region, kind]), "{region}");
    }
    for line in lines {
        let [region, kind] = cells(line)[..2] else { panic!("{line}") };
        assert!(!["[heap]", "[stack]", "[unknown]"].contains(&region) || kind != "file", "{line}");
    }
}

#[test]
fn commands_to_copy_name_the_trace() {
    let output = report(hostile(), &[]);
    let said = lines(&output.stdout, "summary");
    let next = said.iter().position(|line| *line == "Next").unwrap();
    let commands = said[next + 1..].iter().filter_map(|line| line.trim().strip_prefix("pfreport "));
    let mut tried = 0;
    for command in commands {
        let script = format!("set -- {command}; printf %s \"$1\"");
        let shell = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(
            shell.stdout.escape_ascii().to_string(),
            TRACE.escape_ascii().to_string(),
            "{command}"
        );
        tried += 1;
    }
    assert!(tried > 3, "{tried}");
}

#[test]
fn several_traces_info_and_dump() {
    let bytes = std::fs::read(&scene().trace).unwrap();
    std::fs::write(scene().path("cut.pft"), &bytes[..bytes.len() / 2]).unwrap();
    for words in [
        &["harmless.pft"][..],
        &["cut.pft"],
        &["harmless.pft", "--by", "trace,comm"],
        &["info"],
        &["info", "harmless.pft"],
        &["dump", "--rows"],
        &["diff", "harmless.pft"],
    ] {
        let output = report(hostile(), words);
        let lines = lines(&output.stdout, &format!("{words:?}"));
        assert!(lines.len() > 5, "{words:?}");
    }
    let rows = report(hostile(), &["dump", "--rows", "--kind", "tasks"]);
    let comms: Vec<&str> = text(&rows.stdout)
        .lines()
        .filter_map(|line| line.split_once(" comm=").map(|(_, comm)| comm))
        .map(|comm| comm.strip_prefix('"').map_or(comm, |comm| comm.strip_suffix('"').unwrap()))
        .collect();
    assert!(comms.iter().all(|comm| !comm.contains('"')), "{comms:?}");
    assert_eq!(originals(comms), corpus_behind(b""));
}

#[test]
fn errors_show_words_and_send_none() {
    let word = "\x1b[2J\u{202e}a\n=1\u{9b}\u{200b}  \\";
    let options =
        ["--by", "--table", "--sql", "--where", "--sort", "--class", "--from", "--html", "--png"];
    for option in options {
        let _ = run(hostile(), &[&format!("{option}={word}/no\u{7}")]);
    }
    assert_eq!(run(OsStr::new(&format!("{word}.pft")), &[]).status.code(), Some(2));
    let out = format!("out {word}");
    let written = report(hostile(), &[&format!("--csv={out}"), "-f"]);
    lines(&written.stdout, "a written file");
    assert!(Path::new(&scene().path(&out)).exists());
    let garbage = OsStr::from_bytes(b"no\x1btrace\xff.pft");
    std::fs::write(scene().path("").join(garbage), "x").unwrap();
    assert_eq!(run(garbage, &[]).status.code(), Some(1));
}
