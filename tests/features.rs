//! `features`: sets computed in shares, read back, continued, checked, and refused.

use std::collections::BTreeMap;
use std::fs;
use std::iter;
use std::process::{Command, Stdio};

use photos::load_picture;
use serde_json::Value;
use shards::{FeatureSet, Rows, Store};
use vgg::{FrozenBase, Pooling, VggConfig, Weights};

use crate::permafrost::{Done, Workplace};

/// A base that takes a moment, as `train` has it in `quick`.
const BASE: &str = "--weights none --size 32 --until block1_pool --pooling max";

/// Variables by which an engine may say which share it wants.
const VARIABLES: [&str; 8] = [
    "JOB_COMPLETION_INDEX",
    "JOB_COMPLETIONS",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_ARRAY_TASK_COUNT",
    "SLURM_ARRAY_TASK_MIN",
    "SLURM_ARRAY_TASK_STEP",
    "AWS_BATCH_JOB_ARRAY_INDEX",
    "AWS_BATCH_JOB_ARRAY_SIZE",
];

/// The program, wherever the tests themselves are run.
fn command(workplace: &Workplace, arguments: &str) -> Command {
    let mut command = workplace.command(&format!("features {arguments}"));
    VARIABLES.iter().for_each(|name| _ = command.env_remove(name));
    command
}

fn run(workplace: &Workplace, arguments: &str) -> Done {
    Done::of(&mut command(workplace, arguments))
}

/// Computes a share of `photos`.
fn compute(workplace: &Workplace, arguments: &str) -> Done {
    run(workplace, &format!("photos {BASE} {arguments}")).expect_success()
}

/// The names in a folder with what is in each file.
fn contents(workplace: &Workplace, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let names = workplace.names_in(folder).into_iter();
    names
        .map(|name| {
            let bytes = fs::read(workplace.path(folder).join(&name)).expect("a file");
            (name, bytes)
        })
        .collect()
}

fn open(workplace: &Workplace, folder: &str) -> FeatureSet {
    let store = Store::open(workplace.path(folder).to_str().expect("text")).expect("a place");
    FeatureSet::open(&store).unwrap_or_else(|error| panic!("{error}"))
}

/// A photograph's label, its features as it is, and those of its views.
type Features = (usize, Vec<f32>, Vec<Vec<f32>>);

/// Those of every photograph of a set.
fn features(set: &FeatureSet) -> BTreeMap<String, Features> {
    let features = |photo: &shards::Photograph| {
        let rows = |view, row| Rows { piece: photo.piece, view, rows: row..row + 1 };
        let views = photo.trainable_row.into_iter();
        let views = views.flat_map(|row| (1..=set.views()).map(move |view| rows(Some(view), row)));
        let all: Vec<Rows> = iter::once(rows(None, photo.row)).chain(views).collect();
        let mut read = set.read(&all).expect("rows");
        let plain = read.remove(0);
        (photo.key.clone(), (photo.label, plain, read))
    };
    set.photographs().iter().map(features).collect()
}

