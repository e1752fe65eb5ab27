//! Workers that find existing pieces: their own, pieces of other workers, and outdated ones.

use std::fs;
use std::process::Stdio;

use vgg::engine_name;

use super::{BASE, as_of_schema_1, command, compute, contents, findings, open, refused, run};
use crate::harness::TestDir;

#[test]
fn concurrent_workers_on_one_shard_write_the_same_bytes() {
    let workplace = TestDir::with_photos();
    let arguments = |out: &str| format!("photos {BASE} --views 2 --pieces 2 --out {out}");
    compute(&workplace, "--views 2 --pieces 2 --out alone");
    let workers: Vec<_> = (0..3)
        .map(|_| {
            command(&workplace, &arguments("together"))
                .stdout(Stdio::null())
                .spawn()
                .expect("the program starts")
        })
        .collect();
    for mut worker in workers {
        assert!(worker.wait().expect("a worker").success());
    }
    assert_eq!(contents(&workplace, "alone"), contents(&workplace, "together"));
    assert_eq!(workplace.names_in("alone").len(), 4);
    let text = workplace.read(&format!("alone/{}", workplace.names_in("alone")[0]));
    assert!(!text.contains(&*workplace.path("").to_string_lossy()), "{text}");
}

#[test]
fn complete_pieces_are_skipped_and_damaged_ones_recomputed() {
    let workplace = TestDir::with_photos();
    let compute = || compute(&workplace, "--out set").stdout;
    assert!(compute().contains("Complete: 1 piece(s) computed, 0 already existed."));
    let whole = contents(&workplace, "set");
    assert!(compute().contains("Complete: 0 piece(s) computed, 1 already existed."));
    let [object, card] = ["safetensors", "json"]
        .map(|kind| format!("set/shard-00000-of-00001-piece-0000-of-0001.{kind}"));
    let read = |path: &str| fs::read(workplace.path(path)).expect("a file");
    let (object_bytes, card_bytes) = (read(&object), read(&card));
    let newer = String::from_utf8(card_bytes.clone())
        .expect("text")
        .replace("\"schema\": 2", "\"schema\": 3");
    for (path, bytes, reason) in [
        (&object, &object_bytes[..object_bytes.len() - 1], "bytes, expected"),
        (&card, &card_bytes[..card_bytes.len() / 2], "is damaged"),
        (&card, b"{}", "is damaged: missing field `schema`"),
    ] {
        workplace.write(path, bytes);
        let said = compute();
        assert!(
            said.contains(reason) && said.contains("1 piece(s) computed"),
            "{reason} in {said}"
        );
        assert!(contents(&workplace, "set") == whole, "{reason}");
    }
    fs::remove_file(workplace.path(&object)).expect("a file");
    let said = compute();
    assert!(said.contains("its object is missing"), "{said}");
    assert!(said.contains("1 piece(s) computed"), "{said}");
    assert!(contents(&workplace, "set") == whole);
    // Pieces of another version of the program are refused, not overwritten.
    workplace.write(&card, &newer);
    refused(&workplace, &format!("photos {BASE} --out set"), "`schema` is 3, expected 2");
    assert_eq!(workplace.read(&card), newer);
}

#[test]
fn previous_schema_is_accepted_with_a_warning() {
    let workplace = TestDir::with_photos();
    let done = compute(&workplace, "--out set");
    assert!(!done.stderr.contains("only by names"), "{}", done.stderr);
    as_of_schema_1(&workplace, "set");
    for done in [compute(&workplace, "--out set"), run(&workplace, "photos --check set")] {
        let done = done.expect_success();
        let said = "1 piece(s) at `set` were compared with the images only by names and lengths";
        assert!(done.stderr.contains(said), "{}", done.stderr);
    }
    let train = "train --features set --weights none --epochs 1 --no-augment --out run";
    let done = workplace.run(train).expect_success();
    assert!(done.stderr.contains("did not record the SHA-256"), "{}", done.stderr);
}

#[test]
fn skipped_files_that_became_readable_are_recomputed() {
    let workplace = TestDir::with_photos();
    let path = workplace.path("photos/train/along/0.png");
    let whole = fs::read(&path).expect("an image");
    let mut damaged = whole.clone();
    damaged[0] ^= 1;
    fs::write(&path, damaged).expect("a writable folder");
    compute(&workplace, "--out set");
    assert_eq!(open(&workplace, "set").skipped().len(), 1);
    run(&workplace, "photos --check set").expect_success();
    fs::write(&path, whole).expect("a writable folder");
    let [[kind, _, reason]] = &findings(&workplace, "photos --check set")[..] else {
        panic!("one finding")
    };
    let expected = "skipped 1 file(s) that can be read now";
    assert_eq!([kind, reason], ["stale", expected]);
    let said = compute(&workplace, "--out set --strict").stdout;
    assert!(said.contains(expected) && said.contains("1 piece(s) computed"), "{said}");
    assert_eq!(open(&workplace, "set").images().len(), 24);
}

