//! A file of decoded pictures, so that those beyond the memory's bound are decoded once.
//!
//! A row is its key (32 bytes that follow from the content of the photograph's file), the SHA-256 of the pixels, a byte for whether there
//! was an ICC profile, and the pixels. A photograph's row is its place in the listing of its folder. Nothing
//! locks the file: a row that does not say what it should, because another program is writing it, wrote it
//! for another listing or was stopped in the middle, is none, and is written anew.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::cache_file::{create_cache_folder, open_cache};

/// What the pixels of a row were made of.
pub(crate) type Key = [u8; 32];

/// To be raised when a photograph's pixels become others: with another decoder or resize. A test pins them.
const DECODING: u32 = 1;

/// The byte that says that the photograph holds an ICC profile; 0 says that it does not.
const PROFILE: u8 = 0xff;

/// A picture in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) pixels: Arc<[u8]>,
    /// The SHA-256 of the pixels.
    pub(crate) digest: [u8; 32],
    /// Whether the photograph holds an ICC profile.
    pub(crate) has_profile: bool,
}

/// The file, open.
#[derive(Debug)]
pub(crate) struct PixelFile {
    file: File,
    path: PathBuf,
    picture_len: usize,
}

impl PixelFile {
    /// The file in `cache` for the `rows` files of the folder `photographs`, at `size` = (height, width);
    /// made where there is none, and cut to that length.
    ///
    /// # Errors
    ///
    /// `cache` lies in the folder `photographs`, or the system refuses.
    pub(crate) fn open(
        cache: &Path,
        photographs: &Path,
        [height, width]: [usize; 2],
        rows: usize,
    ) -> io::Result<Self> {
        let photographs = fs::canonicalize(photographs)?;
        let mut name = Sha256::new();
        name.update(photographs.as_os_str().as_encoded_bytes());
        let name = &base16(&name.finalize())[..16];
        let there = absolute(cache)?;
        let there = there.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
        if there.is_some_and(|there| there.starts_with(&photographs)) {
            return Err(io::Error::other("it lies among the photographs, which are only read"));
        }
        create_cache_folder(cache, &photographs)?;
        let path = cache.join(format!("pixels-{name}-{height}x{width}.bin"));
        let file = open_cache(&path, &photographs)?;
        let file = Self { file, path, picture_len: height * width * 3 };
        if file.file.metadata()?.len() > file.start_of(rows) {
            file.file.set_len(file.start_of(rows))?;
        }
        Ok(file)
    }

    /// Everything that the pixels of a file follow from: its `content`, and the decoder. Length and time of the last
    /// change would not do: a changed photograph may have those of the old one.
    pub(crate) fn key(content: &[u8]) -> Key {
        let mut key = Sha256::new();
        key.update(DECODING.to_le_bytes());
        key.update(content);
        key.finalize().into()
    }

    /// What is in a row, where it is whole and was made of what `key` stands for.
    pub(crate) fn read(&self, row: usize, key: &Key) -> Option<Row> {
        let mut bytes = vec![0; self.row_len()];
        read_at(&self.file, &mut bytes, self.start_of(row)).ok()?;
        let (found, rest) = bytes.split_first_chunk::<32>()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let (&has_profile, pixels) = rest.split_first()?;
        let has_profile = match has_profile {
            0 => false,
            PROFILE => true,
            _ => return None,
        };
        let whole = found == key && Sha256::digest(pixels)[..] == digest[..];
        whole.then(|| Row { pixels: pixels.into(), digest: *digest, has_profile })
    }

    /// Writes a row.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(crate) fn write(&self, at: usize, key: &Key, row: &Row) -> io::Result<()> {
        let has_profile: &[u8] = if row.has_profile { &[PROFILE] } else { &[0] };
        let bytes = [key, &row.digest, has_profile, &row.pixels].concat();
        write_at(&self.file, &bytes, self.start_of(at))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn row_len(&self) -> usize {
        size_of::<Key>() + 32 + 1 + self.picture_len
    }

    fn start_of(&self, row: usize) -> u64 {
        row as u64 * self.row_len() as u64
    }
}

fn base16(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, start)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;

    while !bytes.is_empty() {
        match file.seek_read(bytes, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => (bytes, start) = (&mut bytes[count..], start + count as u64),
        }
    }
    Ok(())
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut start: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;

    while !bytes.is_empty() {
        let count = file.seek_write(bytes, start)?;
        (bytes, start) = (&bytes[count..], start + count as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where this fails, the decoder or the resize has become another: `DECODING` is to be raised with it.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn pixels_of_this_decoding_are_pinned() {
        let picture = crate::decode(include_bytes!("../tests/decode/pinned.jpg")).expect("a JPEG");
        let digest = base16(&Sha256::digest(crate::resize_to_bytes(&picture, [33, 27])));
        assert_eq!((DECODING, &digest[..16]), (1, "b44aee287b3ae83d"));
    }

    #[test]
    fn a_row_is_read_only_with_its_own_key_and_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = |rows| {
            let [cache, photographs] =
                ["caches/new", "photographs"].map(|name| folder.path().join(name));
            fs::create_dir_all(&photographs).expect("a writable folder");
            let among = PixelFile::open(&photographs.join("a/b"), &photographs, [1, 2], rows);
            assert!(
                among.expect_err("it is only read").to_string().contains("among the photographs")
            );
            PixelFile::open(&cache, &photographs, [1, 2], rows).expect("a writable folder")
        };
        let file = open(3);
        let (key, other) = ([1; 32], [2; 32]);
        let pixels = [3; 6];
        let digest = Sha256::digest(pixels).into();
        let row = Row { pixels: pixels.into(), digest, has_profile: true };
        file.write(2, &key, &row).expect("room");
        for file in [&file, &open(3)] {
            assert_eq!(file.read(2, &key), Some(row.clone()));
            // Not its key, never written, beyond the end.
            assert_eq!(file.read(2, &other), None);
            assert_eq!([0, 1, 3].map(|row| file.read(row, &[0; 32])), [None, None, None]);
        }
        let mut bytes = fs::read(file.path()).expect("the file");
        for at in 2 * file.row_len()..bytes.len() {
            bytes[at] ^= 1;
            fs::write(file.path(), &bytes).expect("a writable folder");
            assert_eq!(file.read(2, &key), None, "byte {at} damaged");
            bytes[at] ^= 1;
        }
        fs::write(file.path(), &bytes).expect("a writable folder");
        assert!(file.read(2, &key).is_some());
        assert_eq!(open(2).read(2, &key), None);
    }
}
