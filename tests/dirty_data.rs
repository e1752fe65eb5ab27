//! Data folder as in practice, with every kind of file and every fault at once. The program trains on it, names every
//! bad file, and changes nothing in it.

use std::collections::BTreeSet;

use jpeg_encoder::{ColorType, Encoder};

use crate::harness::{CommandResult, TestDir, quick};
use crate::images::{every_kind, jpeg, smooth};

/// Class folder, whose name has a character outside ASCII.
const CLASS: &str = "photos/train/chats et chiens ü";

/// Image file that once made a decoder panic.
const DAMAGED: &[u8] = include_bytes!("../crates/photos/tests/decode/found/separate_scans.jpg");

/// Returns a path in the class folder.
fn in_class(path: &str) -> String {
    format!("{CLASS}/{path}")
}

/// Returns the usual file extension of a kind of image.
fn extension(kind: &str) -> &'static str {
    let formats =
        [("PNG", "png"), ("GIF", "gif"), ("BMP", "bmp"), ("WebP", "webp"), ("TIFF", "tiff")];
    formats.iter().find(|(format, _)| kind.contains(format)).map_or("jpg", |(_, name)| name)
}

fn with(set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    jpeg(&smooth(48, 40), [48, 40], ColorType::Rgb, set)
}

/// Writes images of every kind into the class folder, and returns their number.
fn write_good(workplace: &TestDir) -> usize {
    let kinds = every_kind();
    for (kind, bytes) in &kinds {
        let name = format!("{}.{}", kind.replace(':', "-"), extension(kind));
        workplace.write(&in_class(&name), bytes);
    }
    let plain = |kind: &str| &kinds.iter().find(|(found, _)| *found == kind).expect("a kind").1;
    // EXIF metadata with the orientation of a quarter turn.
    let exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = with(|jpeg| jpeg.add_exif_metadata(exif).expect("metadata"));
    let with_profile = with(|jpeg| jpeg.add_icc_profile(&[7; 99]).expect("a profile"));
    let others = [
        ("turned.jpg", &turned),
        ("with a profile.jpg", &with_profile),
        ("a PNG by content.jpg", plain("PNG")),
        ("a JPEG by content.PNG", plain("baseline")),
        ("no extension", plain("PNG")),
        ("an image.txt", plain("PNG")),
        ("deep/er/日本 🐻.PNG", plain("PNG")),
    ];
    for (name, bytes) in others {
        workplace.write(&in_class(name), bytes);
    }
    kinds.len() + others.len()
}

/// Writes image files that can't be read, and returns their paths.
fn write_bad(workplace: &TestDir) -> BTreeSet<String> {
    let whole = with(|_| {});
    let mut oversized = whole.clone();
    let frame = whole.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a frame");
    let side = 30_000u16.to_be_bytes();
    oversized[frame + 5..frame + 9].copy_from_slice(&[side, side].concat());
    let (_, png) = every_kind().into_iter().find(|(kind, _)| *kind == "PNG").expect("a PNG");
    let bad: [(&str, &[u8]); 8] = [
        ("cut.jpg", &whole[..whole.len() - 40]),
        ("cut.png", &png[..png.len() - 12]),
        ("empty.jpg", b""),
        ("no, \"words\".jpeg", b"not an image"),
        ("oversized.jpg", &oversized),
        ("damaged.jpg", DAMAGED),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0"),
        ("text by content.png", b"words"),
    ];
    for (name, bytes) in bad {
        workplace.write(&in_class(name), bytes);
    }
    bad.iter().map(|(name, _)| in_class(name)).collect()
}

/// Adds entries that only some systems support: circular and dangling links, a file without read permission, and a file
/// name that is not UTF-8. Returns the paths of the files that can't be read, and the number of files that can.
#[cfg(unix)]
fn write_odd(workplace: &TestDir) -> (Vec<String>, usize) {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = workplace.path(CLASS);
    symlink("..", folder.join("loop")).expect("a link");
    let bad = ["itself.jpg", "dangling.jpg", "closed.jpg"];
    symlink("itself.jpg", folder.join(bad[0])).expect("a link");
    symlink("nowhere.jpg", folder.join(bad[1])).expect("a link");
    fs::write(folder.join(bad[2]), with(|_| {})).expect("a writable folder");
    fs::set_permissions(folder.join(bad[2]), fs::Permissions::from_mode(0o000)).expect("a file");
    let name = OsStr::from_bytes(b"not \xff UTF-8.jpg");
    let written = fs::write(folder.join(name), with(|_| {})).is_ok();
    assert!(written || cfg!(target_os = "macos"), "only macOS has no such names");
    (bad.map(in_class).to_vec(), written.into())
}

#[cfg(not(unix))]
fn write_odd(_: &TestDir) -> (Vec<String>, usize) {
    (vec![], 0)
}

/// Runs the program as a user who may not read every file.
fn run(workplace: &TestDir, arguments: &str) -> CommandResult {
    #[cfg(unix)]
    return crate::ordinary_user::OrdinaryUser::of(workplace).run(arguments);
    #[cfg(not(unix))]
    workplace.run(arguments)
}

#[test]
fn dirty_folder_trains_unchanged_and_bad_files_are_listed() {
    let workplace = TestDir::new();
    let mut good = write_good(&workplace);
    let mut expected = write_bad(&workplace);
    let (odd_and_bad, odd_and_good) = write_odd(&workplace);
    expected.extend(odd_and_bad);
    good += odd_and_good;
    for stray in ["notes.txt", "labels.csv"] {
        workplace.write(&in_class(stray), "words");
    }
    for hidden in [".DS_Store", "Thumbs.db", ".cache/x.jpg", "__MACOSX/y.jpg"] {
        workplace.write(&in_class(hidden), "hidden");
    }
    workplace.write("photos/.git/config", "hidden");
    for number in 0..4 {
        workplace.image(&format!("photos/train/others/{number}.png"), "along", number);
        good += 1;
    }
    for class in ["chats et chiens ü", "others"] {
        workplace.image(&format!("photos/validation/{class}/1.png"), "across", 2);
    }

    let before = workplace.contents("photos");
    assert!(before.len() > good + expected.len());
    let done = run(&workplace, &quick("--epochs 1 --out run")).expect_success();
    assert!(workplace.contents("photos") == before, "the folder of images has changed");

    let found = done.stdout.lines().next().expect("a line");
    assert!(found.starts_with(&format!("Images        {good} for training, ")), "{found}");
    assert!(done.stdout.contains("; 1 with an"), "{}", done.stdout);
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
    // Each bad file has one line, and the only other line is about ignored files.
    let (skipped, rest): (Vec<&str>, Vec<&str>) =
        done.stderr.lines().partition(|line| line.starts_with("skipped `"));
    assert_eq!(skipped.len(), expected.len(), "{}", done.stderr);
    for name in &expected {
        assert!(skipped.iter().any(|line| line.contains(&format!("{name}`: "))), "{name}");
    }
    assert_eq!(rest.len(), 1, "{}", done.stderr);
    assert!(rest[0].starts_with("ignored 2 file(s) that are not images, such as "), "{}", rest[0]);

    let done = run(&workplace, "doctor photos");
    assert_eq!((done.status, done.stderr.as_str()), (Some(1), ""));
    for name in &expected {
        assert!(done.stdout.contains(&**name), "{name} in {}", done.stdout);
    }
    assert!(workplace.contents("photos") == before, "the folder of images has changed");
}
