//! Writes a golden trace of `testdata/` that is made by hand, or the example of `schemas/pft.md`:
//! `cargo run -p pfdamage --bin golden-trace NAME FILE`

use std::error::Error;
use std::fs::File;
use std::io::Write as _;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [name, path] = &arguments[..] else {
        return Err(format!("usage: golden-trace {} FILE", pfdamage::GOLDEN.join("|")).into());
    };
    let bytes = pfdamage::golden(&name.to_string_lossy())?;
    Ok(File::create_new(path)?.write_all(&bytes)?)
}
