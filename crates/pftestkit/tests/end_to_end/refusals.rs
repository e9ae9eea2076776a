//! What cannot be done is said in one line, with the documented exit code, and leaves no file.

use std::process::{Command, Output, Stdio};

use crate::recording::{Lab, Recorder, User, is_root, pfreport, program};

/// One line of error, and this exit code.
pub fn refused(output: &Output, code: i32, reason: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("error: ") && said.contains(reason), "{said}");
}

#[test]
fn there_is_no_such_process() {
    let lab = Lab::new(User::Own);
    // Above the largest number that a pid may have.
    let output = lab.pfrecord().args(["-p", "4194305"]).output().unwrap();
    refused(&output, 2, "no process with PID 4194305");
    assert!(!lab.trace().exists());
}

/// Becomes its arguments with a seccomp filter that answers perf_event_open with EACCES, as container
/// runtimes do.
#[cfg(target_arch = "x86_64")]
pub const WITHOUT_PERF: &str = "
import ctypes, os, struct, sys
code = lambda op, yes, no, k: struct.pack('HBBI', op, yes, no, k)
perf_event_open, eacces = 298, 13
program = (code(0x20, 0, 0, 0) + code(0x15, 0, 1, perf_event_open)
           + code(0x06, 0, 0, 0x50000 | eacces) + code(0x06, 0, 0, 0x7fff0000))
buffer = ctypes.create_string_buffer(program)
fprog = struct.pack('HxxxxxxP', 4, ctypes.addressof(buffer))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, fprog) == 0
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
#[cfg(target_arch = "x86_64")]
fn capture_is_not_permitted() {
    let lab = Lab::new(User::Own);
    let pfrecord = program("pfrecord");
    let mut command = Command::new("python3");
    command.args(["-c", WITHOUT_PERF]).arg(pfrecord).arg("-o").arg(lab.trace());
    let output = command.args(["--", "true"]).output().unwrap();
    refused(&output, 2, "seccomp");
    assert!(!lab.trace().exists());
}

#[test]
fn a_thread_is_no_process() {
    let lab = Lab::new(User::Own);
    let own = std::process::id();
    let (output, tid) = std::thread::scope(|scope| {
        let attempt = scope.spawn(|| {
            let link = std::fs::read_link("/proc/thread-self").unwrap();
            let tid = link.file_name().unwrap().to_str().unwrap().to_owned();
            (lab.pfrecord().args(["-p", &tid]).output().unwrap(), tid)
        });
        attempt.join().unwrap()
    });
    refused(&output, 2, &format!("{tid} is a thread of process {own}"));
}

#[test]
fn a_device_is_never_replaced() {
    let lab = Lab::new(User::Own);
    let pipe = lab.dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = Command::new(program("pfrecord"));
    let output = command.args(["-f", "-o"]).arg(&pipe).args(["--", "true"]).output().unwrap();
    refused(&output, 2, "is no regular file");
    assert!(!std::fs::metadata(&pipe).unwrap().is_file());
}

#[test]
fn the_trace_exists() {
    let lab = Lab::new(User::Own);
    std::fs::write(lab.trace(), "precious").unwrap();
    let output = lab.pfrecord().args(["--", "true"]).output().unwrap();
    refused(&output, 2, "-f");
    assert_eq!(std::fs::read(lab.trace()).unwrap(), b"precious");
    let output = lab.pfrecord().args(["-q", "-f", "--", "true"]).output().unwrap();
    assert!(output.status.success());
    assert!(pfreport(&lab.trace(), &[]).status.success());
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(lab.trace()).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_command_is_not_started_for_nothing() {
    let lab = Lab::new(User::Own);
    let (trace, touched) = (lab.dir.path().join("no/run.pft"), lab.dir.path().join("touched"));
    let mut command = Command::new(program("pfrecord"));
    command.arg("-o").arg(&trace).args(["--", "touch"]).arg(&touched);
    refused(&command.output().unwrap(), 2, "No such file or directory");
    let mut command = Command::new(program("pfrecord"));
    command.args(["--live", "--live-out"]).arg(&trace).args(["--", "touch"]).arg(&touched);
    refused(&command.output().unwrap(), 2, "No such file or directory");
    assert!(!touched.exists());
}

#[test]
fn the_command_cannot_be_started() {
    let lab = Lab::new(User::Own);
    let output = lab.pfrecord().args(["--", "/no/such/program"]).output().unwrap();
    refused(&output, 127, "cannot start /no/such/program: No such file or directory");
    let output = lab.pfrecord().args(["--", "/etc/passwd"]).output().unwrap();
    refused(&output, 126, "cannot start /etc/passwd: Permission denied");
    assert!(!lab.trace().exists());
}

#[test]
fn the_recorders_own_limit_is_named() {
    let lab = Lab::new(User::Own);
    // Too few for the pipes to the command, and for what comes before or after them.
    for limit in [6, 8, 10, 12, 16] {
        let pfrecord = lab.pfrecord();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")]);
        command.arg(pfrecord.get_program()).args(pfrecord.get_args()).args(["--", "true"]);
        let output = command.output().unwrap();
        refused(&output, 2, &format!("all {limit} that the limit allows are open"));
        assert!(!lab.trace().exists());
    }
}

#[test]
fn the_exit_status_is_passed_on_when_asked() {
    let lab = Lab::new(User::Own);
    let run = |args: &[&str]| {
        lab.pfrecord().args(["-q", "-f"]).args(args).output().unwrap().status.code()
    };
    assert_eq!(run(&["--", "sh", "-c", "exit 7"]), Some(0));
    assert_eq!(run(&["--exit-status", "--", "sh", "-c", "exit 7"]), Some(7));
    assert_eq!(run(&["--exit-status", "--", "sh", "-c", "kill -9 $$"]), Some(137));
}

#[test]
fn another_users_process_is_not_observable() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let lab = Lab::new(User::Nobody);
    let own = std::process::id().to_string();
    let output = lab.pfrecord().args(["-p", &own]).output().unwrap();
    refused(&output, 2, "cannot observe process");
    let setcap = "; to observe others, run as root, or: sudo setcap cap_perfmon";
    refused(&output, 2, setcap);
    assert!(!lab.trace().exists());
}

#[test]
fn signals_and_duration_end_a_recording_in_order() {
    let lab = Lab::new(User::Own);
    for signal in ["INT", "TERM"] {
        let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
        let mut recorder =
            Recorder::start(lab.pfrecord().args(["-f", "-p"]).arg(sleeper.id().to_string()));
        recorder.signal(signal);
        let (status, said) = recorder.finish();
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        assert!(status.success(), "{said}");
        assert!(said.contains("stopped by a signal"), "{said}");
        assert!(pfreport(&lab.trace(), &[]).status.success());
    }
    let output = lab.pfrecord().args(["-f", "-d", "200ms", "--", "sleep", "60"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("the duration is over"), "{said}");
}

#[test]
fn the_file_is_no_trace() {
    let lab = Lab::new(User::Own);
    let file = lab.dir.path().join("notes.txt");
    std::fs::write(&file, "not a trace at all, but long enough to hold the header of one.......")
        .unwrap();
    refused(&pfreport(&file, &[]), 1, "not a pft trace");
    refused(&pfreport(&lab.dir.path().join("absent.pft"), &[]), 2, "No such file");
    let usage = Command::new(program("pfrecord")).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}
