//! HDF5 files, read with bounds: whatever a file claims, reading it takes memory and time of a
//! small multiple of its own length.
//!
//! The file stays on the disk. `hdf5-pure` asks for parts of it, and every part is checked against
//! the file's length and paid for from a budget, so that neither a group that holds itself nor a
//! thousand links to one array can go on for ever.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hdf5_pure::{DType, Dataset, FormatError as Hdf5Error, Group, Layout, Source};

use crate::{Array, FormatError};

/// How deep groups nest: a model within a model is two groups deeper.
const DEEPEST: usize = 32;

/// What reading a group's attributes may take: one of them is a layer's name.
const ATTRIBUTES: u64 = 64 << 10;

/// Whether a file that begins with `bytes` is an HDF5 file.
pub(crate) fn is_hdf5(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89HDF\r\n\x1a\n")
}

/// An open HDF5 file.
pub(crate) struct Hdf5<'a> {
    path: &'a Path,
    file: hdf5_pure::File,
    bytes_left: Arc<AtomicU64>,
    values_left: Cell<u64>,
}

impl<'a> Hdf5<'a> {
    /// Opens the `length` bytes of `file` from `start` on; errors name `path`.
    pub(crate) fn open(
        path: &'a Path,
        file: File,
        start: u64,
        length: u64,
    ) -> Result<Self, FormatError> {
        // The arrays once, and what describes them, which is short, a few times over.
        let bytes_left = Arc::new(AtomicU64::new(length.saturating_mul(3).saturating_add(1 << 20)));
        let part = Part { file: Mutex::new(file), start, length, bytes_left: bytes_left.clone() };
        let file = hdf5_pure::File::from_source(part).map_err(|error| no_hdf5(path, &error))?;
        let end = file.superblock().eof_address;
        if end > length {
            return Err(FormatError::damaged(
                path,
                format!("is no whole HDF5 file: it has {length} bytes, expected {end}"),
            ));
        }
        Ok(Self { path, file, bytes_left, values_left: Cell::new(length / 4) })
    }

    /// The file's outermost group.
    pub(crate) fn root(&self) -> Group {
        self.file.root()
    }

    /// The groups in `group`, which is itself `depth` groups deep.
    pub(crate) fn groups(
        &self,
        group: &Group,
        depth: usize,
    ) -> Result<Vec<(String, Group)>, FormatError> {
        if depth > DEEPEST {
            return Err(FormatError::damaged(self.path, "has groups nested too deep"));
        }
        Ok(group.iter_groups().map_err(|error| self.damaged(&error))?.collect())
    }

    /// The arrays in `group`, not yet read.
    pub(crate) fn datasets(&self, group: &Group) -> Result<Vec<(String, Dataset)>, FormatError> {
        Ok(group.iter_datasets().map_err(|error| self.damaged(&error))?.collect())
    }

    /// The text of an attribute of `group`, where it has one.
    pub(crate) fn attribute(
        &self,
        group: &Group,
        name: &str,
    ) -> Result<Option<String>, FormatError> {
        let before = self.bytes_left.load(Ordering::Relaxed);
        let allowed = before.min(ATTRIBUTES);
        self.bytes_left.store(allowed, Ordering::Relaxed);
        let attributes = group.attrs();
        let left = self.bytes_left.load(Ordering::Relaxed);
        self.bytes_left.store(before - (allowed - left), Ordering::Relaxed);
        if left == 0 {
            return Err(FormatError::damaged(self.path, "has attributes that are too long"));
        }
        let attributes = attributes.map_err(|error| self.damaged(&error))?;
        Ok(attributes.get(name).and_then(|value| value.as_str()).map(str::to_owned))
    }

    /// The values of `dataset`, which errors call `name`.
    pub(crate) fn array(&self, name: &str, dataset: &Dataset) -> Result<Array, FormatError> {
        let element = dataset.dtype().map_err(|error| self.damaged(&error))?;
        if element != DType::F32 {
            return Err(FormatError::element_type(self.path, name, element));
        }
        let layout = dataset.layout().map_err(|error| self.damaged(&error))?;
        if !matches!(layout, Layout::Compact { .. } | Layout::Contiguous { .. }) {
            return Err(FormatError::Compressed {
                path: self.path.to_owned(),
                name: name.to_owned(),
            });
        }
        let shape = dataset.shape().map_err(|error| self.damaged(&error))?;
        let count = shape.iter().try_fold(1u64, |count, &length| count.checked_mul(length));
        let left = count.and_then(|count| self.values_left.get().checked_sub(count));
        let Some(left) = left else {
            return Err(FormatError::damaged(
                self.path,
                format!(
                    "says that `{name}` has the shape {shape:?}, with which its arrays are more than the file is long"
                ),
            ));
        };
        self.values_left.set(left);
        let data = dataset.read_f32().map_err(|error| self.damaged(&error))?;
        let shape: Vec<usize> = shape.iter().map(|&length| length as usize).collect();
        if data.len() != shape.iter().product::<usize>() {
            return Err(FormatError::damaged(self.path, format!("holds only a part of `{name}`")));
        }
        Ok(Array::new(shape, data))
    }

    fn damaged(&self, error: &hdf5_pure::Error) -> FormatError {
        no_hdf5(self.path, error)
    }
}

fn no_hdf5(path: &Path, error: &hdf5_pure::Error) -> FormatError {
    FormatError::damaged(path, format!("is no whole HDF5 file: {error}"))
}

/// A part of a file, with a budget for what is read of it.
struct Part {
    file: Mutex<File>,
    start: u64,
    length: u64,
    bytes_left: Arc<AtomicU64>,
}

impl Source for Part {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Hdf5Error> {
        let wanted = buffer.len() as u64;
        let end = offset.checked_add(wanted);
        if end.is_none_or(|end| end > self.length) {
            return Err(Hdf5Error::Source(format!(
                "{wanted} bytes at {offset} lie behind the end, which is at {}",
                self.length
            )));
        }
        let left = self.bytes_left.load(Ordering::Relaxed);
        self.bytes_left.store(left.saturating_sub(wanted), Ordering::Relaxed);
        if wanted > left {
            return Err(Hdf5Error::Source("its parts are linked in a circle".to_owned()));
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.start + offset))
            .and_then(|_| file.read_exact(buffer))
            .map_err(|error| Hdf5Error::Source(error.to_string()))
    }
}
