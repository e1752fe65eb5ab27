//! Lists the pieces of a feature set.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Returns the number of complete pieces of a shard in `set`. A piece's JSON file is written last.
pub(super) fn pieces_of(set: &Path, shard: usize) -> Result<usize> {
    Ok(names_of(set, shard)?.iter().filter(|name| name.ends_with(".json")).count())
}

/// Returns the names of a shard's files in `set`, sorted. Returns an empty list if the folder does not exist yet.
pub(super) fn names_of(set: &Path, shard: usize) -> Result<Vec<String>> {
    if !set.exists() {
        return Ok(vec![]);
    }
    let entries =
        fs::read_dir(set).with_context(|| format!("could not list `{}`", set.display()))?;
    let begin = format!("shard-{shard:05}-");
    let mut names = vec![];
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&begin) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piece_counts_as_complete_once_its_json_exists() {
        let set = tempfile::tempdir().unwrap();
        for name in [
            "shard-00003-of-00008-piece-0000-of-0016.json",
            "shard-00003-of-00008-piece-0000-of-0016.safetensors",
            "shard-00003-of-00008-piece-0001-of-0016.safetensors",
            "shard-00004-of-00008-piece-0000-of-0016.json",
        ] {
            fs::write(set.path().join(name), "").unwrap();
        }
        assert_eq!(pieces_of(set.path(), 3).unwrap(), 1);
        assert_eq!(names_of(set.path(), 3).unwrap().len(), 3);
        assert_eq!(pieces_of(&set.path().join("none"), 3).unwrap(), 0);
    }
}
