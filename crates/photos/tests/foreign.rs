//! Images of unsupported formats are skipped, and the reason names the format.

use std::fs;
use std::path::Path;

use image::RgbImage;
use photos::{Cache, Folder, ImageDataset, has_image_extension};

#[test]
fn unsupported_formats_are_named_in_the_reason() {
    let data = tempfile::tempdir().expect("a temporary folder");
    for class in ["a", "b"] {
        let folder = data.path().join(class);
        fs::create_dir(&folder).expect("a writable folder");
        RgbImage::new(5, 4).save(folder.join("1.png")).expect("a writable folder");
    }
    let tga = b"\0\0\x02\0\0\0\0\0\0\0\0\0\x14\0\x0a\0\x18\0 and pixels";
    let heads: [(&str, &[u8], &str); 9] = [
        ("1.jxl", b"\xff\x0a\xfa\x1f", "JPEG XL"),
        ("2.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        ("3.ppm", b"P6\n20 10\n255\n", "PPM"),
        ("4.ICO", b"\0\0\x01\0\x01\0\x10\x10", "Windows icon"),
        ("5.tga", tga, "TGA"),
        ("6.dds", b"DDS \x7c\0\0\0", "DDS"),
        ("7.cr3", b"\0\0\0\x18ftypcrx \0\0\0\x01", "Canon raw"),
        ("8.raf", b"FUJIFILMCCD-RAW 0201", "Fujifilm raw"),
        ("9.jpg", b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
    ];
    for (name, head, _) in heads {
        fs::write(data.path().join("a").join(name), head).expect("a writable folder");
    }
    let folder = Folder::scan(data.path()).expect("classes");
    let (_, skipped) = ImageDataset::load(&folder, [2, 2], &Cache::default()).expect("images");
    assert!(skipped.ignored.is_empty(), "{skipped:?}");
    for (file, (name, _, format)) in skipped.unreadable.iter().zip(heads) {
        assert!(file.path.ends_with(name), "{file:?}");
        let reason = format!("its format {format} is not supported; convert it to JPEG or PNG");
        assert_eq!(file.reason, reason);
    }
    assert_eq!(skipped.unreadable.len(), heads.len());
}

#[test]
fn raw_extensions_count_as_image_extensions() {
    for extension in ["nef", "CR2", "arw", "dng", "orf", "rw2", "raf", "heics"] {
        assert!(has_image_extension(Path::new(&format!("1.{extension}"))), "{extension}");
    }
}
