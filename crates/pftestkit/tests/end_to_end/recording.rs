//! Recording a workload and reading the report's fault table.

mod rows;
mod soundness;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use pftestkit::{Phase, Report, Workload};
use tempfile::TempDir;

use crate::content::Content;
pub use crate::recording::rows::{Record, Row, records, rows, rows_with};
pub use crate::recording::soundness::DAMAGED;

/// Whether the tests may record with all privileges.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self")
        .is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

/// A program of the workspace, beside the running test.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join(name);
    assert!(path.exists(), "{} is missing: cargo build --workspace", path.display());
    path
}

/// Who records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum User {
    /// Whoever runs the tests.
    Own,
    /// `nobody`; needs root.
    Nobody,
}

/// Tests that measure the recorder under load run alone.
static MACHINE: RwLock<()> = RwLock::new(());

thread_local! {
    /// A test that has a share and wants another waits for ever if somebody who wants to be alone comes between.
    static HAS_SHARE: Cell<bool> = const { Cell::new(false) };
}

/// The programs and a folder, fit for a user.
pub struct Lab {
    share: Share,
    pub dir: TempDir,
    user: User,
    pfrecord: PathBuf,
    workload: PathBuf,
}

#[expect(dead_code, reason = "held, not read")]
enum Share {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
    Borrowed,
}

impl Lab {
    /// The second lab of a test is under the share of the first.
    pub fn new(user: User) -> Self {
        if HAS_SHARE.replace(true) {
            return Self::alongside(user);
        }
        let share = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
        Self::with(user, Share::Shared(share))
    }

    /// A second lab of one test, under the share of the first.
    pub fn alongside(user: User) -> Self {
        Self::with(user, Share::Borrowed)
    }

    /// While this lab exists, there is no other.
    pub fn alone() -> Self {
        Self::alone_as(User::Own)
    }

    /// The same for a user.
    pub fn alone_as(user: User) -> Self {
        assert!(!HAS_SHARE.replace(true), "who has a lab already is not alone");
        let share = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        Self::with(user, Share::Alone(share))
    }

    fn with(user: User, share: Share) -> Self {
        let dir = TempDir::new().unwrap();
        let mut lab = Self {
            share,
            user,
            pfrecord: program("pfrecord"),
            workload: env!("CARGO_BIN_EXE_pf-workload").into(),
            dir,
        };
        if user == User::Nobody {
            // The checkout may lie where nobody may go. Another program copies: a file that this process
            // holds open for writing, and with it any child started meanwhile, cannot be executed.
            for program in [&mut lab.pfrecord, &mut lab.workload] {
                let copied = Command::new("cp").arg(&*program).arg(lab.dir.path()).status();
                assert!(copied.unwrap().success());
                *program = lab.dir.path().join(program.file_name().unwrap());
            }
            let all = std::fs::Permissions::from_mode(0o777);
            std::fs::set_permissions(lab.dir.path(), all).unwrap();
        }
        lab
    }

    pub fn workload(&self, mode: &str) -> Workload {
        Workload::new(&self.workload, mode)
    }

    pub fn trace(&self) -> PathBuf {
        self.dir.path().join("run.pft")
    }

    /// `pfrecord -o run.pft`, to be completed.
    pub fn pfrecord(&self) -> Command {
        self.as_user(&self.pfrecord, ["-o".as_ref(), self.trace().as_os_str()])
    }

    /// `pfrecord` without an output, to be completed.
    pub fn pfrecord_bare(&self) -> Command {
        self.as_user(&self.pfrecord, [""; 0])
    }

    fn as_user(
        &self,
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>,
    ) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir.path());
        if self.user == User::Nobody {
            command.uid(65534).gid(65534);
        }
        command
    }

    /// Records a workload from its first instruction; `None` when the workload cannot run here.
    pub fn launch(self, workload: &Workload) -> Option<Recording> {
        self.launch_with(&[], workload)
    }

    /// The same with options.
    pub fn launch_with(self, options: &[&str], workload: &Workload) -> Option<Recording> {
        let (status, recording) = self.launch_anyhow(options, workload);
        assert!(status.success(), "{}", recording.said);
        if let Some(reason) = &recording.report.skip {
            eprintln!("skipped: {reason}");
            return None;
        }
        Some(recording)
    }

    /// The same, however it ends.
    pub fn launch_anyhow(self, options: &[&str], workload: &Workload) -> (ExitStatus, Recording) {
        let mut command = self.pfrecord();
        let output = command.args(options).arg("--").args(workload.argv()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = Report::parse(&String::from_utf8_lossy(&output.stdout)).unwrap();
        let phases = vec![Phase::Setup, Phase::Run];
        (output.status, Recording { lab: self, report, said, phases })
    }

    /// Attaches to a workload that is set up; `None` when the workload cannot run here.
    pub fn attach(self, workload: &Workload) -> Option<Recording> {
        self.attach_with(&[], workload)
    }

    /// The same with options.
    pub fn attach_with(self, options: &[&str], workload: &Workload) -> Option<Recording> {
        // The workload runs as the same user: unprivileged, it may observe itself only.
        let workload = if self.user == User::Nobody {
            let argv: Vec<_> = workload.argv().map(ToOwned::to_owned).collect();
            Workload::new("setpriv", "--reuid=65534")
                .args(["--regid=65534", "--clear-groups"])
                .args(argv)
        } else {
            workload.clone()
        };
        let running = match workload.start().unwrap() {
            Ok(running) => running,
            Err(reason) => {
                eprintln!("skipped: {reason}");
                return None;
            }
        };
        let mut command = self.pfrecord();
        command.args(options).args(["-p", &running.pid().to_string()]);
        let mut recorder = Recorder::start(&mut command);
        let mut running = running;
        running.go().unwrap();
        let report = running.finish().unwrap();
        let (status, said) = recorder.finish();
        assert!(status.success(), "{said}");
        Some(Recording { lab: self, report, said, phases: vec![Phase::Run] })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !matches!(self.share, Share::Borrowed) {
            HAS_SHARE.set(false);
        }
        if !std::thread::panicking() {
            // Should this panic, what is dropped later may never be: others would wait for it.
            self.share = Share::Borrowed;
            soundness::assert_sound(self.dir.path());
        }
    }
}

