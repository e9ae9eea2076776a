//! One run of a command, and what it took.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use wait4::Wait4 as _;

/// What a run took.
#[derive(Debug)]
pub struct Run {
    /// From start to end.
    pub wall: Duration,
    /// User and system time, of children that were waited for too.
    pub cpu: Duration,
    /// The most memory that the process, or one of those children, held.
    pub max_rss_bytes: u64,
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A command that runs, with its output going to files.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub child: Child,
    name: String,
    began: Instant,
    outputs: [PathBuf; 2],
}

impl Running {
    /// Waits until it has written a text to standard error.
    pub fn wait_to_say(&mut self, text: &str) -> anyhow::Result<()> {
        let [_, stderr] = &self.outputs;
        while !std::fs::read_to_string(stderr)?.contains(text) {
            ensure!(
                self.child.try_wait()?.is_none(),
                "{} ended: {}",
                self.name,
                std::fs::read_to_string(stderr)?
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Starts a command; its output goes to files in `folder`, named `name`.
    pub fn start(command: &mut Command, folder: &Path, name: &str) -> anyhow::Result<Self> {
        let outputs = ["out", "err"].map(|end| folder.join(format!("{name}.{end}")));
        let [stdout, stderr] = &outputs;
        command.stdout(File::create(stdout)?).stderr(File::create(stderr)?);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        Ok(Self { child, name: format!("{command:?}"), began, outputs })
    }

    /// Waits for its end.
    pub fn wait_for_end(self) -> anyhow::Result<Run> {
        let used = self.child.wait4()?;
        let wall = self.began.elapsed();
        let text =
            |path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let [stdout, stderr] = self.outputs.map(text);
        Ok(Run {
            wall,
            cpu: used.rusage.utime + used.rusage.stime,
            max_rss_bytes: used.rusage.maxrss,
            status: used.status,
            stdout: stdout?,
            stderr: stderr?,
        })
    }

    /// Waits for its end; fails if it does.
    pub fn wait(self) -> anyhow::Result<Run> {
        let name = self.name.clone();
        let run = self.wait_for_end()?;
        ensure!(run.status.success(), "{name}: {}: {}", run.status, run.stderr.trim_end());
        Ok(run)
    }
}

/// The same with standard output going nowhere, where as much would be written as a disk takes seconds for.
pub fn run_unheard(command: &mut Command) -> anyhow::Result<Run> {
    let name = format!("{command:?}");
    let began = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let used = child.wait4()?;
    // 3: what is reported on lacks records.
    ensure!(matches!(used.status.code(), Some(0 | 3)), "{name}: {}", used.status);
    Ok(Run {
        wall: began.elapsed(),
        cpu: used.rusage.utime + used.rusage.stime,
        max_rss_bytes: used.rusage.maxrss,
        status: used.status,
        stdout: String::new(),
        stderr: String::new(),
    })
}

/// Runs a command to its end; fails if it does.
pub fn run(command: &mut Command, folder: &Path) -> anyhow::Result<Run> {
    Running::start(command.stdin(Stdio::null()), folder, "run")?.wait()
}
