//! Hostile clients, with one address per kind. Answers to them do not matter, only their effect on the other clients.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::Duration;

use super::client::{connect, form};
use super::image::{bomb, image};

/// Timeout of a write, after which a client reconnects.
const PATIENCE: Duration = Duration::from_secs(20);

/// Attack of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Sends small files that declare too many pixels, or just as many as the server accepts.
    PixelBombs,
    /// Announces the longest body and sends one byte of it.
    IdleUploads,
    /// Sends images as fast as it can.
    Flood,
    /// Sends the maximum number of tiny files in one request.
    TinyFiles,
    /// Asks for heat maps, and does not read the answers.
    SlowReaders,
}

/// Kinds, and the number of connections of each.
const KINDS: [(Kind, usize); 5] = [
    (Kind::PixelBombs, 8),
    (Kind::IdleUploads, 64),
    (Kind::Flood, 64),
    (Kind::TinyFiles, 16),
    (Kind::SlowReaders, 16),
];

/// Returns the number of connections of all kinds.
pub(crate) fn connections() -> usize {
    KINDS.iter().map(|(_, count)| count).sum()
}

/// Starts all clients. They end once `stop` is true.
pub(crate) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    server: SocketAddr,
    stop: &'scope AtomicBool,
) {
    for (number, (kind, count)) in (1..).zip(KINDS) {
        for _ in 0..count {
            scope.spawn(move || {
                let requests = kind.requests();
                for request in requests.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    if kind.harm(server, number, request, stop).is_err() {
                        // A refused or closed connection is expected. The client soon tries again.
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
    }
}

impl Kind {
    /// Returns the requests that the client sends in turn.
    fn requests(self) -> Vec<Vec<u8>> {
        match self {
            Self::PixelBombs => {
                // The server accepts 24.9 megapixels, also as 9 rows, and refuses 108.
                [(4_990, 4_990), (2_700_000, 9), (12_000, 9_000)]
                    .map(|(width, height)| post("", "", &bomb(width, height)))
                    .into()
            }
            Self::IdleUploads => {
                vec![b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\nx".to_vec()]
            }
            Self::Flood => vec![post("", "", &image(320, 240, 1))],
            Self::TinyFiles => {
                let tiny = image(4, 4, 1);
                let (kind, body) = form(&[&tiny[..]; 32]);
                vec![post("", &kind, &body)]
            }
            Self::SlowReaders => {
                vec![post("?heat_map=true", "", &image(160, 120, 1)).repeat(64)]
            }
        }
    }

    /// Sends a request from the kind's address, and waits for the answer or the end of the connection.
    fn harm(
        self,
        server: SocketAddr,
        number: u8,
        request: &[u8],
        stop: &AtomicBool,
    ) -> std::io::Result<()> {
        let mut stream = connect(server, [127, 0, 2, number])?;
        stream.set_write_timeout(Some(PATIENCE))?;
        match self {
            Self::SlowReaders => {
                stream.set_write_timeout(Some(Duration::from_millis(200)))?;
                let mut sent = 0;
                while !stop.load(Ordering::Relaxed) {
                    let rest = &request[sent % request.len()..];
                    match stream.write(rest) {
                        Ok(0) => break,
                        Ok(length) => sent += length,
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
            _ => {
                stream.write_all(request)?;
                wait(&mut stream, stop)
            }
        }
    }
}

/// Waits for the end of a connection, or until `stop` is true.
fn wait(stream: &mut TcpStream, stop: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut buffer = [0; 1 << 12];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns a request after which the server closes the connection, unless it asks for a heat map.
fn post(query: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let close = if query.is_empty() { "Connection: close\r\n" } else { "" };
    let header = format!(
        "POST /predict{query} HTTP/1.1\r\nHost: localhost\r\n{close}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [header.as_bytes(), body].concat()
}
