//! For people.

use pft::keys::fact;

use super::content::Content;
use crate::outputs::summary::screen::Screen;
use crate::print::cell::Cell;
use crate::print::layout::Layout;
use crate::print::text::shorten;
use crate::print::units::{bytes, count, counted, duration, moment, utc};

/// Marks and places of damage that are listed.
const LISTED: usize = 20;

/// Longest command line that is shown at the top.
const COMMAND_CHARACTERS: usize = 200;

/// All of it, as text.
pub fn render(content: &Content, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    screen.heading(&content.name);
    for damage in content.damage.iter().take(LISTED) {
        screen.labelled("DAMAGED", damage);
    }
    more(&mut screen, content.damage.len(), "more place");
    if !content.ended() {
        screen.labelled("INCOMPLETE", "the recording did not end in order");
    }
    for note in &content.notes {
        screen.labelled("note", note);
    }
    heading(&mut screen, content);
    frames(&mut screen, content);
    values(&mut screen, "Labels", content.labels.iter(), layout);
    if !content.marks.is_empty() {
        screen.heading("Marks");
        let rows = content.marks.iter().take(LISTED);
        let rows = rows.map(|mark| [moment(mark.time_ns), mark.name.clone()]);
        pairs(&mut screen, rows.collect(), layout);
        more(&mut screen, content.marks.len(), "more mark");
    }
    values(&mut screen, "Facts", content.facts.iter(), layout);
    if let Some(checkpoint) = &content.checkpoint {
        let time = moment(checkpoint.time_ns.saturating_sub(content.header.start_ns));
        let which = if checkpoint.end { "the end" } else { "the last checkpoint that is there" };
        screen.heading(&format!("Ledger at {time}, {which}"));
        let ledger = content.ledger();
        let width = ledger.values().map(|&value| count(value).len()).max().unwrap_or(0);
        let rows = ledger.into_iter();
        let rows = rows.map(|(key, value)| [key, format!("{:>width$}", count(value))]);
        pairs(&mut screen, rows.collect(), layout);
    }
    screen.into_text()
}

fn heading(screen: &mut Screen, content: &Content) {
    let (major, minor) = content.version;
    let page = bytes(content.header.page_size_bytes.into());
    let size = bytes(content.file_bytes);
    screen.labelled("format", &format!("pft {major}.{minor}, {size}, pages of {page}"));
    screen.labelled("trace", &content.uuid());
    let start = match content.facts.get(fact::REDACTED_LEVEL) {
        Some(level) => format!("at a time that was removed (redacted: {level})"),
        None if content.facts.get(fact::CAPTURE_WALL_CLOCK).is_some_and(|known| known == "no") => {
            "at an unknown time".to_owned()
        }
        None => utc(content.header.start_realtime_ns),
    };
    screen.labelled("recorded", &format!("{start} for {}", duration(content.duration_ns)));
    for (label, key) in [("command", fact::TARGET_COMMAND), ("processes", fact::TARGET_PIDS)] {
        if let Some(value) = content.facts.get(key).filter(|value| !value.is_empty()) {
            screen.labelled(label, &shorten(value, COMMAND_CHARACTERS));
        }
    }
}

fn frames(screen: &mut Screen, content: &Content) {
    screen.heading("Frames");
    let total: u64 = content.frames.iter().map(|kind| kind.stored_bytes).sum();
    let rows = content.frames.iter().map(|kind| {
        let time = |time: fn((u64, u64)) -> u64| {
            kind.times_ns.map_or(Cell::Unknown, |times| Cell::Name(seconds(time(times))))
        };
        vec![
            Cell::Name(kind.kind.to_string()),
            Cell::Count(kind.frames),
            Cell::Count(kind.rows),
            Cell::Bytes(kind.stored_bytes),
            Cell::Share(kind.stored_bytes, total),
            Cell::Bytes(kind.raw_bytes),
            time(|times| times.0),
            time(|times| times.1),
        ]
    });
    let header = ["kind", "frames", "rows", "stored", "share", "raw", "from/s", "to/s"];
    screen.table(&header, 1, rows.collect());
}

/// `12.034567`.
fn seconds(ns: u64) -> String {
    format!("{}.{:06}", count(ns / 1_000_000_000), ns / 1_000 % 1_000_000)
}

fn values<'a>(
    screen: &mut Screen,
    heading: &str,
    values: impl ExactSizeIterator<Item = (&'a String, &'a String)>,
    layout: Layout,
) {
    if values.len() > 0 {
        screen.heading(heading);
        let rows = values.map(|(key, value)| [key.clone(), value.clone()]);
        pairs(screen, rows.collect(), layout);
    }
}

/// Two columns; on a terminal values are shortened to fit.
fn pairs(screen: &mut Screen, rows: Vec<[String; 2]>, layout: Layout) {
    const LEAST: usize = 20;
    let width = rows.iter().map(|[key, _]| key.chars().count()).max().unwrap_or(0);
    for [key, value] in rows {
        let room = layout.table_width.map(|columns| columns.saturating_sub(width + 4).max(LEAST));
        let value = room.map_or_else(|| value.clone(), |room| shorten(&value, room));
        screen.verbatim(format!("  {key:<width$}  {value}").trim_end());
        screen.verbatim("\n");
    }
}

fn more(screen: &mut Screen, found: usize, what: &str) {
    if let Some(more) = found.checked_sub(LISTED).filter(|&more| more > 0) {
        screen.labelled("", &format!("and {}", counted(more as u64, what)));
    }
}
