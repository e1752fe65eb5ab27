//! Cache of decoded images and features: every command fills and reads it, and a cache that can't be used is only a
//! warning.

use std::fs;

use sha2::{Digest, Sha256};

use crate::harness::{CommandResult, TestDir, quick};

/// Number of distinct images of a workplace, whose validation images are copies of its training images.
const IMAGES: usize = 12;

/// Expects success and returns the warnings.
fn warnings(done: CommandResult) -> String {
    done.expect_success().stderr
}

/// Returns the numbers of cache entries for images and for features.
fn cached(workplace: &TestDir) -> (usize, usize) {
    (workplace.cached("pixels").len(), workplace.cached("features").len())
}

#[test]
fn commands_share_the_cache() {
    let workplace = TestDir::with_photos().on_cpu();
    let plain = "--no-augment --epochs 2";
    workplace.train(&format!("{plain} --out without --no-cache"));
    assert_eq!(cached(&workplace), (0, 0));
    workplace.train(&format!("{plain} --out first"));
    assert_eq!(cached(&workplace), (IMAGES, IMAGES));
    workplace.train(&format!("{plain} --out second --cache-mb 0"));
    for run in ["first", "second"] {
        assert_eq!(workplace.history(run), workplace.history("without"));
    }
    // Another seed and rate, then another folder with the same images.
    workplace.train(&format!("{plain} --out third --seed 8 --learning-rate 0.01"));
    for command in ["evaluate first/best", "report first", "predict first/best photos"] {
        workplace.run(command).expect_success();
    }
    fs::rename(workplace.path("photos"), workplace.path("moved")).expect("a writable folder");
    workplace.run("predict first/best moved").expect_success();
    let features =
        "--weights none --image-size 32 --last-layer block1_pool --pooling max --out set";
    workplace.run(&format!("features moved {features}")).expect_success();
    // Random weights depend on the seed, so the run with another seed added features.
    assert_eq!(cached(&workplace), (IMAGES, 2 * IMAGES));
}

/// Changes the cache entries, to show that the next survey reads them.
#[test]
fn doctor_reads_cached_image_facts() {
    let workplace = TestDir::with_photos();
    let doctor = |cache: &str| workplace.run(&format!("doctor photos --json {cache}")).stdout;
    let computed = doctor("--no-cache");
    assert_eq!(workplace.cached("facts").len(), 0);
    assert_eq!(doctor(""), computed);
    assert_eq!(workplace.cached("facts").len(), IMAGES);
    assert_eq!(doctor(""), computed);
    for path in workplace.cached("facts") {
        let mut entry = fs::read(&path).expect("an entry");
        let (header, content) = entry.split_at_mut(80);
        let at = content.windows(4).position(|part| part == b"[40,").expect("a width");
        content[at + 2] = b'1';
        header[48..].copy_from_slice(&Sha256::digest(&*content));
        fs::write(&path, entry).expect("a writable folder");
    }
    let changed = r#""width":{"largest":41,"median":41,"smallest":41}"#;
    let cached = doctor("");
    assert!(!computed.contains(changed) && cached.contains(changed), "{cached}");
}

#[test]
fn cached_and_computed_results_are_equal() {
    let workplace = TestDir::with_photos().on_cpu();
    workplace.train("--no-augment --epochs 2 --out run");
    for command in ["evaluate run/best", "predict run/best photos --csv"] {
        let cached = workplace.run(command).expect_success().stdout;
        let computed = workplace.run(&format!("{command} --no-cache")).expect_success().stdout;
        assert_eq!(cached, computed, "{command}");
    }
    let report = || workplace.run("report run").expect_success();
    report();
    let cached = workplace.read("run/report.html");
    workplace.run("report run --no-cache").expect_success();
    assert!(cached == workplace.read("run/report.html"));
}

