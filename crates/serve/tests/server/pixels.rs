//! Tests of small files that declare many pixels. They are refused by their headers.

use serve::Limits;

use crate::client::{Served, image};

/// Returns a PNG that declares `width` x `height` pixels but does not contain them.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = image(1);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    bytes
}

#[test]
fn image_with_too_many_pixels_is_refused_by_its_header() {
    let served = Served::new(Limits { pixels: 1_000_000, ..Limits::default() });
    let answer = served.post("/predict", "image/png", &bomb(1_001, 1_000)).expect_refusal(422);
    let reason = "its header says 1001x1000 pixels, expected at most 1 megapixels";
    assert!(answer.body.contains(reason), "{answer:?}");
    assert_eq!(answer.json()["hint"], "make it smaller");

    let (large, good) = (bomb(11_000, 12_000), image(1));
    let files: [(&str, &[u8]); 3] = [("1.png", &good), ("2.png", &large), ("3.png", &good)];
    let answer = served.post_files("/predict", &files);
    assert_eq!(answer.status, 200);
    let told = &answer.json()["predictions"];
    assert!(told[0]["class"].is_string() && told[2]["class"].is_string(), "{told}");
    assert!(told[1]["error"].as_str().is_some_and(|error| error.contains("11000x12000")), "{told}");
}

#[test]
fn total_pixels_over_the_request_limit_are_refused() {
    let pixels = 50 * 44;
    let limits = Limits { pixels, request_pixels: 2 * pixels, ..Limits::default() };
    let served = Served::new(limits);
    let good = image(1);
    let files = [("1.png", &good[..]); 3];
    assert_eq!(served.post_files("/predict", &files[..2]).status, 200);
    served.post_files("/predict", &files).expect_refusal(413);
    // Images that are refused by themselves do not count.
    let large = bomb(10_000, 10_000);
    let with_large = [files[0], ("2.png", &large), files[0]];
    assert_eq!(served.post_files("/predict", &with_large).status, 200);
}

#[test]
fn image_needing_too_much_decoder_memory_is_refused() {
    let served = Served::new(Limits { pixels: 1_000_000, ..Limits::default() });
    // Values of 16 bits take more than 10 bytes for each pixel, and a color profile may have any size.
    let mut bytes = bomb(1_000, 1_000);
    bytes[24] = 16;
    bytes.splice(33..33, [&30_000u32.to_be_bytes()[..], b"iCCP", &[0; 30_004]].concat());
    let answer = served.post("/predict", "image/png", &bytes).expect_refusal(422);
    assert!(answer.body.contains("MB, expected at most 26 MB"), "{answer:?}");
}
