//! Recognizes the format of a file by its first bytes.

/// Number at the start of a PyTorch file from before version 1.6: `0x1950a86a20f9469cfc6c`, lowest byte first.
const LEGACY: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Entry of a `.keras` archive with the description of the model.
pub(crate) const KERAS_CONFIG: &str = "config.json";

/// Suffix of the entry with the pickle of a PyTorch archive.
pub(crate) const PYTORCH_PICKLE: &str = "data.pkl";

/// Container of a weights file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// Keras's `.h5` and `.weights.h5`.
    Hdf5,
    /// Eight bytes of length, then a JSON object.
    Safetensors,
    /// Zip archive: a `.keras` file, or a PyTorch file of version 1.6 or later.
    Zip,
    /// PyTorch file from before version 1.6.
    LegacyPytorch,
}

impl Container {
    /// Returns the container of a file that starts with `bytes`, or `None` if it is not known.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
            Some(Self::Hdf5)
        } else if bytes.get(8) == Some(&b'{') {
            Some(Self::Safetensors)
        } else if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            Some(Self::Zip)
        } else if is_legacy_pytorch(bytes) {
            Some(Self::LegacyPytorch)
        } else {
            None
        }
    }
}

fn is_legacy_pytorch(bytes: &[u8]) -> bool {
    // `pytorch-reader` would also read a tar archive, the container from before 0.1.10. VGG weights never come in one,
    // and a hole in the archive takes no space in the file but any amount of memory.
    if bytes.get(257..262) == Some(b"ustar") {
        return false;
    }
    // The protocol of the pickle puts up to a dozen bytes in front.
    let front = &bytes[..bytes.len().min(64)];
    front.windows(LEGACY.len()).any(|window| window == LEGACY)
}
