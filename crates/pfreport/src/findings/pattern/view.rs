//! The patterns as a table, for people and for programs.

use pfmodel::table::Process;
use polars::prelude::{Column, DataFrame, IntoColumn as _, NamedFrom as _, Series};

use super::{Pattern, patterns};
use crate::error::Error;
use crate::findings::place::{Place, Places};
use crate::load::Loaded;
use crate::outputs::summary::screen::Screen;
use crate::print::layout::Layout;
use crate::print::table::{known, layout};
use crate::print::units::{bytes, count, counted, duration, percent};

/// A line of the table: a place and its pattern.
type Line<'a> = (&'a Place, &'a Process, Pattern);

/// The patterns as `schemas/patterns.md` has them, a row for each place that faulted.
///
/// # Errors
/// [`Error::Table`] should Polars refuse a column.
pub fn table(loaded: &Loaded, top: Option<usize>) -> Result<DataFrame, Error> {
    let places = Places::of(&loaded.analysis);
    let lines = lines(loaded, &places, top.unwrap_or(usize::MAX));
    let page_bytes = u64::from(loaded.header.page_size_bytes.max(1));
    let mut columns: Vec<Column> = Vec::new();
    let mut text = |name: &str, value: fn(&Line<'_>) -> Option<String>| {
        let values: Vec<Option<String>> = lines.iter().map(value).collect();
        columns.push(Series::new(name.into(), values).into_column());
    };
    text("region", |(place, ..)| Some(place.region.clone()));
    text("region_kind", |(place, ..)| Some(place.kind.as_str().to_owned()));
    text("path", |(place, ..)| place.path.clone());
    text("first_touch", |(.., pattern)| pattern.first_touch.map(|order| order.as_str().to_owned()));
    let mut number = |name: &str, value: &dyn Fn(&Line<'_>) -> Option<u64>| {
        let values: Vec<Option<u64>> = lines.iter().map(value).collect();
        columns.push(Series::new(name.into(), values).into_column());
    };
    number("proc", &|(place, ..)| Some(place.proc.into()));
    number("pid", &|(_, process, _)| Some(process.pid.into()));
    number("addr", &|(place, ..)| Some(place.start).filter(|_| place.file.is_none()));
    number("mapped_pages", &|(place, ..)| Some(place.mapped_bytes.div_ceil(page_bytes)));
    number("faults", &|(.., pattern)| Some(pattern.faults));
    number("major", &|(.., pattern)| Some(pattern.major));
    number("stall_ns", &|(.., pattern)| pattern.stall_ns);
    number("pages", &|(.., pattern)| Some(pattern.pages));
    number("touched_bytes", &|(.., pattern)| Some(pattern.touched_bytes));
    number("steps", &|(.., pattern)| Some(pattern.steps.all));
    number("runs", &|(.., pattern)| Some(pattern.runs));
    number("longest_run", &|(.., pattern)| Some(pattern.longest_run));
    number("touched_50_ns", &|(.., pattern)| pattern.grown_ns.first().copied());
    number("touched_90_ns", &|(.., pattern)| pattern.grown_ns.get(1).copied());
    number("touched_100_ns", &|(.., pattern)| pattern.grown_ns.get(2).copied());
    number("refaults", &|(.., pattern)| Some(pattern.refaults));
    number("refault_after_ns", &|(.., pattern)| pattern.refault_after_ns);
    let strides = lines.iter().map(|(.., pattern)| pattern.stride.map(|(pages, _)| pages));
    let strides: Vec<Option<i64>> = strides.collect();
    columns.push(Series::new("stride_pages".into(), strides).into_column());
    let mut share = |name: &str, value: &dyn Fn(&Line<'_>) -> (u64, u64)| {
        let values = lines.iter().map(value).map(|(part, all)| ratio(part, all));
        let values: Vec<Option<f64>> = values.collect();
        columns.push(Series::new(name.into(), values).into_column());
    };
    share("faults_per_page", &|(place, _, pattern)| {
        (pattern.faults, place.mapped_bytes.div_ceil(page_bytes))
    });
    share("next_page_share", &|(.., pattern)| (pattern.steps.next_page, pattern.steps.all));
    share("ahead_share", &|(.., pattern)| (pattern.steps.ahead, pattern.steps.all));
    share("stride_share", &|(.., pattern)| match pattern.stride {
        Some((_, times)) => (times, pattern.steps.all),
        None => (0, 0),
    });
    share("mean_run", &|(.., pattern)| (pattern.faults, pattern.runs));
    share("huge_share", &|(.., pattern)| (pattern.huge_bytes, pattern.installed_bytes));
    share("medium_share", &|(.., pattern)| (pattern.medium_bytes, pattern.installed_bytes));
    let frame = DataFrame::new(lines.len(), columns)?;
    Ok(frame.select(COLUMNS)?)
}

