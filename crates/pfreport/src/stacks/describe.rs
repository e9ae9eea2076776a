//! What an output of stacks shows, and what it cannot show, in words.

use super::{Stacks, Weight};
use crate::load::Loaded;
use crate::scope::Scope;
use crate::text::shorten;
use crate::units::{bytes, count, counted, duration, percent};

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

    /// Total, unit, and what the picture cannot show.
    #[must_use]
    pub fn subtitle(&self, loaded: &Loaded) -> String {
        let faults = counted(self.faults, "fault");
        let total = match self.weight {
            Weight::Faults => faults,
            Weight::Stall => format!("{} in {faults}, all threads", duration(self.total)),
            Weight::Bytes => format!("{} in {faults}", bytes(self.total)),
        };
        let parts = [Some(total), self.chainless(), self.unweighted(), caveat(loaded)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// What a reader of the stacks alone would not know.
    #[must_use]
    pub fn notes(&self, loaded: &Loaded) -> Vec<String> {
        let chainless = self.chainless().map(|text| format!("{text}, under [no call chain]"));
        [chainless, self.unweighted(), caveat(loaded)].into_iter().flatten().collect()
    }

    fn chainless(&self) -> Option<String> {
        if !self.has_chains || self.chainless == 0 {
            return None;
        }
        let number = format!("{} of {}", count(self.chainless), counted(self.faults, "fault"));
        let share = percent(self.chainless_weight, self.total);
        let of = match self.weight {
            Weight::Faults => "of all",
            Weight::Stall => "of the stall time",
            Weight::Bytes => "of the bytes",
        };
        let have = if self.chainless == 1 { "has" } else { "have" };
        Some(format!("{number} ({share} {of}) {have} no call chain"))
    }

    fn unweighted(&self) -> Option<String> {
        let what = match self.weight {
            Weight::Faults => return None,
            Weight::Stall => "unknown latency",
            Weight::Bytes => "unknown size",
        };
        let faults = counted(self.unweighted, "fault");
        (self.unweighted > 0).then(|| format!("{faults} of {what} left out"))
    }
}

fn caveat(loaded: &Loaded) -> Option<String> {
    Scope::of(loaded).caveat(loaded.skipped())
}

#[cfg(test)]
mod tests {
    use super::{Stacks, Weight};
    use crate::sample::{self, HEAP, MAIN, Row};

    #[test]
    fn what_is_missing_is_said() {
        let mut loaded = sample::with_code();
        loaded.analysis.call_chains = vec![sample::chain(&[], &[MAIN], false)];
        let touch = Row { mapping: HEAP, ..Row::default() };
        for row in
            [Row { chain: 0, ..touch }, touch, touch, Row { latency: None, size: 0, ..touch }]
        {
            sample::push(&mut loaded.analysis, row);
        }
        let of = |weight| Stacks::of(&loaded, weight, 100);
        let stall = of(Weight::Stall);
        assert_eq!(stall.title(&loaded), "run.pft: stall time of page faults by call chain");
        assert_eq!(
            stall.subtitle(&loaded),
            "3 µs in 4 faults, all threads; 3 of 4 faults (67 % of the stall time) have no call chain; \
             1 fault of unknown latency left out"
        );
        assert_eq!(
            of(Weight::Bytes).notes(&loaded),
            [
                "3 of 4 faults (67 % of the bytes) have no call chain, under [no call chain]",
                "1 fault of unknown size left out"
            ]
        );
        let faults = of(Weight::Faults).subtitle(&loaded);
        assert_eq!(faults, "4 faults; 3 of 4 faults (75 % of all) have no call chain");

        loaded.analysis.call_chains.clear();
        let stacks = Stacks::of(&loaded, Weight::Faults, 100);
        assert_eq!(stacks.title(&loaded), "run.pft: page faults by module and function");
        assert_eq!(stacks.notes(&loaded), [""; 0]);
    }
}
