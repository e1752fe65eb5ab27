//! Conversion of errors of the underlying library into [`ShardsError`].

use std::io;

use crate::redact::redact;
use crate::{ShardsError, Store};

impl Store {
    /// Returns `None` if the object does not exist.
    pub(super) fn if_there<T>(
        &self,
        name: &str,
        found: object_store::Result<T>,
    ) -> Result<Option<T>, ShardsError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_of_no_object(&error) => Ok(None),
            Err(error) => Err(self.refused(self.place_of(name), error)),
        }
    }

    pub(super) fn refused(&self, place: String, error: object_store::Error) -> ShardsError {
        use object_store::Error::{InvalidPath, NotFound, PermissionDenied, Unauthenticated};

        let system = system_error(&error);
        let reason = match system {
            Some(system) => system.to_string(),
            None => redact(&error.to_string()),
        };
        // Errors of a listing have no kind, but their text has the HTTP status.
        let says = |status: &str| system.is_none() && reason.contains(status);
        let kind = system.map(io::Error::kind);
        if matches!(error, NotFound { .. })
            || kind == Some(io::ErrorKind::NotFound)
            || says("404 Not Found")
        {
            ShardsError::Missing { place, reason }
        } else if matches!(error, PermissionDenied { .. } | Unauthenticated { .. })
            || kind == Some(io::ErrorKind::PermissionDenied)
            || says("403 Forbidden")
            || says("401 Unauthorized")
        {
            ShardsError::Denied { place, reason }
        } else if matches!(error, InvalidPath { .. }) {
            ShardsError::Name { place, reason }
        } else {
            ShardsError::Store { place, reason }
        }
    }
}

/// Returns true if the error means that the object does not exist. A missing bucket is another error, to be reported.
pub(super) fn is_of_no_object(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
        && !error.to_string().contains("NoSuchBucket")
}

/// Returns the error of the operating system that caused this error, if any.
pub(super) fn system_error(error: &object_store::Error) -> Option<&io::Error> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(system) = error.downcast_ref::<io::Error>()
            && system.raw_os_error().is_some()
        {
            return Some(system);
        }
        source = error.source();
    }
    None
}
