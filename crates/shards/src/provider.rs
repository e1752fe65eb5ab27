//! Feature set as a provider of features: reads rows that are close together in an object with one request.

use features::{Cancellation, FeatureProvider, Row};

use crate::{FeatureSet, Rows, ShardsError};

/// Maximum gap in bytes between two requested rows for one request to read both: reading the rows between them costs
/// less than a second request.
const BETWEEN: usize = 1 << 20;

/// Maximum number of bytes to read at once, including rows in gaps.
const TOGETHER: usize = 32 << 20;

/// Bytes in a batch. With this many, the latency of a distant store is small compared to the transfer time.
const BATCH: usize = 16 << 20;

impl FeatureProvider for FeatureSet {
    type Error = ShardsError;

    fn width(&self) -> usize {
        FeatureSet::width(self)
    }

    fn batch(&self) -> usize {
        (BATCH / (self.width() * size_of::<f32>())).max(1)
    }

    /// Returns rows by index in [`FeatureSet::images`] and number of the augmented copy. Rows of a piece are read with
    /// one request if the gap between them is at most 1 MiB.
    fn rows(&self, rows: &[Row], cancellation: &Cancellation) -> Result<Vec<f32>, ShardsError> {
        let width = self.width();
        let mut wanted: Vec<(usize, Option<usize>, usize, usize)> = rows
            .iter()
            .enumerate()
            .map(|(at, &Row { image, copy })| {
                let photo = &self.images()[image];
                (photo.piece, copy, photo.row_of(copy.is_some()), at)
            })
            .collect();
        wanted.sort_unstable();
        let row_len = width * size_of::<f32>();
        let (most_between, longest) = (BETWEEN / row_len, (TOGETHER / row_len).max(1));
        let (mut runs, mut begin) = (vec![], 0);
        for end in 1..=wanted.len() {
            let (first, last) = (wanted[begin], wanted[end - 1]);
            let is_apart = |next: &(usize, Option<usize>, usize, usize)| {
                (next.0, next.1) != (last.0, last.1)
                    || next.2 - last.2 > most_between + 1
                    || next.2 - first.2 >= longest
            };
            if wanted.get(end).is_none_or(is_apart) {
                let rows = Rows { piece: first.0, view: first.1, rows: first.2..last.2 + 1 };
                runs.push((rows, &wanted[begin..end]));
                begin = end;
            }
        }
        let mut values = vec![0.0; rows.len() * width];
        let mut rest = &runs[..];
        while !rest.is_empty() {
            let mut count = 0;
            let fits = |(run, _): &&(Rows, _)| {
                count += run.rows.len();
                count <= longest
            };
            let (now, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            let ranges: Vec<Rows> = now.iter().map(|(rows, _)| rows.clone()).collect();
            for (read, (range, wanted)) in self.read(&ranges, cancellation)?.iter().zip(now) {
                for &(.., row, at) in *wanted {
                    values[at * width..][..width]
                        .copy_from_slice(&read[(row - range.rows.start) * width..][..width]);
                }
            }
            rest = later;
        }
        Ok(values)
    }
}
