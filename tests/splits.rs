//! Splits of one folder into training and validation images. `train` writes the split to `split.csv`, and reads it when
//! a run is resumed or evaluated.

use crate::harness::{TestDir, quick};

#[test]
fn one_folder_is_split_and_unreadable_files_are_skipped() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/broken.jpg", "no image");
    workplace.write("photos/train/along/notes.txt", "words");
    let arguments = quick("--epochs 1 --no-augment --val-split 0.5 --out run");
    let done = workplace.run(&arguments.replace("photos", "photos/train")).expect_success();
    let found = "Images        6 for training, 6 for validation, ";
    assert!(done.stdout.starts_with(found), "{}", done.stdout);
    let mut lines = done.stderr.lines();
    let skipped = lines.next().expect("a line");
    assert!(skipped.starts_with("skipped `") && skipped.contains("broken.jpg`: "), "{skipped}");
    let ignored = lines.next().expect("a line");
    assert!(ignored.starts_with("ignored 1 file(s)") && ignored.contains("notes.txt"), "{ignored}");
}

#[test]
fn split_does_not_change_when_images_are_added() {
    let workplace = TestDir::with_photos();
    let train = quick("--val-split 0.5 --epochs 4 --out").replace("photos", "photos/train");
    workplace.run(&format!("{train} whole")).expect_success();
    let table = workplace.read("whole/split.csv");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!((rows[0], rows.len()), ("file,set", 13));
    let count = |set: &str| rows.iter().filter(|row| row.ends_with(set)).count();
    assert_eq!((count(",train"), count(",validation")), (6, 6));
    assert!(rows.iter().any(|row| row.starts_with("across/0.png,")), "{table}");

    let shorter = train.replace("--epochs 4", "--epochs 2");
    workplace.run(&format!("{shorter} run")).expect_success();
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 4");
    workplace.write("run/config.toml", config);
    workplace.image("photos/train/along/new.png", "along", 40);
    workplace.run("train --resume run").expect_success();
    assert_eq!(workplace.history("run"), workplace.history("whole"));

    // Without a folder, `evaluate` uses the validation images of the run.
    let best = workplace.run("evaluate run/best").expect_success().stdout;
    assert!(best.starts_with("Found 6 files belonging to 2 classes.\n"), "{best}");
    let rows = workplace.history("run");
    let lowest = rows[1..]
        .iter()
        .min_by(|a, b| a[3].parse::<f64>().unwrap().total_cmp(&b[3].parse().unwrap()))
        .expect("epochs");
    let loss: f64 = lowest[3].parse().expect("a number");
    assert!(best.contains(&format!("loss: {loss:.4} ")), "{best}{lowest:?}");

    // A class that was added later is not part of the run, and a missing image is an error.
    workplace.image("photos/train/about/0.png", "along", 7);
    assert_eq!(workplace.run("evaluate run/best").expect_success().stdout, best);
    std::fs::remove_file(workplace.path("photos/train/along/0.png")).expect("a file");
    let done = workplace.run("evaluate run/best");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("1 of the 12 images listed in `"), "{}", done.stderr);
    workplace.write("run/split.csv", "file,set\nacross/0.png,neither\n");
    let done = workplace.run("evaluate run/best");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(
        done.stderr.contains("split.csv`") && done.stderr.contains("\nhint: "),
        "{}",
        done.stderr
    );
    std::fs::rename(workplace.path("run/best"), workplace.path("alone")).expect("a folder");
    let done = workplace.run("evaluate alone");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("hint: without a run, name a folder"), "{}", done.stderr);
}

#[test]
fn near_duplicates_can_be_grouped_into_one_split() {
    let workplace = TestDir::new();
    for class in ["across", "along"] {
        // Copies under other names, four of each image.
        for number in 0..12 {
            workplace.image(&format!("copies/{class}/{number}.png"), class, number / 4 * 3);
        }
    }
    let train = "train copies --weights none --image-size 32 --last-layer block1_pool --pooling max --epochs 1";
    workplace
        .run(&format!("{train} --group-duplicates --val-split 0.34 --out run"))
        .expect_success();
    assert!(workplace.read("run/config.toml").contains("group_duplicates = true"));
    let table = workplace.read("run/split.csv");
    for class in ["across", "along"] {
        for group in 0..3 {
            let of = |set: &str| {
                let row = |number| format!("{class}/{number}.png,{set}");
                let in_set = |number: &usize| table.lines().any(|line| line == row(*number));
                (group * 4..group * 4 + 4).filter(in_set).count()
            };
            assert!([(4, 0), (0, 4)].contains(&(of("train"), of("validation"))), "{table}");
        }
    }
    // Copies of one image are one group, which can't be split.
    for number in 0..4 {
        workplace.image(&format!("same/along/{number}.png"), "along", 0);
        workplace.image(&format!("same/across/{number}.png"), "across", number * 3);
    }
    let train = train.replace("copies", "same");
    let done = workplace.run(&format!("{train} --group-duplicates --out other"));
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("`along`") && done.stderr.contains("\nhint: "), "{}", done.stderr);
}

#[cfg(unix)]
#[test]
fn split_reads_escaped_and_unescaped_backslashes() {
    let workplace = TestDir::with_photos();
    workplace.image(r"photos/train/along/a\b.png", "along", 40);
    let train = quick("--val-split 0.5 --epochs 1 --no-augment --out run");
    workplace.run(&train.replace("photos", "photos/train")).expect_success();
    let table = workplace.read("run/split.csv");
    assert!(table.contains(r"along/a\\b.png,"), "{table}");
    let evaluate = || workplace.run("evaluate run/best").expect_success().stdout;
    let expected = evaluate();
    workplace.write("run/split.csv", table.replace(r"\\", r"\"));
    assert_eq!(evaluate(), expected);
}
