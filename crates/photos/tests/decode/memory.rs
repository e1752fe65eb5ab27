//! Images in memory decode like their files.

use std::fs;

use photos::{load_image, load_image_from};

use crate::images::every_kind;

#[test]
fn loading_from_memory_and_from_a_file_agree() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("image");
    let half = |bytes: &Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let whole: Vec<Vec<u8>> = every_kind().into_iter().map(|(_, bytes)| bytes).collect();
    let cut: Vec<Vec<u8>> = whole.iter().map(half).collect();
    for (at, bytes) in [vec![], b"no image".to_vec()].iter().chain(&whole).chain(&cut).enumerate() {
        fs::write(&path, bytes).expect("a writable folder");
        let from_memory = load_image_from(bytes, [20, 30]).map_err(|error| error.to_string());
        let from_file = load_image(&path, [20, 30]).map_err(|error| error.to_string());
        assert_eq!(from_memory, from_file);
        assert_eq!(from_memory.is_ok(), (2..2 + whole.len()).contains(&at));
    }
}