/// The columns in the order of the table.
pub const COLUMNS: [&str; 29] = [
    "proc",
    "pid",
    "region",
    "region_kind",
    "path",
    "addr",
    "mapped_pages",
    "faults",
    "major",
    "stall_ns",
    "faults_per_page",
    "pages",
    "touched_bytes",
    "steps",
    "next_page_share",
    "ahead_share",
    "stride_pages",
    "stride_share",
    "runs",
    "mean_run",
    "longest_run",
    "first_touch",
    "touched_50_ns",
    "touched_90_ns",
    "touched_100_ns",
    "refaults",
    "refault_after_ns",
    "huge_share",
    "medium_share",
];

/// A column for people: its head, what it means unless that is plain, and the cell of a line.
type Shown<'a> = (&'a str, &'a str, Box<dyn Fn(&Line<'_>) -> String + 'a>);

/// Columns of names.
const NAMES: usize = 4;

/// The costliest `top` patterns for people, in lines of `width` columns where long names can give way.
/// Columns that tell nothing of any of them are left out.
#[must_use]
pub fn render(loaded: &Loaded, top: usize, width: Option<usize>) -> String {
    let places = Places::of(&loaded.analysis);
    let all = lines(loaded, &places, usize::MAX);
    let shown = all.get(..top).unwrap_or(&all);
    let page_bytes = u64::from(loaded.header.page_size_bytes.max(1));
    let columns: [Shown<'_>; 17] = [
        ("pid", "", Box::new(|(_, process, _)| process.pid.to_string())),
        ("region", "", Box::new(|(place, ..)| place.region.clone())),
        ("kind", "", Box::new(|(place, ..)| place.kind.as_str().to_owned())),
        (
            "order",
            "order: of first touches",
            Box::new(|(.., p)| p.first_touch.map_or("-", |order| order.as_str()).to_owned()),
        ),
        ("faults", "", Box::new(|(.., p)| count(p.faults))),
        ("major", "", Box::new(|(.., p)| count(p.major))),
        ("stall", "", Box::new(|(.., p)| known(p.stall_ns, duration))),
        ("touched", "", Box::new(|(.., p)| bytes(p.touched_bytes))),
        (
            "/page",
            "/page: faults for each page mapped",
            Box::new(move |(place, _, p)| mean(p.faults, place.mapped_bytes.div_ceil(page_bytes))),
        ),
        (
            "next",
            "next: steps of a thread to the next page",
            Box::new(|(.., p)| share(p.steps.next_page, p.steps.all)),
        ),
        (
            "ahead",
            "ahead: steps forward by at most 2 MiB",
            Box::new(|(.., p)| share(p.steps.ahead, p.steps.all)),
        ),
        (
            "stride",
            "stride: the most frequent step, in pages",
            Box::new(|(.., p)| {
                p.stride.map_or_else(|| "-".to_owned(), |(pages, _)| format!("{pages:+}"))
            }),
        ),
        (
            "run",
            "run: faults on page after page (mean)",
            Box::new(|(.., p)| mean(p.faults, p.runs)),
        ),
        (
            "90% by",
            "90% by: when 90 % of what was touched had been touched",
            Box::new(|(.., p)| p.grown_ns.get(1).copied().map_or_else(|| "-".to_owned(), duration)),
        ),
        ("again", "again: re-faults", Box::new(|(.., p)| count(p.refaults))),
        (
            "after",
            "after: time between (median)",
            Box::new(|(.., p)| known(p.refault_after_ns, duration)),
        ),
        (
            "huge",
            "huge: share of bytes in pages of 2 MiB and more",
            Box::new(|(.., p)| share(p.huge_bytes, p.installed_bytes)),
        ),
    ];
    let optional = ["major", "again", "after", "huge"];
    let tells = |(head, _, cell): &&Shown<'_>| {
        !optional.contains(head)
            || shown.iter().any(|line| !["-", "0", "0 %"].contains(&cell(line).as_str()))
    };
    let columns: Vec<&Shown<'_>> = columns.iter().filter(tells).collect();
    let header: Vec<&str> = columns.iter().map(|column| column.0).collect();
    let rows = shown.iter().map(|line| columns.iter().map(|(.., cell)| cell(line)).collect());
    let mut text = layout(&header, NAMES, rows.collect(), width);
    let rest = all.len() - shown.len();
    if rest > 0 {
        let rest = counted(rest as u64, "more mapping");
        text.push_str(&format!("  and {rest} (-n N shows more)\n"));
    }
    let legend: Vec<&str> =
        columns.iter().map(|column| column.1).filter(|meaning| !meaning.is_empty()).collect();
    let mut notes =
        Screen::new(Layout { width: width.unwrap_or(Layout::PIPED.width), ..Layout::PIPED });
    notes.paragraph(&legend.join("; "));
    let in_places: u64 = all.iter().map(|(.., pattern)| pattern.faults).sum();
    let apart = (loaded.analysis.faults.len() as u64).saturating_sub(in_places);
    if apart > 0 {
        let apart = counted(apart, "fault");
        notes.paragraph(&format!(
            "not in the table: {apart} that failed or whose mapping is unknown"
        ));
    }
    text + &notes.into_text()
}

