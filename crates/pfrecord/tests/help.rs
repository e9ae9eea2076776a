//! Help and version: what they say, they say, or fail.

use std::fs::OpenOptions;
use std::process::Command;

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    let full = "error: cannot write to standard output: No space left on device (os error 28)\n";
    for words in [&["--help"][..], &["-h"], &["--version"], &["mark", "--help"], &["man"]] {
        let run = |out: std::process::Stdio| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pfrecord"));
            let output = command.args(words).stdout(out).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let device = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(run(device.into()), (Some(1), full.to_owned()), "{words:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(writer.into()), (Some(0), String::new()), "{words:?}");
    }
}
