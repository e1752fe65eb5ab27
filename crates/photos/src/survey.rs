//! Survey of a folder of images: counts by class, skipped files and duplicates, as plain data.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cache::DiskCache;
use rayon::prelude::*;
use serde::Serialize;

use crate::duplicates::{near, same};
use crate::facts::Facts;
use crate::file::ImageFileError;
use crate::skipped::as_text;
use crate::{Color, Format, Layout, SkippedFiles, Split};

/// Survey of the folders of a [`Layout`].
#[derive(Clone, Debug, Serialize)]
pub struct Survey {
    /// Folders of the splits. A folder from which other splits are yet to be taken is [`Split::Whole`].
    pub sets: Vec<SplitSurvey>,
    /// Skipped and unused files.
    #[serde(rename = "left_out")]
    pub skipped: SkippedFiles,
    /// Groups of images with the same upright pixels, whatever their format and metadata. This includes identical
    /// files.
    pub same: Vec<DuplicateGroup>,
    /// Groups of images that look alike: their perceptual hashes differ in at most [`NEAR_BITS`](crate::NEAR_BITS)
    /// bits, directly or through other images of the group. Groups in which all pixels are equal are only in `same`.
    pub near: Vec<DuplicateGroup>,
}

/// Survey of one set.
#[derive(Clone, Debug, Serialize)]
pub struct SplitSurvey {
    /// Kind of the set.
    pub set: Split,
    /// Path of its folder, which contains the class folders.
    #[serde(serialize_with = "as_text")]
    pub folder: PathBuf,
    /// Classes, sorted by name.
    pub classes: Vec<ClassSurvey>,
}

/// Survey of a class folder. All counts except `files` are of readable images.
#[derive(Clone, Debug, Serialize)]
pub struct ClassSurvey {
    /// Name of the class.
    pub class: String,
    /// Number of files, images or not.
    pub files: usize,
    /// Number of readable images.
    #[serde(rename = "photographs")]
    pub images: usize,
    /// Widths in pixels, upright; `None` without images.
    pub width: Option<Distribution>,
    /// Heights in pixels, upright; `None` without images.
    pub height: Option<Distribution>,
    /// Number of images per format.
    pub formats: BTreeMap<Format, usize>,
    /// Number of images per color model.
    #[serde(rename = "colours")]
    pub colors: BTreeMap<Color, usize>,
    /// Number of images with an alpha channel, which is dropped.
    pub with_alpha: usize,
    /// Number of images with more than 8 bits per value, which are scaled to 8.
    pub with_16_bits: usize,
    /// Number of images that EXIF or a TIFF entry says to rotate or mirror.
    pub turned: usize,
    /// Number of images with an ICC profile, which is ignored.
    pub with_profile: usize,
}

/// Distribution of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// Minimum.
    pub smallest: u32,
    /// Median. If the number of values is even, the lower of the two middle values.
    pub median: u32,
    /// Maximum.
    pub largest: u32,
}

/// Group of two or more identical or similar images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DuplicateGroup {
    /// Images, ordered by set, class and path.
    pub members: Vec<DuplicateImage>,
}

/// Image in a group of duplicates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DuplicateImage {
    /// Set of the image.
    pub set: Split,
    /// Class of the image.
    pub class: String,
    /// Path of its file.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
}

impl DuplicateGroup {
    /// Returns true if the group has images of several splits, which makes validation or test metrics too optimistic.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{DuplicateGroup, DuplicateImage, Split};
    ///
    /// let image = |set, path: &str| DuplicateImage { set, class: "cat".into(), path: path.into() };
    /// let members = vec![image(Split::Train, "train/cat/1.jpg"), image(Split::Validation, "val/cat/9.jpg")];
    /// assert!(DuplicateGroup { members }.spans_splits());
    /// ```
    #[doc(alias = "data leakage")]
    #[doc(alias = "train-test leakage")]
    pub fn spans_splits(&self) -> bool {
        self.members.windows(2).any(|two| two[0].set != two[1].set)
    }

    /// Returns true if the images are in different classes. At most one of the classes can be right.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{DuplicateGroup, DuplicateImage, Split};
    ///
    /// let image = |class: &str| DuplicateImage {
    ///     set: Split::Whole,
    ///     class: class.into(),
    ///     path: format!("{class}/1.jpg").into(),
    /// };
    /// assert!(DuplicateGroup { members: vec![image("cat"), image("dog")] }.spans_classes());
    /// ```
    #[doc(alias = "label error")]
    pub fn spans_classes(&self) -> bool {
        self.members.windows(2).any(|two| two[0].class != two[1].class)
    }
}

