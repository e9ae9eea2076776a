use std::io::Read as _;

use flate2::read::GzDecoder;
use prost::Message as _;

use super::proto::Profile;
use super::write;
use crate::load::Loaded;
use crate::made_up::{self, INLINED, LOOP, MAIN, Row};
use crate::outputs::stacks::tests::faults;
use crate::outputs::stacks::{Sites, Weight};
use crate::select::Selected;

fn decoded(loaded: &Loaded, weight: Weight) -> Profile {
    let mut compressed = Vec::new();
    write(loaded, &Sites::of(loaded), weight, &mut compressed).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(&*compressed).read_to_end(&mut bytes).unwrap();
    Profile::decode(&*bytes).unwrap()
}

impl Profile {
    fn at(&self, index: i64) -> &str {
        &self.string_table[usize::try_from(index).unwrap()]
    }

    fn function(&self, id: u64) -> &str {
        self.at(self.function.iter().find(|function| function.id == id).unwrap().name)
    }

    /// Samples as `root;…;leaf {labels} [values]`.
    fn lines(&self) -> Vec<String> {
        let line = |sample: &super::proto::Sample| {
            let places = sample.location_id.iter().rev();
            let places = places.map(|&id| self.location.iter().find(|at| at.id == id).unwrap());
            let names = places.flat_map(|place| place.line.iter().rev());
            let names: Vec<&str> = names.map(|line| self.function(line.function_id)).collect();
            let labels = sample.label.iter().map(|label| (self.at(label.key), self.at(label.str)));
            let labels: Vec<String> = labels.map(|(key, text)| format!("{key}={text}")).collect();
            format!("{} {{{}}} {:?}", names.join(";"), labels.join(" "), sample.value)
        };
        self.sample.iter().map(line).collect()
    }
}

