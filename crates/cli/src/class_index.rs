//! Names of ImageNet's 1000 classes, read from the JSON file that Keras publishes:
//! `{"0": ["n01440764", "tench"], ...}`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use quoting::Shown;
use vgg::ImageNet;

/// Reads the class names, in the order of the class indices.
pub(crate) fn read_class_names(path: &Path) -> anyhow::Result<Vec<String>> {
    let hint = "hint: `cargo xtask fetch weights --include-top` downloads Keras's `imagenet_class_index.json`; name another file with `--class-index`";
    let text = std::fs::read(path)
        .map_err(|error| anyhow::anyhow!("`{}`: {error}\n{hint}", path.shown()))?;
    let entries: BTreeMap<usize, (String, String)> =
        serde_json::from_slice(&text).map_err(|error| {
            anyhow::anyhow!(
                "`{}` is not a class index file: {}\n{hint}",
                path.shown(),
                error.to_string().shown()
            )
        })?;
    let names =
        (0..ImageNet::CLASSES).map(|class| entries.get(&class).map(|(_, name)| name.clone()));
    let names: Option<Vec<String>> = names.collect();
    names.filter(|_| entries.len() == ImageNet::CLASSES).with_context(|| {
        format!(
            "`{}` has {} classes, expected classes 0 to {}\n{hint}",
            path.shown(),
            entries.len(),
            ImageNet::CLASSES - 1
        )
    })
}