#[test]
fn changed_images_recompute_and_changed_settings_need_replace() {
    let workplace = TestDir::with_photos();
    let compute = |arguments: &str| compute(&workplace, &format!("--out set {arguments}")).stdout;
    compute("");
    let mut before = contents(&workplace, "set");
    let mut changed = |arguments: &str, reason: &str| {
        if !arguments.is_empty() {
            refused(&workplace, &format!("photos {BASE} --out set {arguments}"), reason);
            assert!(contents(&workplace, "set") == before, "{reason}");
        }
        let replace = if arguments.is_empty() { "" } else { "--replace" };
        let said = compute(&format!("{replace} {arguments}"));
        assert!(
            said.contains(reason) && said.contains("1 piece(s) computed"),
            "{reason} in {said}"
        );
        let after = contents(&workplace, "set");
        assert!(after != before, "{reason}");
        before = after;
    };
    workplace.image("photos/train/along/added.png", "along", 9);
    changed("", "was computed from other images");
    workplace.image("photos/train/along/added.png", "across", 3);
    changed("", "was computed from other images");
    fs::remove_file(workplace.path("photos/train/along/added.png")).expect("a file");
    changed("", "was computed from other images");
    for set in ["train", "validation"] {
        workplace.image(&format!("photos/{set}/askew/0.png"), "along", 2);
    }
    changed("--seed 0", "`classes`");
    changed("--seed 1", "`weights`");
    changed("--seed 1 --views 1", "`views`");
    changed("--seed 1 --views 1 --zoom 0.1", "`views.augment.zoom`");
    changed("--dtype float16", "`dtype`");
    changed("--base vgg19", "`base.variant`");
    refused(&workplace, &format!("photos {BASE} --out set"), "is \"vgg19\", expected \"vgg16\"");
}

#[test]
fn pieces_of_other_settings_are_refused_before_computing() {
    let workplace = TestDir::with_photos();
    compute(&workplace, "--out set --pieces 3");
    for kind in ["json", "safetensors"] {
        let first = format!("set/shard-00000-of-00001-piece-0000-of-0003.{kind}");
        fs::remove_file(workplace.path(&first)).expect("a file");
    }
    let before = contents(&workplace, "set");
    let other = format!("photos {BASE} --out set --pieces 3 --dtype float16");
    refused(&workplace, &other, "`dtype` is \"float32\", expected \"float16\"");
    assert!(contents(&workplace, "set") == before);
}

/// Renames the engine to `another` in each piece of `set` for which `is_changed` returns true.
fn rename_engine(workplace: &TestDir, another: &str, is_changed: impl Fn(&str) -> bool) {
    let here = engine_name("winograd f32");
    for name in workplace.names_in("set").iter().filter(|name| name.ends_with(".json")) {
        let path = format!("set/{name}");
        let text = workplace.read(&path);
        assert!(text.contains(&here), "{text}");
        if is_changed(name) {
            workplace.write(&path, text.replace(&here, another));
        }
    }
}

#[test]
fn mixed_engines_warn_or_fail_if_strict() {
    let workplace = TestDir::with_photos();
    let arguments = "--out set --pieces 2 --device cpu";
    compute(&workplace, arguments);
    let (here, another) = (engine_name("winograd f32"), "winograd f32 on another");
    rename_engine(&workplace, another, |name| name.contains("piece-0000"));
    let before = contents(&workplace, "set");

    let checked = run(&workplace, "--check set").expect_success();
    let counts = format!("several engines, 1 by {here}, 1 by {another}");
    let others = format!("several engines, 1 by {another}, 1 by {here}");
    assert!(checked.stderr.contains(&counts) || checked.stderr.contains(&others));
    let strict = run(&workplace, "--check set --strict-engine");
    assert_eq!(strict.status, Some(1), "{}", strict.stderr);
    let json = run(&workplace, "--check set --json").expect_success().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["engines"], serde_json::json!({&here: 1, another: 1}));

    let done = compute(&workplace, arguments);
    let warning = format!("were computed by {another}, this machine has {here}");
    assert!(done.stderr.contains(&warning), "{}", done.stderr);
    let train = "train --features set --weights none --device cpu --epochs 1 --out run";
    let done = workplace.run(train).expect_success();
    assert!(done.stderr.contains("computed by several engines"), "{}", done.stderr);
    let card = workplace.read("run/best/model.json");
    assert!(card.contains(another) && card.contains(&here), "{card}");
    assert!(card.contains(&engine_name("head f32")), "{card}");
    let strict = format!("photos {BASE} {arguments} --strict-engine");
    let refused = run(&workplace, &strict);
    assert_eq!(refused.status, Some(2), "{}", refused.stdout);
    assert!(refused.stderr.contains("`engine` is"), "{}", refused.stderr);
    assert_eq!(contents(&workplace, "set"), before);

    run(&workplace, &format!("{strict} --replace")).expect_success();
    run(&workplace, "--check set --strict-engine").expect_success();
}

#[test]
fn unknown_instruction_set_is_accepted() {
    let workplace = TestDir::with_photos();
    compute(&workplace, "--out set --pieces 2 --device cpu");
    rename_engine(&workplace, "winograd f32", |_| true);
    run(&workplace, "--check set").expect_success();
    let done = compute(&workplace, "--out set --pieces 2 --device cpu");
    assert!(done.stdout.contains("0 piece(s) computed, 2 already existed."), "{}", done.stdout);
    assert!(done.stderr.contains("winograd f32 with an unknown instruction set"));
    let train = "train --features set --weights none --device cpu --epochs 1 --out run";
    let done = workplace.run(train).expect_success();
    assert!(!done.stderr.contains("warning"), "{}", done.stderr);
}
