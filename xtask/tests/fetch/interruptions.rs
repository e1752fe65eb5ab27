//! Tests of downloads that break off and are resumed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::sandbox::{Sandbox, zip_with};
use crate::server::{Response, Server, serve, unreachable_address};
use crate::{IMAGES, WEIGHTS, weights_from};

/// Number of bytes after which the server drops the connection.
const THIRD: usize = WEIGHTS.len() / 3;

fn assert_fetched(sandbox: &Sandbox) {
    assert_eq!(fs::read(sandbox.data("weights/tiny.h5")).unwrap(), WEIGHTS);
    assert_eq!(sandbox.names_in("data/weights"), ["tiny.h5"]);
}

/// Fetches weights of which `part` exists already. Returns the requests, and standard error.
fn continue_from(part: &[u8], script: impl IntoIterator<Item = Response>) -> (Vec<String>, String) {
    let server = Server::start(script);
    let sandbox = weights_from(&server.url);
    sandbox.write("data/weights/tiny.h5.part", part);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_fetched(&sandbox);
    (server.requests(), fetch.stderr)
}

#[test]
fn interrupted_download_resumes_where_it_stopped() {
    let server = Server::start([
        tagged(Response::ok(WEIGHTS).dropped_after(THIRD), "\"v1\""),
        tagged(Response::rest_of(WEIGHTS, THIRD).dropped_after(THIRD), "\"v1\""),
        tagged(Response::rest_of(WEIGHTS, 2 * THIRD), "\"v1\""),
    ]);
    let sandbox = weights_from(&server.url);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert!(fetch.stderr.contains("the download ended after 6"), "{fetch:?}");
    assert!(fetch.stderr.contains("; attempt 2 of 5 in 1 s\n"), "{fetch:?}");
    assert_fetched(&sandbox);
    let requests = server.requests();
    assert!(!requests[0].contains("range: "), "{requests:?}");
    assert!(requests[1].contains("\r\nrange: bytes=6-\r\n"), "{requests:?}");
    assert!(requests[1].contains("\r\nif-range: \"v1\"\r\n"), "{requests:?}");
    assert!(requests[2].contains("\r\nrange: bytes=12-\r\n"), "{requests:?}");
}

#[test]
fn fetch_resumes_after_an_earlier_failure() {
    let sandbox = weights_from(&serve(Response::ok(WEIGHTS).dropped_after(THIRD)));
    let first = sandbox.run(&["fetch", "weights"]);
    assert_eq!(first.code, 1, "{first:?}");
    let part = sandbox.data("weights/tiny.h5.part");
    assert_eq!(fs::read(&part).unwrap(), &WEIGHTS[..THIRD]);
    let kept = format!("\nhint: 6 bytes are saved in `{}`; the next fetch", part.display());
    assert!(first.stderr.contains(&kept), "{first:?}");

    let mirror = Server::start([Response::rest_of(WEIGHTS, THIRD)]);
    let second = sandbox.run(&["fetch", "weights", "--from", &mirror.url]);
    assert_eq!(second.code, 0, "{second:?}");
    assert!(mirror.requests()[0].contains("\r\nrange: bytes=6-\r\n"));
    assert_fetched(&sandbox);
}

#[test]
fn fetch_resumes_after_an_earlier_one_was_killed() {
    let sandbox = weights_from(&serve(Response::ok(WEIGHTS).stalled_after(THIRD)));
    let mut first = sandbox.command(&["fetch", "weights"]).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(first.stderr.take().unwrap()).lines();
    lines.map(Result::unwrap).find(|line| line.ends_with("30% of 18 B")).unwrap();
    first.kill().unwrap();
    first.wait().unwrap();

    let mirror = Server::start([Response::rest_of(WEIGHTS, THIRD)]);
    let second = sandbox.run(&["fetch", "weights", "--from", &mirror.url]);
    assert_eq!(second.code, 0, "{second:?}");
    assert_fetched(&sandbox);
}

#[test]
fn complete_part_requests_only_one_byte() {
    let last = WEIGHTS.len() - 1;
    let (requests, _) = continue_from(WEIGHTS, [Response::rest_of(WEIGHTS, last)]);
    assert!(requests[0].contains("\r\nrange: bytes=17-\r\n"), "{requests:?}");
}

#[test]
fn server_without_ranges_restarts_the_download() {
    let (requests, _) = continue_from(b"pretra", [Response::ok(WEIGHTS)]);
    assert!(requests[0].contains("\r\nrange: bytes=6-\r\n"), "{requests:?}");
}

#[test]
fn part_of_another_file_restarts_the_download() {
    let script = [Response::rest_of(WEIGHTS, THIRD), Response::ok(WEIGHTS)];
    let (requests, said) = continue_from(b"postra", script);
    assert!(requests[0].contains("\r\nrange: "), "{requests:?}");
    assert!(!requests[1].contains("\r\nrange: "), "{requests:?}");
    assert!(said.contains("; restarting from byte 0\n"), "{said}");
}

