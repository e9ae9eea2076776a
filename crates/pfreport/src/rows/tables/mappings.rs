//! Table `mappings`.

use pfmodel::table::{Mapping, NONE};
use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, TRACE, column, origin};
use crate::load::Loaded;
use crate::names::code::build_id;
use crate::print::text::printable;
use crate::rows::faults::{device, file_offset, file_path, has_file, perms};

pub const COLUMNS: &[ColumnInfo] = &[
    TRACE,
    column(
        "mapping",
        Kind::U32,
        "",
        "never",
        "number of the mapping, by discovery, as in `faults`",
    ),
    column("proc", Kind::U32, "", "never", "number of its process, as in `faults`"),
    column("pid", Kind::U32, "", "unknown", "process id"),
    column("start", Kind::Address, "", "never", "first address"),
    column("end", Kind::Address, "", "never", "first address behind the range"),
    column("size_bytes", Kind::U64, "bytes", "never", "`end` less `start`"),
    column("perms", Kind::Text, "", "never", "as in `/proc/PID/maps`: `rw-p`"),
    column(
        "region",
        Kind::Text,
        "",
        "never",
        "name of the mapping as a whole: base name of a file, `[heap]`, `[stack]`, `[anon]`, …; `faults` may \
         name a part of it",
    ),
    column("region_kind", Kind::Text, "", "never", "see [Regions](faults.md#regions)"),
    column("path", Kind::Text, "", "no file", "file"),
    column("file_offset", Kind::U64, "bytes", "no file", "offset of `start` in the file"),
    column("dev", Kind::Text, "", "no file", "device of the file, as in `faults`"),
    column("inode", Kind::U64, "", "no file", "inode of the file"),
    column("module", Kind::U32, "", "no module", "key into table `modules`"),
    column("build_id", Kind::Text, "", "no file, unknown", "build id of the file, hexadecimal"),
    column("valid_from_ns", Kind::U64, "ns", "never", "known since, since the start of the trace"),
    column(
        "valid_to_ns",
        Kind::U64,
        "ns",
        "never",
        "replaced, unmapped or gone; else the end of the trace",
    ),
    column(
        "confirmed_ns",
        Kind::U64,
        "ns",
        "never",
        "last moment at which evidence showed it in place",
    ),
    column(
        "seen_from_start",
        Kind::Bool,
        "",
        "never",
        "the trace saw it being made, rather than finding it in a snapshot",
    ),
];

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let analysis = &loaded.analysis;
    let all = || analysis.mappings.iter();
    let pid = |proc: u32| analysis.processes.get(proc as usize).map(|process| process.pid);
    let time = |mapping: &Mapping, ns| Some(origin::time(loaded, mapping.valid_from_ns, ns));
    let module = |mapping: &Mapping| {
        analysis.modules.get(Some(mapping.module).filter(|&module| module != NONE)? as usize)
    };
    Rows::new(COLUMNS, analysis.mappings.len())
        .text(all().map(|mapping| origin::trace(loaded, mapping.valid_from_ns)))
        .u32((0..).zip(all()).map(|(number, _)| Some(number)))
        .u32(all().map(|mapping| Some(mapping.proc)))
        .u32(all().map(|mapping| pid(mapping.proc)))
        .u64(all().map(|mapping| Some(mapping.start)))
        .u64(all().map(|mapping| Some(mapping.end)))
        .u64(all().map(|mapping| Some(mapping.end.saturating_sub(mapping.start))))
        .text(all().map(|mapping| Some(perms(mapping))))
        .text(all().map(|mapping| Some(printable(&mapping.region))))
        .text(all().map(|mapping| Some(mapping.kind.as_str().to_owned())))
        .text(all().map(file_path))
        .u64(all().map(|mapping| file_offset(mapping, mapping.start)))
        .text(all().map(device))
        .u64(all().map(|mapping| has_file(mapping).then_some(mapping.inode)))
        .u32(all().map(|mapping| module(mapping).map(|_| mapping.module)))
        .text(all().map(|mapping| build_id(&module(mapping)?.build_id)))
        .u64(all().map(|mapping| time(mapping, mapping.valid_from_ns)))
        .u64(all().map(|mapping| time(mapping, mapping.valid_to_ns)))
        .u64(all().map(|mapping| time(mapping, mapping.confirmed_ns)))
        .bool(all().map(|mapping| mapping.seen_from_start))
        .frame()
}
