//! `split.csv` of a run: the training and validation images, if they come from one folder.
//!
//! Resuming or evaluating the run uses the same images, even if images were added to the folder since.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use photos::{Cache, ImageDataset, Layout, SkippedFiles, key_of, name_of_key};
use quoting::{Shown, cell};
use train::RunConfig;

const FILE: &str = "split.csv";
const HEADER: [&str; 2] = ["file", "set"];
const SETS: [&str; 2] = ["train", "validation"];

/// Returns the layout of a run's data folder.
pub(crate) fn layout_of(config: &RunConfig) -> anyhow::Result<Layout> {
    let data = &config.data;
    anyhow::ensure!(
        data.path.is_dir(),
        "the run's image folder `{}` does not exist\nhint: restore it, or set its new path as `path` below `[data]` in the run's `config.toml`",
        data.path.shown()
    );
    Ok(Layout::find(&data.path, data.validation_split)?)
}

/// Loads the training and validation images of a new run, and the skipped files.
pub(crate) fn load(
    config: &RunConfig,
    layout: &Layout,
    cache: &Cache,
) -> anyhow::Result<(ImageDataset, ImageDataset, SkippedFiles)> {
    let (size, seed) = (config.base.image_size, config.train.seed);
    Ok(if config.data.group_duplicates {
        layout.load_grouped(size, seed, cache)?
    } else {
        layout.load(size, seed, cache)?
    })
}

/// Loads the training and validation images that the run in the directory `run` started with, and the skipped files.
pub(crate) fn reload(
    run: &Path,
    config: &RunConfig,
    layout: &Layout,
    cache: &Cache,
) -> anyhow::Result<(ImageDataset, ImageDataset, SkippedFiles)> {
    let path = run.join(FILE);
    let Some(table) = read(&path)? else { return load(config, layout, cache) };
    let is_validation = |path: &Path| {
        let key = key_of(path, &config.data.path);
        // Tables of older runs neither guard names that look like formulas nor escape backslashes.
        let keys = [&*cell(&key), &key, &*name_of_key(&key)];
        keys.into_iter().find_map(|key| table.get(key)).copied()
    };
    let loaded = layout.load_divided(config.base.image_size, cache, is_validation)?;
    let (training, validation, _) = &loaded;
    let found = training.labels().len() + validation.labels().len();
    anyhow::ensure!(
        found == table.len(),
        "{} of the {} images listed in `{}` can't be read\nhint: restore them in `{}`; the run needs the images that it started with",
        table.len() - found,
        table.len(),
        path.shown(),
        config.data.path.shown()
    );
    Ok(loaded)
}

/// Writes the table, unless it exists or the data folder has training and validation folders.
pub(crate) fn write(
    run: &Path,
    config: &RunConfig,
    layout: &Layout,
    images: [&ImageDataset; 2],
) -> anyhow::Result<()> {
    let path = run.join(FILE);
    if matches!(layout, Layout::Folders { .. }) || path.exists() {
        return Ok(());
    }
    let mut table = csv::Writer::from_writer(vec![]);
    table.write_record(HEADER)?;
    for (photos, set) in images.into_iter().zip(SETS) {
        for at in 0..photos.labels().len() {
            let key = key_of(photos.path(at), &config.data.path);
            table.write_record([&*cell(&key), set])?;
        }
    }
    Ok(formats::write_atomic(&path, &table.into_inner()?)?)
}

/// Reads the table. Maps the path of each image, relative to the data folder, to true if it is a validation image.
/// Returns `None` if the table does not exist.
fn read(path: &Path) -> anyhow::Result<Option<HashMap<String, bool>>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(formats::FormatError::io(path, error).into()),
    };
    let broken = |fault: String| {
        anyhow::anyhow!(
            "`{}` {fault}\nhint: restore the file; the run needs the images that it lists",
            path.shown()
        )
    };
    let mut table = HashMap::new();
    for row in csv::Reader::from_reader(bytes.as_slice()).into_records() {
        let row = row.map_err(|error| {
            broken(format!("is not a valid table: {}", error.to_string().shown()))
        })?;
        let set = row.get(1).and_then(|set| SETS.iter().position(|name| *name == set));
        let (Some(file), Some(set)) = (row.get(0), set) else {
            return Err(broken(format!("has an invalid row: {row:?}")));
        };
        table.insert(file.to_owned(), set == 1);
    }
    Ok(Some(table))
}
