#![no_main]

libfuzzer_sys::fuzz_target!(init: pffuzz::quiet_dependencies(), |bytes: &[u8]| pffuzz::run("perf_data", bytes));
