//! Table `modules`.

use pft::record::{ModuleKind, ModuleState};
use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, SHARED_TRACE, column, origin};
use crate::load::Loaded;
use crate::names::code::build_id;
use crate::print::text::printable;

pub const COLUMNS: &[ColumnInfo] = &[
    SHARED_TRACE,
    column("module", Kind::U32, "", "never", "number of the module"),
    column("kind", Kind::Text, "", "never", "`elf`, `kernel`, `vdso` or `perf-map`"),
    column(
        "state",
        Kind::Text,
        "",
        "never",
        "how much the recorder found out: `read`, `not-opened` (gone, or not permitted), `replaced` (another \
         file lies at its path), `malformed` (no sound ELF file)",
    ),
    column("path", Kind::Text, "", "never", "path as recorded, or `[kernel]`, `[vdso]`"),
    column("build_id", Kind::Text, "", "none, unknown", "build id, hexadecimal"),
];

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let modules = &loaded.analysis.modules;
    let all = || modules.iter();
    Rows::new(COLUMNS, modules.len())
        .text(all().map(|_| origin::only(loaded)))
        .u32((0..).zip(all()).map(|(number, _)| Some(number)))
        .text(all().map(|module| Some(kind(module.kind).to_owned())))
        .text(all().map(|module| Some(state(module.state).to_owned())))
        .text(all().map(|module| Some(printable(&module.path))))
        .text(all().map(|module| build_id(&module.build_id)))
        .frame()
}

const fn kind(kind: ModuleKind) -> &'static str {
    match kind {
        ModuleKind::Elf => "elf",
        ModuleKind::Kernel => "kernel",
        ModuleKind::Vdso => "vdso",
        ModuleKind::PerfMap => "perf-map",
        _ => "other",
    }
}

const fn state(state: ModuleState) -> &'static str {
    match state {
        ModuleState::Read => "read",
        ModuleState::NotOpened => "not-opened",
        ModuleState::Replaced => "replaced",
        ModuleState::Malformed => "malformed",
        _ => "other",
    }
}
