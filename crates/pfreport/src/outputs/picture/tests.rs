//! Tests of all pictures: what they say, that it can be read, and how large they get.

use std::fs;

use pfmodel::names::{Class, RegionKind};
use pfmodel::table::Region;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::canvas::Canvas;
use super::shape::{Frame, Shape, Side};
use super::{Format, Picture, SIZE, SIZE_MAX, SIZE_MIN, Theme, draw, parse_size, svg};
use crate::error::Error;
use crate::load::{Loaded, Member};
use crate::made_up::{self, HEAP, MODEL, Row, TEXT};
use crate::select::Selected;

const SECOND: u64 = 1_000_000_000;
const HOSTILE: &str = "/srv/\"><script>alert('1')</script>&amp;/a rather long name of a file.bin";

/// Five faults of three classes.
fn few() -> Loaded {
    let mut loaded = made_up::empty();
    for (time, latency, class, mapping, addr) in [
        (0, Some(700), Class::Minor, TEXT, 0x40_0000),
        (SECOND, Some(2_000), Class::Minor, HEAP, 0x100_0000),
        (2 * SECOND, Some(3_000), Class::Cow, HEAP, 0x100_0000),
        (5 * SECOND, Some(4_000_000), Class::Major, MODEL, 0x7f00_0000_0000),
        (9 * SECOND, None, Class::Minor, MODEL, 0x7f00_0040_0000),
    ] {
        let row = Row { time, latency, class, mapping, addr, ..Row::default() };
        made_up::push(&mut loaded.analysis, row);
    }
    loaded
}

/// Faults all over so many files with hostile names, and many phases.
fn many(files: u64, faults: u64) -> Loaded {
    let mut loaded = made_up::two_processes();
    loaded.name = HOSTILE.repeat(2);
    let analysis = &mut loaded.analysis;
    for i in 0..files {
        let mut mapping = analysis.mappings[MODEL as usize].clone();
        mapping.start += (i + 1) << 32;
        mapping.end += (i + 1) << 32;
        mapping.path = format!("{HOSTILE}{i}").into_bytes();
        mapping.proc = (i % 2) as u32;
        mapping.region = mapping.path.clone();
        let label = mapping.path.clone();
        analysis.regions.push(Region { kind: RegionKind::File, label });
        analysis.mappings.push(mapping);
    }
    let mut random = 1_u64;
    for i in 0..faults {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = random >> 40;
        let mapping = 3 + (place % files) as u32;
        let start = analysis.mappings[mapping as usize].start;
        let class = Class::ALL[(random >> 60) as usize % Class::ALL.len()];
        let row = Row {
            time: 10 * SECOND / faults * i,
            latency: Some(1 << ((random >> 33) % 40)),
            class,
            mapping,
            proc: mapping % 2,
            addr: start + (random >> 20) % 0x1000_0000,
            ..Row::default()
        };
        made_up::push(analysis, row);
    }
    for i in 0..300 {
        made_up::mark(&mut loaded, i * SECOND / 30, &format!("<phase & {i}>"));
    }
    loaded
}

fn two_traces() -> Loaded {
    let mut loaded = few();
    let offset_ns = 4 * SECOND;
    let second =
        Member { name: "second <b>.pft".to_owned(), offset_ns, ..loaded.members[0].clone() };
    loaded.members.push(second);
    made_up::mark(&mut loaded, offset_ns, "phase at the very moment");
    made_up::mark(&mut loaded, 7 * SECOND, "serve");
    loaded
}

fn without_latencies() -> Loaded {
    let mut loaded = few();
    loaded.facts.insert(pft::keys::fact::CAPTURE_LATENCY.to_owned(), "no".to_owned());
    loaded.analysis.faults.latency_ns.fill(pft::record::LATENCY_UNKNOWN);
    loaded
}

/// The texts of a picture, in the order in which they were drawn.
fn texts(loaded: &Loaded, picture: Picture, size: (u32, u32)) -> Vec<String> {
    let canvas = picture.draw(loaded, size, Theme::Light).unwrap();
    let text = |shape: Shape| match shape {
        Shape::Text { text, .. } => Some(text),
        _ => None,
    };
    canvas.shapes.into_iter().filter_map(text).collect()
}

