//! A folder as people have them: every kind of file and every fault at once. It trains, what is bad is named,
//! and nothing in it changes.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::permafrost::{Workplace, quick};

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.write_to(&mut bytes, format).expect("an encodable picture");
    bytes.into_inner()
}

#[test]
fn a_dirty_folder_trains_and_what_is_bad_is_named_and_nothing_changes() {
    let workplace = Workplace::new();
    let colours = DynamicImage::from(RgbImage::from_fn(48, 40, |x, y| {
        Rgb([(x * 5) as u8, (y * 6) as u8, (x * y) as u8])
    }));
    let jpeg = encoded(&colours, ImageFormat::Jpeg);
    let png = encoded(&colours, ImageFormat::Png);
    let class = |path: &str| format!("photos/train/chats et chiens ü/{path}");
    for (name, bytes) in [
        ("colours.jpg", jpeg.clone()),
        ("grey.jpg", encoded(&colours.to_luma8().into(), ImageFormat::Jpeg)),
        ("see-through.png", encoded(&colours.to_rgba8().into(), ImageFormat::Png)),
        ("16 bits.png", encoded(&colours.to_rgb16().into(), ImageFormat::Png)),
        ("grey and 16 bits.png", encoded(&colours.to_luma16().into(), ImageFormat::Png)),
        ("moving.gif", encoded(&colours, ImageFormat::Gif)),
        ("old.bmp", encoded(&colours, ImageFormat::Bmp)),
        ("new.webp", encoded(&colours, ImageFormat::WebP)),
        ("scanned.tiff", encoded(&colours, ImageFormat::Tiff)),
        ("a PNG by content.jpg", png.clone()),
        ("no extension", png.clone()),
        ("a picture.txt", png.clone()),
        ("deep/er/日本.PNG", png.clone()),
    ] {
        workplace.write(&class(name), bytes);
    }
    let bad = [
        ("cut.jpg", jpeg[..jpeg.len() - 40].to_vec()),
        ("cut.png", png[..png.len() - 12].to_vec()),
        ("empty.jpg", vec![]),
        ("words.jpeg", b"not a picture".to_vec()),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0".to_vec()),
    ];
    for (name, bytes) in &bad {
        workplace.write(&class(name), bytes);
    }
    for stray in ["notes.txt", "labels.csv"] {
        workplace.write(&class(stray), "words");
    }
    for hidden in [".DS_Store", "Thumbs.db", ".cache/x.jpg", "__MACOSX/y.jpg"] {
        workplace.write(&class(hidden), "hidden");
    }
    workplace.write("photos/.git/config", "hidden");
    for number in 0..4 {
        workplace.picture(&format!("photos/train/others/{number}.png"), "along", number);
    }
    for class in ["chats et chiens ü", "others"] {
        workplace.picture(&format!("photos/validation/{class}/1.png"), "across", 2);
    }
    let mut expected: BTreeSet<String> = bad.iter().map(|(name, _)| class(name)).collect();
    #[cfg(unix)]
    {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;

        let folder = workplace.path(&class(""));
        symlink("..", folder.join("loop")).expect("a link");
        symlink("nowhere.jpg", folder.join("dangling.jpg")).expect("a link");
        expected.insert(class("dangling.jpg"));
        // Some systems have no such names.
        let _ = fs::write(folder.join(OsStr::from_bytes(b"not \xff unicode.png")), &png);
    }

    let photos = workplace.path("photos");
    let contents = || {
        let files = workplace.all_files().into_iter().map(|(path, _)| path);
        let files = files.filter(|path| path.starts_with(&photos));
        files.map(|path| (path.clone(), fs::read(path).ok())).collect::<Vec<_>>()
    };
    let before = contents();
    assert!(before.len() > 25);
    let done = workplace.run(&quick("--epochs 1 --out run")).expect_success();
    assert!(contents() == before, "the folder of photographs has changed");

    // Thirteen and the one whose name is no unicode, if there is one; four of the others.
    let found = done.stdout.lines().next().expect("a line");
    assert!(
        ["Found 17 files", "Found 18 files"].iter().any(|start| found.starts_with(start)),
        "{found}"
    );
    let table = csv::Reader::from_reader(workplace.read("run/skipped.csv").as_bytes())
        .into_records()
        .map(|row| row.expect("a row"))
        .collect::<Vec<_>>();
    let named = |row: &csv::StringRecord| {
        let at = row[0].find("photos/train").expect("a path in the folder");
        row[0][at..].to_owned()
    };
    assert_eq!(table.iter().map(named).collect::<BTreeSet<_>>(), expected);
    assert!(table.iter().all(|row| !row[1].is_empty() && !row[1].contains('\n')));
    let skipped = done.stderr.lines().filter(|line| line.starts_with("skipped `")).count();
    assert_eq!(skipped, expected.len(), "{}", done.stderr);
    assert!(done.stderr.contains("ignored 2 file(s) that are no pictures"), "{}", done.stderr);

    let done = workplace.run("doctor photos");
    assert_eq!(done.status, Some(1));
    for name in &expected {
        assert!(done.stdout.contains(&**name), "{name} in {}", done.stdout);
    }
    assert!(contents() == before, "the folder of photographs has changed");
}
