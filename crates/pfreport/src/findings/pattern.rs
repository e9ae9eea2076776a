//! In which order faults walk through each place. `schemas/patterns.md` defines each figure.

mod before;
mod steps;
mod view;
mod walk;

pub use before::{before, before_of_keys};
pub use steps::{Order, Steps};
pub use view::{render, table};
pub use walk::Pattern;

use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use crate::figures::pages::base_bytes;
use crate::findings::place::Places;
use crate::load::Loaded;

/// The pattern of every place that has completed faults, with its number; the costliest first: by stall
/// time, then by faults, then as [`Places::all`] has them.
#[must_use]
pub fn patterns(loaded: &Loaded, places: &Places) -> Vec<(usize, Pattern)> {
    let page_bytes = base_bytes(loaded.header.page_size_bytes);
    let mut patterns: Vec<(usize, Pattern)> = (0..places.all.len())
        .into_par_iter()
        .filter(|&place| !places.rows(place).is_empty())
        .map(|place| (place, walk::pattern(&loaded.analysis, places, place, page_bytes)))
        .collect();
    patterns.sort_by_key(|(place, pattern)| {
        (std::cmp::Reverse((pattern.stall_ns, pattern.faults)), *place)
    });
    patterns
}
