//! Predictions of a cross-validation: each training image is predicted by a model that was not trained on it.

use std::path::Path;

use formats::{FormatError, read_regular, write_atomic};
use quoting::cell;
use report::{FoldMetric, Predictions};

use crate::TrainError;

/// Smallest probability in the file, so that it has a logarithm.
const SMALLEST: f64 = 1e-300;

/// Columns before the probabilities.
const COLUMNS: [&str; 4] = ["file", "label", "fold", "class"];

/// Predictions of a cross-validation; stored in `folds.csv` of the run directory.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldPredictions {
    /// Name of each training image: its path below the data folder, or its key in the feature set. Names that are read from
    /// a file are escaped for spreadsheets, see [`quoting::cell`].
    pub files: Vec<String>,
    /// Fold of each image, from 0.
    pub folds: Vec<usize>,
    /// Predictions for the images. If the run calibrates its model, those of each fold have the temperature that fits the
    /// other folds. The predicted class is the most likely one, whatever the threshold of the model.
    pub predictions: Predictions,
}

impl FoldPredictions {
    const FILE: &str = "folds.csv";

    /// Computes the mean and the standard deviation of each metric over the folds.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{FoldPredictions, Predictions};
    ///
    /// let logits = vec![vec![0.0, -2.0], vec![0.0, 1.0], vec![0.0, 2.0], vec![0.0, 1.5]];
    /// let found = FoldPredictions {
    ///     files: ["a.jpg", "b.jpg", "c.jpg", "d.jpg"].map(String::from).to_vec(),
    ///     folds: vec![0, 0, 1, 1],
    ///     predictions: Predictions::new(2, vec![0, 1, 0, 1], logits, vec![0, 1, 1, 1]),
    /// };
    /// assert_eq!((found.metrics()[0].name, found.metrics()[0].mean), ("accuracy", 0.75));
    /// ```
    pub fn metrics(&self) -> Vec<FoldMetric> {
        self.predictions.over_folds(&self.folds)
    }

    /// Reads the predictions of the run in a folder; `None` if it has none.
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be read, or does not fit the classes.
    pub fn read(run: impl AsRef<Path>, classes: &[String]) -> Result<Option<Self>, TrainError> {
        let path = run.as_ref().join(Self::FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = read_regular(&path)?;
        Self::parse(&text, classes).map(Some).map_err(|fault| TrainError::Checkpoint {
            path,
            fault: format!("can't be read: {fault}"),
        })
    }

    fn parse(text: &[u8], classes: &[String]) -> Result<Self, String> {
        let mut table = csv::Reader::from_reader(text);
        let header = header(classes);
        if !table.headers().map_err(|error| error.to_string())?.iter().eq(&header) {
            return Err("it has other columns".into());
        }
        let class_of = |name: &str| classes.iter().position(|class| cell(class) == name);
        let (mut files, mut folds) = (vec![], vec![]);
        let (mut labels, mut logits, mut predicted) = (vec![], vec![], vec![]);
        for row in table.records() {
            let row = row.map_err(|error| error.to_string())?;
            let fault = || format!("the row of `{}`", &row[0]);
            files.push(row[0].to_owned());
            labels.push(class_of(&row[1]).ok_or_else(fault)?);
            let fold: usize = row[2].parse().map_err(|_| fault())?;
            folds.push(fold.checked_sub(1).ok_or_else(fault)?);
            predicted.push(class_of(&row[3]).ok_or_else(fault)?);
            let values = row.iter().skip(COLUMNS.len()).map(|value| {
                let probability: f64 = value.parse().map_err(|_| fault())?;
                let is_probability = probability > 0.0 && probability <= 1.0;
                if is_probability { Ok(probability.ln() as f32) } else { Err(fault()) }
            });
            logits.push(values.collect::<Result<Vec<f32>, String>>()?);
        }
        let count = folds.iter().max().map_or(0, |last| last + 1);
        if count < 2 || (0..count).any(|fold| !folds.contains(&fold)) {
            return Err("a fold is missing".into());
        }
        let predictions = Predictions::new(classes.len(), labels, logits, predicted);
        Ok(Self { files, folds, predictions })
    }

    /// Writes the predictions into a run directory.
    pub(crate) fn write(&self, run: &Path, classes: &[String]) -> Result<(), FormatError> {
        let mut table = csv::Writer::from_writer(vec![]);
        let fits = "a table in memory";
        table.write_record(header(classes)).expect(fits);
        for (at, (file, fold)) in self.files.iter().zip(&self.folds).enumerate() {
            let name = |class: usize| cell(&classes[class]).into_owned();
            let (label, class) = (self.predictions.label(at), self.predictions.predicted(at));
            let first = [cell(file).into_owned(), name(label), (fold + 1).to_string(), name(class)];
            let probability = |class| self.predictions.probability(at, class).max(SMALLEST);
            let values = (0..classes.len()).map(|class| probability(class).to_string());
            table.write_record(first.into_iter().chain(values)).expect(fits);
        }
        write_atomic(run.join(Self::FILE), &table.into_inner().expect(fits))
    }
}

fn header(classes: &[String]) -> Vec<String> {
    let names = classes.iter().map(|class| cell(class).into_owned());
    COLUMNS.map(String::from).into_iter().chain(names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_predictions_are_read_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let classes = ["cats", "=dogs"].map(String::from);
        assert_eq!(FoldPredictions::read(folder.path(), &classes).expect("no file"), None);
        let logits = vec![vec![0.0, -2000.0], vec![0.0, 1.0], vec![0.5, -0.25], vec![0.0, 1.5]];
        let predictions = Predictions::new(2, vec![0, 1, 0, 1], logits, vec![0, 1, 0, 1]);
        let files = ["a,b.jpg", "=1.jpg", "c\"d.jpg", "d.jpg"].map(String::from).to_vec();
        let written = FoldPredictions { files, folds: vec![0, 1, 1, 0], predictions };
        written.write(folder.path(), &classes).expect("a writable folder");
        let read =
            FoldPredictions::read(folder.path(), &classes).expect("a table").expect("a file");
        assert_eq!(read.folds, written.folds);
        assert_eq!(read.files, ["a,b.jpg", "'=1.jpg", "c\"d.jpg", "d.jpg"]);
        for at in 0..4 {
            let (found, expected) = (&read.predictions, &written.predictions);
            assert_eq!(
                (found.label(at), found.predicted(at)),
                (expected.label(at), expected.predicted(at))
            );
            // Rounded to 32-bit floats.
            assert!((found.log_odds(at, 1) - expected.log_odds(at, 1)).abs() < 1e-4 || at == 0);
        }
        assert!(read.predictions.log_odds(0, 1) < -600.0);

        let text = std::fs::read_to_string(folder.path().join("folds.csv")).expect("a file");
        for (from, to) in [("cats,1,", "birds,1,"), (",2,", ",0,"), ("file,", "files,")] {
            let damaged = text.replacen(from, to, 1);
            assert_ne!(damaged, text);
            FoldPredictions::parse(damaged.as_bytes(), &classes).expect_err("a damaged table");
        }
    }
}