/// Where a text is, without the blank that a line has above and below its letters.
fn extent(canvas: &Canvas, text: &str, (x, y): (i32, i32), size: i32, side: Side) -> Frame {
    let (width, half) = (canvas.text_width(text, size), size * 3 / 8);
    let (left, middle) = match side {
        Side::Right => (x, y),
        Side::Left => (x - width, y),
        Side::Below => (x - width / 2, y + size / 2),
        Side::Upright => {
            let (left, top) = (x - half, y - width / 2);
            return Frame { left, top, right: x + half, bottom: top + width };
        }
    };
    Frame { left, top: middle - half, right: left + width, bottom: middle + half }
}

#[test]
fn texts_lie_within_the_picture_and_beside_each_other() {
    let scenes = [made_up::empty(), few(), many(200, 2_000), two_traces(), without_latencies()];
    let sizes = [SIZE_MIN, (480, 320), SIZE, (2_400, 1_600), (8_000, 320), (320, 8_000)];
    for (scene, loaded) in scenes.iter().enumerate() {
        for (picture, size) in Picture::ALL.iter().flat_map(|p| sizes.map(|size| (p, size))) {
            let canvas = picture.draw(loaded, size, Theme::Light).unwrap();
            let mut placed: Vec<(Frame, &str)> = Vec::new();
            for shape in &canvas.shapes {
                let Shape::Text { text, at, size: height, side, .. } = shape else { continue };
                let frame = extent(&canvas, text, *at, *height, *side);
                let told = format!("scene {scene}, {picture:?} {size:?}: `{text}` {frame:?}");
                assert!(frame.left >= 0 && frame.right <= canvas.width, "{told}");
                assert!(frame.top >= 0 && frame.bottom <= canvas.height, "{told}");
                let other = placed.iter().find(|(other, _)| {
                    other.left < frame.right
                        && frame.left < other.right
                        && other.top < frame.bottom
                        && frame.top < other.bottom
                });
                assert_eq!(other, None, "{told}");
                placed.push((frame, text));
            }
        }
    }
}

#[test]
fn latencies_say_what_they_are() {
    assert_eq!(
        texts(&few(), Picture::Latency, SIZE),
        [
            "run.pft: latency of 4 faults",
            "entry to completion; 1 fault of unknown latency not shown",
            "minor: 2 faults, p50 700 ns, p99 2 µs",
            "major: 1 fault, p50 4 ms, p99 4 ms",
            "cow: 1 fault, p50 3 µs, p99 3 µs",
            "1 µs",
            "2 µs",
            "5 µs",
            "10 µs",
            "20 µs",
            "50 µs",
            "100 µs",
            "200 µs",
            "500 µs",
            "1 ms",
            "2 ms",
            "5 ms",
            "latency (logarithmic)",
            "0",
            "1",
            "faults per bar",
        ]
    );
}

#[test]
fn pictures_of_nothing_say_why() {
    let last = |loaded: &Loaded| {
        Picture::ALL.map(|picture| texts(loaded, picture, SIZE).last().cloned().unwrap_or_default())
    };
    let why = ["no faults", "no faults", "no faults", "no faults", "no page was touched"];
    assert_eq!(last(&made_up::empty()), why);
    let mut nothing = two_traces();
    nothing.analysis.faults = made_up::empty().analysis.faults;
    nothing.selection = Some(Selected { what: "class cow".to_owned(), windows: Vec::new() });
    for (picture, why) in Picture::ALL.into_iter().zip(why) {
        assert_eq!(texts(&nothing, picture, SIZE)[1..], ["only class cow", why]);
    }
    let mut unknown = made_up::empty();
    made_up::push(&mut unknown.analysis, Row { latency: None, ..Row::default() });
    assert_eq!(last(&unknown)[0], "no fault with known latency");
    let subtitle = "regions and files by their faults; latencies are not known";
    assert_eq!(texts(&unknown, Picture::Regions, SIZE)[1], subtitle);
    assert_eq!(last(&without_latencies())[0], "latencies were not recorded");
}

