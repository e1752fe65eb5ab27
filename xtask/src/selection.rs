//! Selects items of the manifest by `weights`, `data`, `all` or `libtorch`.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use fetch::{Archive, Base, Device, Item, Libtorch, Manifest, PublishedFile, Source, Weights};

use crate::wanted::Wanted;

/// Items to fetch.
#[derive(Subcommand)]
pub(crate) enum What {
    /// Fetch pretrained ImageNet weights, as published by Keras, into `data/weights/`
    Weights(WhichWeights),

    /// Fetch 3000 images of cats and dogs into `data/cats_and_dogs/`
    Data,

    /// Fetch weights and data
    All(WhichWeights),

    /// Fetch libtorch for the feature `libtorch` into `data/libtorch/`
    ///
    /// Downloads wheels, pinned by their SHA-256, from the Python package index in PIP_INDEX_URL or in the settings of
    /// pip. `--from DIR` links to an existing libtorch of any version: a libtorch folder, or the folder
    /// `site-packages/torch` of an installed PyTorch. `--from URL` downloads the wheels from another package index, by
    /// the address of its lists. If the program was built with another libtorch before, run `cargo clean -p torch-sys`.
    Libtorch(WhichLibtorch),
}

/// Variant of libtorch.
#[derive(Args)]
pub(crate) struct WhichLibtorch {
    /// Include CUDA support for NVIDIA GPUs, about 3.9 GB
    #[arg(long)]
    cuda: bool,
}

/// Variant of the weights.
#[derive(Args)]
pub(crate) struct WhichWeights {
    /// Base network
    #[arg(long, value_enum, default_value_t = WhichBase::Vgg16)]
    base: WhichBase,

    /// Include the three dense layers and the names of their 1000 classes, about 500 MB
    ///
    /// Without this flag, the weights end at the last pooling layer.
    #[arg(long)]
    include_top: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum WhichBase {
    Vgg16,
    Vgg19,
    All,
}

/// Folders that decide which of two formats of the same weights is selected.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    /// Data folder.
    pub(crate) data: &'a Path,
    /// Source named by the user, if any.
    pub(crate) source: Option<&'a Source>,
}

impl What {
    /// Returns the selected items of the manifest.
    pub(crate) fn items<'a>(&self, manifest: &'a Manifest, files: Files<'_>) -> Vec<Wanted<'a>> {
        let (which, with_data) = match self {
            Self::Weights(which) => (Some(which), false),
            Self::Data => (None, true),
            Self::All(which) => (Some(which), true),
            Self::Libtorch(which) => {
                let device = if which.cuda { Device::Cuda } else { Device::Cpu };
                return libtorch_for(manifest, device).collect();
            }
        };
        let mut items = Vec::new();
        for weights in &manifest.weights {
            if which.is_some_and(|which| which.include(weights)) {
                items.push(weights_item(weights, files));
            }
        }
        if which.is_some_and(|which| which.include_top) {
            items.extend(manifest.class_names.iter().map(class_names_item));
        }
        if with_data {
            items.extend(manifest.archives.iter().map(archive_item));
        }
        items
    }
}

/// Returns all items of the manifest. Both libtorchs have the same target; the one for the CPU is returned.
pub(crate) fn all_items<'a>(manifest: &'a Manifest, files: Files<'_>) -> Vec<Wanted<'a>> {
    let weights = manifest.weights.iter().map(|weights| weights_item(weights, files));
    let class_names = manifest.class_names.iter().map(class_names_item);
    let published = weights.chain(class_names).chain(manifest.archives.iter().map(archive_item));
    published.chain(libtorch_for(manifest, Device::Cpu)).collect()
}

fn libtorch_for(manifest: &Manifest, device: Device) -> impl Iterator<Item = Wanted<'_>> {
    let of_device = move |libtorch: &&Libtorch| libtorch.device == device;
    manifest.libtorch.iter().filter(of_device).map(Wanted::Libtorch)
}

impl WhichWeights {
    fn include(&self, weights: &Weights) -> bool {
        let base = match self.base {
            WhichBase::Vgg16 => weights.base == Base::Vgg16,
            WhichBase::Vgg19 => weights.base == Base::Vgg19,
            WhichBase::All => true,
        };
        base && weights.include_top == self.include_top
    }
}

fn weights_item<'a>(weights: &'a Weights, files: Files<'_>) -> Wanted<'a> {
    let base = match weights.base {
        Base::Vgg16 => "",
        Base::Vgg19 => " --base vgg19",
    };
    let top = if weights.include_top { " --include-top" } else { "" };
    let item = Item::of_weights(weights, files.data, files.source);
    Wanted::Published { item, arguments: format!("weights{base}{top}") }
}

fn class_names_item(file: &PublishedFile) -> Wanted<'_> {
    Wanted::Published { item: file.into(), arguments: "weights --include-top".to_owned() }
}

fn archive_item(archive: &Archive) -> Wanted<'_> {
    Wanted::Published { item: archive.into(), arguments: "data".to_owned() }
}
