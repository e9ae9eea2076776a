//! Programs in C that are compiled for a test.

use std::path::{Path, PathBuf};
use std::process::Command;

use pftestkit::{Expectation, Phase, Workload};

use crate::recording::{Lab, Record, Recording, records};

/// With frame pointers.
pub const FRAME_POINTERS: &[&str] = &["-O1", "-g", "-fno-omit-frame-pointer"];

/// Without.
pub const NO_FRAME_POINTERS: &[&str] = &["-O2", "-g", "-fomit-frame-pointer"];

/// The build id that programs get.
pub const BUILD_ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// A line of `programs/known.c` that ends with this mark, counted from 1.
pub fn line_of(mark: &str) -> u32 {
    let text = std::fs::read_to_string(source()).unwrap();
    let end = format!("/* <{mark}> */");
    (1..).zip(text.lines()).find(|(_, line)| line.ends_with(&end)).unwrap().0
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/known.c")
}

/// Compiles `programs/known.c` to `DIR/known`; `None` when there is no compiler.
pub fn compile(dir: &Path, options: &[&str]) -> Option<PathBuf> {
    let (linked, program) = (dir.join("linked"), dir.join("known"));
    let mut command = Command::new("cc");
    command.args(options).arg(format!("-Wl,--build-id=0x{BUILD_ID}")).arg("-o");
    let status = match command.arg(&linked).arg(source()).status() {
        Ok(status) => status,
        Err(error) => {
            eprintln!("skipped: no C compiler: {error}");
            return None;
        }
    };
    assert!(status.success(), "{command:?}");
    // The page cache holds a file in pieces as large as it was written, and a fault maps a whole piece:
    // written page by page, each page or window of the program has its own fault. Another program
    // writes, for a file that this process holds open for writing cannot be executed by its children.
    let mut copy = Command::new("dd");
    copy.args(["bs=4096", "status=none"]);
    copy.arg(format!("if={}", linked.display())).arg(format!("of={}", program.display()));
    assert!(copy.status().unwrap().success());
    let executable = Command::new("chmod").arg("755").arg(&program).status();
    assert!(executable.unwrap().success());
    std::fs::remove_file(linked).unwrap();
    Some(program)
}

/// Records `known` in a way, until the kernel served its faults as they were constructed.
pub fn record(
    new_lab: impl Fn() -> Lab,
    options: &[&str],
    how: impl Fn(Lab, &Workload) -> Option<Recording>,
) -> Option<Recording> {
    for _ in 0..5 {
        let lab = new_lab();
        let program = compile(lab.dir.path(), options)?;
        // Not in the folder of the test, which may be kept in memory only.
        let workload = Workload::new(program, "/var/tmp");
        let recording = how(lab, &workload)?;
        if as_constructed(&recording) {
            return Some(recording);
        }
        eprintln!("again, the kernel counted other faults: {:?}", recording.report.usage);
    }
    panic!("the kernel never served the faults as constructed");
}

fn as_constructed(recording: &Recording) -> bool {
    let sum = |class: &str| -> u64 {
        let of_run = recording.report.of_phase(Phase::Run);
        of_run.filter(|e| e.class == class).map(|e| e.count).sum()
    };
    let usage = recording.report.usage[0];
    (usage.minflt, usage.majflt) == (sum("minor"), sum("major"))
}

/// Expects no faults in kernel mode, which the unprivileged do not see.
pub fn without_kernel_mode(mut recording: Recording) -> Recording {
    let asked = &mut recording.report.expectations[5];
    recording.report.usage[0].minflt -= std::mem::take(&mut asked.count);
    recording
}

/// The ranges in which `known` makes faults, in the order in which it does.
pub struct Ranges<'a> {
    pub anon: &'a Expectation,
    pub data: &'a Expectation,
    pub bss: &'a Expectation,
    pub rodata: &'a Expectation,
    pub cold: &'a Expectation,
    pub asked: &'a Expectation,
    pub text: &'a Expectation,
}

impl<'a> Ranges<'a> {
    pub fn of(recording: &'a Recording) -> Self {
        let [anon, data, bss, rodata, cold, asked, text] = &recording.report.expectations[..]
        else {
            panic!("{:?}", recording.report)
        };
        Self { anon, data, bss, rodata, cold, asked, text }
    }

    /// Those whose faults are made by way of main, outer, middle, between, inner.
    pub fn of_the_path(&self) -> [&'a Expectation; 5] {
        [self.anon, self.data, self.bss, self.rodata, self.cold]
    }
}

/// The lines about faults of a range, which are as many as there should be.
pub fn of_range<'a>(all: &'a [Record], range: &Expectation) -> Vec<&'a Record> {
    let addr = |record: &Record| u64::from_str_radix(&record["addr"][2..], 16).unwrap();
    let here = |record: &&Record| {
        record["pid"] == range.pid.to_string() && (range.start..range.end).contains(&addr(record))
    };
    let found: Vec<&Record> = all.iter().filter(here).collect();
    assert_eq!(found.len() as u64, range.count, "{range:?}");
    found
}

/// Every fault of a recording.
pub fn faults(recording: &Recording) -> Vec<Record> {
    records(&recording.lab.trace(), &["--slow-threshold", "1h"])
}
