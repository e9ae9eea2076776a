//! Reading the lines.

use crate::Error;
use crate::protocol::names::{EXACTNESS, ORDER_KINDS, PHASES};
use crate::protocol::{Expectation, Order, Place, Total, Turn, Usage, decode_path};

/// The fields of one line.
pub(super) struct Fields<'a> {
    pub(super) line: &'a str,
}

impl<'a> Fields<'a> {
    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.line.split(' ').skip(1).filter_map(|field| field.split_once('='))
    }

    pub(super) fn bad(&self, key: &'static str) -> Error {
        Error::Field { line: self.line.to_owned(), key }
    }

    fn text(&self, key: &'static str) -> Result<&'a str, Error> {
        self.pairs().find(|(k, _)| *k == key).map(|(_, value)| value).ok_or_else(|| self.bad(key))
    }

    fn number<N: std::str::FromStr>(&self, key: &'static str) -> Result<N, Error> {
        self.text(key)?.parse().map_err(|_| self.bad(key))
    }

    fn address(&self, key: &'static str) -> Result<u64, Error> {
        self.text(key)?
            .strip_prefix("0x")
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.bad(key))
    }

    /// The variant of an enum whose name is the value of `key`.
    fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Result<T, Error> {
        let value = self.text(key)?;
        let choice = choices.iter().find(|(name, _)| *name == value);
        choice.map(|(_, variant)| *variant).ok_or_else(|| self.bad(key))
    }

    pub(super) fn expectation(&self) -> Result<Expectation, Error> {
        const OWN: [&str; 8] = ["pid", "start", "end", "phase", "class", "cause", "count", "exact"];
        let mut witness = Vec::new();
        for (key, value) in self.pairs().filter(|(key, _)| !OWN.contains(key)) {
            witness.push((key.to_owned(), value.parse().map_err(|_| self.bad("witness"))?));
        }
        Ok(Expectation {
            pid: self.number("pid")?,
            start: self.address("start")?,
            end: self.address("end")?,
            phase: self.choice("phase", PHASES)?,
            class: self.text("class")?.to_owned(),
            cause: self.text("cause")?.to_owned(),
            count: self.number("count")?,
            exact: self.choice("exact", EXACTNESS)?,
            witness,
        })
    }

    pub(super) fn order(&self) -> Result<Order, Error> {
        let offsets_file = self.text("offsets_file").ok().map(decode_path);
        let offsets = match (&offsets_file, self.text("offsets")) {
            (Some(_), _) => Vec::new(),
            (None, Ok("")) => Vec::new(),
            (None, list) => list?
                .split(',')
                .map(|offset| offset.parse().map_err(|_| self.bad("offsets")))
                .collect::<Result<_, _>>()?,
        };
        Ok(Order {
            path: decode_path(self.text("path")?),
            page_size_bytes: self.number("page_size")?,
            kind: self.choice("kind", ORDER_KINDS)?,
            offsets,
            offsets_file,
        })
    }

    pub(super) fn turn(&self) -> Result<Turn, Error> {
        Ok(Turn {
            pid: self.number("pid")?,
            start: self.address("start")?,
            end: self.address("end")?,
            path: decode_path(self.text("path")?),
            offset_bytes: self.number("offset")?,
            count: self.number("count")?,
        })
    }

    pub(super) fn place(&self) -> Result<Place, Error> {
        Ok(Place {
            pid: self.number("pid")?,
            start: self.address("start")?,
            end: self.address("end")?,
            kind: self.text("kind")?.to_owned(),
            label: decode_path(self.text("label")?).to_string_lossy().into_owned(),
            path: decode_path(self.text("path")?),
        })
    }

    pub(super) fn usage(&self) -> Result<Usage, Error> {
        Ok(Usage {
            pid: self.number("pid")?,
            minflt: self.number("minflt")?,
            majflt: self.number("majflt")?,
            wall_ns: self.number("wall_ns")?,
        })
    }

    pub(super) fn total(&self) -> Result<Total, Error> {
        Ok(Total {
            pid: self.number("pid")?,
            minflt: self.number("minflt")?,
            majflt: self.number("majflt")?,
            children_minflt: self.number("children_minflt")?,
            children_majflt: self.number("children_majflt")?,
        })
    }
}
