//! Separate debug files, by build id and by debug link.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

use crate::ElfFile;

/// Where distributions install separate debug files.
pub const DEBUG_FOLDERS: &[&str] = &["/usr/lib/debug"];

/// A candidate of more bytes is not summed up: whoever made the link may have made it as large as he likes.
const MAX_SUMMED_BYTES: u64 = 4 << 30;

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
    ///
    /// A link is a name in those folders and no path, so it leads nowhere else.
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
    // Opening a pipe would wait for its writer, opening a device do something: looked at first, then opened, with
    // no chance to put something else in its place.
    let found = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mode = rustix::fs::fstat(&found).ok()?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::RegularFile {
        return None;
    }
    let file = File::open(format!("/proc/self/fd/{}", found.as_raw_fd())).ok()?;
    let elf = ElfFile::open(&file).ok()?;
    Some((file, elf))
}

fn crc32(mut file: File) -> Option<u32> {
    if file.metadata().ok()?.len() > MAX_SUMMED_BYTES {
        return None;
    }
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
