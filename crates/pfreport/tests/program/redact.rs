//! `pfreport redact`: what it says, what it writes, and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use pft::record::Fact;

use crate::scene::{Scene, assert_harmless, text, trace_bytes};

fn scene() -> Scene {
    Scene::of(&trace_bytes(3, true, 0, |writer| {
        let fact = |key: &str, value: &str| Fact { key: key.to_owned(), value: value.to_owned() };
        let facts = [
            fact("machine.hostname", "buildhost"),
            fact("target.command", "/srv/secretplace/tool --fast /usr/bin/env"),
            fact("vm.thp_enabled", "madvise"),
        ];
        writer.host(&facts).unwrap();
    }))
}

#[test]
fn it_says_what_it_did_and_writes_for_the_owner_alone() {
    let scene = scene();
    let output = scene.run(&["redact", "run.pft", "-o", "share.pft"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_harmless(&output.stdout);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines[0], "share.pft");
    assert_eq!(
        lines[1],
        "redacted: level symbols; words replaced: 1 of users and hosts, 3 of files, 4 of arguments"
    );
    assert_eq!(lines[2], "addresses: 3 stretches of memory, 1 where it was");
    assert!(lines[3].starts_with("checked: 10 strings in "), "{}", lines[3]);
    assert!(lines[3].ends_with(", none remains"), "{}", lines[3]);
    let file = fs::metadata(scene.path("share.pft")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);

    let report = scene.run(&["share.pft"]);
    let said = text(&report.stdout);
    assert!(said.contains("at a time that was removed (redacted: symbols)"), "{said}");
    assert!(!said.contains("secretplace") && !said.contains("buildhost"), "{said}");
    let info = scene.run(&["info", "share.pft"]);
    assert!(text(&info.stdout).contains("at a time that was removed (redacted: symbols)"));
}

#[test]
fn a_dry_run_lists_what_would_stay_and_writes_nothing() {
    let scene = scene();
    let output = scene.run(&["redact", "run.pft", "--dry-run", "-o", "share.pft"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_harmless(&output.stdout);
    let said = text(&output.stdout);
    for line in [
        "        1  fact               madvise\n",
        "        1  fact               /srv/…/… --… /usr/bin/env\n",
        "        2  mapping or module  [heap]\n",
        "redacted: level symbols; ",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("secretplace") && !said.contains("checked"), "{said}");
    assert!(!scene.path("share.pft").exists());
    assert_eq!(fs::read_dir(scene.path("")).unwrap().count(), 1);
}

#[test]
fn it_refuses_what_cannot_be_done() {
    let scene = scene();
    let bytes = fs::read(&scene.trace).unwrap();
    fs::write(scene.path("cut.pft"), &bytes[..bytes.len() - 1]).unwrap();
    fs::write(scene.path("there.pft"), "precious").unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["cut.pft", "-o", "share.pft"],
            1,
            "error: cannot redact cut.pft: the trace is damaged: the index at the end is missing: the \
             recording was not closed, or the file was cut; make it whole first: pfreport recover cut.pft \
             -o WHOLE.pft\n",
        ),
        (
            &["run.pft", "-o", "share.pft", "--hide", "heap"],
            1,
            "error: cannot redact run.pft: `heap` would still be in the output (mapping or module in \
             Snapshot frame 1 `[heap]`), where reports go by it; nothing was written; hide a longer word\n",
        ),
        (&["run.pft", "-o", "there.pft"], 2, "error: there.pft exists; use -f to replace it\n"),
        (
            &["run.pft", "-f", "-o", "run.pft"],
            2,
            "error: run.pft is the trace being read; name another file for the output\n",
        ),
    ];
    for (words, code, message) in cases {
        let output = scene.run(&[&["redact"], *words].concat());
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(*code), *message));
        assert!(!scene.path("share.pft").exists());
    }
    assert_eq!(fs::read(scene.path("there.pft")).unwrap(), b"precious");
    for words in [
        &["redact", "run.pft"][..],
        &["redact", "run.pft", "-o", "x.pft", "--level", "none"],
        &["redact", "run.pft", "-o", "x.pft", "--hide", "ab"],
        &["redact", "run.pft", "-o", "x.pft", "--keep", "opt"],
    ] {
        assert_eq!(scene.run(words).status.code(), Some(2), "{words:?}");
    }
    // Nothing half written is left.
    assert_eq!(fs::read_dir(scene.path("")).unwrap().count(), 3);
}

#[test]
fn what_is_of_no_known_meaning_is_left_out_and_said() {
    let scene = Scene::of(&trace_bytes(3, true, 0, |writer| {
        let fact = Fact { key: "novel\x1b.fact".to_owned(), value: "x".to_owned() };
        writer.host(&[fact]).unwrap();
    }));
    let output = scene.run(&["redact", "run.pft", "-o", "share.pft"]);
    assert_eq!(output.status.code(), Some(3));
    assert_harmless(&output.stderr);
    let said = text(&output.stderr);
    assert_eq!(said, "left out: facts of unknown meaning: novel\\x1b.fact\n");
    let quiet = scene.run(&["redact", "run.pft", "-q", "-o", "quiet.pft"]);
    assert_eq!((quiet.status.code(), text(&quiet.stderr)), (Some(3), ""));
}
