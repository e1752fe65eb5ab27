//! Tests of the built program's `fetch` with a small server on this machine and with folders.
//!
//! Every test has its own root folder and manifest, and none uses the network.

mod interruptions;
mod libtorch;
mod list_and_offline;
mod network;
mod sandbox;
mod server;
mod server_faults;

use std::fs;
use std::path::Path;

use sandbox::{Sandbox, zip_with};
use server::{Response, serve, unreachable_address};
use tempfile::TempDir;

const WEIGHTS: &[u8] = b"pretrained weights";
const WEIGHTS_MD5: &str = "md5:54eb51c2a8c383277c82c9f52ba57591";

fn weights_from(url: &str) -> Sandbox {
    Sandbox::with_weights(url, WEIGHTS.len(), WEIGHTS_MD5)
}

#[test]
fn complete_file_is_saved() {
    let sandbox = weights_from(&serve(Response::ok(WEIGHTS)));
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
    assert_eq!(sandbox.names_in("data/weights"), ["tiny.h5"]);
    assert!(fetch.stdout.contains("licence: CC BY 4.0"), "{fetch:?}");
}

#[test]
fn include_top_also_fetches_class_names() {
    let url = serve(Response::ok(WEIGHTS));
    let sandbox = Sandbox::with_class_names(&url, WEIGHTS.len(), WEIGHTS_MD5);
    assert_eq!(sandbox.run(&["fetch", "weights"]).code, 0);
    assert!(!sandbox.data("weights/names.json").exists());
    let fetch = sandbox.run(&["fetch", "weights", "--include-top"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(fs::read(sandbox.data("weights/names.json")).unwrap(), WEIGHTS);
}

#[test]
fn existing_file_is_not_downloaded_again() {
    let sandbox = weights_from(&unreachable_address());
    sandbox.write("data/weights/tiny.h5", WEIGHTS);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert!(fetch.stdout.contains("already present"), "{fetch:?}");
}

#[test]
fn existing_invalid_file_is_refused_and_not_replaced() {
    let sandbox = weights_from(&unreachable_address());
    sandbox.write("data/weights/tiny.h5", b"postrained weights");
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 2, "{fetch:?}");
    assert!(
        fetch.stderr.contains(&format!("expected digest `{WEIGHTS_MD5}`, found `md5:")),
        "{fetch:?}"
    );
    assert!(fetch.stderr.contains("\nhint: remove it or move it away"), "{fetch:?}");
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), b"postrained weights");
}

#[test]
fn file_with_a_wrong_digest_is_not_saved() {
    let sandbox = weights_from(&serve(Response::ok(b"postrained weights")));
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(
        fetch.stderr.contains(&format!("expected digest `{WEIGHTS_MD5}`, found `md5:")),
        "{fetch:?}"
    );
    assert!(sandbox.names_in("data/weights").is_empty());
}

#[test]
fn file_of_the_wrong_size_is_not_downloaded() {
    let sandbox = weights_from(&serve(Response::ok(b"weights")));
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(fetch.stderr.contains("expected 18 bytes, found 7"), "{fetch:?}");
    assert!(!sandbox.data("weights").exists());
}

#[test]
fn oversized_file_of_unknown_length_is_rejected() {
    let sandbox = weights_from(&serve(Response::ok(&[b'w'; 4096]).announcing_nothing()));
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(fetch.stderr.contains("expected 18 bytes, found more"), "{fetch:?}");
    assert!(sandbox.names_in("data/weights").is_empty());
}

#[test]
fn not_found_error_names_the_url() {
    let url = serve(Response::status(404));
    let sandbox = weights_from(&url);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(fetch.stderr.contains("error: could not fetch `tiny.h5`"), "{fetch:?}");
    assert!(
        fetch.stderr.contains(&format!("`{url}/tiny.h5`: the server answered 404")),
        "{fetch:?}"
    );
}

#[test]
fn the_second_address_is_tried_when_the_first_fails() {
    let sandbox = weights_from(&unreachable_address());
    let mirror = serve(Response::ok(WEIGHTS));
    sandbox.add_address(&mirror);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
}

