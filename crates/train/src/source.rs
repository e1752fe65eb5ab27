//! Where a batch's features come from: computed anew from augmented pictures, or computed once.

use augment::{AugmentConfig, Picture};
use photos::{Photo, Photos};
use rayon::prelude::*;
use vgg::FrozenBase;

use crate::{Event, Set};

/// How many photographs are done between two events, and two looks at whether to stop.
const BETWEEN_EVENTS: usize = 8;

/// The features of the training photographs, batch by batch.
pub(crate) enum Source<'a> {
    /// Every picture is augmented anew in every epoch and goes through the base.
    Augmented { base: &'a FrozenBase, photos: &'a Photos, augment: AugmentConfig, seed: u64 },
    /// Pictures stay as they are, and so do their features.
    Kept { features: Vec<f32>, width: usize },
}

impl Source<'_> {
    /// The features of the photographs at `batch` in `epoch`: (batch, features).
    pub(crate) fn features(&self, epoch: usize, batch: &[usize]) -> Vec<f32> {
        match self {
            Self::Augmented { base, photos, augment, seed } => {
                let [height, width] = photos.size();
                let picture_len = height * width * 3;
                let mut input = vec![0.0; batch.len() * picture_len];
                input.par_chunks_exact_mut(picture_len).zip(batch).for_each(|(output, &item)| {
                    let picture = Picture::new(&photos.items()[item].pixels, height, width);
                    let draw = augment.draw(*seed, epoch as u64, item as u64);
                    let preprocess = |rgb| base.preprocessing().apply(rgb);
                    draw.apply(&picture, augment.compose, output, preprocess);
                });
                base.features(&input)
            }
            Self::Kept { features, width } => batch
                .iter()
                .flat_map(|&item| &features[item * width..][..*width])
                .copied()
                .collect(),
        }
    }
}

/// The features of all photographs, unaugmented, in their order; `None` where `stopped` says so
/// before the end.
pub(crate) fn all_features(
    base: &FrozenBase,
    photos: &Photos,
    set: Set,
    stopped: impl Fn() -> bool,
    listen: &mut impl FnMut(Event),
) -> Option<Vec<f32>> {
    let total = photos.items().len();
    let mut features = Vec::with_capacity(total * base.feature_count());
    let mut done = 0;
    for batch in photos.items().chunks(BETWEEN_EVENTS) {
        if stopped() {
            return None;
        }
        let pictures: Vec<&[u8]> = batch.iter().map(|photo: &Photo| &*photo.pixels).collect();
        features.extend(base.features_of_pictures(&pictures));
        done += batch.len();
        listen(Event::Features { set, done, total });
    }
    Some(features)
}
