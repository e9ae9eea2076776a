//! Documents, pages, pictures and profiles, each read by a parser of its format.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;

use flate2::read::GzDecoder;
use html5gum::{State, Token, Tokenizer};
use prost::Message;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use super::check::{hidden, lines};
use super::{hostile, report, run, scene};
use crate::scene::Scene;
use crate::schema;

/// All texts of a document, names of members among them.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            found.push(name);
            texts(value, found);
        }),
        _ => {}
    }
}

fn read_json(bytes: &[u8], what: &str) -> Value {
    let document = serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut found = Vec::new();
    texts(&document, &mut found);
    assert!(found.len() > 100, "{what}");
    for text in found {
        assert_eq!(hidden(&text.replace('\n', "")), None, "{what}: {text}");
    }
    document
}

#[test]
fn documents_keep_their_schemas() {
    for (words, name) in [
        (&["--json", "-n", "1000"][..], "summary.schema.json"),
        (&["info", "--json"], "info.schema.json"),
        (&["diff", "--json", "harmless.pft"], "diff.schema.json"),
    ] {
        let document = read_json(&report(hostile(), words).stdout, name);
        assert_eq!(schema::violations(&schema::of(name), &document), [""; 0], "{name}");
    }
}

/// Which elements a page has with which attributes, with the values of those that a browser obeys.
#[derive(Debug, Default, PartialEq)]
pub struct Skeleton {
    pub parts: BTreeSet<String>,
    pub scripts: usize,
    texts: Vec<String>,
}

impl Skeleton {
    fn element(&mut self, name: &str, attributes: &[(String, String)]) {
        self.parts.insert(name.to_owned());
        self.scripts += usize::from(name == "script");
        for (attribute, value) in attributes {
            let is_obeyed = attribute.starts_with("on")
                || [
                    "href",
                    "xlink:href",
                    "src",
                    "srcset",
                    "action",
                    "style",
                    "http-equiv",
                    "type",
                    "content",
                ]
                .contains(&&**attribute);
            let value_if = if is_obeyed { value.as_str() } else { "" };
            self.parts.insert(format!("{name} {attribute}={value_if}"));
            self.texts.push(value.clone());
        }
    }
}

pub fn html(page: &str) -> Skeleton {
    let mut skeleton = Skeleton::default();
    let mut tokens = Tokenizer::new(page);
    while let Some(Ok(token)) = tokens.next() {
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8(tag.name.to_vec()).unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let attributes: Vec<(String, String)> =
                    tag.attributes.iter().map(|(key, value)| (text(key), text(value))).collect();
                skeleton.element(&name, &attributes);
                match &*name {
                    "script" => tokens.set_state(State::ScriptData),
                    "style" => tokens.set_state(State::RawText),
                    "title" | "textarea" => tokens.set_state(State::RcData),
                    _ => {}
                }
            }
            Token::String(text) => skeleton.texts.push(String::from_utf8(text.to_vec()).unwrap()),
            Token::Error(error) => panic!("{error:?}"),
            Token::Comment(comment) => panic!("{comment:?}"),
            Token::EndTag(_) | Token::Doctype(_) => {}
        }
    }
    skeleton
}

