//! `train --tui`: requires a terminal, and restores it.

use crate::harness::{TestDir, quick};

#[test]
fn dashboard_without_a_terminal_is_refused() {
    let workplace = TestDir::with_photos();
    let done = workplace.run(&quick("--epochs 1 --tui --out run"));
    assert_eq!((done.status, &*done.stdout), (Some(2), ""));
    assert!(done.stderr.contains("`--tui` needs a terminal"), "{}", done.stderr);
    assert!(done.stderr.contains("\nhint: omit it"), "{}", done.stderr);
    assert!(!workplace.path("run").exists());
}

/// Uses `script` of util-linux, which runs a command in a new terminal and prints the terminal's output.
#[cfg(target_os = "linux")]
#[test]
fn dashboard_uses_the_alternate_screen() {
    let workplace = TestDir::with_photos();
    let train = quick("--epochs 3 --tui --out run");
    let script =
        format!("script -qec \"stty rows 24 cols 80; '$0' {train}\" /dev/null < /dev/null");
    let done = workplace.shell(&script).expect_success();
    let (before, rest) = done.stdout.split_once("\u{1b}[?1049h").expect("a screen is taken");
    let (drawn, after) = rest.split_once("\u{1b}[?1049l").expect("it is given back");
    assert!(before.starts_with("Images        12 for training"), "{before}");
    assert!(drawn.contains("val_loss") && drawn.contains("epoch"), "{drawn}");
    assert!(!after.contains("\u{1b}[?1049h") && after.contains("Best epoch: "), "{after}");
    assert!(after.ends_with("Run: run\r\n"), "{after}");
    assert_eq!(workplace.history("run").len(), 4);
}