/// A `pfrecord` that runs.
pub struct Recorder {
    pub child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Recorder {
    /// Starts it and returns when it records.
    pub fn start(command: &mut Command) -> Self {
        Self::started(command.stdout(Stdio::null()))
    }

    /// The same; standard output is where the command has it.
    pub fn started(command: &mut Command) -> Self {
        let mut recorder = Self::launched(command);
        recorder.wait_for(&["pfrecord: recording ", "pfrecord: counting "]);
        recorder
    }

    /// Starts it; it may never record.
    pub fn launched(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, said: String::new() }
    }

    /// Returns when it has said one of these.
    pub fn wait_for(&mut self, words: &[&str]) {
        while !words.iter().any(|word| self.said.contains(word)) {
            assert_ne!(self.stderr.read_line(&mut self.said).unwrap(), 0, "{}", self.said);
        }
    }

    pub fn finish(&mut self) -> (ExitStatus, String) {
        self.stderr.read_to_string(&mut self.said).unwrap();
        (self.child.wait().unwrap(), std::mem::take(&mut self.said))
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // After `finish` both are no-ops on a child that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nothing was lost, and that adds up.
pub const AGREED: &str = "0 lost, captured + lost = the kernel's count";

/// A trace and what its workload knows.
pub struct Recording {
    pub lab: Lab,
    pub report: Report,
    /// What `pfrecord` said.
    pub said: String,
    phases: Vec<Phase>,
}

/// A way to record a workload; `None` when it cannot run here.
pub type How = fn(Lab, &Workload) -> Option<Recording>;

/// Faults by `class/cause`.
pub type Kinds = BTreeMap<String, u64>;

/// The ranges of a workload: pid (0 for all processes together), start, end.
pub type Range = (u32, u64, u64);

impl Recording {
    /// A recording that several workloads were attached to while they were set up.
    pub fn of_running(lab: Lab, reports: impl IntoIterator<Item = Report>, said: String) -> Self {
        let expectations = reports.into_iter().flat_map(|report| report.expectations);
        let report = Report { expectations: expectations.collect(), ..Report::default() };
        Self { lab, report, said, phases: vec![Phase::Run] }
    }

    /// A recording from the first instruction on.
    pub fn of_launched(lab: Lab, report: Report, said: String) -> Self {
        Self { lab, report, said, phases: vec![Phase::Setup, Phase::Run] }
    }

    /// Its trace.
    pub fn content(&self) -> Content {
        Content::of(&pft::Trace::open(self.lab.trace()).unwrap())
    }

    /// Every fault.
    pub fn rows(&self) -> Vec<Row> {
        rows(&self.lab.trace())
    }

    /// The faults of one process in a range, in order of time.
    pub fn rows_in(&self, (pid, start, end): Range) -> Vec<Row> {
        let mut rows = self.rows();
        rows.retain(|row| (pid == 0 || row.pid == pid) && (start..end).contains(&row.addr));
        rows.sort_by_key(|row| row.time_ns);
        rows
    }

    /// The faults in the workload's ranges, by range.
    pub fn found(&self) -> BTreeMap<Range, Kinds> {
        let ranges: Vec<Range> = self.expected(|cause| cause.to_owned()).into_keys().collect();
        let mut found: BTreeMap<Range, Kinds> =
            ranges.iter().map(|&range| (range, Kinds::new())).collect();
        for row in self.rows() {
            for &range in &ranges {
                let (pid, start, end) = range;
                if (pid == 0 || pid == row.pid) && (start..end).contains(&row.addr) {
                    *found.entry(range).or_default().entry(row.kind.clone()).or_default() += 1;
                }
            }
        }
        found
    }

    /// What the workload made in each range, with `known` in place of each `class/cause`: what this
    /// kind of recording can know of it.
    pub fn expected(&self, known: impl Fn(&str) -> String) -> BTreeMap<Range, Kinds> {
        let mut expected: BTreeMap<Range, Kinds> = BTreeMap::new();
        for phase in &self.phases {
            for e in self.report.of_phase(*phase).filter(|e| e.count > 0) {
                let kind = known(&format!("{}/{}", e.class, e.cause));
                let kinds = expected.entry((e.pid, e.start, e.end)).or_default();
                *kinds.entry(kind).or_default() += e.count;
            }
        }
        expected
    }

    /// The text report.
    pub fn summary(&self) -> String {
        unwrapped(&pfreport(&self.lab.trace(), &[]).stdout)
    }
}

/// A text report with its paragraphs on one line, so that a phrase is found wherever it was wrapped.
pub fn unwrapped(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// The value behind `key=` at the end of a text report.
pub fn summary_value(summary: &str, key: &str) -> u64 {
    let (_, last) = summary.rsplit_once("Summary: ").expect(summary);
    assert!(last.split_whitespace().all(|word| word.contains('=')), "more follows: {summary}");
    let value = last.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    value.unwrap().parse().unwrap()
}

pub fn pfreport(trace: &Path, args: &[&str]) -> Output {
    Command::new(program("pfreport")).arg(trace).args(args).output().unwrap()
}
