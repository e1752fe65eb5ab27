//! What is computed: the features of an ordinary run, however they are shared.

use std::fs;

use photos::load_picture;
use serde_json::Value;
use vgg::{FrozenBase, Pooling, VggConfig, Weights};

use super::{compute, features, findings, open};
use crate::permafrost::Workplace;

#[test]
fn any_number_of_shards_and_pieces_holds_the_same_features() {
    let workplace = Workplace::with_photos();
    compute(&workplace, "--views 2 --out one");
    for shard in 0..3 {
        compute(&workplace, &format!("--views 2 --out three --shard {shard}/3 --steps 2"));
    }
    let (one, three) = (open(&workplace, "one"), open(&workplace, "three"));
    assert_eq!((one.piece_count(), three.piece_count()), (1, 6));
    assert_eq!((one.photographs().len(), one.views()), (24, 2));
    assert_eq!(one.classes(), ["across", "along"]);
    assert_eq!(features(&one), features(&three));
    assert_eq!(findings(&workplace, "--check three"), Vec::<[String; 3]>::new());
    // Pieces are no bundles of all: some photographs lie elsewhere.
    assert!((0..6).all(|piece| three.rows_of(piece).0 < 24));
}

#[test]
fn features_are_those_of_an_ordinary_run_bit_for_bit() {
    let workplace = Workplace::with_photos();
    // Below they are compared with those of the CPU's own engine.
    compute(&workplace, "--views 2 --seed 7 --out set --device cpu");
    workplace.train("--views 2 --seed 7 --epochs 1 --out run --device cpu");
    let set = open(&workplace, "set");
    let features = features(&set);

    // A line of text, then rows with their checksums: the first view of all, then the second.
    let file = fs::read(workplace.path("run/views.bin")).expect("the run's views");
    let header = file.iter().position(|&byte| byte == b'\n').expect("a line") + 1;
    let rows: Vec<&[u8]> = file[header..].chunks_exact(4 * set.width() + 4).collect();
    let trained = || set.photographs().iter().filter(|photo| photo.trainable_row.is_some());
    assert_eq!(rows.len(), 2 * trained().count());
    for view in 0..2 {
        for (at, photo) in trained().enumerate() {
            let (_, _, views) = &features[&photo.key];
            let bytes: Vec<u8> = views[view].iter().flat_map(|value| value.to_le_bytes()).collect();
            assert_eq!(rows[view * trained().count() + at][..bytes.len()], bytes, "{}", photo.key);
        }
    }

    let config = VggConfig {
        size: [32, 32],
        until: "block1_pool".into(),
        pooling: Pooling::Maximum,
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&config, 7).expect("weights");
    let base = FrozenBase::new(&config, &weights).expect("a base");
    for (key, (_, plain, _)) in &features {
        let pixels =
            load_picture(&workplace.path("photos").join(key), [32, 32]).expect("a picture");
        assert_eq!(&base.features_of_pictures(&[&pixels]).expect("features"), plain, "{key}");
    }
}

#[test]
fn halves_are_near() {
    let workplace = Workplace::with_photos();
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
    let workplace = Workplace::with_photos();
    compute(&workplace, "--out set");
    let path = workplace.path("set/shard-00000-of-00001-piece-0000-of-0001.safetensors");
    let bytes = fs::read(path).expect("the object");
    let length = u64::from_le_bytes(*bytes.first_chunk().expect("a length")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    assert_eq!(header["plain"]["dtype"], "F32");
    assert_eq!(header["plain"]["shape"], serde_json::json!([24, 64]));
    assert_eq!(header["labels"]["data_offsets"], serde_json::json!([0, 24 * 8]));
}
