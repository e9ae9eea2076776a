//! A short run of each target on changed inputs: the same in every run, and without a fuzzer.

use std::thread;

use pffuzz::{TARGETS, Target};

use crate::mutator::Mutator;
use crate::stored;

#[test]
fn changed_inputs_hold() {
    // Panics of dependencies that are caught would fill the output.
    pffuzz::quiet_dependencies();
    thread::scope(|scope| {
        let (one, two): (Vec<_>, Vec<_>) =
            TARGETS.iter().enumerate().partition(|(n, _)| n % 2 == 0);
        for half in [one, two] {
            scope.spawn(move || half.into_iter().for_each(|(_, target)| run(target)));
        }
    });
}

fn run(target: &Target) {
    let mut inputs = (target.seeds)();
    inputs.extend(stored::inputs(target).into_iter().map(|input| input.bytes));
    let mut mutator = Mutator::new();
    for seed in &inputs {
        stored::run(target, seed, || format!("a seed of {} bytes", seed.len()));
    }
    for execution in 0..target.short_run {
        let mut bytes = inputs[mutator.below(inputs.len())].clone();
        let other = mutator.below(inputs.len());
        mutator.change(&mut bytes, &inputs[other], target.max_bytes);
        stored::run(target, &bytes, || keep(target, execution, &bytes));
    }
    println!("{:<11}{:>7} executions", target.name, target.short_run + inputs.len());
}

/// Writes an input to where it can be taken from.
fn keep(target: &Target, execution: usize, bytes: &[u8]) -> String {
    let path = std::env::temp_dir().join(format!("pffuzz-{}-{execution}", target.name));
    match std::fs::write(&path, bytes) {
        Ok(()) => format!("{}, execution {execution}", path.display()),
        Err(error) => format!("execution {execution}, which could not be kept: {error}"),
    }
}
