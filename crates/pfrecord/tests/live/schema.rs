//! Real output against `schemas/live.schema.json`, by a validator of the part of JSON Schema that it uses.

use pfcapture::Happenings;
use pfmodel::names::{Access, Class};
use pfrecord::live::Style;
use serde_json::{Value, json};

use crate::feed::*;

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/live.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What of `value` the schema does not allow. A keyword that this does not know is an error too, and so is a name
/// that the schema does not describe, although it allows what newer programs add.
fn violations(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match &**keyword {
            "$schema" | "$defs" | "title" | "description" => true,
            "properties" => {
                let known = |name: &String| rule.get(name).is_some();
                value.as_object().is_none_or(|object| object.keys().all(known))
            }
            "$ref" => {
                let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
                found.extend(violations(root, root.pointer(path).unwrap(), value));
                true
            }
            "oneOf" => {
                let allowed = |one: &&Value| violations(root, one, value).is_empty();
                rule.as_array().unwrap().iter().filter(allowed).count() == 1
            }
            "type" => {
                let types = rule.as_array().cloned().unwrap_or(vec![rule.clone()]);
                types.iter().any(|name| is_a(value, name.as_str().unwrap()))
            }
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
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
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        unknown => panic!("unknown type {unknown}"),
    }
}

fn check(line: &str) -> Vec<String> {
    let schema = schema();
    let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    violations(&schema, &schema, &value)
}

#[test]
fn every_line_is_allowed() {
    let mut types = std::collections::BTreeSet::new();
    for fixed_ts in [false, true] {
        let style = Style { fixed_ts, ..JSON };
        for facts in [privileged(), Vec::new()] {
            for line in shown(style, &facts, sample()).lines() {
                assert_eq!(check(line), Vec::<String>::new(), "{line}");
                let value: Value = serde_json::from_str(line).unwrap();
                types.insert(value["type"].as_str().unwrap().to_owned());
            }
        }
    }
    assert!(check(r#"{"type":"dropped","count":3}"#).is_empty());
    types.insert("dropped".into());
    let schema = schema();
    assert!(types.iter().eq(schema["$defs"].as_object().unwrap().keys()), "{types:?}");
}

#[test]
fn what_the_schema_forbids_is_found() {
    let text = shown(JSON, &privileged(), sample());
    let fault: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let changed = |name: &str, value: Value| {
        let mut fault = fault.clone();
        fault[name] = value;
        check(&fault.to_string()).is_empty()
    };
    assert!(changed("pid", json!(1)));
    assert!(!changed("pid", json!(-1)));
    assert!(!changed("addr", json!(1)));
    assert!(!changed("class", json!("huge")));
    assert!(!changed("more", json!(1)));
    let mut short = fault.clone();
    short.as_object_mut().unwrap().remove("cause");
    assert!(!check(&short.to_string()).is_empty());
}

#[test]
fn the_schema_has_the_words_of_the_model() {
    let schema = schema();
    let words = |name: &str| schema["$defs"]["fault"]["properties"][name]["enum"].clone();
    // What comes of a fault is always recorded; only imported captures may lack it.
    let classes = Class::ALL.iter().filter(|class| **class != Class::Unknown);
    let classes: Vec<&str> = classes.map(|class| class.as_str()).collect();
    let accesses: Vec<&str> = Access::ALL.iter().map(|access| access.as_str()).collect();
    assert_eq!(words("class"), json!(classes));
    assert_eq!(words("access"), json!(accesses));
}

#[test]
fn nothing_happened_is_a_summary() {
    let text = shown(JSON, &privileged(), vec![Happenings::default()]);
    assert_eq!(text.lines().count(), 1);
    assert_eq!(check(text.trim()), Vec::<String>::new());
}
