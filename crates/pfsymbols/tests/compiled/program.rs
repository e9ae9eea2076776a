//! Compiles the programs of `tests/programs`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use pfsymbols::ElfFile;
use tempfile::TempDir;

pub struct Program {
    pub folder: TempDir,
    pub path: PathBuf,
}

impl Program {
    /// Compiles `tests/programs/NAME.c`.
    pub fn compile(name: &str, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        let mut cc = Command::new("cc");
        cc.arg(source(name)).arg("-o").arg(&path).arg("-Wl,--build-id=sha1").args(arguments);
        assert!(cc.status().unwrap().success());
        Self { folder, path }
    }

    pub fn elf(&self) -> ElfFile {
        open(&self.path)
    }

    /// Splits the program into itself, stripped, and a debug file, which is returned.
    pub fn split(&self) -> PathBuf {
        let debug = self.folder.path().join("split.debug");
        run(Command::new("objcopy").arg("--only-keep-debug").arg(&self.path).arg(&debug));
        run(Command::new("strip").arg("--strip-all").arg(&self.path));
        debug
    }

    /// The address of a symbol of any kind, as `nm` prints it.
    pub fn address(&self, symbol: &str) -> u64 {
        let output = Command::new("nm").arg(&self.path).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let line = output.lines().find(|line| line.split(' ').nth(2) == Some(symbol)).unwrap();
        u64::from_str_radix(&line[..16], 16).unwrap()
    }
}

pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/programs/{name}.c"))
}

/// The line of the program on which `text` stands for the first time.
pub fn line_of(name: &str, text: &str) -> u32 {
    let source = std::fs::read_to_string(source(name)).unwrap();
    u32::try_from(source.lines().position(|line| line.contains(text)).unwrap() + 1).unwrap()
}

pub fn open(path: &Path) -> ElfFile {
    ElfFile::open(&File::open(path).unwrap()).unwrap()
}

pub fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
