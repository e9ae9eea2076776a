//! The documents of the golden screens against `schemas/summary.schema.json`, by a validator of the part of
//! JSON Schema that it uses.

use serde_json::{Value, json};

use super::Summary;
use crate::load::Loaded;
use crate::sample::{self, Row};

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/summary.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What of `value` the schema does not allow. A keyword that this does not know is an error too.
fn violations(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match &**keyword {
            "$schema" | "$defs" | "title" | "description" | "properties" => true,
            "$ref" => {
                let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
                found.extend(violations(root, root.pointer(path).unwrap(), value));
                true
            }
            "anyOf" => {
                let allows = |one: &Value| violations(root, one, value).is_empty();
                rule.as_array().unwrap().iter().any(allows)
            }
            "items" => {
                let items = value.as_array().into_iter().flatten();
                found.extend(items.flat_map(|item| violations(root, rule, item)));
                true
            }
            "type" => {
                let types = rule.as_array().cloned().unwrap_or(vec![rule.clone()]);
                types.iter().any(|name| is_a(value, name.as_str().unwrap()))
            }
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "required" => {
                let names = rule.as_array().unwrap().iter();
                names.map(|name| name.as_str().unwrap()).all(|name| value.get(name).is_some())
            }
            "additionalProperties" => {
                assert_eq!(rule, &json!(false));
                let known = |name: &String| schema["properties"].get(name).is_some();
                value.as_object().is_none_or(|object| object.keys().all(known))
            }
            unknown => panic!("unknown keyword {unknown}"),
        };
        if !holds {
            found.push(format!("{keyword} {rule} of {value}"));
        }
    }
    for (name, rule) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.get(name) {
            found.extend(violations(root, rule, value));
        }
    }
    found
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        unknown => panic!("unknown type {unknown}"),
    }
}

fn document(loaded: &Loaded, top: usize) -> Value {
    serde_json::to_value(Summary::of(loaded, top).unwrap()).unwrap()
}

/// That the schema allows a document.
pub fn assert_allowed(document: &str) {
    let schema = schema();
    let document = serde_json::from_str(document).unwrap();
    assert_eq!(violations(&schema, &schema, &document), Vec::<String>::new());
}

#[test]
fn what_the_schema_forbids_is_found() {
    let schema = schema();
    let document = document(&sample::empty(), 10);
    let changed = |path: &str, value: Value| {
        let mut document = document.clone();
        *document.pointer_mut(path).unwrap() = value;
        violations(&schema, &schema, &document).is_empty()
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
    let mut loaded = sample::two_processes();
    for (proc, latency) in [(0, Some(500)), (0, Some(700)), (1, Some(90)), (1, None)] {
        sample::push(&mut loaded.analysis, Row { proc, latency, ..Row::default() });
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
    let mut loaded = sample::empty();
    sample::push(&mut loaded.analysis, Row { latency: None, ..Row::default() });
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
