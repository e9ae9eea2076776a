//! What fuzzers found before: inputs that reach all code that was ever reached, and those that broke a
//! promise once.

use pffuzz::TARGETS;

use crate::stored;

#[test]
fn every_stored_input_holds() {
    pffuzz::quiet_dependencies();
    for target in TARGETS {
        let inputs = stored::inputs(target);
        for input in &inputs {
            stored::run(target, &input.bytes, || input.path.display().to_string());
        }
        let bytes: usize = inputs.iter().map(|input| input.bytes.len()).sum();
        println!("{:<11}{:>6} inputs, {bytes} bytes", target.name, inputs.len());
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
    }
}
