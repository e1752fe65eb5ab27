//! Downloads one file from the network or from a folder to a part. Size and digest are checked as the bytes arrive, and
//! only a complete file with the right digest is returned.
//!
//! The next attempt or a later fetch resumes a download that broke off. If the resumed bytes turn out to belong to
//! another file, they are removed and the download starts again from zero.

use std::fmt;
use std::fs::File;
use std::path::Path;

use crate::digest::Digest;
use crate::error::{Error, LocationFailure, ResumableBytes, Unavailable};
use crate::event::{Event, Notify};
use crate::http::{Answer, Network, Start};
use crate::manifest::PublishedFile;
use crate::partial::Partial;
use crate::retry::{Failure, Fault, repeatedly};
use crate::sink::Sink;
use crate::source::{Location, Source, locations};
use crate::unfinished_file::UnfinishedFile;

/// Downloads files from their publishers or from another source.
#[derive(Clone, Copy)]
pub struct Downloader<'a> {
    /// Source that replaces the publishers of all files.
    pub source: Option<&'a Source>,
    /// Network settings.
    pub network: Network,
    /// Callback for events.
    pub notify: Notify<'a>,
}

impl fmt::Debug for Downloader<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Downloader")
            .field("source", &self.source)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

/// A complete file, under its temporary name.
#[derive(Debug)]
pub struct Download {
    /// Part that holds the file.
    pub part: UnfinishedFile,
    /// Digest of the file: the published one, or the SHA-256 if none is published.
    pub digest: Digest,
}

impl Downloader<'_> {
    /// Downloads `file` to a part next to `target`, from the first location that provides it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if no location provides a file with the right size and digest. Bytes from which a later
    /// fetch can resume stay on disk. All other errors are failures of this machine.
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::{Downloader, Network, PublishedFile, Source};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # std::fs::write(folder.path().join("tiny.h5"), "abc")?;
    /// let file = PublishedFile {
    ///     name: "tiny.h5".into(),
    ///     urls: vec!["https://example.org/tiny.h5".into()],
    ///     size: 3,
    ///     digest: Some("md5:900150983cd24fb0d6963f7d28e17f72".parse()?),
    ///     licence: "CC BY 4.0".into(),
    ///     path: "weights/tiny.h5".into(),
    /// };
    /// // A folder with the file replaces the network here.
    /// let source = Source::Folder(folder.path().to_owned());
    /// let downloader = Downloader { source: Some(&source), network: Network::default(), notify: &|_| {} };
    ///
    /// let target = folder.path().join("data/tiny.h5");
    /// let download = downloader.download(&file, &target)?;
    /// assert_eq!(Some(&download.digest), file.digest.as_ref());
    /// download.part.land(&target, downloader.notify)?;
    /// assert_eq!(std::fs::read(&target)?, b"abc");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "get_file")]
    #[doc(alias = "hf_hub_download")]
    #[doc(alias = "urlretrieve")]
    pub fn download(&self, file: &PublishedFile, target: &Path) -> Result<Download, Error> {
        let partial = Partial::beside(target);
        let mut failures = Vec::new();
        for location in locations(file, self.source) {
            (self.notify)(&Event::Asking { file, location: &location });
            let attempt = || self.try_once(&location, file, &partial);
            match repeatedly(self.network.pace, attempt, || partial.clear(), self.notify) {
                Ok(digest) => return Ok(Download { part: partial.complete()?, digest }),
                Err(Fault::Local(error)) => return Err(error),
                Err(Fault::Remote(error)) => {
                    failures.push(LocationFailure { location: location.to_string(), error });
                }
            }
        }
        let kept = match partial.keep_useful(file.digest.is_some())? {
            0 => None,
            bytes => Some(ResumableBytes { path: partial.path().to_owned(), bytes }),
        };
        Err(Error::Unavailable(Unavailable { name: file.name.clone(), failures, kept }))
    }

    fn try_once(
        &self,
        location: &Location,
        file: &PublishedFile,
        partial: &Partial,
    ) -> Result<Digest, Failure> {
        let Answer { start, body } = self.ask(location, file, partial)?;
        let mut sink = Sink::open(file, partial, start.at, self.notify).map_err(Failure::Local)?;
        if start.at == 0
            && let (Location::Url(url), Some(etag)) = (location, &start.etag)
        {
            partial.note_origin(url, etag).map_err(Failure::Local)?;
        }
        sink.fill(body, file.size)?;
        match sink.finish(file) {
            Ok(digest) => Ok(digest),
            Err(Fault::Local(error)) => Err(Failure::Local(error)),
            Err(Fault::Remote(error)) if start.at > 0 => Err(Failure::Stale(error)),
            Err(Fault::Remote(error)) => {
                partial.clear().map_err(Failure::Local)?;
                Err(Failure::Lasting(error))
            }
        }
    }

    fn ask(
        &self,
        location: &Location,
        file: &PublishedFile,
        partial: &Partial,
    ) -> Result<Answer, Failure> {
        let size = file.size;
        match location {
            Location::Url(url) => {
                let start = partial.start(url, size, file.digest.is_some());
                self.network.get(url, size, &start)
            }
            Location::Path(path) => open(path, size).map_err(Failure::Lasting),
        }
    }
}

fn open(path: &Path, size: u64) -> Result<Answer, Error> {
    let source = File::open(path).map_err(Error::System)?;
    let found = source.metadata().map_err(Error::System)?.len();
    if found != size {
        return Err(Error::unexpected(format!("{size} bytes"), found.to_string()));
    }
    Ok(Answer { start: Start { at: 0, etag: None }, body: Box::new(source) })
}
