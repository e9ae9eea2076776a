//! A file for every rule, which breaks that rule and no other, and the findings.

mod bytes;
mod frames;
mod order;
mod records;

/// A name, a file, and what is found in it.
pub type Forgery<T = &'static str> = (&'static str, Vec<u8>, Vec<T>);

pub use order::faults_behind;

/// All of them.
pub fn all() -> Vec<Forgery<String>> {
    let others = frames::all().into_iter().chain(records::all()).chain(order::all());
    let others = others.map(|(name, bytes, expected)| {
        (name, bytes, expected.into_iter().map(ToOwned::to_owned).collect())
    });
    bytes::all().into_iter().chain(others).collect()
}