#[test]
fn a_timeline_names_its_bars_and_traces() {
    let texts = texts(&two_traces(), Picture::Timeline, SIZE);
    assert_eq!(
        texts[..2],
        [
            "run.pft: 5 faults in 10 s",
            "one bar is 50 ms; a stall of 50 ms per bar is one thread that waits all the time; lines: \
             beginnings of traces, phases (1 of 2 shown, 1 named)"
        ]
    );
    assert_eq!(texts[2..5], ["major", "cow", "minor"]);
    assert_eq!(texts[texts.len() - 3..], ["run.pft", "second <b>.pft", "serve"]);
}

#[test]
fn pictures_show_and_name_what_is_selected() {
    let mut loaded = two_traces();
    made_up::mark(&mut loaded, 9 * SECOND, "drain");
    loaded.members[0].duration_ns = 4 * SECOND;
    loaded.selection = Some(Selected {
        what: "from 50 % to 90 %".to_owned(),
        windows: vec![2 * SECOND..3 * SECOND, 6 * SECOND..8 * SECOND],
    });
    loaded.analysis.faults.retain(&[false, false, true, false, false]);
    let all = texts(&loaded, Picture::Timeline, SIZE);
    assert_eq!(
        all[..3],
        [
            "run.pft: 1 fault in 3 s",
            "only from 50 % to 90 %; one bar is 50 ms; a stall of 50 ms per bar is one thread that waits all the \
             time; lines: beginnings of traces, phases (1 of 2 shown, 1 named); shaded: time that is not",
            "selected"
        ]
    );
    assert_eq!(all[4], "2 s", "{all:?}");
    // What begins before or after the axis is not on it, but for the trace that it begins with.
    assert_eq!(all[all.len() - 3..], ["run.pft", "second <b>.pft", "serve"]);
    assert!(all.contains(&"time, one trace after the other: 2 s to 8 s".to_owned()), "{all:?}");
    let canvas = Picture::Timeline.draw(&loaded, SIZE, Theme::Light).unwrap();
    let shade = canvas.shapes.iter().find_map(|shape| match shape {
        Shape::Fill { frames, opacity: 0.35, .. } => frames.first(),
        _ => None,
    });
    // 3 s are not selected, 2 s behind them are.
    let shade = shade.unwrap();
    let behind = canvas.width - 2 * canvas.em - shade.right;
    assert!((behind * 3 - shade.width() * 2).abs() <= 5, "{shade:?}");
    for picture in Picture::ALL {
        let caption = &texts(&loaded, picture, SIZE)[1];
        assert!(caption.starts_with("only from 50 % to 90 %; "), "{caption}");
    }
}

#[test]
fn regions_show_counts_and_shares() {
    let texts = texts(&few(), Picture::Regions, SIZE);
    let model = texts.iter().position(|text| text == "/srv/models/model.gguf").unwrap();
    assert_eq!(
        texts[model..],
        [
            "/srv/models/model.gguf",
            "file",
            "2 (40 %)",
            "4 ms (>99 %)",
            "[heap]",
            "heap",
            "2 (40 %)",
            "5 µs (0.1 %)",
            "/usr/bin/server",
            "text",
            "1 (20 %)",
            "700 ns (<0.1 %)",
        ]
    );
    let last = self::texts(&many(200, 2_000), Picture::Regions, SIZE);
    assert!(last.contains(&"186 more regions".to_owned()), "{last:?}");
}

#[test]
fn a_heatmap_names_its_lanes() {
    let texts = texts(&few(), Picture::Heatmap, SIZE);
    let lanes = texts.iter().position(|text| text == "/srv/models/model.gguf").unwrap();
    assert_eq!(
        texts[lanes..],
        [
            "/srv/models/model.gguf",
            "file, 8 KiB in 2 parts, 2 faults",
            "[heap]",
            "heap, 4 KiB, 2 faults",
            "/usr/bin/server",
            "text, 4 KiB, 1 fault",
            "faults per cell: 1",
        ]
    );
}

