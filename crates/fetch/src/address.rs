//! Validation and resolution of addresses.
//!
//! With plain HTTP, anyone on the network path can read and change the data. It is refused unless the host is this
//! machine or the user allows it.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::error::Error;

/// Permission to use plain HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// Plain HTTP is allowed for every host.
    Allowed,
    /// Plain HTTP is allowed only for this machine.
    LoopbackOnly,
    /// Plain HTTP is refused for every host, as after a redirect from HTTPS.
    Refused,
}

/// Checks that `address` is valid, and that it uses HTTPS or allowed plain HTTP.
pub(crate) fn check(address: &str, plain_http: PlainHttp) -> Result<(), Error> {
    let uri: Uri = address
        .parse()
        .map_err(|error| Error::Address { address: address.to_owned(), source: Box::new(error) })?;
    let Some(host) = uri.host() else {
        return Err(Error::unexpected(format!("a host in `{address}`"), "none"));
    };
    let is_allowed = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => match plain_http {
            PlainHttp::Allowed => true,
            PlainHttp::LoopbackOnly => is_loopback(host),
            PlainHttp::Refused => false,
        },
        _ => false,
    };
    if !is_allowed {
        let from_https = plain_http == PlainHttp::Refused;
        return Err(Error::PlainHttp { address: address.to_owned(), from_https });
    }
    Ok(())
}

/// Returns true if the name alone shows that the host is this machine, without a DNS lookup.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Resolves `address`, a link on the page at the address `page` or a redirect from it (RFC 3986, section 5.2).
///
/// # Examples
///
/// ```
/// use fetch::joined;
///
/// let page = "https://example.org/a/index.html";
/// assert_eq!(joined(page, "../b.whl"), "https://example.org/b.whl");
/// assert_eq!(joined(page, "/c.whl#sha256=0"), "https://example.org/c.whl#sha256=0");
/// assert_eq!(joined(page, "https://example.com/d.whl"), "https://example.com/d.whl");
/// ```
#[doc(alias = "urljoin")]
pub fn joined(page: &str, address: &str) -> String {
    let is_scheme = |text: &str| !text.is_empty() && text.chars().all(char::is_alphanumeric);
    if address.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
        return address.to_owned();
    }
    let page = page.split(['?', '#']).next().unwrap_or(page);
    let (scheme, rest) = page.split_once("://").unwrap_or(("https", page));
    if let Some(elsewhere) = address.strip_prefix("//") {
        return format!("{scheme}://{elsewhere}");
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut folders: Vec<_> = path.split('/').collect();
    folders.pop();
    let mut relative = address;
    if let Some(absolute) = address.strip_prefix('/') {
        folders.clear();
        relative = absolute;
    }
    for part in relative.split('/') {
        match part {
            ".." => {
                folders.pop();
            }
            "." => {}
            part => folders.push(part),
        }
    }
    format!("{scheme}://{host}/{}", folders.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_refused_unless_loopback_or_allowed() {
        let refused = |address| check(address, PlainHttp::LoopbackOnly).is_err();
        for address in [
            "https://example.org/a.whl",
            "http://localhost:8000/a.whl",
            "http://127.0.0.1/a.whl",
            "http://127.1.2.3:80/a.whl",
            "http://[::1]:8000/a.whl",
        ] {
            assert!(!refused(address), "{address}");
        }
        for address in [
            "http://example.org/a.whl",
            "http://localhost.example.org/a.whl",
            "http://127.0.0.1.example.org/a.whl",
            "http://127.0.0.1@example.org/a.whl",
            "http://10.0.0.1/a.whl",
            "http://[::2]/a.whl",
            "HTTP://example.org/a.whl",
        ] {
            assert!(refused(address), "{address}");
            assert!(check(address, PlainHttp::Allowed).is_ok(), "{address}");
        }
        for address in ["ftp://example.org/a.whl", "file:///etc/passwd", "/a.whl", "https://", ""] {
            assert!(refused(address) && check(address, PlainHttp::Allowed).is_err(), "{address}");
        }
    }

    #[test]
    fn plain_http_is_refused_after_https() {
        for address in ["http://example.org/a.whl", "http://127.0.0.1/a.whl"] {
            let error = check(address, PlainHttp::Refused).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("expected an address that begins with `https://`, found `{address}`")
            );
        }
        assert!(check("https://example.org/a.whl", PlainHttp::Refused).is_ok());
    }

    #[test]
    fn relative_urls_are_resolved_against_the_page() {
        let from_page = |address| joined("https://host:1/root/simple/torch/", address);
        assert_eq!(from_page("http://other/a.whl"), "http://other/a.whl");
        assert_eq!(from_page("//other/a.whl"), "https://other/a.whl");
        assert_eq!(from_page("/a.whl"), "https://host:1/a.whl");
        assert_eq!(from_page("a.whl"), "https://host:1/root/simple/torch/a.whl");
        assert_eq!(from_page("../../files/./a.whl"), "https://host:1/root/files/a.whl");
        assert_eq!(from_page("/to?of=http://other"), "https://host:1/to?of=http://other");
        assert_eq!(joined("https://host/a?b=c/d", "e"), "https://host/e");
    }
}
