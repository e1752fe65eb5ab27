//! What photographs are called, wherever their folder is.

use std::path::{Component, Path};

use sha2::{Digest, Sha256};

/// A photograph's key: its path below `folder`, with `/` between the parts on every system. Bytes that are no
/// text are escaped, so that two names stay two.
pub fn key_of(path: &Path, folder: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let part = |part: Component<'_>| {
        let escaped = || part.as_os_str().as_encoded_bytes().escape_ascii().to_string();
        part.as_os_str().to_str().map_or_else(escaped, str::to_owned)
    };
    below.components().map(part).collect::<Vec<_>>().join("/")
}

/// The number that a photograph's random draws are addressed by: the first 8 bytes, the least first, of the
/// SHA-256 of its key below the folder of classes. So no draw depends on which other photographs there are.
pub fn address_of_key(key: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(key).into();
    u64::from_le_bytes(*digest.first_chunk().expect("32 bytes are more than 8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_below_the_folder() {
        let key = |path: &str| key_of(Path::new(path), Path::new("data"));
        assert_eq!(key("data/cats/1.jpg"), "cats/1.jpg");
        assert_eq!(key("data/cats/old/ä b.jpg"), "cats/old/ä b.jpg");
        assert_ne!(address_of_key("cats/1.jpg"), address_of_key("cats/2.jpg"));
        // From Python: int.from_bytes(hashlib.sha256(b"cats/1.jpg").digest()[:8], "little")
        assert_eq!(address_of_key("cats/1.jpg"), 348_025_262_440_635_102);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_stay_apart() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let key = |name: &[u8]| key_of(Path::new(OsStr::from_bytes(name)), Path::new("data"));
        assert_ne!(key(b"data/cats/\xff.jpg"), key(b"data/cats/\xfe.jpg"));
    }
}
