//! Locations of sets, images and lists: parses the paths and URLs of a command line.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use crate::ShardsError;

/// Location: a local folder or file, or a prefix in an object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Local(PathBuf),
    Remote(Remote),
}

/// Location in an object store. Like other tools, it takes bucket and prefix literally: they are not percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) scheme: Scheme,
    /// Bucket or container.
    pub(crate) bucket: String,
    /// Prefix of the names of objects, without a slash at either end.
    pub(crate) prefix: String,
}

/// Provider of an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Amazon,
    Google,
    Azure,
}

impl Scheme {
    const ALL: [Self; 3] = [Self::Amazon, Self::Google, Self::Azure];

    fn name(self) -> &'static str {
        match self {
            Self::Amazon => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }
}

/// Returns the local path that a path or URL names; `None` for an object store.
///
/// # Errors
///
/// Returns an error if the URL is invalid or its scheme is unknown.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// use shards::local_path;
///
/// assert_eq!(local_path("runs/features")?.as_deref(), Some(Path::new("runs/features")));
/// assert_eq!(local_path("s3://bucket/features")?, None);
/// assert!(local_path("https://bucket.example/features").is_err());
/// # Ok::<(), shards::ShardsError>(())
/// ```
#[doc(alias = "file URL")]
pub fn local_path(url: &str) -> Result<Option<PathBuf>, ShardsError> {
    Ok(match Location::parse(url)? {
        Location::Local(path) => Some(path),
        Location::Remote(_) => None,
    })
}

impl Location {
    /// Parses a path or URL.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL has an unknown scheme, an invalid path, no bucket, credentials or a query. The error
    /// does not repeat credentials or the query.
    pub(crate) fn parse(text: &str) -> Result<Self, ShardsError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Local(text.into()));
        };
        let refused = |fault: &str| {
            let url = format!("{scheme}://{}", without_secrets(rest));
            ShardsError::Url { url, fault: fault.into() }
        };
        if scheme == "file" {
            let path = Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
            return path.map(Self::Local).ok_or_else(|| refused("is not a path on this machine"));
        }
        let scheme = Scheme::ALL.into_iter().find(|known| known.name() == scheme);
        let scheme = scheme.ok_or_else(|| refused("has an unknown scheme"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') || rest.contains('?') {
            return Err(refused("contains credentials or a query"));
        }
        if bucket.is_empty() {
            return Err(refused("has no bucket"));
        }
        let prefix = prefix.trim_matches('/');
        if prefix.split('/').any(|part| part.is_empty() || part == "." || part == "..")
            && !prefix.is_empty()
        {
            return Err(refused("has an empty part, `.` or `..` in its path"));
        }
        Ok(Self::Remote(Remote { scheme, bucket: bucket.into(), prefix: prefix.into() }))
    }

    /// Returns the parent location and the name of a file or object.
    pub(crate) fn split_name(&self) -> Option<(Self, String)> {
        match self {
            Self::Local(path) => {
                let folder = match path.parent()? {
                    folder if folder == Path::new("") => Path::new("."),
                    folder => folder,
                };
                Some((Self::Local(folder.to_owned()), path.file_name()?.to_str()?.to_owned()))
            }
            Self::Remote(remote) => {
                let (prefix, name) = remote.prefix.rsplit_once('/').unwrap_or(("", &remote.prefix));
                let around = Remote { prefix: prefix.into(), ..remote.clone() };
                (!name.is_empty()).then(|| (Self::Remote(around), name.to_owned()))
            }
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.to_string_lossy().fmt(formatter),
            Self::Remote(Remote { scheme, bucket, prefix }) => {
                write!(formatter, "{}://{bucket}", scheme.name())?;
                if prefix.is_empty() { Ok(()) } else { write!(formatter, "/{prefix}") }
            }
        }
    }
}

/// Removes credentials and the query from a URL, given without its scheme.
pub(crate) fn without_secrets(rest: &str) -> String {
    let (path, has_query) = match rest.split_once('?') {
        Some((path, _)) => (path, true),
        None => (rest, false),
    };
    let end = path.find('/').unwrap_or(path.len());
    let (authority, path) = path.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("...@{host}"),
        None => authority.to_owned(),
    };
    format!("{authority}{path}{}", if has_query { "?..." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(scheme: Scheme, bucket: &str, prefix: &str) -> Location {
        Location::Remote(Remote { scheme, bucket: bucket.into(), prefix: prefix.into() })
    }

    #[test]
    fn paths_and_urls_are_parsed() {
        for (text, expected) in [
            ("runs/features", Location::Local("runs/features".into())),
            ("s3://bucket", remote(Scheme::Amazon, "bucket", "")),
            ("gs://bucket/a b/Bäume%20/", remote(Scheme::Google, "bucket", "a b/Bäume%20")),
            ("az://container/a", remote(Scheme::Azure, "container", "a")),
        ] {
            assert_eq!(Location::parse(text).expect("a place"), expected, "{text}");
        }
        #[cfg(unix)]
        for url in ["file:///data/my%20images", "file:///data/my images"] {
            let expected = Location::Local("/data/my images".into());
            assert_eq!(Location::parse(url).expect("a folder"), expected);
        }
    }

    #[test]
    fn unsupported_urls_are_refused_without_leaking_secrets() {
        for text in [
            "https://bucket.example/a",
            "s3://",
            "s3:///a",
            "s3://bucket/a/../b",
            "s3://bucket/a//b",
            "file://elsewhere.example/a",
            "s3://user:hunter2@bucket/a",
            "s3://bucket/a?signature=hunter2",
            "https://user:hunter2@bucket.example/a?token=hunter2",
        ] {
            let error = Location::parse(text).expect_err("no place");
            assert!(error.hint().expect("a hint").starts_with("use a folder, or a URL"), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn split_name_separates_the_folder_and_the_file() {
        for (text, around, name) in [
            ("list.txt", ".", "list.txt"),
            ("data/list.txt", "data", "list.txt"),
            ("s3://bucket/list.txt", "s3://bucket", "list.txt"),
            ("s3://bucket/data/list.txt", "s3://bucket/data", "list.txt"),
        ] {
            let (found, found_name) =
                Location::parse(text).expect("a place").split_name().expect("a name");
            assert_eq!((found.to_string().as_str(), found_name.as_str()), (around, name));
        }
    }
}
