//! Ties the revision of the decoder and the resize to their output.

use photos::{PIXELS_REVISION, Pixels};
use sha2::{Digest, Sha256};

use crate::pictures::every_kind;

/// If this fails, files of some kind give other pixels: raise [`PIXELS_REVISION`], then put the new digest here. Otherwise
/// caches would serve the old ones.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_revision_is_raised_with_every_change_of_pixels() {
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
