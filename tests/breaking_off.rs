//! An object store whose answers break off or do not come: every one, the first time that it is asked for. The
//! store is a few lines on this machine; nothing leaves it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::permafrost::{Done, Workplace};

/// What an object's length is said to be beside a range of it: someone wants a number.
const TOTAL: u64 = 1 << 40;

/// What lies in the one bucket, and how often what was asked for.
#[derive(Default)]
struct Store {
    objects: BTreeMap<String, Vec<u8>>,
    /// The parts of the one upload, while there is one.
    parts: Option<BTreeMap<String, Vec<u8>>>,
    asked: BTreeMap<String, usize>,
}

impl Store {
    /// The status and the content of an answer.
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
            ("GET", "") => (200, self.list().into_bytes()),
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
                // It is complete already.
                None => (404, b"<Error><Code>NoSuchUpload</Code></Error>".to_vec()),
                Some(parts) => {
                    self.objects.insert(name.into(), parts.into_values().flatten().collect());
                    (200, b"<R><ETag>\"1\"</ETag></R>".to_vec())
                }
            },
            _ => (204, vec![]),
        }
    }

    fn list(&self) -> String {
        let entry = |(name, object): (&String, &Vec<u8>)| {
            let length = object.len();
            format!(
                "<Contents><Key>{name}</Key><Size>{length}</Size><LastModified>2024-01-01T00:00:00Z</LastModified></Contents>"
            )
        };
        format!("<R>{}</R>", self.objects.iter().map(entry).collect::<String>())
    }

    /// Hears a request and answers it, or half of it the first time.
    fn serve(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut line, mut headers) = (String::new(), BTreeMap::new());
        reader.read_line(&mut line)?;
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
        let range = header("range");
        let (status, content) = self.answer(&method, &target, range, content);
        let asked = self.asked.entry(format!("{method} {target}")).or_default();
        *asked += 1;
        // As if the store had ended just after what it can't do twice.
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

/// Runs the program with a store, whose bucket is named `bucket`.
fn run(workplace: &Workplace, address: &str, arguments: &str) -> Done {
    let mut command = workplace.command(arguments);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        command.env(name, "of-nobody");
    }
    command.env("AWS_ENDPOINT_URL", address).env("AWS_ALLOW_HTTP", "true");
    Done::of(command.env("AWS_REGION", "nowhere-1"))
}

#[test]
fn a_store_whose_answers_break_off_is_asked_again_and_has_the_same_bytes_in_the_end() {
    let workplace = Workplace::with_photos();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let store = Arc::new(Mutex::new(Store::default()));
    let served = store.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Who has heard enough may go.
            _ = served.lock().expect("no panics").serve(stream.expect("a connection"));
        }
    });
    // A piece of 9 MB, which goes in two parts.
    let settings = "--weights none --size 32 --until block1_pool --views 10";
    for out in ["s3://bucket/set", "set"] {
        run(&workplace, &address, &format!("features photos --out {out} {settings}"))
            .expect_success();
    }
    let checked =
        run(&workplace, &address, "features photos --check s3://bucket/set").expect_success();
    assert_eq!(checked.stdout, "Whole: 24 photographs, 0 skipped, in 1 piece(s)\n");

    let store = store.lock().expect("no panics");
    for (name, object) in &store.objects {
        let expected = fs::read(workplace.path(name)).expect("a file of that name");
        assert!(*object == expected, "`{name}` is another one");
    }
    assert_eq!(store.objects.len(), 2);
    let asked = |begin: &str, end: &str| {
        let asked =
            store.asked.iter().find(|(what, _)| what.starts_with(begin) && what.contains(end));
        *asked.expect("it was asked for").1
    };
    assert!(asked("GET /bucket?", "prefix=set") >= 2);
    assert_eq!(asked("POST ", "?uploads"), 2);
    assert_eq!(asked("POST ", "?uploadId=1"), 2);
    assert_eq!(asked("PUT ", "partNumber=2"), 1);
}
