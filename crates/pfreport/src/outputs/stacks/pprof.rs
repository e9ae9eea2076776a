//! Stacks as a profile of pprof: a compressed protocol buffer that `go tool pprof`, Parca and Pyroscope read.
//!
//! One sample is one [`Site`], with three values: `faults/count`, `stall/nanoseconds` and `installed/bytes`.
//! Class, cause, region and process are labels, so that the stacks end with the faulting function:
//!
//! ```text
//! go tool pprof -http=: run.pft.pb.gz                      the costliest stacks in a browser
//! go tool pprof -top -sample_index=faults run.pft.pb.gz    functions by faults
//! go tool pprof -top -tagfocus=class=major run.pft.pb.gz   only major faults
//! go tool pprof -tags run.pft.pb.gz                        classes, causes and regions
//! go tool pprof -comments run.pft.pb.gz                    what was recorded, and how exactly
//! ```
//!
//! Addresses are those of [`pfmodel::table::Location`], in modules that begin at 0, since processes have a
//! module at different addresses. Functions come from the trace, and mappings say that all is known: a
//! reader need not look for symbols, and must not take those of another machine. The crates that write this
//! format know one value and one label a sample, hence the messages in [`proto`].

pub mod proto;

use std::collections::HashMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use pfmodel::table::{Analysis, Location};
use pft::record::ModuleKind;
use prost::Message as _;

use super::describe;
use super::{NO_CALL_CHAIN, Site, Sites, Weight};
use crate::load::Loaded;
use crate::names::chains::CUT_OFF;
use crate::names::code::build_id;
use crate::print::text::printable;
use proto::{Function, Label, Line, Mapping, Profile, Sample, ValueType};

/// The values of a sample in their order: name, unit, weight.
const VALUES: [(&str, &str, Weight); 3] = [
    ("faults", "count", Weight::Faults),
    ("stall", "nanoseconds", Weight::Stall),
    ("installed", "bytes", Weight::Bytes),
];

/// Writes the profile, compressed. `weight` is shown first.
///
/// # Errors
/// Those of `out`.
pub fn write(loaded: &Loaded, sites: &Sites, weight: Weight, out: impl Write) -> io::Result<()> {
    let mut out = GzEncoder::new(out, Compression::default());
    out.write_all(&profile(loaded, sites, weight).encode_to_vec())?;
    out.finish()?.flush()
}