#[test]
fn a_working_set_is_what_the_tables_call_touched() {
    let texts = texts(&few(), Picture::WorkingSet, SIZE);
    assert_eq!(texts[0], "run.pft: 16 KiB touched, 4 pages");
    let legend = ["programs and libraries 4 KiB", "files 8 KiB", "heap 4 KiB"];
    assert_eq!(texts[2..5], legend);
    assert!(texts.contains(&"faults of pages touched before, per 50 ms: 1 in all".to_owned()));
}

#[test]
fn svg_is_well_formed_bounded_and_inert() {
    let scenes = [made_up::empty(), few(), many(200, 5_000), many(1, 50_000), two_traces()];
    for loaded in &scenes {
        for (picture, size) in Picture::ALL.iter().flat_map(|p| [SIZE, SIZE_MAX].map(|s| (*p, s))) {
            let document = svg(loaded, picture, size, Theme::Dark).unwrap();
            assert!(document.len() < 500_000, "{picture:?} {size:?}: {}", document.len());
            let mut reader = Reader::from_str(&document);
            let mut elements = Vec::new();
            loop {
                match reader.read_event().unwrap() {
                    Event::Start(tag) | Event::Empty(tag) => {
                        assert!(tag.attributes().all(|attribute| attribute.is_ok()));
                        elements.push(tag.name().as_ref().to_vec());
                    }
                    Event::Eof => break,
                    _ => {}
                }
            }
            assert_eq!(elements[0], b"svg");
            let known: [&[u8]; 3] = [b"path", b"polyline", b"text"];
            assert!(elements[1..].iter().all(|name| known.contains(&name.as_slice())));
        }
    }
    let document = svg(&two_traces(), Picture::Timeline, SIZE, Theme::Light).unwrap();
    assert!(document.contains(">second &lt;b&gt;.pft</text>"), "{document}");
    assert!(document.starts_with(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1200\" height=\"800\" viewBox=\"0 0 1200 800\""
    ));
}

#[test]
fn pictures_have_the_size_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("made/on the way");
    let paths = draw(&few(), &pictures, Format::Png, ((480, 320), Theme::Dark), false).unwrap();
    let names: Vec<_> = paths.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "run.pft.latency.png",
            "run.pft.timeline.png",
            "run.pft.regions.png",
            "run.pft.heatmap.png",
            "run.pft.working-set.png"
        ]
    );
    for path in paths {
        let png = fs::read(path).unwrap();
        assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
        assert_eq!(png[16..24], [0, 0, 1, 224, 0, 0, 1, 64]);
    }
    let paths = draw(&few(), &pictures, Format::Svg, (SIZE, Theme::Light), false).unwrap();
    let expected = svg(&few(), Picture::Latency, SIZE, Theme::Light).unwrap();
    assert_eq!(fs::read_to_string(&paths[0]).unwrap(), expected);
}

#[test]
fn nothing_is_drawn_over_an_existing_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.pft.heatmap.png"), "mine").unwrap();
    let drawn = draw(&made_up::empty(), folder.path(), Format::Png, (SIZE, Theme::Light), false);
    assert!(matches!(drawn, Err(Error::Exists { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn sizes_have_limits() {
    assert_eq!(parse_size("1200x800"), Ok((1_200, 800)));
    assert_eq!(parse_size("320X8000"), Ok((320, 8_000)));
    for text in ["319x240", "320x239", "8001x800", "800x8001"] {
        assert_eq!(parse_size(text), Err("from 320x240 to 8000x8000 pixels".to_owned()));
    }
    for text in ["", "1200", "x", "axb", "-1x9", "1200x800x2"] {
        let wrong = "not WIDTHxHEIGHT in pixels, like 1200x800";
        assert_eq!(parse_size(text), Err(wrong.to_owned()));
    }
}
