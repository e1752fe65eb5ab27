//! Tests of error responses: their statuses and their common form.

use serve::{Limits, ServeError, Server};

use crate::client::{Served, image};

#[test]
fn an_unknown_path_and_a_wrong_method_are_refused() {
    let served = Served::new(Limits::default());
    for path in ["/nothing", "/page.js/", "/../Cargo.toml", "//", "/predict/"] {
        served.get(path).expect_refusal(404);
    }
    for (path, allowed) in [("/predict", "post"), ("/", "get, head"), ("/health", "get, head")] {
        let method = if allowed == "post" { "GET" } else { "POST" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let answer = served.ask(request).expect_refusal(405);
        assert!(answer.header.contains(&format!("\nallow: {allowed}\r\n")), "{answer:?}");
    }
}

#[test]
fn invalid_images_are_refused_with_the_reason() {
    let served = Served::new(Limits::default());
    let whole = image(1);
    for (body, reason) in [
        (&b""[..], "it is empty"),
        (b"no image", "it is not a JPEG"),
        (&whole[..whole.len() / 2], "it is truncated"),
    ] {
        let answer = served.post("/predict", "image/png", body).expect_refusal(422);
        assert!(answer.body.contains(reason), "{answer:?}");
    }
    let files: [(&str, &[u8]); 2] = [("a.jpg", b""), ("b.jpg", b"no image")];
    let told = served.post_files("/predict", &files).expect_refusal(422).json();
    assert_eq!(told["error"], "none of the 2 images can be read");
    assert_eq!((&told["predictions"][1]["name"]), "b.jpg");
}

#[test]
fn malformed_requests_are_refused() {
    let served = Served::new(Limits::default());
    let form = "multipart/form-data; boundary=limit";
    let with_name = |name: &str| {
        format!("--limit\r\nContent-Disposition: form-data; filename={name}\r\n\r\nb\r\n--limit--")
    };
    for (path, kind, body) in [
        ("/predict?heat_map=yes", "image/png", ""),
        ("/predict?heatmap=true", "image/png", ""),
        ("/predict", "multipart/form-data", "--limit--"),
        ("/predict", "multipart/mixed; boundary=limit", "--limit--"),
        ("/predict", form, ""),
        ("/predict", form, "--limit--\r\n"),
        (
            "/predict",
            form,
            "--limit\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--limit--",
        ),
        ("/predict", form, "--limit\r\nContent-Disposition: form-data; filename=a\r\n\r\nb\r\n"),
        ("/predict", form, &with_name(&"a".repeat(1025))),
        ("/predict", form, &with_name(&"a".repeat(100_000))),
    ] {
        served.post(path, kind, body.as_bytes()).expect_refusal(400);
    }
    let compressed = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    served.ask(compressed).expect_refusal(415);
    assert_eq!(served.ask("no HTTP at all\r\n\r\n").status, 400);
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 17));
    assert_eq!(served.ask(long).status, 431);
}

#[test]
fn foreign_hosts_and_cross_origin_requests_are_refused() {
    let served = Served::new(Limits::default());
    let ask = |header: &str| {
        let image = image(1);
        let head = format!(
            "POST /predict HTTP/1.1\r\n{header}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            image.len()
        );
        served.ask([head.as_bytes(), &image].concat())
    };
    let port = served.address.port();
    for ours in [
        &*format!("Host: localhost:{port}"),
        &format!("Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}"),
        "Host: images.example\r\nOrigin: https://images.example",
    ] {
        assert_eq!(ask(ours).status, 200, "{ours}");
    }
    ask("Host: evil.example").expect_refusal(421);
    ask("X: y").expect_refusal(400);
    ask(&format!("Host: localhost:{port}\r\nOrigin: http://localhost:1")).expect_refusal(403);
    ask(&format!("Host: localhost:{port}\r\nOrigin: null")).expect_refusal(403);
}

#[test]
fn unread_body_is_answered_with_connection_close() {
    let served = Served::new(Limits::default());
    let head = |host: &str| {
        format!("POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Length: 200000\r\n\r\n")
    };
    let not_read = served.ask(head("evil.example") + &"x".repeat(200_000)).expect_refusal(421);
    assert!(not_read.header.contains("connection: close"), "{not_read:?}");
    let read = head("localhost") + &"x".repeat(200_000);
    let last = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answers = served.ask(read + last);
    assert_eq!(answers.status, 422);
    for status in ["HTTP/1.1 404", "HTTP/1.1 200"] {
        assert_eq!(answers.body.matches(status).count(), 1, "{answers:?}");
    }
}

#[test]
fn oversized_bodies_and_too_many_files_are_refused() {
    let served = Served::new(Limits { body: 10_000, files: 3, ..Limits::default() });
    let head = "POST /predict HTTP/1.1\r\nHost: localhost\r\n";
    // The body is neither sent nor requested.
    let huge = format!("{head}Expect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n");
    served.ask(huge).expect_refusal(413);
    served.post("/predict", "image/png", &[0; 10_001]).expect_refusal(413);
    served.post("/predict", "image/png", &[0; 10_000]).expect_refusal(422);
    // Without a length, the limit is detected while the body arrives.
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    let chunks = |count| ["1000\r\n", &"x".repeat(4096), "\r\n"].concat().repeat(count);
    served.ask(format!("{chunked}{}", chunks(200))).expect_refusal(413);
    let fits = format!(
        "{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunks(2)
    );
    served.ask(fits).expect_refusal(422);

    let image = image(1);
    let files = [("1.png", &image[..]); 4];
    assert_eq!(served.post_files("/predict", &files[..3]).status, 200);
    let answer = served.post_files("/predict", &files).expect_refusal(413);
    assert!(answer.body.contains("at most 3"), "{answer:?}");
}

#[test]
fn port_in_use_and_invalid_host_are_errors() {
    let served = Served::new(Limits::default());
    let bind = |hosts| Server::bind(served.address, hosts, Limits::default()).expect_err("a fault");
    let in_use = bind(vec![]);
    assert!(matches!(in_use, ServeError::InUse(address) if address == served.address), "{in_use}");
    let no_name = bind(vec!["http://images.example".into()]);
    assert!(matches!(no_name, ServeError::Host(_)), "{no_name}");
}
