//! Hexadecimal text of digests.

/// Formats bytes as two lower-case digits each.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
