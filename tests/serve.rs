//! `serve`: the program as seen by browsers and by other programs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::process::Command;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::harness::TestDir;

/// Running server, killed on drop.
struct Served {
    child: Child,
    /// Line that the server printed when it was ready.
    line: String,
    address: String,
}

impl Served {
    fn new(workplace: &TestDir, arguments: &str) -> Self {
        let mut command = workplace.command(&format!("serve run/best --port 0 {arguments}"));
        // Folder for temporary files, in which none may appear.
        command.env("TMPDIR", workplace.path("temporary"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split_once('/'));
        let address = address.map(|(address, _)| address.to_owned());
        Self { child, address: address.unwrap_or_else(|| panic!("no address in `{line}`")), line }
    }

    fn ask(&self, request: impl AsRef<[u8]>) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).expect("a server");
        stream.write_all(request.as_ref()).expect("a server that reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (header, body) = answer.split_once("\r\n\r\n").expect("a header");
        let status = header[9..12].parse().expect("a status");
        (status, serde_json::from_str(body).expect("JSON"))
    }

    fn post(&self, header: &str, body: &[u8]) -> (u16, Value) {
        let header = format!(
            "POST /predict HTTP/1.1\r\n{header}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.ask([header.as_bytes(), body].concat())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The server may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn trained() -> TestDir {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    std::fs::create_dir(workplace.path("temporary")).expect("a writable folder");
    workplace
}

#[test]
fn serve_matches_predict_bit_for_bit_and_writes_nothing() {
    let workplace = trained();
    // On the CPU's own engine, an image's features have the same bits in any batch.
    let predict = "predict run/best --json photos/validation --device cpu";
    let lines = workplace.run(predict).expect_success().stdout;
    let expected: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let files: Vec<&str> =
        expected.iter().map(|line| line["file"].as_str().expect("a file")).collect();
    let images: Vec<Vec<u8>> =
        files.iter().map(|file| std::fs::read(workplace.path(file)).expect("a file")).collect();

    let before = workplace.contents("");
    let served = Served::new(&workplace, "--device cpu");
    assert_eq!(
        served.line,
        format!("Serving run/best on http://{}/ (Ctrl-C stops)\n", served.address)
    );
    let mut form = vec![];
    for (file, image) in files.iter().zip(&images) {
        let header = format!(
            "--limit\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{file}\"\r\n\r\n"
        );
        form.extend([header.as_bytes(), image, b"\r\n"].concat());
    }
    form.extend(b"--limit--\r\n");
    let kind = "Host: localhost\r\nContent-Type: multipart/form-data; boundary=limit";
    let (status, together) = served.post(kind, &form);
    assert_eq!((status, files.len()), (200, 12));
    for (at, expected) in expected.iter().enumerate() {
        let (status, alone) = served.post("Host: localhost", &images[at]);
        assert_eq!(status, 200);
        for told in [&alone["predictions"][0], &together["predictions"][at]] {
            for part in ["class", "probabilities"] {
                assert_eq!(told[part], expected[part]);
            }
        }
        assert_eq!(together["predictions"][at]["name"], expected["file"]);
    }
    assert_eq!(served.post("Host: localhost", b"no image").0, 422);
    assert!(workplace.contents("") == before, "something was written");
}

#[test]
fn limits_and_host_names_are_set_by_flags() {
    let workplace = trained();
    let served = Served::new(
        &workplace,
        "--max-mb 1 --max-files 3 --max-megapixels 2 --max-memory-mb 16 --allow-host images.example",
    );
    let health = "GET /health HTTP/1.1\r\nConnection: close\r\nHost: ";
    let (status, told) = served.ask(format!("{health}images.example\r\n\r\n"));
    let memory = told["limits"]["memory"].as_u64().expect("a bound");
    assert!(memory < 300_000_000, "{memory} bytes");
    let expected = json!({
        "status": "ok",
        // Not `run/best`, because visitors must not learn a path.
        "model": "run",
        "classes": ["across", "along"],
        "threshold": 0.5,
        "limits": {"bytes": 1_000_000, "files": 3, "pixels": 2_000_000, "request_pixels": 8_000_000, "memory": memory},
    });
    assert_eq!((status, told), (200, expected));
    let (status, told) = served.ask(format!("{health}evil.example\r\n\r\n"));
    assert_eq!((status, told["hint"].is_string()), (421, true));
    let huge = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n";
    assert_eq!(served.ask(huge).0, 413);
}

#[test]
fn used_ports_and_invalid_arguments_are_refused() {
    let workplace = trained();
    let served = Served::new(&workplace, "");
    let port = served.address.rsplit(':').next().expect("a port");
    let before = workplace.contents("");
    for (arguments, part) in [
        (&*format!("run/best --port {port}"), &*format!("port {port} of 127.0.0.1 is in use")),
        ("run/best --port 0 --allow-host http://a.example", "invalid host name `http://a.example`"),
        ("run/best --port 0 --host 192.0.2.1", "can't listen on 192.0.2.1:0"),
        ("nowhere --port 0", "no model at `nowhere`"),
    ] {
        let done = workplace.run(&format!("serve {arguments}"));
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(done.stderr.contains(part) && done.stderr.contains("\nhint: "), "{}", done.stderr);
    }
    assert!(workplace.contents("") == before, "something was written");
}

#[cfg(unix)]
#[test]
fn signals_stop_the_server_and_public_addresses_warn() {
    let workplace = trained();
    for (signal, host) in [("-INT", "127.0.0.1"), ("-TERM", "0.0.0.0")] {
        let mut served = Served::new(&workplace, &format!("--host {host}"));
        let id = served.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("`kill`");
        assert!(sent.success());
        assert_eq!(served.child.wait().expect("a child").code(), Some(0), "{signal}");
        let mut said = String::new();
        let mut stderr = served.child.stderr.take().expect("its errors");
        stderr.read_to_string(&mut said).expect("text");
        let warned = said.contains("warning: anyone who can reach this computer");
        assert_eq!(warned, host == "0.0.0.0", "{said}");
    }
}

#[test]
fn infinite_output_is_an_error() {
    let workplace = trained();
    workplace.overflowing("run/best");
    let image = std::fs::read(workplace.path("photos/validation/along/0.png")).expect("a file");
    let served = Served::new(&workplace, "--device cpu");
    let (status, answer) = served.post("Host: localhost", &image);
    assert_eq!(status, 500, "{answer}");
    assert!(answer["error"].as_str().expect("text").contains("NaN or infinite"), "{answer}");
    assert_eq!(answer.get("predictions"), None, "{answer}");
}
