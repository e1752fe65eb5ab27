//! A client that sends requests of every kind in turn and checks the status of each answer.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};

use super::image::image;

/// Timeout of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Boundary between the parts of a form.
const BOUNDARY: &str = "a-boundary-that-is-in-no-image";

/// Content type of a single image.
const OCTETS: &str = "application/octet-stream";

/// Kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Image,
    WithHeatMap,
    Form,
    NotAnImage,
    Sharding,
    Empty,
    OtherHost,
    Huge,
}

/// Order in which a client sends the kinds. Three in five are valid.
const ORDER: [Kind; 15] = {
    use Kind::*;
    [
        Image,
        NotAnImage,
        WithHeatMap,
        Image,
        Sharding,
        Form,
        Image,
        OtherHost,
        WithHeatMap,
        Empty,
        Image,
        Image,
        Huge,
        Image,
        Sharding,
    ]
};

impl Kind {
    /// Returns the status that the server must answer with.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Image | Self::WithHeatMap | Self::Form => 200,
            Self::NotAnImage | Self::Sharding | Self::Empty => 422,
            Self::OtherHost => 421,
            Self::Huge => 413,
        }
    }

    /// Returns a short description.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Image => "an image",
            Self::WithHeatMap => "an image, with a heat map",
            Self::Form => "two images and a truncated one",
            Self::NotAnImage => "not an image",
            Self::Sharding => "a truncated image",
            Self::Empty => "nothing",
            Self::OtherHost => "an image for another host",
            Self::Huge => "a length of a gigabyte",
        }
    }
}

/// A request that was answered with the right status.
pub(crate) struct Answered {
    pub(crate) kind: Kind,
    pub(crate) took: Duration,
    /// Phase in which it was answered.
    pub(crate) phase: u8,
}

/// Number of addresses that clients come from.
const ADDRESSES: usize = 16;

/// A client with its image.
pub(crate) struct Client {
    address: SocketAddr,
    number: usize,
    image: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, number: usize) -> Self {
        // Different sizes, so that the server allocates different amounts of memory.
        let side = 200 + 40 * (number % 8) as u32;
        Self { address, number, image: image(side * 4 / 3, side, number as u32) }
    }

    /// Sends requests until `stop` is true, and returns the answered ones. The connection is reused while the server
    /// keeps it open.
    ///
    /// # Errors
    /// Returns an error if an answer has the wrong status.
    pub(crate) fn run(&self, stop: &AtomicBool, phase: &AtomicU8) -> Result<Vec<Answered>> {
        let mut answered = vec![];
        let mut connection = None;
        // All clients begin alike, so that the largest possible batches come before memory is measured.
        let begin = [Kind::WithHeatMap, Kind::Image].into_iter();
        for kind in begin.chain(ORDER.into_iter().cycle().skip(self.number)) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let begin = Instant::now();
            self.expect(&mut connection, kind)?;
            let phase = phase.load(Ordering::Relaxed);
            answered.push(Answered { kind, took: begin.elapsed(), phase });
        }
        Ok(answered)
    }

    /// Sends one request of each kind.
    ///
    /// # Errors
    /// Returns an error if an answer has the wrong status.
    pub(crate) fn ask_each(&self) -> Result<()> {
        let kinds: BTreeSet<Kind> = ORDER.into_iter().collect();
        kinds.into_iter().try_for_each(|kind| self.expect(&mut None, kind))
    }

    /// Sends a request and checks that its answer has the right status.
    fn expect(&self, connection: &mut Option<BufReader<TcpStream>>, kind: Kind) -> Result<()> {
        let (status, stays) = self
            .ask(connection, kind)
            .with_context(|| format!("client {} sent {}", self.number, kind.about()))?;
        ensure!(
            status == kind.status(),
            "client {} sent {}, expected the status {}, found {status}",
            self.number,
            kind.about(),
            kind.status()
        );
        if !stays {
            *connection = None;
        }
        Ok(())
    }

    /// Returns the status of the answer, and true if the connection stays open.
    fn ask(
        &self,
        connection: &mut Option<BufReader<TcpStream>>,
        kind: Kind,
    ) -> Result<(u16, bool)> {
        let connection = match connection {
            Some(open) => open,
            None => {
                let stream = connect(self.address, [127, 0, 1, (self.number % ADDRESSES) as u8])?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                connection.insert(BufReader::new(stream))
            }
        };
        connection.get_mut().write_all(&self.request(kind))?;
        read_answer(connection)
    }

    fn request(&self, kind: Kind) -> Vec<u8> {
        let whole = &self.image[..];
        let cut = &whole[..whole.len() / 2];
        let (content, form) = match kind {
            Kind::Form => form(&[whole, cut, whole]),
            _ => (OCTETS.into(), vec![]),
        };
        let body: &[u8] = match kind {
            Kind::Form => &form,
            Kind::NotAnImage => b"no image",
            Kind::Sharding => cut,
            Kind::Empty | Kind::Huge => b"",
            Kind::Image | Kind::WithHeatMap | Kind::OtherHost => whole,
        };
        let query = if kind == Kind::WithHeatMap { "?heat_map=true" } else { "" };
        let host = if kind == Kind::OtherHost { "images.example" } else { "localhost" };
        let length = if kind == Kind::Huge { 1_000_000_000 } else { body.len() };
        let header = format!(
            "POST /predict{query} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content}\r\nContent-Length: {length}\r\n\r\n"
        );
        [header.as_bytes(), body].concat()
    }
}

/// Connects from another address of this computer, by which the server tells clients apart. Only Linux has several
/// loopback addresses by default.
pub(crate) fn connect(server: SocketAddr, from: [u8; 4]) -> std::io::Result<TcpStream> {
    if !cfg!(target_os = "linux") {
        return TcpStream::connect(server);
    }
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}

/// Returns the content type and the bytes of a form with these files.
pub(crate) fn form(files: &[&[u8]]) -> (String, Vec<u8>) {
    let mut body = vec![];
    for file in files {
        let header = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"1.png\"\r\n\r\n"
        );
        body.extend([header.as_bytes(), file, b"\r\n"].concat());
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

/// Reads an answer to its end. Returns its status, and true if the connection stays open.
fn read_answer(connection: &mut impl BufRead) -> Result<(u16, bool)> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status =
        status.with_context(|| format!("expected a status, found `{}`", line.trim_end()))?;
    let (mut length, mut stays) = (0, true);
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        match header.split_once(": ") {
            Some(("content-length", value)) => length = value.parse()?,
            Some(("connection", "close")) => stays = false,
            None if header.is_empty() => break,
            _ => {}
        }
    }
    let read = std::io::copy(&mut connection.take(length), &mut std::io::sink())?;
    ensure!(read == length, "expected {length} bytes, found {read}");
    Ok((status, stays))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_separated_on_one_connection() {
        let mut answers = &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"[..];
        assert_eq!(read_answer(&mut answers).unwrap(), (200, true));
        assert_eq!(read_answer(&mut answers).unwrap(), (413, false));
        assert!(read_answer(&mut answers).is_err());
        assert!(read_answer(&mut &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfir"[..]).is_err());
    }
}
