//! Locations of images and sets, selection of a shard, and refused arguments.

use std::fs;

use shards::{FeatureSet, Store};

use super::{BASE, command, compute, contents, expect_refused, findings, open, refused, run};
use crate::harness::{CommandResult, TestDir};

#[test]
fn url_list_and_path_give_identical_features() {
    let workplace = TestDir::new();
    for class in ["Bäume und Wälder", "über 100 %"] {
        for number in 0..3 {
            let path = format!("my photos/{class}/deep/er {number} #1.png");
            workplace.image(&path, if class.len() > 13 { "along" } else { "across" }, number);
        }
    }
    let compute = |data: &str, out: &str| {
        let mut command = command(&workplace, &format!("{BASE} --out"));
        CommandResult::of(command.args([out, data])).expect_success()
    };
    let here = workplace.path("").to_string_lossy().replace(' ', "%20");
    compute("my photos", "by path");
    compute(&format!("file://{here}/my%20photos"), &format!("file://{here}/by%20url"));
    let set = open(&workplace, "by path");
    let keys: Vec<&str> = set.images().iter().map(|photo| photo.key.as_str()).collect();
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
        expect_refused(&CommandResult::of(command.arg("my photos/list.txt")), line);
    };
    list("line 7 of `my photos/list.txt` is a duplicate");
    workplace.write("my photos/list.txt", "a/1.png\n../b/1.png\n");
    list("line 2 of `my photos/list.txt` is not a path below");
    workplace.write("my photos/list.txt", b"a/1.png\nb/\xff.png\n");
    list("line 2 of `my photos/list.txt` is not UTF-8");
    workplace.write("my photos/list.txt", "a/1.png\n");
    list("`a`");
}

#[test]
fn job_engine_variables_select_the_shard() {
    let workplace = TestDir::with_photos();
    let share = |variables: &[(&str, &str)]| {
        let mut command = command(&workplace, &format!("photos {BASE} --out set"));
        CommandResult::of(command.envs(variables.iter().copied()))
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
    assert_eq!(missing, [["missing", name, "is missing"].map(String::from)]);
    let batch = [("AWS_BATCH_JOB_ARRAY_INDEX", "2"), ("AWS_BATCH_JOB_ARRAY_SIZE", "3")];
    share(&batch).expect_success();
    assert_eq!(open(&workplace, "set").images().len(), 24);
    expect_refused(&share(&[("JOB_COMPLETION_INDEX", "0")]), "`JOB_COMPLETIONS` is not");
}

#[test]
fn unreadable_files_are_skipped_or_an_error_with_strict() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/cut.png", "no image");
    workplace.write("photos/train/along/empty.jpg", "");
    workplace.write("photos/train/along/notes.txt", "words");
    let said = compute(&workplace, "--out set").stderr;
    let empty = "skipped `train/along/empty.jpg`: it is empty";
    assert!(said.contains(empty) && !said.contains("notes.txt"), "{said}");
    let again = compute(&workplace, "--out set");
    assert!(
        again.stderr.contains(empty) && again.stdout.contains("1 already existed"),
        "{}",
        again.stderr
    );
    let set = open(&workplace, "set");
    let skipped: Vec<&str> = set.skipped().iter().map(|skipped| skipped.key.as_str()).collect();
    assert_eq!(skipped, ["train/along/cut.png", "train/along/empty.jpg"]);
    assert_eq!(set.images().len(), 24);
    let strict = format!("photos {BASE} --strict --out");
    refused(&workplace, &format!("{strict} set"), "`train/along/cut.png` can't be read");
    refused(&workplace, &format!("{strict} other"), "`train/along/cut.png` can't be read");
    assert!(!workplace.path("other").exists());
    let whole = run(&workplace, "--check set").expect_success().stdout;
    assert_eq!(whole, "Complete: 24 images, 2 skipped, in 1 piece(s)\n");
}

#[test]
fn run_directory_as_output_is_refused() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    let before = workplace.contents("run");
    refused(&workplace, &format!("photos {BASE} --out run"), "`run` is a run directory of `train`");
    assert!(workplace.contents("run") == before);
}

#[test]
fn invalid_arguments_and_locations_are_refused() {
    let workplace = TestDir::with_photos();
    let compute = |arguments: &str| format!("photos {BASE} {arguments}");
    super::compute(&workplace, "--out set --shard 1/3");
    for (arguments, named) in [
        (compute("--out new --shard 3/3"), "shard 3 of 3, selected by `--shard`, does not exist"),
        (compute("--out new --shard three"), "`--shard` is `three`"),
        (compute("--out new --pieces 0"), "0 pieces"),
        (compute("--out new --views 0"), "`--views` is 0"),
        (compute("--out set --shard 0/5"), "expected a set of 5 shard(s) of 1 piece(s)"),
        (compute("--out photos/set"), "is inside the data directory"),
        (compute("--out photos/train/along/0.png"), "photos/train/along/0.png"),
        (compute("--out https://bucket.example/set"), "has an unknown scheme"),
        (compute("--out s3://user:hunter2@bucket/set"), "contains credentials"),
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
    refused(&workplace, &compute("--out s3://bucket/set"), "this build does not support");
    let store = Store::open(workplace.path("set").to_str().expect("text")).expect("a place");
    let error = FeatureSet::open(&store).expect_err("a part of a set").to_string();
    assert!(error.contains("2 of 3 pieces are missing"), "{error}");
}

#[cfg(unix)]
#[test]
fn folders_without_permission_are_refused_and_unchanged() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use crate::ordinary_user::OrdinaryUser;

    let workplace = TestDir::with_photos();
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
