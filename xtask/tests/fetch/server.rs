//! A web server that gives the answers of a script to as many requests and hangs up on all others.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the server answers.
pub(crate) struct Response {
    status: u16,
    announced: Option<usize>,
    headers: String,
    body: Vec<u8>,
    stalls: bool,
    tunnels: bool,
}

impl Response {
    /// A page that is there.
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

    /// An empty page with another status.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok(b"") }
    }

    /// The page from byte `start` on.
    pub(crate) fn rest_of(body: &[u8], start: usize) -> Self {
        let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
        let rest = Self { status: 206, ..Self::ok(&body[start..]) };
        rest.with_header("Content-Range", &range)
    }

    /// The page is elsewhere.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302).with_header("Location", to)
    }

    /// The same with a header more.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// The same, but the connection is closed after so many bytes of the body.
    pub(crate) fn dropped_after(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    /// The same, but after so many bytes of the body nothing comes any more.
    pub(crate) fn stalled_after(self, bytes: usize) -> Self {
        Self { stalls: true, ..self.dropped_after(bytes) }
    }

    /// The same without a `Content-Length`: the body ends where the connection does.
    pub(crate) fn announcing_nothing(self) -> Self {
        Self { announced: None, ..self }
    }

    /// The same at the end of a tunnel, as a proxy digs it.
    pub(crate) fn through_tunnel(self) -> Self {
        Self { tunnels: true, ..self }
    }

    /// Notes the request, with that for the tunnel if there is one, and answers it.
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
            // Until the other side is gone.
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

/// A server under way.
pub(crate) struct Server {
    /// Its address.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server that gives these answers in turn, whatever it is asked for.
    pub(crate) fn start(script: impl IntoIterator<Item = Response>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (script, seen): (Vec<_>, _) = (script.into_iter().collect(), Arc::clone(&requests));
        thread::spawn(move || {
            for response in script {
                let (connection, _) = listener.accept().unwrap();
                // A client that hangs up early is what some tests are about.
                let _ = response.answer(connection, &seen);
            }
            // The port stays taken, for otherwise another test's server might get it.
            for connection in listener.incoming() {
                drop(connection);
            }
        });
        Self { url, requests }
    }

    /// What it was asked, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Starts a server that answers the first request, whatever it asks for; returns its address.
pub(crate) fn serve(response: Response) -> String {
    Server::start([response]).url
}

/// An address on this machine at which nobody listens: no server gets so low a port by chance.
pub(crate) fn unreachable_address() -> String {
    "http://127.0.0.1:1".to_owned()
}
