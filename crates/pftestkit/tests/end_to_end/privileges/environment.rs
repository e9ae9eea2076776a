//! The environment leads a recorder with capabilities nowhere, and its command has all of it.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use super::paths::{Inside, for_root_only};
use super::{RECOMMENDED, lent};

/// Variables that lead programs to files, or the loader to code.
const HOSTILE: [&str; 9] = [
    "HOME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "DEBUGINFOD_CACHE_PATH",
    "LD_LIBRARY_PATH",
    "LOCPATH",
    "TZDIR",
    "NLSPATH",
];

#[test]
fn the_command_has_the_environment_of_its_user_and_the_recorder_follows_none_of_it() {
    let Some(lab) = lent(RECOMMENDED) else { return };
    let trap = lab.dir.path().join("trap");
    std::fs::create_dir(&trap).unwrap();
    std::os::unix::fs::chown(&trap, Some(65_534), Some(65_534)).unwrap();
    let mut command = lab.pfrecord();
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("DEBUGINFOD_URLS", "http://127.0.0.1:1/").env("LANG", "../../../../trap");
    command.env("RUST_BACKTRACE", "full").env("LD_DEBUG", "libs");
    command.env("LD_DEBUG_OUTPUT", trap.join("loaded"));
    for name in HOSTILE {
        command.env(name, &trap);
    }
    let output = command.args(["-g", "--", "env", "-0"]).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found: BTreeSet<&[u8]> = output.stdout.split(|&byte| byte == 0).collect();
    for name in HOSTILE {
        let wanted = format!("{name}={}", trap.display());
        assert!(found.contains(wanted.as_bytes()), "{wanted} is missing: {said}");
    }
    assert!(found.contains(&b"LANG=../../../../trap"[..]));
    // Nobody but the loader of the command wrote there: one file, named by its process.
    let written: Vec<_> =
        std::fs::read_dir(&trap).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(written.len(), 1, "{written:?}");
    let trace = pft::Trace::open(lab.trace()).unwrap();
    let pid = crate::content::Content::of(&trace).pids.into_iter().next().unwrap();
    assert_eq!(written[0], format!("loaded.{pid}").as_str());
}

#[test]
fn code_that_is_to_be_preloaded_is_for_the_command_alone() {
    let Some(lab) = lent(RECOMMENDED) else { return };
    let mut command = lab.pfrecord();
    command.env("LD_PRELOAD", "/no/such/library.so").args(["-q", "--", "true"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // The loader of the command complains, that of the recorder has nothing to load.
    assert_eq!(said.matches("/no/such/library.so").count(), 1, "{said}");
}

#[test]
fn the_command_is_looked_for_with_the_rights_of_its_user() {
    let Some(lab) = lent(RECOMMENDED) else { return };
    // A process of root in a folder that only root may enter, with a program that anybody may run.
    let hidden = lab.dir.path().join("hidden");
    std::fs::create_dir_all(hidden.join("bin")).unwrap();
    let program = hidden.join("bin/tool");
    assert!(Command::new("cp").arg("/bin/true").arg(&program).status().unwrap().success());
    for_root_only(&hidden);
    let inside = Inside::of(&hidden.join("bin"));
    let by_path = lab.pfrecord().arg("--").arg(inside.cwd().join("tool")).output().unwrap();
    let by_name = lab.pfrecord().env("PATH", inside.cwd()).args(["--", "tool"]).output().unwrap();
    for output in [by_path, by_name] {
        crate::refusals::refused(&output, 126, "Permission denied");
    }
    assert!(!lab.trace().exists());
}
