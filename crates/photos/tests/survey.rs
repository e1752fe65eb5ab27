//! Survey of a folder that has one problem of each kind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use image::imageops::{FilterType, resize};
use image::{DynamicImage, ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder};
use photos::{
    Cache, Color, Distribution, DuplicateGroup, Format, ImageDataset, Layout, SharedImages, Split,
    SplitDatasets, Survey,
};

/// Returns an image of waves of many lengths and directions, different for each `seed`.
fn scene(seed: u32) -> RgbImage {
    let number = |at: u32| ((seed * 57 + at) as f32 * 12.9898).sin() * 43_758.547 % 1.0;
    let wave = |at: u32, x: u32, y: u32| {
        let (x, y) = (x as f32 / 6.0, y as f32 / 6.0);
        (number(at) * x + number(at + 1) * y + 6.0 * number(at + 2)).sin()
    };
    RgbImage::from_fn(96, 64, |x, y| {
        let sum: f32 = (0..12).map(|at| wave(3 * at, x, y)).sum();
        let value = (128.0 + 30.0 * sum).clamp(0.0, 255.0) as u8;
        image::Rgb([value, value / 2 + 40, 255 - value])
    })
}

fn save(folder: &Path, path: &str, image: impl Into<DynamicImage>, format: ImageFormat) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    image.into().save_with_format(path, format).expect("a writable folder");
}

fn jpeg(folder: &Path, path: &str, image: &RgbImage, set: impl Fn(&mut Encoder<&mut Vec<u8>>)) {
    let mut bytes = vec![];
    let mut encoder = Encoder::new(&mut bytes, 90);
    set(&mut encoder);
    let (width, height) = image.dimensions();
    encoder.encode(image, width as u16, height as u16, ColorType::Rgb).expect("an encodable image");
    fs::write(folder.join(path), bytes).expect("a writable folder");
}

fn survey(data: &Path) -> Survey {
    Survey::of(&Layout::find(data, None).expect("images"), None)
}

/// Returns the set and file of each member.
fn members(data: &Path, duplicates: &[DuplicateGroup]) -> Vec<Vec<(Split, PathBuf)>> {
    let below = |path: &Path| path.strip_prefix(data).expect("a file in it").to_owned();
    let group = |group: &DuplicateGroup| {
        group.members.iter().map(|member| (member.set, below(&member.path))).collect()
    };
    duplicates.iter().map(group).collect()
}

#[test]
fn survey_counts_image_properties_by_split_and_class() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let root = data.path();
    let large = resize(&scene(1), 300, 200, FilterType::Triangle);
    save(root, "train/a/1.png", large, ImageFormat::Png);
    save(root, "train/a/2.png", DynamicImage::from(scene(2)).to_rgba8(), ImageFormat::Png);
    save(root, "train/a/3.png", DynamicImage::from(scene(3)).to_luma16(), ImageFormat::Png);
    save(root, "train/a/4.gif", scene(4), ImageFormat::Gif);
    save(root, "train/b/5.jpg", scene(5), ImageFormat::Tiff);
    let exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    jpeg(root, "train/b/6.jpg", &scene(6), |jpeg| jpeg.add_exif_metadata(exif).expect("metadata"));
    jpeg(root, "train/b/7.jpg", &scene(7), |jpeg| {
        jpeg.add_icc_profile(&[7; 99]).expect("a profile")
    });
    save(root, "val/a/8.bmp", scene(8), ImageFormat::Bmp);
    save(root, "val/b/9.webp", scene(9), ImageFormat::WebP);
    fs::write(root.join("val/a/bad.jpg"), "no image").expect("a writable folder");
    fs::write(root.join("val/notes.txt"), "some words").expect("a writable folder");

    let survey = survey(root);
    let sets: Vec<Split> = survey.sets.iter().map(|set| set.set).collect();
    assert_eq!(sets, [Split::Train, Split::Validation]);
    let [a, b] = survey.sets[0].classes.as_slice() else { panic!("two classes") };
    assert_eq!((a.class.as_str(), a.images, b.images), ("a", 4, 3));
    assert_eq!(a.width, Some(Distribution { smallest: 96, median: 96, largest: 300 }));
    assert_eq!(b.height, Some(Distribution { smallest: 64, median: 64, largest: 96 }));
    assert_eq!(a.formats, BTreeMap::from([(Format::Png, 3), (Format::Gif, 1)]));
    assert_eq!(b.formats, BTreeMap::from([(Format::Jpeg, 2), (Format::Tiff, 1)]));
    let colors = [(Color::Gray, 1), (Color::Rgb, 2), (Color::Palette, 1)];
    assert_eq!(a.colors, BTreeMap::from(colors));
    assert_eq!((a.with_alpha, a.with_16_bits, a.turned, a.with_profile), (1, 1, 0, 0));
    assert_eq!((b.with_alpha, b.with_16_bits, b.turned, b.with_profile), (0, 0, 1, 1));
    assert_eq!(survey.sets[1].classes[0].images, 1);
    let unreadable: Vec<&Path> =
        survey.skipped.unreadable.iter().map(|file| file.path.as_path()).collect();
    assert_eq!(unreadable, [root.join("val/a/bad.jpg")]);
    assert_eq!(survey.skipped.ignored, [root.join("val/notes.txt")]);
    assert!(survey.same.is_empty() && survey.near.is_empty(), "{survey:?}");

    let layout = Layout::find(root, None).expect("images");
    let SplitDatasets { training: train, validation, .. } =
        layout.load([4, 4], 0, &Cache::default()).expect("images");
    assert_eq!((train.with_profile(), validation.with_profile()), (1, 0));

    let json = serde_json::to_value(&survey).expect("plain data");
    assert_eq!(json["sets"][0]["classes"][0]["formats"]["png"], 3);
    assert_eq!(json["sets"][1]["set"], "validation");
    assert_eq!(json["left_out"]["unreadable"][0]["path"], unreadable[0].to_str().expect("text"));
}

