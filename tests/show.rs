//! `show`: the contact sheet.

use image::RgbImage;

use crate::harness::TestDir;

/// Height and width of an image with the gap next to it, in pixels.
const CELL: u32 = 186;
const GAP: u32 = 6;
const HEADING: u32 = 28;

fn sheet(workplace: &TestDir, path: &str) -> RgbImage {
    image::open(workplace.path(path)).expect("a PNG").into_rgb8()
}

#[test]
fn sheet_has_a_heading_and_a_row_per_class() {
    let workplace = TestDir::with_photos();
    let before = workplace.contents("photos");
    let done = workplace.run("show photos --count 4").expect_success();
    assert_eq!(done.stdout, "Wrote sheet.png from `photos/train`.\n");
    let drawn = sheet(&workplace, "sheet.png");
    assert_eq!(drawn.dimensions(), (4 * CELL + GAP, 2 * (HEADING + CELL)));
    // Stripes across are constant in each row of pixels, and stripes along in each column.
    let in_cell = |class: u32, x: u32, y: u32| {
        *drawn.get_pixel(GAP + x, class * (HEADING + CELL) + HEADING + y)
    };
    assert!((0..180).all(|at| in_cell(0, at, 90) == in_cell(0, 0, 90)));
    assert!((0..180).all(|at| in_cell(1, 90, at) == in_cell(1, 90, 0)));
    assert!((0..180).any(|at| in_cell(1, at, 90) != in_cell(1, 0, 90)));
    assert!(workplace.contents("photos") == before);
    let done = workplace.run("show photos --count 4 --out again.png").expect_success();
    assert_eq!(done.stderr, "");
    assert!(sheet(&workplace, "again.png") == drawn);
}

#[test]
fn augmented_copies_follow_their_image() {
    let workplace = TestDir::with_photos();
    let show = "show photos/train --count 2 --augment 3";
    workplace.run(&format!("{show} --out drawn.png")).expect_success();
    let drawn = sheet(&workplace, "drawn.png");
    assert_eq!(drawn.dimensions(), (4 * CELL + GAP, 2 * (HEADING + 2 * CELL)));
    let cell = |sheet: &RgbImage, column: u32| {
        let corner = (GAP + column * CELL, HEADING);
        image::imageops::crop_imm(sheet, corner.0, corner.1, 180, 180).to_image()
    };
    for column in 1..4 {
        assert!(cell(&drawn, column) != cell(&drawn, column - 1), "{column}");
    }
    let none = format!("{show} --flip none --rotation 0 --zoom 0 --out none.png");
    workplace.run(&none).expect_success();
    let none = sheet(&workplace, "none.png");
    assert!((0..4).all(|column| cell(&none, column) == cell(&drawn, 0)));
}

#[test]
fn unreadable_file_is_skipped_and_replaced() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/broken.jpg", "no image");
    let done = workplace.run("show photos --count 9").expect_success();
    assert!(
        done.stderr.starts_with("skipped `photos/train/along/broken.jpg`: "),
        "{}",
        done.stderr
    );
    assert_eq!(done.stderr.lines().count(), 1);
    assert_eq!(sheet(&workplace, "sheet.png").width(), 9 * CELL + GAP);
}

#[test]
fn sheets_without_images_or_not_in_png_are_refused() {
    let workplace = TestDir::with_photos();
    workplace.write("broken/one/1.jpg", "no image");
    workplace.write("broken/two/2.jpg", "no image");
    for (arguments, part) in [
        ("broken --out sheet.png", "no class in `broken` has a readable image"),
        ("photos --out sheet.jpg", "`sheet.jpg` does not end in `.png`"),
    ] {
        let done = workplace.run(&format!("show {arguments}"));
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(done.stderr.contains(part), "{}", done.stderr);
        assert!(done.stderr.contains("\nhint: "), "{}", done.stderr);
    }
    assert_eq!(workplace.names_in(""), ["broken", "photos"]);
    workplace.run("show photos --out SHEET.PNG").expect_success();
}
