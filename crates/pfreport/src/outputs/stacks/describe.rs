//! What an output of stacks shows, and what it cannot show, in words.

use super::{Sites, Stacks, Weight};
use crate::figures::scope::{CallGraph, Scope};
use crate::load::Loaded;
use crate::outputs::summary::exactness_lines;
use crate::print::text::shorten;
use crate::print::units::{bytes, count, counted, duration, percent, utc};

/// Longest name of a trace in a title.
const NAME_CHARACTERS: usize = 40;

impl Stacks {
    /// `run.pft: stall time of page faults by call chain`.
    #[must_use]
    pub fn title(&self, loaded: &Loaded) -> String {
        let what = match self.weight {
            Weight::Faults => "page faults",
            Weight::Stall => "stall time of page faults",
            Weight::Bytes => "bytes installed by page faults",
        };
        let by = if self.has_chains { "call chain" } else { "module and function" };
        format!("{}: {what} by {by}", shorten(&loaded.name, NAME_CHARACTERS))
    }

    /// Total, unit, and what the picture cannot show, in one line.
    #[must_use]
    pub fn subtitle(&self, loaded: &Loaded) -> String {
        let faults = counted(self.faults, "fault");
        let total = match self.weight {
            Weight::Faults => faults,
            Weight::Stall => format!("{} in {faults}", duration(self.total)),
            Weight::Bytes => format!("{} in {faults}", bytes(self.total)),
        };
        let chainless = self.has_chainless().then(|| {
            let share = percent(self.chainless_weight, self.total);
            let copied = copied(loaded).map_or_else(String::new, |text| format!("; {text}"));
            format!("no call chain: {} ({share}{copied})", count(self.chainless))
        });
        let unweighted =
            self.unknown().map(|what| format!("{what}: {} left out", count(self.unweighted)));
        let parts = [Some(total), chainless, unweighted, caveat(loaded)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// What a reader of the stacks alone would not know, in sentences.
    #[must_use]
    pub fn notes(&self, loaded: &Loaded) -> Vec<String> {
        let of = match self.weight {
            Weight::Faults => "all",
            Weight::Stall => "the stall time",
            Weight::Bytes => "the bytes",
        };
        let chainless = self.has_chainless().then(|| {
            let number = format!("{} of {}", count(self.chainless), counted(self.faults, "fault"));
            let share = percent(self.chainless_weight, self.total);
            let copied = copied(loaded).map_or_else(String::new, |text| format!("; {text}"));
            format!("no call chain for {number}, {share} of {of}: under [no call chain]{copied}")
        });
        let unweighted = self
            .unknown()
            .map(|what| format!("{} of {what} left out", counted(self.unweighted, "fault")));
        [chainless, unweighted, caveat(loaded)].into_iter().flatten().collect()
    }

    const fn has_chainless(&self) -> bool {
        self.has_chains && self.chainless > 0
    }

    /// What is not known of the faults without a weight, if there are any.
    fn unknown(&self) -> Option<&'static str> {
        let what = match self.weight {
            Weight::Faults => return None,
            Weight::Stall => "unknown latency",
            Weight::Bytes => "unknown size",
        };
        (self.unweighted > 0).then_some(what)
    }
}

/// What a profile says of itself: what each remark is of, and its text.
pub fn comments(loaded: &Loaded, sites: &Sites, weight: Weight) -> Vec<(String, String)> {
    let pair = |label: &str, text: String| (label.to_owned(), text);
    let recorded = format!(
        "{} long, from {}",
        duration(loaded.analysis.duration_ns),
        loaded.wall_start_ns().map_or_else(|| "an unknown time".to_owned(), utc)
    );
    let mut comments = vec![
        pair("page faults of", loaded.name.clone()),
        pair("recorded", recorded),
        pair("made by", crate::GENERATOR.to_owned()),
    ];
    if let Some(selection) = &loaded.selection {
        let faults = counted(loaded.analysis.faults.len() as u64, "fault");
        comments.push(pair("selected", format!("{faults}: {}", selection.what)));
    }
    comments.extend(exactness_lines(loaded));
    comments.extend(sites.notes(loaded, weight).into_iter().map(|note| pair("note", note)));
    comments
}

impl Sites {
    /// What a reader of an output that shows all weights would not know, in sentences; one weight is shown
    /// first.
    #[must_use]
    pub fn notes(&self, loaded: &Loaded, weight: Weight) -> Vec<String> {
        let first = Stacks { unweighted: 0, ..Stacks::without_frames(self, weight) };
        let mut notes = first.notes(loaded);
        for weight in [Weight::Stall, Weight::Bytes] {
            let sums = Stacks::without_frames(self, weight);
            let what = match weight {
                Weight::Stall => "no stall time",
                _ => "no bytes",
            };
            if let Some(unknown) = sums.unknown() {
                let faults = counted(sums.unweighted, "fault");
                notes.push(format!("{faults} of {unknown} with {what}"));
            }
        }
        notes
    }
}

/// How many faults have a stack to unwind, where not all were meant to.
fn copied(loaded: &Loaded) -> Option<String> {
    match Scope::of(loaded).call_graph? {
        CallGraph::FramePointers | CallGraph::Stacks { minor_share: Some(1) | None } => None,
        CallGraph::Stacks { minor_share: Some(0) } => Some("minor faults have none".to_owned()),
        CallGraph::Stacks { minor_share: Some(n) } => {
            Some(format!("of minor faults 1 in {} has one", count(n)))
        }
    }
}

fn caveat(loaded: &Loaded) -> Option<String> {
    Scope::of(loaded).caveat(loaded.skipped())
}

#[cfg(test)]
mod tests {
    use pft::keys::fact;

