//! Values of features, which do not depend on the number of shards and are the same as in an ordinary run.

use std::fs;

use augment::{AugmentConfig, ImageRef};
use photos::{address_of_key, load_image};
use serde_json::Value;
use vgg::{FrozenBase, Pooling, VggConfig, Weights};

use super::{compute, features, findings, open};
use crate::harness::TestDir;

#[test]
fn features_do_not_depend_on_shards_or_pieces() {
    let workplace = TestDir::with_photos();
    compute(&workplace, "--views 2 --out one");
    for shard in 0..3 {
        compute(&workplace, &format!("--views 2 --out three --shard {shard}/3 --pieces 2"));
    }
    let (one, three) = (open(&workplace, "one"), open(&workplace, "three"));
    assert_eq!((one.piece_count(), three.piece_count()), (1, 6));
    assert_eq!((one.images().len(), one.views()), (24, 2));
    assert_eq!(one.classes(), ["across", "along"]);
    assert_eq!(features(&one), features(&three));
    assert_eq!(findings(&workplace, "--check three"), Vec::<[String; 3]>::new());
    // Each piece holds only a part of the images.
    assert!((0..6).all(|piece| three.rows_of(piece).0 < 24));
}

#[test]
fn features_equal_those_of_the_base_bit_for_bit() {
    let workplace = TestDir::with_photos();
    // The expected features are computed by the CPU's own engine.
    compute(&workplace, "--views 2 --seed 7 --out set --device cpu");
    let features = features(&open(&workplace, "set"));

    let config = VggConfig {
        image_size: [32, 32],
        last_layer: "block1_pool".into(),
        pooling: Pooling::Maximum,
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&config, 7).expect("weights");
    let base = FrozenBase::new(&config, &weights).expect("a base");
    let augment = AugmentConfig::default();
    for (key, (_, plain, views)) in &features {
        let pixels = load_image(workplace.path("photos").join(key), [32, 32]).expect("an image");
        assert_eq!(&base.features_of_images(&[&pixels]).expect("features"), plain, "{key}");
        assert_eq!(views.len(), if key.starts_with("train/") { 2 } else { 0 });
        for (view, features) in (1..).zip(views) {
            let below = key.strip_prefix("train/").expect("a training image");
            let draw = augment.draw(7, view, address_of_key(below));
            let mut input = vec![0.0; 32 * 32 * 3];
            let preprocess = |rgb| base.preprocessing().apply(rgb);
            let image = ImageRef::new(&pixels, 32, 32);
            draw.apply(&image, augment.compose, &mut input, preprocess);
            assert_eq!(&base.features(&input).expect("features"), features, "{key}: {view}");
        }
    }
}

#[test]
fn float16_features_are_close() {
    let workplace = TestDir::with_photos();
    compute(&workplace, "--out single");
    compute(&workplace, "--out half --dtype float16");
    let (single, half) =
        (features(&open(&workplace, "single")), features(&open(&workplace, "half")));
    for (key, (_, single, _)) in single {
        for (single, half) in single.iter().zip(&half[&key].1) {
            assert!((single - half).abs() <= single.abs() / 2048.0 + 1e-7, "{single} {half}");
        }
    }
}

#[test]
fn a_piece_is_a_safetensors_file_with_its_small_tensors_first() {
    let workplace = TestDir::with_photos();
    compute(&workplace, "--out set");
    let path = workplace.path("set/shard-00000-of-00001-piece-0000-of-0001.safetensors");
    let bytes = fs::read(path).expect("the object");
    let length = u64::from_le_bytes(*bytes.first_chunk().expect("a length")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    assert_eq!(header["plain"]["dtype"], "F32");
    assert_eq!(header["plain"]["shape"], serde_json::json!([24, 64]));
    assert_eq!(header["labels"]["data_offsets"], serde_json::json!([0, 24 * 8]));
}