#[test]
fn mismatched_range_restarts_the_download() {
    let script = [Response::rest_of(WEIGHTS, THIRD + 1), Response::ok(WEIGHTS)];
    let (_, said) = continue_from(b"pretra", script);
    let expected = "expected the range `bytes 6-17/18`, found `bytes 7-17/18`; restarting";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn unsatisfiable_range_is_not_retried() {
    let script = [Response::status(416), Response::ok(WEIGHTS)];
    let (requests, _) = continue_from(b"pretra", script);
    assert!(!requests[1].contains("\r\nrange: "), "{requests:?}");
}

#[test]
fn file_still_wrong_after_a_restart_is_not_saved() {
    let wrong = b"postrained weights";
    let server = Server::start([Response::rest_of(wrong, THIRD), Response::ok(wrong)]);
    let sandbox = weights_from(&server.url);
    sandbox.write("data/weights/tiny.h5.part", &wrong[..THIRD]);
    let fetch = sandbox.run(&["fetch", "weights"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(fetch.stderr.contains("; restarting from byte 0\n"), "{fetch:?}");
    assert!(fetch.stderr.contains("tiny.h5`: expected digest `md5:"), "{fetch:?}");
    assert!(sandbox.names_in("data/weights").is_empty());
}

fn tagged(response: Response, tag: &str) -> Response {
    response.with_header("ETag", tag)
}

/// Fetches an archive, which has no published digest: only its entity tag shows that a part belongs to it.
fn fetch_archive_by(script: impl Fn(&[u8]) -> Vec<Response>) -> Vec<String> {
    let zip = zip_with(&IMAGES);
    let server = Server::start(script(&zip));
    let sandbox = Sandbox::with_archive(&server.url, zip.len());
    let fetch = sandbox.run(&["fetch", "data"]);
    assert_eq!(fetch.code, 0, "{fetch:?}");
    assert_eq!(sandbox.names_in("data"), ["digests.toml", "pets"]);
    server.requests()
}

#[test]
fn without_a_digest_the_same_etag_allows_resuming() {
    let requests = fetch_archive_by(|zip| {
        vec![
            tagged(Response::ok(zip).dropped_after(100), "\"v1\""),
            tagged(Response::rest_of(zip, 100), "\"v1\""),
        ]
    });
    assert_eq!(requests.len(), 2);
    assert!(requests[1].contains("\r\nif-range: \"v1\"\r\n"), "{requests:?}");
}

#[test]
fn without_a_digest_a_changed_etag_restarts() {
    let requests = fetch_archive_by(|zip| {
        vec![
            tagged(Response::ok(zip).dropped_after(100), "\"v1\""),
            tagged(Response::rest_of(zip, 100), "\"v2\""),
            Response::ok(zip),
        ]
    });
    assert_eq!(requests.len(), 3);
    assert!(!requests[2].contains("\r\nrange: "), "{requests:?}");
}

#[test]
fn without_a_digest_or_strong_etag_downloads_restart() {
    let requests = fetch_archive_by(|zip| {
        vec![
            tagged(Response::ok(zip).dropped_after(100), "\"v1\""),
            Response::ok(zip).dropped_after(100),
            tagged(Response::ok(zip).dropped_after(100), "W/\"v1\""),
            Response::ok(zip),
        ]
    });
    assert_eq!(requests.len(), 4);
    assert!(requests[1].contains("\r\nrange: "), "{requests:?}");
    assert!(!requests[2].contains("\r\nrange: "), "{requests:?}");
    assert!(!requests[3].contains("\r\nrange: "), "{requests:?}");
}

#[test]
fn without_a_digest_another_server_restarts() {
    let zip = zip_with(&IMAGES);
    let url = serve(tagged(Response::ok(&zip).dropped_after(100), "\"v1\""));
    let sandbox = Sandbox::with_archive(&url, zip.len());
    let first = sandbox.run(&["fetch", "data"]);
    assert_eq!(first.code, 1, "{first:?}");
    assert_eq!(sandbox.names_in("data"), ["pets.zip.part", "pets.zip.part.toml"]);

    let mirror = Server::start([Response::ok(&zip)]);
    let second = sandbox.run(&["fetch", "data", "--from", &mirror.url]);
    assert_eq!(second.code, 0, "{second:?}");
    assert!(!mirror.requests()[0].contains("\r\nrange: "));
    assert_eq!(sandbox.names_in("data"), ["digests.toml", "pets"]);
}

#[test]
fn part_that_cannot_be_resumed_is_deleted() {
    let zip = zip_with(&IMAGES);
    let url = serve(Response::ok(&zip).dropped_after(100));
    let sandbox = Sandbox::with_archive(&url, zip.len());
    let fetch = sandbox.run(&["fetch", "data"]);
    assert_eq!(fetch.code, 1, "{fetch:?}");
    assert!(!fetch.stderr.contains("are saved in"), "{fetch:?}");
    assert!(sandbox.names_in("data").is_empty());
}

#[test]
fn second_fetch_waits_for_the_first_and_uses_its_files() {
    let sandbox = weights_from(&unreachable_address());
    sandbox.write("data/.lock", b"");
    let first = fs::File::open(sandbox.data(".lock")).unwrap();
    first.lock().unwrap();
    let mut second = sandbox.command(&["fetch", "weights"]);
    let mut second = second.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(second.stderr.take().unwrap()).lines();
    let waiting = lines.next().unwrap().unwrap();
    assert!(waiting.starts_with("waiting for another fetch into `"), "{waiting}");
    sandbox.write("data/weights/tiny.h5", WEIGHTS);
    first.unlock().unwrap();
    assert!(second.wait().unwrap().success());
}

/// A limit on the size of files simulates a full disk.
#[cfg(unix)]
#[test]
fn local_write_error_is_not_retried() {
    use crate::sandbox::outcome_of;
    let server = Server::start([Response::ok(WEIGHTS), Response::ok(WEIGHTS)]);
    let sandbox = weights_from(&server.url);
    sandbox.add_address(&server.url);
    let fetch = sandbox.command(&["fetch", "weights"]);
    let limited = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let mut limited_fetch = std::process::Command::new("sh");
    limited_fetch.args(["-c", limited, "sh"]).arg(fetch.get_program()).args(fetch.get_args());
    let outcome = outcome_of(&mut limited_fetch);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("error: could not write `"), "{outcome:?}");
    assert_eq!(server.requests().len(), 1);
}
