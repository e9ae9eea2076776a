//! One lane of a plot of addresses.

use pfmodel::table::{Analysis, Process};

use super::stretches::Stretches;
use crate::print::text::{LONGEST, printable, shorten};

/// What a lane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A place, by its number.
    Place(usize),
    /// All places without a lane of their own.
    Rest,
}

/// One lane: what it is called, what it covers, how often each cell faulted.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Id of the process and a blank, if there are several.
    pub process: String,
    /// Name of the process and a blank, if there are several of different names.
    pub program: String,
    /// Region or file.
    pub name: String,
    /// Kind of memory.
    pub kind: &'static str,
    /// Kind, size, parts and number of faults; and the same without the parts, and without the kind as well.
    pub(super) details: [String; 3],
    /// Its addresses, as pages; none for the lane of all the rest.
    pub stretches: Stretches,
    /// Rows of cells, low addresses in the first.
    pub rows: usize,
    /// Faults per cell, row by row.
    pub cells: Vec<u32>,
    pub(super) content: Content,
}

impl Lane {
    /// What stands before a name in so much room, as `width` measures it: id and name of the process, only the id
    /// where the last part of the name has no room behind both.
    #[must_use]
    pub fn prefix(&self, name: &str, room: i32, width: impl Fn(&str) -> i32) -> String {
        let least =
            name.rsplit_once('/').map_or_else(|| name.to_owned(), |(_, base)| format!("…/{base}"));
        let both = format!("{}{}", self.process, self.program);
        let fits = width(&format!("{both}{least}")) <= room;
        if fits { both } else { self.process.clone() }
    }

    /// All that it holds: kind, size, parts and number of faults.
    #[must_use]
    pub fn details(&self) -> &str {
        &self.details[0]
    }

    /// As much of that as fits, or the least there is.
    #[must_use]
    pub fn details_that(&self, fits: impl Fn(&str) -> bool) -> &str {
        let [.., least] = &self.details;
        self.details.iter().find(|details| fits(details)).unwrap_or(least)
    }

    /// What a single line says behind the process: of a file, which may have several lanes, also the kind of
    /// memory.
    #[must_use]
    pub fn label(&self) -> String {
        if self.name.contains('/') {
            format!("{} {}", self.name, self.kind)
        } else {
            self.name.clone()
        }
    }
}

/// Name of a process and a blank; nothing where all have the same name.
pub(super) fn program(analysis: &Analysis, proc: u32) -> String {
    let name = |process: &Process| analysis.comms.get(process.comm as usize).map(Vec::as_slice);
    let mut names = analysis.processes.iter().map(name);
    let first = names.next();
    let process = analysis.processes.get(proc as usize);
    match process.and_then(name).filter(|_| !names.all(|name| Some(name) == first)) {
        Some(name) => format!("{} ", shorten(&printable(name), LONGEST)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::made_up::{self, Row};
    use crate::outputs::plot::lanes::Lanes;

    #[test]
    fn processes_have_names_where_these_differ() {
        let mut loaded = made_up::two_processes();
        for proc in [0, 1] {
            let row = Row { proc, mapping: pfmodel::table::NONE, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        let lanes = Lanes::choose(&loaded, 5).lanes;
        let width = |text: &str| text.chars().count() as i32;
        let prefix = |name: &str, room| lanes[1].prefix(name, room, width);
        assert_eq!([lanes[0].process.as_str(), &lanes[0].program], ["4242 ", "server "]);
        assert_eq!(prefix("[heap]", 18), "4243 worker ");
        assert_eq!(prefix("[heap]", 17), "4243 ");
        assert_eq!(prefix("/usr/lib/libc.so", 21), "4243 worker ");
        assert_eq!(prefix("/usr/lib/libc.so", 20), "4243 ");
        loaded.analysis.comms[1] = b"server".to_vec();
        let lanes = Lanes::choose(&loaded, 5).lanes;
        assert_eq!([lanes[0].process.as_str(), &lanes[0].program], ["4242 ", ""]);
    }
}
