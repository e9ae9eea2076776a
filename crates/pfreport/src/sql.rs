//! SQL over the tables.

mod guard;
mod types;
mod words;

pub use guard::guarded;
pub use types::{empty_faults, for_sql};
pub use words::{plain_numbers, words_before_parentheses};