/// The profile.
fn profile(loaded: &Loaded, sites: &Sites, weight: Weight) -> Profile {
    let mut builder = Builder::new(&loaded.analysis);
    builder.program();
    let [faults, stall, installed] = VALUES
        .map(|(name, unit, _)| ValueType { r#type: builder.text(name), unit: builder.text(unit) });
    builder.profile.sample_type = vec![faults, stall, installed];
    // Every fault was recorded.
    builder.profile.period_type = Some(faults);
    builder.profile.period = 1;
    let first = VALUES.iter().find(|value| value.2 == weight).map_or("", |value| value.0);
    builder.profile.default_sample_type = builder.text(first);
    builder.profile.time_nanos = signed(loaded.header.start_realtime_ns);
    builder.profile.duration_nanos = signed(loaded.analysis.duration_ns);
    for (label, text) in describe::comments(loaded, sites, weight) {
        let line = builder.text(&format!("{label}: {text}"));
        builder.profile.comment.push(line);
    }
    // Readers add up signed numbers: only absurd latencies come to more than fits.
    let mut room = [i64::MAX.unsigned_abs(); VALUES.len()];
    for (site, sums) in &sites.all {
        let mut sample = Sample {
            location_id: builder.stack(site, sites.has_chains),
            value: Vec::with_capacity(VALUES.len()),
            label: builder.labels(loaded, site),
        };
        for ((_, _, weight), room) in VALUES.iter().zip(&mut room) {
            let value = sums.of(*weight).min(*room);
            *room -= value;
            sample.value.push(signed(value));
        }
        builder.profile.sample.push(sample);
    }
    builder.profile
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What a mapping is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Holder {
    Module(u32),
    Label(Vec<u8>),
}

/// A profile under construction, with what it has already.
struct Builder<'a> {
    analysis: &'a Analysis,
    profile: Profile,
    texts: HashMap<String, i64>,
    functions: HashMap<(i64, i64), u64>,
    mappings: HashMap<Holder, u64>,
    locations: HashMap<u32, u64>,
    names: HashMap<String, u64>,
}

impl<'a> Builder<'a> {
    fn new(analysis: &'a Analysis) -> Self {
        let mut builder = Self {
            analysis,
            profile: Profile::default(),
            texts: HashMap::new(),
            functions: HashMap::new(),
            mappings: HashMap::new(),
            locations: HashMap::new(),
            names: HashMap::new(),
        };
        builder.text("");
        builder
    }

    fn text(&mut self, text: &str) -> i64 {
        if let Some(&index) = self.texts.get(text) {
            return index;
        }
        let index = self.profile.string_table.len() as i64;
        self.profile.string_table.push(text.to_owned());
        self.texts.insert(text.to_owned(), index);
        index
    }

    fn labels(&mut self, loaded: &Loaded, site: &Site) -> Vec<Label> {
        let mut labels = vec![
            ("class", site.class.as_str().to_owned()),
            ("cause", site.cause.as_str().to_owned()),
            ("region", printable(site.region(self.analysis))),
            ("process", printable(site.process(self.analysis))),
        ];
        if let Some(member) =
            loaded.members.get(site.member as usize).filter(|_| loaded.members.len() > 1)
        {
            labels.push(("trace", member.name.clone()));
        }
        let labels =
            labels.iter().map(|(key, text)| Label { key: self.text(key), str: self.text(text) });
        labels.collect()
    }

    /// Locations, the innermost first.
    fn stack(&mut self, site: &Site, has_chains: bool) -> Vec<u64> {
        if let Some(chain) = self.analysis.call_chains.get(site.chain as usize) {
            let places = chain.kernel.iter().chain(&chain.user);
            let mut stack: Vec<u64> = places.map(|&place| self.location(place)).collect();
            if chain.cut {
                stack.push(self.name(CUT_OFF));
            }
            return stack;
        }
        let innermost = match self.analysis.locations.get(site.place as usize) {
            Some(_) => self.location(site.place),
            None => self.name(&bracketed(site.module(self.analysis))),
        };
        let mut stack = vec![innermost];
        if has_chains {
            stack.push(self.name(NO_CALL_CHAIN));
        }
        stack
    }

    /// A place in code.
    fn location(&mut self, place: u32) -> u64 {
        if let Some(&id) = self.locations.get(&place) {
            return id;
        }
        let analysis = self.analysis;
        let Some(location) = analysis.locations.get(place as usize) else {
            return self.name(&bracketed(b""));
        };
        let functions = location.functions.iter().filter(|function| !function.name.is_empty());
        let mut line: Vec<Line> = functions
            .map(|function| {
                let (name, file) = (printable(&function.name), printable(&function.file));
                Line { function_id: self.function(&name, &file), line: i64::from(function.line) }
            })
            .collect();
        if line.is_empty() {
            let function_id = self.function(&bracketed(&location.module_label), "");
            line.push(Line { function_id, line: 0 });
        }
        let mapping_id = self.mapping(location);
        let id = self.add(proto::Location { id: 0, mapping_id, address: location.address, line });
        self.locations.insert(place, id);
        id
    }

    /// What is no place in code.
    fn name(&mut self, name: &str) -> u64 {
        if let Some(&id) = self.names.get(name) {
            return id;
        }
        let line = vec![Line { function_id: self.function(name, ""), line: 0 }];
        let id = self.add(proto::Location { line, ..proto::Location::default() });
        self.names.insert(name.to_owned(), id);
        id
    }

    fn add(&mut self, location: proto::Location) -> u64 {
        let id = self.profile.location.len() as u64 + 1;
        self.profile.location.push(proto::Location { id, ..location });
        id
    }

    fn function(&mut self, name: &str, file: &str) -> u64 {
        let (name, filename) = (self.text(name), self.text(file));
        *self.functions.entry((name, filename)).or_insert_with(|| {
            let id = self.profile.function.len() as u64 + 1;
            self.profile.function.push(Function { id, name, system_name: 0, filename });
            id
        })
    }

    /// The mapping of the program, which readers expect to be the first: the first module that was mapped.
    fn program(&mut self) {
        let modules = &self.analysis.modules;
        let first = modules.iter().position(|module| module.kind == ModuleKind::Elf);
        if let Some(module) = first {
            self.holder(Holder::Module(module as u32));
        }
    }

    /// The module of a place; 0 for none.
    fn mapping(&mut self, location: &Location) -> u64 {
        let holder = if (location.module as usize) < self.analysis.modules.len() {
            Holder::Module(location.module)
        } else if location.module_label.is_empty() {
            return 0;
        } else {
            Holder::Label(location.module_label.clone())
        };
        let id = self.holder(holder);
        let index = usize::try_from(id - 1).unwrap_or(usize::MAX);
        if let Some(mapping) = self.profile.mapping.get_mut(index) {
            mapping.memory_limit = mapping.memory_limit.max(location.address.saturating_add(1));
        }
        id
    }

    fn holder(&mut self, holder: Holder) -> u64 {
        if let Some(&id) = self.mappings.get(&holder) {
            return id;
        }
        let (path, build_id) = match &holder {
            Holder::Module(number) => {
                let module = self.analysis.modules.get(*number as usize);
                module.map_or((String::new(), None), |module| {
                    (printable(&module.path), build_id(&module.build_id))
                })
            }
            Holder::Label(label) => (printable(label), None),
        };
        let id = self.profile.mapping.len() as u64 + 1;
        let mapping = Mapping {
            id,
            filename: self.text(&path),
            build_id: self.text(&build_id.unwrap_or_default()),
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            has_inline_frames: true,
            ..Mapping::default()
        };
        self.profile.mapping.push(mapping);
        self.mappings.insert(holder, id);
        id
    }
}

/// A module in place of a function that is not known, as folded stacks have it.
fn bracketed(label: &[u8]) -> String {
    match label {
        [] => "[unknown]".to_owned(),
        [b'[', ..] => printable(label),
        _ => format!("[{}]", printable(label)),
    }
}

#[cfg(test)]
mod tests;
