//! Reads a request body into memory. Its share of memory grows as bytes arrive, and the bytes must arrive at a minimum
//! rate.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::RETRY_AFTER;
use tokio::time::{Instant, timeout_at};

use crate::Limits;
use crate::error_response::ErrorResponse;
use crate::shares::{Budget, Client, WithShare};

/// Bytes allocated when the first data arrives.
const FIRST: usize = 16 << 10;

/// Reads a request body. The returned bytes hold their share of `memory` until they are dropped.
///
/// # Errors
///
/// Returns an error if the body is too long, arrives too slowly or breaks off, or if the client's share of memory is
/// used up. If the header states the length, a body that is too long is refused before it is read.
pub(crate) async fn read(
    mut body: Incoming,
    limits: &Limits,
    memory: &Arc<Budget>,
    client: Client,
) -> Result<Bytes, ErrorResponse> {
    let length = body.size_hint().exact();
    if length.is_some_and(|length| length > limits.body as u64) {
        return Err(too_long(limits.body));
    }
    let most = length.map_or(limits.body, |length| length as usize);
    let share = memory.take(client, 0).ok_or_else(no_memory)?;
    let mut bytes: Vec<u8> = vec![];
    let begin = Instant::now();
    let (mut window, mut in_window) = (begin, 0);
    loop {
        let [end, window_end] = [begin + limits.body_time, window + limits.upload.window];
        let Ok(frame) = timeout_at(end.min(window_end), body.frame()).await else {
            if end <= window_end || in_window < limits.upload.bytes {
                return Err(too_slow(limits, begin.elapsed().as_secs_f32(), bytes.len()));
            }
            (window, in_window) = (window_end, 0);
            continue;
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| {
            ErrorResponse::new(
                StatusCode::BAD_REQUEST,
                format!("the request ended early: {error}"),
                "send it again",
            )
        })?;
        // Trailers follow the body and have no meaning here.
        let Ok(data) = frame.into_data() else { continue };
        in_window += data.len();
        let wanted = bytes.len() + data.len();
        if wanted > limits.body {
            return Err(too_long(limits.body));
        }
        if wanted > bytes.capacity() {
            // Double the capacity, as `Vec` does, but not beyond the longest possible body.
            let capacity = wanted.max((2 * bytes.capacity()).max(FIRST).min(most));
            if !share.grow(capacity - bytes.capacity()) {
                return Err(no_memory());
            }
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Bytes::from_owner(WithShare { bytes, _share: share.into() }))
}

fn too_long(most: usize) -> ErrorResponse {
    ErrorResponse::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the request is too large, expected at most {} MB", most as f64 / 1e6),
        "send fewer or smaller images, or start the server with a higher limit",
    )
}

fn too_slow(limits: &Limits, took: f32, arrived: usize) -> ErrorResponse {
    let least = limits.upload.bytes as f32 / limits.upload.window.as_secs_f32();
    ErrorResponse::new(
        StatusCode::REQUEST_TIMEOUT,
        format!(
            "{arrived} bytes of the request arrived in {took:.1} s, expected all within {} s and at least {least:.0} bytes/s",
            limits.body_time.as_secs_f32()
        ),
        "send smaller images, or use a faster connection",
    )
}

/// Returns the response to a client whose share of memory is used up.
pub(crate) fn no_memory() -> ErrorResponse {
    ErrorResponse::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "this client has used up its share of memory",
        "retry in a second, with fewer requests at once",
    )
    .with_header(RETRY_AFTER, "1")
}

/// Returns the response to a request that waited too long.
pub(crate) fn busy(what: &str) -> ErrorResponse {
    ErrorResponse::new(StatusCode::SERVICE_UNAVAILABLE, what, "retry in a minute")
        .with_header(RETRY_AFTER, "60")
}
