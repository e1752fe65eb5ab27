//! A Python package index: where the wheels are that the manifest pins.
//!
//! The index is asked for its list of a package's files, as JSON (the "simple" interface, PEP 691) or, where
//! it has only that, as HTML (PEP 503). It is trusted with nothing: a file is taken by its pinned name and checked
//! by its pinned digest.

use std::collections::BTreeMap;

use anyhow::{Context, Error, Result, anyhow, bail};
use fetch::{Digest, Downloader, PublishedFile, joined};
use serde::Deserialize;

use crate::output::tell;
use crate::unavailable::{Unavailable, with_hints};

const FORMS: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, \
                     text/html;q=0.1";

/// The part of the index's answer that is of use.
#[derive(Deserialize)]
struct Page {
    files: Vec<Listed>,
}

/// A file as the index lists it.
#[derive(Deserialize)]
struct Listed {
    filename: String,
    url: String,
    hashes: BTreeMap<String, String>,
    size: Option<u64>,
}

/// A package index, and how it is asked.
pub(crate) struct Index<'a> {
    /// The address below which each package has its list.
    pub(crate) url: &'a str,
    /// How it is asked.
    pub(crate) downloader: &'a Downloader<'a>,
}

impl Index<'_> {
    /// Finds the wheel of this name, which must have this digest.
    ///
    /// The file is named and checked as it is pinned; of the index's answer only the address and the size are
    /// used.
    ///
    /// # Errors
    /// `Unavailable` if the index can't be asked, does not have it, or lists it with another digest.
    pub(crate) fn wheel(&self, name: &str, digest: &Digest) -> Result<PublishedFile> {
        let page_url = format!("{}/{}/", self.url.trim_end_matches('/'), package_of(name));
        tell(&format!("asking the package index `{page_url}` for `{name}`"));
        let unavailable = |error: Error| -> Error {
            let error = with_hints(&error);
            Unavailable(format!("could not find `{name}` at `{page_url}`: {error}")).into()
        };
        let Downloader { network, notify, .. } = *self.downloader;
        let page = network.page(&page_url, FORMS, notify).map_err(Error::from);
        let listed = page.and_then(|page| parse(&page)).map_err(unavailable)?;
        let count = listed.len();
        let file = listed.into_iter().find(|file| file.filename == name).with_context(|| {
            format!("expected the pinned file among the {count} that are listed, found others")
        });
        let file = file.map_err(unavailable)?;
        if let Some(hex) = file.hashes.get("sha256")
            && format!("sha256:{hex}") != digest.to_string()
        {
            return Err(unavailable(anyhow!(
                "expected the pinned digest `{digest}`, found `sha256:{hex}` in its list"
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

/// The name below which an index lists the wheel: `PACKAGE-VERSION-...whl`, normalized (PEP 427 and 503).
fn package_of(wheel: &str) -> String {
    wheel.split('-').next().unwrap_or(wheel).replace(['_', '.'], "-").to_lowercase()
}

fn parse(page: &str) -> Result<Vec<Listed>> {
    if page.trim_start().starts_with('{') {
        let page: Page =
            serde_json::from_str(page).context("the list of files is not as expected")?;
        return Ok(page.files);
    }
    if !page.contains("<a ") && !page.contains("<html") {
        bail!("expected a list of files, found something else");
    }
    Ok(page.split("<a ").skip(1).filter_map(link).collect())
}

/// A link with a digest behind `#`; others are of no use.
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
    fn a_wheel_is_listed_below_the_normalized_name_of_its_package() {
        assert_eq!(package_of("torch-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl"), "torch");
        let name = "nvidia_cuda_cupti_cu12-12.8.90-py3-none-manylinux2014_x86_64.whl";
        assert_eq!(package_of(name), "nvidia-cuda-cupti-cu12");
    }

    #[test]
    fn lists_are_read_as_json_and_as_html() {
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
