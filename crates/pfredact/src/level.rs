//! How much goes.

use std::fmt;
use std::str::FromStr;

/// How much is removed; each level removes what those before it do, and more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Names of users and of the host wherever they occur, user ids, times of day and uuid, and where
    /// address spaces begin.
    Names,
    /// Folders and files outside of the system's own, and numbers of files and devices.
    Paths,
    /// Command line, labels, marks, control groups, names of threads and of memory.
    Arguments,
    /// Functions, variables, source files, sections and build ids of whatever is not of the system.
    #[default]
    Symbols,
    /// All names that the analysis can do without, those of the system too; process ids.
    All,
}

impl Level {
    /// All levels, the weakest first.
    pub const ALL: [Self; 5] =
        [Self::Names, Self::Paths, Self::Arguments, Self::Symbols, Self::All];

    /// Its name on the command line, and in the fact `redacted.level`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Paths => "paths",
            Self::Arguments => "arguments",
            Self::Symbols => "symbols",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|level| level.name() == word);
        found.ok_or_else(|| format!("the levels are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How much goes.
    pub level: Level,
    /// What pseudonyms are made from: traces redacted with the same seed have the same ones. Whoever
    /// knows it can check guesses. Without it they are made from random numbers.
    pub seed: Option<String>,
    /// Words that must not occur anywhere, in whatever case.
    pub hide: Vec<String>,
    /// Folders whose content is as public as the system's.
    pub keep: Vec<String>,
}
