//! A validator of the part of JSON Schema that `schemas/diff.schema.json` uses.

use serde_json::{Value, json};

/// What of a document its schema does not allow.
pub fn violations(schema: &Value, document: &Value) -> Vec<String> {
    check(schema, schema, document)
}

/// A keyword or type that this does not know allows nothing.
fn check(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match &**keyword {
            "$schema" | "$defs" | "title" | "description" | "properties" => true,
            "$ref" => {
                let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
                found.extend(check(root, root.pointer(path).unwrap(), value));
                true
            }
            "type" => {
                let types = rule.as_array().cloned().unwrap_or(vec![rule.clone()]);
                types.iter().any(|name| is_a(value, name.as_str().unwrap()))
            }
            "const" => rule == value,
            "items" => {
                let items = value.as_array().into_iter().flatten();
                found.extend(items.flat_map(|item| check(root, rule, item)));
                true
            }
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap())
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "required" => {
                let names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                value
                    .as_object()
                    .is_none_or(|object| names.into_iter().all(|n| object.contains_key(n)))
            }
            "additionalProperties" if rule == &json!(false) => {
                let known = |name: &String| schema["properties"].get(name).is_some();
                value.as_object().is_none_or(|object| object.keys().all(known))
            }
            "additionalProperties" => {
                let values = value.as_object().into_iter().flat_map(serde_json::Map::values);
                found.extend(values.flat_map(|value| check(root, rule, value)));
                true
            }
            _ => false,
        };
        if !holds {
            found.push(format!("{keyword} {rule} of {value}"));
        }
    }
    for (name, rule) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.get(name) {
            found.extend(check(root, rule, value));
        }
    }
    found
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        _ => false,
    }
}
