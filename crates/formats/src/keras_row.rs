//! Whether the layers of a Keras model are one row: `config.json` says of each layer of a Functional
//! model what it takes. A Sequential model says nothing: it is a row by itself.

use std::path::Path;

use serde_json::Value;

use crate::FormatError;

/// Checks the model that `description` describes and those within it.
pub(crate) fn check(path: &Path, description: &Value) -> Result<(), FormatError> {
    let config = &description["config"];
    let layers = config["layers"].as_array().map_or(&[][..], Vec::as_slice);
    if !config["output_layers"].is_null() {
        check_links(path, config, layers)?;
    }
    layers.iter().try_for_each(|layer| check(path, layer))
}

fn check_links(path: &Path, config: &Value, layers: &[Value]) -> Result<(), FormatError> {
    let mut before: Option<&str> = None;
    for layer in layers {
        let name = name(layer);
        check_link(path, &format!("`{name}`"), before, &layer["inbound_nodes"])?;
        before = Some(name);
    }
    check_link(path, "the output", before, &config["output_layers"])
}

fn check_link(
    path: &Path,
    taker: &str,
    before: Option<&str>,
    links: &Value,
) -> Result<(), FormatError> {
    let mut taken = Vec::new();
    collect(links, &mut taken);
    if taken == Vec::from_iter(before) {
        return Ok(());
    }
    let taken = if taken.is_empty() { "nothing".to_owned() } else { taken.join("`, `") };
    let expected = before.unwrap_or("nothing");
    Err(FormatError::NoRow {
        path: path.to_owned(),
        fault: format!("{taker} takes `{taken}`, expected `{expected}`"),
    })
}

/// The names in links such as `["flatten", 0, 0]`: a layer, which of its calls, which output.
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
        check(Path::new("x.keras"), model).expect_err("no row").to_string()
    }

    #[test]
    fn layers_that_take_what_the_one_before_gives_are_a_row() {
        let in_keras_3 = functional(&[("first", json!([])), ("last", json!([link("first")]))]);
        let in_keras_2 =
            functional(&[("first", json!([])), ("last", json!([[["first", 0, 0, {}]]]))]);
        for model in [in_keras_3, in_keras_2] {
            assert!(check(Path::new("x.keras"), &model).is_ok(), "{model}");
        }
    }

    #[test]
    fn branches_are_no_row() {
        let two = json!([link("first"), link("second")]);
        let model =
            functional(&[("first", json!([])), ("second", json!([link("first")])), ("last", two)]);
        let message = fault(&model);
        assert!(message.contains("`last` takes `first`, `second`, expected `second`"), "{message}");
        let skipping = functional(&[
            ("first", json!([])),
            ("second", json!([link("first")])),
            ("last", json!([link("first")])),
        ]);
        assert!(fault(&skipping).contains("expected `second`"));
    }

    #[test]
    fn a_branch_in_a_nested_model_is_no_row() {
        let inner = functional(&[("first", json!([])), ("last", json!([]))]);
        let model = json!({"config": {"layers": [inner]}});
        assert!(fault(&model).contains("`last` takes `nothing`, expected `first`"));
    }
}
