//! Clients that take their time: they are cut off, and others are served meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serve::Limits;

use crate::client::{Answer, Served, photograph};

/// Soon enough for a test, and late enough that a busy machine reads a request before.
const SOON: Duration = Duration::from_millis(300);

/// The beginning of a request whose body does not come.
const HALF: &str = "POST /predict HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n";

/// A request that is being read and whose body does not come.
fn half_sent(served: &Served) -> TcpStream {
    let mut stream = served.connect(HALF);
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).expect("to be asked for the body");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn a_header_that_does_not_come_ends_the_connection_and_others_are_served_meanwhile() {
    let served = Served::new(Limits { header_time: SOON, ..Limits::default() });
    let slow: Vec<_> = ["", "POST", "POST /predict HTTP/1.1\r\nHost: localhost\r\n"]
        .into_iter()
        .map(|sent| served.connect(sent))
        .collect();
    assert_eq!(served.post("/predict", "image/png", &photograph(1)).status, 200);
    for stream in slow {
        assert_eq!(Answer::of(stream).status, 0);
    }
}

#[test]
fn a_body_that_does_not_come_is_given_up_and_others_are_served_meanwhile() {
    let served = Served::new(Limits { body_time: SOON, ..Limits::default() });
    let slow = half_sent(&served);
    assert_eq!(served.post("/predict", "image/png", &photograph(1)).status, 200);
    let answer = Answer::of(slow).expect_refusal(408);
    assert!(answer.header.contains("connection: close"), "{answer:?}");
}

#[test]
fn a_body_waits_for_room_until_those_before_it_are_read_or_given_up() {
    let photograph = photograph(1);
    // Room for two of the slow ones, or for a photograph.
    let room = 2_048.max(photograph.len());
    let served = Served::new(Limits { body: room, room, body_time: SOON, ..Limits::default() });
    let slow = [half_sent(&served), half_sent(&served)];
    assert_eq!(served.post("/predict", "image/png", &photograph).status, 200);
    for stream in slow {
        Answer::of(stream).expect_refusal(408);
    }
}

#[test]
fn a_request_that_waits_for_room_for_too_long_is_told_to_come_again() {
    let served = Served::new(Limits {
        body: 1_024,
        room: 1_024,
        answer_time: 3 * SOON,
        ..Limits::default()
    });
    let slow = half_sent(&served);
    let answer = served.post("/predict", "image/png", b"no picture").expect_refusal(503);
    assert!(answer.header.contains("retry-after: 60"), "{answer:?}");
    drop(slow);
    served.post("/predict", "image/png", b"no picture").expect_refusal(422);
}

#[test]
fn further_connections_wait_until_one_ends() {
    let served = Served::new(Limits { connections: 1, header_time: SOON, ..Limits::default() });
    let idle = served.connect("");
    assert_eq!(served.get("/health").status, 200);
    assert_eq!(Answer::of(idle).status, 0);
}

#[test]
fn a_client_that_takes_nothing_of_its_answers_is_cut_off() {
    let served = Served::new(Limits { write_time: SOON, ..Limits::default() });
    let mut stream = served.connect("");
    let request = "GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    // It is the end of the connection that ends this.
    while stream.write_all(request.as_bytes()).is_ok() {}
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn a_server_that_stops_ends_what_is_under_way_and_takes_nothing_more() {
    let served = Served::new(Limits::default());
    let address = served.address;
    let idle = served.connect("");
    let mut stream = half_sent(&served);
    let stopping = thread::spawn(move || served.stop());
    assert_eq!(Answer::of(idle).status, 0);
    // It is stopping, as the idle connection has been closed.
    assert!(TcpStream::connect(address).is_err());
    stream.write_all(&[0; 1_000]).expect("a server that reads");
    Answer::of(stream).expect_refusal(422);
    stopping.join().expect("no panic");
}

#[test]
fn what_is_not_done_in_time_does_not_keep_a_server_from_stopping() {
    let served = Served::new(Limits { stop_time: SOON, ..Limits::default() });
    let stream = half_sent(&served);
    served.stop();
    assert_eq!(Answer::of(stream).status, 0);
}