/// What `check` finds, by kind, piece or object, and reason.
fn findings(workplace: &Workplace, arguments: &str) -> Vec<[String; 3]> {
    let done = run(workplace, &format!("{arguments} --json"));
    let checked: Value = serde_json::from_str(&done.stdout).expect("JSON");
    let findings = checked["findings"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let findings: Vec<_> =
        findings.map(|found| ["kind", "name", "reason"].map(|name| text(&found[name]))).collect();
    assert_eq!(done.status, Some(i32::from(!findings.is_empty())), "{}", done.stdout);
    findings
}

/// Runs the program and expects it to refuse, naming `named`.
fn refused(workplace: &Workplace, arguments: &str, named: &str) {
    expect_refused(&run(workplace, arguments), named);
}

fn expect_refused(done: &Done, named: &str) {
    assert_eq!(done.status, Some(2), "{}{}", done.stdout, done.stderr);
    let said = done.stderr.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(said.contains(named), "`{named}` in {said}");
    assert!(done.stderr.contains("\nhint: "), "{}", done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

#[test]
fn any_number_of_shards_and_pieces_holds_the_same_features() {
    let workplace = Workplace::with_photos();
    compute(&workplace, "--views 2 --out one");
    for shard in 0..3 {
        compute(&workplace, &format!("--views 2 --out three --shard {shard}/3 --steps 2"));
    }
    let (one, three) = (open(&workplace, "one"), open(&workplace, "three"));
    assert_eq!((one.piece_count(), three.piece_count()), (1, 6));
    assert_eq!((one.photographs().len(), one.views()), (24, 2));
    assert_eq!(one.classes(), ["across", "along"]);
    assert_eq!(features(&one), features(&three));
    assert_eq!(findings(&workplace, "--check three"), Vec::<[String; 3]>::new());
    // Pieces are no bundles of all: some photographs lie elsewhere.
    assert!((0..6).all(|piece| three.rows_of(piece).0 < 24));
}

#[test]
fn features_are_those_of_an_ordinary_run_bit_for_bit() {
    let workplace = Workplace::with_photos();
    // Below they are compared with those of the CPU's own engine.
    compute(&workplace, "--views 2 --seed 7 --out set --device cpu");
    workplace.train("--views 2 --seed 7 --epochs 1 --out run --device cpu");
    let set = open(&workplace, "set");
    let features = features(&set);

    // A line of text, then rows with their checksums: the first view of all, then the second.
    let file = fs::read(workplace.path("run/views.bin")).expect("the run's views");
    let header = file.iter().position(|&byte| byte == b'\n').expect("a line") + 1;
    let rows: Vec<&[u8]> = file[header..].chunks_exact(4 * set.width() + 4).collect();
    let trained = || set.photographs().iter().filter(|photo| photo.trainable_row.is_some());
    assert_eq!(rows.len(), 2 * trained().count());
    for view in 0..2 {
        for (at, photo) in trained().enumerate() {
            let (_, _, views) = &features[&photo.key];
            let bytes: Vec<u8> = views[view].iter().flat_map(|value| value.to_le_bytes()).collect();
            assert_eq!(rows[view * trained().count() + at][..bytes.len()], bytes, "{}", photo.key);
        }
    }

    let config = VggConfig {
        size: [32, 32],
        until: "block1_pool".into(),
        pooling: Pooling::Maximum,
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&config, 7).expect("weights");
    let base = FrozenBase::new(&config, &weights).expect("a base");
    for (key, (_, plain, _)) in &features {
        let pixels =
            load_picture(&workplace.path("photos").join(key), [32, 32]).expect("a picture");
        assert_eq!(&base.features_of_pictures(&[&pixels]).expect("features"), plain, "{key}");
    }
}

#[test]
fn workers_on_one_shard_write_the_same_bytes_also_at_the_same_time() {
    let workplace = Workplace::with_photos();
    let arguments = |out: &str| format!("photos {BASE} --views 2 --steps 2 --out {out}");
    compute(&workplace, "--views 2 --steps 2 --out alone");
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
fn a_piece_that_is_there_is_skipped_and_one_that_is_not_what_it_should_be_is_computed_again() {
    let workplace = Workplace::with_photos();
    let compute = || compute(&workplace, "--out set").stdout;
    assert!(compute().contains("Complete: 1 piece(s) computed, 0 were there."));
    let whole = contents(&workplace, "set");
    assert!(compute().contains("Complete: 0 piece(s) computed, 1 were there."));
    let [object, card] = ["safetensors", "json"]
        .map(|kind| format!("set/shard-00000-of-00001-piece-0000-of-0001.{kind}"));
    let read = |path: &str| fs::read(workplace.path(path)).expect("a file");
    let (object_bytes, card_bytes) = (read(&object), read(&card));
    let newer = String::from_utf8(card_bytes.clone())
        .expect("text")
        .replace("\"schema\": 1", "\"schema\": 2");
    for (path, bytes, reason) in [
        (&object, &object_bytes[..object_bytes.len() - 1], "bytes, not"),
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
    assert!(compute().contains("1 piece(s) computed"));
    assert!(contents(&workplace, "set") == whole);
    // What another version of the program has made is not lost without a word.
    workplace.write(&card, &newer);
    refused(&workplace, &format!("photos {BASE} --out set"), "its `schema` is 2, not 1");
    assert_eq!(workplace.read(&card), newer);
}

#[test]
fn a_file_that_was_skipped_and_can_be_read_now_is_looked_at_again() {
    let workplace = Workplace::with_photos();
    let path = workplace.path("photos/train/along/0.png");
    let whole = fs::read(&path).expect("a picture");
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
    assert_eq!(open(&workplace, "set").photographs().len(), 24);
}

#[test]
fn a_label_of_another_class_than_the_path_says_is_damage() {
    let workplace = Workplace::with_photos();
    compute(&workplace, "--out set");
    let path = workplace.path("set/shard-00000-of-00001-piece-0000-of-0001.safetensors");
    let mut bytes = fs::read(&path).expect("the object");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let start = header["labels"]["data_offsets"][0].as_u64().expect("an offset") as usize;
    bytes[8 + length + start] ^= 1;
    fs::write(path, bytes).expect("a writable folder");
    let store = Store::open(workplace.path("set").to_str().expect("text")).expect("a place");
    let error = FeatureSet::open(&store).expect_err("damage").to_string();
    assert!(error.contains("has a photograph with the label of another class"), "{error}");
}

#[test]
fn other_photographs_are_computed_again_and_other_settings_where_they_are_to_be_replaced() {
    let workplace = Workplace::with_photos();
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
        let reason = reason.trim_start_matches("its ");
        assert!(
            said.contains(reason) && said.contains("1 piece(s) computed"),
            "{reason} in {said}"
        );
        let after = contents(&workplace, "set");
        assert!(after != before, "{reason}");
        before = after;
    };
    workplace.picture("photos/train/along/added.png", "along", 9);
    changed("", "was made of other photographs");
    workplace.picture("photos/train/along/added.png", "across", 3);
    changed("", "was made of other photographs");
    fs::remove_file(workplace.path("photos/train/along/added.png")).expect("a file");
    changed("", "was made of other photographs");
    for set in ["train", "validation"] {
        workplace.picture(&format!("photos/{set}/askew/0.png"), "along", 2);
    }
    changed("--seed 0", "its `classes`");
    changed("--seed 1", "its `weights`");
    changed("--seed 1 --views 1", "its `views`");
    changed("--seed 1 --views 1 --zoom 0.1", "its `views.augment.zoom`");
    changed("--dtype float16", "its `dtype`");
    changed("--base vgg19", "its `base.variant`");
    refused(&workplace, &format!("photos {BASE} --out set"), "is \"vgg19\", not \"vgg16\"");
}

#[test]
fn a_shard_with_a_piece_of_other_settings_is_refused_before_another_one_is_computed() {
    let workplace = Workplace::with_photos();
    compute(&workplace, "--out set --steps 3");
    for kind in ["json", "safetensors"] {
        let first = format!("set/shard-00000-of-00001-piece-0000-of-0003.{kind}");
        fs::remove_file(workplace.path(&first)).expect("a file");
    }
    let before = contents(&workplace, "set");
    let other = format!("photos {BASE} --out set --steps 3 --dtype float16");
    refused(&workplace, &other, "its `dtype` is \"float32\", not \"float16\"");
    assert!(contents(&workplace, "set") == before);
}

#[test]
fn the_folder_of_a_run_is_no_place_for_a_set() {
    let workplace = Workplace::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    let before = workplace.contents("run");
    refused(&workplace, &format!("photos {BASE} --out run"), "`run` is a run of `train`");
    assert!(workplace.contents("run") == before);
}

#[test]
fn what_cannot_be_read_is_skipped_with_its_reason_or_an_error_where_that_is_wanted() {
    let workplace = Workplace::with_photos();
    workplace.write("photos/train/along/cut.png", "no picture");
    workplace.write("photos/train/along/empty.jpg", "");
    workplace.write("photos/train/along/notes.txt", "words");
    let said = compute(&workplace, "--out set").stderr;
    let empty = "skipped `train/along/empty.jpg`: it is empty";
    assert!(said.contains(empty) && !said.contains("notes.txt"), "{said}");
    let again = compute(&workplace, "--out set");
    assert!(
        again.stderr.contains(empty) && again.stdout.contains("1 were there"),
        "{}",
        again.stderr
    );
    let set = open(&workplace, "set");
    let skipped: Vec<&str> = set.skipped().iter().map(|skipped| skipped.key.as_str()).collect();
    assert_eq!(skipped, ["train/along/cut.png", "train/along/empty.jpg"]);
    assert_eq!(set.photographs().len(), 24);
    let strict = format!("photos {BASE} --strict --out");
    refused(&workplace, &format!("{strict} set"), "`train/along/cut.png` can't be read");
    refused(&workplace, &format!("{strict} other"), "`train/along/cut.png` can't be read");
    assert!(!workplace.path("other").exists());
    let whole = run(&workplace, "--check set").expect_success().stdout;
    assert_eq!(whole, "Whole: 24 photographs, 2 skipped, in 1 piece(s)\n");
}

#[test]
fn a_url_and_a_list_of_a_folder_give_what_its_path_gives() {
    let workplace = Workplace::new();
    for class in ["Bäume und Wälder", "über 100 %"] {
        for number in 0..3 {
            let path = format!("my photos/{class}/deep/er {number} #1.png");
            workplace.picture(&path, if class.len() > 13 { "along" } else { "across" }, number);
        }
    }
    let compute = |data: &str, out: &str| {
        let mut command = command(&workplace, &format!("{BASE} --out"));
        Done::of(command.args([out, data])).expect_success()
    };
    let here = workplace.path("").to_string_lossy().replace(' ', "%20");
    compute("my photos", "by path");
    compute(&format!("file://{here}/my%20photos"), &format!("file://{here}/by%20url"));
    let set = open(&workplace, "by path");
    let keys: Vec<&str> = set.photographs().iter().map(|photo| photo.key.as_str()).collect();
    assert_eq!(keys[0], "Bäume und Wälder/deep/er 0 #1.png");
    let lines = keys.iter().rev().map(|key| format!("{key}\r\n")).collect::<String>();
    workplace.write("my photos/list.txt", format!("\u{feff}{lines}\n"));
    compute("my photos/list.txt", "by list");
    let by_path = contents(&workplace, "by path");
    assert!(
        by_path == contents(&workplace, "by url") && by_path == contents(&workplace, "by list")
    );

    workplace.write("my photos/list.txt", format!("{lines}{}\n", keys[0]));
    let list = |line: &str| {
        let mut command = command(&workplace, &format!("{BASE} --out other"));
        expect_refused(&Done::of(command.arg("my photos/list.txt")), line);
    };
    list("line 7 of `my photos/list.txt` is there twice");
    workplace.write("my photos/list.txt", "a/1.png\n../b/1.png\n");
    list("line 2 of `my photos/list.txt` is no path below");
    workplace.write("my photos/list.txt", b"a/1.png\nb/\xff.png\n");
    list("line 2 of `my photos/list.txt` is not UTF-8");
    workplace.write("my photos/list.txt", "a/1.png\n");
    list("`a`");
}

#[test]
fn an_engine_says_which_share_it_wants() {
    let workplace = Workplace::with_photos();
    let share = |variables: &[(&str, &str)]| {
        let mut command = command(&workplace, &format!("photos {BASE} --out set"));
        Done::of(command.envs(variables.iter().copied()))
    };
    let done = share(&[("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "3")]).expect_success();
    assert!(done.stdout.starts_with("Shard 0 of 3 (JOB_COMPLETION_INDEX)"), "{}", done.stdout);
    let slurm = [
        ("SLURM_ARRAY_TASK_ID", "2"),
        ("SLURM_ARRAY_TASK_COUNT", "3"),
        ("SLURM_ARRAY_TASK_MIN", "1"),
    ];
    let done = share(&slurm).expect_success();
    assert!(done.stdout.starts_with("Shard 1 of 3 (SLURM_ARRAY_TASK_ID)"), "{}", done.stdout);
    let missing = findings(&workplace, "--check set");
    let name = "shard-00002-of-00003-piece-0000-of-0001";
    assert_eq!(missing, [["missing", name, "is not there"].map(String::from)]);
    let batch = [("AWS_BATCH_JOB_ARRAY_INDEX", "2"), ("AWS_BATCH_JOB_ARRAY_SIZE", "3")];
    share(&batch).expect_success();
    assert_eq!(open(&workplace, "set").photographs().len(), 24);
    expect_refused(&share(&[("JOB_COMPLETION_INDEX", "0")]), "`JOB_COMPLETIONS` is not");
}

#[test]
fn a_check_names_all_that_is_missing_stale_or_damaged() {
    let workplace = Workplace::with_photos();
    for shard in 0..6 {
        compute(&workplace, &format!("--out set --shard {shard}/6"));
    }
    let name = |shard: usize| format!("shard-0000{shard}-of-00006-piece-0000-of-0001");
    let change = |file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let path = workplace.path("set").join(file);
        let mut bytes = fs::read(&path).expect("a file");
        change(&mut bytes);
        fs::write(path, bytes).expect("a writable folder");
    };
    assert_eq!(findings(&workplace, "--check set").len(), 0);
    assert_eq!(findings(&workplace, "photos --check set").len(), 0);
    fs::remove_file(workplace.path("set").join(name(0) + ".json")).expect("a file");
    fs::remove_file(workplace.path("set").join(name(1) + ".safetensors")).expect("a file");
    change(&(name(2) + ".safetensors"), &|bytes| *bytes.last_mut().expect("bytes") ^= 1);
    change(&(name(3) + ".safetensors"), &|bytes| bytes.truncate(bytes.len() - 4));
    change(&(name(4) + ".json"), &|bytes| bytes.truncate(99));
    compute(&workplace, "--out other --shard 5/6 --seed 1");
    for kind in [".json", ".safetensors"] {
        let file = name(5) + kind;
        fs::copy(workplace.path("other").join(&file), workplace.path("set").join(&file))
            .expect("a writable folder");
    }
    compute(&workplace, "--out third --shard 0/2");
    let strange = "shard-00000-of-00002-piece-0000-of-0001.json";
    fs::copy(workplace.path("third").join(strange), workplace.path("set").join(strange))
        .expect("a writable folder");
    let found = findings(&workplace, "--check set");
    let kinds: Vec<_> = found.iter().map(|[kind, name, _]| (kind.as_str(), name.clone())).collect();
    let expected = [
        ("stale", strange.into()),
        ("missing", name(0)),
        ("missing", name(1) + ".safetensors"),
        ("damaged", name(2) + ".safetensors"),
        ("damaged", name(3) + ".safetensors"),
        ("damaged", name(4) + ".json"),
        ("stale", name(5)),
    ];
    assert_eq!(kinds, expected, "{found:?}");
    let said = run(&workplace, "--check set");
    assert_eq!(said.status, Some(1));
    assert!(said.stdout.contains(&format!("damaged {}.safetensors: it has the SHA-256 ", name(2))));
    assert!(said.stdout.contains("7 finding(s): "), "{}", said.stdout);

    // What can be mended is, by the workers that are started again.
    fs::remove_file(workplace.path("set").join(strange)).expect("a file");
    for shard in [0, 1, 3, 4] {
        compute(&workplace, &format!("--out set --shard {shard}/6"));
    }
    let found = findings(&workplace, "--check set");
    let kinds: Vec<_> = found.iter().map(|[kind, name, _]| (kind.as_str(), name.clone())).collect();
    assert_eq!(kinds, [("damaged", name(2) + ".safetensors"), ("stale", name(5))]);
    let store = Store::open(workplace.path("set").to_str().expect("text")).expect("a place");
    let error = FeatureSet::open(&store).expect_err("pieces disagree").to_string();
    assert!(error.contains("the pieces disagree: `weights` of `shard-00005"), "{error}");

    // Enough of them that some are in every piece.
    (0..40)
        .for_each(|at| workplace.picture(&format!("photos/train/along/{at} too.png"), "along", at));
    let stale = findings(&workplace, "photos --check set");
    let others = stale.iter().filter(|[_, _, reason]| reason.contains("other photographs"));
    assert_eq!(others.count(), 4, "{stale:?}");
}

#[test]
fn a_damaged_row_is_found_when_it_is_read() {
    let workplace = Workplace::with_photos();
    compute(&workplace, "--out set --views 1 --dtype float16");
    let set = open(&workplace, "set");
    let path = workplace.path("set/shard-00000-of-00001-piece-0000-of-0001.safetensors");
    let mut bytes = fs::read(&path).expect("the object");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(path, bytes).expect("a writable folder");
    let rows = |view, rows| Rows { piece: 0, view, rows };
    let (plain, whole, damaged) = (rows(None, 0..24), rows(Some(1), 0..11), rows(Some(1), 11..12));
    assert!(set.read(&[plain.clone(), whole]).is_ok());
    let error = set.read(&[plain, damaged]).expect_err("damage").to_string();
    assert!(error.contains("has a row without its checksum"), "{error}");
}

#[test]
fn halves_are_near() {
    let workplace = Workplace::with_photos();
    compute(&workplace, "--out single");
    compute(&workplace, "--out half --dtype float16");
    let (single, half) =
        (features(&open(&workplace, "single")), features(&open(&workplace, "half")));
    for (key, (_, single, _)) in single {
        for (single, half) in single.iter().zip(&half[&key].1) {
            assert!((single - half).abs() <= single.abs() / 2048.0 + 1e-7, "{single} {half}");
        }
    }
}

#[test]
fn what_is_no_set_or_no_place_for_one_is_refused() {
    let workplace = Workplace::with_photos();
    let compute = |arguments: &str| format!("photos {BASE} {arguments}");
    compute_some(&workplace);
    for (arguments, named) in [
        (compute("--out new --shard 3/3"), "there is no shard 3 of 3"),
        (compute("--out new --shard three"), "`--shard` is `three`"),
        (compute("--out new --steps 0"), "0 pieces"),
        (compute("--out new --views 0"), "`--views` is 0"),
        (compute("--out set --shard 0/5"), "a set of 5 shard(s) of 1 piece(s) was expected"),
        (compute("--out photos/set"), "lies in the folder of photographs"),
        (compute("--out photos/train/along/0.png"), "photos/train/along/0.png"),
        (compute("--out https://bucket.example/set"), "is of a kind not known here"),
        (compute("--out s3://user:hunter2@bucket/set"), "has credentials"),
        (format!("nowhere {BASE} --out new"), "nowhere`"),
        (format!("nowhere.txt {BASE} --out new"), "nowhere.txt`"),
        (format!("photos/train/along {BASE} --out new"), "no class folders"),
        ("photos --out new --weights nowhere.h5".into(), "nowhere.h5"),
        ("--check nowhere".into(), "no features at `nowhere`"),
        ("--check photos".into(), "no features at `photos`"),
    ] {
        refused(&workplace, &arguments, named);
        assert!(!workplace.path("new").exists(), "{arguments}");
    }
    #[cfg(not(feature = "remote"))]
    refused(&workplace, &compute("--out s3://bucket/set"), "was made without");
    let store = Store::open(workplace.path("set").to_str().expect("text")).expect("a place");
    let error = FeatureSet::open(&store).expect_err("a part of a set").to_string();
    assert!(error.contains("2 of 3 pieces are missing"), "{error}");
}

fn compute_some(workplace: &Workplace) {
    compute(workplace, "--out set --shard 1/3");
}

#[cfg(unix)]
#[test]
fn a_worker_that_is_stopped_loses_one_piece_and_the_next_goes_on() {
    let workplace = Workplace::with_photos();
    // What it has done is seen from outside: the first pieces are there.
    let mut worker =
        command(&workplace, &format!("photos {BASE} --out set --steps 24 --views 300"))
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
    let folder = workplace.path("set");
    while count(&folder, ".json") < 2 {
        assert!(worker.try_wait().expect("a child").is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let stopped =
        Command::new("kill").arg(worker.id().to_string()).status().expect("`kill` starts");
    assert!(stopped.success());
    assert_eq!(worker.wait().expect("a child").code(), Some(130));
    let there = count(&folder, ".json");
    assert!((2..24).contains(&there));
    // Nothing else than whole pieces.
    assert_eq!(count(&folder, ".safetensors"), there);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2 * there);
    let said = compute(&workplace, "--out set --steps 24 --views 300").stdout;
    let left = 24 - there;
    assert!(
        said.contains(&format!("Complete: {left} piece(s) computed, {there} were there.")),
        "{said}"
    );
    compute(&workplace, "--out whole --steps 24 --views 300");
    assert!(contents(&workplace, "set") == contents(&workplace, "whole"));
}

#[cfg(unix)]
#[test]
fn a_worker_that_is_stopped_in_its_only_piece_says_how_less_is_lost() {
    use std::io::{BufRead, BufReader, Read};

    let workplace = Workplace::with_photos();
    let mut worker = command(&workplace, &format!("photos {BASE} --out set --views 10000"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut said = BufReader::new(worker.stdout.take().expect("a pipe"));
    // Before this line a signal would end it at once.
    said.read_line(&mut String::new()).expect("a line");
    let mut rest = String::new();
    let stop = || Command::new("kill").arg(worker.id().to_string()).status().expect("`kill`");
    assert!(stop().success());
    said.read_to_string(&mut rest).expect("text");
    assert_eq!(worker.wait().expect("a child").code(), Some(130));
    assert!(rest.starts_with("Stopped: 0 of 1 piece(s) are there. What was computed"), "{rest}");
    assert!(rest.contains("`--steps 20`"), "{rest}");
}

#[cfg(unix)]
fn count(folder: &std::path::Path, end: &str) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(end)).count()
}

#[test]
fn a_piece_is_a_safetensors_file_with_its_small_tensors_first() {
    let workplace = Workplace::with_photos();
    compute(&workplace, "--out set");
    let path = workplace.path("set/shard-00000-of-00001-piece-0000-of-0001.safetensors");
    let bytes = fs::read(path).expect("the object");
    let length = u64::from_le_bytes(*bytes.first_chunk().expect("a length")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    assert_eq!(header["plain"]["dtype"], "F32");
    assert_eq!(header["plain"]["shape"], serde_json::json!([24, 64]));
    assert_eq!(header["labels"]["data_offsets"], serde_json::json!([0, 24 * 8]));
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_denied_and_nothing_is_left() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use crate::ordinary_user::OrdinaryUser;

    let workplace = Workplace::with_photos();
    let user = OrdinaryUser::of(&workplace);
    let closed = workplace.path("closed");
    fs::create_dir(&closed).expect("a writable folder");
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).expect("a folder of ours");
    let before = workplace.all_files();
    for out in ["closed", "closed/set"] {
        let done = user.run(&format!("features photos {BASE} --out {out}"));
        expect_refused(&done, &format!("access to `{out}/shard-00000"));
    }
    assert_eq!(workplace.all_files(), before);
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).expect("a folder of ours");
    expect_refused(&user.run("features --check closed"), "access to `closed` is denied");
    fs::set_permissions(&closed, Permissions::from_mode(0o755)).expect("a folder of ours");
}