    use super::{Loaded, Stacks, Weight};
    use crate::made_up::{self, HEAP, MAIN, Row};

    #[test]
    fn what_is_missing_is_said() {
        let mut loaded = made_up::with_code();
        loaded.analysis.call_chains = vec![made_up::chain(&[], &[MAIN], false)];
        let touch = Row { mapping: HEAP, ..Row::default() };
        for row in
            [Row { chain: 0, ..touch }, touch, touch, Row { latency: None, size: 0, ..touch }]
        {
            made_up::push(&mut loaded.analysis, row);
        }
        let of = |weight| Stacks::of(&loaded, weight, 100);
        let stall = of(Weight::Stall);
        assert_eq!(stall.title(&loaded), "run.pft: stall time of page faults by call chain");
        assert_eq!(
            stall.subtitle(&loaded),
            "3 µs in 4 faults; no call chain: 3 (67 %); unknown latency: 1 left out"
        );
        assert_eq!(
            of(Weight::Bytes).notes(&loaded),
            [
                "no call chain for 3 of 4 faults, 67 % of the bytes: under [no call chain]",
                "1 fault of unknown size left out"
            ]
        );
        let fact = |loaded: &mut Loaded, key: &str, value: &str| {
            loaded.facts.insert(key.to_owned(), value.to_owned());
        };
        fact(&mut loaded, fact::CAPTURE_CALL_GRAPH, "dwarf");
        fact(&mut loaded, fact::CAPTURE_STACK_SHARE, "16");
        let stacks = Stacks::of(&loaded, Weight::Faults, 100);
        assert_eq!(
            stacks.subtitle(&loaded),
            "4 faults; no call chain: 3 (75 %; of minor faults 1 in 16 has one)"
        );
        fact(&mut loaded, fact::CAPTURE_STACK_SHARE, "0");
        assert_eq!(
            stacks.notes(&loaded),
            [
                "no call chain for 3 of 4 faults, 75 % of all: under [no call chain]; minor faults have none"
            ]
        );

        loaded.analysis.call_chains.clear();
        let stacks = Stacks::of(&loaded, Weight::Faults, 100);
        assert_eq!(stacks.title(&loaded), "run.pft: page faults by module and function");
        assert_eq!(stacks.notes(&loaded), [""; 0]);
    }
}