#[test]
fn samples_have_three_values_and_labels() {
    let profile = decoded(&faults(), Weight::Stall);
    assert_eq!(
        profile.lines(),
        [
            "main;serve::loop;Table::grow;Table::touch \
             {class=major cause=file-read region=model.gguf process=server} [2, 100000, 8192]",
            "[no call chain];serve::loop \
             {class=minor cause=anon-first-touch region=[heap] process=server} [1, 1000, 4096]",
            "[cut off];main;[libfoo.so];copy_from_user \
             {class=minor cause=anon-first-touch region=[heap] process=server} [1, 1000, 4096]",
            "[no call chain];copy_from_user \
             {class=failed cause=efault region=[unknown] process=server} [1, 0, 0]",
            "[no call chain];[libfoo.so] \
             {class=minor cause=anon-first-touch region=[heap] process=server} [1, 1000, 2097152]",
        ]
    );
    let types = profile.sample_type.iter().map(|t| (profile.at(t.r#type), profile.at(t.unit)));
    assert_eq!(
        types.collect::<Vec<_>>(),
        [("faults", "count"), ("stall", "nanoseconds"), ("installed", "bytes")]
    );
    assert_eq!(profile.at(profile.default_sample_type), "stall");
    assert_eq!(profile.period_type, Some(profile.sample_type[0]));
    assert_eq!(profile.string_table[0], "");
    assert_eq!(profile.time_nanos, 1_795_178_096_000_000_000);
    assert_eq!(profile.duration_nanos, 10_000_000_000);
    let bytes = decoded(&faults(), Weight::Bytes);
    assert_eq!(bytes.at(bytes.default_sample_type), "installed");
}

#[test]
fn places_have_modules_files_and_lines() {
    let profile = decoded(&faults(), Weight::Stall);
    let mappings = profile.mapping.iter().map(|mapping| {
        assert!(mapping.has_functions && mapping.has_inline_frames);
        let (path, build_id) = (profile.at(mapping.filename), profile.at(mapping.build_id));
        (mapping.id, path, build_id, mapping.memory_start, mapping.memory_limit)
    });
    assert_eq!(
        mappings.collect::<Vec<_>>(),
        [
            (1, "/usr/bin/server", "beef", 0, 0x1201),
            (2, "[kernel]", "", 0, 0xffff_ffff_8100_0001),
            (3, "/usr/lib/libfoo.so", "", 0, 0x1235),
        ]
    );
    let inlined = profile.location.iter().find(|place| place.address == 0x1200).unwrap();
    assert_eq!(inlined.mapping_id, 1);
    let lines = inlined.line.iter().map(|line| {
        let function = profile.function.iter().find(|f| f.id == line.function_id).unwrap();
        assert_eq!(function.system_name, 0, "nobody demangles it again");
        (profile.at(function.name), profile.at(function.filename), line.line)
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [("Table::touch", "/src/table.rs", 42), ("Table::grow", "/src/table.rs", 99)]
    );
    // Each place, function and text is there once.
    assert_eq!(profile.location.len(), 7);
    assert_eq!(profile.function.len(), 8);
    let mut texts = profile.string_table.clone();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), profile.string_table.len());
}

#[test]
fn comments_say_how_exact_it_is() {
    let profile = decoded(&faults(), Weight::Stall);
    let comments: Vec<&str> = profile.comment.iter().map(|&text| profile.at(text)).collect();
    assert_eq!(
        &comments[..2],
        ["page faults of: run.pft", "recorded: 10 s long, from 2026-11-20 12:34:56 UTC"]
    );
    for comment in [
        "captured: 6 faults, none lost: 5 completed, 1 failed",
        "note: no call chain for 3 of 6 faults, 1.9 % of the stall time: under [no call chain]",
        "note: 1 fault of unknown latency with no stall time",
        "note: 1 fault of unknown size with no bytes",
    ] {
        assert!(comments.contains(&comment), "{comment}: {comments:#?}");
    }
}

#[test]
fn comments_say_what_is_selected() {
    let mut loaded = faults();
    let what = "class major".to_owned();
    loaded.selection = Some(Selected { what, windows: Vec::new() });
    let faults = loaded.analysis.faults.len();
    let profile = decoded(&loaded, Weight::Stall);
    let comment = profile.at(profile.comment[3]);
    assert_eq!(comment, format!("selected: {faults} faults: class major"));
}

#[test]
fn without_call_chains_or_symbols() {
    let mut loaded = faults();
    loaded.analysis.call_chains.clear();
    let lines = decoded(&loaded, Weight::Faults).lines();
    assert!(lines[0].starts_with("Table::grow;Table::touch {class=major "), "{lines:?}");
    loaded.analysis.locations.clear();
    loaded.analysis.modules.clear();
    let profile = decoded(&loaded, Weight::Faults);
    let lines = profile.lines();
    assert!(lines[0].starts_with("[server] {class=major "), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("[kernel] {class=failed ")), "{lines:?}");
    assert_eq!(profile.mapping, []);
}

#[test]
fn several_traces_are_told_apart() {
    let mut loaded = faults();
    let mut second = loaded.members[0].clone();
    loaded.members[0].rows = 0..1;
    (second.name, second.rows) = ("other.pft".to_owned(), 1..usize::MAX);
    loaded.members.push(second);
    let lines = decoded(&loaded, Weight::Faults).lines();
    assert!(lines[0].ends_with("process=server trace=run.pft} [1, 90000, 4096]"), "{lines:?}");
    assert!(lines[1].ends_with("process=server trace=other.pft} [1, 10000, 4096]"), "{lines:?}");
}

#[test]
fn hostile_names_are_printable_and_once() {
    let mut loaded = faults();
    let analysis = &mut loaded.analysis;
    analysis.comms[0] = b"\x1b[2Jevil\xff".to_vec();
    analysis.locations[MAIN as usize].functions[0].name = vec![b'x'; 100_000];
    analysis.locations[LOOP as usize].functions[0].name = b"a;b\n".to_vec();
    analysis.locations[INLINED as usize].functions[0].file = b"\x1b]0;\x07".to_vec();
    analysis.modules[0].path = b"/bin/\x9b31m".to_vec();
    let profile = decoded(&loaded, Weight::Faults);
    assert!(profile.string_table.iter().flat_map(|text| text.chars()).all(|c| !c.is_control()));
    assert_eq!(profile.string_table.iter().filter(|text| text.len() == 100_000).count(), 1);
    assert!(profile.lines()[0].contains("process=\\x1b[2Jevil\\xff"), "{:?}", profile.lines());
}

#[test]
fn absurd_latencies_do_not_overflow() {
    let mut loaded = faults();
    for chain in [0, 1] {
        let row = Row { latency: Some(u64::MAX - 1), chain, ..Row::default() };
        made_up::push(&mut loaded.analysis, row);
    }
    let profile = decoded(&loaded, Weight::Stall);
    let sum: i128 = profile.sample.iter().map(|sample| i128::from(sample.value[1])).sum();
    assert_eq!(sum, i128::from(i64::MAX));
}
