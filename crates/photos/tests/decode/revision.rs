//! Ties the revisions of the decoder, the resize and the survey to their output.

use std::fs;

use photos::{FACTS_REVISION, Layout, PIXELS_REVISION, Pixels, Survey};
use sha2::{Digest, Sha256};

use crate::images::every_kind;

/// If this test fails, files of some kind decode to other pixels: raise [`PIXELS_REVISION`], then put the new digest
/// here. Otherwise caches would return the old pixels.
#[cfg(target_arch = "x86_64")]
#[test]
fn pixels_revision_matches_the_pinned_digest() {
    let pinned = include_bytes!("pinned.jpg").to_vec();
    let kinds = every_kind().into_iter().map(|(_, bytes)| bytes).chain([pinned]);
    let mut all = Sha256::new();
    for file in kinds {
        // Smaller and larger than the images.
        for size in [[33, 27], [50, 61]] {
            let pixels = Pixels::decode(&file, size, None).expect("an image");
            assert_eq!(pixels.digest[..], Sha256::digest(&pixels.values)[..]);
            all.update(pixels.digest);
        }
    }
    let digest: String = all.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((PIXELS_REVISION, &*digest), (1, "3e19dfd2dc9962b4"));
}

/// If this test fails, a survey reports other facts about files of some kind: raise [`FACTS_REVISION`], then put the
/// new digest here. Otherwise caches would return the old facts.
#[test]
fn facts_revision_matches_the_pinned_digest() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Each file gets its own class, so the counts of the class are the facts about the file.
    for (number, (_, bytes)) in every_kind().into_iter().enumerate() {
        let class = folder.path().join(format!("{number:03}"));
        fs::create_dir(&class).expect("a writable folder");
        fs::write(class.join("image"), bytes).expect("a writable folder");
    }
    let layout = Layout::list(folder.path(), None).expect("classes");
    let survey = Survey::of(&layout, None);
    assert!(survey.skipped.unreadable.is_empty(), "{:?}", survey.skipped);
    let facts = serde_json::to_vec(&survey.sets[0].classes).expect("plain data");
    let digest: String =
        Sha256::digest(facts)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((FACTS_REVISION, &*digest), (1, "671637e3c309a1cf"));
}
