//! Memory of many kinds, by who made it.

use std::fs::{self, File};
use std::ops::Range;
use std::path::PathBuf;

use anyhow::Context;
use pftestkit::{Phase, Place};

use crate::cli::Args;
use crate::modes::file::window_pages;
use crate::modes::processes::succeeded;
use crate::session::{FILE_CACHED, FIRST_TOUCH, Kind, Session, Skip, expectation, measure};
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping, memfd, page_size};
use crate::sys::process::fork;
use crate::sys::special::{Vdso, without_huge_pages};
use crate::workfile::WorkFile;

/// First touch of shared memory.
const SHMEM: Kind = ("minor", "shmem");

/// What is touched, and what should be said of it.
struct Region<M> {
    mapping: M,
    /// Pages from one touch to the next.
    stride: usize,
    fault: Kind,
    kind: &'static str,
    label: String,
    path: PathBuf,
}

impl<M: std::ops::Deref<Target = Mapping>> Region<M> {
    fn new(mapping: M, fault: Kind, kind: &'static str, label: &str, path: &str) -> Self {
        Self { mapping, stride: 1, fault, kind, label: label.to_owned(), path: path.into() }
    }

    fn touches(&self) -> usize {
        self.mapping.pages() / self.stride
    }

    fn touch(&self) {
        let pages = (0..self.touches()).map(|touch| touch * self.stride);
        if self.stride == 1 {
            pages.for_each(|page| self.mapping.write(page));
        } else {
            pages.for_each(|page| self.mapping.read(page));
        }
    }

    fn tell(&self, session: &mut Session) {
        let range = self.mapping.range();
        session.expect(&range, self.fault, self.touches());
        session.place(&range, self.kind, &self.label, &self.path);
    }
}

pub fn regions(args: &Args, mut session: Session) -> anyhow::Result<()> {
    without_huge_pages();
    let (pages, window) = (args.pages_or(24), window_pages());
    let map = |backing: Backing<'_>| Mapping::new(pages, backing).map(Box::new);
    let zero = File::options().read(true).write(true).open("/dev/zero")?;
    let memory = memfd((pages * page_size()) as u64)?;
    let mut deleted = WorkFile::with_suffix(args, pages * window, ".deleted")?;
    let shm = ShmFile::new(pages)?;
    let heap = Region::new(Mapping::of_heap(pages)?, FIRST_TOUCH, "heap", "[heap]", "");

    let plain = map(Backing::Anonymous)?;
    let mut regions = vec![
        Region::new(plain, FIRST_TOUCH, "anon", "[anon]", ""),
        Region::new(map(Backing::PrivateFile(&zero))?, FIRST_TOUCH, "anon", "[anon]", "/dev/zero"),
        Region::new(
            map(Backing::SharedFile(&zero))?,
            SHMEM,
            "shmem",
            "[shmem]",
            "/dev/zero (deleted)",
        ),
        Region::new(
            map(Backing::SharedAnonymous)?,
            SHMEM,
            "shmem",
            "[shmem]",
            "/dev/zero (deleted)",
        ),
        Region::new(
            map(Backing::SharedFile(&memory))?,
            SHMEM,
            "shmem",
            "memfd:pf-workload",
            "/memfd:pf-workload (deleted)",
        ),
        Region::new(
            Box::new(Mapping::of_sysv(pages)?),
            SHMEM,
            "shmem",
            "SYSV00000000 (deleted)",
            "/SYSV00000000 (deleted)",
        ),
        Region::new(map(Backing::SharedFile(&shm.file))?, SHMEM, "shmem", &shm.name(), shm.text()),
    ];
    let named = map(Backing::Anonymous)?;
    // Not every kernel has names for anonymous memory.
    if named.set_name(c"pf-pool").is_ok() {
        let label = "[anon:pf-pool]";
        regions.push(Region::new(named, FIRST_TOUCH, "anon", label, ""));
    }
    deleted.make_warm()?;
    fs::remove_file(deleted.path())?;
    let path = format!("{} (deleted)", deleted.path().display());
    let label = path.rsplit('/').next().unwrap_or_default();
    let of_deleted = Box::new(Mapping::new(pages * window, Backing::ReadOnlyFile(deleted.file()))?);
    let of_deleted = Region::new(of_deleted, FILE_CACHED, "file", label, &path);
    regions.push(Region { stride: window, ..of_deleted });

    session.ready()?;
    let ((), measured) = measure(Who::Process, || {
        heap.touch();
        regions.iter().for_each(Region::touch);
    });
    heap.tell(&mut session);
    regions.iter().for_each(|region| region.tell(&mut session));
    session.usage(session.pid(), measured);
    session.finish()
}

/// A file in `/dev/shm`. Deleted when dropped.
struct ShmFile {
    path: PathBuf,
    file: File,
}

impl ShmFile {
    fn new(pages: usize) -> anyhow::Result<Self> {
        let path = PathBuf::from(format!("/dev/shm/pf-workload-{}", std::process::id()));
        let open = File::options().read(true).write(true).create_new(true).open(&path);
        let file = open.map_err(|error| Skip(format!("{}: {error}", path.display())))?;
        file.set_len((pages * page_size()) as u64)?;
        Ok(Self { path, file })
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn text(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }
}

impl Drop for ShmFile {
    fn drop(&mut self) {
        // A file that cannot be deleted stays; there is nobody to tell.
        let _ = fs::remove_file(&self.path);
    }
}

/// Fork does not copy the page table of the kernel's image: a child faults on each page of it once.
pub fn vdso(_args: &Args, mut session: Session) -> anyhow::Result<()> {
    let Some(vdso) = Vdso::find()? else {
        return Err(Skip("this machine has no vdso".to_owned()).into());
    };
    session.ready()?;
    let child = fork(|| {
        vdso.read();
        0
    })
    .context("fork")?;
    let (pid, range): (u32, Range<u64>) = (child.pid, vdso.range());
    succeeded(child)?;
    let count = vdso.pages() as u64;
    session.push(expectation(pid, Phase::Run, &range, ("minor", "unknown"), count));
    session.push(Place {
        pid,
        start: range.start,
        end: range.end,
        kind: "vdso".to_owned(),
        label: "[vdso]".to_owned(),
        path: PathBuf::new(),
    });
    session.finish()
}