#[test]
fn the_page_has_no_element_that_a_name_made() {
    let page = |trace: &OsStr| {
        let output = report(trace, &["--html=-", "-n", "1000"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let (evil, good) = (page(hostile()), page(OsStr::new("harmless.pft")));
    let (evil, good) = (html(&evil), html(&good));
    let more: Vec<&String> = evil.parts.difference(&good.parts).collect();
    assert_eq!(more, Vec::<&String>::new());
    assert_eq!((evil.scripts, good.scripts), (3, 3));
    for text in &evil.texts {
        text.lines().for_each(|line| assert_eq!(hidden(line), None, "{line}"));
    }
}

fn svg(picture: &[u8], what: &str) -> Skeleton {
    let mut skeleton = Skeleton::default();
    let mut reader = Reader::from_reader(picture);
    let mut text = String::new();
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("{what}: {error}"));
        match event {
            Event::Start(element) | Event::Empty(element) => {
                let name = String::from_utf8(element.name().as_ref().to_vec()).unwrap();
                let attributes: Vec<(String, String)> = element
                    .attributes()
                    .map(|attribute| {
                        let attribute = attribute.unwrap();
                        let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                        (key, String::from_utf8(attribute.value.to_vec()).unwrap())
                    })
                    .collect();
                skeleton.element(&name, &attributes);
            }
            Event::Text(part) => text.push_str(&part.decode().unwrap()),
            Event::GeneralRef(name) => {
                let name = String::from_utf8(name.to_vec()).unwrap();
                assert!(["lt", "gt", "amp", "quot", "apos"].contains(&&*name), "{what}: {name}");
                text.push(' ');
            }
            Event::CData(_) | Event::DocType(_) | Event::Decl(_) | Event::Comment(_) => {}
            Event::End(_) => skeleton.texts.push(std::mem::take(&mut text)),
            Event::PI(instruction) => panic!("{what}: {instruction:?}"),
            Event::Eof => return skeleton,
        }
    }
}

#[test]
fn pictures_are_drawn_and_hold_text_only() {
    let draw = |trace: &OsStr, folder: &str| {
        let words = [
            format!("--svg={folder}"),
            format!("--png={folder}"),
            format!("--flamegraph={folder}/flamegraph.svg"),
            "-f".to_owned(),
        ];
        fs::create_dir_all(scene().path(folder)).unwrap();
        report(trace, &words.each_ref().map(String::as_str));
        let (mut pictures, mut bitmaps) = (BTreeMap::new(), 0);
        for entry in fs::read_dir(scene().path(folder)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let kind = name.rsplit('.').take(2).collect::<Vec<_>>().join(".");
            if name.ends_with(".png") {
                let mut reader = png::Decoder::new(&*bytes).read_info().unwrap();
                let mut pixels = vec![0; reader.output_buffer_size()];
                let info = reader.next_frame(&mut pixels).unwrap();
                assert_eq!((info.width, info.height), (1_200, 800), "{name}");
                bitmaps += 1;
            } else {
                pictures.insert(kind, svg(&bytes, &name));
            }
        }
        assert_eq!(bitmaps, 5);
        pictures
    };
    let evil = draw(hostile(), "evil");
    let good = draw(OsStr::new("harmless.pft"), "good");
    assert!(evil.len() == 6 && evil.keys().eq(good.keys()), "{:?}", evil.keys());
    for (name, picture) in &evil {
        let more: Vec<&String> = picture.parts.difference(&good[name].parts).collect();
        assert_eq!(more, Vec::<&String>::new(), "{name}");
        assert_eq!(picture.scripts, usize::from(name.contains("flamegraph")), "{name}");
        for text in &picture.texts {
            text.lines().for_each(|line| assert_eq!(hidden(line.trim()), None, "{name}: {line}"));
        }
    }
}

/// Of each stack how many frames it has and what it weighs.
fn folded(trace: &OsStr) -> Vec<(usize, u64)> {
    let output = report(trace, &["--folded", "--weight=faults"]);
    let stacks = lines(&output.stdout, "folded").into_iter().map(|line| {
        let (stack, weight) = line.rsplit_once(' ').unwrap();
        assert!(!stack.starts_with("# ") && !stack.contains("  "), "{line}");
        assert!(stack.split(';').all(|frame| !frame.is_empty() && frame == frame.trim()), "{line}");
        (stack.split(';').count(), weight.parse().unwrap())
    });
    let mut stacks: Vec<(usize, u64)> = stacks.collect();
    stacks.sort_unstable();
    stacks
}

#[test]
fn folded_stacks_have_the_frames_that_they_have() {
    assert_eq!(folded(hostile()), folded(OsStr::new("harmless.pft")));
}

/// The table of strings of pprof's `profile.proto`, and its samples.
#[derive(Message)]
struct Profile {
    #[prost(bytes = "vec", repeated, tag = "2")]
    samples: Vec<Vec<u8>>,
    #[prost(string, repeated, tag = "6")]
    strings: Vec<String>,
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut unpacked).unwrap();
    unpacked
}

#[test]
fn profiles_decode() {
    let profile =
        |trace: &OsStr| Profile::decode(&*unpacked(&report(trace, &["--pprof=-"]).stdout)).unwrap();
    let (evil, good) = (profile(hostile()), profile(OsStr::new("harmless.pft")));
    assert_eq!(evil.samples.len(), good.samples.len());
    let distinct: BTreeSet<&String> = evil.strings.iter().collect();
    assert_eq!(distinct.len(), evil.strings.len());
    for text in &evil.strings {
        assert_eq!(hidden(text), None, "{text}");
    }
    read_json(&unpacked(&report(hostile(), &["--firefox=-"]).stdout), "firefox");
}

#[test]
fn very_long_names_are_bounded() {
    let long = Scene::of(&super::corpus::trace(&super::corpus::long_names()));
    let trace = long.trace.as_os_str();
    for (words, limit) in [
        (&[][..], 200_000),
        (&["--advice"], 20_000),
        (&["--histogram"], 20_000),
        (&["--heatmap"], 20_000),
        (&["--html=-"], 2_000_000),
        (&["--flamegraph=-"], 200_000),
        // A table in a pipe shows names whole, up to what a path can have.
        (&["--by=comm"], 100_000),
        (&["--by=callchain,function,path"], 200_000),
        (&["--table=facts"], 4_000_000),
        (&["--patterns"], 200_000),
    ] {
        let output = report(trace, words);
        assert!(output.stdout.len() < limit, "{words:?}: {} bytes", output.stdout.len());
    }
    fs::create_dir(long.path("pictures")).unwrap();
    let folder = long.path("pictures");
    report(
        trace,
        &[&format!("--svg={}", folder.display()), &format!("--png={}", folder.display())],
    );
    for entry in fs::read_dir(folder).unwrap() {
        assert!(entry.unwrap().metadata().unwrap().len() < 500_000);
    }
    for words in [&["--csv"][..], &["--folded"], &["--json"], &["--events"], &["dump", "--rows"]] {
        assert!(!run(trace, words).stdout.is_empty());
    }
}
