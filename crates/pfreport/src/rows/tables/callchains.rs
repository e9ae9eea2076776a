//! Table `callchains`.

use pfmodel::table::{Analysis, Function, Location};
use polars::prelude::{DataFrame, PolarsResult};

use super::rows::Rows;
use super::{ColumnInfo, Kind, SHARED_TRACE, column, origin};
use crate::load::Loaded;
use crate::names::chains::Texts;
use crate::print::text::printable;

pub const COLUMNS: &[ColumnInfo] = &[
    SHARED_TRACE,
    column("callchain", Kind::U32, "", "never", "number of the chain, as in `faults`"),
    column(
        "depth",
        Kind::U32,
        "",
        "never",
        "position of the function, 0 = innermost; functions that are inlined count",
    ),
    column("mode", Kind::Text, "", "never", "`user` or `kernel`"),
    column("module", Kind::Text, "", "no mapping", "what holds the code, as in `faults`"),
    column("function", Kind::Text, "", "unknown", "function, demangled"),
    column(
        "source",
        Kind::Text,
        "",
        "unknown",
        "its source as `file:line`; `file` where the line is unknown",
    ),
    column("inlined", Kind::Bool, "", "never", "inlined into the function of the next row"),
    column(
        "cut",
        Kind::Bool,
        "",
        "never",
        "the chain may go on behind its last row: the same in all rows of a chain",
    ),
];

/// A row.
struct Caller<'a> {
    chain: u32,
    depth: u32,
    in_kernel: bool,
    location: Option<&'a Location>,
    function: Option<&'a Function>,
    inlined: bool,
    cut: bool,
}

pub fn frame(loaded: &Loaded) -> PolarsResult<DataFrame> {
    let callers = callers(&loaded.analysis);
    let all = || callers.iter();
    let text = |bytes: &[u8]| (!bytes.is_empty()).then(|| printable(bytes));
    Rows::new(COLUMNS, callers.len())
        .text(all().map(|_| origin::only(loaded)))
        .u32(all().map(|caller| Some(caller.chain)))
        .u32(all().map(|caller| Some(caller.depth)))
        .text(all().map(|caller| Some(if caller.in_kernel { "kernel" } else { "user" }.to_owned())))
        .text(all().map(|caller| text(&caller.location?.module_label)))
        .text(all().map(|caller| text(&caller.function?.name)))
        .text(all().map(|caller| {
            let function = caller.function?;
            let file = text(&function.file)?;
            Some(if function.line == 0 { file } else { format!("{file}:{}", function.line) })
        }))
        .bool(all().map(|caller| caller.inlined))
        .bool(all().map(|caller| caller.cut))
        .frame()
}

/// The functions of all chains that tables refer to: of those that read alike the first.
fn callers(analysis: &Analysis) -> Vec<Caller<'_>> {
    let texts = Texts::of(analysis);
    let mut callers = Vec::new();
    for (number, chain) in (0..).zip(&analysis.call_chains) {
        if texts.number(number) != Some(number) {
            continue;
        }
        let mut depth = 0;
        let kernel = chain.kernel.iter().map(|&location| (location, true));
        for (location, in_kernel) in kernel.chain(chain.user.iter().map(|&place| (place, false))) {
            let location = analysis.locations.get(location as usize);
            let functions = location.map_or(&[][..], |location| &location.functions);
            for i in 0..functions.len().max(1) {
                let inlined = i + 1 < functions.len();
                let function = functions.get(i);
                let cut = chain.cut;
                callers.push(Caller {
                    chain: number,
                    depth,
                    in_kernel,
                    location,
                    function,
                    inlined,
                    cut,
                });
                depth += 1;
            }
        }
    }
    callers
}
