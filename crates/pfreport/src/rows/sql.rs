//! SQL over the tables, and over the columns of one of them.

mod guard;
mod query;
mod types;
mod words;

pub use guard::guarded;
pub use query::Query;
pub use types::{empty_faults, for_sql};
pub use words::{plain_numbers, words_before_parentheses};
