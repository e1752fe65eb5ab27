//! Object stores that refuse requests: the error names the store and reveals no secret. The store is a small server on
//! this machine, and no test uses the network.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::harness::{CommandResult, TestDir};

/// Secrets that must never be printed or logged.
const SECRETS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIAFAKEFAKEFAKEFAKE"),
    ("AWS_SECRET_ACCESS_KEY", "hunter2hunter2hunter2"),
    ("AWS_SESSION_TOKEN", "session-token-of-nobody"),
];

/// Starts a store that gives this answer to every request, and returns its URL.
fn store_that_answers(status: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let (mut request, mut byte) = (vec![], [0]);
            while !request.ends_with(b"\r\n\r\n")
                && stream.read(&mut byte).is_ok_and(|read| read > 0)
            {
                request.push(byte[0]);
            }
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            // A client may close the connection before the end of the answer.
            _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

/// Returns an error with this code, which contains the secrets.
fn error(code: &str) -> String {
    let [key, secret, token] = SECRETS.map(|(_, value)| value);
    format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>As the test wants \
        it.</Message><AWSAccessKeyId>{key}</AWSAccessKeyId><StringToSign>{secret} {token}</StringToSign></Error>"
    )
}

#[test]
fn store_errors_name_the_store_and_reveal_no_secrets() {
    let workplace = TestDir::with_photos();
    for (status, code, expected) in [
        ("403 Forbidden", "SignatureDoesNotMatch", "access to `s3://bucket/set` is denied"),
        ("401 Unauthorized", "ExpiredToken", "access to `s3://bucket/set` is denied"),
        ("404 Not Found", "NoSuchBucket", "`s3://bucket/set` was not found"),
    ] {
        let mut command = workplace.command(
            "features photos --out s3://bucket/set --weights none --image-size 32 --last-layer block1_pool",
        );
        command.envs(SECRETS).env("AWS_ENDPOINT_URL", store_that_answers(status, error(code)));
        command
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "nowhere-1")
            .env("RUST_LOG", "trace");
        let CommandResult { status, stdout, stderr } = CommandResult::of(&mut command);
        assert_eq!(status, Some(2), "{stdout}{stderr}");
        let (_, error) = stderr.rsplit_once("\nerror: ").expect("an error");
        assert!(error.contains(expected) && error.contains(code), "{error}");
        assert!(error.contains("\nhint: "), "{error}");
        for (name, secret) in SECRETS {
            assert!(!error.contains(secret), "{name} in {error}");
            assert!(!stdout.contains(secret), "{name} in {stdout}");
            let line = stderr.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{name} is logged");
        }
    }
}

#[test]
fn invalid_object_key_is_an_error() {
    let workplace = TestDir::new();
    let listing = "<?xml version=\"1.0\"?><ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>\
        <Contents><Key>photos/a//1.jpg</Key><Size>9</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
        <ETag>\"0\"</ETag></Contents></ListBucketResult>";
    let mut command = workplace.command(
        "features s3://bucket/photos --out set --weights none --image-size 32 --last-layer block1_pool",
    );
    command.envs(SECRETS).env("AWS_ENDPOINT_URL", store_that_answers("200 OK", listing.into()));
    command.env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "nowhere-1");
    let CommandResult { status, stdout, stderr } = CommandResult::of(&mut command);
    assert_eq!(status, Some(2), "{stdout}{stderr}");
    for part in ["`s3://bucket/photos` has an object that can't be read", "a//1.jpg", "\nhint: "] {
        assert!(stderr.contains(part), "{stderr}");
    }
}
