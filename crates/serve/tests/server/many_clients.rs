//! Tests of several clients at once: one client can't use up the resources of another.

use std::sync::mpsc;
use std::thread;

use serve::Limits;

use crate::client::{Answer, Served, form, image};

fn request(kind: &str, body: &[u8]) -> Vec<u8> {
    let header = format!(
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [header.as_bytes(), body].concat()
}

#[test]
fn one_client_gets_at_most_half_of_the_connections() {
    let served = Served::new(Limits { connections: 8, ..Limits::default() });
    let idle: Vec<_> = (0..4).map(|_| served.connect_from(2, "")).collect();
    let refused = Answer::of(served.connect_from(2, "")).expect_refusal(503);
    assert!(refused.header.contains("retry-after: 1"), "{refused:?}");
    let answer = Answer::of(served.connect_from(3, request("image/png", &image(1))));
    assert_eq!(answer.status, 200);
    drop(idle);
}

#[test]
fn client_at_its_memory_share_does_not_block_others() {
    let body = 1 << 20;
    let served = Served::with_least_room(Limits { body, files: 1, ..Limits::default() });
    let part = |length| {
        let header =
            format!("POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {body}\r\n\r\n");
        [header.as_bytes(), &vec![0; length]].concat()
    };
    let _first = served.connect_from(2, part(body - 1));
    // One of two requests that arrive at once is refused, whichever the server reads first.
    let second = served.connect_from(2, part(body - 1));
    let answer = Answer::of(served.connect_from(3, request("image/png", &image(1))));
    assert_eq!(answer.status, 200);
    drop(second);
}

#[test]
fn another_client_is_answered_before_a_flood_completes() {
    let served = Served::new(Limits::default());
    let image = image(1);
    let many = request("multipart/form-data; boundary=limit", &form(&[("1.png", &image[..]); 32]));
    let (done, order) = mpsc::channel();
    let flood: Vec<_> = (0..20).map(|_| served.connect_from(2, &many)).collect();
    let answer = served.connect_from(3, request("image/png", &image));
    thread::scope(|scope| {
        for (client, stream) in flood.into_iter().map(|stream| (2, stream)).chain([(3, answer)]) {
            let done = done.clone();
            scope.spawn(move || {
                assert_eq!(Answer::of(stream).status, 200);
                done.send(client).expect("a receiver");
            });
        }
    });
    let order: Vec<u8> = order.try_iter().collect();
    assert_eq!(order.len(), 21);
    assert!(order.iter().position(|client| *client == 3) < Some(20), "{order:?}");
}
