//! `doctor`: its findings. It changes no files.

use crate::harness::TestDir;

#[test]
fn a_clean_folder_has_nothing_wrong() {
    let workplace = TestDir::new();
    for class in ["across", "along"] {
        for number in 0..2 {
            workplace.image(&format!("clean/{class}/{number}.png"), class, number * 3);
        }
    }
    let done = workplace.run("doctor clean").expect_success();
    let counted = "the folder: 4 images, 2 classes\n  across: 2 (50 %)\n    width 40 to 40 pixels (median 40), height 36 to 36 pixels (median 36)\n    2 png, 2 rgb\n";
    assert!(done.stdout.starts_with(counted), "{}", done.stdout);
    assert!(done.stdout.ends_with("No problems found.\n"), "{}", done.stdout);
}

#[test]
fn duplicates_in_a_folder_are_not_called_no_problem() {
    let workplace = TestDir::new();
    for class in ["across", "along"] {
        for number in 0..3 {
            workplace.image(&format!("copies/{class}/{number}.png"), class, number / 2 * 3);
        }
    }
    let done = workplace.run("doctor copies").expect_success();
    let found = "note: 2 group(s) of identical images within a class; `train --group-duplicates` puts each group into one split\n  `copies/across/0.png` (the folder, across), `copies/across/1.png` (the folder, across)\n";
    assert!(done.stdout.contains(found), "{}", done.stdout);
    assert!(done.stdout.ends_with("No other problems than duplicates found.\n"), "{}", done.stdout);
    let page = workplace.run("doctor copies --json").expect_success().stdout;
    let page: serde_json::Value = serde_json::from_str(&page).expect("one object");
    let groups = &page["findings"][0]["groups"];
    let expected = serde_json::json!([
        {"path": "copies/along/0.png", "split": "whole", "class": "along"},
        {"path": "copies/along/1.png", "split": "whole", "class": "along"},
    ]);
    assert_eq!(groups[1], expected);
}

#[test]
fn findings_are_listed_and_set_the_exit_status() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/broken.jpg", "no image");
    workplace.write("photos/train/along/notes.txt", "words");
    let copy = std::fs::read(workplace.path("photos/train/along/0.png")).expect("an image");
    workplace.write("photos/validation/along/copy.png", &copy);
    workplace.write("photos/train/across/wrong.png", &copy);
    let before = workplace.all_files();
    let done = workplace.run("doctor photos");
    assert_eq!((done.status, done.stderr.as_str()), (Some(1), ""));
    for part in [
        "error: 1 image file(s) can't be read\n  `photos/train/along/broken.jpg`: ",
        "group(s) of identical images in several classes",
        "note: 1 file(s) that are not images, which are ignored\n  `photos/train/along/notes.txt`\n",
    ] {
        assert!(done.stdout.contains(part), "{part} in {}", done.stdout);
    }

    let page = workplace.run("doctor photos --json");
    assert_eq!(page.status, Some(1));
    let page: serde_json::Value = serde_json::from_str(&page.stdout).expect("one object");
    assert_eq!(page["wrong"], true);
    assert_eq!(page["survey"]["sets"][0]["set"], "train");
    let unreadable = &page["survey"]["left_out"]["unreadable"][0]["path"];
    assert_eq!(unreadable, "photos/train/along/broken.jpg");
    let same = page["survey"]["same"].as_array().expect("groups");
    let with = |name: &str| same.iter().filter(|group| group.to_string().contains(name)).count();
    assert_eq!((with("copy.png"), with("wrong.png")), (1, 1));
    let findings = page["findings"].as_array().expect("findings");
    let of_kind = |kind: &str| findings.iter().find(|finding| finding["kind"] == kind);
    let unreadable = &of_kind("unreadable").expect("a finding")["files"][0];
    assert_eq!(unreadable["path"], "photos/train/along/broken.jpg");
    assert_eq!((&unreadable["split"], &unreadable["class"]), (&"train".into(), &"along".into()));
    assert!(unreadable["reason"].is_string());
    let group = of_kind("duplicates_across_classes").expect("a finding")["groups"][0].clone();
    let wrong = serde_json::json!({"path": "photos/train/across/wrong.png", "split": "train", "class": "across"});
    assert!(group.as_array().expect("files").contains(&wrong), "{group}");
    assert_eq!(workplace.all_files(), before);
}

