//! `doctor`: what it finds, and that it changes nothing.

use crate::permafrost::Workplace;

#[test]
fn a_clean_folder_has_nothing_wrong() {
    let workplace = Workplace::new();
    for class in ["across", "along"] {
        for number in 0..2 {
            workplace.picture(&format!("clean/{class}/{number}.png"), class, number * 3);
        }
    }
    let done = workplace.run("doctor clean").expect_success();
    let counted = "the folder: 4 photographs, 2 classes\n  across: 2 (50 %)\n    width 40 to 40 pixels (median 40), height 36 to 36 pixels (median 36)\n    2 png, 2 rgb\n";
    assert!(done.stdout.starts_with(counted), "{}", done.stdout);
    assert!(done.stdout.ends_with("Nothing is wrong.\n"), "{}", done.stdout);
}

#[test]
fn what_is_wrong_is_named_and_is_the_exit_status() {
    let workplace = Workplace::with_photos();
    workplace.write("photos/train/along/broken.jpg", "no picture");
    workplace.write("photos/train/along/notes.txt", "words");
    let copy = std::fs::read(workplace.path("photos/train/along/0.png")).expect("a picture");
    workplace.write("photos/validation/along/copy.png", &copy);
    workplace.write("photos/train/across/wrong.png", &copy);
    let before = workplace.all_files();
    let done = workplace.run("doctor photos");
    assert_eq!((done.status, done.stderr.as_str()), (Some(1), ""));
    for part in [
        "wrong: 1 file(s) that should be pictures can't be read\n  `photos/train/along/broken.jpg`: ",
        "group(s) of the same photograph in several classes",
        "note: 1 file(s) that are no pictures, which are ignored\n  `photos/train/along/notes.txt`\n",
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
    assert_eq!(workplace.all_files(), before);
}
