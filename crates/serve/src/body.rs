//! A request's body in memory: within its limits of length and time, and when there is room for it.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::RETRY_AFTER;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::Limits;
use crate::refusal::Refusal;

/// How many bytes a permit of [`Room`] stands for.
const UNIT: usize = 1 << 10;

/// Room for the bodies that are in memory at once. Those who wait for it are let in in the order in which they
/// came.
#[derive(Clone)]
pub(crate) struct Room(Arc<Semaphore>);

/// A place in it, given back when this is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl Room {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Semaphore::new(units(limits.room.max(limits.body)) as usize)))
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// Reads a request's body. Its place in `room` is to be kept for as long as its bytes.
///
/// # Errors
///
/// It is too long, which is known from its header where that says so, takes too long to come, or breaks off;
/// or there is no room for it.
pub(crate) async fn read(
    body: Incoming,
    limits: &Limits,
    room: &Room,
) -> Result<(Bytes, Place), Refusal> {
    let length = body.size_hint().exact();
    if length.is_some_and(|length| length > limits.body as u64) {
        return Err(too_long(limits.body));
    }
    // Where the header does not say, as long as it may be.
    let length = length.map_or(limits.body, |length| length as usize);
    let place = room.0.clone().acquire_many_owned(units(length));
    let Ok(Ok(place)) = timeout(limits.answer_time, place).await else {
        return Err(busy("there was no room for another request"));
    };
    let Ok(bytes) = timeout(limits.body_time, collect(body, limits.body)).await else {
        return Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the request took longer than {}", seconds(limits.body_time)),
            "send smaller photographs, or over a faster connection",
        ));
    };
    Ok((bytes?, place))
}

async fn collect(mut body: Incoming, most: usize) -> Result<Bytes, Refusal> {
    let mut bytes = Vec::with_capacity(body.size_hint().lower() as usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                format!("the request broke off: {error}"),
                "send it again",
            )
        })?;
        // What is no data comes after the end and means nothing here.
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > most - bytes.len() {
            return Err(too_long(most));
        }
        if data.len() > bytes.capacity() - bytes.len() {
            // Twice as long, as ever, but not longer than it may become.
            bytes.reserve_exact(bytes.len().clamp(data.len(), most - bytes.len()));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}

fn too_long(most: usize) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the request is too large, expected at most {} MB", most as f64 / 1e6),
        "send fewer photographs at once, or smaller ones, or start the server with another `--max-mb`",
    )
}

/// The answer to a request that waited in vain.
pub(crate) fn busy(what: &str) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, what, "try again in a minute")
        .with_header(RETRY_AFTER, "60")
}

/// So many seconds, as text.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f32())
}
