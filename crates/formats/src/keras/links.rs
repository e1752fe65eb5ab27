//! Checks that the layers of a Keras model form a chain.
//!
//! The `config.json` of a Functional model says which outputs each layer takes. A Sequential model says nothing,
//! because it is always a chain.

use std::path::Path;

use serde_json::Value;

use crate::FormatError;

/// Name that Keras 2 writes instead of a layer's name in a link to a constant.
const CONSTANT: &str = "_CONSTANT_VALUE";

/// Checks the model that `description` describes, and its nested models.
pub(crate) fn check(path: &Path, description: &Value) -> Result<(), FormatError> {
    let config = &description["config"];
    let layers = config["layers"].as_array().map_or(&[][..], Vec::as_slice);
    if !config["output_layers"].is_null() {
        check_links(path, config, layers)?;
    }
    layers.iter().try_for_each(|layer| check(path, layer))
}

fn check_links(path: &Path, config: &Value, layers: &[Value]) -> Result<(), FormatError> {
    let mut within_reach: Vec<&str> = Vec::new();
    for layer in layers {
        let name = name(layer);
        let taken = links_of(&layer["inbound_nodes"]);
        check_link(path, &format!("`{name}`"), &within_reach, &taken)?;
        if is_layer(layer) {
            let more = taken.get(1).map(|second| format!("`{name}` takes `{second}` as well"));
            if let Some(fault) = more {
                return Err(FormatError::NoRow { path: path.to_owned(), fault });
            }
            within_reach.clear();
        }
        within_reach.push(name);
    }
    check_link(path, "the output", &within_reach, &links_of(&config["output_layers"]))
}

/// Checks that everything that is taken is within reach: the last layer and the operations after it.
///
/// Operations without weights, such as the parts of `preprocess_input`, may branch and join between two layers.
fn check_link(
    path: &Path,
    taker: &str,
    within_reach: &[&str],
    taken: &[&str],
) -> Result<(), FormatError> {
    let in_row = if within_reach.is_empty() {
        taken.is_empty()
    } else {
        !taken.is_empty() && taken.iter().all(|name| within_reach.contains(name))
    };
    if in_row {
        return Ok(());
    }
    let list = |names: &[&str]| {
        if names.is_empty() { "nothing".to_owned() } else { names.join("`, `") }
    };
    let (taken, expected) = (list(taken), list(within_reach));
    let fault = format!("{taker} takes `{taken}`, expected `{expected}`");
    Err(FormatError::NoRow { path: path.to_owned(), fault })
}

/// Returns true for a layer, and false for an operation such as `keras.ops.add`, which has no arrays.
pub(crate) fn is_layer(layer: &Value) -> bool {
    !layer["module"].as_str().is_some_and(|module| module.starts_with("keras.src.ops"))
}

fn links_of(links: &Value) -> Vec<&str> {
    let mut names = Vec::new();
    collect(links, &mut names);
    names
}

/// Collects the names in links such as `["flatten", 0, 0]`: a layer, the index of its call, the index of the output.
fn collect<'a>(links: &'a Value, names: &mut Vec<&'a str>) {
    match links {
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(name), Value::Number(_), Value::Number(_), ..] => names.push(name),
            parts => parts.iter().for_each(|part| collect(part, names)),
        },
        Value::Object(fields) => fields.values().for_each(|field| collect(field, names)),
        _ => {}
    }
}

/// Collects the numbers in a setting or in the arguments of a call, except the indices in links. Keras writes the same
/// numbers as a list, a list of lists or a single number.
pub(crate) fn numbers(value: &Value, found: &mut Vec<f64>) {
    match value {
        Value::Number(number) => found.extend(number.as_f64()),
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(name), Value::Number(_), constant, ..] if name == CONSTANT => {
                numbers(constant, found);
            }
            [Value::String(_), Value::Number(_), Value::Number(_), rest @ ..] => {
                rest.iter().for_each(|part| numbers(part, found));
            }
            parts => parts.iter().for_each(|part| numbers(part, found)),
        },
        Value::Object(fields) if value["class_name"] != "__keras_tensor__" => {
            fields.values().for_each(|field| numbers(field, found));
        }
        _ => {}
    }
}

fn name(layer: &Value) -> &str {
    layer["name"].as_str().or(layer["config"]["name"].as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn functional(layers: &[(&str, Value)]) -> Value {
        let layers: Vec<Value> = layers
            .iter()
            .map(|(name, links)| json!({"name": name, "config": {}, "inbound_nodes": links}))
            .collect();
        json!({"config": {"layers": layers, "output_layers": ["last", 0, 0]}})
    }

    fn link(name: &str) -> Value {
        json!({"args": [{"config": {"keras_history": [name, 0, 0]}}], "kwargs": {"mask": null}})
    }

    fn fault(model: &Value) -> String {
        check(Path::new("x.keras"), model).expect_err("not sequential").to_string()
    }

    #[test]
    fn sequential_layers_are_accepted() {
        let in_keras_3 = functional(&[("first", json!([])), ("last", json!([link("first")]))]);
        let in_keras_2 =
            functional(&[("first", json!([])), ("last", json!([[["first", 0, 0, {}]]]))]);
        for model in [in_keras_3, in_keras_2] {
            assert!(check(Path::new("x.keras"), &model).is_ok(), "{model}");
        }
    }

    #[test]
    fn branched_layers_are_refused() {
        let two = json!([link("first"), link("second")]);
        let model =
            functional(&[("first", json!([])), ("second", json!([link("first")])), ("last", two)]);
        let message = fault(&model);
        assert!(message.contains("`last` takes `first`, `second`, expected `second`"), "{message}");
        let twice = json!([link("first"), link("first")]);
        let model = functional(&[("first", json!([])), ("last", twice)]);
        assert!(fault(&model).contains("`last` takes `first` as well"), "{}", fault(&model));
        let skipping = functional(&[
            ("first", json!([])),
            ("second", json!([link("first")])),
            ("last", json!([link("first")])),
        ]);
        assert!(fault(&skipping).contains("expected `second`"));
    }

    /// Tests operations such as `x[..., ::-1]`.
    #[test]
    fn operations_between_layers_may_branch_and_join() {
        let operation = |name: &str, takes: &[&str]| {
            let links: Vec<Value> = takes.iter().map(|name| link(name)).collect();
            json!({"name": name, "module": "keras.src.ops.numpy", "inbound_nodes": links})
        };
        let layer = |name: &str, takes: Value| json!({"name": name, "inbound_nodes": takes});
        let mut layers = vec![
            layer("first", json!([])),
            operation("red", &["first"]),
            operation("blue", &["first"]),
            operation("stack", &["blue", "red"]),
            layer("last", json!([link("stack")])),
        ];
        let model = |layers: &[Value]| json!({"config": {"layers": layers, "output_layers": ["last", 0, 0]}});
        assert!(check(Path::new("x.keras"), &model(&layers)).is_ok());
        layers.insert(4, layer("between", json!([link("stack")])));
        assert!(fault(&model(&layers)).contains("`last` takes `stack`, expected `between`"));
    }

    #[test]
    fn branch_in_a_nested_model_is_refused() {
        let inner = functional(&[("first", json!([])), ("last", json!([]))]);
        let model = json!({"config": {"layers": [inner]}});
        assert!(fault(&model).contains("`last` takes `nothing`, expected `first`"));
    }
}
