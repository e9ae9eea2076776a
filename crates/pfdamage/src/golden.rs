//! The hand-made ones of the golden traces in `testdata/`, as the writer of today makes them.

mod cgroups;
mod code;
mod moments;
mod newer;
mod small;
mod times;

use std::error::Error;

/// Names of the traces that [`golden`] makes: those of the files in `testdata/`, without `.pft`, and `small`, the
/// example of `schemas/pft.md`.
pub const GOLDEN: [&str; 6] =
    ["small", "v1.0-cgroups", "v1.0-code", "v1.0-moments", "v1.0-times", "v1.9-newer"];

/// The bytes of the trace of this name, one of [`GOLDEN`].
///
/// # Errors
/// There is none of this name, or it cannot be written.
pub fn golden(name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    match name {
        "small" => Ok(small::bytes()?),
        "v1.0-cgroups" => Ok(cgroups::bytes()?),
        "v1.0-code" => Ok(code::bytes()?),
        "v1.0-moments" => Ok(moments::bytes()?),
        "v1.0-times" => Ok(times::bytes()?),
        "v1.9-newer" => newer::bytes(),
        _ => Err(format!("no golden trace {name}; there are {}", GOLDEN.join(", ")).into()),
    }
}
