//! Completions and manual pages of both programs, installed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::recording::program;

const FILES: [&str; 14] = [
    "bash-completion/completions/pfrecord",
    "bash-completion/completions/pfreport",
    "fish/vendor_completions.d/pfrecord.fish",
    "fish/vendor_completions.d/pfreport.fish",
    "man/man1/pfrecord-completions.1",
    "man/man1/pfrecord-man.1",
    "man/man1/pfrecord-mark.1",
    "man/man1/pfrecord.1",
    "man/man1/pfreport-completions.1",
    "man/man1/pfreport-dump.1",
    "man/man1/pfreport-info.1",
    "man/man1/pfreport.1",
    "zsh/site-functions/_pfrecord",
    "zsh/site-functions/_pfreport",
];

/// Runs the script with `/usr` below a folder as the prefix.
fn install(root: &Path, more: &[&str]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/install-completions");
    let bin = program("pfreport");
    let mut command = Command::new(script);
    command.args(["--prefix", "/usr", "--bin"]).arg(bin.parent().unwrap()).args(more);
    command.env("DESTDIR", root).output().unwrap()
}

/// Every file below a folder with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(
                    path.strip_prefix(folder).unwrap().into(),
                    std::fs::read(path).unwrap(),
                );
            }
        }
    }
    found
}

#[test]
fn completions_and_pages_are_installed_again_and_removed() {
    let root = TempDir::new().unwrap();
    let share = root.path().join("usr/share");
    let output = install(root.path(), &[]);
    assert!(output.status.success(), "{output:?}");
    let first = files(&share);
    for file in FILES {
        assert!(first.contains_key(Path::new(file)), "{file}");
    }
    assert!(install(root.path(), &[]).status.success());
    assert_eq!(files(&share), first);
    let other = share.join("man/man1/other.1");
    std::fs::write(&other, "").unwrap();
    assert!(install(root.path(), &["--uninstall"]).status.success());
    assert_eq!(files(&share).into_keys().collect::<Vec<_>>(), [Path::new("man/man1/other.1")]);

    assert_eq!(install(root.path(), &["--bogus"]).status.code(), Some(2));
    let nowhere = install(root.path(), &["--bin", "/nonexistent"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert_eq!(files(&share).len(), 1);
}

#[test]
fn pages_are_sound() {
    let root = TempDir::new().unwrap();
    assert!(install(root.path(), &[]).status.success());
    let pages = root.path().join("usr/share/man/man1");
    for page in std::fs::read_dir(pages).unwrap() {
        let path = page.unwrap().path();
        let mut groff = Command::new("groff");
        groff.args(["-man", "-Tutf8", "-ww", "-z", "-rLL=100n"]).arg(&path);
        match groff.stdin(Stdio::null()).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success() && said.is_empty(), "{}: {said}", path.display());
            }
            Err(_) => return eprintln!("skipped: no groff"),
        }
    }
}

#[test]
fn bash_completes_what_is_installed() {
    let root = TempDir::new().unwrap();
    assert!(install(root.path(), &[]).status.success());
    let completed = |program: &str, words: &[&str]| {
        let script = root.path().join("usr/share/bash-completion/completions").join(program);
        let harness = format!(
            "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _{program} {program} \
             \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &harness]).arg(script).args(words).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert!(completed("pfreport", &["pfreport", "--pa"]).lines().any(|word| word == "--patterns"));
    assert_eq!(completed("pfrecord", &["pfrecord", "--flig"]), "--flight-recorder\n");
    assert!(completed("pfrecord", &["pfrecord", "ma"]).lines().any(|word| word == "mark"));
}
