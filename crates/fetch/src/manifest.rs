//! Manifest of the files that can be fetched: addresses, sizes, digests and target paths.

#[cfg(test)]
mod damaged;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use quoting::Shown;
use serde::Deserialize;

use crate::digest::{Algorithm, Digest};
use crate::error::Error;

/// List of the files that can be fetched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Files of pretrained weights.
    pub weights: Vec<Weights>,
    /// Files with the class names of the dense layers.
    #[serde(default)]
    pub class_names: Vec<PublishedFile>,
    /// Zip archives of images.
    pub archives: Vec<Archive>,
    /// Builds of libtorch.
    #[serde(default)]
    pub libtorch: Vec<Libtorch>,
}

/// File of pretrained weights.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Network that the weights belong to.
    pub base: Base,
    /// True if the file includes the three dense layers.
    pub include_top: bool,
    /// The published file.
    pub file: PublishedFile,
    /// Alternative file with the same arrays and without an address, which a source folder may hold instead.
    pub same: Option<PublishedFile>,
}

/// Zip archive of images in folders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Folder in the archive that contains `folders`.
    pub inside: String,
    /// Expected number of images (`.jpg`) in each folder. Nothing else is unpacked.
    pub folders: BTreeMap<String, usize>,
    /// Maximum number of bytes of all unpacked images, to stop zip bombs.
    pub unpacked_at_most: u64,
    /// The published archive. Its `path` is the folder that it is unpacked to.
    pub file: PublishedFile,
}

/// Build of libtorch for one kind of device.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Libtorch {
    /// Device that it supports.
    pub device: Device,
    /// Version, without the suffix for the device.
    pub version: String,
    /// Address of the official archive, for a manual download.
    pub archive: String,
    /// SHA-256 of each wheel that holds a part of the build, by file name.
    pub wheels: BTreeMap<String, Digest>,
    /// Names of the libraries to unpack from the wheels, or `None` for all libraries.
    pub libraries: Option<Vec<String>>,
    /// Approximate size of all wheels, in bytes.
    pub size: u64,
    /// Maximum number of bytes unpacked from each wheel, to stop zip bombs.
    pub unpacked_at_most: u64,
    /// License and its holder.
    pub licence: String,
    /// Path in the data folder.
    pub path: PathBuf,
}

/// Device that a build of libtorch supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// CPU only.
    Cpu,
    /// CPU and NVIDIA GPUs.
    Cuda,
}

/// Published file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedFile {
    /// Published name. A source folder or a mirror uses the same name.
    pub name: String,
    /// Addresses, in the order in which they are tried.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Size in bytes.
    pub size: u64,
    /// Published digest, if any.
    pub digest: Option<Digest>,
    /// License and its holder.
    pub licence: String,
    /// Path in the data folder.
    pub path: PathBuf,
}

/// Network with pretrained weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// VGG16, with 13 convolutions.
    Vgg16,
    /// VGG19, with 16 convolutions.
    Vgg19,
}

impl Manifest {
    /// Returns the manifest of this repository.
    ///
    /// # Errors
    /// If the manifest was edited and is invalid.
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::{Base, Manifest};
    ///
    /// let manifest = Manifest::built_in()?;
    /// let is_vgg16 = |weights: &&fetch::Weights| weights.base == Base::Vgg16 && !weights.include_top;
    /// let weights = manifest.weights.iter().find(is_vgg16).expect("the weights");
    /// assert!(weights.file.digest.is_some());
    /// # Ok::<(), fetch::Error>(())
    /// ```
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(include_str!("../manifest.toml"))
    }

    /// Parses and validates a manifest.
    ///
    /// # Errors
    /// If the text is not a manifest, a path leaves its folder, a size is zero, or a file has no address.
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::Manifest;
    ///
    /// let manifest = Manifest::parse(
    ///     r#"
    ///     archives = []
    ///     [[weights]]
    ///     base = "vgg16"
    ///     include_top = false
    ///     [weights.file]
    ///     name = "tiny.h5"
    ///     urls = ["https://example.org/tiny.h5"]
    ///     size = 3
    ///     licence = "CC BY 4.0"
    ///     path = "weights/tiny.h5"
    ///     "#,
    /// )?;
    /// assert_eq!(manifest.weights[0].file.size, 3);
    /// assert_eq!(manifest.weights[0].file.digest, None);
    /// # Ok::<(), fetch::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let read = || -> Result<Self, Error> {
            let manifest: Self = toml::from_str(text)?;
            manifest.check()?;
            Ok(manifest)
        };
        read().map_err(|error| Error::Manifest(Box::new(error)))
    }

    fn check(&self) -> Result<(), Error> {
        let weights = self.weights.iter().map(|weights| &weights.file);
        let archives = self.archives.iter().map(|archive| &archive.file);
        weights.chain(&self.class_names).chain(archives).try_for_each(PublishedFile::check)?;
        let mut same = self.weights.iter().filter_map(|weights| weights.same.as_ref());
        same.try_for_each(PublishedFile::check_parts)?;
        self.archives.iter().try_for_each(Archive::check)?;
        self.libtorch.iter().try_for_each(Libtorch::check)
    }
}

impl PublishedFile {
    fn check_parts(&self) -> Result<(), Error> {
        let Self { name, urls, size, path, .. } = self;
        check_name(name)?;
        check_inside(path)?;
        check_size(*size, &format!("`{name}`"))?;
        urls.iter().try_for_each(|url| check_address(url))
    }

    fn check(&self) -> Result<(), Error> {
        self.check_parts()?;
        let Self { name, urls, .. } = self;
        require(!urls.is_empty(), || {
            Error::unexpected(format!("at least one address for `{name}`"), "none")
        })
    }
}