fn lines<'a>(loaded: &'a Loaded, places: &'a Places, top: usize) -> Vec<Line<'a>> {
    let line = |(place, pattern): (usize, Pattern)| {
        let place = places.all.get(place)?;
        Some((place, loaded.analysis.processes.get(place.proc as usize)?, pattern))
    };
    patterns(loaded, places).into_iter().filter_map(line).take(top).collect()
}

fn ratio(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

fn share(part: u64, all: u64) -> String {
    if all == 0 { "-".to_owned() } else { percent(part, all) }
}

/// A mean with a digit or two behind the point.
fn mean(part: u64, all: u64) -> String {
    match ratio(part, all) {
        None => "-".to_owned(),
        Some(mean) if mean > 0.0 && mean < 0.01 => "<0.01".to_owned(),
        Some(mean) if mean < 10.0 => format!("{mean:.2}"),
        Some(mean) => count(mean.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};

    use super::{COLUMNS, render, table};
    use crate::load::Loaded;
    use crate::made_up::{self, HEAP, MODEL, Row};
    use crate::outputs::export::{self, Format};

    fn server() -> Loaded {
        let mut loaded = made_up::empty();
        for i in 0..40_u64 {
            let time = i * 1_000_000;
            let heap = Row { time, addr: 0x100_0000 + i * 4_096, mapping: HEAP, ..Row::default() };
            made_up::push(&mut loaded.analysis, heap);
            let (class, cause) = (Class::Major, Cause::FileRead);
            let addr = 0x7f00_0000_0000 + i * 7_919 % 60_000 * 4_096;
            let latency = Some(100_000);
            let model = Row { time, latency, class, cause, addr, mapping: MODEL, ..heap };
            made_up::push(&mut loaded.analysis, model);
        }
        let failed = Row { class: Class::Failed, latency: None, ..Row::default() };
        made_up::push(&mut loaded.analysis, failed);
        loaded
    }

    #[test]
    fn every_column_has_its_value() {
        let csv = export::in_memory(Format::Csv, &table(&server(), None).unwrap());
        let csv = String::from_utf8(csv).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0], COLUMNS.join(","));
        assert_eq!(
            lines[1..],
            [
                "0,4242,model.gguf,file,/srv/models/model.gguf,,65536,40,40,4000000,\
                 0.0006103515625,40,163840,39,0.0,0.0,7919,0.8717948717948718,40,1.0,1,scattered,\
                 19000000,35000000,39000000,0,,0.0,0.0",
                "0,4242,[heap],heap,,0x1000000,4096,40,0,40000,0.009765625,40,163840,39,1.0,1.0,1,\
                 1.0,1,40.0,40,ascending,19000000,35000000,39000000,0,,0.0,0.0"
            ]
        );
        assert_eq!(table(&server(), Some(1)).unwrap().height(), 1);
        assert_eq!(table(&made_up::empty(), None).unwrap().width(), COLUMNS.len());
    }

    #[test]
    fn people_get_the_same() {
        let text = render(&server(), 1, None);
        let expected = "  pid   region      kind  order      faults  major  stall  touched  /page  next  ahead  \
             stride   run  90% by\n  \
             4242  model.gguf  file  scattered      40     40    4ms   160KiB  <0.01    0%     0%   \
             +7919  1.00    35ms\n  \
             and 1 more mapping (-n N shows more)\n  \
             order: of first touches; /page: faults for each page mapped; next: steps of a thread to the next\n  \
             page; ahead: steps forward by at most 2 MiB; stride: the most frequent step, in pages; run: faults\n  \
             on page after page (mean); 90% by: when 90 % of what was touched had been touched\n  \
             not in the table: 1 fault that failed or whose mapping is unknown\n";
        assert_eq!(text, expected);
        let small = render(&server(), 2, Some(100));
        assert!(small.lines().all(|line| line.chars().count() <= 110), "{small}");
    }
}
