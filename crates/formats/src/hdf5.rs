//! Reads HDF5 files with limits: memory and time are a small multiple of the file's length, whatever the file claims.
//!
//! The file stays on disk, and `hdf5-pure` requests parts of it. Each part is checked against the length of the file
//! and charged to a budget. So reading ends even if a group contains itself, or if a thousand links lead to one array.
//!
//! `hdf5-pure` 0.47 has no limits for nested types and for a long name shared by many members. Both are limited here.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use hdf5_pure::{
    DType, Dataset, Datatype, DatatypeByteOrder, FloatingPointLayout, FormatError as Hdf5Error,
    Group, Layout, Source,
};

use crate::FormatError;
use crate::element::{ByteOrder, Element};
use crate::stored::{ArrayInfo, StoredArray, Wanted};

/// Maximum nesting of groups. A nested model adds two levels.
const DEEPEST: usize = 32;

/// Maximum bytes to read for a group's attributes, one of which is the layer's name.
const ATTRIBUTES: u64 = 64 << 10;

/// Maximum length of a member's name in bytes. Many members may share one name.
const LONGEST_NAME: usize = 255;

/// Stack size for nested types: twice the need. A message of at most 64 KiB nests a type in every 8 bytes, and each level
/// takes up to 12 KiB of the stack in builds without optimization.
const STACK: usize = 192 << 20;

/// Runs `read`, which uses an HDF5 file, on a thread with a stack for the deepest possible type. Errors name `path`.
pub(crate) fn with_room<T: Send>(
    path: &Path,
    read: impl FnOnce() -> Result<T, FormatError> + Send,
) -> Result<T, FormatError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        let thread = thread.map_err(|source| FormatError::io(path, source))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// An open HDF5 file.
pub(crate) struct Hdf5<'a> {
    path: &'a Path,
    file: hdf5_pure::File,
    length: u64,
    bytes_left: Arc<AtomicU64>,
    array_bytes_left: Cell<u64>,
    wanted: Wanted,
}

impl<'a> Hdf5<'a> {
    /// Opens the HDF5 file in the `length` bytes of `file` from `start` on. Errors name `path`.
    pub(crate) fn open(
        path: &'a Path,
        file: File,
        start: u64,
        length: u64,
        wanted: Wanted,
    ) -> Result<Self, FormatError> {
        // Enough to read the arrays once, and their descriptions, which are short, several times.
        let bytes_left = Arc::new(AtomicU64::new(length.saturating_mul(3).saturating_add(1 << 20)));
        let reading = Mutex::new(Reading { file, names: None });
        let part = Part { reading, start, length, bytes_left: bytes_left.clone() };
        let file = hdf5_pure::File::from_source(part).map_err(|error| no_hdf5(path, &error))?;
        let superblock = file.superblock();
        let end = superblock.eof_address;
        if end > length {
            return Err(FormatError::damaged(
                path,
                format!("is a truncated HDF5 file: {length} bytes, expected {end}"),
            ));
        }
        // A superblock extension could describe types of any length. The check of names assumes base address 0, and
        // addresses and lengths of 8 bytes.
        let extension = superblock.superblock_extension_address;
        let is_plain = extension.is_none_or(|address| address == u64::MAX)
            && superblock.base_address.get() == 0
            && (superblock.offset_size, superblock.length_size) == (8, 8);
        if !is_plain {
            let hint = "save the weights again with Keras";
            return Err(FormatError::unsupported(
                path,
                "is an HDF5 file with an unsupported layout",
                hint,
            ));
        }
        let array_bytes_left = Cell::new(length);
        Ok(Self { path, file, length, bytes_left, array_bytes_left, wanted })
    }

    /// Returns the root group.
    pub(crate) fn root(&self) -> Group {
        self.file.root()
    }

    /// Returns the groups in `group`, whose nesting depth is `depth`.
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

    /// Returns the arrays in `group` without reading their values.
    pub(crate) fn datasets(&self, group: &Group) -> Result<Vec<(String, Dataset)>, FormatError> {
        Ok(group.iter_datasets().map_err(|error| self.damaged(&error))?.collect())
    }

    /// Reads the text of a short attribute of `group`, if it has one.
    pub(crate) fn attribute(
        &self,
        group: &Group,
        name: &str,
    ) -> Result<Option<String>, FormatError> {
        self.attribute_within(group, name, ATTRIBUTES)
    }

    /// Reads the text of an attribute of `group` that may take up to half of the file, if it has one.
    pub(crate) fn long_attribute(
        &self,
        group: &Group,
        name: &str,
    ) -> Result<Option<String>, FormatError> {
        self.attribute_within(group, name, ATTRIBUTES + self.length / 2)
    }

