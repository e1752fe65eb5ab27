//! Cache keys: digests of everything that determines the content of an entry.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};

/// Cache key: a SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(crate) [u8; Key::LENGTH]);

impl Key {
    pub(crate) const LENGTH: usize = 32;

    /// Returns the cache key of content that is determined by `parts`.
    ///
    /// `purpose` names the kind of content and the revision of its algorithm, such as `pixels 1`. The lengths of the
    /// parts are hashed too, so that different lists of parts have different keys.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache::Key;
    ///
    /// let key = Key::of("square 1", &[&7_u32.to_le_bytes()]);
    /// assert_eq!(key, Key::of("square 1", &[&7_u32.to_le_bytes()]));
    /// assert_ne!(key, Key::of("square 2", &[&7_u32.to_le_bytes()]));
    /// assert_ne!(Key::of("text", &[b"ab", b"c"]), Key::of("text", &[b"a", b"bc"]));
    /// assert_eq!(key.to_string().len(), 64); // hexadecimal digits
    /// ```
    #[doc(alias = "content hash")]
    #[doc(alias = "digest")]
    #[doc(alias = "SHA-256")]
    pub fn of(purpose: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in [purpose.as_bytes()].iter().chain(parts) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Parses a key from 64 lowercase hexadecimal digits.
    pub(crate) fn parse(digits: &str) -> Option<Self> {
        let digits = digits.as_bytes();
        if digits.len() != 2 * Self::LENGTH {
            return None;
        }
        let mut key = [0; Self::LENGTH];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| match pair[at] {
                digit @ b'0'..=b'9' => Some(digit - b'0'),
                digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
                _ => None,
            };
            *byte = digit(0)? << 4 | digit(1)?;
        }
        Some(Self(key))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(")?;
        fmt::Display::fmt(self, formatter)?;
        formatter.write_char(')')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn key_depends_on_part_boundaries() {
        let keys = [
            Key::of("a", &[b"bc"]),
            Key::of("a", &[b"b", b"c"]),
            Key::of("ab", &[b"c"]),
            Key::of("a", &[b"bc", b""]),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
        }
    }

    proptest! {
        #[test]
        fn key_round_trips_through_text(bytes: [u8; 32]) {
            prop_assert_eq!(Key::parse(&Key(bytes).to_string()), Some(Key(bytes)));
        }

        #[test]
        fn only_canonical_text_is_parsed_as_a_key(text in "[0-9a-fA-Fg]{63,65}") {
            if let Some(key) = Key::parse(&text) {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }
}
