//! Brings one file from the network or from a folder to a `.part`, checking size and digest as it
//! streams by. Only a whole and right file comes out of here.
//!
//! A download that breaks off is continued where it stopped, now or by a later fetch. Bytes that turn
//! out to be of another file are thrown away and the download begins again, once, from zero.

use std::fmt;
use std::fs::File;
use std::path::Path;

use anyhow::{Result, ensure};
use quoting::Shown;

use crate::digest::Digest;
use crate::event::{Event, Notify};
use crate::http::{Answer, Network, Start};
use crate::manifest::PublishedFile;
use crate::part::Part;
use crate::partial::Partial;
use crate::retry::{Failure, repeatedly};
use crate::sink::Sink;
use crate::source::{Location, Source, locations};

/// Why a file could not be had from any address, and what to do instead.
#[derive(Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Downloads or copies `file` to a part beside `target`, trying its addresses in turn.
///
/// Returns the part and its digest: the published one, or where there is none the sha256.
///
/// # Errors
/// `Unavailable` if no address gives a file of the right size and digest, with `by_hand` as its hints;
/// bytes that can be continued are kept then. Any other error is of this machine.
pub fn download(
    file: &PublishedFile,
    source: Option<&Source>,
    target: &Path,
    by_hand: &str,
    network: Network,
    notify: Notify<'_>,
) -> Result<(Part, Digest)> {
    let partial = Partial::beside(target);
    let mut failures = String::new();
    for location in locations(file, source) {
        notify(&Event::Asking { file, location: &location });
        let attempt = || try_once(network, &location, file, &partial, notify);
        match repeatedly(network.pace, attempt, || partial.clear(), notify)? {
            Ok(digest) => return Ok((partial.complete()?, digest)),
            Err(error) => failures += &format!("\n  {location}: {error:#}"),
        }
    }
    let kept = match partial.keep_useful(file.digest.is_some())? {
        0 => String::new(),
        bytes => format!(
            "\nhint: {bytes} bytes are kept in `{}`, and the next fetch goes on from there",
            partial.path().shown()
        ),
    };
    Err(Unavailable(format!("could not fetch `{}`{failures}{kept}\n{by_hand}", file.name)).into())
}

fn try_once(
    network: Network,
    location: &Location,
    file: &PublishedFile,
    partial: &Partial,
    notify: Notify<'_>,
) -> Result<Digest, Failure> {
    let Answer { start, body } = ask(network, location, file, partial)?;
    let mut sink = Sink::open(file, partial, start.at, notify).map_err(Failure::Local)?;
    if start.at == 0
        && let (Location::Url(url), Some(etag)) = (location, &start.etag)
    {
        partial.note_origin(url, etag).map_err(Failure::Local)?;
    }
    sink.fill(body, file.size)?;
    match sink.finish(file).map_err(Failure::Local)? {
        Ok(digest) => Ok(digest),
        Err(error) if start.at > 0 => Err(Failure::Stale(error)),
        Err(error) => {
            partial.clear().map_err(Failure::Local)?;
            Err(Failure::Lasting(error))
        }
    }
}

fn ask(
    network: Network,
    location: &Location,
    file: &PublishedFile,
    partial: &Partial,
) -> Result<Answer, Failure> {
    let size = file.size;
    match location {
        Location::Url(url) => {
            network.get(url, size, &partial.start(url, size, file.digest.is_some()))
        }
        Location::Path(path) => {
            let open = || -> Result<Answer> {
                let source = File::open(path)?;
                let found = source.metadata()?.len();
                ensure!(found == size, "expected {size} bytes, found {found}");
                Ok(Answer { start: Start { at: 0, etag: None }, body: Box::new(source) })
            };
            open().map_err(Failure::Lasting)
        }
    }
}
