//! What a store's errors mean.

use std::io;

use crate::redact::redact;
use crate::{ShardsError, Store};

impl Store {
    /// Nothing where there is none of that name.
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
        // What a listing is refused with has no kind of its own, but says the status.
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

/// Whether there is no such object. Where there is no such bucket either, there is more to say.
pub(super) fn is_of_no_object(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
        && !error.to_string().contains("NoSuchBucket")
}

/// What the system said, where an error of a folder of this machine is from it.
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
