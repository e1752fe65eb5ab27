//! HTTP requests for a file, for the rest of it, for its size or for a page.
//!
//! Redirects are followed, and each new address is checked like the first. The proxy is the first of `ALL_PROXY`,
//! `HTTPS_PROXY` and `HTTP_PROXY` that is set. Hosts in `NO_PROXY` bypass it.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use ureq::http::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_RANGE, LOCATION, RANGE,
    RETRY_AFTER,
};
use ureq::http::{Method, Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::address::{self, PlainHttp, joined};
use crate::error::Error;
use crate::event::Notify;
use crate::retry::{Failure, repeatedly};

/// Maximum size of a page in bytes. The largest page of a package index has a few megabytes.
const LONGEST_PAGE: u64 = 64 << 20;

/// Maximum number of redirects for one request.
const MOST_REDIRECTS: usize = 10;

/// First byte of a request or response, and the entity tag that identifies the file.
pub(crate) struct Start {
    /// Index of the first byte.
    pub(crate) at: u64,
    /// Entity tag that came with the bytes before it.
    pub(crate) etag: Option<String>,
}

/// Response to a request for a file.
pub(crate) struct Answer {
    /// Index of the first byte of the body, and the entity tag of the whole file.
    pub(crate) start: Start,
    /// Remaining bytes of the file.
    pub(crate) body: Box<dyn Read>,
}

/// Settings of all requests.
#[doc(alias = "reqwest")]
#[doc(alias = "ureq")]
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Seconds that a wait of one second between attempts takes: 1, or less in tests.
    pub pace: f64,
    /// Permission to use plain HTTP.
    pub plain_http: PlainHttp,
}

impl Default for Network {
    fn default() -> Self {
        Self { pace: 1.0, plain_http: PlainHttp::LoopbackOnly }
    }
}

impl Network {
    /// Returns the number of bytes at `url`, with retries.
    ///
    /// # Errors
    /// If the request fails or the server does not state the size.
    ///
    /// # Examples
    ///
    /// Plain HTTP to another machine is refused before any request:
    ///
    /// ```
    /// use fetch::{Error, Network};
    ///
    /// let error = Network::default().size_of("http://example.org/weights.h5", &|_| {});
    /// assert!(matches!(error, Err(Error::PlainHttp { .. })));
    /// ```
    ///
    /// ```no_run
    /// let url = "https://download.pytorch.org/models/vgg16-397923af.pth";
    /// let bytes = fetch::Network::default().size_of(url, &|event| println!("{event:?}"))?;
    /// # Ok::<(), fetch::Error>(())
    /// ```
    #[doc(alias = "Content-Length")]
    #[doc(alias = "HEAD")]
    pub fn size_of(self, url: &str, notify: Notify<'_>) -> Result<u64, Error> {
        Ok(repeatedly(self.pace, || self.size_once(url), || Ok(()), notify)?)
    }

    /// Returns the text at `url`, preferably in one of the media types that `accept` lists, with retries.
    ///
    /// # Errors
    /// If the request fails, or if the response is not UTF-8 text of at most 64 MiB.
    ///
    /// # Examples
    ///
    /// Plain HTTP to another machine is refused before any request:
    ///
    /// ```
    /// use fetch::{Error, Network};
    ///
    /// let error = Network::default().page("http://example.org/", "text/html", &|_| {});
    /// assert!(matches!(error, Err(Error::PlainHttp { .. })));
    /// ```
    ///
    /// ```no_run
    /// let page = fetch::Network::default().page("https://example.org/", "text/html", &|_| {})?;
    /// assert!(page.contains("Example Domain"));
    /// # Ok::<(), fetch::Error>(())
    /// ```
    #[doc(alias = "GET")]
    pub fn page(self, url: &str, accept: &str, notify: Notify<'_>) -> Result<String, Error> {
        Ok(repeatedly(self.pace, || self.page_once(url, accept), || Ok(()), notify)?)
    }

    /// Requests the file of `size` bytes at `url` once, from `start` on.
    ///
    /// If the server can't or won't send a part, the response begins at zero.
    pub(crate) fn get(self, url: &str, size: u64, start: &Start) -> Result<Answer, Failure> {
        let mut headers = Vec::new();
        if start.at > 0 {
            headers.push((RANGE, format!("bytes={}-", start.at)));
            headers.extend(start.etag.clone().map(|etag| (IF_RANGE, etag)));
        }
        let response = self.ask(&Method::GET, url, &headers)?;
        let headers = response.headers();
        let etag = strong_etag(headers);
        let at = match response.status().as_u16() {
            200 => {
                if let Some(found) = response.body().content_length()
                    && found != size
                {
                    let error = Error::unexpected(format!("{size} bytes"), found.to_string());
                    return Err(Failure::Lasting(error));
                }
                0
            }
            206 if start.at > 0 => {
                let expected = format!("bytes {}-{}/{size}", start.at, size - 1);
                let found = text(headers, CONTENT_RANGE).unwrap_or_default();
                if found != expected {
                    let expected = format!("the range `{expected}`");
                    let error = Error::unexpected(expected, format!("`{found}`"));
                    return Err(Failure::Stale(error));
                }
                if start.etag.is_some() && etag != start.etag {
                    return Err(Failure::Stale(Error::Replaced));
                }
                start.at
            }
            416 if start.at > 0 => return Err(Failure::Stale(refused(&response))),
            _ => return Err(refusal(&response)),
        };
        let body = Box::new(response.into_body().into_reader());
        Ok(Answer { start: Start { at, etag }, body })
    }

