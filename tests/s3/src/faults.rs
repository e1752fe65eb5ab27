//! Faults of real object stores: latency, and answers that are errors, never arrive or break off.

use std::fmt;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use s3s::Body;
use s3s::service::S3Service;
use tokio::time::{Instant, sleep, sleep_until};

/// S3 service that fails randomly.
pub(crate) struct Faults {
    service: S3Service,
    share: f64,
    seed: u64,
    latency: Duration,
    pace: Option<Pace>,
    /// Number of requests so far.
    requests: AtomicU64,
}

/// Kind of failure.
#[derive(Clone, Copy)]
enum Fault {
    /// Refuses the request, like an overloaded store.
    Refused,
    /// Closes the connection before the request is processed.
    Closed,
    /// Processes the request, but answers with an error.
    Forgotten,
    /// Processes the request, but closes the connection without an answer.
    Lost,
    /// Processes the request, but closes the connection within the answer.
    Sharding,
}

/// Error that closes the connection without an answer.
#[derive(Debug)]
pub(crate) struct Hangup;

impl Faults {
    pub(crate) fn new(
        service: S3Service,
        share: f64,
        seed: u64,
        latency: Duration,
        pace: Option<Pace>,
    ) -> Self {
        Self { service, share, seed, latency, pace, requests: AtomicU64::new(0) }
    }

    /// Answers a request, or fails.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Hangup> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let asked = format!("{} {}", request.method(), request.uri().path());
        let fault = self.fault(number);
        let answer = self.answer_or(fault, request).await;
        let status = match &answer {
            Ok(answer) => answer.status().as_str().to_owned(),
            Err(Hangup) => "closed".to_owned(),
        };
        println!("{asked} {status}{}", if fault.is_some() { " on purpose" } else { "" });
        answer
    }

    async fn answer_or(
        &self,
        fault: Option<Fault>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Hangup> {
        sleep(self.latency).await;
        match fault {
            Some(Fault::Refused) => return Ok(error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")),
            Some(Fault::Closed) => return Err(Hangup),
            _ => {}
        }
        let has_body = request.method() != Method::HEAD;
        self.pass(request.headers()).await;
        let answer = self.service.call(request.map(Body::from)).await.map_err(|_| Hangup)?;
        if has_body {
            self.pass(answer.headers()).await;
        }
        match fault {
            Some(Fault::Forgotten) => Ok(error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")),
            Some(Fault::Sharding) if has_body => cut(answer).await,
            Some(Fault::Lost | Fault::Sharding) => Err(Hangup),
            _ => Ok(answer),
        }
    }

    /// Returns the failure of the request with this number, if any.
    fn fault(&self, number: u64) -> Option<Fault> {
        let fraction = fraction(self.seed, number);
        let all = [Fault::Refused, Fault::Closed, Fault::Forgotten, Fault::Lost, Fault::Sharding];
        (fraction < self.share).then(|| all[(fraction / self.share * all.len() as f64) as usize])
    }

    /// Waits for the transfer time of a message.
    async fn pass(&self, headers: &HeaderMap) {
        let length =
            headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if let (Some(pace), Some(length)) = (&self.pace, length) {
            pace.pass(length).await;
        }
    }
}

/// Transfer of limited throughput, which all requests share.
pub(crate) struct Pace {
    bytes_per_second: f64,
    free: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(megabytes_per_second: f64) -> Self {
        Self { bytes_per_second: megabytes_per_second * 1e6, free: Mutex::new(Instant::now()) }
    }

    async fn pass(&self, bytes: u64) {
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        let done = {
            let mut free = self.free.lock().expect("nobody panics with it");
            *free = (*free).max(Instant::now()) + takes;
            *free
        };
        sleep_until(done).await;
    }
}

/// Returns an error answer in S3's format.
fn error(status: StatusCode, code: &str) -> Response<Body> {
    let message = "On purpose.";
    let text = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer
}

/// Returns the first half of an answer, after which the connection is closed.
async fn cut(answer: Response<Body>) -> Result<Response<Body>, Hangup> {
    let (mut head, body) = answer.into_parts();
    let bytes = BodyExt::collect(body).await.map_err(|_| Hangup)?.to_bytes();
    if bytes.is_empty() {
        return Err(Hangup);
    }
    head.headers.insert(CONTENT_LENGTH, bytes.len().into());
    let half = stream::iter([Ok(Frame::data(bytes.slice(..bytes.len() / 2)))]);
    let end = stream::once(async {
        // Wait until the first half is sent.
        sleep(Duration::from_millis(20)).await;
        Err::<Frame<Bytes>, _>(io::Error::other(Hangup))
    });
    Ok(Response::from_parts(head, Body::http_body_unsync(StreamBody::new(half.chain(end)))))
}

impl fmt::Display for Hangup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for Hangup {}

/// Returns a fraction of 0..1 that depends on `seed` and `number` (splitmix64).
fn fraction(seed: u64, number: u64) -> f64 {
    let mut bits =
        (seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
