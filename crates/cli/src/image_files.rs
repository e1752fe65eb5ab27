//! Image files named on a command line, read in batches.

use std::path::{Path, PathBuf};

use cache::DiskCache;
use photos::{ImageFileError, Pixels, files_below, has_image_extension};
use quoting::Shown;
use rayon::prelude::*;

use crate::bar::Bar;

/// Number of images that are read and classified together.
const BATCH: usize = 32;

/// Files named on a command line, and the files below the named folders.
pub(crate) struct ImageFiles {
    named: Vec<PathBuf>,
    paths: Vec<PathBuf>,
}

impl ImageFiles {
    /// Lists the named files and the files below the named folders.
    pub(crate) fn find(named: &[PathBuf]) -> anyhow::Result<Self> {
        let mut paths = vec![];
        for path in named {
            if path.is_dir() {
                let below = files_below(path)?;
                anyhow::ensure!(
                    !below.is_empty(),
                    "`{}` has no files\nhint: name an image file, or a folder of images",
                    path.shown()
                );
                paths.extend(below);
            } else {
                anyhow::ensure!(
                    path.exists(),
                    "no file at `{}`\nhint: name an image file, or a folder of images",
                    path.shown()
                );
                paths.push(path.clone());
            }
        }
        Ok(Self { named: named.to_vec(), paths })
    }

    /// Returns the named paths.
    pub(crate) fn named(&self) -> &[PathBuf] {
        &self.named
    }

    /// Returns the paths of all files.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Reads the images, resized to `size` (height, width), and passes the paths and pixels of each batch to `show`.
    /// Reports and skips files that can't be read, and returns an error at the end if any was skipped. If a folder was
    /// named, moves `bar`.
    pub(crate) fn read_in_batches(
        &self,
        size: [usize; 2],
        cache: Option<&DiskCache>,
        bar: &Bar,
        mut show: impl FnMut(&[&Path], &[Pixels]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut skipped = 0;
        let has_folder = self.named.iter().any(|path| path.is_dir());
        for (number, batch) in self.paths.chunks(BATCH).enumerate() {
            let read: Vec<Result<Pixels, ImageFileError>> =
                batch.par_iter().map(|file| Pixels::load(file, size, cache)).collect();
            let (mut readable, mut images) = (vec![], vec![]);
            for (file, image) in batch.iter().zip(read) {
                match image {
                    Ok(pixels) => {
                        readable.push(file.as_path());
                        images.push(pixels);
                    }
                    // Other files in a folder, not named as images, are ignored.
                    Err(_) if !self.named.contains(file) && !has_image_extension(file) => {}
                    Err(reason) => {
                        skipped += 1;
                        bar.say(&format!(
                            "skipped `{}`: {}",
                            file.shown(),
                            reason.to_string().shown()
                        ));
                    }
                }
            }
            if !images.is_empty() {
                show(&readable, &images)?;
            }
            if has_folder {
                bar.count(number * BATCH + batch.len(), self.paths.len(), "images");
            }
        }
        anyhow::ensure!(
            skipped == 0,
            "{skipped} of {} file(s) can't be read\nhint: check that they are readable JPEG, PNG, GIF, BMP, WebP or TIFF files",
            self.paths.len()
        );
        Ok(())
    }
}
