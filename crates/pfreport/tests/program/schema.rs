//! Documents against JSON Schemas, by a validator of the part of the language that they use.

use serde_json::Value;

/// A schema of the project.
pub fn of(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/");
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}{name}")).unwrap()).unwrap()
}

/// What of a document its schema does not allow. A keyword or type that this does not know is an error too, and
/// so is a name that the schema does not describe: it allows what newer programs add, but ours may add nothing
/// without a word about it.
pub fn violations(schema: &Value, document: &Value) -> Vec<String> {
    check(schema, schema, document)
}

fn check(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let allows = |one: &&Value| check(root, one, value).is_empty();
        let holds = match &**keyword {
            "$schema" | "$defs" | "title" | "description" => true,
            "properties" => {
                let known = |name: &String| rule.get(name).is_some();
                value.as_object().is_none_or(|object| object.keys().all(known))
            }
            "$ref" => {
                let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
                found.extend(check(root, root.pointer(path).unwrap(), value));
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|one| allows(&one)),
            "oneOf" => rule.as_array().unwrap().iter().filter(allows).count() == 1,
            "items" => {
                let items = value.as_array().into_iter().flatten();
                found.extend(items.flat_map(|item| check(root, rule, item)));
                true
            }
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap())
            }
            "type" => {
                let types = rule.as_array().cloned().unwrap_or(vec![rule.clone()]);
                types.iter().any(|name| is_a(value, name.as_str().unwrap()))
            }
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "required" => {
                let mut names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                value.as_object().is_none_or(|object| names.all(|name| object.contains_key(name)))
            }
            unknown => panic!("unknown keyword {unknown}"),
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
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}
