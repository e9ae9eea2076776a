//! Which event a record is of, and so how it is to be read.

use rustc_hash::FxHashMap;

use super::attr::Attr;
use super::sample;

/// The events of a file by the ids that records carry.
#[derive(Debug, Clone, Default)]
pub struct Layouts {
    attrs: Vec<Attr>,
    by_id: FxHashMap<u64, usize>,
    cpus: FxHashMap<u64, u32>,
    /// Where the id is: from the start of samples, from the end of others.
    places: (Option<usize>, Option<usize>),
}

impl Layouts {
    /// Takes the events, each with its ids; `None` if samples of one could be those of another.
    pub fn new(events: &[(Attr, Vec<u64>)], cpus: FxHashMap<u64, u32>) -> Option<Self> {
        let attrs: Vec<Attr> = events.iter().map(|(attr, _)| *attr).collect();
        let ids = events.iter().enumerate();
        let by_id = ids.flat_map(|(at, (_, ids))| ids.iter().map(move |&id| (id, at))).collect();
        let common = |place: fn(&Attr) -> Option<usize>| {
            let mut places = attrs.iter().map(place);
            let first = places.next()??;
            places.all(|place| place == Some(first)).then_some(first)
        };
        let places = (common(sample::id_offset), common(sample::id_distance));
        let can_tell = attrs.len() < 2 || places.0.is_some();
        can_tell.then_some(Self { attrs, by_id, cpus, places })
    }

    fn id(body: &[u8], at: Option<usize>) -> Option<u64> {
        let at = at?;
        let bytes = body.get(at..at.checked_add(8)?)?;
        bytes.try_into().ok().map(u64::from_le_bytes)
    }

    /// The number and the layout of a sample's event.
    pub fn of_sample(&self, body: &[u8]) -> Option<(usize, &Attr)> {
        let at = match self.attrs.len() {
            1 => 0,
            _ => *self.by_id.get(&Self::id(body, self.places.0)?)?,
        };
        Some((at, self.attrs.get(at)?))
    }

    /// The same of another record; what perf made up itself has the layout of the first event.
    pub fn of_other(&self, body: &[u8]) -> Option<(usize, &Attr)> {
        let at = self.places.1.and_then(|distance| body.len().checked_sub(distance));
        let at = Self::id(body, at).and_then(|id| self.by_id.get(&id)).copied().unwrap_or(0);
        Some((at, self.attrs.get(at)?))
    }

    /// The CPU to which the event of this id is bound, if that is known.
    pub fn cpu(&self, id: u64) -> Option<u32> {
        self.cpus.get(&id).copied().filter(|&cpu| cpu != u32::MAX)
    }
}
