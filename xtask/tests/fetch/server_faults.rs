//! Checks that no behavior of a server lets a wrong file land, for every pair of faults in sequence.

use std::fs;

use crate::server::{Response, Server, unreachable_address};
use crate::{WEIGHTS, weights_from};

const WRONG: &[u8] = b"pretrained_weights";

/// A name, and the answer to a request for the whole file or for the rest after its first third.
type Fault = (&'static str, fn() -> Response);

const FAULTS: [Fault; 12] = [
    ("drops the connection at a third", || Response::ok(WEIGHTS).dropped_after(6)),
    ("drops the connection at once", || Response::ok(WEIGHTS).dropped_after(0)),
    ("sends a wrong byte", || Response::ok(WRONG)),
    ("sends a wrong byte, then drops the connection", || Response::ok(WRONG).dropped_after(12)),
    ("has a shorter file", || Response::ok(&WEIGHTS[..7])),
    ("sends too much", || Response::ok(&[b'w'; 4096]).announcing_nothing()),
    ("ends early without a word", || Response::ok(&WEIGHTS[..6]).announcing_nothing()),
    ("sends the rest", || Response::rest_of(WEIGHTS, 6)),
    ("sends a wrong rest", || Response::rest_of(WRONG, 6)),
    ("has no such range", || Response::status(416)),
    ("is busy", || Response::status(503)),
    ("sends elsewhere, where nobody is", || Response::redirect(&unreachable_address())),
];

#[test]
fn no_pair_of_server_faults_saves_a_wrong_file() {
    for (first, first_answer) in FAULTS {
        for (second, second_answer) in FAULTS {
            let faults = format!("a server that {first}, then {second}");
            let server = Server::start([first_answer(), second_answer()]);
            let sandbox = weights_from(&server.url);
            let fetch = sandbox.run(&["fetch", "weights"]);
            let target = sandbox.data("weights/tiny.h5");
            if fetch.code == 0 {
                assert_eq!(fs::read(&target).unwrap(), WEIGHTS, "{faults}: {fetch:?}");
            } else {
                assert_eq!(fetch.code, 1, "{faults}: {fetch:?}");
                assert!(fetch.stderr.contains("\nhint: download "), "{faults}: {fetch:?}");
                assert!(!target.exists(), "{faults}: {fetch:?}");
            }

            let sound = Server::start([Response::ok(WEIGHTS)]);
            let again = sandbox.run(&["fetch", "weights", "--from", &sound.url]);
            assert_eq!(again.code, 0, "{faults}, then sound: {again:?}");
            assert_eq!(fs::read(&target).unwrap(), WEIGHTS, "{faults}, then sound: {again:?}");
            assert_eq!(sandbox.names_in("data/weights"), ["tiny.h5"], "{faults}");
        }
    }
}
