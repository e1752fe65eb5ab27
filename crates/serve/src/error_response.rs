//! Error responses: a status, an error message and a hint.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::HeaderName;
use serde_json::{Value, json};

use crate::shares::{Share, WithShare};

/// Error response to a request.
#[derive(Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) status: StatusCode,
    /// Additional header that belongs to the status.
    pub(crate) header: Option<(HeaderName, &'static str)>,
    /// True if the request was read to its end, so that the connection can serve another request.
    pub(crate) is_read: bool,
    /// Response body as JSON.
    told: Value,
    /// Share of memory of a response body that lists the error of every image.
    share: Option<Arc<Share>>,
}

impl ErrorResponse {
    pub(crate) fn new(
        status: StatusCode,
        error: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let told = json!({"error": error.into(), "hint": hint.into()});
        Self { status, header: None, is_read: false, told, share: None }
    }

    /// Sets the additional header.
    pub(crate) fn with_header(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// Marks the request as read to its end.
    pub(crate) fn of_read(self) -> Self {
        Self { is_read: true, ..self }
    }

    /// Adds the error of each image. The response holds `share` until it is sent.
    pub(crate) fn with_predictions(mut self, predictions: Vec<Value>, share: Arc<Share>) -> Self {
        self.told["predictions"] = predictions.into();
        Self { share: Some(share), ..self }
    }

    /// Returns the response body. If it has a share of memory, it holds the share until it is dropped.
    pub(crate) fn into_body(self) -> Bytes {
        let text = self.told.to_string();
        match self.share {
            None => text.into(),
            Some(share) => {
                drop(self.told);
                share.shrink_to(text.capacity());
                Bytes::from_owner(WithShare { bytes: text, _share: share })
            }
        }
    }
}
