//! Digests of files, written `md5:...` or `sha256:...`, and their computation.
//!
//! Keras publishes the MD5 of its weights files. For files without a published digest, this crate computes a SHA-256.
//! MD5 detects damaged and mixed-up files but does not stop an attacker; HTTPS does.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use md5::digest::DynDigest;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Digest of a file, with its algorithm.
///
/// # Examples
///
/// ```
/// use fetch::{Algorithm, Digest};
///
/// let digest: Digest = "md5:900150983cd24fb0d6963f7d28e17f72".parse()?;
/// assert_eq!(digest.algorithm(), Algorithm::Md5);
/// assert_eq!(digest.to_string(), "md5:900150983cd24fb0d6963f7d28e17f72");
/// assert!("crc32:352441c2".parse::<Digest>().is_err());
/// # Ok::<(), fetch::Error>(())
/// ```
#[doc(alias = "checksum")]
#[doc(alias = "md5")]
#[doc(alias = "sha256")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

impl Digest {
    /// Returns the algorithm of the digest.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Checks that `found` is the same digest.
    pub(crate) fn check(&self, found: &Self) -> Result<(), Error> {
        if found == self {
            return Ok(());
        }
        Err(Error::unexpected(format!("digest `{self}`"), format!("`{found}`")))
    }
}

/// Digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5 (128 bits), published by Keras.
    Md5,
    /// SHA-256 (256 bits), recorded for files without a published digest.
    Sha256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha256 => "sha256",
        }
    }

    fn hex_digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }
}

/// Computes the digest of the bytes written to it.
pub(crate) struct Hasher {
    algorithm: Algorithm,
    state: Box<dyn DynDigest>,
}

impl Hasher {
    /// Creates a hasher that has no bytes yet.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let state: Box<dyn DynDigest> = match algorithm {
            Algorithm::Md5 => Box::new(md5::Md5::default()),
            Algorithm::Sha256 => Box::new(sha2::Sha256::default()),
        };
        Self { algorithm, state }
    }

    /// Returns the digest of all bytes written.
    pub(crate) fn finish(self) -> Digest {
        let bytes = self.state.finalize();
        Digest {
            algorithm: self.algorithm,
            hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// Computes the digest of a file on disk.
pub(crate) fn digest_of(path: &Path, algorithm: Algorithm) -> Result<Digest, Error> {
    let mut hasher = Hasher::new(algorithm);
    File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut hasher))
        .map_err(Error::io("read", path))?;
    Ok(hasher.finish())
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.state.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (algorithm, hex) = match text.split_once(':') {
            Some(("md5", hex)) => (Algorithm::Md5, hex),
            Some(("sha256", hex)) => (Algorithm::Sha256, hex),
            _ => {
                let expected = "a digest that begins with `md5:` or `sha256:`";
                return Err(Error::unexpected(expected, format!("`{text}`")));
            }
        };
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if hex.len() != algorithm.hex_digits() || !hex.bytes().all(is_hex) {
            let (digits, name) = (algorithm.hex_digits(), algorithm.name());
            return Err(Error::unexpected(
                format!("{digits} lower-case hexadecimal digits after `{name}:`"),
                format!("`{hex}`"),
            ));
        }
        Ok(Self { algorithm, hex: hex.to_owned() })
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of_abc(algorithm: Algorithm) -> String {
        let mut hasher = Hasher::new(algorithm);
        hasher.write_all(b"a").unwrap();
        hasher.write_all(b"bc").unwrap();
        hasher.finish().to_string()
    }

    #[test]
    fn digests_match_the_standard_test_vectors() {
        assert_eq!(digest_of_abc(Algorithm::Md5), "md5:900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            digest_of_abc(Algorithm::Sha256),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn truncated_digest_is_refused() {
        let error = "md5:900150983cd24fb0".parse::<Digest>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected 32 lower-case hexadecimal digits after `md5:`, found `900150983cd24fb0`"
        );
    }
}
