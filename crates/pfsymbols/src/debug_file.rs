//! Separate debug files, by build id and by debug link.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::ElfFile;

/// Where distributions install separate debug files.
pub const DEBUG_FOLDERS: &[&str] = &["/usr/lib/debug"];

/// The file that a distribution ships beside a stripped one, with its symbols and debug information.
#[derive(Debug)]
pub struct DebugFile {
    /// Where it was found.
    pub path: PathBuf,
    /// Its headers: same addresses as the stripped file, code and data without bytes.
    pub elf: ElfFile,
}

impl DebugFile {
    /// Looks for the debug file of `elf`: `FOLDER/.build-id/xx/yyyy.debug`, then the file that
    /// `.gnu_debuglink` names, next to `path`, in its folder `.debug` and at `FOLDER/path/…`.
    ///
    /// Only a file with the same build id is taken, or with the checksum of the link where one of the two
    /// has no build id. `path` is where the file lies on this machine; without it links lead nowhere.
    pub fn find(elf: &ElfFile, path: Option<&Path>, folders: &[impl AsRef<Path>]) -> Option<Self> {
        Self::by_build_id(elf, folders).or_else(|| Self::by_link(elf, path?, folders))
    }

    fn by_build_id(elf: &ElfFile, folders: &[impl AsRef<Path>]) -> Option<Self> {
        let (first, rest) = elf.build_id()?.split_first()?;
        let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!(".build-id/{first:02x}/{rest}.debug");
        folders.iter().find_map(|folder| {
            let path = folder.as_ref().join(&name);
            let (_, debug) = open(&path)?;
            (debug.build_id() == elf.build_id()).then_some(Self { path, elf: debug })
        })
    }

    fn by_link(elf: &ElfFile, path: &Path, folders: &[impl AsRef<Path>]) -> Option<Self> {
        let link = elf.read_section("debug link", elf.raw_section(".gnu_debuglink")?).ok()?;
        let end = link.iter().position(|&byte| byte == 0)?;
        let name = link.get(..end).filter(|name| !name.is_empty() && !name.contains(&b'/'))?;
        let checksum = link.get((end + 4) & !3..)?.first_chunk::<4>()?;
        let checksum = match elf.endian {
            object::Endianness::Little => u32::from_le_bytes(*checksum),
            object::Endianness::Big => u32::from_be_bytes(*checksum),
        };
        let name = OsStr::from_bytes(name);
        let folder = path.parent()?;
        let below = folder.strip_prefix("/").unwrap_or(folder);
        let near = [folder.join(name), folder.join(".debug").join(name)];
        let far = folders.iter().map(|root| root.as_ref().join(below).join(name));
        near.into_iter().chain(far).filter(|candidate| candidate != path).find_map(|path| {
            let (file, debug) = open(&path)?;
            let same = match (elf.build_id(), debug.build_id()) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => crc32(file)? == checksum,
            };
            same.then_some(Self { path, elf: debug })
        })
    }
}

fn open(path: &Path) -> Option<(File, ElfFile)> {
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let file = File::open(path).ok()?;
    let elf = ElfFile::open(&file).ok()?;
    Some((file, elf))
}

fn crc32(mut file: File) -> Option<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).ok()?;
        if read == 0 {
            return Some(hasher.finalize());
        }
        hasher.update(buffer.get(..read)?);
    }
}
