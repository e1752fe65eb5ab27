//! Reads which libraries a shared library of Linux needs, and checks that its file is complete.
//!
//! Only the program headers and the dynamic section of 64-bit little-endian ELF files are read (System V gABI, chapters
//! 4 and 5). A library may be hundreds of megabytes large, of which a few kilobytes are read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Contents of a library's dynamic section.
pub(crate) struct Needs {
    /// Names of the libraries that it needs.
    pub(crate) libraries: Vec<String>,
    /// Folders to search for them, separated by colons. `$ORIGIN` is the library's own folder.
    pub(crate) search_path: String,
}

const LOAD: u64 = 1;
const DYNAMIC: u64 = 2;

const NEEDED: u64 = 1;
const STRING_TABLE: u64 = 5;
const STRING_TABLE_SIZE: u64 = 10;
const RPATH: u64 = 15;
const RUNPATH: u64 = 29;

/// Maximum size in bytes of the program headers, the dynamic section and the table of names. Those of libtorch are a
/// few kilobytes long.
const LONGEST_TABLE: u64 = 64 << 20;

/// A range of the file, and the address at which it is loaded.
struct Segment {
    kind: u64,
    offset: u64,
    address: u64,
    size: u64,
}

/// Reads the dynamic section of the library at `path`.
///
/// # Errors
/// Returns an error if the file is not a 64-bit little-endian shared library or is truncated.
pub(crate) fn needs(path: &Path) -> Result<Needs> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let header =
        read(&mut file, 0, 64).context("expected a library, found less than its header")?;
    ensure!(
        header.starts_with(b"\x7fELF\x02\x01"),
        "expected a 64-bit little-endian ELF file, found another kind"
    );
    let segments = segments(&mut file, &header)?;
    let sections_end =
        number(&header, 40, 8).saturating_add(number(&header, 58, 2) * number(&header, 60, 2));
    let ends = segments.iter().map(|segment| segment.offset.saturating_add(segment.size));
    let expected = ends.chain([sections_end]).max().unwrap_or_default();
    ensure!(length >= expected, "expected at least {expected} bytes, found {length}");
    dynamic(&mut file, &segments)
}

fn segments(file: &mut File, header: &[u8]) -> Result<Vec<Segment>> {
    let (size, count) = (number(header, 54, 2), number(header, 56, 2));
    ensure!(size == 56, "expected program headers of 56 bytes, found {size}");
    let table = read(file, number(header, 32, 8), size * count).context("its program headers")?;
    let segment = |entry: &[u8]| Segment {
        kind: number(entry, 0, 4),
        offset: number(entry, 8, 8),
        address: number(entry, 16, 8),
        size: number(entry, 32, 8),
    };
    Ok(table.chunks_exact(56).map(segment).collect())
}

fn dynamic(file: &mut File, segments: &[Segment]) -> Result<Needs> {
    let dynamic = segments.iter().find(|segment| segment.kind == DYNAMIC);
    let dynamic = dynamic.context("expected a shared library, found no dynamic section")?;
    let table = read(file, dynamic.offset, dynamic.size).context("its dynamic section")?;
    let entries: Vec<_> = table
        .chunks_exact(16)
        .map(|entry| (number(entry, 0, 8), number(entry, 8, 8)))
        .take_while(|&(tag, _)| tag != 0)
        .collect();
    let first = |wanted| entries.iter().find(|(tag, _)| *tag == wanted).map(|&(_, value)| value);
    let address = first(STRING_TABLE).context("expected a table of names, found none")?;
    let within = |segment: &&Segment| {
        let offset = address.checked_sub(segment.address);
        segment.kind == LOAD && offset.is_some_and(|offset| offset < segment.size)
    };
    let segment = segments
        .iter()
        .find(within)
        .context("expected a segment with its table of names, found none")?;
    let offset = segment.offset.saturating_add(address - segment.address);
    let names = read(file, offset, first(STRING_TABLE_SIZE).unwrap_or_default())
        .context("its table of names")?;
    let name = |at: u64| -> Result<String> {
        let bytes = usize::try_from(at).ok().and_then(|at| names.get(at..));
        let bytes = bytes.context("expected a name within the table, found one beyond it")?;
        let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    let needed = entries.iter().filter(|(tag, _)| *tag == NEEDED);
    Ok(Needs {
        libraries: needed.map(|&(_, at)| name(at)).collect::<Result<_>>()?,
        search_path: first(RUNPATH).or(first(RPATH)).map(name).transpose()?.unwrap_or_default(),
    })
}

fn read(file: &mut File, at: u64, count: u64) -> Result<Vec<u8>> {
    ensure!(count <= LONGEST_TABLE, "expected at most {LONGEST_TABLE} bytes, found {count}");
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 == count, "expected {count} bytes, found {}", bytes.len());
    Ok(bytes)
}

/// Returns the little-endian number of `width` bytes at index `at`, which must be in range.
fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64", target_endian = "little"))]
mod tests {
    use super::*;
    use std::fs;

    /// The test program's own file needs the C library and is complete.
    #[test]
    fn needed_libraries_are_read_and_truncation_is_an_error() {
        let program = std::env::current_exe().unwrap();
        let libraries = needs(&program).unwrap().libraries;
        assert!(libraries.iter().any(|name| name.starts_with("libc.")), "{libraries:?}");

        let folder = tempfile::TempDir::new().unwrap();
        let half = folder.path().join("half");
        let bytes = fs::read(&program).unwrap();
        fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
        let error = needs(&half).err().unwrap().to_string();
        assert!(error.starts_with(&format!("expected at least {} bytes", bytes.len())), "{error}");
    }

    #[test]
    fn invalid_elf_file_is_an_error() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("text");
        for bytes in [&b""[..], b"short", &[b' '; 100], b"\x7fELF\x02\x01"] {
            fs::write(&path, bytes).unwrap();
            assert!(needs(&path).is_err(), "{bytes:?}");
        }
    }
}
