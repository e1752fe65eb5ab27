//! `weights`, `data` or `all`: what of the manifest is meant.

use clap::{Args, Subcommand, ValueEnum};

use crate::item::Item;
use crate::manifest::{Archive, Base, Manifest, PublishedFile, Weights};

/// What to fetch.
#[derive(Subcommand)]
pub(crate) enum What {
    /// Pretrained weights from ImageNet, as Keras publishes them, into `data/weights/`
    Weights(WhichWeights),

    /// 3000 photographs of cats and dogs, into `data/cats_and_dogs/`
    Data,

    /// Weights and data
    All(WhichWeights),
}

/// Which of the weights.
#[derive(Args)]
pub(crate) struct WhichWeights {
    /// The network whose weights to fetch
    #[arg(long, value_enum, default_value_t = WhichBase::Vgg16)]
    base: WhichBase,

    /// Fetch the file that also holds the three dense layers, some 500 MB, instead of the one
    /// that ends at the last pooling, and the names of their 1000 classes
    #[arg(long)]
    include_top: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum WhichBase {
    Vgg16,
    Vgg19,
    All,
}

impl What {
    /// What there is of it in the manifest.
    pub(crate) fn items<'a>(&self, manifest: &'a Manifest) -> Vec<Item<'a>> {
        let (which, with_data) = match self {
            Self::Weights(which) => (Some(which), false),
            Self::Data => (None, true),
            Self::All(which) => (Some(which), true),
        };
        let mut items = Vec::new();
        for weights in &manifest.weights {
            if which.is_some_and(|which| which.include(weights)) {
                items.push(weights_item(weights));
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

/// Everything in the manifest.
pub(crate) fn all_items(manifest: &Manifest) -> Vec<Item<'_>> {
    let weights = manifest.weights.iter().map(weights_item);
    let class_names = manifest.class_names.iter().map(class_names_item);
    weights.chain(class_names).chain(manifest.archives.iter().map(archive_item)).collect()
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

fn weights_item(weights: &Weights) -> Item<'_> {
    let base = match weights.base {
        Base::Vgg16 => "",
        Base::Vgg19 => " --base vgg19",
    };
    let top = if weights.include_top { " --include-top" } else { "" };
    Item { file: &weights.file, archive: None, arguments: format!("weights{base}{top}") }
}

fn class_names_item(file: &PublishedFile) -> Item<'_> {
    Item { file, archive: None, arguments: "weights --include-top".to_owned() }
}

fn archive_item(archive: &Archive) -> Item<'_> {
    Item { file: &archive.file, archive: Some(archive), arguments: "data".to_owned() }
}
