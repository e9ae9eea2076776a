//! The page, from top to bottom.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde::Serialize;
use serde_json::Value;

use super::parts::{labelled, section};
use super::policy::{SCRIPTS, STYLE, policy};
use super::table::{NAME_CHARACTERS, table};
use super::timeline::Timeline;
use crate::error::Error;
use crate::findings::advice::Advice;
use crate::load::Loaded;
use crate::outputs::json::Summary;
use crate::outputs::picture::{self, Picture, Theme};
use crate::outputs::summary::diagnosis::Diagnosis;
use crate::outputs::summary::screen::Part;
use crate::outputs::summary::{Sections, Style, figures_and_findings, last_line, next};
use crate::print::cell::Cell;
use crate::print::layout::Layout;
use crate::print::text::shorten_path;
use crate::print::units::count;

/// What the page holds for programs, the timeline's script among them.
#[derive(Debug, Serialize)]
struct Document {
    summary: Value,
    timeline: Timeline,
}

/// The page. Its lists have at most `top` entries, that of functions half as many.
///
/// # Errors
/// [`Error::Table`]; [`Error::Picture`].
pub fn page(loaded: &Loaded, top: usize) -> Result<String, Error> {
    let style = Style { top, layout: Layout::PIPED };
    let (counted, findings) = figures_and_findings(loaded);
    let counted = counted?;
    let (summary, diagnosis) = rayon::join(
        || Summary::with(loaded, &counted, top),
        || findings.and_then(|findings| Diagnosis::of(findings, &counted.cells)),
    );
    let sections = Sections::with(loaded, &counted, diagnosis, style);
    let document = document(loaded, &summary).map_err(|error| Error::Output(error.into()))?;

    let mut heading = sections.heading.into_parts();
    let title = match heading.first() {
        Some(Part::Heading(title)) => title.clone(),
        _ => loaded.name.clone(),
    };
    heading.extend(sections.oom.into_parts());
    // Of several traces it has a table.
    let is_beside = |part: &&Part| !matches!(part, Part::Heading(_) | Part::Labelled(..));
    let beside: Vec<Part> = heading.iter().filter(is_beside).cloned().collect();
    let tables: Vec<(&str, Vec<Part>)> = Sections::TABLES
        .into_iter()
        .zip(sections.tables.into_iter().map(|screen| screen.into_parts()))
        .collect();
    let exactness = sections.exactness.into_parts();
    let has_faults = !loaded.analysis.faults.is_empty();
    let mut next = next::commands(loaded, &counted.counts);
    // This is that page.
    next.retain(|(command, _)| !command.ends_with(next::PAGE));
    let has_next = !next.is_empty() && !loaded.is_stdin();
    // Of several traces a table says how complete each is.
    let details = if exactness.is_empty() { "traces" } else { "exactness" };
    let with_rows = tables.iter().filter(|(_, parts)| !parts.is_empty()).map(|(id, _)| (*id, true));
    let sections_there: Vec<&str> = [
        ("traces", !beside.is_empty()),
        ("exactness", !exactness.is_empty()),
        ("diagnosis", sections.diagnosis.is_some()),
        ("timeline", true),
    ]
    .into_iter()
    .chain(with_rows)
    .chain([("pictures", true), ("next", has_next)])
    .filter_map(|(id, is_there)| is_there.then_some(id))
    .collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(summary.generator);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    (verdict(loaded, details))
                    (labelled(&heading))
                    (section("traces", &beside))
                    @if has_faults {
                        (figures(&summary))
                        (contents(&sections_there))
                    }
                }
                main {
                    @if !exactness.is_empty() {
                        section #exactness {
                            h2 { "How exact this is" }
                            (labelled(&exactness))
                        }
                    }
                    @if let Some(diagnosis) = &sections.diagnosis {
                        (explained(diagnosis))
                    }
                    @if let Some(why) = &sections.nothing {
                        section #nothing { h2 { "Nothing to show" } p { (why) } }
                    }
                    @if has_faults { (timeline()) }
                    @for (id, parts) in &tables { (section(id, parts)) }
                    @if has_faults { (pictures(loaded)?) }
                    (victims(&summary, loaded.oom.len()))
                    (losses(&summary, loaded.analysis.exactness.losses.len()))
                    @if has_next { (next_commands(&next)) }
                }
                footer {
                    p { code { (last_line(loaded, |class| counted.counts.class(class))) } }
                    p { "Made by " (summary.generator) ". Everything is in this file; the page asks for nothing from anywhere." }
                }
                script type="application/json" #data { (PreEscaped(inert(&document))) }
                @for script in SCRIPTS { script { (PreEscaped(script)) } }
            }
        }
    };
    Ok(page.into_string())
}

