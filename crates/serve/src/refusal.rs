//! An answer that is no prediction: a status, what is wrong, and what to do about it.

use hyper::StatusCode;
use hyper::header::HeaderName;
use serde_json::{Value, json};

/// Why a request gets no prediction.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// What the status asks to be told beside.
    pub(crate) header: Option<(HeaderName, &'static str)>,
    /// Whether the request was read to its end, so that another may follow on its connection.
    pub(crate) is_read: bool,
    /// What is said.
    pub(crate) told: Value,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        error: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let told = json!({"error": error.into(), "hint": hint.into()});
        Self { status, header: None, is_read: false, told }
    }

    /// The same with a header.
    pub(crate) fn with_header(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// The same of a request that was read to its end.
    pub(crate) fn of_read(self) -> Self {
        Self { is_read: true, ..self }
    }

    /// The same with what is wrong with each photograph.
    pub(crate) fn with_predictions(mut self, predictions: Vec<Value>) -> Self {
        self.told["predictions"] = predictions.into();
        self
    }
}