impl Archive {
    fn check(&self) -> Result<(), Error> {
        check_inside(Path::new(&self.inside))?;
        self.folders.keys().try_for_each(|folder| check_inside(Path::new(folder)))
    }
}

impl Libtorch {
    /// Returns the name of the wheel that contains PyTorch itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::{Device, Manifest};
    ///
    /// let manifest = Manifest::built_in()?;
    /// let build = manifest.libtorch.iter().find(|build| build.device == Device::Cpu).expect("a build");
    /// let wheel = build.torch_wheel().expect("checked by the manifest");
    /// assert!(wheel.starts_with("torch-") && wheel.ends_with(".whl"));
    /// # Ok::<(), fetch::Error>(())
    /// ```
    pub fn torch_wheel(&self) -> Option<&str> {
        let start = format!("torch-{}-", self.version);
        self.wheels.keys().map(String::as_str).find(|name| name.starts_with(&start))
    }

    fn check(&self) -> Result<(), Error> {
        let Self { archive, libraries, size, path, version, .. } = self;
        check_address(archive)?;
        libraries.iter().flatten().try_for_each(|name| check_name(name))?;
        for (name, digest) in &self.wheels {
            check_wheel(name)?;
            require(digest.algorithm() == Algorithm::Sha256, || {
                Error::unexpected(format!("a sha256 for `{name}`"), format!("`{digest}`"))
            })?;
        }
        require(self.torch_wheel().is_some(), || {
            Error::unexpected(format!("a wheel of torch {version}"), "none")
        })?;
        check_size(*size, "libtorch")?;
        check_inside(path)
    }
}

/// Returns the error unless the condition holds.
fn require(holds: bool, error: impl FnOnce() -> Error) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(error()) }
}

/// Checks that the size of `what` is not zero.
fn check_size(size: u64, what: &str) -> Result<(), Error> {
    require(size > 0, || Error::unexpected(format!("a size of at least one byte for {what}"), "0"))
}

/// Checks that the name is a file name and not a path.
fn check_name(name: &str) -> Result<(), Error> {
    let is_name = Path::new(name).file_name() == Some(OsStr::new(name));
    require(is_name, || Error::unexpected("a file name", format!("`{name}`")))
}

/// Checks that the name is a wheel for Linux on x86-64: `PACKAGE-VERSION-PYTHON-ABI-PLATFORM.whl`, optionally with a
/// build number (PEP 427).
fn check_wheel(name: &str) -> Result<(), Error> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._+".contains(letter);
    let parts = name.strip_suffix(".whl").unwrap_or_default().split('-').collect::<Vec<_>>();
    let is_wheel = (5..=6).contains(&parts.len())
        && parts.iter().all(|part| !part.is_empty() && !part.starts_with('.'))
        && parts.last().is_some_and(|platform| platform.ends_with("_x86_64"))
        && name.chars().all(is_plain);
    let expected = "a wheel for Linux on x86-64";
    require(is_wheel, || Error::unexpected(expected, format!("`{name}`")))
}

fn check_address(url: &str) -> Result<(), Error> {
    let is_address = url.starts_with("http://") || url.starts_with("https://");
    require(is_address, || Error::unexpected("`http://` or `https://`", format!("`{url}`")))
}

/// Checks that a path stays inside the folder that it is joined to, and is not that folder.
fn check_inside(path: &Path) -> Result<(), Error> {
    let mut components = path.components().peekable();
    let leads_on = components.peek().is_some();
    let is_inside =
        leads_on && components.all(|component| matches!(component, Component::Normal(_)));
    require(is_inside, || {
        Error::unexpected("a relative path without `..`", format!("`{}`", path.shown()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_weights_have_the_expected_paths() {
        let manifest = Manifest::built_in().unwrap();
        for weights in &manifest.weights {
            for file in [&weights.file].into_iter().chain(&weights.same) {
                assert_eq!(file.path, PathBuf::from("weights").join(&file.name));
            }
        }
        let same = manifest.weights[0].same.as_ref().map(|same| same.name.as_str());
        assert_eq!(same, Some("vgg16_imagenet_notop.safetensors"));
        assert_eq!(
            manifest.weights[0].file.name,
            "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
        );
    }

    #[test]
    fn built_in_weights_have_digests_and_https_urls() {
        let manifest = Manifest::built_in().unwrap();
        assert_eq!(manifest.weights.len(), 4);
        assert_eq!(manifest.class_names.len(), 1);
        let same = manifest.weights.iter().filter_map(|weights| weights.same.as_ref());
        assert!(same.map(|file| file.digest.as_ref()).all(|digest| digest.is_some()));
        let weights = manifest.weights.iter().map(|weights| &weights.file);
        for file in weights.chain(&manifest.class_names) {
            assert!(file.digest.is_some(), "{}", file.name);
            for url in &file.urls {
                assert!(url.starts_with("https://"), "{url}");
                assert!(url.ends_with(&file.name), "{url}");
            }
        }
    }

    #[test]
    fn dataset_has_2000_training_and_1000_validation_images() {
        let manifest = Manifest::built_in().unwrap();
        let count = |part: &str| -> usize {
            let folders = manifest.archives[0].folders.iter();
            folders.filter(|(folder, _)| folder.starts_with(part)).map(|(_, count)| count).sum()
        };
        assert_eq!((count("train/"), count("validation/")), (2000, 1000));
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let text = include_str!("../manifest.toml").replacen("digest =", "digset =", 1);
        assert!(Manifest::parse(&text).is_err());
    }
}
