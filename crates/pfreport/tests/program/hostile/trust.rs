//! A hostile trace verified, recovered and redacted, and what comes of that in all outputs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use serde_json::Value;

use super::check::{hidden, lines, original};
use super::corpus::HOSTILE;
use super::documents::html;
use super::exchange::read_csv;
use super::{TABLES, TRACE, hostile, report, run, scene};
use crate::scene::{program, text};
use crate::schema;

/// Names for outputs and for what is no trace.
const OUT: &[u8] = b"\x1b[2J\xff out  \\$(id)";
const NO_TRACE: &[u8] = b"\x1b[2J\xff none  \\.pft";
const NO_TRACE_SHOWN: &str = "\\x1b[2J\\xff\\x20none \\x20\\\\.pft";

fn out(number: u8) -> (PathBuf, Vec<u8>) {
    let name = [OUT, &[number]].concat();
    (scene().path("").join(OsStr::from_bytes(&name)), name)
}

#[test]
fn verified() {
    let output = report(hostile(), &["verify"]);
    for line in lines(&output.stdout, "verify") {
        let (name, _) = line.split_once(": ").unwrap();
        assert_eq!(original(name).as_deref(), Some(TRACE), "{line}");
    }
    let document: Value =
        serde_json::from_slice(&report(hostile(), &["verify", "--json"]).stdout).unwrap();
    let violations = schema::violations(&schema::of("verify.schema.json"), &document);
    assert_eq!(violations, [""; 0]);
    for member in ["path", "name"] {
        let name = document["traces"][0][member].as_str().unwrap();
        assert_eq!(hidden(name), None);
        assert_eq!(original(name).as_deref(), Some(TRACE), "{name}");
    }
    let none = OsStr::from_bytes(NO_TRACE);
    fs::write(scene().path("").join(none), "x").unwrap();
    let mut command = program();
    let output = command.current_dir(scene().path("")).arg("verify").args([none, none]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = format!("cannot read {NO_TRACE_SHOWN}: not a pft trace");
    let said = lines(&output.stderr, "verify");
    assert!(said.len() == 1 && said[0].starts_with(&format!("error: {error};")), "{said:?}");
    assert_eq!(lines(&output.stdout, "verify"), [format!("{NO_TRACE_SHOWN}: {error}")]);
}

#[test]
fn recovered() {
    let bytes = fs::read(&scene().trace).unwrap();
    fs::write(scene().path("half.pft"), &bytes[..bytes.len() / 2]).unwrap();
    let mut command = program();
    let command = command.current_dir(scene().path("")).args(["recover", "half.pft", "-o"]);
    let (path, name) = out(b'1');
    let output = command.arg(path.file_name().unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let said = lines(&output.stdout, "recover");
    let kept = said.iter().find(|line| line.starts_with("kept ")).unwrap();
    let (_, shown) = kept.split_once("B to ").unwrap();
    assert_eq!(original(shown), Some(name), "{kept}");
    let recovered = path.file_name().unwrap();
    for words in [&[][..], &["info"], &["dump", "--rows"], &["dump", "--kind=gaps"], &["verify"]] {
        assert!(!lines(&report(recovered, words).stdout, "recovered").is_empty(), "{words:?}");
    }
}

#[test]
fn what_stays_is_listed_and_comes_back() {
    let output = report(hostile(), &["redact", "--dry-run", "--level=names"]);
    let said = lines(&output.stdout, "redact");
    let end = said.iter().position(|line| line.is_empty()).unwrap();
    let stay: Vec<Vec<u8>> = said[1..end]
        .iter()
        .map(|line| original(&line[30..]).unwrap_or_else(|| panic!("not reversible: {line}")))
        .collect();
    let gone: Vec<_> =
        HOSTILE.iter().filter(|name| !stay.iter().any(|text| text == *name)).collect();
    // One of them is the name of the host as well.
    assert_eq!(gone.len(), 1, "{gone:?} of {} texts", stay.len());
}

#[test]
fn redacted() {
    let (path, name) = out(b'2');
    let name_of_option = format!("--keep=/{}", "\u{202e}\x1b");
    let mut command = program();
    command.current_dir(scene().path("")).args(["redact", "--level=names", &name_of_option]);
    let output = command.arg("-o").arg(path.file_name().unwrap()).arg(hostile()).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", text(&output.stderr));
    let said = lines(&output.stdout, "redact");
    assert_eq!(original(said[0]), Some(name));
    assert!(said.last().unwrap().ends_with(", none remains"), "{said:?}");

    let trace = path.file_name().unwrap();
    for words in [
        &[][..],
        &["--advice"],
        &["--patterns"],
        &["--events"],
        &["--histogram"],
        &["--heatmap"],
        &["--folded"],
        &["--by=comm,phase,region,path,function,callchain", "-n1000"],
        &["info"],
        &["dump", "--rows"],
        &["verify"],
        &["diff", "harmless.pft"],
    ] {
        assert!(!lines(&report(trace, words).stdout, &format!("{words:?}")).is_empty());
    }
    for table in TABLES {
        lines(&report(trace, &["--table", table]).stdout, table);
    }
    assert!(!read_csv(&report(trace, &["--csv"]).stdout, "redacted").is_empty());
    let page = |trace: &OsStr| String::from_utf8(report(trace, &["--html=-"]).stdout).unwrap();
    let (evil, good) = (page(trace), page(OsStr::new("harmless.pft")));
    let (evil, good) = (html(&evil), html(&good));
    let more: Vec<&String> = evil.parts.difference(&good.parts).collect();
    assert_eq!((more, evil.scripts), (Vec::<&String>::new(), good.scripts));
}

#[test]
fn refusals_show_words_and_send_none() {
    let word = "\x1b[2J\u{202e}a\n=1\u{9b}\u{200b}  \\";
    let (existing, name) = out(b'3');
    fs::write(&existing, "precious").unwrap();
    let existing = existing.file_name().unwrap();
    for words in [
        &["redact", "-o=x", &format!("--keep={word}")][..],
        &["redact", "-o=x", "--hide=\u{1b}"],
        &["redact", "-o=x", &format!("--level={word}")],
        &["redact", "-o", &format!("no/{word}/x")],
        &["recover", "-o", &format!("no/{word}/x")],
        &["verify", &format!("--{word}")],
        &["verify", &format!("no {word}")],
        &["dump", &format!("--kind={word}")],
    ] {
        let output = run(hostile(), words);
        assert!(!matches!(output.status.code(), Some(0 | 3)), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
    for subcommand in ["redact", "recover"] {
        let mut command = program();
        let command = command.current_dir(scene().path("")).args([subcommand, "-o"]);
        let output = command.arg(existing).arg(hostile()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = lines(&output.stderr, subcommand);
        let shown = said[0].strip_prefix("error: ").unwrap().split_once(" exists").unwrap().0;
        assert_eq!(original(shown).as_ref(), Some(&name), "{subcommand}");
    }
}
