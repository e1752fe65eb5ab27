//! Tests of servers that are busy or have moved, and of proxies.

use std::fs;

use crate::sandbox::outcome_of;
use crate::server::{Response, Server, serve, unreachable_address};
use crate::{WEIGHTS, weights_from};

#[test]
fn busy_server_is_retried() {
    let server =
        Server::start([Response::status(503), Response::status(429), Response::ok(WEIGHTS)]);
    let sandbox = weights_from(&server.url);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert!(fetch.stderr.contains("the server answered 503; attempt 2 of 5 in 1 s\n"), "{fetch:?}");
    assert!(fetch.stderr.contains("the server answered 429; attempt 3 of 5 in 2 s\n"), "{fetch:?}");
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
}

#[test]
fn retries_stop_after_five_attempts() {
    let server = Server::start((0..6).map(|_| Response::status(500)));
    let fetch = weights_from(&server.url).run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(
        fetch.stderr.contains("gave up after 5 attempts: the server answered 500"),
        "{fetch:?}"
    );
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn not_found_is_not_retried() {
    let server = Server::start([Response::status(404), Response::ok(WEIGHTS)]);
    let fetch = weights_from(&server.url).run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn retry_after_is_respected() {
    let busy = Response::status(503).with_header("Retry-After", "7");
    let sandbox = weights_from(&Server::start([busy, Response::ok(WEIGHTS)]).url);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert!(fetch.stderr.contains("; attempt 2 of 5 in 7 s\n"), "{fetch:?}");
}

#[test]
fn long_retry_after_fails_immediately() {
    let busy = Response::status(429).with_header("Retry-After", "3600");
    let server = Server::start([busy, Response::ok(WEIGHTS)]);
    let fetch = weights_from(&server.url).run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(fetch.stderr.contains("asked to wait for 3600 s, which is too long"), "{fetch:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn redirects_are_followed_also_when_resuming() {
    let elsewhere =
        Server::start([Response::ok(WEIGHTS).dropped_after(6), Response::rest_of(WEIGHTS, 6)]);
    let to = format!("{}/moved.h5", elsewhere.url);
    let server = Server::start([Response::redirect(&to), Response::redirect(&to)]);
    let sandbox = weights_from(&server.url);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
    let requests = elsewhere.requests();
    assert!(requests[1].starts_with("get /moved.h5 "), "{requests:?}");
    assert!(requests[1].contains("\r\nrange: bytes=6-\r\n"), "{requests:?}");
}

#[test]
fn redirect_to_plain_http_is_refused() {
    let elsewhere = "http://elsewhere.invalid/tiny.h5";
    let server = Server::start([Response::redirect(elsewhere)]);
    let sandbox = weights_from(&server.url);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    let expected = format!("expected an address that begins with `https://`, found `{elsewhere}`");
    assert!(fetch.stderr.contains(&expected), "{fetch:?}");
    assert!(fetch.stderr.contains("allow plain HTTP with `--insecure`\n"), "{fetch:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn endless_redirects_are_an_error() {
    let server = Server::start((0..20).map(|_| Response::redirect("/")));
    let fetch = weights_from(&server.url).run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(fetch.stderr.contains("expected at most 10 redirects, found more"), "{fetch:?}");
}

#[test]
fn http_requests_use_the_proxy() {
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let proxy = Server::start([Response::ok(WEIGHTS).through_tunnel()]);
        let sandbox = weights_from("http://weights.invalid");
        let mut fetch = sandbox.command(&["fetch", "weights", "--insecure"]);
        let outcome = outcome_of(fetch.env(variable, &proxy.url));
        assert_eq!(outcome.code, 0, "{variable}: {outcome:?}");
        assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
        let requests = proxy.requests();
        assert!(requests[0].starts_with("connect weights.invalid:80 "), "{requests:?}");
    }
}

#[test]
fn https_requests_use_the_proxy() {
    let proxy = Server::start((0..5).map(|_| Response::status(403)));
    let sandbox = weights_from("https://weights.invalid");
    let mut fetch = sandbox.command(&["fetch", "weights"]);
    let outcome = outcome_of(fetch.env("HTTPS_PROXY", &proxy.url));
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let requests = proxy.requests();
    assert!(requests[0].starts_with("connect weights.invalid:443 "), "{requests:?}");
}

#[test]
fn no_proxy_hosts_bypass_the_proxy() {
    let sandbox = weights_from(&serve(Response::ok(WEIGHTS)));
    let mut fetch = sandbox.command(&["fetch", "weights"]);
    fetch.env("HTTP_PROXY", unreachable_address());
    assert_eq!(outcome_of(&mut fetch).code, 1);
    let outcome = outcome_of(fetch.env("NO_PROXY", "localhost,127.0.0.1"));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
}