#[test]
fn hints_without_a_network_explain_manual_download() {
    let url = unreachable_address();
    let sandbox = weights_from(&url);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    let hints: Vec<_> = fetch.stderr.lines().filter(|line| line.starts_with("hint: ")).collect();
    let place = sandbox.data("weights/tiny.h5");
    assert_eq!(
        hints,
        [
            format!("hint: download {url}/tiny.h5 by hand"),
            format!(
                "hint: put it at `{}`, or into any folder DIR and run `cargo xtask fetch weights --from DIR`",
                place.display()
            ),
        ]
    );
}

#[test]
fn files_can_be_fetched_from_a_folder() {
    let sandbox = weights_from(&unreachable_address());
    sandbox.write("downloads/tiny.h5", WEIGHTS);
    let folder = sandbox.path("downloads");
    let fetch = sandbox.run(&["fetch", "weights", "--from", folder.to_str().unwrap()]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
    assert_eq!(sandbox.names_in("downloads"), ["tiny.h5"]);
}

#[test]
fn alternative_weights_file_in_a_folder_is_verified_too() {
    let sandbox =
        Sandbox::with_weights_of_two_names(&unreachable_address(), WEIGHTS.len(), WEIGHTS_MD5);
    let folder = sandbox.path("downloads");
    let arguments = ["fetch", "weights", "--from", folder.to_str().unwrap()];
    sandbox.write("downloads/tiny.safetensors", b"postrained weights");
    let fetch = sandbox.run(&arguments);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(fetch.stderr.contains("expected digest"), "{fetch:?}");

    sandbox.write("downloads/tiny.safetensors", WEIGHTS);
    let fetch = sandbox.run(&arguments);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(sandbox.names_in("data/weights"), ["tiny.safetensors"]);
    // This file is sufficient, so nothing is downloaded.
    let again = sandbox.run(&["fetch", "weights"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stdout.contains("already present"), "{again:?}");
    assert_eq!(sandbox.run(&["fetch", "weights", "--offline"]).code, 0);
}

#[test]
fn a_file_from_a_folder_is_checked_like_a_download() {
    let sandbox = weights_from(&unreachable_address());
    sandbox.write("downloads/tiny.h5", b"postrained weights");
    let folder = sandbox.path("downloads");
    let fetch = sandbox.run(&["fetch", "weights", "--from", folder.to_str().unwrap()]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(fetch.stderr.contains("expected digest"), "{fetch:?}");
    assert!(sandbox.names_in("data/weights").is_empty());
}

#[test]
fn files_can_be_fetched_from_a_mirror() {
    let sandbox = weights_from(&unreachable_address());
    let mirror = serve(Response::ok(WEIGHTS));
    let fetch = sandbox.run(&["fetch", "weights", "--from", &mirror]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
}

#[test]
fn oversized_part_is_discarded() {
    let sandbox = weights_from(&serve(Response::ok(WEIGHTS)));
    sandbox.write("data/weights/tiny.h5.part", b"pretrained weights and something longer");
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
    assert_eq!(sandbox.names_in("data/weights"), ["tiny.h5"]);
}

/// Files of an archive with the images that the manifest expects: two of cats, one of dogs.
const IMAGES: [(&str, &[u8]); 4] = [
    ("pets/train/cats/1.jpg", b"first cat"),
    ("pets/train/cats/2.jpg", b"second cat"),
    ("pets/train/dogs/1.jpg", b"first dog"),
    ("pets/vectorize.py", b"print()"),
];

fn fetch_archive(zip: &[u8]) -> (Sandbox, sandbox::Outcome) {
    let sandbox = Sandbox::with_archive(&serve(Response::ok(zip)), zip.len());
    let outcome = sandbox.run(&["fetch", "data"]);
    (sandbox, outcome)
}

#[test]
fn only_images_of_an_archive_are_extracted() {
    let (sandbox, fetch) = fetch_archive(&zip_with(&IMAGES));
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(sandbox.names_in("data"), ["digests.toml", "pets"]);
    assert_eq!(sandbox.names_in("data/pets"), ["train"]);
    assert_eq!(sandbox.names_in("data/pets/train/cats"), ["1.jpg", "2.jpg"]);
    assert_eq!(fs::read(sandbox.data("pets/train/dogs/1.jpg")).unwrap(), b"first dog");
}

#[test]
fn existing_images_are_not_downloaded_again() {
    let (sandbox, _) = fetch_archive(&zip_with(&IMAGES));
    let again = sandbox.run(&["fetch", "data"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stdout.contains("already present"), "{again:?}");
}

#[test]
fn incomplete_image_folder_is_an_error() {
    let (sandbox, _) = fetch_archive(&zip_with(&IMAGES));
    fs::remove_file(sandbox.data("pets/train/cats/2.jpg")).unwrap();
    let again = sandbox.run(&["fetch", "data"]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("expected 2 images in `train/cats`, found 1"), "{again:?}");
    assert!(again.stderr.contains("\nhint: remove it or move it away"), "{again:?}");
}

#[test]
fn archive_with_too_few_images_is_rejected() {
    let (sandbox, fetch) = fetch_archive(&zip_with(&IMAGES[1..]));
    assert_eq!(fetch.code, 2, "{fetch:?}");
    assert!(fetch.stderr.contains("expected 2 images in `train/cats`, found 1"), "{fetch:?}");
    assert!(sandbox.names_in("data").is_empty());
}

#[test]
fn archive_paths_outside_the_target_are_rejected() {
    for name in ["../outside.jpg", "pets/train/cats/../../../../outside.jpg", "..\\outside.jpg"] {
        let mut entries = vec![(name, b"escaped".as_slice())];
        entries.extend(IMAGES);
        let (sandbox, fetch) = fetch_archive(&zip_with(&entries));
        assert_eq!(fetch.code, 2, "{name}: {fetch:?}");
        assert!(fetch.stderr.contains("expected paths inside the target folder"), "{fetch:?}");
        assert!(sandbox.names_in("data").is_empty(), "{name}");
        assert_eq!(sandbox.names_in("."), ["data", "manifest.toml"], "{name}");
    }
}

#[test]
fn archive_with_a_link_is_rejected() {
    let (sandbox, fetch) = fetch_archive(&sandbox::zip_with_link("pets/train/cats/1.jpg"));
    assert_eq!(fetch.code, 2, "{fetch:?}");
    assert!(fetch.stderr.contains("expected no links, found `pets/train/cats/1.jpg`"), "{fetch:?}");
    assert!(sandbox.names_in("data").is_empty());
}

#[test]
fn archive_too_large_when_unpacked_is_rejected() {
    let swollen = vec![0; 100_000];
    let (sandbox, fetch) = fetch_archive(&zip_with(&[("pets/train/cats/1.jpg", &swollen)]));
    assert_eq!(fetch.code, 2, "{fetch:?}");
    assert!(fetch.stderr.contains("expected at most 1000 bytes unpacked, found more"), "{fetch:?}");
    assert!(sandbox.names_in("data").is_empty());
}

#[test]
fn archive_without_a_digest_must_match_its_first_fetch() {
    let zip = zip_with(&IMAGES);
    let (sandbox, first) = fetch_archive(&zip);
    assert!(first.stdout.contains("the publisher states no digest"), "{first:?}");
    fs::remove_dir_all(sandbox.data("pets")).unwrap();

    let downloads = TempDir::new().unwrap();
    let from = downloads.path().to_str().unwrap();
    let mut images = IMAGES;
    images[0].1 = b"other cat";
    let other = zip_with(&images);
    assert_eq!(other.len(), zip.len());
    fs::write(Path::new(from).join("pets.zip"), other).unwrap();
    let changed = sandbox.run(&["fetch", "data", "--from", from]);
    assert_eq!(changed.code, 2, "{changed:?}");
    assert!(changed.stderr.contains("`pets.zip` differs from its first fetch"), "{changed:?}");
    assert_eq!(sandbox.names_in("data"), ["digests.toml"]);

    fs::write(Path::new(from).join("pets.zip"), zip).unwrap();
    let same = sandbox.run(&["fetch", "data", "--from", from]);
    assert_eq!(same.code, 0, "{same:?}");
}