    fn size_once(self, url: &str) -> Result<u64, Failure> {
        let response = self.ask(&Method::HEAD, url, &[])?;
        if response.status() != 200 {
            return Err(refusal(&response));
        }
        text(response.headers(), CONTENT_LENGTH)
            .and_then(|length| length.parse().ok())
            .ok_or_else(|| Failure::Lasting(Error::unexpected("a `Content-Length` header", "none")))
    }

    fn page_once(self, url: &str, accept: &str) -> Result<String, Failure> {
        let response = self.ask(&Method::GET, url, &[(ACCEPT, accept.to_owned())])?;
        if response.status() != 200 {
            return Err(refusal(&response));
        }
        let mut body = response.into_body().into_reader().take(LONGEST_PAGE + 1);
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(Error::PageBrokeOff).map_err(Failure::passing)?;
        if bytes.len() as u64 > LONGEST_PAGE {
            let expected = format!("a page of at most {LONGEST_PAGE} bytes");
            return Err(Failure::Lasting(Error::unexpected(expected, "more")));
        }
        String::from_utf8(bytes).map_err(Error::NotText).map_err(Failure::Lasting)
    }

    /// Sends a request, and repeats it for each address that it is redirected to.
    fn ask(
        self,
        method: &Method,
        url: &str,
        headers: &[(HeaderName, String)],
    ) -> Result<Response<Body>, Failure> {
        let agent = agent();
        let (mut url, mut plain_http) = (url.to_owned(), self.plain_http);
        for _ in 0..=MOST_REDIRECTS {
            address::check(&url, plain_http).map_err(Failure::Lasting)?;
            if url.starts_with("https://") {
                plain_http = PlainHttp::Refused;
            }
            let mut request = Request::builder().method(method).uri(&url);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let request = request
                .body(())
                .map_err(|error| Failure::Lasting(Error::Request(Box::new(error))))?;
            let response = agent.run(request).map_err(failed_to_ask)?;
            match text(response.headers(), LOCATION) {
                Some(target) if response.status().is_redirection() => url = joined(&url, target),
                _ => return Ok(response),
            }
        }
        let expected = format!("at most {MOST_REDIRECTS} redirects");
        Err(Failure::Lasting(Error::unexpected(expected, "more")))
    }
}

fn agent() -> Agent {
    let patience = Some(Duration::from_secs(30));
    // Trust the certificates of the system, as cargo does on most systems.
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    Agent::config_builder()
        .tls_config(tls)
        // `ask` follows redirects itself, because it checks each address.
        .max_redirects(0)
        // `refusal` decides by the status whether a failure is temporary.
        .http_status_as_error(false)
        .timeout_resolve(patience)
        .timeout_connect(patience)
        .timeout_recv_response(patience)
        // The timeout applies to each read, not to the whole body: a slow connection may take as long as it needs.
        .timeout_per_read(patience)
        .build()
        .new_agent()
}

/// Classifies an error. Connection failures are temporary; an invalid address or certificate stays invalid.
fn failed_to_ask(error: ureq::Error) -> Failure {
    use ureq::Error::{ConnectProxyFailed, ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
    match error {
        Io(error) if error.kind() == ErrorKind::InvalidData => {
            Failure::Lasting(Error::Request(Box::new(error)))
        }
        Io(_)
        | Timeout(_)
        | HostNotFound
        | ConnectionFailed
        | ConnectProxyFailed(_)
        | Protocol(_) => Failure::passing(Error::Request(Box::new(error))),
        _ => Failure::Lasting(Error::Request(Box::new(error))),
    }
}

/// Classifies an error response. A busy server may succeed later.
fn refusal(response: &Response<Body>) -> Failure {
    match response.status().as_u16() {
        408 | 429 | 500..=599 => {
            let asked = text(response.headers(), RETRY_AFTER).and_then(|text| text.parse().ok());
            let asked = asked.map(Duration::from_secs);
            Failure::Passing { error: refused(response), asked }
        }
        _ => Failure::Lasting(refused(response)),
    }
}

fn refused(response: &Response<Body>) -> Error {
    Error::Status(response.status().as_u16())
}

/// Returns the entity tag if it promises identical bytes. A weak one (`W/"..."`) does not.
fn strong_etag(headers: &HeaderMap) -> Option<String> {
    text(headers, ETAG).filter(|etag| etag.starts_with('"')).map(str::to_owned)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