/// The document for programs. Its names are bounded as those of the tables are.
fn document(loaded: &Loaded, summary: &Summary) -> serde_json::Result<String> {
    let mut summary = serde_json::to_value(summary)?;
    bound(&mut summary);
    serde_json::to_string(&Document { summary, timeline: Timeline::of(loaded) })
}

fn bound(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > NAME_CHARACTERS => {
            *text = shorten_path(text, NAME_CHARACTERS);
        }
        Value::Array(values) => values.iter_mut().for_each(bound),
        Value::Object(fields) => fields.values_mut().for_each(bound),
        _ => {}
    }
}

/// A JSON document that nothing in a page takes for markup. Only strings hold these characters.
fn inert(json: &str) -> String {
    json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

/// Whether the numbers are all there is, with a link to the section that says more.
fn verdict(loaded: &Loaded, details: &str) -> Markup {
    let reasons = loaded.flaws();
    html! {
        @if reasons.is_empty() {
            p.verdict { "Nothing is known to be missing from these figures." }
        } @else {
            p.verdict.loud role="alert" {
                "Not everything is in these figures: " (reasons.join("; ")) ". "
                a href={ "#" (details) } { "What is missing" }
            }
        }
    }
}

/// Links to the sections that there are.
fn contents(ids: &[&str]) -> Markup {
    html! {
        nav {
            @for id in ids { a href={ "#" (id) } { (id) } " " }
        }
    }
}

/// The figures that matter most, large.
fn figures(summary: &Summary) -> Markup {
    let totals = &summary.totals;
    let recorded_ns = summary.recording.recorded_ns;
    let figures = [
        ("faults", Cell::Count(totals.faults)),
        ("major", Cell::known(totals.major, Cell::Count)),
        ("minor", Cell::known(totals.minor, Cell::Count)),
        ("copy-on-write", Cell::known(totals.cow, Cell::Count)),
        ("failed", Cell::Count(totals.failed)),
        ("stall, all threads", Cell::known(totals.stall_ns, Cell::Duration)),
        ("of the time stalled", Cell::known(totals.wall_ns, |ns| Cell::Share(ns, recorded_ns))),
    ];
    html! {
        ul.figures {
            @for (name, figure) in figures {
                li title=[figure.exact()] { b { (figure.text()) } " " (name) }
            }
        }
    }
}

/// What costs most and what to try.
fn explained(diagnosis: &Diagnosis) -> Markup {
    html! {
        section #diagnosis {
            h2 { "Diagnosis" }
            @if let Some(opening) = &diagnosis.opening { p { (opening) } }
            @for finding in &diagnosis.advice { (found(finding)) }
            @for note in &diagnosis.notes { p { (note) } }
            @for remark in &diagnosis.remarks { p.loud { (remark) } }
        }
    }
}

fn found(finding: &Advice) -> Markup {
    html! {
        article {
            h3 { (finding.title) }
            dl {
                dt { "where" }
                dd { (finding.place) }
                @if let Some(function) = &finding.culprit {
                    dt { "function" }
                    dd { (function.name) " (" (function.share) " of it)" }
                }
                dt { "cost" }
                dd { (finding.cost_text) }
                dt { "evidence" }
                dd { @for evidence in &finding.evidence { p { (evidence) } } }
                dt { "try" }
                dd { (finding.worth_trying) }
                dt { "not known" }
                dd { (finding.unknown) }
            }
        }
    }
}