    /// Reads the text of an attribute of `group`, if it has one. All attributes together may take `limit` bytes.
    fn attribute_within(
        &self,
        group: &Group,
        name: &str,
        limit: u64,
    ) -> Result<Option<String>, FormatError> {
        let before = self.bytes_left.load(Ordering::Relaxed);
        let allowed = before.min(limit);
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

    /// Returns true if the values of `dataset` are integers.
    pub(crate) fn is_integer(&self, dataset: &Dataset) -> Result<bool, FormatError> {
        use DType::{I8, I16, I32, I64, U8, U16, U32, U64};
        let element = dataset.dtype().map_err(|error| self.damaged(&error))?;
        Ok(matches!(element, I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64))
    }

    /// Describes `dataset`, and reads its values if they are wanted and supported. Errors call it `name`.
    pub(crate) fn array(&self, name: &str, dataset: &Dataset) -> Result<StoredArray, FormatError> {
        let dtype = dataset.dtype().map_err(|error| self.damaged(&error))?;
        let shape = dataset.shape().map_err(|error| self.damaged(&error))?;
        let element = element(&dtype);
        let element_type = match (element, dtype) {
            (Some((element, _)), _) => element.name().to_owned(),
            (None, DType::Other(_) | DType::Compound(_) | DType::Enum(_) | DType::Array(..)) => {
                "values of an unsupported type".to_owned()
            }
            (None, number) => number.to_string(),
        };
        let lengths = shape.iter().map(|&length| length as usize).collect();
        let info = ArrayInfo { shape: lengths, element_type };
        let Some((element, order)) = element.filter(|_| self.wanted == Wanted::Values) else {
            return Ok(StoredArray { info, values: None });
        };
        let layout = dataset.layout().map_err(|error| self.damaged(&error))?;
        if !matches!(layout, Layout::Compact { .. } | Layout::Contiguous { .. }) {
            return Err(FormatError::Compressed {
                path: self.path.to_owned(),
                name: name.to_owned(),
            });
        }
        let bytes = shape
            .iter()
            .try_fold(element.size() as u64, |bytes, &length| bytes.checked_mul(length));
        let left = bytes.and_then(|bytes| self.array_bytes_left.get().checked_sub(bytes));
        let Some(left) = left else {
            return Err(FormatError::damaged(
                self.path,
                format!(
                    "claims the shape {shape:?} for `{name}`, which makes its arrays larger than the file"
                ),
            ));
        };
        self.array_bytes_left.set(left);
        let values = match element {
            Element::Float32 => dataset.read_f32(),
            Element::Float64 => dataset
                .read_f64()
                .map(|values| values.into_iter().map(|value| value as f32).collect()),
            _ => dataset.read_raw().map(|bytes| element.decode(&bytes, order)),
        };
        let values = values.map_err(|error| self.damaged(&error))?;
        if values.len() != info.shape.iter().product::<usize>() {
            return Err(FormatError::damaged(self.path, format!("holds only a part of `{name}`")));
        }
        Ok(StoredArray { info, values: Some(values) })
    }

    fn damaged(&self, error: &hdf5_pure::Error) -> FormatError {
        no_hdf5(self.path, error)
    }
}

/// Returns the element type and the byte order of `dtype`, or `None` if it is not supported.
fn element(dtype: &DType) -> Option<(Element, ByteOrder)> {
    let other = match dtype {
        DType::F32 => return Some((Element::Float32, ByteOrder::NATIVE)),
        DType::F64 => return Some((Element::Float64, ByteOrder::NATIVE)),
        DType::Other(other) => other.as_ref(),
        _ => return None,
    };
    match *other {
        Datatype::FloatingPoint { size: 2, byte_order, layout } => {
            let order = match byte_order {
                DatatypeByteOrder::LittleEndian => ByteOrder::Little,
                DatatypeByteOrder::BigEndian => ByteOrder::Big,
                DatatypeByteOrder::Vax => return None,
            };
            match layout {
                FLOAT16 => Some((Element::Float16, order)),
                BFLOAT16 => Some((Element::Bfloat16, order)),
                _ => None,
            }
        }
        // h5py writes the bfloat16 of a Keras model like this. Its NumPy type is two bytes without a known meaning.
        Datatype::Opaque { size: 2, .. } => Some((Element::Bfloat16, ByteOrder::Little)),
        _ => None,
    }
}

const FLOAT16: FloatingPointLayout = FloatingPointLayout {
    bit_offset: 0,
    bit_precision: 16,
    exponent_location: 10,
    exponent_size: 5,
    mantissa_location: 0,
    mantissa_size: 10,
    exponent_bias: 15,
};

const BFLOAT16: FloatingPointLayout = FloatingPointLayout {
    exponent_location: 7,
    exponent_size: 8,
    mantissa_size: 7,
    exponent_bias: 127,
    ..FLOAT16
};

fn no_hdf5(path: &Path, error: &hdf5_pure::Error) -> FormatError {
    FormatError::damaged(path, format!("is not a valid HDF5 file: {error}"))
}

/// Part of a file, with a budget for the bytes read from it.
struct Part {
    reading: Mutex<Reading>,
    start: u64,
    length: u64,
    bytes_left: Arc<AtomicU64>,
}

struct Reading {
    file: File,
    /// Offset of the names of a group's members, which are read next.
    names: Option<u64>,
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
                "{wanted} bytes at offset {offset} exceed the length of {}",
                self.length
            )));
        }
        let left = self.bytes_left.load(Ordering::Relaxed);
        self.bytes_left.store(left.saturating_sub(wanted), Ordering::Relaxed);
        if wanted > left {
            return Err(Hdf5Error::Source("its parts form a cycle".to_owned()));
        }
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let file = &mut reading.file;
        file.seek(SeekFrom::Start(self.start + offset))
            .and_then(|_| file.read_exact(buffer))
            .map_err(|error| Hdf5Error::Source(error.to_string()))?;
        if reading.names == Some(offset) && has_long_name(buffer) {
            return Err(Hdf5Error::Source("it has names that are too long".to_owned()));
        }
        if let Some(names) = place_of_names(buffer) {
            reading.names = Some(names);
        }
        Ok(())
    }
}

/// Returns the offset of the names if `block` is the header of a local heap: `HEAP`, a version, two lengths, the
/// offset.
fn place_of_names(block: &[u8]) -> Option<u64> {
    let place = block.strip_prefix(b"HEAP")?.get(20..28)?;
    Some(u64::from_le_bytes(place.try_into().ok()?))
}

fn has_long_name(names: &[u8]) -> bool {
    names.split(|&byte| byte == 0).any(|name| name.len() > LONGEST_NAME)
}
