//! `split.csv` of a run: the images of splits that are fractions of the training folder.
//!
//! Resuming or evaluating the run uses the same images, even if images were added to the folder since.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use photos::{Cache, ImageDataset, Layout, Split, SplitDatasets, SplitShares, key_of, name_of_key};
use quoting::{Shown, cell};
use train::RunConfig;

const FILE: &str = "split.csv";
const HEADER: [&str; 2] = ["file", "set"];
const SETS: [(&str, Split); 3] =
    [("train", Split::Train), ("validation", Split::Validation), ("test", Split::Test)];

/// Returns the layout that a run began with. A test folder is only opened with `with_test`.
pub(crate) fn layout_of(config: &RunConfig, with_test: bool) -> anyhow::Result<Layout> {
    let data = &config.data;
    anyhow::ensure!(
        data.path.is_dir(),
        "the run's image folder `{}` does not exist\nhint: restore it, or set its new path as `path` below `[data]` in the run's `config.toml`",
        data.path.shown()
    );
    Ok(data.layout(with_test)?)
}

/// Loads the images of a new run.
pub(crate) fn load(
    config: &RunConfig,
    layout: &Layout,
    cache: &Cache,
) -> anyhow::Result<SplitDatasets> {
    let (size, seed) = (config.base.image_size, config.data_seed());
    Ok(if config.data.group_duplicates {
        layout.load_grouped(size, seed, cache)?
    } else {
        layout.load(size, seed, cache)?
    })
}

/// Loads the images that the run in the directory `run` started with.
pub(crate) fn reload(
    run: &Path,
    config: &RunConfig,
    layout: &Layout,
    cache: &Cache,
) -> anyhow::Result<SplitDatasets> {
    let path = run.join(FILE);
    let Some(table) = read(&path)? else { return load(config, layout, cache) };
    let row_of = |path: &Path| row_of(&table, &key_of(path, &config.data.path));
    let split_of = |path: &Path| row_of(path).map(|(_, split)| split);
    let images = layout.load_divided(config.base.image_size, cache, split_of)?;
    let found: HashSet<&str> = divided(layout, &images)
        .flat_map(|(_, images)| (0..images.labels().len()).map(|at| images.path(at)))
        .filter_map(|path| Some(row_of(path)?.0))
        .collect();
    let mut missing: Vec<&str> =
        table.keys().map(String::as_str).filter(|key| !found.contains(key)).collect();
    missing.sort_unstable();
    anyhow::ensure!(
        missing.is_empty(),
        "{} of the {} images listed in `{}` can't be read, such as `{}`\nhint: restore them in `{}`; the run needs the images that it started with",
        missing.len(),
        table.len(),
        path.shown(),
        missing[0].shown(),
        config.data.path.shown()
    );
    Ok(images)
}

/// Returns the row of a table for an image.
fn row_of<'a>(table: &'a HashMap<String, Split>, key: &str) -> Option<(&'a str, Split)> {
    // Tables of older runs neither guard names that look like formulas nor escape backslashes.
    let keys = [&*cell(key), key, &*name_of_key(key)];
    let row = keys.into_iter().find_map(|key| table.get_key_value(key));
    row.map(|(key, split)| (key.as_str(), *split))
}

/// Table of a run.
pub(crate) struct SplitTable(HashMap<String, Split>);

impl SplitTable {
    /// Reads the table of the run in the directory `run`. Returns `None` if it has none, because its splits are folders.
    pub(crate) fn read(run: &Path) -> anyhow::Result<Option<Self>> {
        Ok(read(&run.join(FILE))?.map(Self))
    }

    /// Returns true if the image at `path` below the data folder `root` is a training image.
    pub(crate) fn is_training(&self, path: &Path, root: &Path) -> bool {
        row_of(&self.0, &key_of(path, root)).is_some_and(|(_, split)| split == Split::Train)
    }
}

/// Writes the table, unless it exists or each split has a folder.
pub(crate) fn write(
    run: &Path,
    config: &RunConfig,
    layout: &Layout,
    images: &SplitDatasets,
) -> anyhow::Result<()> {
    let path = run.join(FILE);
    if layout.shares() == SplitShares::default() || path.exists() {
        return Ok(());
    }
    let mut table = csv::Writer::from_writer(vec![]);
    table.write_record(HEADER)?;
    for (split, images) in divided(layout, images) {
        for at in 0..images.labels().len() {
            let key = key_of(images.path(at), &config.data.path);
            table.write_record([&*cell(&key), split])?;
        }
    }
    Ok(formats::write_atomic(&path, &table.into_inner()?)?)
}

/// Returns the splits with images of the training folder, and their names in the table.
fn divided<'a>(
    layout: &Layout,
    images: &'a SplitDatasets,
) -> impl Iterator<Item = (&'static str, &'a ImageDataset)> {
    let SplitShares { validation, test } = layout.shares();
    let splits = [
        Some(&images.training),
        validation.and(Some(&images.validation)),
        test.and(images.test.as_ref()),
    ];
    SETS.into_iter().zip(splits).filter_map(|((name, _), images)| Some((name, images?)))
}

/// Reads the table. Maps the path of each image, relative to the data folder, to its split. Returns `None` if the table
/// does not exist.
fn read(path: &Path) -> anyhow::Result<Option<HashMap<String, Split>>> {
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
        let split = row.get(1).and_then(|set| SETS.iter().find(|(name, _)| *name == set));
        let (Some(file), Some((_, split))) = (row.get(0), split) else {
            return Err(broken(format!("has an invalid row: {row:?}")));
        };
        table.insert(file.to_owned(), *split);
    }
    Ok(Some(table))
}
