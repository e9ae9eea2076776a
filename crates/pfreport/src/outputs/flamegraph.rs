//! Stacks as a flame graph: an SVG file that a browser can zoom and search, with everything inside.

use std::collections::BTreeSet;
use std::io;

use inferno::flamegraph::color::{BackgroundColor, Color, PaletteMap, StrokeColor};
use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};
use pfmodel::names::Class;

use crate::load::Loaded;
use crate::names::chains::{Frame, Role};
use crate::outputs::picture::Theme;
use crate::outputs::stacks::{Stacks, Weight};

/// Longest name of a frame, characters. A name is in the file twice wherever its frame is.
pub const NAME_CHARACTERS: usize = 200;

/// Stall time from which on numbers are in microseconds: they keep four digits.
const MICROSECONDS_FROM_NS: u64 = 10_000_000;

/// The SVG file. Frames narrower than a ten-thousandth of the whole are not drawn.
///
/// # Errors
/// `InvalidData` if no stack weighs anything.
pub fn svg(loaded: &Loaded, stacks: &Stacks) -> io::Result<Vec<u8>> {
    let mut palette = palette(stacks);
    let mut options = Options::default();
    // The name of the trace may hold what is no character of XML.
    options.title = stacks.title(loaded).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    options.subtitle = Some(stacks.subtitle(loaded));
    (options.count_name, options.factor) = match stacks.weight {
        Weight::Faults => ("faults".to_owned(), 1.0),
        Weight::Bytes => ("bytes".to_owned(), 1.0),
        Weight::Stall if stacks.total >= MICROSECONDS_FROM_NS => ("µs".to_owned(), 1e-3),
        Weight::Stall => ("ns".to_owned(), 1.0),
    };
    options.name_type = "Frame:".to_owned();
    options.notes = concat!("made by pfreport ", env!("CARGO_PKG_VERSION")).to_owned();
    options.palette_map = Some(&mut palette);
    options.bgcolors = Some(BackgroundColor::Flat(WHITE));
    options.stroke_color = StrokeColor::Color(WHITE);
    options.text_truncate_direction = TextTruncateDirection::Right;
    let mut room = u64::MAX;
    let lines = stacks.stacks.iter().map(|(frames, &weight)| {
        // Only absurd latencies come to more than fits.
        let weight = weight.min(room);
        room -= weight;
        let names: Vec<&str> = frames.iter().map(|frame| &*frame.name).collect();
        format!("{} {weight}", names.join(";"))
    });
    let lines: Vec<String> = lines.collect();
    let mut svg = Vec::new();
    from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)?;
    Ok(svg)
}

const WHITE: Color = Color { r: 0xff, g: 0xff, b: 0xff };
const EVERYTHING: Color = Color { r: 0xc4, g: 0xc4, b: 0xc4 };

/// A colour of each frame, by its name: that of its class for class and cause, quiet ones for the rest.
fn palette(stacks: &Stacks) -> PaletteMap {
    let mut palette = PaletteMap::default();
    let frames: BTreeSet<&Frame> = stacks.stacks.keys().flatten().collect();
    // Where two frames share a name, the colour of a class wins.
    let (classes, others): (Vec<&Frame>, Vec<&Frame>) =
        frames.into_iter().partition(|frame| matches!(frame.role, Role::Class(_)));
    for frame in others.into_iter().chain(classes) {
        palette.insert(&*frame.name, colour(frame));
    }
    // The frame of everything has no name.
    palette.insert("", EVERYTHING);
    palette
}

fn colour(frame: &Frame) -> Color {
    let rgb = |r, g, b| Color { r, g, b };
    match frame.role {
        Role::Process | Role::Region => rgb(0xd9, 0xd9, 0xd9),
        Role::Gap => rgb(0xb0, 0xb0, 0xb0),
        Role::Module => rgb(0xec, 0xe7, 0xdb),
        // Shades, so that neighbours can be told apart.
        Role::User => {
            let shade = frame.name.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31) ^ byte) % 4;
            rgb(0xf7 - 4 * shade, 0xe8 - 7 * shade, 0xb4 - 14 * shade)
        }
        Role::Kernel => rgb(0xd3, 0xcc, 0xe6),
        Role::Class(class) => of_class(class),
    }
}

