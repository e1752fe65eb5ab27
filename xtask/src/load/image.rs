//! Generates images to send, as the repository has no photos. They have about as much detail as those of a camera.

use std::io::Write;

use flate2::Compression;
use flate2::Crc;
use flate2::write::ZlibEncoder;

/// Returns an RGB PNG of `width` x `height` pixels. Each `number` gives another image.
pub(crate) fn image(width: u32, height: u32, number: u32) -> Vec<u8> {
    let mut rows = ZlibEncoder::new(vec![], Compression::fast());
    let mut noise = number;
    for y in 0..height {
        let mut row = vec![0];
        for x in 0..width {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 28) as u8;
            row.extend(
                [x + number, y, x * y / width].map(|value| (value as u8).wrapping_add(grain)),
            );
        }
        rows.write_all(&row).expect("writing to memory succeeds");
    }
    png(width, height, &rows.finish().expect("writing to memory succeeds"))
}

/// Returns a PNG of `width` x `height` black pixels, whose size in bytes is a thousandth of its number of pixels.
pub(crate) fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut rows = ZlibEncoder::new(vec![], Compression::fast());
    let row = vec![0; 1 + 3 * width as usize];
    for _ in 0..height {
        rows.write_all(&row).expect("writing to memory succeeds");
    }
    png(width, height, &rows.finish().expect("writing to memory succeeds"))
}

/// Returns a PNG with these compressed rows.
fn png(width: u32, height: u32, rows: &[u8]) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    // 8 bits, RGB, and the only defined compression and filter methods, without interlacing.
    header.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", &header[..]), (b"IDAT", rows), (b"IEND", &[])] {
        let mut check = Crc::new();
        check.update(name);
        check.update(content);
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(name);
        bytes.extend(content);
        bytes.extend(check.sum().to_be_bytes());
    }
    bytes
}
