//! Object store: a local HTTP server that answers like S3. It breaks off the first answer to each request, and stops
//! answering after a given number of requests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::TestDir;

/// Total length in `content-range` headers, for which the client expects a number.
const TOTAL: u64 = 1 << 40;

/// Number of objects per page of a listing.
const PAGE: usize = 10;

/// Objects of the only bucket, and number of times that each request was received.
#[derive(Default)]
pub(super) struct Store {
    pub(super) objects: BTreeMap<String, Vec<u8>>,
    /// Limit on answers, if any.
    silence: Option<Silence>,
    /// Parts of the current upload, if any.
    parts: Option<BTreeMap<String, Vec<u8>>>,
    pub(super) asked: BTreeMap<String, usize>,
}

/// Limit on the number of requests that are answered.
struct Silence {
    /// Number of requests for objects that are still answered.
    left: usize,
    /// Connections that wait for an answer.
    waiting: Vec<TcpStream>,
    /// Channel for a message about each of them.
    unanswered: Sender<()>,
}

impl Store {
    /// Stops answering after `count` requests for objects. Returns a channel that receives a message for each further
    /// request once it has arrived.
    pub(super) fn silent_after(&mut self, count: usize) -> Receiver<()> {
        let (unanswered, receiver) = channel();
        self.silence = Some(Silence { left: count, waiting: vec![], unanswered });
        receiver
    }

    /// Answers all further requests, and closes the connections that wait.
    pub(super) fn answer_again(&mut self) {
        self.silence = None;
    }

    /// Returns the status and the content of an answer.
    fn answer(
        &mut self,
        method: &str,
        target: &str,
        range: &str,
        content: Vec<u8>,
    ) -> (u16, Vec<u8>) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let name = path.trim_start_matches("/bucket").trim_start_matches('/').to_owned();
        let of_query = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
        match (method, name.as_str()) {
            ("GET", "") => {
                let [prefix, after, token] = ["prefix=", "start-after=", "continuation-token="]
                    .map(|name| of_query(name).unwrap_or_default().replace("%2F", "/"));
                (200, self.list(&prefix, after.max(token).as_str()).into_bytes())
            }
            ("GET" | "HEAD", name) => match self.objects.get(name) {
                None => (404, b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
                Some(object) => {
                    match range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) {
                        Some((start, last)) => {
                            let [start, last] =
                                [start, last].map(|at| at.parse().expect("a number"));
                            (206, object[start..=last].to_vec())
                        }
                        None => (200, object.clone()),
                    }
                }
            },
            ("PUT", name) => {
                match (&mut self.parts, of_query("partNumber=")) {
                    (Some(parts), Some(number)) => parts.insert(format!("{number:0>5}"), content),
                    _ => self.objects.insert(name.into(), content),
                };
                (200, vec![])
            }
            ("POST", _) if of_query("uploadId=").is_none() => {
                self.parts = Some(BTreeMap::new());
                (200, b"<R><UploadId>1</UploadId></R>".to_vec())
            }
            ("POST", name) => match self.parts.take() {
                // The upload is already complete.
                None => (404, b"<Error><Code>NoSuchUpload</Code></Error>".to_vec()),
                Some(parts) => {
                    self.objects.insert(name.into(), parts.into_values().flatten().collect());
                    (200, b"<R><ETag>\"1\"</ETag></R>".to_vec())
                }
            },
            _ => (204, vec![]),
        }
    }

    /// Adds the files in a folder as objects.
    pub(super) fn take(&mut self, workplace: &TestDir, folder: &str) {
        for (path, content) in workplace.contents(folder) {
            let name = path.strip_prefix(workplace.path("")).expect("a path in it");
            let name = name.to_str().expect("text").replace('\\', "/");
            self.objects.extend(content.map(|content| (name, content)));
        }
    }

    /// Returns a page of the objects whose names begin with `prefix` and follow `after`.
    fn list(&self, prefix: &str, after: &str) -> String {
        let wanted =
            |(name, _): &(&String, &Vec<u8>)| name.starts_with(prefix) && name.as_str() > after;
        let mut rest = self.objects.iter().filter(wanted);
        let page: Vec<_> = rest.by_ref().take(PAGE).collect();
        let next = rest.next().and(page.last()).map(|(name, _)| {
            format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{name}</NextContinuationToken>")
        });
        let entry = |(name, object): (&String, &Vec<u8>)| {
            let length = object.len();
            format!(
                "<Contents><Key>{name}</Key><Size>{length}</Size><LastModified>2024-01-01T00:00:00Z</LastModified></Contents>"
            )
        };
        let entries: String = page.into_iter().map(entry).collect();
        format!("<R>{}{entries}</R>", next.unwrap_or_default())
    }

    /// Reads a request and sends the answer. The first time, sends only half of it.
    fn serve(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut line, mut headers) = (String::new(), BTreeMap::new());
        // A client that is stopped may close the connection without a request.
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split(' ').map(str::to_owned);
        let [method, target] = [(); 2].map(|()| words.next().expect("a request"));
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let header = |name: &str| headers.get(name).map_or("", String::as_str);
        let mut content = vec![0; header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut content)?;
        if target.starts_with("/bucket/") {
            match &mut self.silence {
                Some(silence) if silence.left == 0 => {
                    silence.waiting.push(stream);
                    // The test may no longer count them.
                    _ = silence.unanswered.send(());
                    return Ok(());
                }
                Some(silence) => silence.left -= 1,
                None => {}
            }
        }
        let range = header("range");
        let (status, content) = self.answer(&method, &target, range, content);
        let asked = self.asked.entry(format!("{method} {target}")).or_default();
        *asked += 1;
        // Simulates a store that fails right after it has completed the upload, which it can't repeat.
        if *asked == 1 && target.contains("uploadId=") && method == "POST" {
            return Ok(());
        }
        let length = content.len();
        let sent = match (method.as_str(), &asked) {
            ("HEAD", _) => 0,
            (_, 1) => length / 2,
            _ => length,
        };
        write!(
            stream,
            "HTTP/1.1 {status} As Asked\r\ncontent-length: {length}\r\nconnection: close\r\netag: \"1\"\r\n\
            last-modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
        )?;
        if let Some(range) = range.strip_prefix("bytes=") {
            write!(stream, "content-range: bytes {range}/{TOTAL}\r\n")?;
        }
        write!(stream, "\r\n")?;
        stream.write_all(&content[..sent])
    }
}

/// Starts a store with a bucket named `bucket`, which holds the images of `workplace` below `photos`. Returns the store
/// and its address.
pub(super) fn store_with_photos(workplace: &TestDir) -> (Arc<Mutex<Store>>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let mut store = Store::default();
    store.take(workplace, "photos");
    let store = Arc::new(Mutex::new(store));
    let served = store.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A client may close the connection before the end of the answer.
            _ = served.lock().expect("no panics").serve(stream.expect("a connection"));
        }
    });
    (store, address)
}
