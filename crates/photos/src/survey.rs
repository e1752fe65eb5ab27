//! What is in a folder of photographs, counted, and what may be wrong with it: a page of findings' worth of
//! plain data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::decode::decode_with_header;
use crate::duplicates::{Fingerprint, near, same};
use crate::file::{PictureError, read_picture};
use crate::header::Header;
use crate::left_out::as_text;
use crate::perceptual::perceptual_hash;
use crate::{Colour, Format, Layout, LeftOut};

/// What is in the folders of a [`Layout`].
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

/// What is kept of a photograph once its pixels are let go.
struct Photograph {
    size: (u32, u32),
    header: Header,
    fingerprint: Fingerprint,
}

impl Survey {
    /// Reads and decodes every file of `layout` once, on all cores, one picture on each at a time.
    pub fn of(layout: &Layout) -> Self {
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
                let read: Vec<Result<Photograph, PictureError>> =
                    files.par_iter().map(|path| read(path)).collect();
                let mut photographs = vec![];
                for (path, read) in files.iter().zip(read) {
                    match read {
                        Ok(photograph) => {
                            members.push(Member { set, class: class.clone(), path: path.clone() });
                            fingerprints.push(photograph.fingerprint);
                            photographs.push(photograph);
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

fn read(path: &Path) -> Result<Photograph, PictureError> {
    let (picture, header) = decode_with_header(&read_picture(path)?)?;
    let size = picture.dimensions();
    let mut digest = Sha256::new();
    digest.update(size.0.to_le_bytes());
    digest.update(picture.as_raw());
    let hash = perceptual_hash(picture.as_raw(), size.0 as usize);
    Ok(Photograph {
        size,
        header,
        fingerprint: Fingerprint { digest: digest.finalize().into(), hash },
    })
}

impl ClassSurvey {
    fn of(class: String, files: usize, photographs: &[Photograph]) -> Self {
        let count = |is: fn(&Header) -> bool| {
            photographs.iter().filter(|photograph| is(&photograph.header)).count()
        };
        Self {
            class,
            files,
            photographs: photographs.len(),
            width: Spread::of(photographs.iter().map(|photograph| photograph.size.0).collect()),
            height: Spread::of(photographs.iter().map(|photograph| photograph.size.1).collect()),
            formats: tally(photographs.iter().map(|photograph| photograph.header.format)),
            colours: tally(photographs.iter().map(|photograph| photograph.header.colour)),
            with_alpha: count(|header| header.has_alpha),
            with_16_bits: count(|header| header.has_16_bits),
            turned: count(|header| header.orientation != Orientation::NoTransforms),
            with_profile: count(|header| header.has_profile),
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
