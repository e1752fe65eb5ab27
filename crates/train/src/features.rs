//! Features that are computed once: in memory, or in a file where memory is not to grow with them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use quoting::Shown;
use shards::ShardsError;

use crate::feature_file::FeatureFile;
use crate::pictures::Pictures;
use crate::{Event, FeatureData, Set, TrainError};

/// How many pictures go through the base between two events, and two looks at whether to stop, where it does
/// not say what is best.
const BETWEEN_EVENTS: usize = 32;

/// How many bytes of features of a set are read between them: so many that a far store's latency is a small part
/// of the time that they take.
const READ_TOGETHER: usize = 16 << 20;

/// Features, a row a picture.
#[derive(Debug)]
pub(crate) enum Features {
    /// In memory: the values, and how many a row has.
    Memory(Vec<f32>, usize),
    /// In a file.
    File(FeatureFile),
}

impl Features {
    /// Room for `rows` rows of `width` values: in memory where they take at most `most` bytes, else in a file
    /// in `folder` that is gone when the program ends.
    pub(crate) fn new(
        rows: usize,
        width: usize,
        most: usize,
        folder: &Path,
    ) -> Result<Self, TrainError> {
        if rows.saturating_mul(width).saturating_mul(size_of::<f32>()) <= most {
            Ok(Self::Memory(Vec::with_capacity(rows * width), width))
        } else {
            tracing::info!(rows, width, folder = %folder.shown(), "features are kept in a file");
            Ok(Self::File(FeatureFile::temporary(folder, width)?))
        }
    }

    /// How many rows there are.
    fn len(&self) -> usize {
        match self {
            Self::Memory(values, width) => values.len() / width,
            Self::File(file) => file.rows(),
        }
    }

    /// How many bytes of memory they take.
    pub(crate) fn in_memory(&self) -> usize {
        match self {
            Self::Memory(values, _) => values.len() * size_of::<f32>(),
            Self::File(_) => 0,
        }
    }

    /// The rows at these places, one after the other.
    pub(crate) fn rows(&mut self, rows: &[usize]) -> Result<Vec<f32>, TrainError> {
        match self {
            Self::Memory(values, width) => Ok(rows
                .iter()
                .flat_map(|&row| &values[row * *width..][..*width])
                .copied()
                .collect()),
            Self::File(file) => file.read(rows),
        }
    }

    /// Reads so many views of photographs at `places` of `data`, which ascend, or without views what they are as
    /// they are: the first view of all of them, then the second of all. Returns whether they are all there; they
    /// are not where `stop` is raised before the end.
    pub(crate) fn read_from(
        &mut self,
        data: &FeatureData,
        places: &[usize],
        views: Option<usize>,
        set: Set,
        stop: &AtomicBool,
        listen: &mut impl FnMut(Event),
    ) -> Result<bool, TrainError> {
        let total = views.unwrap_or(1) * places.len();
        let together = (READ_TOGETHER / (data.feature_count() * size_of::<f32>())).max(1);
        for view in 0..views.unwrap_or(1) {
            for block in places.chunks(together) {
                if stop.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                match data.read(block, views.map(|_| view + 1), stop) {
                    Err(TrainError::Shards(ShardsError::Stopped)) => return Ok(false),
                    values => self.extend(values?)?,
                }
                listen(Event::Read { set, done: self.len(), total });
            }
        }
        Ok(true)
    }

    fn extend(&mut self, values: Vec<f32>) -> Result<(), TrainError> {
        match self {
            Self::Memory(all, _) => all.extend(values),
            Self::File(file) => file.append(&values)?,
        }
        Ok(())
    }

    /// Computes the rows that are missing of `views` views of every photograph of `pictures`: the first view of
    /// all of them, then the second of all. Returns whether they are all there; they are not where `stopped`
    /// says so before the end.
    pub(crate) fn complete(
        &mut self,
        pictures: &Pictures<'_>,
        views: usize,
        set: Set,
        stopped: impl Fn() -> bool,
        listen: &mut impl FnMut(Event),
    ) -> Result<bool, TrainError> {
        let photographs = pictures.photos.labels().len();
        let total = views * photographs;
        let step = pictures.base.batch().unwrap_or(BETWEEN_EVENTS);
        while self.len() < total {
            if stopped() {
                return Ok(false);
            }
            let rows = self.len()..(self.len() + step).min(total);
            // The views are what the first epochs of a run without them would see.
            let which = rows.clone().map(|row| (row / photographs + 1, row % photographs));
            let values = pictures.features(&which.collect::<Vec<_>>())?;
            self.extend(values)?;
            listen(Event::Features { set, done: rows.end, total });
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_bound_are_in_a_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let features = |most| Features::new(5, 3, most, folder.path()).expect("room");
        assert!(matches!(features(5 * 3 * 4), Features::Memory(_, 3)));
        assert!(matches!(features(5 * 3 * 4 - 1), Features::File(_)));
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
    }
}
