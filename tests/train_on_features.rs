//! `train --features`: a head trained on features that `features` computed.

use crate::harness::{TestDir, quick};

/// Arguments of a base on the CPU's own engine, on which an image's features have the same bits in any batch.
const BASE: &str =
    "--weights none --image-size 32 --last-layer block1_pool --pooling max --device cpu";

/// Creates a workplace with images and, in `set`, their features.
fn with_set(arguments: &str) -> TestDir {
    let workplace = TestDir::with_photos();
    compute(&workplace, "photos", arguments);
    workplace
}

/// Computes all shards of `data`: three shards of two pieces each.
fn compute(workplace: &TestDir, data: &str, arguments: &str) {
    for shard in ["0/3", "1/3", "2/3"] {
        let command =
            format!("features {data} --out set {BASE} --shard {shard} --pieces 2 {arguments}");
        workplace.run(&command).expect_success();
    }
}

fn on_set(arguments: &str) -> String {
    format!(
        "train --features set --weights none --device cpu --batch-size 4 --epochs 3 {arguments}"
    )
}

fn model(workplace: &TestDir, run: &str) -> Vec<u8> {
    std::fs::read(workplace.path(run).join("best/model.safetensors")).expect("a model")
}

#[test]
fn features_in_memory_give_a_bit_identical_run() {
    let workplace = with_set("--views 2");
    for mode in
        ["--no-augment", "--views 2", "--no-augment --scale-features", "--views 2 --scale-features"]
    {
        workplace.train(&format!("{mode} --epochs 3 --out images --device cpu"));
        let of_set = mode.replace("--views 2", "");
        let done = workplace.run(&on_set(&format!("{of_set} --out features"))).expect_success();
        assert!(done.stdout.contains("; features: 6"), "{}", done.stdout);
        assert!(done.stdout.ends_with("\nRun: features\n"), "{}", done.stdout);
        assert_eq!(workplace.history("features"), workplace.history("images"));
        assert!(model(&workplace, "features") == model(&workplace, "images"));
        for run in ["images", "features"] {
            std::fs::remove_dir_all(workplace.path(run)).expect("a run");
        }
    }
}

#[test]
fn feature_runs_split_and_resume_like_image_runs() {
    let workplace = TestDir::new();
    for class in ["across", "along"] {
        for number in 0..9 {
            workplace.image(&format!("photos/{class}/{number}.png"), class, number);
        }
    }
    workplace.write("photos/along/broken.jpg", "no image");
    compute(&workplace, "photos", "");
    workplace.train("--no-augment --val-split 0.3 --epochs 3 --out images --device cpu");
    workplace.run(&on_set("--val-split 0.3 --out features")).expect_success();
    assert_eq!(workplace.history("features"), workplace.history("images"));

    let config = workplace.read("features/config.toml").replace("epochs = 3", "epochs = 5");
    workplace.write("features/config.toml", config);
    workplace.run("train --resume features").expect_success();
    workplace.train("--no-augment --val-split 0.3 --epochs 5 --out longer --device cpu");
    assert_eq!(workplace.history("features"), workplace.history("longer"));

    // The model can be used like any other, but its run has no images.
    workplace.run("predict features/best photos/along/1.png").expect_success();
    for command in ["report features", "evaluate features/best"] {
        let done = workplace.run(command);
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(done.stderr.contains("trained on features"), "{}", done.stderr);
    }
}

#[test]
fn float16_features_give_nearly_the_same_history() {
    let workplace = with_set("--dtype float16");
    workplace.train("--no-augment --epochs 3 --out images --device cpu");
    workplace.run(&on_set("--out features")).expect_success();
    let (found, expected) = (workplace.history("features"), workplace.history("images"));
    assert_ne!(found, expected);
    for (found, expected) in found.iter().zip(&expected).skip(1) {
        for column in [1, 3] {
            let number = |row: &[String]| row[column].parse::<f64>().expect("a loss");
            let (found, expected) = (number(found), number(expected));
            // A half has 11 bits, an error of 5e-4 per feature. The losses of such a short run have a similar error.
            assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
        }
    }
}

#[test]
fn feature_set_paths_may_contain_parent_directories() {
    let workplace = TestDir::with_photos();
    let folder = workplace.path("");
    let name = folder.components().next_back().expect("a folder").as_os_str().display();
    let set = format!("../{name}/nowhere/../set");
    workplace.run(&format!("features photos --out {set} {BASE}")).expect_success();
    assert!(workplace.path("set/shard-00000-of-00001-piece-0000-of-0001.json").is_file());
    assert!(!workplace.path("nowhere").exists());
    let checked = workplace.run(&format!("features photos --check {set}")).expect_success();
    assert!(checked.stdout.starts_with("Complete: "), "{}", checked.stdout);
    let train = format!("train --features {set} --weights none --device cpu --epochs 1 --out run");
    workplace.run(&train).expect_success();
    workplace.write("list.txt", "train/across/0.png\n");
    let listed = workplace.run(&format!("features ../{name}/list.txt --out other {BASE}"));
    let expected = format!("`../{name}` has a `train` folder but no `validation`");
    assert!(listed.stderr.contains(&expected), "{}", listed.stderr);
}