/// Changes the cached features, to show that each command reads them: its output changes.
#[test]
fn every_command_reads_cached_features() {
    let workplace = TestDir::with_photos().on_cpu();
    workplace.train("--no-augment --epochs 2 --out run");
    for path in workplace.cached("features") {
        let mut entry = fs::read(&path).expect("an entry");
        let (header, content) = entry.split_at_mut(80);
        for value in content.as_chunks_mut::<4>().0 {
            *value = (9.0 - f32::from_le_bytes(*value)).to_le_bytes();
        }
        header[48..].copy_from_slice(&Sha256::digest(&*content));
        fs::write(&path, entry).expect("a writable folder");
    }
    for command in ["evaluate run/best", "predict run/best photos --csv"] {
        let cached = workplace.run(command).expect_success().stdout;
        let computed = workplace.run(&format!("{command} --no-cache")).expect_success().stdout;
        assert_ne!(cached, computed, "{command}");
    }
    let report = |cache: &str| {
        workplace.run(&format!("report run {cache}")).expect_success();
        workplace.read("run/report.html")
    };
    assert_ne!(report(""), report("--no-cache"));
    workplace.train("--no-augment --epochs 2 --out again");
    assert_ne!(workplace.history("again"), workplace.history("run"));
    let features =
        "features photos --weights none --image-size 32 --last-layer block1_pool --pooling max";
    for (out, cache) in [("cached", ""), ("computed", "--no-cache")] {
        workplace.run(&format!("{features} --out {out} {cache}")).expect_success();
    }
    let piece = "shard-00000-of-00001-piece-0000-of-0001.safetensors";
    let [cached, computed] = ["cached", "computed"].map(|set| workplace.path(set).join(piece));
    assert!(fs::read(cached).expect("a piece") != fs::read(computed).expect("a piece"));
}

#[test]
fn damaged_cache_entries_are_recomputed() {
    let workplace = TestDir::with_photos().on_cpu();
    let train = |run: &str| workplace.train(&format!("--no-augment --epochs 2 --out {run}"));
    train("first");
    let entries = workplace.cached("features");
    assert_eq!(entries.len(), IMAGES);
    for path in entries {
        let mut bytes = fs::read(&path).expect("an entry");
        *bytes.last_mut().expect("bytes") ^= 1;
        fs::write(&path, bytes).expect("a writable folder");
    }
    train("second");
    assert_eq!(workplace.history("second"), workplace.history("first"));
    train("third");
    assert_eq!(workplace.history("third"), workplace.history("first"));
}

#[test]
fn unusable_cache_is_only_a_warning() {
    let workplace = TestDir::with_photos().on_cpu();
    workplace.train("--no-augment --epochs 1 --no-cache --out expected");
    let with = |cache: &str, run: &str| {
        let done = workplace.run(&quick(&format!("--no-augment --epochs 1 {cache} --out {run}")));
        let warned = warnings(done);
        assert_eq!(workplace.history(run), workplace.history("expected"));
        warned
    };
    // A file instead of the folder.
    workplace.write("file", "something");
    let warned = with("--cache-dir file/cache", "in-file");
    assert!(warned.contains("warning: no cache: `") && warned.contains("--no-cache"), "{warned}");

    workplace.write("newer/version", "2\n");
    let warned = with("--cache-dir newer", "with-newer");
    assert!(warned.contains("has version 2, expected 1 or lower"), "{warned}");
    assert_eq!(workplace.names_in("newer"), ["version"]);

    // A cache in which nothing can be written.
    workplace.run(&quick("--no-augment --epochs 1 --cache-dir full --out full-1")).expect_success();
    let unfinished = workplace.path("full/unfinished");
    fs::remove_dir(&unfinished).expect("an empty folder");
    fs::write(&unfinished, "").expect("a writable folder");
    let warned = with("--cache-dir full", "full-2");
    assert!(warned.contains("warning: no cache: `"), "{warned}");

    // A cache among the images.
    let done = workplace.run("evaluate expected/best photos/train --cache-dir photos/train/cache");
    assert!(warnings(done).contains("which is never written to"));
    assert!(!workplace.path("photos/train/cache").exists());
}

