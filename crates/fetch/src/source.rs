//! Where the bytes of a file are had: from its publishers' addresses, a mirror, or a folder.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use quoting::Shown;

use crate::manifest::PublishedFile;

/// Where to get files instead of from their publishers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder that holds them under their published names.
    Folder(PathBuf),
    /// An address below which they are found under their published names.
    Mirror(String),
}

impl Source {
    /// Tells a folder from an address.
    pub fn parse(text: &str) -> Result<Self> {
        match text.split_once("://") {
            None => Ok(Self::Folder(PathBuf::from(text))),
            Some(("http" | "https", _)) => Ok(Self::Mirror(text.trim_end_matches('/').to_owned())),
            Some((scheme, _)) => {
                bail!("expected a folder, `http://` or `https://`, found `{scheme}://`")
            }
        }
    }
}

/// One place to get one file from.
#[derive(Debug)]
pub enum Location {
    /// A file on disk.
    Path(PathBuf),
    /// An address on the network.
    Url(String),
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(formatter, "`{}`", path.shown()),
            Self::Url(url) => write!(formatter, "`{url}`"),
        }
    }
}

/// The places to try for `file`, in turn.
pub(crate) fn locations(file: &PublishedFile, source: Option<&Source>) -> Vec<Location> {
    match source {
        None => file.urls.iter().cloned().map(Location::Url).collect(),
        Some(Source::Folder(folder)) => vec![Location::Path(folder.join(&file.name))],
        Some(Source::Mirror(base)) => vec![Location::Url(format!("{base}/{}", file.name))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_if_it_looks_like_one_and_else_a_folder() {
        let parse = |text| Source::parse(text).unwrap();
        assert_eq!(parse("downloads"), Source::Folder("downloads".into()));
        assert_eq!(parse("https://example.org/a/"), Source::Mirror("https://example.org/a".into()));
        assert_eq!(
            Source::parse("ftp://example.org").unwrap_err().to_string(),
            "expected a folder, `http://` or `https://`, found `ftp://`"
        );
    }
}
