//! Table of features that are computed once and read many times: in memory, or in a file if they exceed a limit.

use std::path::Path;
use std::sync::Arc;

use quoting::Shown;

use crate::row_file::RowFile;
use crate::{Cancellation, FeatureProvider, FeaturesError, Row};

/// Table of rows of features.
///
/// A file of rows is temporary: the system removes it when the program ends. Each row has a checksum (CRC-32), so that
/// damage is an error.
#[doc(alias = "memmap")]
#[derive(Debug)]
pub struct FeatureTable(Storage);

#[derive(Debug)]
enum Storage {
    /// Values, and number of values in a row.
    Memory(Arc<Vec<f32>>, usize),
    File(RowFile),
}

impl FeatureTable {
    /// Creates an empty table for `rows` rows of `width` values. Rows that need at most `most` bytes are stored in
    /// memory, else in a temporary file in `folder`. A row needs 4 bytes per value.
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be created.
    ///
    /// # Examples
    ///
    /// ```
    /// use features::FeatureTable;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// // 100 rows of 512 values need 204,800 bytes.
    /// let in_memory = FeatureTable::new(100, 512, 204_800, folder.path())?;
    /// let in_file = FeatureTable::new(100, 512, 204_799, folder.path())?;
    /// assert!(in_memory.is_empty() && in_file.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        rows: usize,
        width: usize,
        most: usize,
        folder: &Path,
    ) -> Result<Self, FeaturesError> {
        if rows.saturating_mul(width).saturating_mul(size_of::<f32>()) <= most {
            Ok(Self(Storage::Memory(Vec::with_capacity(rows * width).into(), width)))
        } else {
            tracing::info!(rows, width, folder = %folder.shown(), "features are stored in a file");
            Ok(Self(Storage::File(RowFile::new(folder, width)?)))
        }
    }

    /// Creates a table of rows in memory, without a copy. New rows are appended to a copy if `values` is shared.
    ///
    /// # Shapes
    ///
    /// - values: (N, width)
    ///
    /// # Panics
    ///
    /// Panics if the length of `values` is not a multiple of `width`.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut table = features::FeatureTable::from_values(vec![1.0, 2.0, 3.0, 4.0], 2);
    /// assert_eq!(table.len(), 2);
    /// assert_eq!(table.in_memory(), 16); // bytes
    /// assert_eq!(table.rows(&[1, 0])?, [3.0, 4.0, 1.0, 2.0]);
    /// # Ok::<(), features::FeaturesError>(())
    /// ```
    pub fn from_values(values: impl Into<Arc<Vec<f32>>>, width: usize) -> Self {
        let values = values.into();
        assert!(values.len().is_multiple_of(width), "rows have {width} values");
        Self(Storage::Memory(values, width))
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match &self.0 {
            Storage::Memory(values, width) => values.len() / width,
            Storage::File(file) => file.len(),
        }
    }

    /// Returns true if the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the size of the rows in memory, in bytes. The size is 0 if they are in a file.
    pub fn in_memory(&self) -> usize {
        match &self.0 {
            Storage::Memory(values, _) => size_of_val(values.as_slice()),
            Storage::File(_) => 0,
        }
    }

    /// Returns all rows if they are in memory, one after another; `None` if they are in a file.
    ///
    /// # Shapes
    ///
    /// - output: (N, width)
    ///
    /// # Examples
    ///
    /// ```
    /// let table = features::FeatureTable::from_values(vec![1.0, 2.0, 3.0, 4.0], 2);
    /// assert_eq!(table.values(), Some(&[1.0, 2.0, 3.0, 4.0][..]));
    /// ```
    pub fn values(&self) -> Option<&[f32]> {
        match &self.0 {
            Storage::Memory(values, _) => Some(values),
            Storage::File(_) => None,
        }
    }

    /// Reads `rows` from a provider in batches and appends them. Calls `on_event` with the number of rows after each
    /// batch.
    ///
    /// # Errors
    ///
    /// Returns an error if the provider fails, the temporary file can't be written, or the work is cancelled between
    /// two batches.
    ///
    /// # Examples
    ///
    /// `Indices` is the provider in the example of [`FeatureProvider`], with batches of two rows.
    ///
    /// ```
    /// use features::FeatureTable;
    /// # use features::{Cancellation, FeatureProvider, FeaturesError, Row};
    /// #
    /// # struct Indices;
    /// #
    /// # impl FeatureProvider for Indices {
    /// #     type Error = FeaturesError;
    /// #
    /// #     fn width(&self) -> usize {
    /// #         1
    /// #     }
    /// #
    /// #     fn batch(&self) -> usize {
    /// #         2
    /// #     }
    /// #
    /// #     fn rows(&self, rows: &[Row], _: &Cancellation) -> Result<Vec<f32>, FeaturesError> {
    /// #         Ok(rows.iter().map(|row| row.image as f32).collect())
    /// #     }
    /// # }
    /// #
    /// # let folder = tempfile::tempdir()?;
    /// let rows = (0..5).map(|image| Row { image, copy: None });
    /// let mut table = FeatureTable::new(5, Indices.width(), 1_000, folder.path())?;
    /// let mut progress = vec![];
    /// table.extend_from::<_, FeaturesError>(&Indices, rows, &Cancellation::NEVER, |done| {
    ///     progress.push(done);
    /// })?;
    /// assert_eq!(progress, [2, 4, 5]);
    /// assert_eq!(table.rows(&[4, 0])?, [4.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extend_from<P: FeatureProvider, E: From<P::Error> + From<FeaturesError>>(
        &mut self,
        provider: &P,
        rows: impl IntoIterator<Item = Row>,
        cancellation: &Cancellation,
        mut on_event: impl FnMut(usize),
    ) -> Result<(), E> {
        let mut rows = rows.into_iter();
        loop {
            let batch: Vec<Row> = rows.by_ref().take(provider.batch()).collect();
            if batch.is_empty() {
                return Ok(());
            }
            cancellation.check().map_err(FeaturesError::from)?;
            self.extend(provider.rows(&batch, cancellation)?)?;
            on_event(self.len());
        }
    }

    fn extend(&mut self, values: Vec<f32>) -> Result<(), FeaturesError> {
        match &mut self.0 {
            Storage::Memory(all, _) => Arc::make_mut(all).extend(values),
            Storage::File(file) => file.append(&values)?,
        }
        Ok(())
    }

    /// Returns rows by index, one after another.
    ///
    /// # Shapes
    ///
    /// - output: (N, width)
    ///
    /// # Errors
    ///
    /// Returns an error if the temporary file can't be read, or if it returns other values than were written.
    ///
    /// # Panics
    ///
    /// Panics if an index is out of range and the rows are in memory. For rows in a file, this is an error.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut table = features::FeatureTable::from_values(vec![1.0, 2.0, 3.0], 1);
    /// assert_eq!(table.rows(&[2, 0, 2])?, [3.0, 1.0, 3.0]);
    /// # Ok::<(), features::FeaturesError>(())
    /// ```
    pub fn rows(&mut self, rows: &[usize]) -> Result<Vec<f32>, FeaturesError> {
        match &mut self.0 {
            Storage::Memory(values, width) => Ok(rows
                .iter()
                .flat_map(|&row| &values[row * *width..][..*width])
                .copied()
                .collect()),
            Storage::File(file) => file.read(rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Provider whose features are the indices of the row.
    struct Numbers;

    impl FeatureProvider for Numbers {
        type Error = FeaturesError;

        fn width(&self) -> usize {
            3
        }

        fn batch(&self) -> usize {
            2
        }

        fn rows(&self, rows: &[Row], _: &Cancellation) -> Result<Vec<f32>, FeaturesError> {
            let values = |row: &Row| [row.image as f32, row.copy.unwrap_or(0) as f32, 0.5];
            Ok(rows.iter().flat_map(values).collect())
        }
    }

    #[test]
    fn rows_in_memory_and_in_a_file_are_equal() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let rows: Vec<Row> =
            (0..5).map(|image| Row { image, copy: (image > 2).then_some(7) }).collect();
        for (most, is_in_memory) in [(5 * 3 * 4, true), (5 * 3 * 4 - 1, false)] {
            let mut table = FeatureTable::new(5, 3, most, folder.path()).expect("room");
            let mut seen = vec![];
            let filled: Result<(), FeaturesError> =
                table.extend_from(&Numbers, rows.clone(), &Cancellation::default(), |done| {
                    seen.push(done)
                });
            filled.expect("room");
            assert_eq!(seen, [2, 4, 5]);
            assert_eq!(table.in_memory() > 0, is_in_memory);
            assert_eq!(table.rows(&[4, 0]).expect("rows"), [4.0, 7.0, 0.5, 0.0, 0.0, 0.5]);
        }
        let mut table = FeatureTable::new(5, 3, 0, folder.path()).expect("room");
        let cancellation = Cancellation::default();
        let filled: Result<(), FeaturesError> =
            table.extend_from(&Numbers, rows, &cancellation, |_| cancellation.cancel());
        assert!(matches!(filled, Err(FeaturesError::Cancelled(_))));
        assert_eq!(table.len(), 2);
    }
}
