//! Checks that every worker is built: Cargo finds examples only in `examples`, so the manifest must name it.

use std::fs;

use crate::sources::root;

#[test]
fn every_worker_is_in_its_manifest() {
    let mut count = 0;
    for folder in fs::read_dir(root().join("crates")).expect("a folder") {
        let folder = folder.expect("an entry").path();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        for worker in fs::read_dir(folder.join("workers")).into_iter().flatten() {
            let worker = worker.expect("an entry");
            let name = worker.file_name().into_string().expect("text");
            if name.ends_with(".rs") {
                count += 1;
                let path = format!("path = \"workers/{name}\"");
                assert!(manifest.contains(&path), "{} has no {path}", folder.display());
            }
        }
    }
    assert!(count >= 10, "{count} workers");
}
