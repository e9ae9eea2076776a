//! The documents of the golden screens against `schemas/summary.schema.json`.

// The tests of the program hold their documents against it too.
#[path = "../../../tests/program/schema.rs"]
mod schema;

use schema::violations;
use serde_json::{Value, json};

use super::Summary;
use crate::load::Loaded;
use crate::made_up::{self, Row};

fn document(loaded: &Loaded, top: usize) -> Value {
    serde_json::to_value(Summary::of(loaded, top).unwrap()).unwrap()
}

/// That the schema allows a document.
pub fn assert_allowed(document: &str) {
    let schema = schema::of("summary.schema.json");
    let document = serde_json::from_str(document).unwrap();
    assert_eq!(violations(&schema, &document), [""; 0]);
}

#[test]
fn what_the_schema_forbids_is_found() {
    let schema = schema::of("summary.schema.json");
    let document = document(&made_up::empty(), 10);
    let changed = |path: &str, value: Value| {
        let mut document = document.clone();
        *document.pointer_mut(path).unwrap() = value;
        violations(&schema, &document).is_empty()
    };
    assert!(changed("/totals/stall_ns", json!(1)));
    assert!(!changed("/totals/stall_ns", json!(-1)));
    assert!(!changed("/totals/stall_ns", json!("1")));
    assert!(!changed("/totals/faults", json!(null)));
    assert!(!changed("/totals", json!({})));
    assert!(!changed("/schema", json!("pft-summary/2")));
    assert!(!changed("/processes/rows", json!([{ "pid": 1 }])));
}

#[test]
fn lists_say_what_they_leave_out() {
    let mut loaded = made_up::two_processes();
    for (proc, latency) in [(0, Some(500)), (0, Some(700)), (1, Some(90)), (1, None)] {
        made_up::push(&mut loaded.analysis, Row { proc, latency, ..Row::default() });
    }
    let processes = &document(&loaded, 1)["processes"];
    assert_eq!(processes["rows"].as_array().unwrap().len(), 1);
    assert_eq!(processes["rows"][0]["stall_ns"], json!(1_200));
    let left_out = json!({ "rows": 1, "faults": 2, "major": 0, "stall_ns": 90 });
    assert_eq!(processes["left_out"], left_out);
    let nobody = json!({ "rows": 0, "faults": 0, "major": 0, "stall_ns": null });
    assert_eq!(document(&loaded, 2)["processes"]["left_out"], nobody);
    loaded.damage = ["one", "two", "three"].map(str::to_owned).to_vec();
    assert_eq!(document(&loaded, 1)["damage"], json!({ "rows": ["one"], "left_out": 2 }));
}

#[test]
fn what_is_unknown_is_null() {
    let mut loaded = made_up::empty();
    made_up::push(&mut loaded.analysis, Row { latency: None, ..Row::default() });
    let document = document(&loaded, 10);
    for path in [
        "/totals/stall_ns",
        "/totals/wall_ns",
        "/causes/0/wall_ns",
        "/causes/0/p50_ns",
        "/processes/rows/0/stalled_ns",
        "/regions/rows/0/max_ns",
        "/exactness/balanced",
        "/functions",
        "/phases",
        "/longest_stalled_thread",
        "/recording/machine/cpus",
    ] {
        assert_eq!(document.pointer(path), Some(&Value::Null), "{path}");
    }
}
