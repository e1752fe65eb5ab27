//! Keys: names of images that do not depend on the location of their folder.

use std::borrow::Cow;
use std::path::{Component, Path};

use sha2::{Digest, Sha256};

/// Returns the key of an image: its path below `folder`, with `/` between the components on every system.
///
/// Two paths never have the same key. Every backslash is doubled. In a name that is not UTF-8, bytes other than
/// printable ASCII are escaped (`\xff`).
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// let (folder, path) = (Path::new("pets/train"), Path::new("pets/train/cat/1.jpg"));
/// assert_eq!(photos::key_of(path, folder), "cat/1.jpg");
/// ```
pub fn key_of(path: &Path, folder: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let part = |part: Component<'_>| {
        let escaped = || part.as_os_str().as_encoded_bytes().escape_ascii().to_string();
        part.as_os_str().to_str().map_or_else(escaped, key_of_name)
    };
    below.components().map(part).collect::<Vec<_>>().join("/")
}

/// Returns the key of an object or listed file called `name`, with `/` between the components. A file with this name in
/// a folder has the same key.
///
/// # Examples
///
/// ```
/// assert_eq!(photos::key_of_name("cat/1.jpg"), "cat/1.jpg");
/// assert_eq!(photos::key_of_name(r"a\b.jpg"), r"a\\b.jpg");
/// ```
pub fn key_of_name(name: &str) -> String {
    name.replace('\\', r"\\")
}

/// Returns the name that has this key, if the name is UTF-8. Inverse of [`key_of_name`].
///
/// # Examples
///
/// ```
/// use photos::{key_of_name, name_of_key};
///
/// assert_eq!(name_of_key(&key_of_name(r"a\b.jpg")), r"a\b.jpg");
/// ```
pub fn name_of_key(key: &str) -> Cow<'_, str> {
    if key.contains('\\') { key.replace(r"\\", "\\").into() } else { key.into() }
}

/// Returns the address of the random draws for an image: the first 8 bytes of the SHA-256 of its key, little endian.
///
/// The key is relative to the folder of classes. Random draws for an image therefore do not depend on the other images.
///
/// # Examples
///
/// ```
/// assert_eq!(photos::address_of_key("cat/1.jpg"), 14_472_017_913_395_497_571);
/// ```
#[doc(alias = "hash")]
#[doc(alias = "seed")]
#[doc(alias = "splitmix64")]
pub fn address_of_key(key: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(key).into();
    u64::from_le_bytes(*digest.first_chunk().expect("32 bytes are more than 8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use proptest::{prelude::*, sample::select};

    #[test]
    fn keys_are_paths_relative_to_the_folder() {
        let key = |path: &str| key_of(Path::new(path), Path::new("data"));
        assert_eq!(key("data/cats/1.jpg"), "cats/1.jpg");
        assert_eq!(key("data/cats/old/ä b.jpg"), "cats/old/ä b.jpg");
        assert_ne!(address_of_key("cats/1.jpg"), address_of_key("cats/2.jpg"));
        // From Python: int.from_bytes(hashlib.sha256(b"cats/1.jpg").digest()[:8], "little")
        assert_eq!(address_of_key("cats/1.jpg"), 348_025_262_440_635_102);
    }

    #[cfg(unix)]
    fn key_of_bytes(path: &[u8]) -> String {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        key_of(&Path::new("data").join(OsStr::from_bytes(path)), Path::new("data"))
    }

    #[cfg(unix)]
    #[test]
    fn only_backslashes_and_non_utf_8_names_are_escaped() {
        for (name, expected) in [
            (&b"a 'b' \t \xc3\xa4.jpg"[..], "a 'b' \t ä.jpg"),
            (b"\\xff.jpg", r"\\xff.jpg"),
            (b"\xff.jpg", r"\xff.jpg"),
            (b"\\\xff \xc3\xa4.jpg", r"\\\xff \xc3\xa4.jpg"),
        ] {
            assert_eq!(key_of_bytes(name), expected);
        }
    }

    #[cfg(unix)]
    proptest! {
        /// The paths consist of arbitrary bytes, including those used in escapes.
        #[test]
        fn distinct_paths_have_distinct_keys(
            paths in prop::collection::vec(
                prop::collection::vec(prop_oneof![select(b"\\xf'\t/\xff\xc3\xa4".as_slice()), 1..=255u8], 1..8),
                2..20,
            ),
        ) {
            use std::os::unix::ffi::OsStrExt;
            use std::collections::BTreeMap;
            use std::ffi::OsStr;

            let mut keys = BTreeMap::new();
            for path in paths {
                // Paths are equal if their components are.
                let below: std::path::PathBuf = Path::new(OsStr::from_bytes(&path))
                    .components()
                    .filter(|part| matches!(part, Component::Normal(_)))
                    .collect();
                let key = key_of_bytes(below.as_os_str().as_bytes());
                if let Some(name) = below.to_str() {
                    prop_assert_eq!(key_of_name(name), &*key);
                    prop_assert_eq!(name_of_key(&key), name);
                }
                let first = keys.entry(key).or_insert_with(|| below.clone());
                prop_assert_eq!(&*first, &below);
            }
        }
    }
}
