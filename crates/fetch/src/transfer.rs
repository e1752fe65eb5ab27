//! Progress events of one attempt.

use crate::event::{Event, Notify};

/// Reports the bytes of one attempt as they arrive, and its end when dropped.
pub(crate) struct Transfer<'a> {
    notify: Notify<'a>,
}

impl<'a> Transfer<'a> {
    /// Reports the start of an attempt that already has `done` of `size` bytes.
    pub(crate) fn start(done: u64, size: u64, notify: Notify<'a>) -> Self {
        notify(&Event::Started { done, size });
        Self { notify }
    }

    /// Reports the arrival of more bytes.
    pub(crate) fn received(&self, bytes: usize) {
        (self.notify)(&Event::Received { bytes: bytes as u64 });
    }
}

impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        (self.notify)(&Event::Stopped);
    }
}
