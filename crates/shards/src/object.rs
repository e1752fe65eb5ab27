//! Binary layout of a piece's object: a safetensors file whose small tensors come first, so that one short request
//! reads everything but the features.
//!
//! | tensor | type | shape and content |
//! | --- | --- | --- |
//! | `labels` | I64 | (images) |
//! | `digests` | U8 | (images, 32): SHA-256 of the pixels of each image |
//! | `plain_checksums` | U32 | (images): CRC-32 of each row of `plain` |
//! | `views_checksums` | U32 | (copies, trainable): CRC-32 of each row of `views`; only with augmented copies |
//! | `keys` | U8 | (bytes): JSON array of strings, padded with spaces |
//! | `plain` | F32 or F16 | (images, width): features of the unaugmented images |
//! | `views` | F32 or F16 | (copies, trainable, width): features of the augmented copies; only with these |
//!
//! A row's checksum adds four bytes to about fifty thousand. With it, readers of a few rows detect damage without
//! reading the whole object for its digest.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Dtype, PieceFault};

/// Sizes of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    #[serde(rename = "photographs")]
    pub(crate) images: usize,
    /// Number of images that are neither in the validation nor in the test folder.
    pub(crate) trainable: usize,
    /// Number of features of an image.
    pub(crate) width: usize,
}

/// Shapes and type of a piece's tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) counts: Counts,
    pub(crate) views: usize,
    pub(crate) dtype: Dtype,
}

/// Contents of a piece without the features.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SmallTensors {
    pub(crate) keys: Vec<String>,
    pub(crate) labels: Vec<usize>,
    pub(crate) digests: Vec<[u8; 32]>,
    pub(crate) plain_checksums: Vec<u32>,
    /// Checksums of all rows of the first augmented copy, then of the second, and so on.
    pub(crate) views_checksums: Vec<u32>,
}

/// Alignment in bytes of the header's length and of the features.
const ALIGNMENT: usize = 8;

impl Shape {
    /// Returns the size of an image's features, in bytes.
    pub(crate) fn row_len(&self) -> usize {
        self.counts.width * self.dtype.size()
    }

    /// Returns the size of all features in bytes, or `None` if it overflows.
    pub(crate) fn features_len(&self) -> Option<u64> {
        let Counts { images, trainable, width } = self.counts;
        let rows = self.views.checked_mul(trainable)?.checked_add(images)?;
        let row = width.checked_mul(self.dtype.size())?;
        (rows as u64).checked_mul(row as u64)
    }

    /// Returns the byte range of rows of the unaugmented images, relative to the start of the features.
    pub(crate) fn plain(&self, rows: Range<usize>) -> Range<u64> {
        self.bytes(rows)
    }

    /// Returns the byte range of rows of an augmented copy, counted from 1, relative to the start of the features.
    pub(crate) fn view(&self, view: usize, rows: Range<usize>) -> Range<u64> {
        let start = self.counts.images + (view - 1) * self.counts.trainable;
        self.bytes(start + rows.start..start + rows.end)
    }

    fn bytes(&self, rows: Range<usize>) -> Range<u64> {
        let row = self.row_len() as u64;
        rows.start as u64 * row..rows.end as u64 * row
    }

    /// Returns the length of the header and the header itself, for keys of `keys_len` bytes.
    fn header(&self, keys_len: usize) -> Vec<u8> {
        let Self { counts: Counts { images, trainable, width }, views, dtype } = *self;
        let mut tensors = vec![
            ("labels", "I64", vec![images], 8),
            ("digests", "U8", vec![images, 32], 1),
            ("plain_checksums", "U32", vec![images], 4),
        ];
        if views > 0 {
            tensors.push(("views_checksums", "U32", vec![views, trainable], 4));
        }
        tensors.push(("keys", "U8", vec![keys_len], 1));
        tensors.push(("plain", dtype.name(), vec![images, width], dtype.size()));
        if views > 0 {
            tensors.push(("views", dtype.name(), vec![views, trainable, width], dtype.size()));
        }
        let mut end = 0;
        let parts: Vec<String> = tensors
            .into_iter()
            .map(|(name, kind, shape, size)| {
                let begin = end;
                end += shape.iter().product::<usize>() * size;
                format!(
                    r#""{name}":{{"dtype":"{kind}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#
                )
            })
            .collect();
        let mut header = format!("{{{}}}", parts.join(",")).into_bytes();
        header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
        [&(header.len() as u64).to_le_bytes()[..], &header].concat()
    }

    /// Returns the size in bytes of the small tensors except `keys`, or `None` if it overflows.
    fn numbers_len(&self) -> Option<usize> {
        let Counts { images, trainable, .. } = self.counts;
        let of_views = self.views.checked_mul(trainable)?.checked_mul(4)?;
        images.checked_mul(8 + 32 + 4)?.checked_add(of_views)
    }

