//! One request for a file, for the rest of it, for its size or for a page, and what the answer means.
//!
//! Redirects are followed, each checked as the first address was. The proxy is the first of `ALL_PROXY`, `HTTPS_PROXY` and `HTTP_PROXY` that is
//! set, and not asked for the hosts in `NO_PROXY`.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use anyhow::{Context, Error, anyhow};
use ureq::http::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_RANGE, LOCATION, RANGE,
    RETRY_AFTER,
};
use ureq::http::{Method, Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::address::{self, PlainHttp, joined};
use crate::retry::Failure;

/// In bytes. The longest page of a package index is a few megabytes.
const LONGEST_PAGE: u64 = 64 << 20;

/// Redirects followed for one request.
const MOST_REDIRECTS: usize = 10;

/// How many bytes of a file are here already, and how the server can tell that they are of its file.
pub(crate) struct Start {
    /// The first byte to ask for.
    pub(crate) at: u64,
    /// The entity tag that came with the bytes before it.
    pub(crate) etag: Option<String>,
}

/// Bytes on their way.
pub(crate) struct Answer {
    /// Where they begin, and the entity tag of the whole.
    pub(crate) start: Start,
    /// The bytes, up to the end of the file.
    pub(crate) body: Box<dyn Read>,
}

/// How servers are asked.
#[derive(Clone, Copy)]
pub struct Network {
    /// How long a second of waiting between attempts lasts.
    pub pace: f64,
    /// Which addresses may be asked without protection.
    pub plain_http: PlainHttp,
}

impl Network {
    /// Asks for the `size` bytes at `url`, from `start` on if there is something to go on from.
    ///
    /// The answer may begin at zero all the same, where the server can't or won't send a part.
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
                    return Err(Failure::Lasting(anyhow!("expected {size} bytes, found {found}")));
                }
                0
            }
            206 if start.at > 0 => {
                let expected = format!("bytes {}-{}/{size}", start.at, size - 1);
                let found = text(headers, CONTENT_RANGE).unwrap_or_default();
                if found != expected {
                    let error = anyhow!("expected the range `{expected}`, found `{found}`");
                    return Err(Failure::Stale(error));
                }
                if start.etag.is_some() && etag != start.etag {
                    return Err(Failure::Stale(anyhow!("the file has changed since it was begun")));
                }
                start.at
            }
            416 if start.at > 0 => return Err(Failure::Stale(refused(&response))),
            _ => return Err(refusal(&response)),
        };
        let body = Box::new(response.into_body().into_reader());
        Ok(Answer { start: Start { at, etag }, body })
    }

    /// Asks how many bytes there are at `url`.
    pub fn size_of(self, url: &str) -> Result<u64, Failure> {
        let response = self.ask(&Method::HEAD, url, &[])?;
        if response.status() != 200 {
            return Err(refusal(&response));
        }
        text(response.headers(), CONTENT_LENGTH)
            .and_then(|length| length.parse().ok())
            .ok_or_else(|| Failure::Lasting(anyhow!("expected to be told its size, found nothing")))
    }

    /// Asks for the text at `url`, preferably in one of the forms that `accept` lists.
    pub fn page(self, url: &str, accept: &str) -> Result<String, Failure> {
        let response = self.ask(&Method::GET, url, &[(ACCEPT, accept.to_owned())])?;
        if response.status() != 200 {
            return Err(refusal(&response));
        }
        let mut body = response.into_body().into_reader().take(LONGEST_PAGE + 1);
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).context("the page broke off").map_err(Failure::passing)?;
        if bytes.len() as u64 > LONGEST_PAGE {
            let error = anyhow!("expected a page of at most {LONGEST_PAGE} bytes, found more");
            return Err(Failure::Lasting(error));
        }
        String::from_utf8(bytes).context("expected a page of text").map_err(Failure::Lasting)
    }

    /// Sends a request, and the same again to each address that it is redirected to.
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
            let request = request.body(()).map_err(|error| Failure::Lasting(error.into()))?;
            let response = agent.run(request).map_err(failed_to_ask)?;
            match text(response.headers(), LOCATION) {
                Some(target) if response.status().is_redirection() => url = joined(&url, target),
                _ => return Ok(response),
            }
        }
        Err(Failure::Lasting(anyhow!("expected at most {MOST_REDIRECTS} redirects, found more")))
    }
}

fn agent() -> Agent {
    let patience = Some(Duration::from_secs(30));
    // Those that cargo itself trusts on most systems.
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    Agent::config_builder()
        .tls_config(tls)
        // They are followed here, where each is checked.
        .max_redirects(0)
        // Their statuses say which failures pass.
        .http_status_as_error(false)
        .timeout_resolve(patience)
        .timeout_connect(patience)
        .timeout_recv_response(patience)
        // For each read, not the whole body: a slow connection may take as long as it needs.
        .timeout_per_read(patience)
        .build()
        .new_agent()
}

/// Connections may come back; an address that is none, or a certificate that is wrong, stays so.
fn failed_to_ask(error: ureq::Error) -> Failure {
    use ureq::Error::{ConnectProxyFailed, ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
    match error {
        Io(error) if error.kind() == ErrorKind::InvalidData => Failure::Lasting(error.into()),
        Io(_)
        | Timeout(_)
        | HostNotFound
        | ConnectionFailed
        | ConnectProxyFailed(_)
        | Protocol(_) => Failure::passing(error.into()),
        _ => Failure::Lasting(error.into()),
    }
}

/// Busy servers may answer later.
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
    anyhow!("the server answered {}", response.status().as_u16())
}

/// An entity tag that promises the same bytes; a weak one (`W/"..."`) does not.
fn strong_etag(headers: &HeaderMap) -> Option<String> {
    text(headers, ETAG).filter(|etag| etag.starts_with('"')).map(str::to_owned)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