fn of_class(class: Class) -> Color {
    let colour = Theme::Light.class(class);
    Color { r: colour.0, g: colour.1, b: colour.2 }
}

#[cfg(test)]
mod tests {
    use super::{NAME_CHARACTERS, svg};
    use crate::load::Loaded;
    use crate::made_up::{self, HEAP, INLINED, LOOP, MAIN, MODEL, Row};
    use crate::outputs::stacks::{Stacks, Weight};
    use pfmodel::names::{Cause, Class};

    fn loaded() -> Loaded {
        let mut loaded = made_up::with_code();
        let analysis = &mut loaded.analysis;
        let read = Row {
            latency: Some(9_000_000),
            class: Class::Major,
            cause: Cause::FileRead,
            mapping: MODEL,
            chain: 0,
            ..Row::default()
        };
        let touch = Row { latency: Some(3_000_000), mapping: HEAP, chain: 1, ..Row::default() };
        analysis.call_chains = vec![
            made_up::chain(&[], &[INLINED, LOOP, MAIN], false),
            made_up::chain(&[], &[LOOP, MAIN], false),
        ];
        for row in [read, touch, touch] {
            made_up::push(analysis, row);
        }
        loaded
    }

    fn drawn(loaded: &Loaded, weight: Weight) -> String {
        let stacks = Stacks::of(loaded, weight, NAME_CHARACTERS);
        String::from_utf8(svg(loaded, &stacks).unwrap()).unwrap()
    }

    #[test]
    fn frames_have_weight_and_colour() {
        let svg = drawn(&loaded(), Weight::Stall);
        for title in [
            "<title>main (15,000 µs, 100.00%)</title>",
            "<title>serve::loop (15,000 µs, 100.00%)</title>",
            "<title>Table::touch (9,000 µs, 60.00%)</title>",
            "<title>minor anon-first-touch (6,000 µs, 40.00%)</title>",
        ] {
            assert_eq!(svg.matches(title).count(), 1, "{title}\n{svg}");
        }
        let major = svg.split("<title>major file-read (").nth(1).unwrap();
        assert!(major.split("/>").next().unwrap().contains("fill=\"rgb(213,94,0)\""), "{major}");
        assert!(svg.contains(">run.pft: stall time of page faults by call chain</text>"), "{svg}");
        assert!(svg.contains(">15 ms in 3 faults</text>"), "{svg}");
        let faults = drawn(&loaded(), Weight::Faults);
        assert!(faults.contains("<title>main (3 faults, 100.00%)</title>"), "{faults}");
    }

    #[test]
    fn hostile_names_are_text() {
        let mut loaded = loaded();
        let analysis = &mut loaded.analysis;
        analysis.comms[0] = b"</title><script>alert(1)</script>]]>&\x1b\"'".to_vec();
        analysis.locations[MAIN as usize].functions[0].name = vec![b'x'; 100_000];
        loaded.name = "<script>\u{ffff}".to_owned();
        let svg = drawn(&loaded, Weight::Faults);
        assert_eq!(svg.matches("<script").count(), 1, "the page's own");
        assert!(svg.contains("&lt;script&gt;alert(1)"), "{svg}");
        assert!(!svg.contains(&"x".repeat(NAME_CHARACTERS)));
        assert!(!svg.contains(['\u{1b}', '\u{ffff}']));
        assert!(svg.len() < 100_000, "{}", svg.len());
    }

    #[test]
    fn absurd_latencies_do_not_overflow() {
        let mut loaded = loaded();
        for chain in [0, 1] {
            let row = Row { latency: Some(u64::MAX - 1), chain, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        assert!(drawn(&loaded, Weight::Stall).contains("</svg>"));
    }
}
