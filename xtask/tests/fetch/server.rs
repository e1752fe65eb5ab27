//! A web server that gives one answer to one request and is gone.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// What the server answers.
pub(crate) struct Response {
    status: u16,
    announced: Option<usize>,
    body: Vec<u8>,
}

impl Response {
    /// A page that is there.
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self { status: 200, announced: Some(body.len()), body: body.to_vec() }
    }

    /// An empty page with another status.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok(b"") }
    }

    /// The same with another `Content-Length`.
    pub(crate) fn announcing(self, length: usize) -> Self {
        Self { announced: Some(length), ..self }
    }

    /// The same without a `Content-Length`: the body ends where the connection does.
    pub(crate) fn announcing_nothing(self) -> Self {
        Self { announced: None, ..self }
    }

    fn answer(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let request = BufReader::new(connection.try_clone()?);
        for line in request.lines() {
            if line?.is_empty() {
                break;
            }
        }
        write!(connection, "HTTP/1.1 {} Status\r\nConnection: close\r\n", self.status)?;
        if let Some(length) = self.announced {
            write!(connection, "Content-Length: {length}\r\n")?;
        }
        connection.write_all(b"\r\n")?;
        connection.write_all(&self.body)
    }
}

/// Starts a server that answers the first request, whatever it asks for; returns its address.
pub(crate) fn serve(response: Response) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (connection, _) = listener.accept().unwrap();
        drop(listener);
        // A client that hangs up early is what some tests are about.
        let _ = response.answer(connection);
    });
    format!("http://{address}")
}

/// An address on this machine at which nobody listens.
pub(crate) fn unreachable_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
