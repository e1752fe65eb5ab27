//! Checks that all crates display paths with this crate.

use std::fs;
use std::path::{Path, PathBuf};

fn sources_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| if path.is_dir() { sources_below(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// `Path::display` passes on characters that a terminal acts on. Use `shown` for people and `to_string_lossy` for
/// programs.
#[test]
fn no_crate_calls_path_display() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of crates");
    let crates = fs::read_dir(crates).expect("a folder").map(|entry| entry.expect("an entry"));
    let sources: Vec<PathBuf> =
        crates.flat_map(|entry| sources_below(&entry.path().join("src"))).collect();
    assert!(sources.len() > 100, "{}", sources.len());
    let displays = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a source");
        let lines = text.lines().enumerate().filter(|(_, line)| line.contains(".display()"));
        lines.map(|(at, _)| format!("{}:{}", path.to_string_lossy(), at + 1)).collect::<Vec<_>>()
    };
    let found: Vec<String> = sources.iter().flat_map(displays).collect();
    assert!(found.is_empty(), "use `quoting::Shown::shown`:\n{}", found.join("\n"));
}
