//! A bound on what parsing a stranger's JSON takes, which may be a hundred times its length.

/// Whether parsing `json` from a file of `length` bytes stays within twice that and 2 MiB.
pub(crate) fn is_within_bounds(json: &[u8], length: u64) -> bool {
    memory_of(json) <= length.saturating_mul(2).saturating_add(2 << 20)
}

/// More than what parsing `json` can take: a node of a map or an array's description for each brace,
/// a few values for each bracket, comma and colon, as lists and maps grow ahead of what is in them.
fn memory_of(json: &[u8]) -> u64 {
    let of_byte = |byte: &u8| match byte {
        b'{' => 700,
        b'[' => 160,
        b',' | b':' => 96,
        _ => 1,
    };
    json.iter().map(of_byte).sum()
}
