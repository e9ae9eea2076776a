//! What is true of a trace, and what a report on a damaged copy of it may say.

use std::collections::HashMap;

use pfmodel::names::{Class, MapConfidence};
use pfreport::figures::accounts::Taken;
use pfreport::load::Loaded;

/// What tells a fault from others.
type Key = (u64, u32, u64);

/// What is true of a trace.
pub struct Truth {
    loaded: Loaded,
    /// The mapping of each fault that lies in one: where it begins, and its path.
    mappings: HashMap<Key, Option<(u64, Vec<u8>)>>,
}

impl Truth {
    pub fn of(name: &str, loaded: Loaded) -> Self {
        assert!(loaded.is_whole(), "{name}: {:?}", loaded.flaws());
        let mappings = mappings(&loaded).collect();
        Self { loaded, mappings }
    }

    /// How many faults there are.
    pub fn faults(&self) -> usize {
        self.loaded.analysis.faults.len()
    }

    /// Whether all that a report on what is left says with certainty is so.
    pub fn judge(&self, left: &Loaded) -> Result<(), String> {
        let (true_counts, counts) = (counts(&self.loaded), counts(left));
        let sound = left.damage.is_empty();
        if sound || left.is_whole() {
            let same = counts == true_counts
                && left.ledger == self.loaded.ledger
                && facts(left) == facts(&self.loaded)
                && left.marks == self.loaded.marks
                && left.analysis.mappings.len() == self.loaded.analysis.mappings.len()
                && left.oom == self.loaded.oom
                && left.analysis.cgroups == self.loaded.analysis.cgroups;
            if !same {
                return Err(format!("called sound: {counts:?} instead of {true_counts:?}"));
            }
        }
        let missing = completed(&self.loaded).checked_sub(completed(left));
        let missing = missing.ok_or("it has more faults than there were")?;
        let taken = left.taken_by_damage();
        let holds = match taken {
            None => missing == 0,
            Some(Taken::Exactly(taken)) => taken == missing,
            Some(Taken::AtLeast(taken)) => taken <= missing,
        };
        if !holds {
            return Err(format!("{taken:?} were taken, they say; it is {missing}"));
        }
        for row in left.missing_rows() {
            if row.expected != row.rows {
                return Err(format!("rows are missing, they say: {row:?}"));
            }
        }
        self.judge_mappings(left)
    }

    /// A mapping that is called exact is the one that it was.
    fn judge_mappings(&self, left: &Loaded) -> Result<(), String> {
        let confidence = &left.analysis.faults.map_confidence;
        for ((key, mapping), confidence) in mappings(left).zip(confidence.iter()) {
            let Some(true_mapping) = self.mappings.get(&key) else {
                return Err(format!("there was no fault {key:x?}"));
            };
            if *confidence == MapConfidence::Exact
                && !is_same(mapping.as_ref(), true_mapping.as_ref())
            {
                return Err(format!(
                    "the mapping of {key:x?} is exactly {mapping:x?}, they say; it is {true_mapping:x?}; {:?}",
                    left.damage
                ));
            }
        }
        Ok(())
    }
}

/// Whether it is the same mapping. Only snapshots tell what anonymous memory is called.
fn is_same(found: Option<&(u64, Vec<u8>)>, truth: Option<&(u64, Vec<u8>)>) -> bool {
    match (found, truth) {
        (Some((start, path)), Some((true_start, true_path))) => {
            let is_name = true_path == b"[heap]" || true_path.starts_with(b"[anon:");
            let lacks_name = path.is_empty() && is_name;
            start == true_start && (path == true_path || lacks_name)
        }
        (None, None) => true,
        _ => false,
    }
}

fn counts(loaded: &Loaded) -> (usize, [u64; 4]) {
    let classes = [Class::Minor, Class::Major, Class::Cow, Class::Failed];
    (loaded.analysis.faults.len(), classes.map(|class| loaded.class_total(class)))
}

/// All facts but the one that `recover` adds.
fn facts(loaded: &Loaded) -> Vec<(&String, &String)> {
    loaded.facts.iter().filter(|(key, _)| *key != "recovered.from").collect()
}

fn completed(loaded: &Loaded) -> u64 {
    [Class::Minor, Class::Major, Class::Cow].iter().map(|&class| loaded.class_total(class)).sum()
}

fn mappings(loaded: &Loaded) -> impl Iterator<Item = (Key, Option<(u64, Vec<u8>)>)> {
    let analysis = &loaded.analysis;
    let faults = &analysis.faults;
    (0..faults.len()).map(move |row| {
        let mapping = analysis.mappings.get(faults.mapping[row] as usize);
        let mapping = mapping.map(|mapping| (mapping.start, mapping.path.clone()));
        ((faults.time_ns[row], faults.tid[row], faults.addr[row]), mapping)
    })
}