#[test]
fn unusable_folder_is_a_finding_and_missing_one_an_error() {
    let workplace = TestDir::new();
    std::fs::create_dir_all(workplace.path("none")).expect("a writable folder");
    for path in ["one/only/1.png", "one/only/2.png", "hollow/across/1.png", "hollow/across/2.png"] {
        workplace.image(path, "across", path.len() as u32);
    }
    std::fs::create_dir_all(workplace.path("hollow/along")).expect("a writable folder");
    workplace.image("parts/train/across/1.png", "across", 1);
    workplace.image("parts/train/along/1.png", "along", 1);
    workplace.image("parts/validation/across/1.png", "across", 3);
    let before = workplace.all_files();
    for (folder, classes, what) in [
        ("none", 0, "`none` has no class folders"),
        ("one", 1, "`one` has only the class `only`, expected two or more"),
        ("hollow", 2, "the class `along` has no images: `hollow/along` is empty"),
        ("parts", 2, "`parts/validation` has the classes `across`, expected `across`, `along`"),
    ] {
        let done = workplace.run(&format!("doctor {folder}"));
        assert_eq!((done.status, done.stderr.as_str()), (Some(1), ""), "{folder}");
        let wrong: Vec<&str> =
            done.stdout.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(wrong, [format!("error: {what}")], "{}", done.stdout);
        assert!(done.stdout.contains(&format!("{what}\n  hint: ")), "{}", done.stdout);

        let page = workplace.run(&format!("doctor {folder} --json"));
        assert_eq!((page.status, page.stderr.as_str()), (Some(1), ""), "{folder}");
        let page: serde_json::Value = serde_json::from_str(&page.stdout).expect("one object");
        assert_eq!((&page["wrong"], &page["findings"][0]["what"]), (&true.into(), &what.into()));
        assert!(!page["findings"][0]["hint"].as_str().expect("a hint").contains("hint: "));
        let listed = page["survey"]["sets"][0]["classes"].as_array().expect("classes");
        assert_eq!(listed.len(), classes);

        let done = workplace.run(&format!("train {folder} --weights none"));
        assert_eq!(done.status, Some(2), "{folder}");
        assert!(done.stderr.starts_with("error: ") && done.stderr.contains("\nhint: "), "{folder}");
    }
    for path in ["nowhere", "one/only/1.png"] {
        let done = workplace.run(&format!("doctor {path}"));
        assert_eq!((done.status, done.stdout.as_str()), (Some(2), ""), "{path}");
        assert!(done.stderr.contains("\nhint: "), "{}", done.stderr);
    }
    assert_eq!(workplace.all_files(), before);
}

#[test]
fn images_outside_class_folders_are_reported() {
    let workplace = TestDir::with_photos();
    workplace.image("photos/train/lost.png", "along", 1);
    workplace.write("photos/train/notes.txt", "some words");
    let done = workplace.run("doctor photos");
    assert_eq!(done.status, Some(1), "{}", done.stdout);
    let expected = "1 image(s) outside every class folder\n  `photos/train/lost.png`\n";
    assert!(done.stdout.contains(expected), "{}", done.stdout);
    let done = workplace.train("--epochs 1 --out run");
    let expected = "ignored 1 image(s) outside every class folder, such as `";
    assert!(done.stderr.starts_with(expected), "{}", done.stderr);
    assert_eq!(done.stderr.lines().count(), 2, "{}", done.stderr);
}