#[test]
fn rows_far_apart_are_read_correctly() {
    let workplace = TestDir::new();
    for (class, number) in
        ["across", "along"].iter().flat_map(|class| (0..30).map(move |at| (class, at)))
    {
        workplace.image(&format!("photos/{class}/{number:02}.png"), class, number);
    }
    // An image takes 262 kB, and every tenth image is a validation image. Two of them are more than a megabyte apart.
    let base = "--weights none --image-size 64 --last-layer block1_pool --device cpu";
    workplace.run(&format!("features photos --out set {base}")).expect_success();
    let head = "--hidden-units 2 --val-split 0.1 --no-augment --epochs 1 --batch-size 4 --device cpu --weights none";
    workplace.run(&format!("train --features set {head} --out features")).expect_success();
    workplace
        .run(&format!("train photos {head} --image-size 64 --last-layer block1_pool --out images"))
        .expect_success();
    assert_eq!(workplace.history("features"), workplace.history("images"));
}

#[test]
fn features_beyond_memory_are_streamed_once_per_epoch() {
    let workplace = with_set("--views 2");
    for mode in ["--no-augment", ""] {
        let done = workplace.run(&on_set(&format!("{mode} --cache-mb 0 --verify-resume")));
        let done = done.expect_success();
        assert!(
            done.stdout.contains("the history, model and optimizer are the same"),
            "{}",
            done.stdout
        );
    }
    // Each part is one image, and one window holds all parts. The first epoch has another order, and so another loss.
    workplace.run(&on_set("--no-augment --out memory")).expect_success();
    let done = workplace.run(&on_set("--no-augment --cache-mb 0 --out streamed")).expect_success();
    assert!(
        done.stdout.contains("Every epoch reads them again, shuffled in parts"),
        "{}",
        done.stdout
    );
    assert_ne!(workplace.history("streamed"), workplace.history("memory"));
    let compared = workplace.run("compare memory streamed").expect_success();
    assert!(compared.stdout.contains("cache_mb"), "{}", compared.stdout);
    // With more memory, the run would continue in another order.
    let config = workplace.read("streamed/config.toml").replace("epochs = 3", "epochs = 4");
    workplace.write("streamed/config.toml", config.replace("cache_mb = 0", "cache_mb = 9"));
    let refused = workplace.run("train --resume streamed");
    assert_eq!(refused.status, Some(2), "{}", refused.stdout);
    assert!(refused.stderr.contains("`cache_mb` (not with `--features`)"), "{}", refused.stderr);
    workplace.write("streamed/config.toml", config);
    workplace.run("train --resume streamed").expect_success();
    // If nothing is learned or dropped, the order does not matter.
    let still = "--no-augment --learning-rate 1e-30 --dropout 0 --epochs 1";
    workplace
        .run(&on_set(&format!("{still} --out first")).replace("--epochs 3 ", ""))
        .expect_success();
    let streamed = format!("{still} --cache-mb 0 --out second");
    workplace.run(&on_set(&streamed).replace("--epochs 3 ", "")).expect_success();
    let loss = |run: &str| workplace.history(run)[1][1].parse::<f64>().expect("a loss");
    assert!((loss("first") / loss("second") - 1.0).abs() < 1e-6);
}

#[test]
fn invalid_feature_sets_and_options_are_refused() {
    let workplace = with_set("--views 2");
    for (arguments, part) in [
        ("--features nowhere", "no features at `"),
        ("--features set --seed 3", "weights with the digest"),
        ("--features set --val-split 0.5", "omit `--val-split`"),
        ("--features set --image-size 64", "cannot be used with"),
        ("--features set photos", "cannot be used with"),
        ("--features set --unfreeze block1", "cannot be used with"),
    ] {
        let done = workplace.run(&format!("train --weights none {arguments} --out run"));
        assert_eq!(done.status, Some(2), "{arguments}: {}", done.stdout);
        assert!(done.stderr.contains(part), "{arguments}: {}", done.stderr);
        assert!(!workplace.path("run").exists(), "{arguments}");
    }
    let lost = workplace.names_in("set").into_iter().find(|name| name.ends_with(".json"));
    std::fs::remove_file(workplace.path("set").join(lost.expect("a piece"))).expect("a file");
    let done = workplace.run(&on_set("--out run"));
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("1 of 6 pieces are missing"), "{}", done.stderr);
}

#[test]
fn resume_refuses_a_changed_feature_set() {
    let workplace = with_set("");
    workplace.run(&on_set("--out run")).expect_success();
    let config = workplace.read("run/config.toml").replace("epochs = 3", "epochs = 4");
    workplace.write("run/config.toml", config);
    workplace.image("photos/train/along/more.png", "along", 9);
    compute(&workplace, "photos", "");
    let done = workplace.run("train --resume run");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("/set` have changed since the run began"), "{}", done.stderr);
    assert!(workplace.run(&quick("--no-augment --out other")).expect_success().stderr.is_empty());
}

#[test]
fn weights_of_a_feature_set_are_found_by_digest() {
    let workplace = TestDir::with_photos();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/vgg16_block1.h5");
    let bytes = std::fs::read(fixture).expect("the fixture");
    workplace.write("block1.h5", &bytes);
    let base = "--weights block1.h5 --image-size 32 --last-layer block1_pool --pooling max";
    workplace.run(&format!("features photos {base} --out set")).expect_success();
    let train = "train --features set --epochs 1 --out run";
    let done = workplace.run(train);
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    for part in ["weights with the digest ", "hint: name their file with `--weights FILE`"] {
        assert!(done.stderr.contains(part), "{}", done.stderr);
    }
    assert!(!workplace.path("run").exists());
    workplace.write("data/weights/anything.h5", &bytes);
    workplace.run(train).expect_success();
}
