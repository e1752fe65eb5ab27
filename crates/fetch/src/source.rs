//! Sources of files: the publishers, a mirror, or a folder.

use std::fmt;
use std::path::PathBuf;

use quoting::Shown;

use crate::error::Error;
use crate::manifest::PublishedFile;

/// Source that replaces the publishers of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Folder that contains the files under their published names.
    Folder(PathBuf),
    /// Base address of a mirror that has the files under their published names.
    Mirror(String),
}

impl Source {
    /// Parses an address (`http://`, `https://`) or the path of a folder.
    ///
    /// # Errors
    /// If the text is an address with another scheme.
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::Source;
    ///
    /// assert_eq!(Source::parse("/mnt/weights")?, Source::Folder("/mnt/weights".into()));
    /// let mirror = Source::parse("https://mirror.example.org/weights/")?;
    /// assert_eq!(mirror, Source::Mirror("https://mirror.example.org/weights".into()));
    /// assert!(Source::parse("ftp://example.org").is_err());
    /// # Ok::<(), fetch::Error>(())
    /// ```
    #[doc(alias = "mirror")]
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.split_once("://") {
            None => Ok(Self::Folder(PathBuf::from(text))),
            Some(("http" | "https", _)) => Ok(Self::Mirror(text.trim_end_matches('/').to_owned())),
            Some((scheme, _)) => {
                let expected = "a folder, `http://` or `https://`";
                Err(Error::unexpected(expected, format!("`{scheme}://`")))
            }
        }
    }
}

/// Location of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// File on disk.
    Path(PathBuf),
    /// Address on the network.
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

/// Returns the locations of `file`, in the order in which they are tried.
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
    fn source_is_a_url_or_a_folder() {
        let parse = |text| Source::parse(text).unwrap();
        assert_eq!(parse("downloads"), Source::Folder("downloads".into()));
        assert_eq!(parse("https://example.org/a/"), Source::Mirror("https://example.org/a".into()));
        assert_eq!(
            Source::parse("ftp://example.org").unwrap_err().to_string(),
            "expected a folder, `http://` or `https://`, found `ftp://`"
        );
    }
}
