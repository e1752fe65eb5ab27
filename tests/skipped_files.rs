//! Image files that can't be read: `train` skips and lists them, and refuses them with `--strict`.

use crate::harness::{TestDir, quick};

#[test]
fn skipped_files_are_listed_or_an_error_with_strict() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/bad, \"quoted\".jpg", "no image");
    workplace.train("--epochs 1 --out run");
    let table = workplace.read("run/skipped.csv");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("file,reason"));
    let line = lines.next().expect("a row");
    assert!(line.contains("photos/train/along/bad, \"\"quoted\"\".jpg\","), "{line}");
    assert_eq!(lines.next(), None);

    let done = workplace.run(&quick("--epochs 1 --strict --out strict"));
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("1 image file(s) can't be read"), "{}", done.stderr);
    assert!(!workplace.path("strict").exists());
}

#[test]
fn strict_run_lists_all_unreadable_files_at_any_verbosity() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/bad.jpg", "no image");
    workplace.write("photos/validation/across/phone.jxl", b"\xff\x0a\xfa\x1f");
    for how in ["", "--quiet", "--json"] {
        let done = workplace.run(&quick(&format!("--epochs 1 --strict --out run {how}")));
        assert_eq!(done.status, Some(2), "{how}: {}", done.stdout);
        let named = |name: &str| done.stderr.lines().filter(|line| line.contains(name)).count();
        assert_eq!([named("along/bad.jpg`: "), named("across/phone.jxl`: ")], [1, 1], "{how}");
        assert!(
            done.stderr.contains("`: its format JPEG XL is not supported"),
            "{how}: {}",
            done.stderr
        );
        assert!(done.stderr.contains("\nhint: "), "{how}: {}", done.stderr);
        assert!(!workplace.path("run").exists(), "{how}");
    }
}
