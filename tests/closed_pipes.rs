//! Output into a closed pipe, such as that of `| head`: the program completes its work.

use std::io;
use std::process::Stdio;

use crate::harness::{TestDir, quick};

/// Runs the program with closed pipes as standard output and standard error, and expects success.
fn run_unheard(workplace: &TestDir, arguments: &str) {
    let closed = || {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    let mut command = workplace.command(arguments);
    let status = command.stdout(closed()).stderr(closed()).status().expect("the program starts");
    assert_eq!(status.code(), Some(0), "{arguments}");
}

#[test]
fn train_completes_with_closed_pipes() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/broken.jpg", "no image");
    for how in ["", "--quiet", "--json"] {
        run_unheard(&workplace, &quick(&format!("--epochs 2 --no-augment --out run {how}")));
        assert_eq!(workplace.history("run").len(), 3, "{how}");
        assert!(workplace.path("run/report.html").exists(), "{how}");
        std::fs::remove_dir_all(workplace.path("run")).expect("a run");
    }
}

#[test]
fn evaluate_writes_its_page_with_closed_pipes() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    for how in ["", "--csv", "--json"] {
        run_unheard(&workplace, &format!("evaluate run/best --report page.html {how}"));
        assert!(workplace.read("page.html").contains("of 12 images classified correctly"), "{how}");
        std::fs::remove_file(workplace.path("page.html")).expect("a page");
    }
}

#[test]
fn predict_sorts_images_with_closed_pipes() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    for how in ["", "--csv", "--json"] {
        let sort = format!("predict run/best photos/validation --sort-into sorted {how}");
        run_unheard(&workplace, &sort);
        let copies = workplace.contents("sorted");
        assert_eq!(copies.iter().filter(|(_, bytes)| bytes.is_some()).count(), 12, "{how}");
        std::fs::remove_dir_all(workplace.path("sorted")).expect("copies");
    }
    run_unheard(&workplace, "predict run/best photos/validation");
}

#[test]
fn features_completes_with_closed_pipes() {
    let workplace = TestDir::with_photos();
    let base = "--weights none --image-size 32 --last-layer block1_pool --pooling max";
    run_unheard(&workplace, &format!("features photos {base} --out set --pieces 2"));
    assert_eq!(workplace.names_in("set").len(), 4);
}