#[test]
fn duplicate_groups_report_spanned_classes_and_splits() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let root = data.path();
    for (number, path) in
        ["train/a/1.png", "train/a/2.png", "train/b/3.png", "val/a/4.png", "val/b/5.png"]
            .into_iter()
            .enumerate()
    {
        save(root, path, scene(number as u32), ImageFormat::Png);
    }
    save(root, "train/a/the same as 1.bmp", scene(0), ImageFormat::Bmp);
    save(root, "val/b/the same as 3.webp", scene(2), ImageFormat::WebP);
    jpeg(root, "train/b/poorer than 2.jpg", &scene(1), |jpeg| jpeg.set_quality(25));
    let small = resize(&scene(3), 48, 32, FilterType::Triangle);
    save(root, "train/a/smaller than 4.png", small, ImageFormat::Png);
    for plain in ["train/a/black.png", "train/b/white.png"] {
        let value = if plain.contains("black") { 0 } else { 255 };
        save(root, plain, RgbImage::from_pixel(96, 64, image::Rgb([value; 3])), ImageFormat::Png);
    }

    let survey = survey(root);
    let (train, validation) = (Split::Train, Split::Validation);
    let file = |set, path: &str| (set, PathBuf::from(path));
    let same = [
        vec![file(train, "train/a/1.png"), file(train, "train/a/the same as 1.bmp")],
        vec![file(train, "train/b/3.png"), file(validation, "val/b/the same as 3.webp")],
    ];
    let near = [
        vec![file(train, "train/a/2.png"), file(train, "train/b/poorer than 2.jpg")],
        vec![file(train, "train/a/smaller than 4.png"), file(validation, "val/a/4.png")],
    ];
    assert_eq!(members(root, &survey.same), same);
    assert_eq!(members(root, &survey.near), near);
    let across = |groups: &[DuplicateGroup]| -> Vec<(bool, bool)> {
        groups.iter().map(|group| (group.spans_splits(), group.spans_classes())).collect()
    };
    assert_eq!(across(&survey.same), [(false, false), (true, false)]);
    assert_eq!(across(&survey.near), [(false, true), (true, false)]);
}

#[test]
fn near_duplicates_stay_in_one_split() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let root = data.path();
    for number in 0..40 {
        let class = if number % 2 == 0 { "a" } else { "b" };
        save(root, &format!("{class}/{number}.png"), scene(number), ImageFormat::Png);
        if number < 20 {
            jpeg(root, &format!("{class}/{number} again.jpg"), &scene(number), |jpeg| {
                jpeg.set_quality(40)
            });
        }
    }
    let layout = Layout::find(root, Some(0.25)).expect("images");
    for cache in [0, usize::MAX] {
        let images = layout.load_grouped([64, 64], 3, &Cache::in_memory(cache)).expect("images");
        assert_eq!(images.shared_images(), [Some(SharedImages::default()), None]);
        let SplitDatasets { training: train, validation, .. } = images;
        let numbers = |photos: &ImageDataset| -> Vec<String> {
            let name =
                |at: usize| photos.path(at).file_name().expect("a name").to_str().expect("text");
            let number = |at| name(at).split(['.', ' ']).next().expect("a number").to_owned();
            (0..photos.labels().len()).map(number).collect()
        };
        let (train, validation) = (numbers(&train), numbers(&validation));
        assert_eq!((train.len(), validation.len()), (44, 16));
        assert!(
            validation.iter().all(|number| !train.contains(number)),
            "{train:?} {validation:?}"
        );
        let twice = validation
            .iter()
            .filter(|&one| validation.iter().filter(|&other| one == other).count() > 1);
        assert!(twice.count() > 0, "{validation:?}");
    }
}
