//! Small programs in Python that are told line by line what to do.

use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// One that runs.
pub struct Python {
    pub child: Child,
    pub pid: u32,
    pub input: ChildStdin,
    pub lines: Lines<BufReader<ChildStdout>>,
}

/// Starts `script` with an argument and returns when it has printed `greeting`.
pub fn start(script: &str, argument: &str, greeting: &str) -> Python {
    start_as(None, script, argument, greeting)
}

/// The same as a user, from the machine's own Python, which everybody may run.
pub fn start_as(uid: Option<u32>, script: &str, argument: &str, greeting: &str) -> Python {
    let mut command = Command::new(if uid.is_some() { "/usr/bin/python3" } else { "python3" });
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    let mut child = command
        .args(["-c", script, argument])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (pid, input) = (child.id(), child.stdin.take().unwrap());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), greeting);
    Python { child, pid, input, lines }
}
