//! `report.html` of a run.

use std::collections::BTreeSet;

use crate::harness::TestDir;

#[test]
fn run_writes_a_report_that_can_be_regenerated() {
    let workplace = TestDir::with_photos();
    let done = workplace.train("--epochs 2 --out run --device cpu");
    assert!(done.stdout.contains("Report: run/report.html"), "{}", done.stdout);
    assert_eq!(done.stderr, "");
    let page = workplace.read("run/report.html");
    for part in
        ["of 12 validation images classified correctly", "across", "along", "SHA-256", "--epochs 2"]
    {
        assert!(page.contains(part), "{part}");
    }
    // Heat maps of the listed images.
    assert!(page.contains("<img class=\"glow\" src=\"data:image/png;base64,"));
    let plots = ["accuracy.png", "confusion.png", "loss.png", "reliability.png", "roc.png"];
    assert_eq!(workplace.names_in("run/plots"), plots);
    for plot in plots {
        let image = image::open(workplace.path(&format!("run/plots/{plot}"))).expect("an image");
        let colors: BTreeSet<_> = image.to_rgb8().pixels().map(|pixel| pixel.0).collect();
        assert!(colors.contains(&[0x1b, 0x1f, 0x24]) && colors.len() > 10, "{plot}");
    }
    std::fs::remove_file(workplace.path("run/report.html")).expect("a page");
    let done = workplace.run("report run --device cpu").expect_success();
    assert!(done.stdout.contains("Wrote run/report.html."), "{}", done.stdout);
    assert!(workplace.read("run/report.html") == page);

    for (arguments, part) in
        [("report nowhere", "no run at `nowhere`"), ("report photos", "no run at `photos`")]
    {
        let done = workplace.run(arguments);
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(done.stderr.contains(part) && done.stderr.contains("\nhint: "), "{}", done.stderr);
    }
}

#[test]
fn moved_image_folder_is_an_error() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --out run");
    let moved = workplace.path("elsewhere");
    std::fs::rename(workplace.path("photos"), &moved).expect("a folder");
    for command in ["report run", "evaluate run/best", "train --resume run"] {
        // Raise the epochs, because a complete run is resumed without its images.
        let config = workplace.read("run/config.toml").replace("epochs = 1", "epochs = 2");
        workplace.write("run/config.toml", config);
        let done = workplace.run(command);
        assert_eq!(done.status, Some(2), "{command}: {}", done.stdout);
        assert!(done.stderr.contains("the run's image folder `"), "{}", done.stderr);
        assert!(done.stderr.contains("` does not exist\nhint: restore it"), "{}", done.stderr);
    }
}
