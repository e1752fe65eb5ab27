//! Brings one file from the network or from a folder to a `.part`, checking size and digest as it
//! streams by. Only a whole and right file comes out of here.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use indicatif::DecimalBytes;
use ureq::Agent;

use crate::digest::{Algorithm, Digest, Hasher};
use crate::manifest::PublishedFile;
use crate::part::Part;
use crate::progress::Progress;

/// Where to get files instead of from their publishers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A folder that holds them under their published names.
    Folder(PathBuf),
    /// An address below which they are found under their published names.
    Mirror(String),
}

impl Source {
    /// Tells a folder from an address.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text.split_once("://") {
            None => Ok(Self::Folder(PathBuf::from(text))),
            Some(("http" | "https", _)) => Ok(Self::Mirror(text.trim_end_matches('/').to_owned())),
            Some((scheme, _)) => {
                bail!("expected a folder, `http://` or `https://`, found `{scheme}://`")
            }
        }
    }
}

/// Downloads or copies `file` to a part beside `target`, trying its addresses in turn.
///
/// Returns the part and its digest: the published one, or where there is none the sha256.
///
/// # Errors
/// If no address gives a file of the right size and digest; nothing is left behind then.
pub(crate) fn download(
    file: &PublishedFile,
    source: Option<&Source>,
    target: &Path,
) -> Result<(Part, Digest)> {
    let mut failures = String::new();
    for location in locations(file, source) {
        let part = Part::beside(target)?;
        // A lost line of progress is no reason to stop a download.
        let _ = writeln!(
            stderr(),
            "fetching `{}` ({}) from {location}",
            file.name,
            DecimalBytes(file.size)
        );
        match copy_checked(&location, file, &part) {
            Ok(digest) => return Ok((part, digest)),
            Err(error) => failures += &format!("\n  {location}: {error:#}"),
        }
    }
    bail!("could not fetch `{}`{failures}", file.name)
}

/// Computes the digest of a file on disk.
pub(crate) fn digest_of(path: &Path, algorithm: Algorithm) -> Result<Digest> {
    let mut hasher = Hasher::new(algorithm);
    File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut hasher))
        .with_context(|| format!("could not read `{}`", path.display()))?;
    Ok(hasher.finish())
}

enum Location {
    Path(PathBuf),
    Url(String),
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(formatter, "`{}`", path.display()),
            Self::Url(url) => write!(formatter, "`{url}`"),
        }
    }
}

fn locations(file: &PublishedFile, source: Option<&Source>) -> Vec<Location> {
    match source {
        None => file.urls.iter().cloned().map(Location::Url).collect(),
        Some(Source::Folder(folder)) => vec![Location::Path(folder.join(&file.name))],
        Some(Source::Mirror(base)) => vec![Location::Url(format!("{base}/{}", file.name))],
    }
}

fn copy_checked(location: &Location, published: &PublishedFile, part: &Part) -> Result<Digest> {
    let size = published.size;
    let expected = published.digest.as_ref();
    let (reader, announced) = open(location)?;
    if let Some(announced) = announced {
        ensure!(announced == size, "expected {size} bytes, found {announced}");
    }
    let file = File::create(part.path())
        .with_context(|| format!("could not make `{}`", part.path().display()))?;
    let mut sink = Sink {
        file,
        hasher: Hasher::new(expected.map_or(Algorithm::Sha256, Digest::algorithm)),
        progress: Progress::new(size),
        found: 0,
    };
    // One byte more than there should be is enough to know that there are too many.
    if let Err(error) = io::copy(&mut reader.take(size + 1), &mut sink) {
        bail!("expected {size} bytes, but it broke off after {}: {error}", sink.found);
    }
    ensure!(sink.found >= size, "expected {size} bytes, found {}", sink.found);
    ensure!(sink.found == size, "expected {size} bytes, found more");
    let found = sink.hasher.finish();
    if let Some(expected) = expected {
        ensure!(found == *expected, "expected digest `{expected}`, found `{found}`");
    }
    sink.file.sync_all().with_context(|| format!("could not write `{}`", part.path().display()))?;
    Ok(found)
}

/// The bytes of a file and, where it is known beforehand, how many there are.
fn open(location: &Location) -> Result<(Box<dyn Read>, Option<u64>)> {
    match location {
        Location::Path(path) => {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            Ok((Box::new(file), Some(size)))
        }
        Location::Url(url) => {
            let body = match agent(url).get(url).call() {
                Ok(response) => response.into_body(),
                Err(ureq::Error::StatusCode(code)) => bail!("the server answered {code}"),
                Err(error) => return Err(error.into()),
            };
            let size = body.content_length();
            Ok((Box::new(body.into_reader()), size))
        }
    }
}

fn agent(url: &str) -> Agent {
    let patience = Some(Duration::from_secs(30));
    Agent::config_builder()
        // No redirection leads from a protected connection to an open one.
        .https_only(url.starts_with("https://"))
        .timeout_resolve(patience)
        .timeout_connect(patience)
        .timeout_recv_response(patience)
        // For each read, not the whole body: a slow connection may take as long as it needs.
        .timeout_per_read(patience)
        .build()
        .new_agent()
}

/// Where the bytes go, on their way to being counted, digested and shown.
struct Sink {
    file: File,
    hasher: Hasher,
    progress: Progress,
    found: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.write_all(bytes)?;
        self.progress.advance(bytes.len());
        self.found += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
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
