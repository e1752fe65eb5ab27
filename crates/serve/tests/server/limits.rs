//! Tests of slow clients: they are cut off, and others are served meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serve::{Limits, MinRate, ServeError, Server};

use crate::client::{Answer, Served, explainer, image};

/// Time limit that is short enough for a test, and long enough for a busy machine to read a request.
const SOON: Duration = Duration::from_millis(300);

/// Beginning of a request whose body does not arrive.
const HALF: &str = "POST /predict HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n";

/// Returns a connection with a request that is being read and whose body does not arrive.
fn half_sent(served: &Served) -> TcpStream {
    let mut stream = served.connect(HALF);
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).expect("to be asked for the body");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn header_timeout_closes_the_connection_without_blocking_others() {
    let served = Served::new(Limits { header_time: SOON, ..Limits::default() });
    let slow: Vec<_> = ["", "POST", "POST /predict HTTP/1.1\r\nHost: localhost\r\n"]
        .into_iter()
        .map(|sent| served.connect(sent))
        .collect();
    assert_eq!(served.post("/predict", "image/png", &image(1)).status, 200);
    for stream in slow {
        assert_eq!(Answer::of(stream).status, 0);
    }
}

#[test]
fn body_timeout_returns_408_without_blocking_others() {
    let served = Served::new(Limits { body_time: SOON, ..Limits::default() });
    let slow = half_sent(&served);
    assert_eq!(served.post("/predict", "image/png", &image(1)).status, 200);
    let answer = Answer::of(slow).expect_refusal(408);
    assert!(answer.header.contains("connection: close"), "{answer:?}");
}

#[test]
fn body_below_the_minimum_rate_returns_408() {
    let upload = MinRate { bytes: 500, window: SOON };
    let served = Served::new(Limits { upload, ..Limits::default() });
    let mut slow = half_sent(&served);
    slow.write_all(&[0; 499]).expect("a server that reads");
    let answer = Answer::of(slow).expect_refusal(408);
    assert!(answer.body.contains("499 bytes of the request arrived"), "{answer:?}");
}

#[test]
fn content_length_alone_reserves_no_memory() {
    let served = Served::new(Limits { answer_time: 10 * SOON, ..Limits::default() });
    let idle: Vec<_> = (0..24)
        .map(|_| {
            let mut stream = served.connect(HALF.replace("1000", "32000000"));
            stream.read_exact(&mut [0; 25]).expect("to be asked for the body");
            stream
        })
        .collect();
    assert_eq!(served.post("/predict", "image/png", &image(1)).status, 200);
    drop(idle);
}

#[test]
fn client_over_its_memory_share_gets_503_with_retry_after() {
    let body = 1 << 20;
    let served = Served::with_least_room(Limits { body, files: 1, ..Limits::default() });
    let header = HALF.replace("Expect: 100-continue", "Connection: close");
    let header = header.replace("1000", &body.to_string());
    let half = [header.as_bytes(), &vec![0; body - 1]].concat();
    let mut streams = [(); 2].map(|()| served.connect(&half));
    let (sender, answers) = mpsc::channel();
    for (at, stream) in streams.iter().enumerate() {
        let (stream, sender) = (stream.try_clone().expect("a connection"), sender.clone());
        thread::spawn(move || sender.send((at, Answer::of(stream))));
    }
    // Both requests grow until one of them is refused, which leaves enough memory for the other.
    let (refused, answer) = answers.recv().expect("an answer");
    let answer = answer.expect_refusal(503);
    assert!(answer.header.contains("retry-after: 1\r\n"), "{answer:?}");
    streams[1 - refused].write_all(&[0]).expect("a server that reads");
    let (_, answer) = answers.recv().expect("an answer");
    answer.expect_refusal(422);
    served.post("/predict", "image/png", &vec![0; body]).expect_refusal(422);
}

#[test]
fn server_with_too_little_memory_does_not_start() {
    let explainer = explainer();
    let least = Limits::default().least_room(explainer.card());
    let limits = Limits { room: Some(least - 1), ..Limits::default() };
    let server = Server::bind(([127, 0, 0, 1], 0).into(), vec![], limits).expect("a free port");
    let error = server.start("stripes", explainer).expect_err("too little memory");
    let ServeError::Room { given, least: expected } = error else { panic!("{error}") };
    assert_eq!((given, expected), (least - 1, least));
}

#[test]
fn client_over_its_connection_share_can_read_the_503() {
    let served = Served::new(Limits { connections: 2, ..Limits::default() });
    let idle = served.connect("");
    let body = 1 << 20;
    let header =
        format!("POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {body}\r\n\r\n");
    let answer = served.ask([header.as_bytes(), &vec![0; body]].concat()).expect_refusal(503);
    assert!(answer.header.contains("retry-after: 1"), "{answer:?}");
    drop(idle);
}

#[test]
fn connections_over_the_limit_wait_until_one_ends() {
    let served = Served::new(Limits { connections: 1, header_time: SOON, ..Limits::default() });
    let idle = served.connect("");
    assert_eq!(served.get("/health").status, 200);
    assert_eq!(Answer::of(idle).status, 0);
}

#[test]
fn client_that_reads_no_responses_is_disconnected() {
    let download = MinRate { bytes: 1, window: SOON };
    let served = Served::new(Limits { download, ..Limits::default() });
    let mut stream = served.connect("");
    let request = "GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    // The loop ends once the server closes the connection.
    while stream.write_all(request.as_bytes()).is_ok() {}
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn client_that_reads_responses_slowly_is_disconnected() {
    let download = MinRate { bytes: usize::MAX, window: SOON };
    let served = Served::new(Limits { download, ..Limits::default() });
    let mut stream = served.connect("");
    let mut answers = stream.try_clone().expect("a connection");
    let reading = thread::spawn(move || while answers.read(&mut [0]).is_ok_and(|read| read > 0) {});
    let request = "GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    // The loop ends once the server closes the connection.
    while stream.write_all(request.as_bytes()).is_ok() {}
    reading.join().expect("no panic");
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn sending_after_the_last_response_does_not_block_others() {
    let served = Served::new(Limits::default());
    let header =
        "POST /predict HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 30000000000\r\n\r\n";
    let mut streams: Vec<TcpStream> = (0..4).map(|_| served.connect(header)).collect();
    thread::scope(|scope| {
        for stream in &mut streams {
            // The server discards some more bytes and then closes the connection.
            scope.spawn(move || while stream.write_all(&[0; 1 << 16]).is_ok() {});
        }
        for _ in 0..20 {
            assert_eq!(served.get("/health").status, 200);
        }
    });
}

#[test]
fn shutdown_finishes_open_requests_and_accepts_no_new_ones() {
    let served = Served::new(Limits::default());
    let address = served.address;
    let idle = served.connect("");
    let mut stream = half_sent(&served);
    let stopping = thread::spawn(move || served.stop());
    assert_eq!(Answer::of(idle).status, 0);
    // The idle connection was closed, so the server is stopping.
    assert!(TcpStream::connect(address).is_err());
    stream.write_all(&[0; 1_000]).expect("a server that reads");
    Answer::of(stream).expect_refusal(422);
    stopping.join().expect("no panic");
}

#[test]
fn shutdown_timeout_ends_unfinished_requests() {
    let served = Served::new(Limits { stop_time: SOON, ..Limits::default() });
    let stream = half_sent(&served);
    served.stop();
    assert_eq!(Answer::of(stream).status, 0);
}