/// The place of the timeline; its script fills it.
fn timeline() -> Markup {
    html! {
        section #timeline {
            h2 { "Timeline" }
            noscript { p.note { "Zooming needs scripts; without them the timeline is among the pictures." } }
            div #timeline-view hidden {
                p.controls {
                    button type="button" data-zoom="in" { "Zoom in" }
                    button type="button" data-zoom="out" { "Zoom out" }
                    button type="button" data-zoom="left" title="earlier" { "◀" }
                    button type="button" data-zoom="right" title="later" { "▶" }
                    button type="button" data-zoom="all" { "All" }
                    span #timeline-span role="status" {}
                }
                canvas tabindex="0" role="img" aria-label="Faults and stall over time; arrow keys, + and − move and zoom" {}
                p #timeline-bar {}
                p.legend #timeline-legend {}
                p.note {
                    "Drag to choose a span. A double click shows all. The wheel zooms with Ctrl held, or after a click."
                }
            }
        }
    }
}

/// The pictures, each for light and for dark surroundings. What is in the timeline is not repeated, unless
/// its script does not run.
fn pictures(loaded: &Loaded) -> Result<Markup, Error> {
    let svg = |picture, theme| picture::svg(loaded, picture, picture::SIZE, theme).map(PreEscaped);
    let drawn = Picture::ALL.par_iter().map(|&picture| {
        let (light, dark) =
            rayon::join(|| svg(picture, Theme::Light), || svg(picture, Theme::Dark));
        Ok((picture, light?, dark?))
    });
    let drawn: Vec<_> = drawn.collect::<Result<_, Error>>()?;
    Ok(html! {
        section #pictures {
            h2 { "Pictures" }
            @for (picture, light, dark) in drawn {
                @let figure = html! {
                    figure.scroll id=(format!("picture-{}", picture.name())) {
                        div.on-light { (light) }
                        div.on-dark { (dark) }
                    }
                };
                @if picture == Picture::Timeline { noscript { (figure) } } @else { (figure) }
            }
        }
    })
}

/// Who was killed because memory ran out.
fn victims(summary: &Summary, all: usize) -> Markup {
    let header = [
        "name",
        "pid",
        "killed at",
        "anonymous",
        "files",
        "shared",
        "page tables",
        "oom_score_adj",
        "for pid",
    ];
    let name = |name: &Option<String>| Cell::Name(name.clone().unwrap_or_else(|| "?".to_owned()));
    let id = |pid| Cell::Id(u64::from(pid));
    let rows = summary.oom.rows.iter().map(|victim| {
        vec![
            name(&victim.name),
            id(victim.pid),
            Cell::Moment(victim.time_ns),
            Cell::known(victim.anon_rss_bytes, Cell::Bytes),
            Cell::known(victim.file_rss_bytes, Cell::Bytes),
            Cell::known(victim.shmem_rss_bytes, Cell::Bytes),
            Cell::known(victim.pgtables_bytes, Cell::Bytes),
            victim.oom_score_adj.map_or(Cell::Unknown, |score| Cell::Name(score.to_string())),
            victim.by_pid.map_or(Cell::Unknown, id),
        ]
    });
    list("oom", "Killed because memory ran out", &header, rows.collect(), all)
}

/// When records were lost.
fn losses(summary: &Summary, all: usize) -> Markup {
    let header = ["lost by", "after", "before", "CPU", "records"];
    let losses = summary.exactness.iter().flat_map(|exactness| &exactness.losses.rows);
    let rows = losses.map(|loss| {
        let by = if loss.by_recorder { "the recorder" } else { "a full ring" };
        vec![
            Cell::Name(by.to_owned()),
            Cell::Moment(loss.from_ns),
            Cell::Moment(loss.to_ns),
            Cell::known(loss.cpu.map(u64::from), Cell::Id),
            Cell::Count(loss.records),
        ]
    });
    list("losses", "When records were lost", &header, rows.collect(), all)
}

/// The first rows of a list of so many in all; nothing without rows.
fn list(id: &str, heading: &str, header: &[&str], rows: Vec<Vec<Cell>>, all: usize) -> Markup {
    let more = all.saturating_sub(rows.len()) as u64;
    html! {
        @if !rows.is_empty() {
            section id=(id) {
                h2 { (heading) }
                (table(header, 1, &rows))
                @if more > 0 { p.note { "and " (count(more)) " more" } }
            }
        }
    }
}

/// Commands that tell more.
fn next_commands(commands: &[(String, &str)]) -> Markup {
    html! {
        section #next {
            h2 { "Next" }
            dl.commands {
                @for (command, purpose) in commands {
                    dt { code { (command) } }
                    dd { (purpose) }
                }
            }
        }
    }
}
