//! Checks that a request is meant for this server.
//!
//! A page of another site can make its own host name point to this computer (DNS rebinding). It can also send requests
//! here from the browser that shows it. The first has a foreign `Host` header, the second a foreign `Origin` header.

use std::net::IpAddr;

use hyper::StatusCode;
use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use crate::ServeError;
use crate::error_response::ErrorResponse;

/// Host names of this server, in addition to loopback names and the addresses that it is reached at.
#[derive(Debug)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// Creates the list of allowed host names.
    ///
    /// # Errors
    ///
    /// Returns an error if one of `names` is not a host name or has a port.
    pub(crate) fn new(names: Vec<String>) -> Result<Self, ServeError> {
        for name in &names {
            let is_name = name.parse().is_ok_and(|authority: Authority| authority.host() == name);
            if !is_name {
                return Err(ServeError::Host(name.clone()));
            }
        }
        Ok(Self(names))
    }

    /// Checks a request on a connection to the address `local`.
    ///
    /// # Errors
    ///
    /// Returns an error if the `Host` header is missing or invalid, if the request names another server, or if a page
    /// of another site sent it.
    pub(crate) fn check(&self, request: &Parts, local: IpAddr) -> Result<(), ErrorResponse> {
        let host = only(&request.headers, HOST.as_str())
            .and_then(|host| host.parse::<Authority>().ok())
            .filter(is_name_with_port)
            .ok_or_else(|| {
                ErrorResponse::new(
                    StatusCode::BAD_REQUEST,
                    "expected one `Host` header that names this server",
                    "send `Host: localhost`",
                )
            })?;
        // The request target can name a host as well.
        for authority in [Some(&host), request.uri.authority()].into_iter().flatten() {
            if !self.is_ours(authority.host(), local) {
                return Err(ErrorResponse::new(
                    StatusCode::MISDIRECTED_REQUEST,
                    format!("`{}` is not the name of this server", authority.host()),
                    "use `localhost`, or start the server with this name as an allowed host",
                ));
            }
        }
        if request.headers.contains_key(ORIGIN) {
            let origin = only(&request.headers, ORIGIN.as_str()).and_then(|origin| {
                origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
            });
            if !origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host.as_str())) {
                return Err(ErrorResponse::new(
                    StatusCode::FORBIDDEN,
                    "requests from pages of other sites are refused",
                    "open the page of this server",
                ));
            }
        }
        Ok(())
    }

    /// Returns true if `host` is this server. Addresses need no list of allowed names: unlike a name, an address can't
    /// be made to point elsewhere.
    fn is_ours(&self, host: &str, local: IpAddr) -> bool {
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        match address.map(|address| address.to_canonical()) {
            Some(address) if address == local || address.is_loopback() && local.is_loopback() => {
                true
            }
            _ => {
                let name = host.strip_suffix('.').unwrap_or(host);
                let mut names = self.0.iter().map(String::as_str).chain(["localhost"]);
                names.any(|ours| ours.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// Returns true if the authority is a name or address with an optional port, and has no other parts.
fn is_name_with_port(authority: &Authority) -> bool {
    let rest = authority.as_str().strip_prefix(authority.host());
    rest.is_some_and(|rest| rest.is_empty() || authority.port_u16().is_some())
}

/// Returns the value of a header that occurs exactly once, as text.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    /// Returns the status for a request with these headers. The server is also called `images.example`.
    fn status(target: &str, headers: &[(&str, &str)], local: &str) -> u16 {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (request, ()) = request.body(()).expect("a request").into_parts();
        let hosts = Hosts::new(vec!["images.example".into()]).expect("a name");
        let checked = hosts.check(&request, local.parse().expect("an address"));
        checked.map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    #[test]
    fn host_must_be_loopback_allowed_or_the_local_address() {
        for (host, local, expected) in [
            ("localhost", "127.0.0.1", 200),
            ("LOCALHOST.:8080", "127.0.0.1", 200),
            ("127.0.0.1:8080", "127.0.0.1", 200),
            ("127.0.0.1:8080", "::1", 200),
            ("[::1]:8080", "::1", 200),
            ("images.example", "127.0.0.1", 200),
            ("Images.Example:80", "192.168.0.5", 200),
            ("192.168.0.5:8080", "192.168.0.5", 200),
            ("192.168.0.6:8080", "192.168.0.5", 421),
            ("127.0.0.1", "192.168.0.5", 421),
            ("evil.example", "127.0.0.1", 421),
            ("localhost.evil.example", "127.0.0.1", 421),
            ("evil.example:localhost", "127.0.0.1", 400),
            ("localhost:evil.example", "127.0.0.1", 400),
            ("evil.example@localhost", "127.0.0.1", 400),
            ("", "127.0.0.1", 400),
        ] {
            assert_eq!(status("/", &[("host", host)], local), expected, "{host} at {local}");
        }
        assert_eq!(status("/", &[], "127.0.0.1"), 400);
        assert_eq!(status("/", &[("host", "localhost"), ("host", "localhost")], "127.0.0.1"), 400);
        let target = "http://evil.example/";
        assert_eq!(status(target, &[("host", "localhost")], "127.0.0.1"), 421);
    }

    #[test]
    fn origin_must_match_host_and_port() {
        for (origin, expected) in [
            ("http://localhost:8080", 200),
            ("https://localhost:8080", 200),
            ("http://localhost:3000", 403),
            ("http://evil.example", 403),
            ("http://localhost:8080.evil.example", 403),
            ("null", 403),
            ("", 403),
        ] {
            let headers = [("host", "localhost:8080"), ("origin", origin)];
            assert_eq!(status("/", &headers, "127.0.0.1"), expected, "{origin}");
        }
    }

    #[test]
    fn allowed_host_with_scheme_port_or_path_is_an_error() {
        for name in ["", "http://a.example", "a.example:80", "a.example/", "a b"] {
            assert!(Hosts::new(vec![name.into()]).is_err(), "{name}");
        }
    }
}
