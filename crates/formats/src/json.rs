//! Limits the memory for parsing untrusted JSON, which may take a hundred times the length of the text.

/// Returns true if parsing `json`, from a file of `length` bytes, takes at most twice that length and 2 MiB.
pub(crate) fn is_within_bounds(json: &[u8], length: u64) -> bool {
    memory_of(json) <= length.saturating_mul(2).saturating_add(2 << 20)
}

/// Returns an upper bound of the memory for parsing `json`, in bytes.
///
/// A brace counts as a node of a map or the description of an array. Brackets, commas and colons count as several
/// values, because lists and maps allocate in advance.
fn memory_of(json: &[u8]) -> u64 {
    let of_byte = |byte: &u8| match byte {
        b'{' => 700,
        b'[' => 160,
        b',' | b':' => 96,
        _ => 1,
    };
    json.iter().map(of_byte).sum()
}
