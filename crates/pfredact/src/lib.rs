//! Traces fit to be shared: the same faults, without the names of whoever recorded.
//!
//! [`Plan::new`] reads a trace once and decides on every piece of text and every number in it;
//! [`Plan::write`] reads it again and writes the same frames with pseudonyms, one to one, in a form that
//! keeps what the analysis goes by; [`Plan::check`] reads the output and looks for everything that had to
//! go. `schemas/redaction.md` says what each [`Level`] removes.
//!
//! `fields` and `numbers` know where text and numbers are in a frame; `classify` and `paths` cut texts into
//! `pieces`, each of which stays or goes, by the lists of `vocabulary`; `words` finds what goes in texts that
//! stay; `pseudonyms`, `addresses` and `identities` say what stands for what.

mod addresses;
mod check;
mod classify;
mod error;
mod fields;
mod identities;
mod level;
mod numbers;
mod paths;
mod pieces;
mod plan;
mod pseudonyms;
#[cfg(test)]
mod tests;
mod vocabulary;
mod words;
mod write;

pub use check::{Checked, Remains};
pub use error::{Error, Result};
pub use level::{Level, Options};
pub use plan::{GONE, Plan, Stay, Summary};
pub use pseudonyms::pseudonym;