    /// Returns the head of the object: all bytes before the features.
    pub(crate) fn head(&self, small: &SmallTensors) -> Vec<u8> {
        let mut keys = serde_json::to_vec(&small.keys).expect("plain data");
        let numbers = self.numbers_len().expect("they are in memory");
        // The other small tensors can have any length, so the padding of the keys aligns the features.
        keys.resize((numbers + keys.len()).next_multiple_of(ALIGNMENT) - numbers, b' ');
        let mut head = self.header(keys.len());
        head.extend(small.labels.iter().flat_map(|&label| (label as i64).to_le_bytes()));
        head.extend(small.digests.as_flattened());
        for checksums in [&small.plain_checksums, &small.views_checksums] {
            head.extend(checksums.iter().flat_map(|checksum| checksum.to_le_bytes()));
        }
        head.extend(keys);
        head
    }

    /// Parses the head of an object.
    ///
    /// # Errors
    ///
    /// Returns a fault if the head does not have this shape.
    pub(crate) fn parse(&self, head: &[u8]) -> Result<SmallTensors, PieceFault> {
        let header = head.split_first_chunk().and_then(|(length, _)| {
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            head.split_at_checked(length.checked_add(8)?)
        });
        let (header, tensors) =
            header.ok_or_else(|| PieceFault::content("has an incomplete header"))?;
        let keys_len = self.numbers_len().and_then(|numbers| tensors.len().checked_sub(numbers));
        let keys_len =
            keys_len.ok_or_else(|| PieceFault::content("is too short for its images"))?;
        if header != self.header(keys_len) {
            return Err(PieceFault::content("has a header that does not match its JSON"));
        }
        let Counts { images, trainable, .. } = self.counts;
        let (labels, rest) = tensors.split_at(images * 8);
        let (digests, rest) = rest.split_at(images * 32);
        let (plain, rest) = rest.split_at(images * 4);
        let (views, keys) = rest.split_at(self.views * trainable * 4);
        let checksums = |bytes: &[u8]| -> Vec<u32> {
            bytes.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect()
        };
        let keys: Vec<String> = serde_json::from_slice(keys)
            .map_err(|error| PieceFault::content(format!("has damaged keys: {error}")))?;
        if keys.len() != images {
            let fault = format!("has {} keys, expected {images}", keys.len());
            return Err(PieceFault::content(fault));
        }
        let label = |bytes: &[u8; 8]| usize::try_from(i64::from_le_bytes(*bytes)).ok();
        let labels: Option<_> = labels.as_chunks().0.iter().map(label).collect();
        Ok(SmallTensors {
            keys,
            labels: labels.ok_or_else(|| PieceFault::content("has a label below 0"))?,
            digests: digests.as_chunks().0.to_vec(),
            plain_checksums: checksums(plain),
            views_checksums: checksums(views),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    fn piece(views: usize) -> (Shape, SmallTensors) {
        let counts = Counts { images: 3, trainable: 2, width: 5 };
        let small = SmallTensors {
            keys: vec!["a/1.jpg".into(), "a/Bäume und \"Wald\".jpg".into(), "b/2.jpg".into()],
            labels: vec![0, 0, 1],
            digests: vec![[1; 32], [2; 32], [3; 32]],
            plain_checksums: vec![7, 8, u32::MAX],
            views_checksums: (0..2 * views as u32).collect(),
        };
        (Shape { counts, views, dtype: Dtype::Float16 }, small)
    }

    /// Compares with the crate `safetensors` as an independent reader.
    #[test]
    fn piece_is_a_valid_safetensors_file() {
        for views in [0, 4] {
            let (shape, small) = piece(views);
            let mut bytes = shape.head(&small);
            assert_eq!(bytes.len() % ALIGNMENT, 0);
            bytes.extend((0..shape.features_len().expect("few")).map(|at| at as u8));
            let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
            let keys = file.tensor("keys").expect("a tensor").data();
            assert_eq!(serde_json::from_slice::<Vec<String>>(keys).expect("JSON"), small.keys);
            let labels = file.tensor("labels").expect("a tensor");
            assert_eq!(labels.shape(), [3]);
            assert_eq!(labels.data()[16..], 1i64.to_le_bytes());
            let plain = file.tensor("plain").expect("a tensor");
            assert_eq!((plain.shape(), plain.data()[0]), (&[3, 5][..], 0));
            let views_tensor = file.tensor("views").ok();
            assert_eq!(views_tensor.is_some(), views > 0);
            if let Some(tensor) = views_tensor {
                assert_eq!(tensor.shape(), [4, 2, 5]);
                // First value of the second row of the third copy.
                let at = shape.view(3, 1..2);
                assert_eq!(at, 80..90);
                assert_eq!(tensor.data()[(at.start - shape.plain(0..3).end) as usize], 80);
            }
        }
    }

    #[test]
    fn head_round_trips_and_damage_is_an_error() {
        let (shape, small) = piece(4);
        let head = shape.head(&small);
        assert_eq!(shape.parse(&head), Ok(small));
        for end in 0..head.len() {
            assert!(shape.parse(&head[..end]).is_err(), "cut at {end}");
        }
        let (other, _) = piece(3);
        assert!(other.parse(&head).is_err());
    }
}
