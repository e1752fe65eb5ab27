//! What is in a folder of photographs, counted, and what may be wrong with it: a page of findings' worth of
//! plain data.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cache::DiskCache;
use rayon::prelude::*;
use serde::Serialize;

use crate::duplicates::{near, same};
use crate::facts::Facts;
use crate::file::PictureError;
use crate::left_out::as_text;
use crate::{Colour, Format, Layout, LeftOut};

/// Contents of the folders of a [`Layout`].
#[derive(Clone, Debug, Serialize)]
pub struct Survey {
    /// What is trained on and validated on, or the whole from which a part is to be kept for validation.
    pub sets: Vec<SetSurvey>,
    /// What is not among the photographs.
    pub left_out: LeftOut,
    /// Photographs with the same upright pixels, whatever the format and the metadata round them: files with
    /// the same bytes are among them.
    pub same: Vec<Duplicates>,
    /// Photographs that look alike: whose perceptual hashes differ in [`NEAR_BITS`](crate::NEAR_BITS) bits or
    /// less, or each from a third one's. Groups in which all have the same pixels are in `same` alone.
    pub near: Vec<Duplicates>,
}

/// One of the sets of photographs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// What is trained on.
    Train,
    /// What is validated on.
    Validation,
    /// A folder of which a part is kept for validation.
    Whole,
}

/// A set's classes.
#[derive(Clone, Debug, Serialize)]
pub struct SetSurvey {
    /// Which set it is.
    pub set: Set,
    /// Its folder, which holds the class folders.
    #[serde(serialize_with = "as_text")]
    pub folder: PathBuf,
    /// Its classes, sorted by name.
    pub classes: Vec<ClassSurvey>,
}

/// What is in a class folder. All counts but that of files are of readable photographs.
#[derive(Clone, Debug, Serialize)]
pub struct ClassSurvey {
    /// The class.
    pub class: String,
    /// How many files it has, photographs or not.
    pub files: usize,
    /// How many photographs.
    pub photographs: usize,
    /// Their widths in pixels, upright; `None` if there are none.
    pub width: Option<Spread>,
    /// Their heights in pixels, upright; `None` if there are none.
    pub height: Option<Spread>,
    /// How many of each format.
    pub formats: BTreeMap<Format, usize>,
    /// How many of each way to store colours.
    pub colours: BTreeMap<Colour, usize>,
    /// How many with a transparency channel, which is dropped.
    pub with_alpha: usize,
    /// How many with more than 8 bits a value, which are scaled to 8.
    pub with_16_bits: usize,
    /// How many that EXIF, or TIFF's own field, says to turn or mirror.
    pub turned: usize,
    /// How many with an ICC profile, which is ignored.
    pub with_profile: usize,
}

/// How a number is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub smallest: u32,
    /// The one in the middle, the lower of the two where there is none.
    pub median: u32,
    /// The largest.
    pub largest: u32,
}

/// Two or more photographs that are one, or nearly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// The photographs, in the order of sets, classes and paths.
    pub members: Vec<Member>,
}

/// A photograph among its duplicates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its set.
    pub set: Set,
    /// Its class.
    pub class: String,
    /// Its file.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
}

impl Duplicates {
    /// Whether some are trained on and some validated on, which flatters the validation.
    pub fn are_across_sets(&self) -> bool {
        self.members.windows(2).any(|two| two[0].set != two[1].set)
    }

    /// Whether they are in more than one class, of which at most one can be right.
    pub fn are_across_classes(&self) -> bool {
        self.members.windows(2).any(|two| two[0].class != two[1].class)
    }
}

impl Survey {
    /// Reads every file of `layout` once, on all cores, and decodes one image on each at a time. With a cache, an image
    /// that was surveyed before is not decoded again.
    pub fn of(layout: &Layout, cache: Option<&DiskCache>) -> Self {
        let folders = match layout {
            Layout::Folders { train, validation, .. } => {
                vec![(Set::Train, train), (Set::Validation, validation)]
            }
            Layout::Split { folder, .. } => vec![(Set::Whole, folder)],
        };
        let mut survey =
            Self { sets: vec![], left_out: LeftOut::default(), same: vec![], near: vec![] };
        let (mut members, mut fingerprints) = (vec![], vec![]);
        for (set, folder) in folders {
            survey.left_out.extend(folder.left_out());
            let mut classes = vec![];
            for (class, files) in folder.classes.iter().zip(&folder.files) {
                let read: Vec<Result<Facts, PictureError>> =
                    files.par_iter().map(|path| Facts::load(path, cache)).collect();
                let mut photographs = vec![];
                for (path, read) in files.iter().zip(read) {
                    match read {
                        Ok(facts) => {
                            members.push(Member { set, class: class.clone(), path: path.clone() });
                            fingerprints.push(facts.fingerprint);
                            photographs.push(facts);
                        }
                        Err(error) => survey.left_out.push(path.clone(), error.to_string()),
                    }
                }
                classes.push(ClassSurvey::of(class.clone(), files.len(), &photographs));
            }
            survey.sets.push(SetSurvey { set, folder: folder.path.clone(), classes });
        }
        if let Layout::Folders { beside, .. } = layout {
            survey.left_out.extend(beside.clone());
        }
        let duplicates = |group: &Vec<usize>| Duplicates {
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
    fn of(class: String, files: usize, photographs: &[Facts]) -> Self {
        let count = |is: fn(&Facts) -> bool| photographs.iter().filter(|facts| is(facts)).count();
        Self {
            class,
            files,
            photographs: photographs.len(),
            width: Spread::of(photographs.iter().map(|facts| facts.size[0]).collect()),
            height: Spread::of(photographs.iter().map(|facts| facts.size[1]).collect()),
            formats: tally(photographs.iter().map(|facts| facts.format)),
            colours: tally(photographs.iter().map(|facts| facts.colour)),
            with_alpha: count(|facts| facts.has_alpha),
            with_16_bits: count(|facts| facts.has_16_bits),
            turned: count(|facts| facts.is_turned),
            with_profile: count(|facts| facts.has_profile),
        }
    }
}

impl Spread {
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
