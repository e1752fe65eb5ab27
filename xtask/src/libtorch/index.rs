//! A Python package index: which file of a package is for this platform, where it is, and its digest.
//!
//! The index is asked for its list of a package's files, as JSON (the "simple" interface, PEP 691) or, where
//! it has only that, as HTML (PEP 503). Both come with the files' digests.

use std::collections::BTreeMap;

use anyhow::{Context, Error, Result, bail};
use serde::Deserialize;

use super::folder::release;
use crate::digest::Digest;
use crate::download::Unavailable;
use crate::http;
use crate::listing::tell;
use crate::manifest::PublishedFile;
use crate::retry::repeatedly;

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

/// A package index, and how long a second of waiting for it lasts.
pub(crate) struct Index<'a> {
    /// The address below which each package has its list.
    pub(crate) url: &'a str,
    /// For tests.
    pub(crate) pace: f64,
}

impl Index<'_> {
    /// The wheel of `package` in `version` for Linux on x86-64, whatever Python it is for.
    ///
    /// # Errors
    /// `Unavailable` if the index can't be asked or has none.
    pub(crate) fn wheel(&self, package: &str, version: &str) -> Result<PublishedFile> {
        let page_url = format!("{}/{package}/", self.url.trim_end_matches('/'));
        tell(&format!("asking the package index `{page_url}` for `{package}` {version}"));
        let unavailable = |error: Error| -> Error {
            Unavailable(format!("could not find `{package}` {version} at `{page_url}`: {error:#}"))
                .into()
        };
        let page = repeatedly(self.pace, || http::page(&page_url, FORMS), || Ok(()))?;
        let listed = page.and_then(|page| parse(&page)).map_err(unavailable)?;
        let fitting = listed.into_iter().filter(|file| fits(&file.filename, package, version));
        let Some(file) = fitting.min_by(|one, other| one.filename.cmp(&other.filename)) else {
            return Err(unavailable(Error::msg(
                "expected a wheel for Linux on x86-64, found none",
            )));
        };
        let url = joined(&page_url, &file.url);
        let digest = file.hashes.get("sha256").context("expected its sha256, found none");
        let digest = digest
            .and_then(|hex| format!("sha256:{hex}").parse::<Digest>())
            .map_err(unavailable)?;
        let size = match file.size {
            Some(size) => size,
            None => {
                repeatedly(self.pace, || http::size_of(&url), || Ok(()))?.map_err(unavailable)?
            }
        };
        Ok(PublishedFile {
            path: file.filename.clone().into(),
            name: file.filename,
            urls: vec![url],
            size,
            digest: Some(digest),
            licence: String::new(),
        })
    }
}

/// Whether a file is the wheel of this package and version for Linux on x86-64.
///
/// Its name is `PACKAGE-VERSION-PYTHON-ABI-PLATFORM.whl` (PEP 427), maybe with a build number in between.
fn fits(filename: &str, package: &str, version: &str) -> bool {
    let Some(stem) = filename.strip_suffix(".whl") else { return false };
    let parts: Vec<_> = stem.split('-').collect();
    let &[name, found_version, .., platforms] = parts.as_slice() else { return false };
    let for_this =
        |platform: &str| platform.starts_with("manylinux") && platform.ends_with("_x86_64");
    name.replace(['_', '.'], "-").eq_ignore_ascii_case(package)
        && (found_version == version || release(found_version) == version)
        && platforms.split('.').any(for_this)
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

/// Where `address`, found on the page at `page`, leads (RFC 3986, section 5.2, as far as links go).
fn joined(page: &str, address: &str) -> String {
    if address.contains("://") {
        return address.to_owned();
    }
    let (scheme, rest) = page.split_once("://").unwrap_or(("https", page));
    if let Some(elsewhere) = address.strip_prefix("//") {
        return format!("{scheme}://{elsewhere}");
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut folders: Vec<_> = path.split('/').collect();
    folders.pop();
    let mut relative = address;
    if let Some(absolute) = address.strip_prefix('/') {
        folders.clear();
        relative = absolute;
    }
    for part in relative.split('/') {
        match part {
            ".." => {
                folders.pop();
            }
            "." => {}
            part => folders.push(part),
        }
    }
    format!("{scheme}://{host}/{}", folders.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_fits_by_package_version_and_platform() {
        let torch = |name| fits(name, "torch", "2.9.0");
        assert!(torch("torch-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl"));
        assert!(torch("torch-2.9.0+cpu-cp310-cp310-manylinux_2_28_x86_64.whl"));
        assert!(!torch("torch-2.9.0-cp310-cp310-manylinux_2_28_aarch64.whl"));
        assert!(!torch("torch-2.9.0-cp310-none-macosx_11_0_arm64.whl"));
        assert!(!torch("torch-2.9.1-cp310-cp310-manylinux_2_28_x86_64.whl"));
        assert!(!torch("torchvision-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl"));
        assert!(!torch("torch-2.9.0.tar.gz"));
        assert!(fits(
            "nvidia_cuda_cupti_cu12-12.8.90-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            "nvidia-cuda-cupti-cu12",
            "12.8.90"
        ));
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

    #[test]
    fn addresses_are_seen_from_the_page_they_are_on() {
        let from_page = |address| joined("https://host:1/root/simple/torch/", address);
        assert_eq!(from_page("http://other/a.whl"), "http://other/a.whl");
        assert_eq!(from_page("//other/a.whl"), "https://other/a.whl");
        assert_eq!(from_page("/a.whl"), "https://host:1/a.whl");
        assert_eq!(from_page("a.whl"), "https://host:1/root/simple/torch/a.whl");
        assert_eq!(from_page("../../files/./a.whl"), "https://host:1/root/files/a.whl");
    }
}
