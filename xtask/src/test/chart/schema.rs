//! Whether a value is what a schema of Kubernetes' `OpenAPI` says, and nothing more: `kubectl`'s strict validation.

use serde_json::{Map, Value};

/// The only type that takes a number for a string.
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";

/// Adds what is wrong with `value` by `schema` to the problems, each with its place in the object.
pub(super) fn check(
    definitions: &Value,
    schema: &Value,
    value: &Value,
    place: &str,
    problems: &mut Vec<String>,
) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/definitions/");
        let is_written_quantity = name == QUANTITY && value.is_number();
        if !is_written_quantity {
            check(definitions, &definitions[name], value, place, problems);
        }
        return;
    }
    if !is_of_type(schema, value) {
        problems.push(format!(
            "{place} is {value}, which is no {}",
            schema["type"]
        ));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|it| !it.contains(value)) {
        problems.push(format!("{place} is {value} and none of {allowed:?}"));
    }
    match value {
        Value::Object(members) => object(definitions, schema, members, place, problems),
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                let place = format!("{place}[{number}]");
                check(definitions, &schema["items"], item, &place, problems);
            }
        }
        _ => {}
    }
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    if schema["format"] == "int-or-string" || schema["x-kubernetes-int-or-string"] == true {
        return value.is_i64() || value.is_string();
    }
    match schema["type"].as_str() {
        Some("array") => value.is_array(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        _ => true,
    }
}

fn object(
    definitions: &Value,
    schema: &Value,
    members: &Map<String, Value>,
    place: &str,
    problems: &mut Vec<String>,
) {
    let required = schema["required"].as_array().into_iter().flatten();
    let missing = required.filter_map(Value::as_str);
    for name in missing.filter(|name| !members.contains_key(*name)) {
        problems.push(format!("{place} has no {name}"));
    }
    for (name, member) in members {
        let place = format!("{place}.{name}");
        let known = schema["properties"].get(name);
        match known.or_else(|| schema.get("additionalProperties")) {
            Some(schema) => check(definitions, schema, member, &place, problems),
            // An object of which nothing is said may hold anything.
            None if schema.get("properties").is_none() => {}
            None => problems.push(format!("{place} is unknown")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(value: &Value) -> Vec<String> {
        let definitions = json!({
            "Part": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "port": {"type": "string", "format": "int-or-string"},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "cpu": {"$ref": format!("#/definitions/{QUANTITY}")},
                },
            },
            QUANTITY: {"type": "string"},
        });
        let schema = json!({
            "type": "object",
            "properties": {
                "parts": {"type": "array", "items": {"$ref": "#/definitions/Part"}},
                "mode": {"type": "string", "enum": ["a", "b"]},
                "free": {"type": "object"},
            },
        });
        let mut problems = Vec::new();
        check(&definitions, &schema, value, "it", &mut problems);
        problems
    }

    #[test]
    fn what_the_schema_says_is_taken() {
        let value = json!({
            "parts": [
                {"name": "x", "port": 1, "cpu": 1, "labels": {"a": "b"}},
                {"name": "y", "port": "http", "cpu": "10m"},
            ],
            "mode": "a",
            "free": {"anything": [1]},
        });
        assert_eq!(problems(&value), [""; 0]);
    }

    #[test]
    fn each_kind_of_mistake_is_found_with_its_place() {
        for (value, problem) in [
            (json!({"part": []}), "it.part is unknown"),
            (json!({"parts": [{}]}), "it.parts[0] has no name"),
            (
                json!({"parts": {}}),
                "it.parts is {}, which is no \"array\"",
            ),
            (
                json!({"parts": [{"name": 1}]}),
                "it.parts[0].name is 1, which is no \"string\"",
            ),
            (
                json!({"parts": [{"name": "x", "port": true}]}),
                "it.parts[0].port is true, which is no \"string\"",
            ),
            (
                json!({"parts": [{"name": "x", "labels": {"a": 1}}]}),
                "it.parts[0].labels.a is 1, which is no \"string\"",
            ),
            (json!({"mode": "c"}), "it.mode is \"c\" and none of"),
        ] {
            let found = problems(&value);
            assert!(
                found.len() == 1 && found[0].starts_with(problem),
                "{found:?}"
            );
        }
    }
}
