//! Ties the revision of the warp to its output, bit for bit.

use augment::{AugmentConfig, Compose, Draw, ImageRef, WARP_REVISION};
use sha2::{Digest, Sha256};

/// If this test fails, draws or the warp return different values. Raise [`WARP_REVISION`], then
/// update the digest here. Otherwise caches would serve features of the old revision.
#[cfg(target_arch = "x86_64")]
#[test]
fn warp_revision_matches_the_pinned_digest() {
    let (height, width) = (31, 45);
    let pixels: Vec<u8> = (0..height * width * 3).map(|at| (at * at % 251) as u8).collect();
    let image = ImageRef::new(&pixels, height, width);
    let mut hash = Sha256::new();
    let mut add = |draw: &Draw, compose| {
        let mut output = vec![0.0; pixels.len()];
        draw.apply(&image, compose, &mut output, |rgb| rgb);
        output.into_iter().for_each(|value| hash.update(value.to_le_bytes()));
    };
    for compose in [Compose::Once, Compose::Stepwise] {
        // Includes points outside the image.
        let far = Draw { rotation: 0.4, zoom: 0.9, flip_top_bottom: true, ..Draw::default() };
        add(&far, compose);
        (0..8).for_each(|item| add(&AugmentConfig::default().draw(1, 2, item), compose));
    }
    let digest: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((WARP_REVISION, &*digest), (1, "c871e075868ea61f"));
}

/// An image without augmentation remains unchanged, so it does not need the warp.
#[test]
fn default_draw_leaves_the_image_unchanged() {
    let (height, width) = (31, 45);
    let pixels: Vec<u8> = (0..height * width * 3).map(|at| (at * at % 251) as u8).collect();
    let expected: Vec<f32> = pixels.iter().map(|&value| f32::from(value)).collect();
    for compose in [Compose::Once, Compose::Stepwise] {
        let mut output = vec![0.0; pixels.len()];
        Draw::default().apply(
            &ImageRef::new(&pixels, height, width),
            compose,
            &mut output,
            |rgb| rgb,
        );
        assert_eq!(output, expected);
    }
}