impl Survey {
    /// Reads every file of `layout` once, on all cores, each of which decodes one image at a time. With a cache, images
    /// of an earlier survey are not decoded again.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Layout, Survey};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// std::fs::copy(data.path().join("cat/0.png"), data.path().join("dog/copy.png"))?;
    /// let survey = Survey::of(&Layout::find(data.path(), None)?, None);
    /// let dogs = &survey.sets[0].classes[1];
    /// assert_eq!((dogs.class.as_str(), dogs.images), ("dog", 3));
    /// assert_eq!(dogs.width.map(|width| width.median), Some(8)); // pixels
    /// assert!(survey.same[0].spans_classes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "duplicate images")]
    #[doc(alias = "imagehash")]
    #[doc(alias = "perceptual hash")]
    #[doc(alias = "pHash")]
    pub fn of(layout: &Layout, cache: Option<&DiskCache>) -> Self {
        let divided = if layout.is_divided() { Split::Whole } else { Split::Train };
        let folders = [
            (divided, Some(&layout.train)),
            (Split::Validation, layout.validation.folder()),
            (Split::Test, layout.test_folder()),
        ];
        let folders = folders.into_iter().filter_map(|(set, folder)| Some((set, folder?)));
        let mut survey =
            Self { sets: vec![], skipped: SkippedFiles::default(), same: vec![], near: vec![] };
        let (mut members, mut fingerprints) = (vec![], vec![]);
        for (set, folder) in folders {
            survey.skipped.extend(folder.skipped());
            let mut classes = vec![];
            for (class, files) in folder.classes.iter().zip(&folder.files) {
                let read: Vec<Result<Facts, ImageFileError>> =
                    files.par_iter().map(|path| Facts::load(path, cache)).collect();
                let mut images = vec![];
                for (path, read) in files.iter().zip(read) {
                    match read {
                        Ok(facts) => {
                            members.push(DuplicateImage {
                                set,
                                class: class.clone(),
                                path: path.clone(),
                            });
                            fingerprints.push(facts.fingerprint);
                            images.push(facts);
                        }
                        Err(error) => survey.skipped.push(path.clone(), error.to_string()),
                    }
                }
                classes.push(ClassSurvey::of(class.clone(), files.len(), &images));
            }
            survey.sets.push(SplitSurvey { set, folder: folder.path.clone(), classes });
        }
        survey.skipped.extend(layout.beside.clone());
        let duplicates = |group: &Vec<usize>| DuplicateGroup {
            members: group.iter().map(|&at| members[at].clone()).collect(),
        };
        survey.same = same(&fingerprints).iter().map(duplicates).collect();
        let differ = |group: &&Vec<usize>| {
            group.iter().any(|&at| fingerprints[at].digest != fingerprints[group[0]].digest)
        };
        survey.near = near(&fingerprints).iter().filter(differ).map(duplicates).collect();
        survey
    }
}

impl ClassSurvey {
    fn of(class: String, files: usize, images: &[Facts]) -> Self {
        let count = |is: fn(&Facts) -> bool| images.iter().filter(|facts| is(facts)).count();
        Self {
            class,
            files,
            images: images.len(),
            width: Distribution::of(images.iter().map(|facts| facts.size[0]).collect()),
            height: Distribution::of(images.iter().map(|facts| facts.size[1]).collect()),
            formats: tally(images.iter().map(|facts| facts.format)),
            colors: tally(images.iter().map(|facts| facts.color)),
            with_alpha: count(|facts| facts.has_alpha),
            with_16_bits: count(|facts| facts.has_16_bits),
            turned: count(|facts| facts.is_turned),
            with_profile: count(|facts| facts.has_profile),
        }
    }
}

impl Distribution {
    fn of(mut values: Vec<u32>) -> Option<Self> {
        values.sort_unstable();
        let median = *values.get(values.len().saturating_sub(1) / 2)?;
        Some(Self { smallest: *values.first()?, median, largest: *values.last()? })
    }
}

fn tally<T: Ord>(values: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    counts
}
