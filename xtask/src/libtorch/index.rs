//! A Python package index: finds the URLs of the wheels that the manifest pins.
//!
//! The index returns the list of a package's files as JSON (the "simple" interface, PEP 691) or as HTML (PEP 503). The
//! index is not trusted: files are selected by their pinned names and verified by their pinned digests.

use std::collections::BTreeMap;

use anyhow::{Context, Error, Result, anyhow, bail};
use fetch::{Digest, Downloader, PublishedFile, joined};
use serde::Deserialize;

use crate::output::tell;
use crate::unavailable::{Unavailable, with_hints};

const FORMS: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, \
                     text/html;q=0.1";

/// The fields of the index's answer that are used.
#[derive(Deserialize)]
struct Page {
    files: Vec<Listed>,
}

/// A file in the index's list.
#[derive(Deserialize)]
struct Listed {
    filename: String,
    url: String,
    hashes: BTreeMap<String, String>,
    size: Option<u64>,
}

/// A package index, and the downloader for it.
pub(crate) struct Index<'a> {
    /// Base URL; each package has its list below it.
    pub(crate) url: &'a str,
    /// Downloader that requests the lists.
    pub(crate) downloader: &'a Downloader<'a>,
}

impl Index<'_> {
    /// Finds the wheel with this name and digest.
    ///
    /// Name and digest come from the manifest. Only the URL and the size come from the index.
    ///
    /// # Errors
    /// Returns `Unavailable` if the index can't be reached, does not have the wheel, or lists it with another digest.
    pub(crate) fn wheel(&self, name: &str, digest: &Digest) -> Result<PublishedFile> {
        let page_url = format!("{}/{}/", self.url.trim_end_matches('/'), package_of(name));
        tell(&format!("looking up `{name}` in the package index `{page_url}`"));
        let unavailable = |error: Error| -> Error {
            let error = with_hints(&error);
            Unavailable(format!("could not find `{name}` at `{page_url}`: {error}")).into()
        };
        let Downloader { network, notify, .. } = *self.downloader;
        let page = network.page(&page_url, FORMS, notify).map_err(Error::from);
        let listed = page.and_then(|page| parse(&page)).map_err(unavailable)?;
        let count = listed.len();
        let file = listed
            .into_iter()
            .find(|file| file.filename == name)
            .with_context(|| format!("expected the pinned file, found {count} other files"));
        let file = file.map_err(unavailable)?;
        if let Some(hex) = file.hashes.get("sha256")
            && format!("sha256:{hex}") != digest.to_string()
        {
            return Err(unavailable(anyhow!(
                "expected the pinned digest `{digest}`, found `sha256:{hex}` in the index"
            )));
        }
        let url = joined(&page_url, &file.url);
        let size = match file.size {
            Some(size) => size,
            None => {
                let size = network.size_of(&url, notify);
                size.map_err(|error| unavailable(error.into()))?
            }
        };
        Ok(PublishedFile {
            path: name.into(),
            name: name.to_owned(),
            urls: vec![url],
            size,
            digest: Some(digest.clone()),
            licence: String::new(),
        })
    }
}

/// Returns the normalized package name of a wheel `PACKAGE-VERSION-...whl` (PEP 427 and 503).
fn package_of(wheel: &str) -> String {
    wheel.split('-').next().unwrap_or(wheel).replace(['_', '.'], "-").to_lowercase()
}

fn parse(page: &str) -> Result<Vec<Listed>> {
    if page.trim_start().starts_with('{') {
        let page: Page = serde_json::from_str(page).context("the list of files is invalid")?;
        return Ok(page.files);
    }
    if !page.contains("<a ") && !page.contains("<html") {
        bail!("expected a list of files as JSON or HTML, found another format");
    }
    Ok(page.split("<a ").skip(1).filter_map(link).collect())
}

/// Returns the file of a link whose URL has a digest after `#`, or `None` for other links.
fn link(text: &str) -> Option<Listed> {
    let (_, value) = text.split_once("href=")?;
    let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    let address = value[1..].split(quote).next()?.replace("&amp;", "&");
    let (url, fragment) = address.split_once('#')?;
    let (algorithm, digest) = fragment.split_once('=')?;
    let filename = url.rsplit('/').next()?.split('?').next()?.replace("%2B", "+");
    Some(Listed {
        filename,
        url: url.to_owned(),
        hashes: BTreeMap::from([(algorithm.to_owned(), digest.to_owned())]),
        size: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_name_of_a_wheel_is_normalized() {
        assert_eq!(package_of("torch-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl"), "torch");
        let name = "nvidia_cuda_cupti_cu12-12.8.90-py3-none-manylinux2014_x86_64.whl";
        assert_eq!(package_of(name), "nvidia-cuda-cupti-cu12");
    }

    #[test]
    fn index_pages_are_read_as_json_and_html() {
        let json = r#"{"meta": {"api-version": "1.1"}, "files": [
            {"filename": "a.whl", "url": "../a.whl", "hashes": {"sha256": "12"}, "yanked": false}]}"#;
        let html = r#"<!DOCTYPE html><html><body><a href="../b.whl#md5=0">b.whl</a>
            <a data-x="1" href='../a.whl#sha256=12' >a.whl</a> <a href="/">up</a></body></html>"#;
        let last = |page| parse(page).unwrap().pop().unwrap();
        for file in [last(json), last(html)] {
            assert_eq!((file.filename.as_str(), file.url.as_str()), ("a.whl", "../a.whl"));
            assert_eq!(file.hashes["sha256"], "12");
        }
        assert!(parse("It works!").is_err());
        assert!(parse("{}").is_err());
    }
}
