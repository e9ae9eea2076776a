//! Starting a workload from a test.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::{EXIT_SKIPPED, Error, Report};

/// A mode of `pf-workload` with its options.
#[derive(Debug, Clone)]
pub struct Workload {
    program: PathBuf,
    args: Vec<OsString>,
}

impl Workload {
    /// `program MODE`; in tests `program` is `env!("CARGO_BIN_EXE_pf-workload")`.
    pub fn new(program: impl Into<PathBuf>, mode: &str) -> Self {
        Self { program: program.into(), args: vec![mode.into()] }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Program and arguments, to be appended to the command line of a recorder whose standard output
    /// then goes to [`Report::parse`].
    pub fn argv(&self) -> impl Iterator<Item = &OsStr> {
        std::iter::once(self.program.as_os_str()).chain(self.args.iter().map(OsString::as_os_str))
    }

    /// Runs it to its end. A skipped mode is a report with a reason in `skip`.
    ///
    /// # Errors
    ///
    /// When it cannot be started, fails, or prints lines that cannot be read.
    pub fn run(&self) -> Result<Report, Error> {
        let output = Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|source| self.start_error(source))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() && output.status.code() != Some(EXIT_SKIPPED) {
            return Err(Error::Failed { status: output.status, output: text });
        }
        Report::parse(&text)
    }

    /// Starts it with `--wait` and returns when it is ready, or `Err` with its reason when it skips.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or ends before it is ready.
    pub fn start(&self) -> Result<Result<Running, String>, Error> {
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .arg("--wait")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| self.start_error(source))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        let mut running = Running { child, stdin, stdout, output: String::new() };
        match running.read_until("ready") {
            Ok(()) => Ok(Ok(running)),
            Err(error) => match Report::parse(&running.output)?.skip {
                Some(reason) => Ok(Err(reason)),
                None => Err(error),
            },
        }
    }

    fn start_error(&self, source: std::io::Error) -> Error {
        Error::Start { program: self.program.clone(), source }
    }
}

/// A workload that was started with `--wait`. Killed when dropped before [`Running::finish`].
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    output: String,
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it make its faults and returns when all are made: it then waits for [`Running::finish`],
    /// its ranges still mapped.
    ///
    /// # Errors
    ///
    /// When it ends early.
    pub fn go(&mut self) -> Result<(), Error> {
        self.send_line()?;
        self.read_until("done")
    }

    /// Lets it make its faults and does not wait for it.
    ///
    /// # Errors
    ///
    /// When it ended already.
    pub fn send_go(&mut self) -> Result<(), Error> {
        self.send_line()
    }

    /// Lets it end and returns all it printed.
    ///
    /// # Errors
    ///
    /// When it fails, or prints lines that cannot be read.
    pub fn finish(mut self) -> Result<Report, Error> {
        // The end of its standard input answers every wait.
        drop(self.stdin.take());
        if let Some(stdout) = &mut self.stdout {
            stdout.read_to_string(&mut self.output)?;
        }
        let status = self.child.wait()?;
        if !status.success() {
            return Err(Error::Failed { status, output: std::mem::take(&mut self.output) });
        }
        Report::parse(&self.output)
    }

    fn send_line(&mut self) -> Result<(), Error> {
        if let Some(stdin) = &mut self.stdin {
            stdin.write_all(b"\n")?;
        }
        Ok(())
    }

    fn read_until(&mut self, word: &'static str) -> Result<(), Error> {
        let Some(stdout) = &mut self.stdout else {
            return Err(Error::Ended { expected: word, output: String::new() });
        };
        loop {
            let from = self.output.len();
            if stdout.read_line(&mut self.output)? == 0 {
                return Err(Error::Ended { expected: word, output: self.output.clone() });
            }
            let line = self.output.get(from..).unwrap_or_default();
            if line.split([' ', '\n']).next() == Some(word) {
                return Ok(());
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `finish` both are no-ops on a child that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