#[cfg(unix)]
#[test]
fn read_only_cache_folder_is_only_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    use crate::ordinary_user::OrdinaryUser;

    let workplace = TestDir::with_photos().on_cpu();
    fs::create_dir(workplace.path("closed")).expect("a writable folder");
    let mode = PermissionsExt::from_mode(0o555);
    fs::set_permissions(workplace.path("closed"), mode).expect("permissions");
    let user = OrdinaryUser::of(&workplace);
    let done = user.run(&quick("--no-augment --epochs 1 --out run --cache-dir closed"));
    let warned = warnings(done);
    assert!(warned.contains("warning: no cache: `") && warned.contains("\nhint: "), "{warned}");
    assert_eq!(workplace.names_in("closed"), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn full_disk_is_only_a_warning() {
    let workplace = TestDir::with_photos().on_cpu();
    let train = "train photos --weights none --image-size 180 --last-layer block1_pool --pooling max --no-augment --epochs 1";
    workplace.run(&format!("{train} --no-cache --out expected")).expect_success();
    // The size of files is limited to 84 kB. The pixels of an image take 97 kB, and all other files fit.
    let script = format!("trap '' XFSZ; ulimit -f 82; exec \"$0\" {train} --out run");
    let warned = warnings(workplace.shell(&script));
    assert!(warned.contains("warning: some entries were not cached: `"), "{warned}");
    assert_eq!(workplace.history("run"), workplace.history("expected"));
    assert_eq!(workplace.cached("pixels").len(), 0);
}

#[test]
fn runs_use_their_own_cache_and_resume_without_it() {
    let workplace = TestDir::with_photos().on_cpu();
    workplace.train("--no-augment --epochs 1 --cache-dir own --out run");
    let own = || workplace.path("own/features").read_dir().expect("a folder").count();
    assert!(own() > 0);
    workplace.run("evaluate run/best").expect_success();
    workplace.run("report run").expect_success();
    assert_eq!(cached(&workplace), (0, 0));
    workplace.run("evaluate run/best --no-cache").expect_success();

    workplace.write(
        "run/config.toml",
        workplace.read("run/config.toml").replace("epochs = 1", "epochs = 2"),
    );
    fs::remove_dir_all(workplace.path("own")).expect("a folder");
    workplace.run("train --resume run --no-cache").expect_success();
    assert_eq!((cached(&workplace), workplace.path("own").exists()), ((0, 0), false));
}

#[test]
fn cache_inside_the_data_folder_is_only_a_warning() {
    let workplace = TestDir::with_photos().on_cpu();
    let done = workplace.run(&quick("--no-augment --epochs 1 --out run --cache-dir photos/cache"));
    assert!(warnings(done).contains("which is never written to"));
    assert_eq!(workplace.names_in("photos"), ["train", "validation"]);
}

#[test]
fn the_cache_is_shown_pruned_and_cleared() {
    let workplace = TestDir::with_photos().on_cpu();
    let cache = |arguments: &str| workplace.run(&format!("cache {arguments}")).expect_success();
    assert!(cache("").stdout.starts_with("No cache in "));
    assert!(!workplace.caches().join("permafrost").exists());
    workplace.train("--no-augment --epochs 1 --out run");
    let shown = cache("").stdout;
    // 12 images of 32x32x3, and 12 rows of 64 features.
    for line in [
        "\npixels         12 entries       0.0 MB",
        "\nfeatures       12 entries       0.0 MB",
        "\nfacts           0 entries",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(cache("prune --cache-gb 1").stdout.starts_with("Removed 0 entries, 0.0 MB, from "));
    assert_eq!(cached(&workplace), (IMAGES, IMAGES));
    assert!(cache("prune --cache-gb 0").stdout.starts_with("Removed 24 entries, "));
    workplace.train("--no-augment --epochs 1 --out again");
    assert!(cache("clear").stdout.starts_with("Removed 24 entries, "));
    assert_eq!(cached(&workplace), (0, 0));
}
