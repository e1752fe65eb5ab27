//! `train --quiet` and `--json`: output for other programs.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{TestDir, quick};

const SCHEMA: &str = include_str!("../crates/cli/events.schema.json");

/// Checks `value` against `rule`, a part of `schema`. Supports only the keywords that the program's schemas use.
pub(crate) fn check(schema: &Value, rule: &Value, value: &Value) -> Result<(), String> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let list = |value: &Value| value.as_array().expect("a list").clone();
    for (keyword, expected) in rule.as_object().expect("a rule") {
        let fits = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let path = text(expected);
                let named = schema.pointer(path.trim_start_matches('#')).expect("a definition");
                check(schema, named, value)?;
                true
            }
            "oneOf" => {
                let fits = |rule: &&Value| check(schema, rule, value).is_ok();
                expected.as_array().expect("a list").iter().filter(fits).count() == 1
            }
            "const" => value == expected,
            "enum" => list(expected).contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= expected.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= expected.as_f64().unwrap()),
            "type" => {
                let types =
                    if expected.is_array() { list(expected) } else { vec![expected.clone()] };
                types.iter().any(|kind| match text(kind).as_str() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "number" => value.is_number(),
                    "integer" => value.is_u64(),
                    "null" => value.is_null(),
                    kind => panic!("the type {kind}"),
                })
            }
            "required" => list(expected).iter().all(|name| {
                value.as_object().is_none_or(|object| object.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                for (name, rule) in expected.as_object().expect("rules") {
                    if let Some(value) = value.get(name) {
                        check(schema, rule, value)?;
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(expected, false);
                let known = |name: &String| rule["properties"].get(name).is_some();
                value.as_object().is_none_or(|object| object.keys().all(known))
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten();
                items.try_for_each(|item| check(schema, expected, item))?;
                true
            }
            keyword => panic!("the keyword {keyword}"),
        };
        if !fits {
            return Err(format!("{value} does not fit \"{keyword}\": {expected}"));
        }
    }
    Ok(())
}

/// Reads the events of an output, and checks each of them against the schema.
fn events(stdout: &str) -> Vec<Value> {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let read = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        if let Err(fault) = check(&schema, &schema, &event) {
            let rule = &schema["$defs"][event["event"].as_str().unwrap_or_default()];
            panic!("{fault}: {:?}", check(&schema, rule, &event));
        }
        event
    };
    stdout.lines().map(read).collect()
}

fn kinds(events: &[Value]) -> BTreeSet<String> {
    events.iter().map(|event| event["event"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn events_match_the_schema_and_cover_every_kind() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/broken.jpg", "no image");
    let done = workplace.train("--json --views 2 --epochs 2 --out run");
    assert_eq!(done.stderr, "");
    let mut all = events(&done.stdout);
    assert_eq!(all.last().expect("an event")["event"], "complete");
    let steps = all.iter().filter(|event| event["event"] == "step").count();
    assert_eq!(steps, 6);
    let epochs: Vec<&Value> = all.iter().filter(|event| event["event"] == "epoch").collect();
    for (epoch, row) in epochs.iter().zip(&workplace.history("run")[1..]) {
        assert_eq!(epoch["val_loss"].as_f64(), row[3].parse().ok());
        assert_eq!(epoch["learning_rate"], 0.001);
    }

    let again = workplace.run("train --resume run --json").expect_success();
    let again = events(&again.stdout);
    assert_eq!(again.len(), 1);
    assert_eq!(again.last(), all.last());

    // A damaged checkpoint, and then a run that a signal stops.
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 100000");
    workplace.write("run/config.toml", config);
    workplace.write("run/last/state.json", "{");
    // Makes the previous checkpoint one of another engine. The run resumes from it.
    workplace.on_another_engine("run/previous");
    all.extend(resumed_and_stopped(&workplace));
    let base = "--weights none --image-size 32 --last-layer block1_pool --pooling max";
    workplace.run(&format!("features photos --out set {base}")).expect_success();
    let on_set = "train --features set --weights none --cache-mb 0 --epochs 1 --monitor val_auc --json --out of-set";
    let of_set = events(&workplace.run(on_set).expect_success().stdout);
    let epoch = of_set.iter().find(|event| event["event"] == "epoch").expect("an epoch");
    let in_history = workplace.history("of-set")[1].last().and_then(|auc| auc.parse().ok());
    assert!(in_history.is_some());
    assert_eq!(epoch["val_auc"].as_f64(), in_history);
    assert_eq!(of_set.last().expect("an event")["best"]["val_auc"].as_f64(), in_history);
    let linear = "train --features set --weights none --head linear --folds 3 --json --out linear";
    all.extend(events(&workplace.run(linear).expect_success().stdout));
    all.extend(of_set);
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let of_schema = schema["oneOf"].as_array().expect("a list").iter();
    let of_schema = of_schema.map(|rule| rule["$ref"].as_str().expect("a name"));
    let expected: BTreeSet<String> = of_schema.map(|name| name.replace("#/$defs/", "")).collect();
    assert_eq!(kinds(&all), expected);
}

/// Resumes a run, stops it with a signal after an epoch, and returns its events.
#[cfg(unix)]
fn resumed_and_stopped(workplace: &TestDir) -> Vec<Value> {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let mut child = workplace
        .command("train --resume run --json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut said = String::new();
    let mut sent = false;
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        if !sent && line.contains("\"event\":\"epoch\"") {
            let id = child.id().to_string();
            assert!(Command::new("kill").args(["-INT", &id]).status().expect("`kill`").success());
            sent = true;
        }
        said += &line;
        said.push('\n');
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{said}");
    events(&said)
}

#[cfg(not(unix))]
fn resumed_and_stopped(_: &TestDir) -> Vec<Value> {
    let event = |kind: &str| serde_json::json!({ "event": kind });
    ["older_state", "other_engine", "saved", "stopped"].map(event).to_vec()
}

#[test]
fn quiet_run_prints_only_its_result() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/broken.jpg", "no image");
    let done = workplace.train("--quiet --epochs 2 --out run");
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines[0].starts_with("Best epoch: "), "{}", done.stdout);
    assert_eq!(
        (&lines[lines.len() - 2..], done.stderr.as_str()),
        (&["Report: run/report.html", "Run: run"][..], "")
    );
    let done = workplace.run("train --resume run --quiet").expect_success();
    assert!(done.stdout.starts_with("The run in run is complete"), "{}", done.stdout);
    let done = workplace.run(&quick("--quiet --out run"));
    assert_eq!((done.status, done.stdout.as_str()), (Some(2), ""));
    assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
}

#[test]
fn resume_refuses_other_arguments() {
    let workplace = TestDir::new();
    for other in
        ["photos", "--epochs 3", "--image-size 32", "--device cpu", "--out other", "--strict"]
    {
        let done = workplace.run(&format!("train --resume run {other}"));
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        for part in [
            "cannot be used with",
            "`config.toml`, in which `patience` and, without a schedule, `epochs` may be raised",
        ] {
            assert!(done.stderr.contains(part), "{other}: {}", done.stderr);
        }
    }
}
