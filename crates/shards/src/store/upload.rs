//! Uploads of objects; large ones are uploaded in parts.

use std::io::{self, Read};

use futures_util::stream::{FuturesUnordered, StreamExt};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};

use super::faults::system_error;
use super::hex;
use crate::retry::retry;
use crate::{ShardsError, Store};

/// Size of a part, in bytes.
const PART: usize = 8 << 20;
/// Maximum number of concurrent parts.
const PARTS_UNDER_WAY: usize = 4;
/// Maximum number of parts of an upload, as Amazon S3 allows.
const MOST_PARTS: u64 = 10_000;

impl Store {
    /// Writes an object, and replaces an existing one of the same name.
    ///
    /// # Errors
    ///
    /// Returns an error if access is denied, the disk is full, or the store fails. An existing object is then
    /// unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::in_memory();
    /// store.put("labels.json", b"[0, 1]".to_vec())?;
    /// store.put("labels.json", b"[1]".to_vec())?; // replaces the object
    /// assert_eq!(store.length("labels.json")?, Some(3));
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    #[doc(alias = "upload")]
    #[doc(alias = "write")]
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ShardsError> {
        let (length, digest) = (bytes.len() as u64, hex(Sha256::digest(&bytes)));
        let bytes = PutPayload::from(bytes);
        let put = async || self.0.objects.put(&self.path_of(name)?, bytes.clone()).await;
        match self.in_folder_without_sync(|| self.wait(retry(put))) {
            Err(error) if !(cannot_sync(&error) && self.has(name, length, &digest)) => {
                Err(self.refused(self.place_of(name), error))
            }
            Err(error) => {
                self.warn_of_unsynced(&error);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Writes an object of `length` bytes from `content`, and returns its SHA-256 in hexadecimal digits.
    ///
    /// Parts of 8 MiB are uploaded, up to four at a time. Parts are larger if there would be more than 10,000. If the
    /// upload fails, an existing object of the same name is unchanged.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`Self::put`], or if `content` fails or has another length.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::in_memory();
    /// // Any reader, such as a file.
    /// let digest = store.put_from("abc.txt", 3, &mut &b"abc"[..])?;
    /// assert!(digest.starts_with("ba7816bf8f01cfea"));
    /// assert!(store.put_from("abc.txt", 4, &mut &b"abc"[..]).is_err());
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    #[doc(alias = "multipart upload")]
    #[doc(alias = "stream")]
    pub fn put_from(
        &self,
        name: &str,
        length: u64,
        content: &mut impl Read,
    ) -> Result<String, ShardsError> {
        let mut hash = Sha256::new();
        let part_len = PART.max(length.div_ceil(MOST_PARTS) as usize);
        let mut left = length;
        let mut next_part = || -> io::Result<Vec<u8>> {
            let mut part = vec![0; left.min(part_len as u64) as usize];
            content.read_exact(&mut part)?;
            left -= part.len() as u64;
            hash.update(&part);
            if left == 0 && content.read(&mut [0])? > 0 {
                return Err(io::Error::other(format!("more than {length} bytes")));
            }
            Ok(part)
        };
        if length <= part_len as u64 {
            let bytes = next_part().map_err(ShardsError::scratch)?;
            self.put(name, bytes)?;
        } else {
            let put = self.put_in_parts(name, &mut next_part)?;
            let digest = hex(hash.finalize());
            return match put {
                // If the answer to a completed upload is lost, the retry fails because the upload no longer exists. So
                // the object itself decides whether the upload succeeded.
                Err(error) if !self.has(name, length, &digest) => {
                    Err(self.refused(self.place_of(name), error))
                }
                Err(error) => {
                    self.warn_of_unsynced(&error);
                    Ok(digest)
                }
                Ok(()) => Ok(digest),
            };
        }
        Ok(hex(hash.finalize()))
    }

    /// Returns true if an object of this name exists with this length and digest.
    fn has(&self, name: &str, length: u64, digest: &str) -> bool {
        matches!(self.digest(name), Ok(Some((found, of))) if of == length && found == digest)
    }

    /// Uploads the results of `next_part` until one is empty. If the upload fails, removes the uploaded parts.
    fn put_in_parts(
        &self,
        name: &str,
        next_part: &mut impl FnMut() -> io::Result<Vec<u8>>,
    ) -> Result<object_store::Result<()>, ShardsError> {
        let upload = async || self.0.objects.put_multipart(&self.path_of(name)?).await;
        let mut upload = match self.in_folder_without_sync(|| self.wait(retry(upload))) {
            Ok(upload) => upload,
            Err(error) => return Ok(Err(error)),
        };
        let sent = self.send_parts(&mut *upload, next_part);
        if !matches!(sent, Ok(Ok(()))) {
            // The error of the upload is reported, not that of its removal.
            _ = self.wait(upload.abort());
        }
        sent
    }

    fn send_parts(
        &self,
        upload: &mut dyn MultipartUpload,
        next_part: &mut impl FnMut() -> io::Result<Vec<u8>>,
    ) -> Result<object_store::Result<()>, ShardsError> {
        let mut under_way = FuturesUnordered::new();
        loop {
            let part = next_part().map_err(ShardsError::scratch)?;
            let is_last = part.is_empty();
            if !is_last {
                under_way.push(upload.put_part(part.into()));
            }
            while under_way.len() >= if is_last { 1 } else { PARTS_UNDER_WAY } {
                if let Err(error) = self.wait(under_way.next()).expect("some are under way") {
                    return Ok(Err(error));
                }
            }
            if is_last {
                return Ok(self.wait(upload.complete()).map(drop));
            }
        }
    }

    /// Calls `write`, and calls it again if it fails because a folder can't be synced. A new folder is synced before
    /// anything is written to it; by the second call it exists.
    fn in_folder_without_sync<T>(
        &self,
        mut write: impl FnMut() -> object_store::Result<T>,
    ) -> object_store::Result<T> {
        write().or_else(|error| {
            if !cannot_sync(&error) {
                return Err(error);
            }
            write().inspect(|_| self.warn_of_unsynced(&error))
        })
    }

    /// Logs a warning if the error says that a folder can't be synced.
    fn warn_of_unsynced(&self, error: &object_store::Error) {
        if let Some(error) = system_error(error).filter(|error| formats::cannot_sync_folder(error))
        {
            formats::warn_of_unsynced(&self.place(), error);
        }
    }
}

/// Returns true if the error may mean that everything was written and only the folder can't be synced. Some network
/// shares do not support that.
fn cannot_sync(error: &object_store::Error) -> bool {
    system_error(error).is_some_and(formats::cannot_sync_folder)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use object_store::Error::Generic;
    use std::sync::{Arc, Mutex};

    /// Captured log.
    #[derive(Clone, Default)]
    struct Warned(Arc<Mutex<Vec<u8>>>);

    impl Warned {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("a lock").clone()).expect("text")
        }
    }

    impl io::Write for Warned {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("a lock").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn unsupported_fsync_is_a_warning_but_disk_errors_fail() {
        let store = Store::in_memory();
        // Codes 22 and 5: "Invalid argument" and "Input/output error".
        let warned = Warned::default();
        let log = warned.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone());
        let _until_then = tracing::subscriber::set_default(subscriber.finish());
        let error =
            |code| Generic { store: "disk", source: Box::new(io::Error::from_raw_os_error(code)) };
        for (code, expected) in [(5, 1), (22, 2), (22, 2)] {
            let mut calls = 0;
            let written = store.in_folder_without_sync(|| {
                calls += 1;
                if calls == 1 { Err(error(code)) } else { Ok(()) }
            });
            assert_eq!((calls, written.is_ok()), (expected, code == 22));
            assert_eq!(warned.text().is_empty(), code == 5);
        }
        // The warning is logged once per process.
        let all = warned.text();
        assert_eq!(all.matches("can't sync the folder").count(), 1, "{all}");
        assert!(all.contains("WARN") && all.contains("folder=memory"), "{all}");
        assert!(cannot_sync(&error(22)) && !cannot_sync(&error(5)));
    }
}
