//! A web server that answers as many requests as its script has answers, and closes all other connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// An answer of the server.
pub(crate) struct Response {
    status: u16,
    announced: Option<usize>,
    headers: String,
    body: Vec<u8>,
    stalls: bool,
    tunnels: bool,
}

impl Response {
    /// Returns an answer with status 200 and this body.
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self {
            status: 200,
            announced: Some(body.len()),
            headers: String::new(),
            body: body.to_vec(),
            stalls: false,
            tunnels: false,
        }
    }

    /// Returns an answer with this status and an empty body.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok(b"") }
    }

    /// Returns an answer with the part of the body from byte `start`.
    pub(crate) fn rest_of(body: &[u8], start: usize) -> Self {
        let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
        let rest = Self { status: 206, ..Self::ok(&body[start..]) };
        rest.with_header("Content-Range", &range)
    }

    /// Returns a redirect to another address.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302).with_header("Location", to)
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// Closes the connection after this number of bytes of the body.
    pub(crate) fn dropped_after(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    /// Sends no more data after this number of bytes of the body, but leaves the connection open.
    pub(crate) fn stalled_after(self, bytes: usize) -> Self {
        Self { stalls: true, ..self.dropped_after(bytes) }
    }

    /// Removes `Content-Length`: the body ends with the connection.
    pub(crate) fn announcing_nothing(self) -> Self {
        Self { announced: None, ..self }
    }

    /// Answers through a tunnel, as a proxy does.
    pub(crate) fn through_tunnel(self) -> Self {
        Self { tunnels: true, ..self }
    }

    /// Records the request, with the one for the tunnel if it has one, and answers it.
    fn answer(&self, mut connection: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
        let mut reader = BufReader::new(connection.try_clone()?);
        let mut request = read_request(&mut reader)?;
        if self.tunnels {
            connection.write_all(b"HTTP/1.1 200 Status\r\n\r\n")?;
            request += &read_request(&mut reader)?;
        }
        seen.lock().unwrap().push(request);
        write!(connection, "HTTP/1.1 {} Status\r\nConnection: close\r\n", self.status)?;
        if let Some(length) = self.announced {
            write!(connection, "Content-Length: {length}\r\n")?;
        }
        write!(connection, "{}\r\n", self.headers)?;
        connection.write_all(&self.body)?;
        if self.stalls {
            // Waits until the client closes the connection.
            reader.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    }
}

fn read_request(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request)? > 0 {}
    Ok(request.to_lowercase())
}

/// A running server.
pub(crate) struct Server {
    /// Address of the server.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server that gives these answers in turn, whatever the requests are.
    pub(crate) fn start(script: impl IntoIterator<Item = Response>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (script, seen): (Vec<_>, _) = (script.into_iter().collect(), Arc::clone(&requests));
        thread::spawn(move || {
            for response in script {
                let (connection, _) = listener.accept().unwrap();
                // Some tests have clients that close the connection early.
                let _ = response.answer(connection, &seen);
            }
            // The port stays in use, so that no other test's server can get it.
            for connection in listener.incoming() {
                drop(connection);
            }
        });
        Self { url, requests }
    }

    /// Returns the requests, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Starts a server that answers one request, whatever it is. Returns the server's address.
pub(crate) fn serve(response: Response) -> String {
    Server::start([response]).url
}

/// Returns an address on this machine at which no server listens: ports this low are never assigned by chance.
pub(crate) fn unreachable_address() -> String {
    "http://127.0.0.1:1".to_owned()
}
